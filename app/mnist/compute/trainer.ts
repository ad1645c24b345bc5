/** One training run on one host: makes the session, trains, looks at it now and then, and reads drawings between steps. */
import { errors, type Progress } from "../../../src/index.ts";
import type { FitInfo, FitRequest, SessionApi, Trainlet } from "../../../worker/api.ts";
import { retryDelaysMs } from "../../compute/delays.ts";
import { failureOf } from "../../compute/edge.ts";
import type { Digits } from "./digits.ts";
import { pictureSize } from "./digits.ts";
import { heldOut, type LayerColumn, type MnistWorkerMessage, type TrainBatch, type TrainSettings } from "./protocol.ts";

const batchEveryMs = 50;
/** Columns of a heat strip over a whole run, about. */
const columns = 150;
const validateEvery = 100;
const testBatch = 500;

export interface TrainerOptions {
  readonly trainlet: Trainlet;
  readonly digits: Digits;
  readonly settings: TrainSettings;
  readonly emit: (message: MnistWorkerMessage, transfer?: Transferable[]) => void;
}

/** What a run is carried to another host by. */
export interface Carried {
  readonly checkpoint: Uint8Array;
  readonly state: FitInfo["state"];
}

export class Trainer {
  readonly #options: TrainerOptions;
  #session: SessionApi | null = null;
  #pending: { from: number; loss: number[]; accuracy: number[] } | null = null;
  #looks: { validations: TrainBatch["validations"]; statistics: TrainBatch["statistics"] } = empty;
  #sentAt = 0;
  #computingMs = 0;
  #rate: number;
  /** Where the schedule has brought it. */
  #fallen: number;
  #wake: (() => void) | null = null;
  step = 0;
  /** Whether it can train and read. */
  ready = false;

  constructor(options: TrainerOptions) {
    this.#options = options;
    this.#rate = this.#fallen = options.settings.rate;
  }

  get #open(): SessionApi {
    if (!this.#session) throw new Error("The run was not prepared.");
    return this.#session;
  }

  /** The session, its data, and its first or carried values. Not ready where `signal` said stop. */
  async prepare(signal: AbortSignal, carried: Carried | null): Promise<void> {
    await this.#insist(signal, () => this.#prepare(carried));
  }

