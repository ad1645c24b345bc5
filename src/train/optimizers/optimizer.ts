/** What all optimizers share: gradients, slots, one update for each variable, the step counter
 * (tensorflow/python/training/optimizer.py, slot_creator.py). */
import { attr } from "../../graph/attr.ts";
import { GraphKeys } from "../../graph/collections.ts";
import { float32 } from "../../graph/dtype.ts";
import { InvalidArgumentError } from "../../graph/errors.ts";
import type { Graph } from "../../graph/graph.ts";
import type { Operation, Tensor } from "../../graph/operation.ts";
import { Variable } from "../../graph/variable.ts";
import { isResource } from "../../graph/variableOps.ts";
import { constant, convertToTensor, createOp } from "../../ops/build.ts";
import { group } from "../../ops/identity.ts";
import { zerosInitializer } from "../../ops/initializers.ts";
import type { ApplyDefinition } from "../../ops/optimizer.ts";
import { assignAddOp } from "../../ops/state.ts";
import { getVariable, variable, type Initializer } from "../../ops/variables.ts";
import { gradients, tuple } from "../gradients.ts";

/** A rate or the like: a number, a tensor (a schedule), a variable, or a function that gives one when the graph is built. */
export type Hyperparameter = number | Tensor | Variable | (() => number | Tensor | Variable);

/** A gradient, null where the loss does not depend on the variable, and its variable. */
export type GradientAndVariable = readonly [gradient: Tensor | null, variable: Variable];

export interface OptimizerOptions {
  /** Scope of the update operations, and the slots' name. Default: the optimizer's name in TensorFlow. */
  name?: string;
  /** Written into the graph; a session here runs its steps one after the other anyway. Default false. */
  useLocking?: boolean;
}

export interface ComputeGradientsOptions {
  /** Default GATE_OP. */
  gateGradients?: 0 | 1 | 2;
  /** The gradient arriving at the loss. Default: ones. */
  gradLoss?: Tensor | null;
}

export interface ApplyGradientsOptions {
  /** Raised by 1 after the updates. */
  globalStep?: Variable | null;
  /** Scope of the operations and name of the last one. Default: the optimizer's name. */
  name?: string | null;
}

export interface MinimizeOptions extends ComputeGradientsOptions, ApplyGradientsOptions {
  /** Default: all trainable variables. */
  varList?: readonly Variable[] | null;
  /** True: the step depends on the operations in UPDATE_OPS, such as those of batch normalization. Default false, as in
   * TensorFlow. */
  updateOps?: boolean;
}

/** Slot names taken so far in a graph, as TensorFlow's variable scopes count them. */
const slotNames = new WeakMap<Graph, Map<string, number>>();

export abstract class Optimizer {
  /** Gradients may be used as soon as each is computed. */
  static readonly GATE_NONE = 0;
  /** All gradients of an operation are computed before one of them is used. */
  static readonly GATE_OP = 1;
  /** All gradients are computed before one is used. */
  static readonly GATE_GRAPH = 2;

  readonly name: string;
  readonly #useLocking: boolean;
  /** Slot name → variable's operation → slot. */
  readonly #slots = new Map<string, Map<Operation, Variable>>();
  /** Name → graph → a variable that belongs to no other. */
  readonly #nonSlots = new Map<string, WeakMap<Graph, Variable>>();

  constructor(options: OptimizerOptions, defaultName: string) {
    this.name = options.name ?? defaultName;
    if (!this.name) throw new InvalidArgumentError("Must specify the optimizer name");
    this.#useLocking = options.useLocking ?? false;
  }

  // What a kind of optimizer defines

  /** Makes the slots, before the scope of the updates is opened. */
  protected createSlots(_variables: readonly Variable[]): void {}

  /** Makes tensors of the hyperparameters, in the scope of the updates. */
  protected abstract prepare(): void;

  /** The update of one variable. */
  protected abstract applyDense(gradient: Tensor, variable: Variable): Operation;

  /** What runs when all updates have. */
  protected finish(updates: readonly Operation[], name: string): Operation {
    return group(updates, name);
  }

  // What programs call

  /** The gradients of `loss` by the variables (default: all trainable ones).
   * @throws InvalidArgumentError where there are none */
  computeGradients(
    loss: Tensor,
    varList: readonly Variable[] | null = null,
    options: ComputeGradientsOptions = {},
  ): GradientAndVariable[] {
    const { graph } = loss;
    const variables = varList ?? graph.getCollection<Variable>(GraphKeys.TRAINABLE_VARIABLES);
    if (variables.length === 0) throw new InvalidArgumentError("No variables to optimize.");
    const gate = options.gateGradients ?? Optimizer.GATE_OP;
    const given = gradients(loss, variables, {
      gradYs: [options.gradLoss ?? null],
      gateGradients: gate === Optimizer.GATE_OP,
    });
    const gated = gate === Optimizer.GATE_GRAPH && given.some(Boolean) ? tuple(given) : given;
    return variables.map((item, i) => [gated[i], item]);
  }

