/** Checks for NaN and infinities that are no operations of the graph: whoever asks for a run says which tensors it watches. A plan
 * knows a `Watched` by its interface alone, so that programs which watch nothing do not carry it. */
import { InvalidArgumentError } from "../../graph/errors.ts";
import type { Operation, Tensor } from "../../graph/operation.ts";
import { isVariable } from "../../graph/variableOps.ts";
import type { OpDefinition } from "../../ops/definition.ts";
import type { Reach } from "./reach.ts";

/** What a plan knows of itself when it asks what to look at. */
export interface WatchContext {
  readonly reach: Reach;
  readonly definitionOf: (op: Operation) => OpDefinition;
  readonly isNeeded: (tensor: Tensor) => boolean;
}

/** Which float32 tensors must be finite for a run not to be refused. */
export interface Watched {
  /** Tells it from others, in the plan's key. */
  readonly key: string;
  /** True if the tensor needs a value of its own, as if it were fetched. */
  includes(tensor: Tensor): boolean;
  /** Those that are fed. */
  fed(tensors: readonly Tensor[]): readonly Tensor[];
  /** Those behind the operation `op`. */
  behind(op: Operation, context: WatchContext): readonly Tensor[];
  /** What is thrown where the kernel `checkFinite` gives a code other than 0. */
  error(tensor: Tensor, code: number, fed: boolean): Error;
}

/** These tensors. */
export function watchTensors(tensors: readonly Tensor[]): Watched {
  return {
    key: tensors.map(({ op, index }) => `${op.id}:${index}`).join(),
    includes: (tensor) => tensors.includes(tensor),
    fed: () => [],
    behind(op, { reach }) {
      const roots = new Set(tensors.map((tensor) => reach.rootOf(tensor)));
      return op.outputs.filter((output) => roots.has(output) && isFloat(output));
    },
    error,
  };
}

/** All that a run is fed or computes, and the variables that it updates. */
export const watchAll: Watched = {
  key: "all",
  includes: () => false,
  fed: (tensors) => tensors.filter(isFloat),
  behind(op, { reach, definitionOf, isNeeded }) {
    const updated = (definitionOf(op).updates ?? []).map(({ ref }) => reach.rootOf(op.inputs[ref]));
    return [
      ...op.outputs.filter((output) => isNeeded(output) && isFloat(output)),
      ...updated.filter((root) => isVariable(root.op) && isFloat(root)),
    ];
  },
  error,
};

function error(tensor: Tensor, code: number, fed: boolean): NotFiniteError {
  return new NotFiniteError(tensor, code, fed);
}

function isFloat(tensor: Tensor): boolean {
  return tensor.dtype.base.name === "float32";
}

/** What the codes of the kernel `checkFinite` mean. */
const found = ["", "NaN", "Inf", "Inf and NaN"] as const;

/** A watched tensor held a NaN or an infinity: the run was refused, variables kept their values. */
export class NotFiniteError extends InvalidArgumentError {
  readonly tensor: Tensor;
  /** "NaN", "Inf" or "Inf and NaN". */
  readonly values: string;
  /** What held it came from outside. */
  readonly fed: boolean;

  constructor(tensor: Tensor, code: number, fed: boolean) {
    super(
      `Tensor had ${found[code]} values: '${tensor.name}' of '${tensor.op.name}' (op: '${tensor.op.type}'). Variables keep their values.`,
    );
    this.tensor = tensor;
    this.fed = fed;
    this.values = found[code];
  }
}
