/** What a transport carries: the contract with a session's id in each call, so that nothing but plain data travels. */
import type {
  ColumnInfo,
  CreateOptions,
  DoctorRequest,
  FitInfo,
  FitRequest,
  FitSteps,
  GraphSource,
  MovingStatistics,
  RunRequest,
  RunResult,
  SessionInfo,
  TensorData,
} from "./api.ts";
import type { Finding } from "../src/index.ts";

/** How a call is ended from outside. The signal's reason is the error to end with. */
export interface CallControl {
  readonly signal?: AbortSignal;
}

export interface RunControl extends CallControl {
  /** What fetches and series may have together. */
  readonly maxResultBytes?: number;
}

export interface SessionHost {
  create(source: GraphSource, options?: CreateOptions, control?: CallControl): Promise<SessionInfo>;
  info(id: string, control?: CallControl): Promise<SessionInfo>;
  run(id: string, request: RunRequest, control?: RunControl): Promise<RunResult>;
  movingStatistics(id: string, control?: CallControl): Promise<readonly MovingStatistics[]>;
  checkpoint(id: string, control?: CallControl): Promise<Uint8Array>;
  restore(id: string, checkpoint: Uint8Array, control?: CallControl): Promise<void>;
  doctor(id: string, request: DoctorRequest, control?: CallControl): Promise<readonly Finding[]>;
  listData(id: string, control?: CallControl): Promise<readonly ColumnInfo[]>;
  putData(id: string, name: string, rows: TensorData, at: number, control?: CallControl): Promise<ColumnInfo>;
  deleteData(id: string, name: string, control?: CallControl): Promise<void>;
  startFit(id: string, request: FitRequest, control?: CallControl): Promise<FitInfo>;
  fit(id: string, control?: CallControl): Promise<FitInfo>;
  fitSteps(id: string, count: number, control?: CallControl): Promise<FitSteps>;
  close(id: string, control?: CallControl): Promise<void>;
}

/** A host behind messages, which carry no signal: a run has a name by which it is stopped. */
export interface RemoteHost extends Omit<SessionHost, "run"> {
  run(id: string, request: RunRequest, call?: string): Promise<RunResult>;
  stop(id: string, call: string, reason: StopReason): Promise<void>;
}

/** An error's name and message: why a run was stopped. */
export interface StopReason {
  readonly name: string;
  readonly message: string;
}
