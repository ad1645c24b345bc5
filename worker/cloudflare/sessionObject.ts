/**
 * A session as a Durable Object: in memory while it is used, rebuilt from SQLite when it was evicted. What a call changes is
 * stored before its answer goes out, so that an answered call is never lost.
 */
import { DurableObject } from "cloudflare:workers";
import "../../src/entry/workerd.ts";
import { InternalError } from "../../src/graph/errors.ts";
import type { CreateOptions, DoctorRequest, GraphSource, RunRequest, SessionInfo } from "../api.ts";
import type { SessionHost } from "../host.ts";
import { createApp, type HttpApp } from "../http/app.ts";
import { SessionService, sessionNotFound } from "../service.ts";
import { SessionStorage } from "./storage.ts";

/** The isolate outlives the object: what an evicted session held is given back when it is collected. */
const evicted = new FinalizationRegistry<SessionService>((service) => void service.close());

export class SessionObject extends DurableObject implements SessionHost {
  readonly #id: string;
  readonly #storage: SessionStorage;
  readonly #app: HttpApp;
  #service: SessionService | null = null;
  #last: Promise<unknown> = Promise.resolve();

  constructor(state: DurableObjectState, env: Cloudflare.Env) {
    super(state, env);
    this.#id = state.id.toString();
    this.#storage = new SessionStorage(state.storage);
    this.#app = createApp(this);
  }

  /** All requests of this session. That its id is this object's was seen to by the Worker. */
  override fetch(request: Request): Response | Promise<Response> {
    return this.#app.fetch(request);
  }

  create(source: GraphSource, options: CreateOptions = {}): Promise<SessionInfo> {
    return this.#next(async () => {
      const service = await SessionService.create(source, { ...options, id: this.#id });
      this.#storage.create(source, options.maxMemoryBytes, service.takeState());
      this.#keep(service);
      return service.info();
    });
  }

  info() {
    return this.#read((service) => service.info());
  }

  run(_id: string, request: RunRequest) {
    return this.#write((service) => service.run(request));
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

  close(): Promise<void> {
    return this.#next(async () => {
      await this.#load();
      await this.#storage.delete();
      this.#drop();
    });
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
      this.#storage.update(service.takeState());
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
    if (this.#service) return this.#service;
    // A rejection inside blockConcurrencyWhile would reset the object and hide its reason.
    const outcome = await this.ctx.blockConcurrencyWhile(() => this.#rebuild().catch((error: unknown) => ({ error })));
    if ("error" in outcome) throw outcome.error;
    return outcome;
  }

  async #rebuild(): Promise<SessionService> {
    const stored = this.#storage.read();
    if (!stored) throw sessionNotFound(this.#id);
    const { source, maxMemoryBytes, state } = stored;
    const service = await SessionService.create(source, { id: this.#id, maxMemoryBytes, state });
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
