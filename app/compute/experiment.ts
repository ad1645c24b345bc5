/**
 * The tutorial's two runs in lockstep, one step each, over whatever host holds the sessions: the same calls in a worker
 * and at the edge. Knows no page: it is told where to emit, how to wait and what the time is.
 */
import type { GraphSource, RunRequest, RunResult, SessionApi, TensorData, Trainlet } from "../../worker/api.ts";
import { fingerprint } from "./fingerprint.ts";
import {
  runNames,
  type Batch,
  type MapSlice,
  type Pair,
  type Planned,
  type ResultFacts,
  type RunFacts,
  type RunName,
} from "./protocol.ts";

/** Names of the tutorial's graph. */
export const names = {
  input: "input_node:0",
  training: "training:0",
  train: "train_op",
  initialize: "init",
  net: "net:0",
  mean: "bn/moving_mean/read:0",
  variance: "bn/moving_variance/read:0",
  batchMean: "bn/cond/Merge_1:0",
  batchVariance: "bn/cond/Merge_2:0",
} as const;

export interface ExperimentOptions {
  readonly trainlet: Trainlet;
  readonly sources: Pair<GraphSource>;
  /** The photograph, [100,100,3] in the order that the golden run had. */
  readonly image: Uint8Array;
  readonly clock: () => number;
}

export class Experiment {
  readonly #options: ExperimentOptions;
  readonly #feeds: RunRequest["feeds"];
  readonly #results = new Map<number, Pair<TensorData>>();
  #sessions: Pair<SessionApi> | null = null;
  /** Runs that both sessions have done, as their hosts count them. */
  #runs = 0;
  #planned: Planned | null = null;
  #computingMs = 0;
  #preparingMs = 0;
  #memoryBytesAtFirst = 0;
  /** Steps that both runs have done. */
  done = 0;
  prepared = false;

  constructor(options: ExperimentOptions) {
    this.#options = options;
    this.#feeds = { [names.input]: { data: options.image, shape: [1, 100, 100, 3], dtype: "uint8" } };
  }

