/** What the page and its worker say to each other: tagged messages, typed arrays transferred. */
import type { Finding } from "../../src/index.ts";
import type { LaidOut, NodeSizes } from "../graph/layout.ts";
import type { ReducedGraph } from "../graph/reduce.ts";

export type HostName = "worker" | "edge";
export type Pace = "watch" | "full";
export type RunName = "with" | "without";
/** One value for each of the two runs. */
export type Pair<T> = { readonly [Run in RunName]: T };

export const runNames: readonly RunName[] = ["with", "without"];

export interface RunSettings {
  readonly host: HostName;
  readonly steps: number;
  readonly pace: Pace;
}

export type PageMessage =
  | { readonly type: "start"; readonly settings: RunSettings; readonly token: string | null }
  | { readonly type: "continue"; readonly pace: Pace }
  | { readonly type: "stop" }
  /** Ends the wait for the edge. */
  | { readonly type: "retry" }
  /** Drops the run and its sessions. */
  | { readonly type: "abandon" }
  /** The picture of all nodes, with the last node of the path taken apart. */
  | { readonly type: "open"; readonly path: readonly string[] }
  | {
      readonly type: "layout";
      readonly path: readonly string[] | null;
      readonly sizes: { readonly [density: string]: NodeSizes };
    }
  | { readonly type: "map"; readonly step: number; readonly channel: number }
  | { readonly type: "ping" };

export type WorkerMessage =
  | { readonly type: "graph"; readonly graphs: Pair<ReducedGraph> }
  | { readonly type: "opened"; readonly path: readonly string[]; readonly graphs: Pair<ReducedGraph> }
  | { readonly type: "laid-out"; readonly layouts: { readonly [density: string]: LaidOut } }
  | { readonly type: "compiling"; readonly what: "kernels" | "plan" }
  | ({ readonly type: "planned" } & Planned)
  | ({ readonly type: "batch" } & Batch)
  | { readonly type: "snapshot"; readonly step: number; readonly facts: Pair<ResultFacts> }
  | ({ readonly type: "map" } & MapSlice)
  /** Without facts where the host no longer tells them. */
  | { readonly type: "stopped" | "finished"; readonly step: number; readonly facts: RunFacts | null }
  | { readonly type: "waiting"; readonly attempt: number; readonly retryInMs: number }
  | { readonly type: "resumed"; readonly redone: boolean }
  | { readonly type: "failed"; readonly failure: FailureReport }
  | { readonly type: "pong" };

/** Known before the first step. */
export interface Planned {
  readonly channels: number;
  readonly momentum: number | null;
  readonly findings: Pair<readonly Finding[]>;
}

/** Values after `count` steps in a row, the last of which is step `from + count - 1`; [count, channels] each. */
export interface Batch {
  readonly from: number;
  readonly count: number;
  readonly mean: Pair<Float32Array>;
  readonly variance: Pair<Float32Array>;
  /** The batch's own statistics, with the values before step 1. */
  readonly batchStatistics?: { readonly mean: Float32Array; readonly variance: Float32Array };
}

/** Over all values of `net` in inference. */
export interface ResultFacts {
  readonly std: number;
  readonly mean: number;
  /** Share of values beyond ±3. */
  readonly beyond: number;
}

/** One channel of `net` in inference, [size, size]. */
export interface MapSlice {
  readonly step: number;
  readonly channel: number;
  readonly size: number;
  readonly values: Pair<Float32Array>;
}

export interface RunFacts {
  /** Time inside training steps of both runs; at the edge with the way there. */
  readonly computingMs: number;
  /** From the first step to the last, pauses left out. */
  readonly shownMs: number;
  /** Kernels fetched and compiled, graphs planned, variables initialised. */
  readonly preparingMs: number;
  readonly memoryBytes: number;
  /** The same figure after step 1. */
  readonly memoryBytesAtFirst: number;
  readonly momentum: number | null;
  readonly updates: Pair<number | null>;
  readonly residual: Pair<number | null>;
  /** 64 bits of SHA-256 over net, mean and variance of both runs; null where the browser has no SHA-256. */
  readonly bits: string | null;
}

export type FailureKind = "simd" | "died" | "unreachable" | "lost" | "refused" | "limit" | "memory" | "error";

export interface FailureReport {
  readonly kind: FailureKind;
  readonly message: string;
}
