/** What a session is made with, and the checks of it. */
import type { Finding } from "../doctor/finding.ts";
import { formatFinding } from "../doctor/format.ts";
import { checkIds } from "../doctor/silence.ts";
import { InvalidArgumentError } from "../graph/errors.ts";
import type { Graph } from "../graph/graph.ts";
import type { ConvolutionOption } from "../ops/definition.ts";
import type { PlannerOptions } from "./plan/request.ts";

export interface SessionOptions {
  /** Default: the default graph. */
  graph?: Graph;
  /** The compiled kernels; default: the host's own loader. */
  kernels?: WebAssembly.Module | Promise<WebAssembly.Module>;
  /** Limit for variables, constants and the arena together. Default: 1 GiB; in workerd 64 MiB for all sessions of an isolate. */
  maxMemoryBytes?: number;
  /** Seed of random operations that have none, and whose graph has none. Default: drawn, see `session.seed`. */
  seed?: number;
  /** Gets each finding of the doctor, once a plan. Default: console.warn. */
  onWarning?: (finding: Finding) => void;
  /** Ids of the doctor's rules that warn nobody. `session.doctor` still lists what they find, marked as silenced. */
  silence?: readonly string[];
  /** False: no run is examined, and the doctor's rules are not loaded. Default true. */
  doctor?: boolean;
  /** How convolutions are computed. "auto", the default, by the fastest way for their shapes, some of them with Winograd's
   * transforms: a rounding error up to ten times as large, see docs/performance.md. "direct": all as plain sums. */
  convolution?: ConvolutionOption;
  /** For tests of the planner: results must not depend on these. */
  planner?: Partial<PlannerOptions> & { poison?: boolean };
}

/** @throws InvalidArgumentError for a value that makes no sense. */
export function checkSessionOptions({ seed, maxMemoryBytes, convolution, silence }: SessionOptions): void {
  if (seed !== undefined && !Number.isSafeInteger(seed))
    throw new InvalidArgumentError(`seed must be an integer, got ${seed}.`);
  if (maxMemoryBytes !== undefined && !(maxMemoryBytes > 0)) {
    throw new InvalidArgumentError(`maxMemoryBytes must be a positive number, got ${maxMemoryBytes}.`);
  }
  if (convolution !== undefined && !["auto", "direct"].includes(convolution)) {
    throw new InvalidArgumentError(`convolution must be "auto" or "direct", got ${JSON.stringify(convolution)}.`);
  }
  checkIds(silence ?? []);
}

export function drawSeed(): number {
  return crypto.getRandomValues(new Uint32Array(1))[0];
}

export function warnOnConsole(finding: Finding): void {
  // oxlint-disable-next-line no-console -- the one place where the library speaks by itself; `onWarning` redirects it
  console.warn(formatFinding(finding));
}
