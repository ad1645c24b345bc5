/**
 * `cond` as TensorFlow 1 builds it: Switch and Merge, a pivot per branch, and a context that reroutes every value from
 * outside through a Switch (tensorflow/python/ops/control_flow_ops.py, CondContext).
 */
import { attr } from "../graph/attr.ts";
import { GraphKeys } from "../graph/collections.ts";
import { bool, int32, unknownType, type DType } from "../graph/dtype.ts";
import { predicateOfMerge } from "../graph/branches.ts";
import { InvalidArgumentError } from "../graph/errors.ts";
import type { ControlFlowContext } from "../graph/graph.ts";
import { Operation, type Tensor } from "../graph/operation.ts";
import type { Shape } from "../graph/shape.ts";
import { convertToTensor, constantValue, createOp, opScope, type TensorLike } from "./build.ts";
import type { NodeView, OpDefinition } from "./definition.ts";
import { identity } from "./identity.ts";
import { elementAt } from "../graph/tensorValue.ts";

function switching(type: string, ref: boolean): OpDefinition {
  const dtype = (given: DType): DType => (ref ? given.ref : given.base);
  return {
    type,
    inputs: ref ? "&T bool" : "T bool",
    outputs: (node) => [dtype(node.inputDtype(0)), dtype(node.inputDtype(0))],
    shape(node) {
      checkPredicate(node.inputShape(1));
      return [node.inputShape(0), node.inputShape(0)];
    },
    plan: { kind: "switch" },
    gradient: switchGradient,
  };
}

function merging(type: string, ref: boolean): OpDefinition {
  return {
    type,
    inputs: ref ? "&T*" : "T*",
    outputs(node) {
      const dtype = mergedType(node);
      return [ref ? dtype.ref : dtype, int32];
    },
    shape(node) {
      let shape: Shape = node.inputShape(0);
      for (let i = 1; i < node.inputCount; i++) shape = commonShape(shape, node.inputShape(i));
      return [shape, []];
    },
    plan: { kind: "merge" },
    gradient: mergeGradient,
  };
}

export const Switch: OpDefinition = switching("Switch", false);
export const RefSwitch: OpDefinition = switching("RefSwitch", true);
export const Merge: OpDefinition = merging("Merge", false);
export const RefMerge: OpDefinition = merging("RefMerge", true);

/** The gradient comes from whichever branch ran: a Merge of both (tensorflow/python/ops/control_flow_grad.py). */
function switchGradient(_op: Operation, [onFalse, onTrue]: readonly Tensor[]): (Tensor | null)[] {
  return [merge([onFalse, onTrue], "cond_grad"), null];
}

/** The gradient goes to the branch that gave the value: a Switch by the predicate of that branch. */
function mergeGradient(op: Operation, [dy]: readonly Tensor[]): Tensor[] {
  const predicate = predicateOfMerge(op);
  if (!predicate)
    throw new InvalidArgumentError(
      `No gradient through '${op.name}' (op: '${op.type}'): it is not the result of a cond.`,
    );
  return dy.graph.colocateWith(dy.op, () => switchOp(dy, predicate, "cond_grad"), { ignoreExisting: true });
}

/** The type of the inputs. One that comes from an operation that is not supported may have none: then another tells. */
function mergedType(node: NodeView): DType {
  const types = Array.from({ length: node.inputCount }, (_, i) => node.inputDtype(i).base);
  return types.find((dtype) => dtype !== unknownType) ?? unknownType;
}

function checkPredicate(shape: Shape): void {
  if (shape !== null && shape.length !== 0)
    throw new InvalidArgumentError(`The predicate must be a scalar, but has rank ${shape.length}`);
}

/** What is common to the shapes of two branches: they need not agree. */
function commonShape(a: Shape, b: Shape): Shape {
  if (a === null || b === null || a.length !== b.length) return null;
  return a.map((size, i) => (size === b[i] ? size : null));
}

/** `[false, true]`: `data` on the output that the predicate chooses. */
export function switchOp(data: Tensor, predicate: Tensor, name = "Switch"): [Tensor, Tensor] {
  const op = createOp(data.dtype.isRef ? RefSwitch : Switch, [data, predicate], { T: attr.type(data.dtype) }, name);
  return [op.outputs[0], op.outputs[1]];
}

/** Whichever input is alive. */
export function merge(inputs: readonly Tensor[], name = "Merge"): Tensor {
  const definition = inputs.every((input) => input.dtype.isRef) ? RefMerge : Merge;
  return createOp(definition, inputs, { T: attr.type(inputs[0].dtype), N: attr.int(inputs.length) }, name).outputs[0];
}

/** One branch of a `cond`. Its fields are those of TensorFlow's CondContextDef. */
export class CondContext implements ControlFlowContext {
  readonly name: string;
  readonly predicate: Tensor;
  readonly pivot: Tensor;
  readonly branch: 0 | 1;
  /** Names of all tensors seen inside, and which tensor inside stands for one from outside. */
  readonly values = new Set<string>();
  readonly externalValues = new Map<string, Tensor>();
  readonly #outer: CondContext | null;

