/**
 * The contract that every host implements: sessions created from a graph, run, looked at, saved. In-process it is plain
 * calls, in a worker Comlink carries it, at the edge HTTP does (the routes: http/app.ts). Names, not objects,
 * identify tensors and operations, so that nothing of a graph has to travel.
 */
import type { Augmentation } from "../src/runtime/augmenter.ts";
import type {
  DTypeName,
  FeedValue,
  Finding,
  Severity,
  FitResult,
  FitState,
  Progress,
  TensorFlowCheckpoint,
  TypedArray,
} from "../src/index.ts";

/** A tensor's value. bool is a Uint8Array of 0 and 1, int64 a BigInt64Array. */
export interface TensorData {
  readonly dtype: DTypeName;
  readonly shape: readonly number[];
  readonly data: TypedArray;
}

/** What a session is made from: a MetaGraphDef (bytes of a .meta file, or its proto3 JSON), or a built-in example. */
export type GraphSource = { readonly metaGraph: Uint8Array | string | object } | { readonly example: ExampleName };

/** In those called forgotten, train_op does not depend on the update ops. */
export type ExampleName = "tutorial" | "tutorial-forgotten" | "mnist" | "mnist-forgotten";

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
  /** Leaves out what is less severe. Default "warning": suggestions (info). */
  readonly severity?: Severity;
}

/** Rows of one tensor, stored next to the kernels under a name. */
export interface ColumnInfo {
  readonly name: string;
  readonly dtype: DTypeName;
  /** Of a row. */
  readonly shape: readonly number[];
  readonly rows: number;
}

/** What is fed besides columns. */
interface FitFeeds {
  /** Feeds that stay the same in every step. */
  readonly constants?: { readonly [tensor: string]: FeedValue };
  /** What happens to pictures on their way into a batch; in validation they are only cut, and from their middle. */
  readonly augment?: { readonly [tensor: string]: Augmentation };
}

/** What `tf.fit` takes (src/fit/options.ts has the defaults), with names in place of tensors and of data. */
export interface FitRequest extends FitFeeds {
  /** Names of columns that `putData` stored, by tensor. */
  readonly feeds: { readonly [tensor: string]: string };
  /** The training operation. */
  readonly train: string;
  /** Scalars by name, told after every step. The one called `loss` must be finite. */
  readonly fetches?: { readonly [key: string]: string };
  readonly batchSize: number;
  /** Where the fit ends, counted from its beginning: one of both. */
  readonly epochs?: number;
  readonly steps?: number;
  readonly seed?: number;
  readonly lastBatch?: "keep" | "drop";
  readonly checkNumerics?: boolean;
  readonly validation?: FitFeeds & {
    readonly feeds: { readonly [tensor: string]: string };
    readonly fetches: { readonly [key: string]: string };
    readonly batchSize?: number;
    readonly every?: "epoch" | number;
  };
  readonly earlyStopping?: {
    readonly monitor: string;
    readonly patience: number;
    readonly mode?: "min" | "max";
    readonly minDelta?: number;
  };
  /** Goes on where another fit stood, whose variables the session has: see FitInfo. */
  readonly resume?: FitState;
}

/** The fit of a session, and where it stands. */
export interface FitInfo {
  readonly request: FitRequest;
  readonly step: number;
  /** Steps that it will have made when it ends. */
  readonly steps: number;
  /** Why it is over; null while it is not. */
  readonly ended: FitResult["reason"] | null;
  /** With a checkpoint of the same moment, all that another session needs to go on with the same bits. */
  readonly state: FitState;
}

export interface FitSteps extends Omit<FitInfo, "request" | "state"> {
  /** One for each step made. */
  readonly progress: readonly Progress[];
  readonly warnings: readonly Finding[];
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

export interface FitCallOptions extends CallOptions {
  /** Gets what the iterator gives. */
  readonly onProgress?: (progress: Progress) => void | Promise<void>;
  /** Gets what the doctor finds. */
  readonly onWarning?: (finding: Finding) => void;
}

export interface SessionFitResult {
  readonly reason: FitResult["reason"];
  readonly step: number;
  readonly steps: number;
  /** Of the last step that this call made; null where it made none. */
  readonly progress: Progress | null;
  /** The last one; null where there was none. */
  readonly validation: { readonly [key: string]: number } | null;
}

export interface SessionFit extends PromiseLike<SessionFitResult>, AsyncIterable<Progress> {}

/** One session. Calls are executed in the order in which they are made. Errors have TensorFlow's classes. */
export interface SessionApi {
  info(options?: CallOptions): Promise<SessionInfo>;
  run(request: RunRequest, options?: CallOptions): Promise<RunResult>;
  movingStatistics(options?: CallOptions): Promise<readonly MovingStatistics[]>;
  /** A safetensors file from which `restore`, in any host, goes on with the same bits. */
  checkpoint(options?: CallOptions): Promise<Uint8Array>;
  /** Takes TensorFlow's own checkpoints too, as the bytes of their files: wait for it then before the next call. */
  restore(checkpoint: Uint8Array | TensorFlowCheckpoint, options?: CallOptions): Promise<void>;
  doctor(request: DoctorRequest, options?: CallOptions): Promise<readonly Finding[]>;
  /** The training data that `putData` stored. */
  listData(options?: CallOptions): Promise<readonly ColumnInfo[]>;
  /** Stores rows next to the kernels, under a name: the first dimension counts them. Rows from `row` on; at 0, the default,
   * the data are made anew. */
  putData(name: string, rows: TensorData, options?: CallOptions & { readonly row?: number }): Promise<ColumnInfo>;
  deleteData(name: string, options?: CallOptions): Promise<void>;
  /** Trains over stored data: a promise of how it ended, and an iterator of its progress. Other calls have their turn between
   * its steps. `timeoutMs` is for each of the calls that it is made of; its signal stops it between two steps. */
  fit(request: FitRequest, options?: FitCallOptions): SessionFit;
  /** Where the session's fit stands. @throws NotFoundError where it has none. */
  fitInfo(options?: CallOptions): Promise<FitInfo>;
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
