/**
 * The contract that every host implements: sessions created from a graph, run, looked at, saved. In-process it is plain
 * calls, in a worker Comlink carries it, at the edge HTTP does (the routes: http/app.ts). Names, not objects,
 * identify tensors and operations, so that nothing of a graph has to travel.
 */
import type { DTypeName, FeedValue, Finding, TypedArray } from "../src/index.ts";

/** A tensor's value. bool is a Uint8Array of 0 and 1, int64 a BigInt64Array. */
export interface TensorData {
  readonly dtype: DTypeName;
  readonly shape: readonly number[];
  readonly data: TypedArray;
}

/** What a session is made from: a MetaGraphDef (bytes of a .meta file, or its proto3 JSON), or a built-in example. */
export type GraphSource = { readonly metaGraph: Uint8Array | string | object } | { readonly example: ExampleName };

/** "tutorial": train_op depends on the update ops. "tutorial-forgotten": it does not. */
export type ExampleName = "tutorial" | "tutorial-forgotten";

export interface CreateOptions {
  /** Seed of random operations that have none. Default: drawn, and told by `info`. */
  readonly seed?: number;
  /** Default: the host's. */
  readonly maxMemoryBytes?: number;
}

export interface VariableInfo {
  readonly name: string;
  readonly dtype: DTypeName;
  readonly shape: readonly (number | null)[] | null;
  readonly initialized: boolean;
}

export interface SessionInfo {
  readonly id: string;
  /** Operations in the graph. */
  readonly nodes: number;
  readonly seed: number;
  /** Runs so far, repetitions counted. */
  readonly steps: number;
  readonly variables: readonly VariableInfo[];
  /** Bytes of variables, plan constants and arena. */
  readonly memoryBytes: number;
}

export interface RunRequest {
  /** Names of tensors (`net:0`) or operations (`train_op`). */
  readonly fetches: readonly string[];
  /** Values by tensor name. */
  readonly feeds?: { readonly [tensor: string]: FeedValue };
  /** Runs the step so many times with the same feeds. Default 1. */
  readonly repeat?: number;
  /** Tensors whose value after every run is returned, stacked along a new first axis. */
  readonly collect?: readonly string[];
}

export interface RunResult {
  /** Values after the last run, by name; null for an operation. */
  readonly fetches: { readonly [name: string]: TensorData | null };
  readonly series: { readonly [name: string]: TensorData };
  /** What the doctor says of a kind of run that this session has not done before, or not since it was last loaded. */
  readonly warnings: readonly Finding[];
}

/** A batch-norm layer's state: see LayerStatistics. */
export interface MovingStatistics {
  readonly layer: string;
  readonly mean: TensorData;
  readonly variance: TensorData;
  readonly momentum: number | null;
  readonly updates: number | null;
  readonly residual: number | null;
}

export interface DoctorRequest {
  readonly fetches: readonly string[];
  readonly feeds?: { readonly [tensor: string]: FeedValue };
}

/** How long a call may take. */
export interface CallOptions {
  /**
   * Ends the call with AbortedError. A run ends between two of its repetitions: what the steps before it changed stays, and
   * the error says at which step the session stands.
   */
  readonly signal?: AbortSignal;
  /** Ends the call likewise, with DeadlineExceededError. Default: the connection's. */
  readonly timeoutMs?: number;
}

/** One session. Calls are executed in the order in which they are made. Errors have TensorFlow's classes. */
export interface SessionApi {
  info(options?: CallOptions): Promise<SessionInfo>;
  run(request: RunRequest, options?: CallOptions): Promise<RunResult>;
  movingStatistics(options?: CallOptions): Promise<readonly MovingStatistics[]>;
  /** A safetensors file from which `restore`, in any host, goes on with the same bits. */
  checkpoint(options?: CallOptions): Promise<Uint8Array>;
  restore(checkpoint: Uint8Array, options?: CallOptions): Promise<void>;
  doctor(request: DoctorRequest, options?: CallOptions): Promise<readonly Finding[]>;
  /** Frees the session; where it is stored, its storage too. Other calls then fail with NotFoundError. */
  close(options?: CallOptions): Promise<void>;
}

export interface Trainlet {
  create(source: GraphSource, options?: CreateOptions & CallOptions): Promise<SessionApi>;
  /** A session that exists, by the id that `info` gives. */
  open(id: string, options?: CallOptions): Promise<SessionApi>;
  /** Lets go of the connection; calls still under way fail with AbortedError. A worker that was started for it ends. */
  disconnect(): Promise<void>;
}
