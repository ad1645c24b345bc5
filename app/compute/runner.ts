/** Runs an experiment at its pace, in slices short enough for Stop, and reports it in at most 20 batches a second. */
import { retryDelaysMs } from "./delays.ts";
import { failureOf } from "./edge.ts";
import type { Experiment } from "./experiment.ts";
import { runNames, type Batch, type Pace, type Pair, type RunSettings, type WorkerMessage } from "./protocol.ts";

const batchEveryMs = 50;
const stepsPerSecond = 25;
const sliceTargetMs = 20;
/** Keeps a batch below 64 KB. */
const maxBatch = 96;

export interface RunnerOptions {
  readonly experiment: Experiment;
  readonly settings: RunSettings;
  readonly emit: (message: WorkerMessage, transfer?: Transferable[]) => void;
}

export class Runner {
  readonly #options: RunnerOptions;
  pace: Pace;
  readonly #snapshots: ReadonlySet<number>;
  #pending: Batch | null = null;
  #sentAt = 0;
  #shownMs = 0;
  #wake: (() => void) | null = null;

  constructor(options: RunnerOptions) {
    this.#options = options;
    const { host, steps, pace } = options.settings;
    this.pace = pace;
    // Each result weighs 0.3 MB: fewer of them cross the network.
    const at = host === "edge" ? [0, 10] : [0, 1, 2, 5, 10, 20, 50];
    this.#snapshots = new Set([...at.filter((step) => step < steps), steps]);
  }

  /** Before the first step: plan, initial values, inference with them. */
  async prepare(signal: AbortSignal): Promise<void> {
    const { experiment, emit } = this.#options;
    await this.#insist(signal, async () => {
      emit({ type: "compiling", what: "kernels" });
      const planned = await experiment.prepare();
      emit({ type: "compiling", what: "plan" });
      const initial = await experiment.initial();
      const facts = await experiment.infer();
      emit({ type: "planned", ...planned });
      this.#send(initial);
      emit({ type: "snapshot", step: 0, facts });
    });
  }

  /** Steps until all are done or `signal` says stop. */
  async go(signal: AbortSignal): Promise<void> {
    const { experiment, settings, emit } = this.#options;
    let begin = performance.now();
    let before = experiment.done;
    let slice = 1;
    while (experiment.done < settings.steps && !signal.aborted) {
      const now = performance.now();
      let due = slice;
      if (this.pace === "watch") {
        due = Math.floor(((now - begin) * stepsPerSecond) / 1000) + 1 - (experiment.done - before);
        if (due < 1) {
          await this.#pause(batchEveryMs, signal);
          continue;
        }
        if (due > 10) [begin, before, due] = [now, experiment.done, 10];
      }
      const next = [...this.#snapshots].find((step) => step > experiment.done)!;
      const rows = await this.#insist(signal, () => experiment.advance(Math.min(due, next - experiment.done)));
      if (!rows) break;
      const took = (performance.now() - now) / rows.count;
      slice = Math.max(1, Math.min(10, Math.round(sliceTargetMs / Math.max(took, 0.1))));
      this.#add(rows);
      if (this.#snapshots.has(experiment.done)) await this.#snapshot(signal);
      await settled();
    }
    this.#shownMs += performance.now() - begin;
    this.#flush();
    const step = experiment.done;
    // A run that was stopped while its host did not answer stays stopped.
    const rest = <T>(work: () => Promise<T>): Promise<T | undefined> =>
      signal.aborted ? work().catch(() => undefined) : this.#insist(signal, work);
    if (!this.#snapshots.has(step)) {
      const facts = await rest(() => experiment.infer());
      if (facts) emit({ type: "snapshot", step, facts });
    }
    const facts = (await rest(() => experiment.facts(this.#shownMs))) ?? null;
    emit({ type: step === settings.steps ? "finished" : "stopped", step, facts });
  }

  /** Ends a wait for the edge at once. */
  retryNow(): void {
    this.#wake?.();
  }

  async #snapshot(signal: AbortSignal): Promise<void> {
    const { experiment, emit } = this.#options;
    this.#flush();
    const facts = await this.#insist(signal, () => experiment.infer());
    if (facts) emit({ type: "snapshot", step: experiment.done, facts });
  }

  /** Work that is tried again while the edge does not answer; undefined once `signal` says stop. */
  async #insist<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T | undefined> {
    const { experiment, emit } = this.#options;
    let redone = false;
    for (let attempt = 0; ; attempt++) {
      try {
        if (attempt > 0 && experiment.prepared) redone = await experiment.resync();
        const result = await work();
        if (attempt > 0) emit({ type: "resumed", redone });
        return result;
      } catch (error) {
        const { kind } = failureOf(error);
        if (kind !== "unreachable" || attempt === retryDelaysMs.length) throw error;
        const retryInMs = retryDelaysMs[attempt];
        emit({ type: "waiting", attempt: attempt + 1, retryInMs });
        await this.#pause(retryInMs, signal);
        if (signal.aborted) return undefined;
      }
    }
  }

  #pause(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(done, ms);
      const abort = new AbortController();
      function done(): void {
        clearTimeout(timer);
        abort.abort();
        resolve();
      }
      this.#wake = done;
      signal?.addEventListener("abort", done, { signal: abort.signal });
      if (signal?.aborted) done();
    });
  }

  #add(rows: Batch): void {
    this.#pending = this.#pending ? joined(this.#pending, rows) : rows;
    const { count } = this.#pending;
    if (performance.now() - this.#sentAt >= batchEveryMs || count >= maxBatch) this.#flush();
  }

  #flush(): void {
    if (this.#pending) this.#send(this.#pending);
    this.#pending = null;
  }

  #send({ mean, variance, batchStatistics, ...rest }: Batch): void {
    const buffers: ArrayBuffer[] = [];
    // An answer over HTTP holds all its tensors in one buffer, and only a whole buffer can move.
    const moved = (values: Float32Array): Float32Array => {
      const own = values.byteLength === values.buffer.byteLength ? values : values.slice();
      buffers.push(own.buffer as ArrayBuffer);
      return own;
    };
    const pair = (values: Pair<Float32Array>): Pair<Float32Array> => ({
      with: moved(values.with),
      without: moved(values.without),
    });
    const statistics = batchStatistics && {
      mean: moved(batchStatistics.mean),
      variance: moved(batchStatistics.variance),
    };
    const batch: Batch = { ...rest, mean: pair(mean), variance: pair(variance), batchStatistics: statistics };
    this.#options.emit({ type: "batch", ...batch }, buffers);
    this.#sentAt = performance.now();
  }
}

function joined(a: Batch, b: Batch): Batch {
  const join = (one: Pair<Float32Array>, two: Pair<Float32Array>): Pair<Float32Array> => {
    const [first, second] = runNames.map((run) => {
      const values = new Float32Array(one[run].length + two[run].length);
      values.set(one[run]);
      values.set(two[run], one[run].length);
      return values;
    });
    return { with: first, without: second };
  };
  return {
    ...a,
    count: a.count + b.count,
    mean: join(a.mean, b.mean),
    variance: join(a.variance, b.variance),
  };
}

/** Lets messages in. A timer would wait 4 ms each time. */
function settled(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.addEventListener("message", () => {
      port1.close();
      resolve();
    });
    port1.start();
    port2.postMessage(null);
  });
}
