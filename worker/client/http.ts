/** Transport to a service at a URL (worker/http/). Tensors travel as safetensors; requests of a session keep their order. */
import { AbortedError, errorFromName } from "../../src/graph/errors.ts";
import { encodeSafetensors, type StoredTensor } from "../../src/formats/safetensors.ts";
import { sizeOf } from "../../src/graph/shape.ts";
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
  SessionInfo,
  TensorData,
} from "../api.ts";
import type { Finding } from "../../src/index.ts";
import type { CallControl, SessionHost } from "../host.ts";
import { fitRequestToJson, stepsFromJson } from "../http/fitJson.ts";
import { decodeResult, encodeRequest, frameRequest, safetensorsType } from "../http/frame.ts";
import { tensorFromJson } from "../http/json.ts";
import { callHeader } from "../http/names.ts";
import type { ConnectOptions } from "./connect.ts";
import { graceMs, type Transport } from "./connection.ts";
import { reasonOf, sender, type Send, type SendInit } from "./send.ts";

export function httpTransport(where: string | URL, options: ConnectOptions): Transport {
  const base = new URL(where, (globalThis as { location?: { href: string } }).location?.href);
  if (!base.pathname.endsWith("/")) base.pathname += "/";
  const ended = new AbortController();
  const host = new HttpHost(sender(new URL("v1/", base), ended.signal, options));
  return { host, close: () => ended.abort() };
}

class HttpHost implements SessionHost {
  readonly #send: Send;
  /** The last request of each session that has one under way. */
  readonly #last = new Map<string, Promise<unknown>>();

  constructor(send: Send) {
    this.#send = send;
  }

  async create(source: GraphSource, options: CreateOptions = {}, { signal }: CallControl = {}): Promise<SessionInfo> {
    const query = new URLSearchParams();
    if (options.seed !== undefined) query.set("seed", String(options.seed));
    if (options.maxMemoryBytes !== undefined) query.set("maxMemoryBytes", String(options.maxMemoryBytes));
    const graph = "metaGraph" in source ? source.metaGraph : { example: source.example };
    const init =
      graph instanceof Uint8Array
        ? post(graph as BodyInit, "application/x-protobuf")
        : post(typeof graph === "string" ? graph : JSON.stringify(graph), "application/json");
    const response = await this.#send(query.size > 0 ? `sessions?${query}` : "sessions", { ...init, signal });
    return (await response.json()) as SessionInfo;
  }

  async info(id: string, { signal }: CallControl = {}): Promise<SessionInfo> {
    const response = await this.#request(id, "", { ...get, signal });
    return (await response.json()) as SessionInfo;
  }