  /** The operation that changes the variables by their gradients; slots are made where they are missing.
   * @throws InvalidArgumentError where no variable has a gradient */
  applyGradients(gradsAndVars: readonly GradientAndVariable[], options: ApplyGradientsOptions = {}): Operation {
    const present = gradsAndVars.filter((pair): pair is readonly [Tensor, Variable] => pair[0] !== null);
    if (present.length === 0) {
      const names = gradsAndVars.map(([, item]) => item.name).join(", ");
      throw new InvalidArgumentError(`No gradients provided for any variable: [${names}].`);
    }
    const [[, { graph }]] = present;
    return graph.asDefault(() => {
      graph.controlDependencies(null, () => this.createSlots(present.map(([, item]) => item)));
      const step = options.globalStep ?? null;
      const trainOp = graph.nameScope(options.name ?? this.name, (scope) => {
        this.prepare();
        const updates = present.map(([gradient, item]) =>
          graph.nameScope(`update_${item.op.name}`, () =>
            graph.colocateWith(item.op, () => this.applyDense(gradient, item)),
          ),
        );
        if (!step) return this.finish(updates, scope);
        return graph.controlDependencies([this.finish(updates, "update")], () =>
          graph.colocateWith(step.op, () => {
            const one = constant(step.dtype.name === "int64" ? 1n : 1, { dtype: step.dtype, name: "value" });
            return assignAddOp(step, one, scope);
          }),
        );
      });
      if (!graph.getCollection(GraphKeys.TRAIN_OP).includes(trainOp))
        graph.addToCollection(GraphKeys.TRAIN_OP, trainOp);
      return trainOp;
    });
  }

  /** computeGradients, then applyGradients.
   * @param loss a float32 tensor, usually a scalar
   * @returns the operation to run for one step
   * @throws InvalidArgumentError where there are no variables, or none that the loss depends on */
  minimize(loss: Tensor, options: MinimizeOptions = {}): Operation {
    const { graph } = loss;
    const build = (): Operation => {
      const pairs = this.computeGradients(loss, options.varList ?? null, options);
      if (pairs.every(([gradient]) => gradient === null)) {
        const names = pairs.map(([, item]) => item.name).join(", ");
        throw new InvalidArgumentError(
          `No gradients provided for any variable, check your graph for ops that do not support gradients, between variables [${names}] and loss '${loss.name}'.`,
        );
      }
      return this.applyGradients(pairs, options);
    };
    if (!options.updateOps) return build();
    const updates = graph.getCollection<Operation | Tensor>(GraphKeys.UPDATE_OPS);
    return graph.controlDependencies(updates, build);
  }

  /** The slot of a variable; undefined where it is not made. */
  getSlot(item: Variable, name: string): Variable | undefined {
    return this.#slots.get(name)?.get(item.op);
  }

  /** Names of the slots made so far. */
  getSlotNames(): string[] {
    return [...this.#slots.keys()].sort();
  }

  /** The variables of the optimizer's own, of all graphs it was used in. */
  variables(): Variable[] {
    return [...this.#slots.values()].flatMap((slots) => Array.from(slots.values()));
  }

  // For the kinds of optimizers

  /** The slot of a variable, made like the variable, with zeros if nothing else is said. */
  protected slot(item: Variable, name: string, initializer: Initializer = zerosInitializer()): Variable {
    let slots = this.#slots.get(name);
    if (!slots) this.#slots.set(name, (slots = new Map()));
    const known = slots.get(item.op);
    if (known) return known;
    const made = createSlot(item, this.name, initializer);
    slots.set(item.op, made);
    return made;
  }

  /** A variable beside the slots, one a graph. */
  protected nonSlot(initialValue: number, name: string, beside: Variable): Variable {
    const { graph } = beside;
    let made = this.#nonSlots.get(name);
    if (!made) this.#nonSlots.set(name, (made = new WeakMap()));
    const known = made.get(graph);
    if (known) return known;
    const created = graph.colocateWith(beside.op, () =>
      variable(initialValue, { dtype: float32, name, trainable: false, useResource: isResource(beside) }),
    );
    made.set(graph, created);
    return created;
  }

  /** A hyperparameter as a tensor; numbers become constants of that name. */
  protected hyperparameter(value: Hyperparameter, name: string): Tensor {
    return convertToTensor(typeof value === "function" ? value() : value, { dtype: float32, name });
  }

  /** An Apply operation: over a resource its Resource form. */
  protected update(
    definition: ApplyDefinition,
    inputs: readonly [Variable, ...(Tensor | Variable)[]],
    attrs: Readonly<Record<string, boolean>> = {},
  ): Operation {
    const [{ dtype }] = inputs;
    const form = isResource(inputs[0]) ? definition.resource : definition;
    const tensors = inputs.map((input) => (input instanceof Variable ? input.ref : input));
    const flags = Object.entries({ use_locking: this.#useLocking, ...attrs });
    const values = Object.fromEntries(flags.map(([name, flag]) => [name, attr.bool(flag)]));
    return createOp(form, tensors, { T: attr.type(dtype), ...values }, form.type);
  }
}

/** A variable `<primary>/<name>` of the primary's type and shape, beside it and not trainable. */
export function createSlot(primary: Variable, name: string, initializer: Initializer): Variable {
  const { graph } = primary;
  let names = slotNames.get(graph);
  if (!names) slotNames.set(graph, (names = new Map()));
  const wanted = `${primary.op.name}/${name}`;
  const key = `${graph.variableScope.name}/${wanted}`;
  const count = names.get(key) ?? 0;
  names.set(key, count + 1);
  return graph.colocateWith(primary.op, () =>
    getVariable(count ? `${wanted}_${count}` : wanted, primary.shape, {
      dtype: primary.dtype,
      initializer,
      trainable: false,
      useResource: isResource(primary),
    }),
  );
}
