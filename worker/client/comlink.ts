/** Transport to a worker or a port on which a host of worker/hosts/ is exposed. */
import * as Comlink from "comlink";
import nodeEndpoint from "comlink/dist/esm/node-adapter.mjs";
import { AbortedError } from "../../src/graph/errors.ts";
import type { RemoteHost, SessionHost } from "../host.ts";
import type { Transport } from "./connection.ts";
import { outgoingBytes, outgoingRequest, outgoingRows, outgoingSource, type Outgoing } from "./transfer.ts";

/** A Worker of node:worker_threads, named by what is used of it. */
export interface NodeWorker {
  postMessage(message: unknown, transfer?: never[]): void;
  on(type: string, listener: (value: unknown) => void): unknown;
  off(type: string, listener: (value: unknown) => void): unknown;
  terminate(): Promise<number>;
}

/** A Web Worker, likewise. */
export interface BrowserWorker extends Comlink.Endpoint {
  terminate(): void;
}

/** A worker or a MessagePort. */
export type ComlinkTarget = BrowserWorker | NodeWorker | Comlink.Endpoint;

export interface ComlinkOptions {
  /** Ends the worker with the connection. */
  readonly terminate: boolean;
}

/** The proxy on a worker's own port. It is kept as long as the worker: a collected proxy would end the worker's service. */
const roots = new WeakMap<object, Comlink.Remote<RemoteHost>>();

export async function comlink(target: ComlinkTarget, { terminate }: ComlinkOptions): Promise<Transport> {
  const { promise: lost, reject: lose } = Promise.withResolvers<never>();
  lost.catch(() => {});
  const watched = watch(target, (reason) => lose(new AbortedError(reason)));
  const proxy = isWorker(target)
    ? await Promise.race([ownPort(target), lost])
    : Comlink.wrap<RemoteHost>(target as Comlink.Endpoint);
  watched.started();
  return {
    host: new ComlinkHost(proxy),
    onLost: (listener) => void lost.catch((error: Error) => listener(error.message)),
    async close() {
      watched.stop();
      proxy[Comlink.releaseProxy]();
      if (terminate && isWorker(target)) await target.terminate();
    },
  };
}

/** A port of this connection's own, so that letting go of it leaves the worker to other connections. */
async function ownPort(worker: BrowserWorker | NodeWorker): Promise<Comlink.Remote<RemoteHost>> {
  let root = roots.get(worker);
  if (!root) {
    root = Comlink.wrap<RemoteHost>(isNode(worker) ? nodeEndpoint(worker) : worker);
    roots.set(worker, root);
  }
  return Comlink.wrap<RemoteHost>(await root[Comlink.createEndpoint]());
}

function isWorker(target: ComlinkTarget): target is BrowserWorker | NodeWorker {
  return "terminate" in target;
}

/** A Worker of node:worker_threads is no EventTarget; ports of both worlds are. */
function isNode(target: ComlinkTarget): target is NodeWorker {
  return !("addEventListener" in target);
}

interface Watch {
  /** The first answer has come. */
  started(): void;
  stop(): void;
}

/** Calls back when the other side will never answer: it failed to start, or ended. */
function watch(target: ComlinkTarget, lost: (reason: string) => void): Watch {
  if (isNode(target)) {
    const onError = (error: unknown): void => lost(`The worker failed: ${String(error)}`);
    const onExit = (code: unknown): void => lost(`The worker ended with exit code ${String(code)}.`);
    target.on("error", onError);
    target.on("exit", onExit);
    const stop = (): void => {
      target.off("error", onError);
      target.off("exit", onExit);
    };
    return { started() {}, stop };
  }
  // A Web Worker reports every uncaught error and lives on: only one before its first answer means that it did not start.
  const type = isWorker(target) ? "error" : "close";
  const onEvent = (event: Event): void =>
    type === "close"
      ? lost("The port was closed at its other end.")
      : lost(`The worker could not be started: ${(event as ErrorEvent).message ?? "its script did not load"}.`);
  target.addEventListener(type, onEvent);
  const stop = (): void => target.removeEventListener(type, onEvent);
  return { started: () => (isWorker(target) ? stop() : undefined), stop };
}

class ComlinkHost implements SessionHost {
  readonly #proxy: Comlink.Remote<RemoteHost>;

  constructor(proxy: Comlink.Remote<RemoteHost>) {
    this.#proxy = proxy;
  }

  create(...[source, options]: Parameters<SessionHost["create"]>) {
    return this.#proxy.create(sent(outgoingSource(source)), options);
  }

  info(id: string) {
    return this.#proxy.info(id);
  }

  run(...[id, request, { signal } = {}]: Parameters<SessionHost["run"]>) {
    if (!signal) return this.#proxy.run(id, sent(outgoingRequest(request)));
    const call = crypto.randomUUID();
    const stop = (): void => {
      const { name, message } = signal.reason as Error;
      this.#proxy.stop(id, call, { name, message }).catch(() => {});
    };
    const result = this.#proxy.run(id, sent(outgoingRequest(request)), call);
    signal.addEventListener("abort", stop);
    return result.finally(() => signal.removeEventListener("abort", stop));
  }

  movingStatistics(id: string) {
    return this.#proxy.movingStatistics(id);
  }

  checkpoint(id: string) {
    return this.#proxy.checkpoint(id);
  }

  restore(...[id, checkpoint]: Parameters<SessionHost["restore"]>) {
    return this.#proxy.restore(id, sent(outgoingBytes(checkpoint)));
  }

  doctor(...[id, request]: Parameters<SessionHost["doctor"]>) {
    return this.#proxy.doctor(id, sent(outgoingRequest(request)));
  }

  listData(id: string) {
    return this.#proxy.listData(id);
  }

  putData(...[id, name, rows, at]: Parameters<SessionHost["putData"]>) {
    return this.#proxy.putData(id, name, sent(outgoingRows(rows)), at);
  }

  deleteData(id: string, name: string) {
    return this.#proxy.deleteData(id, name);
  }

  startFit(...[id, request]: Parameters<SessionHost["startFit"]>) {
    return this.#proxy.startFit(id, request);
  }

  fit(id: string) {
    return this.#proxy.fit(id);
  }

  fitSteps(id: string, count: number) {
    return this.#proxy.fitSteps(id, count);
  }

  close(id: string) {
    return this.#proxy.close(id);
  }
}

/** What moves is told to Comlink; with nothing to move, a mark by Comlink.transfer itself stays. */
function sent<T>({ value, transfer }: Outgoing<T>): T {
  return transfer.length > 0 ? Comlink.transfer(value as T & object, [...transfer]) : value;
}
