/** SessionService: one session of the library behind the contract. Every host runs this; none adds semantics of its own. */
import * as tf from "../src/index.ts";
import { formatShape, isFullyDefined, sizeOf } from "../src/graph/shape.ts";
import { isVariable, variableType } from "../src/graph/variableOps.ts";
import { formatBytes } from "../src/runtime/heap.ts";
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
  RunResult,
  SessionInfo,
  TensorData,
} from "./api.ts";
import { MemoryColumns, type ColumnStore } from "./columns.ts";
import { buildExample } from "./examples/index.ts";
import { FitJob } from "./fit.ts";
import type { RunControl } from "./host.ts";
import { runInSlices, stopped, tensorData } from "./slices.ts";

/** What a host stores so that a later service of the same graph goes on with the same bits. */
export interface ServiceState extends tf.SessionChanges {
  readonly steps: number;
  readonly fit: FitInfo | null;
}

export interface ServiceOptions extends CreateOptions {
  readonly id: string;
  /** Where training data are. Default: in memory. */
  readonly columns?: ColumnStore;
  /** Values of an earlier service of the same graph. */
  readonly state?: ServiceState;
}

export class SessionService {
  readonly id: string;
  readonly #session: tf.Session;
  readonly #warnings: tf.Finding[];
  /** What was found when a fit was planned: told with its first steps. */
  #fitWarnings: readonly tf.Finding[] = [];
  readonly #columns: ColumnStore;
  #fit: FitJob | null;
  #steps: number;
  #closed = false;
  #last: Promise<unknown> = Promise.resolve();