  constructor(predicate: Tensor, pivot: Tensor, branch: 0 | 1) {
    const graph = predicate.graph;
    this.name = graph.uniqueName("cond_text");
    this.predicate = predicate;
    this.pivot = pivot;
    this.branch = branch;
    this.#outer = graph.controlFlow as CondContext | null;
    this.values.add(predicate.name);
    this.externalValues.set(predicate.name, predicate);
    this.values.add(pivot.name);
  }

  addOperation(op: Operation): void {
    if (op.inputs.length === 0) {
      const inside = op.controlInputs.some((input) => input.outputs.some((output) => this.values.has(output.name)));
      if (!inside) op.addControlInput(this.pivot.op);
    } else {
      op.inputs.forEach((input, i) => {
        const inner = this.addValue(input);
        if (inner !== input) op.updateInput(i, inner);
      });
    }
    for (const output of op.outputs) this.values.add(output.name);
    // An enclosing context must know its values too, so that they are not switched again.
    for (let outer = this.#outer; outer; outer = outer.#outer)
      for (const output of op.outputs) outer.values.add(output.name);
  }

  /** The tensor inside this branch that stands for `value`. */
  addValue(value: Tensor): Tensor {
    if (this.values.has(value.name)) return this.externalValues.get(value.name) ?? value;
    this.values.add(value.name);
    const outer = this.#outer ? this.#outer.addValue(value) : value;
    const graph = value.graph;
    const inner = graph.controlDependencies(null, () =>
      graph.controlFlowScope(this.#outer, () =>
        graph.colocateWith(outer.op, () => switchOp(outer, this.predicate)[this.branch], { ignoreExisting: true }),
      ),
    );
    this.values.add(inner.name);
    this.externalValues.set(value.name, inner);
    return inner;
  }

  /** Runs `body` inside this branch; what it returns is made available to the Merge. */
  build(body: () => readonly (TensorLike | Operation)[]): Tensor[] {
    const graph = this.predicate.graph;
    return graph.controlFlowScope(this, () =>
      body().map((result) =>
        result instanceof Operation
          ? graph.controlDependencies([result], () => identity(this.pivot, "control_dependency"))
          : this.addValue(convertToTensor(result)),
      ),
    );
  }
}

/** Runs `onTrue` or `onFalse`, chosen by `predicate` in each run. Operations made inside a branch run only if it is
 * taken; what they use from outside is computed in any case. Both must give the same dtype. */
export function cond(
  predicate: TensorLike,
  onTrue: () => TensorLike | Operation,
  onFalse: () => TensorLike | Operation,
  name = "cond",
): Tensor {
  return condMany(
    predicate,
    () => [onTrue()],
    () => [onFalse()],
    name,
  )[0];
}

/** `cond` for branches that give several values each, as many in both. */
export function condMany(
  predicate: TensorLike,
  onTrue: () => readonly (TensorLike | Operation)[],
  onFalse: () => readonly (TensorLike | Operation)[],
  name = "cond",
): Tensor[] {
  if (typeof predicate === "boolean")
    throw new InvalidArgumentError("The predicate of cond must be a tensor, not a plain boolean.");
  return opScope(name, [predicate], () => {
    const given = convertToTensor(predicate, { dtype: bool });
    const [onlyFalse, onlyTrue] = switchOp(given, given);
    const pivotTrue = identity(onlyTrue, "switch_t");
    const pivotFalse = identity(onlyFalse, "switch_f");
    const id = identity(given, "pred_id");
    const trueContext = new CondContext(id, pivotTrue, 1);
    const trueResults = trueContext.build(onTrue);
    const falseContext = new CondContext(id, pivotFalse, 0);
    const falseResults = falseContext.build(onFalse);
    if (trueResults.length !== falseResults.length) {
      throw new InvalidArgumentError(
        `The branches of cond must give equally many values: ${trueResults.length}, ${falseResults.length}.`,
      );
    }
    const results = falseResults.map((value, i) => {
      if (value.dtype.base !== trueResults[i].dtype.base) {
        throw new InvalidArgumentError(
          `Outputs of the branches of cond must have the same type: ${trueResults[i].dtype.base}, ${value.dtype.base}.`,
        );
      }
      return merge([value, trueResults[i]]);
    });
    given.graph.addToCollection(GraphKeys.COND_CONTEXT, trueContext);
    given.graph.addToCollection(GraphKeys.COND_CONTEXT, falseContext);
    return results;
  });
}

/** A predicate that is known when the graph is built; undefined if only a run can tell. */
export function constantPredicate(predicate: boolean | Tensor): boolean | undefined {
  if (typeof predicate === "boolean") return predicate;
  const value = constantValue(predicate);
  return value ? elementAt(value, 0) !== 0 : undefined;
}

/** `cond`, or just the branch where the predicate is known already (tf_utils.smart_cond). */
export function smartCond<T extends TensorLike>(
  predicate: boolean | Tensor,
  onTrue: () => T,
  onFalse: () => T,
): T | Tensor {
  const known = constantPredicate(predicate);
  if (known !== undefined) return known ? onTrue() : onFalse();
  return cond(predicate, onTrue, onFalse);
}