  /** Sessions, variables, the doctor's word. */
  async prepare(): Promise<Planned> {
    const { clock } = this.#options;
    const begin = clock();
    await this.#open();
    const sessions = this.#sessions!;
    const findings = await both(async (run) => sessions[run].doctor({ fetches: [names.train], feeds: this.#feeds }));
    const [layer] = await sessions.with.movingStatistics();
    this.#planned = { channels: layer.mean.shape[0], momentum: layer.momentum, findings };
    this.#preparingMs = clock() - begin;
    this.prepared = true;
    return this.#planned;
  }

  /** The values before the first step, and the batch's own, which every step will see. Moves nothing. */
  async initial(): Promise<Batch> {
    const batchOnly: RunRequest = { fetches: [names.batchMean, names.batchVariance], feeds: this.#feeds };
    const { fetches } = (await this.#run(batchOnly)).with;
    const layers = await both(async (run) => (await this.#sessions![run].movingStatistics())[0]);
    return {
      from: 0,
      count: 1,
      mean: map(layers, (layer) => layer.mean.data as Float32Array),
      variance: map(layers, (layer) => layer.variance.data as Float32Array),
      batchStatistics: {
        mean: fetches[names.batchMean]!.data as Float32Array,
        variance: fetches[names.batchVariance]!.data as Float32Array,
      },
    };
  }

  /** The next `count` steps of both runs. */
  async advance(count: number): Promise<Batch> {
    const { clock } = this.#options;
    const first = this.done === 0;
    const request: RunRequest = {
      fetches: [names.train],
      feeds: this.#feeds,
      repeat: count,
      collect: [names.mean, names.variance],
    };
    const begin = clock();
    const results = await this.#run(request);
    this.#computingMs += clock() - begin;
    const rows: Batch = {
      from: this.done + 1,
      count,
      mean: map(results, ({ series }) => series[names.mean].data as Float32Array),
      variance: map(results, ({ series }) => series[names.variance].data as Float32Array),
    };
    this.done += count;
    if (first) this.#memoryBytesAtFirst = await this.#memory();
    return rows;
  }

  /** Inference with the statistics of now. Its values are kept: see `slice`. */
  async infer(): Promise<Pair<ResultFacts>> {
    const request: RunRequest = { fetches: [names.net], feeds: { ...this.#feeds, [names.training]: false } };
    const results = await this.#run(request);
    const nets = map(results, ({ fetches }) => fetches[names.net]!);
    this.#results.set(this.done, nets);
    return map(nets, ({ data }) => factsOf(data as Float32Array));
  }

  /** One channel of an inference result; null where there is none for that step. */
  slice(step: number, channel: number): MapSlice | null {
    const nets = this.#results.get(step);
    if (!nets) return null;
    const [, size, , channels] = nets.with.shape;
    const values = map(nets, ({ data }) =>
      Float32Array.from({ length: size * size }, (_, i) => data[i * channels + channel] as number),
    );
    return { step, channel, size, values };
  }

  async facts(shownMs: number): Promise<RunFacts> {
    const sessions = this.#sessions!;
    const layers = await both(async (run) => (await sessions[run].movingStatistics())[0]);
    const nets = this.#results.get(this.done)!;
    return {
      computingMs: this.#computingMs,
      shownMs,
      preparingMs: this.#preparingMs,
      memoryBytes: await this.#memory(),
      memoryBytesAtFirst: this.#memoryBytesAtFirst,
      momentum: layers.with.momentum,
      updates: map(layers, ({ updates }) => updates),
      residual: map(layers, ({ residual }) => residual),
      bits: await fingerprint(
        runNames.flatMap((run) => [nets[run].data, layers[run].mean.data, layers[run].variance.data] as Float32Array[]),
      ),
    };
  }

  /**
   * After an outage: an answer may be lost whose steps were done. Then both runs are made anew up to the steps that the
   * page has, with the same bits. Tells whether that was necessary.
   */
  async resync(): Promise<boolean> {
    if (this.#sessions) {
      const infos = await both((run) => this.#sessions![run].info());
      if (runNames.every((run) => infos[run].steps === this.#runs)) return false;
      await this.close();
    }
    await this.#open();
    const step: RunRequest = { fetches: [names.train], feeds: this.#feeds };
    for (let left = this.done; left > 0; left -= Math.min(left, 10))
      await this.#run({ ...step, repeat: Math.min(left, 10) });
    return this.done > 0;
  }

  /** Frees the sessions; at the edge their storage, too. */
  async close(): Promise<void> {
    const sessions = this.#sessions;
    this.#sessions = null;
    if (sessions) await Promise.allSettled(runNames.map((run) => sessions[run].close()));
  }

  async #open(): Promise<void> {
    const { trainlet, sources } = this.#options;
    this.#runs = 0;
    this.#sessions = await both((run) => trainlet.create(sources[run]));
    await this.#run({ fetches: [names.initialize] });
  }

  async #run(request: RunRequest): Promise<Pair<RunResult>> {
    const sessions = this.#sessions!;
    const results = await both((run) => sessions[run].run(request));
    this.#runs += request.repeat ?? 1;
    return results;
  }

  async #memory(): Promise<number> {
    const infos = await both((run) => this.#sessions![run].info());
    return infos.with.memoryBytes + infos.without.memoryBytes;
  }
}

async function both<T>(call: (run: RunName) => Promise<T>): Promise<Pair<T>> {
  const [first, second] = await Promise.all([call("with"), call("without")]);
  return { with: first, without: second };
}

function map<T, U>(pair: Pair<T>, change: (value: T) => U): Pair<U> {
  return { with: change(pair.with), without: change(pair.without) };
}

function factsOf(values: Float32Array): ResultFacts {
  let sum = 0;
  let beyond = 0;
  for (const value of values) {
    sum += value;
    if (Math.abs(value) > 3) beyond++;
  }
  const mean = sum / values.length;
  let squares = 0;
  for (const value of values) squares += (value - mean) ** 2;
  return { mean, std: Math.sqrt(squares / values.length), beyond: beyond / values.length };
}
