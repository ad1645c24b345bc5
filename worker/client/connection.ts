/** One client for every transport: sessions by id over a SessionHost, with errors as they were thrown. */
import {
  AbortedError,
  DeadlineExceededError,
  errorFromName,
  InvalidArgumentError,
  TrainletError,
} from "../../src/graph/errors.ts";
import type {
  CallOptions,
  ColumnInfo,
  CreateOptions,
  DoctorRequest,
  FitCallOptions,
  FitInfo,
  FitRequest,
  GraphSource,
  MovingStatistics,
  RunRequest,
  RunResult,
  SessionApi,
  SessionFit,
  SessionInfo,
  TensorData,
  Trainlet,
} from "../api.ts";
import type { Finding, TensorFlowCheckpoint } from "../../src/index.ts";
import type { SessionHost } from "../host.ts";
import { RemoteFit } from "./fit.ts";

/** What a transport offers. */
export interface Transport {
  readonly host: SessionHost;
  /** Lets go of everything that the transport opened. */
  close(): void | Promise<void>;
  /** Calls back when the other side is gone and will never answer. */
  onLost?(listener: (reason: string) => void): void;
}

type Method = keyof SessionHost;

type Arguments = { readonly [M in Method]: Required<Parameters<SessionHost[M]>> };

/** What a call is given, without its control. */
type Given<M extends Method> = Arguments[M] extends [...infer Given, unknown] ? Given : never;

/** How long a run that was stopped may take to say where it stands. */
export const graceMs = 2000;

export class Connection implements Trainlet {
  readonly #transport: Transport;
  readonly #timeoutMs: number | undefined;
  /** Ends a call that is under way. */
  readonly #pending = new Set<(error: Error) => void>();
  #ended: string | null = null;

  constructor(transport: Transport, { signal, timeoutMs }: CallOptions = {}) {
    this.#transport = transport;
    this.#timeoutMs = checkTimeout(timeoutMs);
    transport.onLost?.((reason) => this.#end(reason));
    const close = (): void => void this.#close("The connection was closed by its signal.").catch(() => {});
    if (signal?.aborted) close();
    signal?.addEventListener("abort", close, { once: true });
  }

  async create(source: GraphSource, options: CreateOptions & CallOptions = {}): Promise<SessionApi> {
    const { signal, timeoutMs, ...rest } = options;
    const { id } = await this.call("create", [source, rest], { signal, timeoutMs });
    return new ConnectedSession(id, this);
  }

  async open(id: string, options?: CallOptions): Promise<SessionApi> {
    await this.call("info", [id], options);
    return new ConnectedSession(id, this);
  }

  disconnect(): Promise<void> {
    return this.#close("The connection was closed by disconnect().");
  }

  call<M extends Method>(method: M, args: Given<M>, options: CallOptions = {}): ReturnType<SessionHost[M]> {
    return this.#call(method, args, options) as ReturnType<SessionHost[M]>;
  }

  async #call(method: Method, args: readonly unknown[], { signal, timeoutMs }: CallOptions): Promise<unknown> {
    if (this.#ended !== null) throw new AbortedError(this.#ended);
    if (signal?.aborted) throw new AbortedError("The call was stopped by its signal before it was sent.");
    const limit = checkTimeout(timeoutMs) ?? this.#timeoutMs;
    const controller = new AbortController();
    const { promise: cancelled, reject } = Promise.withResolvers<never>();
    let grace: Timer | null = null;
    const end = (error: Error): void => {
      controller.abort(error);
      reject(error);
    };
    // Where a run stands only its host knows.
    const cancel = (error: Error): void => {
      controller.abort(error);
      if (method === "run") grace ??= setTimeout(() => reject(error), graceMs);
      else reject(error);
    };
    const onAbort = (): void => cancel(new AbortedError("The call was stopped by its signal."));
    const deadline = (): void => cancel(new DeadlineExceededError(`The call took longer than ${limit} ms.`));
    this.#pending.add(end);
    signal?.addEventListener("abort", onAbort);
    const timer = limit === undefined ? null : setTimeout(deadline, limit);
    try {
      const host = this.#transport.host as unknown as Record<Method, (...args: unknown[]) => Promise<unknown>>;
      const answer = host[method](...args, { signal: controller.signal });
      if (method === "create") this.#closeIfLate(answer as Promise<SessionInfo>, cancelled);
      return await Promise.race([answer, cancelled]);
    } catch (error) {
      throw rebuild(error);
    } finally {
      this.#pending.delete(end);
      signal?.removeEventListener("abort", onAbort);
      for (const each of [timer, grace]) if (each !== null) clearTimeout(each);
    }
  }

  /** A session that nobody waits for any more. */
  #closeIfLate(created: Promise<SessionInfo>, cancelled: Promise<never>): void {
    const close = async (): Promise<void> => this.#transport.host.close((await created).id);
    cancelled.catch(close).catch(() => {});
  }

