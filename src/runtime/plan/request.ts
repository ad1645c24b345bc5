/** What a session gives a compilation. */
import type { Operation, Tensor } from "../../graph/operation.ts";
import type { ConvolutionOption, KernelExports, OpDefinition } from "../../ops/definition.ts";
import type { Heap } from "../heap.ts";
import type { Watched } from "./finiteChecks.ts";
import type { Reach } from "./reach.ts";

/** Choices that tests make to prove the planner: the results must not depend on them. */
export interface PlannerOptions {
  readonly reuse: boolean;
  readonly inPlace: boolean;
}

export interface CompileRequest {
  readonly reach: Reach;
  readonly fetches: readonly (Tensor | Operation)[];
  readonly fedShapes: ReadonlyMap<Tensor, readonly number[]>;
  readonly definitionOf: (op: Operation) => OpDefinition;
  readonly heap: Heap;
  readonly kernels: KernelExports;
  readonly maxMemoryBytes: number;
  /** Bytes that are in use besides the arena: variables and the constants of all plans. */
  readonly persistentBytes: () => number;
  /** Address of a variable, made where it does not exist yet. */
  readonly variableAddress: (op: Operation) => number;
  readonly generatorAddress: (op: Operation) => number;
  /** Batch-norm updates and their decay tensors, for counting. */
  readonly counted: readonly { readonly update: Operation; readonly decay: Tensor }[];
  /** Tensors that must be finite for the run not to be refused. */
  readonly watched?: Watched;
  readonly convolution: ConvolutionOption;
  readonly options: PlannerOptions;
}
