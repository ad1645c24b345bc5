/** Checks for NaN and infinities that are no operations of the graph: whoever asks for a run says which tensors it watches. */
import { InvalidArgumentError } from "../../graph/errors.ts";
import type { Operation, Tensor } from "../../graph/operation.ts";
import { isVariable } from "../../graph/variableOps.ts";
import type { OpDefinition } from "../../ops/definition.ts";
import type { Reach } from "./reach.ts";

/** The tensors that must be finite, or all that a run computes. */
export type Watched = "all" | readonly Tensor[];

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

export interface WatchRequest {
  readonly watched: Watched | undefined;
  readonly reach: Reach;
  readonly definitionOf: (op: Operation) => OpDefinition;
  readonly isNeeded: (tensor: Tensor) => boolean;
}

/** Which float32 tensors to look at behind a node that ends with `last`: outputs that are used, and variables it updates. */
export function watchedBehind(last: Operation, { watched, reach, definitionOf, isNeeded }: WatchRequest): Tensor[] {
  if (watched === undefined) return [];
  if (watched !== "all") {
    const roots = new Set(watched.map((tensor) => reach.rootOf(tensor)));
    return last.outputs.filter((output) => roots.has(output));
  }
  const updated = (definitionOf(last).updates ?? []).map(({ ref }) => reach.rootOf(last.inputs[ref]));
  return [
    ...last.outputs.filter((output) => isNeeded(output) && isFloat(output)),
    ...updated.filter((root) => isVariable(root.op) && isFloat(root)),
  ];
}

export function isFloat(tensor: Tensor): boolean {
  return tensor.dtype.base.name === "float32";
}
