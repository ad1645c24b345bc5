/** SessionService: one session of the library behind the contract. Every host runs this; none adds semantics of its own. */
import * as tf from "../src/index.ts";
import type {
  CreateOptions,
  DoctorRequest,
  GraphSource,
  MovingStatistics,
  RunRequest,
  RunResult,
  SessionApi,
  SessionInfo,
  TensorData,
} from "./api.ts";
import { buildExample } from "./examples.ts";

/** What a host stores so that a later service of the same graph goes on with the same bits. */
export interface ServiceState extends tf.SessionChanges {
  readonly steps: number;
}

export interface ServiceOptions extends CreateOptions {
  readonly id: string;
  /** Values of an earlier service of the same graph. */
  readonly state?: ServiceState;
}

export class SessionService implements SessionApi {
  readonly id: string;
  readonly #session: tf.Session;
  readonly #warnings: tf.Finding[];
  #steps: number;
  #closed = false;
  #last: Promise<unknown> = Promise.resolve();

  private constructor(id: string, session: tf.Session, warnings: tf.Finding[], steps: number) {
    this.id = id;
    this.#session = session;
    this.#warnings = warnings;
    this.#steps = steps;
  }

  /** Builds or imports the graph and opens a session on it. The kernels are the host's: it imports its entry of src/. */
  static async create(source: GraphSource, options: ServiceOptions): Promise<SessionService> {
    const graph = "example" in source ? buildExample(source.example) : await tf.importMetaGraph(source.metaGraph);
    const warnings: tf.Finding[] = [];
    const { seed, maxMemoryBytes, state } = options;
    const session = await tf.Session.create({
      graph,
      seed: state?.seed ?? seed,
      maxMemoryBytes,
      onWarning: (finding) => warnings.push(finding),
    });
    if (state) session.putChanges(state);
    return new SessionService(options.id, session, warnings, state?.steps ?? 0);
  }

  info(): Promise<SessionInfo> {
    return this.#next(() => {
      const initialized = this.#session.variables();
      const { operations } = this.#session.graph;
      return {
        id: this.id,
        nodes: operations.length,
        seed: this.#session.seed,
        steps: this.#steps,
        variables: operations
          .filter((op) => op.type === "VariableV2")
          .map(({ name, outputs: [{ dtype, shape }] }) => {
            return { name, dtype: dtype.base.name, shape, initialized: initialized.has(name) };
          }),
        memoryBytes: this.#session.memory.usedBytes,
      };
    });
  }

  run(request: RunRequest): Promise<RunResult> {
    return this.#next(async () => {
      const { fetches: names, feeds, repeat = 1, collect = [] } = request;
      checkNames("fetches", names);
      checkNames("collect", collect);
      this.#warnings.length = 0;
      const { fetches, series } = await this.#session.runSeries(names, feeds, { repeat, collect: byName(collect) });
      this.#steps += repeat;
      return {
        fetches: Object.fromEntries(names.map((name, i) => [name, fetches[i] ? tensorData(fetches[i]) : null])),
        series: Object.fromEntries(Object.entries(series).map(([name, tensor]) => [name, tensorData(tensor)])),
        warnings: [...this.#warnings],
      };
    });
  }

  movingStatistics(): Promise<readonly MovingStatistics[]> {
    return this.#next(() => this.#session.movingStatistics().map(statisticsData));
  }

  checkpoint(): Promise<Uint8Array> {
    return this.#next(() => this.#session.checkpoint());
  }

  restore(checkpoint: Uint8Array): Promise<void> {
    return this.#next(() => this.#session.restore(checkpoint));
  }

  doctor({ fetches, feeds }: DoctorRequest): Promise<readonly tf.Finding[]> {
    return this.#next(() => {
      checkNames("fetches", fetches);
      return this.#session.doctor(fetches, feeds);
    });
  }

  close(): Promise<void> {
    return this.#next(() => {
      this.#closed = true;
      this.#session.close();
    });
  }

  /** What changed since the last call: variables that were written, and all counters. Only between calls. */
  takeState(): ServiceState {
    return { ...this.#session.takeChanges(), steps: this.#steps };
  }

  /** Starts `call` when the calls before it have ended. */
  #next<T>(call: () => T | Promise<T>): Promise<T> {
    const result = this.#last.then(() => {
      if (this.#closed) throw sessionNotFound(this.id);
      return call();
    });
    this.#last = result.catch(() => {});
    return result;
  }
}

export function sessionNotFound(id: string): Error {
  return new tf.errors.NotFoundError(`There is no session '${id}': it was closed, or never made here.`);
}

/** Callers from JavaScript have no compiler that tells them. */
function checkNames(what: string, names: unknown): void {
  if (!Array.isArray(names) || names.some((name) => typeof name !== "string")) {
    throw new tf.errors.InvalidArgumentError(`${what} must be an array of names of tensors or operations.`);
  }
}

function byName(names: readonly string[]): { [name: string]: string } {
  return Object.fromEntries(names.map((name) => [name, name]));
}

/** A plain object, so that every host gives the same and structured clone keeps it. */
function tensorData({ dtype, shape, data }: tf.FetchedTensor): TensorData {
  return { dtype, shape, data };
}

function statisticsData({ mean, variance, ...rest }: tf.LayerStatistics): MovingStatistics {
  return { ...rest, mean: tensorData(mean), variance: tensorData(variance) };
}