  #end(reason: string): void {
    this.#ended ??= reason;
    for (const end of this.#pending) end(new AbortedError(this.#ended));
    this.#pending.clear();
  }

  async #close(reason: string): Promise<void> {
    if (this.#ended !== null) return;
    this.#end(reason);
    await this.#transport.close();
  }
}

type Timer = ReturnType<typeof setTimeout>;

class ConnectedSession implements SessionApi {
  readonly #id: string;
  readonly #connection: Connection;

  constructor(id: string, connection: Connection) {
    this.#id = id;
    this.#connection = connection;
  }

  info(options?: CallOptions): Promise<SessionInfo> {
    return this.#connection.call("info", [this.#id], options);
  }

  run(request: RunRequest, options?: CallOptions): Promise<RunResult> {
    return this.#connection.call("run", [this.#id, request], options);
  }

  movingStatistics(options?: CallOptions): Promise<readonly MovingStatistics[]> {
    return this.#connection.call("movingStatistics", [this.#id], options);
  }

  checkpoint(options?: CallOptions): Promise<Uint8Array> {
    return this.#connection.call("checkpoint", [this.#id], options);
  }

  async restore(checkpoint: Uint8Array | TensorFlowCheckpoint, options?: CallOptions): Promise<void> {
    let file = checkpoint as Uint8Array;
    if (checkpoint !== null && typeof checkpoint === "object" && "index" in checkpoint) {
      const { convertTensorFlowCheckpoint } = await import("../../src/runtime/checkpoint.ts");
      file = await convertTensorFlowCheckpoint(checkpoint);
    }
    return this.#connection.call("restore", [this.#id, file], options);
  }

  doctor(request: DoctorRequest, options?: CallOptions): Promise<readonly Finding[]> {
    return this.#connection.call("doctor", [this.#id, request], options);
  }

  listData(options?: CallOptions): Promise<readonly ColumnInfo[]> {
    return this.#connection.call("listData", [this.#id], options);
  }

  putData(name: string, rows: TensorData, options: CallOptions & { row?: number } = {}): Promise<ColumnInfo> {
    const { row = 0, ...rest } = options;
    return this.#connection.call("putData", [this.#id, name, rows, row], rest);
  }

  deleteData(name: string, options?: CallOptions): Promise<void> {
    return this.#connection.call("deleteData", [this.#id, name], options);
  }

  fit(request: FitRequest, options: FitCallOptions = {}): SessionFit {
    const { timeoutMs } = options;
    return new RemoteFit(request, options, {
      start: (given) => this.#connection.call("startFit", [this.#id, given], { timeoutMs }),
      steps: (count) => this.#connection.call("fitSteps", [this.#id, count], { timeoutMs }),
    });
  }

  fitInfo(options?: CallOptions): Promise<FitInfo> {
    return this.#connection.call("fit", [this.#id], options);
  }

  close(options?: CallOptions): Promise<void> {
    return this.#connection.call("close", [this.#id], options);
  }
}

function checkTimeout(timeoutMs: number | undefined): number | undefined {
  if (timeoutMs === undefined || (timeoutMs > 0 && timeoutMs <= 2 ** 31 - 1)) return timeoutMs;
  throw new InvalidArgumentError(`timeoutMs must be a positive number of at most 2147483647, got ${timeoutMs}.`);
}

/** An error of its class again: transports keep its name and message only. */
function rebuild(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof TrainletError) return error;
  if (error.name === "DataCloneError") return new InvalidArgumentError(`The request cannot be sent: ${error.message}`);
  const rebuilt = errorFromName(error.name, error.message);
  return rebuilt instanceof TrainletError ? rebuilt : error;
}
