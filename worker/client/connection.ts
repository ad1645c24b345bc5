/** One client for every transport: sessions by id over a SessionHost, with errors as they were thrown. */
import { AbortedError, errorFromName, InvalidArgumentError, TrainletError } from "../../src/graph/errors.ts";
import type {
  CreateOptions,
  DoctorRequest,
  GraphSource,
  MovingStatistics,
  RunRequest,
  RunResult,
  SessionApi,
  SessionInfo,
  Trainlet,
} from "../api.ts";
import type { Finding } from "../../src/index.ts";
import type { SessionHost } from "../host.ts";

/** What a transport offers. */
export interface Transport {
  readonly host: SessionHost;
  /** Lets go of everything that the transport opened. */
  close(): void | Promise<void>;
  /** Calls back when the other side is gone and will never answer. */
  onLost?(listener: (reason: string) => void): void;
}

type Method = keyof SessionHost;

export class Connection implements Trainlet {
  readonly #transport: Transport;
  readonly #pending = new Set<(error: Error) => void>();
  #ended: string | null = null;

  constructor(transport: Transport) {
    this.#transport = transport;
    transport.onLost?.((reason) => this.#end(reason));
  }

  async create(source: GraphSource, options?: CreateOptions): Promise<SessionApi> {
    const { id } = await this.call("create", source, options);
    return new ConnectedSession(id, this);
  }

  async open(id: string): Promise<SessionApi> {
    await this.call("info", id);
    return new ConnectedSession(id, this);
  }

  async disconnect(): Promise<void> {
    if (this.#ended !== null) return;
    this.#end("The connection was closed by disconnect().");
    await this.#transport.close();
  }

  call<M extends Method>(method: M, ...args: Parameters<SessionHost[M]>): ReturnType<SessionHost[M]> {
    if (this.#ended !== null) return Promise.reject(new AbortedError(this.#ended)) as ReturnType<SessionHost[M]>;
    return new Promise<unknown>((resolve, reject) => {
      this.#pending.add(reject);
      const host = this.#transport.host as unknown as Record<Method, (...args: unknown[]) => Promise<unknown>>;
      const fail = (error: unknown): void => reject(rebuild(error));
      try {
        host[method](...args)
          .then(resolve, fail)
          .finally(() => this.#pending.delete(reject));
      } catch (error) {
        // The arguments could not be sent.
        this.#pending.delete(reject);
        fail(error);
      }
    }) as ReturnType<SessionHost[M]>;
  }

  #end(reason: string): void {
    this.#ended ??= reason;
    for (const reject of this.#pending) reject(new AbortedError(this.#ended));
    this.#pending.clear();
  }
}

class ConnectedSession implements SessionApi {
  readonly #id: string;
  readonly #connection: Connection;

  constructor(id: string, connection: Connection) {
    this.#id = id;
    this.#connection = connection;
  }

  info(): Promise<SessionInfo> {
    return this.#connection.call("info", this.#id);
  }

  run(request: RunRequest): Promise<RunResult> {
    return this.#connection.call("run", this.#id, request);
  }

  movingStatistics(): Promise<readonly MovingStatistics[]> {
    return this.#connection.call("movingStatistics", this.#id);
  }

  checkpoint(): Promise<Uint8Array> {
    return this.#connection.call("checkpoint", this.#id);
  }

  restore(checkpoint: Uint8Array): Promise<void> {
    return this.#connection.call("restore", this.#id, checkpoint);
  }

  doctor(request: DoctorRequest): Promise<readonly Finding[]> {
    return this.#connection.call("doctor", this.#id, request);
  }

  close(): Promise<void> {
    return this.#connection.call("close", this.#id);
  }
}

/** An error of its class again: transports keep its name and message only. */
function rebuild(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof TrainletError) return error;
  if (error.name === "DataCloneError") return new InvalidArgumentError(`The request cannot be sent: ${error.message}`);
  const rebuilt = errorFromName(error.name, error.message);
  return rebuilt instanceof TrainletError ? rebuilt : error;
}
