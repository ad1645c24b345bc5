/**
 * A session as a Durable Object: in memory while it is used, rebuilt from SQLite when it was evicted. What a call changes is
 * stored before its answer goes out, so that an answered call is never lost.
 */
import { DurableObject } from "cloudflare:workers";
import "../../src/entry/workerd.ts";
import { AbortedError, InternalError } from "../../src/graph/errors.ts";
import type { FetchedTensor } from "../../src/graph/tensorValue.ts";
import type {
  CreateOptions,
  DoctorRequest,
  FitRequest,
  GraphSource,
  RunRequest,
  SessionInfo,
  TensorData,
} from "../api.ts";
import type { RunControl } from "../host.ts";
import { createApp, type HttpApp, type HttpHost } from "../http/app.ts";
import { discardBody } from "../http/body.ts";
import { maxBodyBytes } from "../http/limits.ts";
import { problemResponse } from "../http/problem.ts";
import { SessionService, sessionNotFound } from "../service.ts";
import { StoredColumns } from "./columns.ts";
import { IdleAlarm } from "./idle.ts";
import { SessionStorage, storedSource } from "./storage.ts";

/** What may wait at a session: requests, and the bytes of their bodies. */
const maxWaiting = 32;
const maxWaitingBytes = 2 * maxBodyBytes;

/** Variables of the Worker that concern a session: see Env in index.ts. */
interface Settings {
  readonly TRAINLET_IDLE_SECONDS?: string;
}

/** The isolate outlives the object: what an evicted session held is given back when it is collected. */
const evicted = new FinalizationRegistry<SessionService>((service) => void service.close());

export class SessionObject extends DurableObject<Settings> implements HttpHost {
  readonly #id: string;
  readonly #storage: SessionStorage;
  readonly #columns: StoredColumns;
  readonly #app: HttpApp;
  readonly #idle: IdleAlarm;
  readonly #waiting = { requests: 0, bytes: 0 };
  /** Memory for the values of variables on their way to storage: fresh copies in each step would be garbage by the megabyte. */
  readonly #kept = new Map<string, FetchedTensor>();
  #service: SessionService | null = null;
  #last: Promise<unknown> = Promise.resolve();

  constructor(state: DurableObjectState, env: Settings) {
    super(state, env);
    this.#id = state.id.toString();
    this.#storage = new SessionStorage(state.storage);
    this.#columns = new StoredColumns(state.storage);
    this.#idle = new IdleAlarm(state.storage, env.TRAINLET_IDLE_SECONDS);
    this.#app = createApp(this);
  }

  /** All requests of this session. That its id is this object's was seen to by the Worker. */
  override async fetch(request: Request): Promise<Response> {
    const isStop = request.method === "DELETE" && new URL(request.url).pathname.endsWith("/run");
    const bytes = request.body ? Number(request.headers.get("content-length") ?? maxBodyBytes) : 0;
    const waiting = this.#waiting;
    if (!isStop && (waiting.requests >= maxWaiting || waiting.bytes + bytes > Math.max(maxWaitingBytes, bytes))) {
      await discardBody(request);
      return busy(waiting);
    }
    waiting.requests++;
    waiting.bytes += bytes;
    try {
      return await this.#app.fetch(request);
    } finally {
      waiting.requests--;
      waiting.bytes -= bytes;
    }
  }

