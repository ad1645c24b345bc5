/** Transport to a service at a URL (worker/http/). Tensors travel as safetensors; requests of a session keep their order. */
import { AbortedError } from "../../src/graph/errors.ts";
import type { CreateOptions, DoctorRequest, GraphSource, MovingStatistics, RunRequest, SessionInfo } from "../api.ts";
import type { Finding } from "../../src/index.ts";
import type { SessionHost } from "../host.ts";
import { decodeResult, encodeRequest, frameRequest, safetensorsType } from "../http/frame.ts";
import { tensorFromJson } from "../http/json.ts";
import { errorOf } from "../http/problem.ts";
import type { ConnectOptions } from "./connect.ts";
import type { Transport } from "./connection.ts";

export function httpTransport(where: string | URL, options: ConnectOptions): Transport {
  const base = new URL(where, (globalThis as { location?: { href: string } }).location?.href);
  if (!base.pathname.endsWith("/")) base.pathname += "/";
  const controller = new AbortController();
  const send = options.fetch ?? ((request: Request) => fetch(request));
  const host = new HttpHost(async (path, init) => {
    const url = new URL(`v1/${path}`, base);
    let response: Response;
    try {
      response = await send(new Request(url, { ...init, signal: controller.signal }));
    } catch (error) {
      throw new AbortedError(`${url.origin} cannot be reached: ${(error as Error).message}`, { cause: error });
    }
    if (!response.ok) throw await errorOf(response);
    return response;
  });
  return { host, close: () => controller.abort() };
}

type Send = (path: string, init: RequestInit) => Promise<Response>;

class HttpHost implements SessionHost {
  readonly #send: Send;
  /** The last request of each session that has one under way. */
  readonly #last = new Map<string, Promise<unknown>>();

  constructor(send: Send) {
    this.#send = send;
  }

  async create(source: GraphSource, options: CreateOptions = {}): Promise<SessionInfo> {
    const query = new URLSearchParams();
    if (options.seed !== undefined) query.set("seed", String(options.seed));
    if (options.maxMemoryBytes !== undefined) query.set("maxMemoryBytes", String(options.maxMemoryBytes));
    const graph = "metaGraph" in source ? source.metaGraph : { example: source.example };
    const init =
      graph instanceof Uint8Array
        ? post(graph as BodyInit, "application/x-protobuf")
        : post(typeof graph === "string" ? graph : JSON.stringify(graph), "application/json");
    const response = await this.#send(query.size > 0 ? `sessions?${query}` : "sessions", init);
    return (await response.json()) as SessionInfo;
  }

  async info(id: string): Promise<SessionInfo> {
    const response = await this.#request(id, "", { method: "GET" });
    return (await response.json()) as SessionInfo;
  }

  async run(id: string, request: RunRequest) {
    const body = encodeRequest(frameRequest(request));
    const init = post(body, safetensorsType, safetensorsType);
    const response = await this.#request(id, "/run", init);
    return decodeResult(new Uint8Array(await response.arrayBuffer()));
  }

  async movingStatistics(id: string): Promise<readonly MovingStatistics[]> {
    const response = await this.#request(id, "/moving-statistics", { method: "GET" });
    const layers = (await response.json()) as readonly MovingStatistics[];
    return layers.map(statisticsFromJson);
  }

  async checkpoint(id: string): Promise<Uint8Array> {
    const response = await this.#request(id, "/checkpoint", { method: "GET" });
    return new Uint8Array(await response.arrayBuffer());
  }

  async restore(id: string, checkpoint: Uint8Array): Promise<void> {
    // Copied, since it may be sent later: what the caller writes to it after the call does not matter.
    const body = Uint8Array.from(checkpoint);
    await this.#request(id, "/checkpoint", { method: "PUT", body, headers: { "content-type": safetensorsType } });
  }

  async doctor(id: string, request: DoctorRequest): Promise<readonly Finding[]> {
    const response = await this.#request(id, "/doctor", post(encodeRequest(frameRequest(request)), safetensorsType));
    return (await response.json()) as readonly Finding[];
  }

  async close(id: string): Promise<void> {
    await this.#request(id, "", { method: "DELETE" });
  }

  /** Sends when the session's requests before it are answered: the network would not keep their order. */
  #request(id: string, path: string, init: RequestInit): Promise<Response> {
    const before = this.#last.get(id) ?? Promise.resolve();
    const response = before.then(() => this.#send(`sessions/${encodeURIComponent(id)}${path}`, init));
    const done = response
      .catch(() => {})
      .then(() => {
        if (this.#last.get(id) === done) this.#last.delete(id);
      });
    this.#last.set(id, done);
    return response;
  }
}

function post(body: BodyInit, type: string, accept = "application/json"): RequestInit {
  return { method: "POST", body, headers: { "content-type": type, accept } };
}

function statisticsFromJson({ mean, variance, ...rest }: MovingStatistics): MovingStatistics {
  return { ...rest, mean: tensorFromJson(mean), variance: tensorFromJson(variance) };
}
