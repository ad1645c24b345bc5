/** The sessions of one process or worker, held in memory. */
import type {
  CreateOptions,
  DoctorRequest,
  FitRequest,
  GraphSource,
  RunRequest,
  SessionInfo,
  TensorData,
} from "./api.ts";
import type { RunControl, SessionHost } from "./host.ts";
import { SessionService, sessionNotFound } from "./service.ts";

export class LocalHost implements SessionHost {
  readonly #sessions = new Map<string, SessionService>();

  async create(source: GraphSource, options: CreateOptions = {}): Promise<SessionInfo> {
    const session = await SessionService.create(source, { ...options, id: crypto.randomUUID() });
    this.#sessions.set(session.id, session);
    return session.info();
  }

  // async: an unknown id is a rejection, like every other error.
  async exists(id: string): Promise<void> {
    this.#session(id);
  }

  async info(id: string) {
    return this.#session(id).info();
  }

  async run(id: string, request: RunRequest, control?: RunControl) {
    return this.#session(id).run(request, control);
  }

  async movingStatistics(id: string) {
    return this.#session(id).movingStatistics();
  }

  async checkpoint(id: string) {
    return this.#session(id).checkpoint();
  }

  async restore(id: string, checkpoint: Uint8Array) {
    return this.#session(id).restore(checkpoint);
  }

  async doctor(id: string, request: DoctorRequest) {
    return this.#session(id).doctor(request);
  }

  async listData(id: string) {
    return this.#session(id).listData();
  }

  async putData(id: string, name: string, rows: TensorData, at: number) {
    return this.#session(id).putData(name, rows, at);
  }

  async deleteData(id: string, name: string) {
    return this.#session(id).deleteData(name);
  }

  async startFit(id: string, request: FitRequest) {
    return this.#session(id).startFit(request);
  }

  async fit(id: string) {
    return this.#session(id).fit();
  }

  async fitSteps(id: string, count: number) {
    return this.#session(id).fitSteps(count);
  }

  async close(id: string): Promise<void> {
    await this.#session(id).close();
    this.#sessions.delete(id);
  }

  /** Closes all sessions. */
  async closeAll(): Promise<void> {
    await Promise.all([...this.#sessions.keys()].map((id) => this.close(id)));
  }

  #session(id: string): SessionService {
    const session = this.#sessions.get(id);
    if (!session) throw sessionNotFound(id);
    return session;
  }
}
