/** connect(where): the same interface to sessions here, in a worker, or at a URL. Transports are loaded when they are used. */
import { UnimplementedError } from "../../src/graph/errors.ts";
import type { Trainlet } from "../api.ts";
import type { BrowserWorker, ComlinkTarget, NodeWorker } from "./comlink.ts";
import { Connection, type Transport } from "./connection.ts";

/**
 * Where sessions live: `"in-process"`; `"worker"`, a worker that connect starts and disconnect ends; a worker or port that
 * the caller started; or the URL of a service.
 */
export type Where = "in-process" | "worker" | ComlinkTarget | URL | (string & {});

export interface ConnectOptions {
  /** How long each call may take: then it ends with DeadlineExceededError. Default: as long as it takes. */
  readonly timeoutMs?: number;
  /** Ends the connection, as `disconnect` does. */
  readonly signal?: AbortSignal;
  /** Of a service that asks for one. */
  readonly token?: string;
  /**
   * How often a request is sent again that a service did not answer, or answered with 503. Only calls that change nothing,
   * and requests that were certainly not sent. Default: 2.
   */
  readonly retries?: number;
  /** What sends HTTP requests. Default: fetch. */
  readonly fetch?: (request: Request) => Promise<Response>;
}

export type Connect = (where: Where, options?: ConnectOptions) => Promise<Trainlet>;

/** What a host's entry adds. */
export interface ClientHost {
  /** Loads the sessions with the host's kernels. */
  inProcess?(): Promise<Transport>;
  startWorker?(): BrowserWorker | NodeWorker;
}

export function connectOn(host: ClientHost): Connect {
  return async (where, options = {}) => {
    if (where === "in-process") {
      if (!host.inProcess) throw notHere(where);
      return new Connection(await host.inProcess(), options);
    }
    if (typeof where === "string" && where !== "worker") return new Connection(await http(where, options), options);
    if (where instanceof URL) return new Connection(await http(where, options), options);
    const { comlink } = await import("./comlink.ts");
    if (typeof where !== "string") return new Connection(await comlink(where, { terminate: false }), options);
    if (!host.startWorker) throw notHere(where);
    const worker = host.startWorker();
    try {
      return new Connection(await comlink(worker, { terminate: true }), options);
    } catch (error) {
      await worker.terminate();
      throw error;
    }
  };
}

async function http(where: string | URL, options: ConnectOptions): Promise<Transport> {
  const { httpTransport } = await import("./http.ts");
  return httpTransport(where, options);
}

function notHere(where: string): Error {
  return new UnimplementedError(
    `connect("${where}") needs a runtime or bundler that knows the export conditions node, browser or workerd.`,
  );
}
