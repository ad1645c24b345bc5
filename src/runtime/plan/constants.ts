/**
 * Values that are known before a run: Consts, small feeds, and what folds from them (shapes, axes, predicates). A feed whose
 * value was used joins the plan's key.
 */
import { bool } from "../../graph/dtype.ts";
import { InvalidArgumentError } from "../../graph/errors.ts";
import type { Operation, Tensor } from "../../graph/operation.ts";
import { isFullyDefined, type Shape } from "../../graph/shape.ts";
import type { TensorValue } from "../../graph/tensorValue.ts";
import { isVariable } from "../../graph/variableOps.ts";
import { viewed, type NodeView, type OpDefinition } from "../../ops/definition.ts";

/** Beyond this many elements a value is computed by kernels. */
export const foldLimit = 1024;

export interface ConstantsRequest {
  readonly definitionOf: (op: Operation) => OpDefinition;
  readonly isFed: (tensor: Tensor) => boolean;
  /** A feed's value, if it is small. */
  readonly fedValue: (tensor: Tensor) => TensorValue | undefined;
  /** True if the variable has a value when the run begins. */
  readonly isInitialized: (variable: Operation) => boolean;
}

export class PlanConstants {
  readonly #request: ConstantsRequest;
  readonly #known = new Map<Tensor, TensorValue | undefined>();
  /** Values that follow from no feed. */
  readonly #fixed = new Map<Tensor, TensorValue | undefined>();
  #withoutFeeds = false;
  #shapes: ReadonlyMap<Tensor, readonly number[]> = new Map();
  /** Feeds that values were derived from. */
  readonly decidingFeeds = new Set<Tensor>();
  /** Variables of which it was asked whether they have a value. */
  readonly decidingVariables = new Set<Operation>();

  constructor(request: ConstantsRequest) {
    this.#request = request;
  }

  /** Lets shapes be used from now on; values that were unknown without them are tried again. */
  useShapes(shapes: ReadonlyMap<Tensor, readonly number[]>): void {
    this.#shapes = shapes;
    for (const values of [this.#known, this.#fixed])
      for (const [tensor, value] of values) if (value === undefined) values.delete(tensor);
  }

  /** The value of a tensor that a shape, a branch or a kernel's attribute depends on. */
  valueOf(tensor: Tensor): TensorValue | undefined {
    if (this.#withoutFeeds) return this.#lookUp(tensor, this.#fixed);
    return this.#lookUp(tensor, this.#known);
  }

  /** The value if it is known already, or without looking at feeds: what only saves a kernel call must not tie the plan to
   * the labels of one batch. */
  spareValueOf(tensor: Tensor): TensorValue | undefined {
    const known = this.#known.get(tensor);
    if (known || this.#withoutFeeds) return known ?? this.valueOf(tensor);
    this.#withoutFeeds = true;
    try {
      return this.#lookUp(tensor, this.#fixed);
    } finally {
      this.#withoutFeeds = false;
    }
  }

  #lookUp(tensor: Tensor, known: Map<Tensor, TensorValue | undefined>): TensorValue | undefined {
    if (known.has(tensor)) return known.get(tensor);
    // A cycle (a while loop's) has no value: it is found unknown while it is being looked at.
    known.set(tensor, undefined);
    const value = this.#evaluate(tensor);
    known.set(tensor, value);
    return value;
  }

  #evaluate(tensor: Tensor): TensorValue | undefined {
    const { isFed, fedValue, definitionOf } = this.#request;
    if (isFed(tensor)) {
      const value = this.#withoutFeeds ? undefined : fedValue(tensor);
      if (value) this.decidingFeeds.add(tensor);
      return value;
    }
    const { op } = tensor;
    if (op.type === "Const") return op.tensor("value");
    const definition = definitionOf(op);
    if (definition.fold) return definition.fold(this.view(op))?.[tensor.index];
    if (definition.plan.kind === "initialized") return this.#hasValue(op);
    if (definition.plan.kind !== "view" || (tensor.index > 0 && definition.plan.of !== "each")) return undefined;
    const value = this.valueOf(inputOf(op, viewed(definition.plan, tensor.index)));
    const shape = value ? definition.shape(this.view(op))[tensor.index] : null;
    return value && isFullyDefined(shape) ? { ...value, shape } : value;
  }

  #hasValue(op: Operation): TensorValue {
    let variable = inputOf(op, 0).op;
    while (!isVariable(variable)) variable = inputOf(variable, 0).op;
    this.decidingVariables.add(variable);
    return { dtype: bool, shape: [], data: Uint8Array.of(Number(this.#request.isInitialized(variable))) };
  }

  /** The node as shape rules and folds see it in this plan. */
  view(op: Operation): NodeView {
    return {
      op,
      inputCount: op.inputs.length,
      inputShape: (i): Shape => this.#shapes.get(op.inputs[i]) ?? inputOf(op, i).shape,
      inputDtype: (i) => inputOf(op, i).dtype,
      constant: (i) => this.valueOf(inputOf(op, i)),
    };
  }
}

/** An imported node may lack what its type needs, where no shape rule has asked for it. */
function inputOf(op: Operation, i: number): Tensor {
  const input = op.inputs[i] as Tensor | undefined;
  if (!input) throw new InvalidArgumentError(`Node '${op.name}' (op: '${op.type}') lacks its input ${i}.`);
  return input;
}