  /** A run that is stopped answers by itself, and says where it stands. */
  async run(id: string, request: RunRequest, { signal }: CallControl = {}) {
    const call = crypto.randomUUID();
    const init = post(encodeRequest(frameRequest(request)), safetensorsType, safetensorsType);
    const hangUp = new AbortController();
    const { promise: unsent, reject } = Promise.withResolvers<never>();
    let sent = false;
    let timer: ReturnType<typeof setTimeout> | null = null;
    const onAbort = (): void => {
      if (!sent) return reject(signal && reasonOf(signal));
      void this.#stop(id, call).catch(() => {});
      timer = setTimeout(() => hangUp.abort(), graceMs);
    };
    const answer = this.#request(id, "/run", {
      ...init,
      headers: { ...init.headers, [callHeader]: call },
      signal: hangUp.signal,
      onTurn() {
        if (signal?.aborted) throw reasonOf(signal);
        sent = true;
      },
    });
    signal?.addEventListener("abort", onAbort);
    try {
      const response = await Promise.race([answer, unsent]);
      return decodeResult(new Uint8Array(await response.arrayBuffer()));
    } catch (error) {
      throw signal?.aborted && error instanceof AbortedError ? because(reasonOf(signal), error) : error;
    } finally {
      if (timer !== null) clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
    }
  }

  async movingStatistics(id: string, { signal }: CallControl = {}): Promise<readonly MovingStatistics[]> {
    const response = await this.#request(id, "/moving-statistics", { ...get, signal });
    const layers = (await response.json()) as readonly MovingStatistics[];
    return layers.map(statisticsFromJson);
  }

  async checkpoint(id: string, { signal }: CallControl = {}): Promise<Uint8Array> {
    const response = await this.#request(id, "/checkpoint", { ...get, signal });
    return new Uint8Array(await response.arrayBuffer());
  }

  async restore(id: string, checkpoint: Uint8Array, { signal }: CallControl = {}): Promise<void> {
    // Copied, since it may be sent later: what the caller writes to it after the call does not matter.
    const body = Uint8Array.from(checkpoint);
    const headers = { "content-type": safetensorsType };
    await this.#request(id, "/checkpoint", { method: "PUT", body, headers, signal });
  }

  async doctor(id: string, request: DoctorRequest, { signal }: CallControl = {}): Promise<readonly Finding[]> {
    const init = post(encodeRequest(frameRequest(request)), safetensorsType);
    const response = await this.#request(id, "/doctor", { ...init, safe: true, signal });
    return (await response.json()) as readonly Finding[];
  }

  async listData(id: string, { signal }: CallControl = {}): Promise<readonly ColumnInfo[]> {
    const response = await this.#request(id, "/data", { ...get, signal });
    return (await response.json()) as readonly ColumnInfo[];
  }

  /** In parts that fit into a body. Each says where it begins, so that sending one twice is the same as once. */
  async putData(id: string, name: string, rows: TensorData, at: number, { signal }: CallControl = {}) {
    const [count = 0, ...shape] = rows.shape;
    const size = sizeOf(shape);
    const rowBytes = size * rows.data.BYTES_PER_ELEMENT;
    const perPart = Math.max(1, Math.floor(partBytes / Math.max(1, rowBytes)));
    let info: ColumnInfo;
    let row = 0;
    do {
      const end = Math.min(row + perPart, count);
      const data = rows.data.slice(row * size, end * size);
      const part = count <= perPart ? rows : { ...rows, shape: [end - row, ...shape], data };
      const body = encodeSafetensors(new Map([[name, part as StoredTensor]]));
      const path = `/data/${encodeURIComponent(name)}?row=${at + row}`;
      const headers = { "content-type": safetensorsType };
      const response = await this.#request(id, path, { method: "PUT", body, headers, signal, safe: true });
      info = (await response.json()) as ColumnInfo;
      row = end;
    } while (row < count);
    return info;
  }

  async deleteData(id: string, name: string, { signal }: CallControl = {}): Promise<void> {
    await this.#request(id, `/data/${encodeURIComponent(name)}`, { method: "DELETE", signal });
  }

  async startFit(id: string, request: FitRequest, { signal }: CallControl = {}): Promise<FitInfo> {
    const init = post(JSON.stringify(fitRequestToJson(request)), "application/json");
    const response = await this.#request(id, "/fit", { ...init, method: "PUT", signal });
    return (await response.json()) as FitInfo;
  }

  async fit(id: string, { signal }: CallControl = {}): Promise<FitInfo> {
    const response = await this.#request(id, "/fit", { ...get, signal });
    return (await response.json()) as FitInfo;
  }

  async fitSteps(id: string, count: number, { signal }: CallControl = {}): Promise<FitSteps> {
    const init = post(JSON.stringify({ count }), "application/json");
    const response = await this.#request(id, "/fit/steps", { ...init, signal });
    return stepsFromJson((await response.json()) as FitSteps);
  }

  async close(id: string, { signal }: CallControl = {}): Promise<void> {
    await this.#request(id, "", { method: "DELETE", signal });
  }

  /** At once, whatever else is under way. */
  async #stop(id: string, call: string): Promise<void> {
    const headers = { [callHeader]: call };
    await this.#send(`${pathOf(id)}/run`, { method: "DELETE", headers, safe: true });
  }

  /** Sends when the session's requests before it are answered: the network would not keep their order. */
  #request(id: string, path: string, { onTurn, ...init }: SendInit & { onTurn?(): void }): Promise<Response> {
    const before = this.#last.get(id) ?? Promise.resolve();
    const response = before.then(() => {
      onTurn?.();
      return this.#send(`${pathOf(id)}${path}`, init);
    });
    const done = response
      .catch(() => {})
      .then(() => {
        if (this.#last.get(id) === done) this.#last.delete(id);
      });
    this.#last.set(id, done);
    return response;
  }
}

/** Of data: small enough for a body, and for the memory of both ends. */
const partBytes = 4 * 1024 ** 2;

const get = { method: "GET", safe: true } as const;

function pathOf(id: string): string {
  return `sessions/${encodeURIComponent(id)}`;
}

/** Where the service stopped a run, with the reason that we had and it was not told. */
function because({ name, message }: Error, stopped: Error): Error {
  const [, where] = /: (the run ended .*)$/.exec(stopped.message) ?? [];
  return errorFromName(name, where === undefined ? message : `${message.replace(/\.$/, "")}: ${where}`);
}

function post(body: BodyInit, type: string, accept = "application/json"): RequestInit {
  return { method: "POST", body, headers: { "content-type": type, accept } };
}

function statisticsFromJson({ mean, variance, ...rest }: MovingStatistics): MovingStatistics {
  return { ...rest, mean: tensorFromJson(mean), variance: tensorFromJson(variance) };
}
