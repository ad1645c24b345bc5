/** One training run on one host: makes the session, trains, looks at it now and then, and reads drawings between steps. */
import type { Progress } from "../../../src/index.ts";
import type { FitInfo, FitRequest, SessionApi, Trainlet } from "../../../worker/api.ts";
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
  step = 0;

  constructor(options: TrainerOptions) {
    this.#options = options;
  }

  get #open(): SessionApi {
    if (!this.#session) throw new Error("The run was not prepared.");
    return this.#session;
  }

  /** The session, its data, and its first or carried values. */
  async prepare(carried: Carried | null): Promise<void> {
    const { trainlet, digits, settings, emit } = this.#options;
    emit({ type: "preparing", what: "kernels" });
    const session = await trainlet.create({ example: settings.updates ? "mnist" : "mnist-forgotten" }, { seed: 1 });
    this.#session = session;
    if (carried) await session.restore(carried.checkpoint);
    else await session.run({ fetches: ["init"] });
    emit({ type: "preparing", what: "data" });
    const { train, test } = digits;
    for (const [name, part, rows] of [
      ["train", train, train.rows],
      ["test", test, heldOut],
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
  }

  /** Trains until the end, or until `signal` says stop. A run that was stopped goes on. */
  async go(signal: AbortSignal, state?: FitInfo["state"]): Promise<void> {
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
    this.#computingMs += performance.now() - begin;
    const finished = result.reason === "finished";
    await this.#look();
    this.#send(result.progress ?? undefined);
    const { memoryBytes } = await this.#open.info();
    const testAccuracy = finished ? await this.#test() : null;
    const facts = { computingMs: this.#computingMs, memoryBytes, testAccuracy };
    emit({ type: finished ? "finished" : "stopped", step: this.step, facts });
  }

  /** Where it stands, to be carried on. */
  async carried(): Promise<Carried> {
    const { state } = await this.#open.fitInfo();
    return { checkpoint: await this.#open.checkpoint(), state };
  }

  /** Ten probabilities for a picture. */
  async predict(pixels: Uint8Array): Promise<Float32Array> {
    const { fetches } = await this.#open.run({
      fetches: ["probabilities:0"],
      feeds: { "pixels:0": { dtype: "uint8", shape: [1, ...picture], data: pixels } },
    });
    return fetches["probabilities:0"]!.data as Float32Array;
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
    const { batch, epochs, rate } = this.#options.settings;
    return {
      feeds: { "pixels:0": "train_pixels", "labels:0": "train_labels" },
      constants: { "training:0": true, "rate:0": rate, "decay_steps:0": this.#steps },
      train: "train_op",
      fetches: { loss: "loss:0", accuracy: "accuracy:0", rate: "learning_rate:0" },
      batchSize: batch,
      epochs,
      seed: 1,
      validation: {
        feeds: { "pixels:0": "test_pixels", "labels:0": "test_labels" },
        fetches: { accuracy: "accuracy:0" },
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
    const found = { step, accuracy: validation.accuracy };
    this.#looks = { ...this.#looks, validations: [...this.#looks.validations, found] };
  }

  /** A column for each heat strip: where the moving mean is, seen from the mean of a batch. */
  async #look(): Promise<void> {
    const session = this.#open;
    const layers = await session.movingStatistics();
    const { train } = this.#options.digits;
    const rows = 64;
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
      rate: progress?.fetches.rate ?? this.#options.settings.rate,
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

const picture = [pictureSize, pictureSize, 1] as const;

const empty: Pick<TrainBatch, "validations" | "statistics"> = { validations: [], statistics: [] };