  async #prepare(carried: Carried | null): Promise<void> {
    const { trainlet, digits, settings, emit } = this.#options;
    await this.close().catch(() => {});
    emit({ type: "preparing", what: "kernels" });
    const session = await trainlet.create({ example: settings.updates ? "mnist" : "mnist-forgotten" }, { seed: 1 });
    this.#session = session;
    if (carried) await session.restore(carried.checkpoint);
    else await session.run({ fetches: ["init"] });
    emit({ type: "preparing", what: "data" });
    const { train, test } = digits;
    for (const [name, part, rows] of [
      ["train", train, train.rows],
      ["test", test, Math.min(heldOut, test.rows)],
    ] as const) {
      const pixels = part.pixels.subarray(0, rows * pictureSize ** 2);
      await session.putData(`${name}_pixels`, { dtype: "uint8", shape: [rows, ...picture], data: pixels });
      await session.putData(`${name}_labels`, { dtype: "uint8", shape: [rows], data: part.labels.subarray(0, rows) });
    }
    emit({ type: "preparing", what: "plan" });
    this.step = carried?.state.step ?? 0;
    const layers = await session.movingStatistics();
    emit({
      type: "started",
      step: this.step,
      steps: this.#steps,
      stepsPerEpoch: this.#stepsPerEpoch,
      layers: layers.map(({ layer, mean }) => ({ name: layer, channels: mean.data.length })),
    });
    await this.#look();
    this.#send();
    this.ready = true;
  }

  /** Trains until the end, or until `signal` says stop. A run that was stopped goes on. */
  async go(signal: AbortSignal, state?: FitInfo["state"], rate = this.#rate): Promise<void> {
    this.#rate = rate;
    let from = state;
    const went = await this.#insist(
      signal,
      () => this.#train(signal, from),
      async () => (from = await this.state()),
    );
    if (!went) this.#options.emit({ type: "stopped", step: this.step, facts: null });
  }

  /** Ends a wait for the edge; false where there is none. */
  retryNow(): boolean {
    const wake = this.#wake;
    wake?.();
    return wake !== null;
  }

  /** Work that is tried again while the edge does not answer; false once `signal` says stop. Tries count anew behind each step. */
  async #insist(signal: AbortSignal, work: () => Promise<void>, before?: () => Promise<unknown>): Promise<boolean> {
    const { emit } = this.#options;
    let failures = 0;
    let failedAt = -1;
    for (;;) {
      try {
        if (failures > 0) {
          await before?.();
          emit({ type: "resumed" });
        }
        await work();
        return true;
      } catch (error) {
        if (this.#pending) this.#send();
        if (this.step > failedAt) failures = 0;
        failedAt = this.step;
        if (failureOf(error).kind !== "unreachable" || failures === retryDelaysMs.length) throw error;
        const retryInMs = retryDelaysMs[failures++];
        emit({ type: "waiting", retryInMs });
        await this.#pause(retryInMs, signal);
        if (signal.aborted) return false;
      }
    }
  }

  #pause(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        signal.removeEventListener("abort", done);
        this.#wake = null;
        resolve();
      };
      const timer = setTimeout(done, ms);
      this.#wake = done;
      signal.addEventListener("abort", done);
      if (signal.aborted) done();
    });
  }

  async #train(signal: AbortSignal, state?: FitInfo["state"]): Promise<void> {
    const { emit } = this.#options;
    const every = Math.max(1, Math.round(this.#steps / columns));
    let begin = performance.now();
    const result = await this.#open.fit(this.#request(state), {
      signal,
      onProgress: async (progress) => {
        this.#computingMs += performance.now() - begin;
        this.#add(progress);
        if (progress.step % every === 0) await this.#look();
        if (performance.now() - this.#sentAt >= batchEveryMs) this.#send(progress);
        begin = performance.now();
      },
      onWarning: (finding) => emit({ type: "findings", findings: [finding] }),
    });
    const stopped = result.reason === "stopped";
    this.#send(result.progress ?? undefined);
    const { memoryBytes } = await this.#open.info();
    const testAccuracy = stopped ? null : await this.#test();
    const facts = { computingMs: this.#computingMs, memoryBytes, testAccuracy };
    emit({ type: stopped ? "stopped" : "finished", step: this.step, facts });
    // Whoever stops it does not wait for this.
    await this.#look();
    this.#send();
  }

  /** Where it stands, to be carried on. */
  async carried(): Promise<Carried> {
    // Not awaited one after the other: no step comes in between.
    const [info, checkpoint] = await Promise.all([this.#open.fitInfo(), this.#open.checkpoint()]);
    return { checkpoint, state: info.state };
  }

  /** Where its fit stands; undefined where it did not get as far as to have one. */
  async state(): Promise<FitInfo["state"] | undefined> {
    try {
      return (await this.#open.fitInfo()).state;
    } catch (error) {
      if (this.step === 0 && error instanceof errors.NotFoundError && / has no fit\./.test(error.message))
        return undefined;
      throw error;
    }
  }

  predict(pixels: Uint8Array): Promise<Float32Array> {
    return read(this.#open, pixels);
  }

  async close(): Promise<void> {
    await this.#session?.close();
  }

  get #stepsPerEpoch(): number {
    return Math.ceil(this.#options.digits.train.rows / this.#options.settings.batch);
  }

  get #steps(): number {
    return this.#stepsPerEpoch * this.#options.settings.epochs;
  }

  #request(resume: FitInfo["state"] | undefined): FitRequest {
    const { batch, epochs } = this.#options.settings;
    return {
      feeds: { "pixels:0": "train_pixels", "labels:0": "train_labels" },
      constants: { "training:0": true, "rate:0": this.#rate, "decay_steps:0": this.#steps },
      train: "train_op",
      fetches: { loss: "loss:0", accuracy: "accuracy:0", rate: "learning_rate:0" },
      batchSize: batch,
      epochs,
      seed: 1,
      validation: {
        feeds: { "pixels:0": "test_pixels", "labels:0": "test_labels" },
        fetches: { accuracy: "accuracy:0", loss: "loss:0" },
        batchSize: 250,
        every: validateEvery,
      },
      ...(resume && { resume }),
    };
  }

  #add({ step, fetches, validation }: Progress): void {
    this.step = step;
    this.#pending ??= { from: step, loss: [], accuracy: [] };
    this.#pending.loss.push(fetches.loss);
    this.#pending.accuracy.push(fetches.accuracy);
    if (!validation) return;
    const found = { step, accuracy: validation.accuracy, loss: validation.loss };
    this.#looks = { ...this.#looks, validations: [...this.#looks.validations, found] };
  }

  /** A column for each heat strip: where the moving mean is, seen from the mean of a batch. */
  async #look(): Promise<void> {
    const session = this.#open;
    const layers = await session.movingStatistics();
    const { train } = this.#options.digits;
    const rows = Math.min(64, train.rows);
    const names = layers.flatMap(({ layer }) => [`${layer}/cond/Merge_1:0`, `${layer}/cond/Merge_2:0`]);
    const { fetches } = await session.run({
      fetches: names,
      feeds: {
        "pixels:0": { dtype: "uint8", shape: [rows, ...picture], data: train.pixels.slice(0, rows * pictureSize ** 2) },
        "training:0": true,
      },
    });
    const statistics = layers.map(({ layer, mean, residual, updates }, i): LayerColumn => {
      const [batchMean, batchVariance] = [names[2 * i], names[2 * i + 1]].map((name) => fetches[name]!.data);
      const deviation = Float32Array.from(mean.data as Float32Array, (moving, channel) => {
        return (moving - Number(batchMean[channel])) / Math.sqrt(Number(batchVariance[channel]) + 1e-12);
      });
      return { step: this.step, layer, deviation, residual, updates };
    });
    this.#looks = { ...this.#looks, statistics: [...this.#looks.statistics, ...statistics] };
  }

  #send(progress?: Progress): void {
    const { from, loss, accuracy } = this.#pending ?? { from: this.step + 1, loss: [], accuracy: [] };
    const batch = {
      from,
      loss: Float32Array.from(loss),
      accuracy: Float32Array.from(accuracy),
      rate: (this.#fallen = progress?.fetches.rate ?? this.#fallen),
      stepsPerSecond: progress?.stepsPerSecond ?? null,
      ...this.#looks,
    };
    this.#pending = null;
    this.#looks = empty;
    this.#sentAt = performance.now();
    this.#options.emit({ type: "batch", ...batch }, [batch.loss.buffer, batch.accuracy.buffer]);
  }

  /** The share of all test digits that are read rightly. */
  async #test(): Promise<number> {
    const { test } = this.#options.digits;
    let right = 0;
    for (let row = 0; row < test.rows; row += testBatch) {
      const rows = Math.min(testBatch, test.rows - row);
      const { fetches } = await this.#open.run({
        fetches: ["accuracy:0"],
        feeds: {
          "pixels:0": {
            dtype: "uint8",
            shape: [rows, ...picture],
            data: test.pixels.slice(row * pictureSize ** 2, (row + rows) * pictureSize ** 2),
          },
          "labels:0": { dtype: "uint8", shape: [rows], data: test.labels.slice(row, row + rows) },
        },
      });
      right += Number(fetches["accuracy:0"]!.data[0]) * rows;
    }
    return right / test.rows;
  }
}

/** Ten probabilities for a picture. */
export async function read(session: SessionApi, pixels: Uint8Array): Promise<Float32Array> {
  const { fetches } = await session.run({
    fetches: ["probabilities:0"],
    feeds: { "pixels:0": { dtype: "uint8", shape: [1, ...picture], data: pixels } },
  });
  return fetches["probabilities:0"]!.data as Float32Array;
}

const picture = [pictureSize, pictureSize, 1] as const;

const empty: Pick<TrainBatch, "validations" | "statistics"> = { validations: [], statistics: [] };