  /** The session was not used for long. */
  override alarm(): Promise<void> {
    return this.#next(async () => {
      if (await this.#idle.isDue()) await this.#delete();
    });
  }

  create(source: GraphSource, options: CreateOptions = {}): Promise<SessionInfo> {
    return this.#next(async () => {
      const service = await SessionService.create(source, { ...options, id: this.#id, columns: this.#columns });
      try {
        const stored = await storedSource(source);
        this.#storage.create(stored, options.maxMemoryBytes, service.takeState());
        this.#idle.start();
      } catch (error) {
        await service.close();
        throw error;
      }
      this.#keep(service);
      return service.info();
    });
  }

  info() {
    return this.#read((service) => service.info());
  }

  /** At once, whatever is under way. */
  async exists(): Promise<void> {
    if (!this.#service && !this.#storage.exists()) throw sessionNotFound(this.#id);
  }

  run(_id: string, request: RunRequest, control?: RunControl) {
    return this.#write((service) => service.run(request, control));
  }

  movingStatistics() {
    return this.#read((service) => service.movingStatistics());
  }

  checkpoint() {
    return this.#read((service) => service.checkpoint());
  }

  restore(_id: string, checkpoint: Uint8Array) {
    return this.#write((service) => service.restore(checkpoint));
  }

  doctor(_id: string, request: DoctorRequest) {
    return this.#read((service) => service.doctor(request));
  }

  listData() {
    return this.#read((service) => service.listData());
  }

  /** Data are stored by themselves. */
  putData(_id: string, name: string, rows: TensorData, at: number) {
    return this.#read((service) => service.putData(name, rows, at));
  }

  deleteData(_id: string, name: string) {
    return this.#read((service) => service.deleteData(name));
  }

  startFit(_id: string, request: FitRequest) {
    return this.#write((service) => service.startFit(request));
  }

  fit() {
    return this.#read((service) => service.fit());
  }

  fitSteps(_id: string, count: number) {
    return this.#write((service) => service.fitSteps(count));
  }

  close(): Promise<void> {
    return this.#next(async () => {
      if (!this.#storage.exists()) throw sessionNotFound(this.#id);
      await this.#delete();
    });
  }

  async #delete(): Promise<void> {
    this.#drop();
    await this.#storage.delete();
  }

  /** A call that changes nothing that is stored. */
  #read<T>(call: (service: SessionService) => Promise<T>): Promise<T> {
    return this.#next(async () => call(await this.#load()));
  }

  /** A call after which the changes are stored: those of a failed one, too, since memory has them. */
  #write<T>(call: (service: SessionService) => Promise<T>): Promise<T> {
    return this.#next(async () => {
      const service = await this.#load();
      try {
        return await call(service);
      } finally {
        this.#store(service);
      }
    });
  }

  #store(service: SessionService): void {
    try {
      this.#storage.update(service.takeState(this.#kept));
    } catch (error) {
      // Memory is ahead of storage now. The next call starts from what is stored.
      this.#drop();
      throw new InternalError(
        `The step could not be stored, the session is as before it: ${(error as Error).message}.`,
        { cause: error },
      );
    }
  }

  /** The service in memory, or rebuilt. Nothing else may come in between. */
  async #load(): Promise<SessionService> {
    if (this.#service) {
      await this.#idle.touch();
      return this.#service;
    }
    // A rejection inside blockConcurrencyWhile would reset the object and hide its reason.
    const outcome = await this.ctx.blockConcurrencyWhile(() => this.#rebuild().catch((error: unknown) => ({ error })));
    if ("error" in outcome) throw outcome.error;
    return outcome;
  }

  async #rebuild(): Promise<SessionService> {
    const stored = await this.#storage.read();
    if (!stored) throw sessionNotFound(this.#id);
    await this.#idle.touch();
    const { source, maxMemoryBytes, state } = stored;
    const service = await SessionService.create(source, {
      id: this.#id,
      maxMemoryBytes,
      state,
      columns: this.#columns,
    });
    this.#keep(service);
    return service;
  }

  #keep(service: SessionService): void {
    this.#service = service;
    evicted.register(this, service, this);
  }

  #drop(): void {
    const service = this.#service;
    this.#service = null;
    evicted.unregister(this);
    void service?.close().catch(() => {});
  }

  /** Runs calls one after another, each with its storing: awaiting inside one must not let the next begin. */
  #next<T>(call: () => Promise<T>): Promise<T> {
    const result = this.#last.then(call);
    this.#last = result.catch(() => {});
    return result;
  }
}

function busy({ requests, bytes }: { readonly requests: number; readonly bytes: number }): Response {
  const response = problemResponse(
    new AbortedError(
      `The session is busy: ${requests} requests with ${bytes} bytes wait for their turn. Send this one again when one of them is answered.`,
    ),
  );
  response.headers.set("retry-after", "1");
  return response;
}
