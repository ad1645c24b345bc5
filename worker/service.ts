/** SessionService: one session of the library behind the contract. Every host runs this; none adds semantics of its own. */
import * as tf from "../src/index.ts";
import { formatShape, isFullyDefined, sizeOf } from "../src/graph/shape.ts";
import { isVariable, variableType } from "../src/graph/variableOps.ts";
import { formatBytes } from "../src/runtime/heap.ts";
import type {
  CreateOptions,
  DoctorRequest,
  GraphSource,
  MovingStatistics,
  RunRequest,
  RunResult,
  SessionApi,
  SessionInfo,
} from "./api.ts";
import { buildExample } from "./examples.ts";
import type { RunControl } from "./host.ts";
import { runInSlices, stopped, tensorData } from "./slices.ts";

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
    else checkVariablesFit(session);
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
