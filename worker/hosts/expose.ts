/** The sessions of a worker, exposed over Comlink. Results move to the caller, who owns them; the session keeps none. */
import * as Comlink from "comlink";
import type {
  CreateOptions,
  DoctorRequest,
  FitRequest,
  GraphSource,
  RunRequest,
  RunResult,
  TensorData,
} from "../api.ts";
import type { RemoteHost, StopReason } from "../host.ts";
import { LocalHost } from "../localHost.ts";
import { RunningCalls } from "../running.ts";

export function exposeSessions(endpoint?: Comlink.Endpoint): void {
  Comlink.expose(new TransferringHost(), endpoint);
}

class TransferringHost implements RemoteHost {
  readonly #host = new LocalHost();
  readonly #running = new RunningCalls();

  create(source: GraphSource, options?: CreateOptions) {
    return this.#host.create(source, options);
  }

  info(id: string) {
    return this.#host.info(id);
  }

  async run(id: string, request: RunRequest, call?: string): Promise<RunResult> {
    const result =
      call === undefined
        ? await this.#host.run(id, request)
        : await this.#running.run(id, call, (signal) => this.#host.run(id, request, { signal }));
    return Comlink.transfer(result, buffersOf(result));
  }

  async stop(id: string, call: string, reason: StopReason): Promise<void> {
    this.#running.stop(id, call, reason);
  }

  movingStatistics(id: string) {
    return this.#host.movingStatistics(id);
  }

  async checkpoint(id: string): Promise<Uint8Array> {
    const bytes = await this.#host.checkpoint(id);
    return Comlink.transfer(bytes, [bytes.buffer as ArrayBuffer]);
  }

  restore(id: string, checkpoint: Uint8Array) {
    return this.#host.restore(id, checkpoint);
  }

  doctor(id: string, request: DoctorRequest) {
    return this.#host.doctor(id, request);
  }

  listData(id: string) {
    return this.#host.listData(id);
  }

  putData(id: string, name: string, rows: TensorData, at: number) {
    return this.#host.putData(id, name, rows, at);
  }

  deleteData(id: string, name: string) {
    return this.#host.deleteData(id, name);
  }

  startFit(id: string, request: FitRequest) {
    return this.#host.startFit(id, request);
  }

  fit(id: string) {
    return this.#host.fit(id);
  }

  fitSteps(id: string, count: number) {
    return this.#host.fitSteps(id, count);
  }

  close(id: string) {
    return this.#host.close(id);
  }
}

/** Each buffer once: a tensor may be fetched under two names. */
function buffersOf({ fetches, series }: RunResult): ArrayBuffer[] {
  const tensors = [...Object.values(fetches), ...Object.values(series)];
  return [...new Set(tensors.flatMap((tensor) => (tensor ? [tensor.data.buffer as ArrayBuffer] : [])))];
}
