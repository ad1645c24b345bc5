/** What a transport carries: the contract with a session's id in each call, so that nothing but plain data travels. */
import type {
  CreateOptions,
  DoctorRequest,
  GraphSource,
  MovingStatistics,
  RunRequest,
  RunResult,
  SessionInfo,
} from "./api.ts";
import type { Finding } from "../src/index.ts";

export interface SessionHost {
  create(source: GraphSource, options?: CreateOptions): Promise<SessionInfo>;
  info(id: string): Promise<SessionInfo>;
  run(id: string, request: RunRequest): Promise<RunResult>;
  movingStatistics(id: string): Promise<readonly MovingStatistics[]>;
  checkpoint(id: string): Promise<Uint8Array>;
  restore(id: string, checkpoint: Uint8Array): Promise<void>;
  doctor(id: string, request: DoctorRequest): Promise<readonly Finding[]>;
  close(id: string): Promise<void>;
}