  private constructor(session: tf.Session, warnings: tf.Finding[], { id, columns, state }: ServiceOptions) {
    this.id = id;
    this.#session = session;
    this.#warnings = warnings;
    this.#columns = columns ?? new MemoryColumns();
    this.#fit = state?.fit ? new FitJob(state.fit) : null;
    this.#steps = state?.steps ?? 0;
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
    else checkVariablesFit(session);
    return new SessionService(session, warnings, options);
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
        variables: operations.filter(isVariable).map((op) => {
          const { dtype, shape } = variableType(op);
          return { name: op.name, dtype: dtype.name, shape, initialized: initialized.has(op.name) };
        }),
        memoryBytes: this.#session.memory.usedBytes,
      };
    });
  }

  /** Runs in slices of some steps, between which others get in and the run can be stopped. */
  run(request: RunRequest, control: RunControl = {}): Promise<RunResult> {
    const { signal } = control;
    let begun = false;
    const result = this.#next(async () => {
      begun = true;
      checkNames("fetches", request.fetches);
      checkNames("collect", request.collect ?? []);
      if (signal?.aborted) throw this.#stopped(request, 0, signal);
      this.#warnings.length = 0;
      const values = await runInSlices(this.#session, request, control, {
        done: (steps) => void (this.#steps += steps),
        stopped: (done, by) => this.#stopped(request, done, by),
      });
      return { ...values, warnings: [...this.#warnings] };
    });
    return signal ? unlessStopped(result, signal, () => (begun ? null : this.#stopped(request, 0, signal))) : result;
  }

  movingStatistics(): Promise<readonly MovingStatistics[]> {
    return this.#next(() => this.#session.movingStatistics().map(statisticsData));
  }

  checkpoint(): Promise<Uint8Array> {
    return this.#next(() => this.#session.checkpoint({ metadata: this.#fit?.metadata() }));
  }

  restore(checkpoint: Uint8Array | tf.TensorFlowCheckpoint): Promise<void> {
    return this.#next(async () => {
      await this.#session.restore(checkpoint);
      // It stood where the variables were before.
      this.#fit?.forget();
      this.#fit = null;
    });
  }

  doctor({ fetches, feeds, severity }: DoctorRequest): Promise<readonly tf.Finding[]> {
    return this.#next(() => {
      checkNames("fetches", fetches);
      return this.#session.doctor(fetches, feeds, { severity });
    });
  }

  listData(): Promise<readonly ColumnInfo[]> {
    return this.#next(() => this.#columns.list());
  }

  putData(name: string, rows: TensorData, at: number): Promise<ColumnInfo> {
    return this.#next(() => {
      checkColumn(name, rows);
      this.#fit?.forget();
      return this.#columns.write(name, rows, at);
    });
  }

  deleteData(name: string): Promise<void> {
    return this.#next(() => {
      this.#fit?.forget();
      this.#columns.delete(name);
    });
  }

  /** Checks all of the request, and makes its plans. The fit before it is forgotten. */
  startFit(request: FitRequest): Promise<FitInfo> {
    return this.#next(() => {
      this.#warnings.length = 0;
      const fit = FitJob.start(this.#session, this.#columns, request);
      this.#fit?.forget();
      this.#fit = fit;
      this.#fitWarnings = [...this.#warnings];
      return this.#fit.info();
    });
  }

  fit(): Promise<FitInfo> {
    return this.#next(() => this.#requireFit().info());
  }

  fitSteps(count: number): Promise<FitSteps> {
    return this.#next(async () => {
      this.#warnings.length = 0;
      const fit = this.#requireFit();
      const progress = await fit.steps(this.#session, this.#columns, count);
      this.#steps += progress.length;
      const { step, steps, ended } = fit.info();
      const warnings = [...this.#fitWarnings, ...this.#warnings];
      this.#fitWarnings = [];
      return { progress, step, steps, ended, warnings };
    });
  }

  #requireFit(): FitJob {
    if (!this.#fit) throw new tf.errors.NotFoundError(`The session '${this.id}' has no fit. Start one first.`);
    return this.#fit;
  }

  close(): Promise<void> {
    return this.#next(() => {
      this.#closed = true;
      this.#session.close();
    });
  }

  /** What changed since the last call: variables that were written, and all counters. Only between calls. `kept`: see
   * `Session.takeChanges`. */
  takeState(kept?: Map<string, tf.FetchedTensor>): ServiceState {
    return { ...this.#session.takeChanges(kept), steps: this.#steps, fit: this.#fit?.info() ?? null };
  }

  #stopped({ repeat = 1 }: RunRequest, done: number, signal: AbortSignal): Error {
    return stopped(signal, `after ${done} of ${repeat} steps; the session stands at step ${this.#steps}`);
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

function checkColumn(name: unknown, rows: unknown): void {
  if (typeof name !== "string" || name === "")
    throw new tf.errors.InvalidArgumentError("Data need a name of at least one character.");
  const { data, shape, dtype } = (rows ?? {}) as Partial<TensorData>;
  if (!ArrayBuffer.isView(data) || !Array.isArray(shape) || typeof dtype !== "string")
    throw new tf.errors.InvalidArgumentError(`The data '${name}' must be { dtype, shape, data } with a typed array.`);
}

/** A rejection as soon as the signal says so, if `why` then has an error. */
function unlessStopped<T>(result: Promise<T>, signal: AbortSignal, why: () => Error | null): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => {
    const error = why();
    if (error) reject(error);
  };
  if (signal.aborted) onAbort();
  signal.addEventListener("abort", onAbort);
  return Promise.race([result, promise]).finally(() => signal.removeEventListener("abort", onAbort));
}

/** A graph whose variables alone pass the limit will never run. */
function checkVariablesFit(session: tf.Session): void {
  const { limitBytes } = session.memory;
  const sizes = session.graph.operations.filter(isVariable).map((op) => {
    const { dtype, shape } = variableType(op);
    return { op, dtype, shape, bytes: isFullyDefined(shape) ? sizeOf(shape) * dtype.size : 0 };
  });
  const total = sizes.reduce((sum, { bytes }) => sum + bytes, 0);
  if (total <= limitBytes) return;
  session.close();
  const largest = sizes.reduce((a, b) => (b.bytes > a.bytes ? b : a));
  throw new tf.errors.ResourceExhaustedError(
    `The variables of this graph need ${formatBytes(total)}, the limit is ${formatBytes(limitBytes)} (largest: ` +
      `'${largest.op.name}' ${formatShape(largest.shape)} ${largest.dtype}, ${formatBytes(largest.bytes)}).`,
  );
}

function statisticsData({ mean, variance, ...rest }: tf.LayerStatistics): MovingStatistics {
  return { ...rest, mean: tensorData(mean), variance: tensorData(variance) };
}
