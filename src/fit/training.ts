/** The steps of a fit: which rows a step takes, what follows it, and what its failure is called. */
import type { Finding } from "../doctor/finding.ts";
import { batchNormLayers } from "../graph/batchNormLayers.ts";
import { InvalidArgumentError, TrainletError, errorFromName } from "../graph/errors.ts";
import { NotFiniteError } from "../runtime/plan/finiteChecks.ts";
import type { Session } from "../runtime/session.ts";
import { resolveFetch } from "../runtime/fetches.ts";
import { BatchRun } from "./batches.ts";
import {
  bindAugmentations,
  bindColumns,
  checkCount,
  checkEvery,
  scalarFetches,
  type FitOptions,
  type Monitor,
} from "./options.ts";
import { EpochOrder } from "./order.ts";
import { Speedometer, type Progress } from "./progress.ts";
import { checkSame, stateKey, type BestValue, type FitState } from "./state.ts";
import { Validation } from "./validation.ts";
import { Watcher } from "./watcher.ts";

export class Training {
  readonly #session: Session;
  readonly #options: FitOptions;
  readonly #run: BatchRun;
  readonly #keys: readonly string[];
  readonly #order: EpochOrder;
  readonly #seed: number;
  readonly #rows: number;
  /** Rows of a full batch. */
  readonly #batch: number;
  readonly #stepsPerEpoch: number;
  readonly #steps: number;
  #stepsPerSlice = 1;
  readonly #validation: Validation | null;
  readonly #validateEvery: number;
  readonly #saveEvery: number;
  readonly #watchers = new Map<Watching, Watcher>();
  readonly #speed: Speedometer;
  /** What the steps of a slice fetched, a row each. */
  #values = new Float64Array(0);
  readonly #best: { [watcher: string]: BestValue };
  #step: number;
  #saved = -1;
  /** What a step threw, until the progress of those before it was given. */
  #failure: { readonly error: unknown } | null = null;
  readonly #said = new Set<string>();
  stoppedEarly = false;

  constructor(session: Session, options: FitOptions, resumed: FitState | null) {
    this.#session = session;
    this.#options = options;
    const { graph } = session;
    const columns = bindColumns(graph, options.feeds, "fit");
    this.#rows = columns[0].column.rows;
    this.#batch = Math.min(checkCount(options.batchSize, "batchSize"), this.#rows);
    const perEpoch = this.#rows / options.batchSize;
    this.#stepsPerEpoch = this.#lastBatch === "keep" ? Math.ceil(perEpoch) : Math.floor(perEpoch);
    if (this.#stepsPerEpoch === 0)
      throw new InvalidArgumentError(
        `${this.#rows} rows make no batch of ${options.batchSize}; make batchSize smaller, or keep the last batch.`,
      );
    this.#steps = stepsOf(options, this.#stepsPerEpoch);
    this.#seed = options.seed ?? resumed?.seed ?? session.seed;
    if (!Number.isSafeInteger(this.#seed))
      throw new InvalidArgumentError(`The seed of a fit must be an integer, got ${this.#seed}.`);
    this.#step = resumed?.step ?? 0;
    this.#best = { ...resumed?.best };
    if (resumed) checkSame(resumed, this.state);

    const fetches = scalarFetches(graph, options.fetches ?? {}, "The fetch");
    this.#keys = fetches.map(([key]) => key);
    const loss = fetches.filter(([key]) => key === "loss").map(([, tensor]) => tensor);
    this.#run = new BatchRun(session, {
      columns,
      augment: { by: bindAugmentations(graph, options.augment, columns), seed: this.#seed, random: true },
      constants: options.constants,
      scalars: fetches,
      train: resolveFetch(graph, options.train),
      watched: options.checkNumerics ? "all" : loss,
      onWarning: (finding) => this.#warn(finding),
    });
    const { validation, augment } = options;
    this.#validation = validation
      ? new Validation(session, { ...(augment && { augment }), ...validation }, options.batchSize)
      : null;
    this.#validateEvery = checkEvery(options.validation?.every ?? "epoch", this.#stepsPerEpoch, "validation.every");
    this.#saveEvery = checkEvery(options.checkpoint?.every ?? "epoch", this.#stepsPerEpoch, "checkpoint.every");
    this.#watch("earlyStopping", options.earlyStopping);
    this.#watch("checkpoint.best", options.checkpoint?.best);
    if (options.earlyStopping) {
      const patience = checkCount(options.earlyStopping.patience, "earlyStopping.patience");
      this.stoppedEarly = (this.#best.earlyStopping?.since ?? 0) >= patience;
    }
    this.#order = new EpochOrder(this.#seed, this.#rows);
    this.#speed = new Speedometer(this.#step);
  }

  /** Makes the plans, so that their warnings are given, and mistakes found, before the first step. */
  begin(): void {
    this.#stepsPerSlice = this.#run.stepsPerSlice(this.#batch);
    const left = this.#rows % this.#batch;
    if (left > 0 && this.#lastBatch === "keep") this.#run.plan(left);
    if (left === 1 && this.#lastBatch === "keep") this.#warnOfOne();
    this.#validation?.begin();
    this.#values = new Float64Array(this.#stepsPerSlice * this.#keys.length);
  }

  get #lastBatch(): "keep" | "drop" {
    return this.#options.lastBatch ?? "keep";
  }

  get state(): FitState {
    return {
      step: this.#step,
      seed: this.#seed,
      batchSize: this.#options.batchSize,
      rows: this.#rows,
      lastBatch: this.#lastBatch,
      best: { ...this.#best },
    };
  }

  get done(): boolean {
    return this.#step >= this.#steps || this.stoppedEarly;
  }

  /** Steps that will have been made at the end. */
  get steps(): number {
    return this.#steps;
  }

  /** Makes some steps, `most` at most, and what is due behind the last of them. Gives the progress of each, or
   * of the last only. */
  async slice(most = Infinity, all = true): Promise<Progress[]> {
    if (this.#failure) {
      const { error } = this.#failure;
      // Whoever goes on tries the step again.
      this.#failure = null;
      throw error;
    }
    const before = this.#step;
    const until = Math.min(
      this.#steps,
      before + Math.min(most, this.#stepsPerSlice),
      nextMultiple(before, this.#validation ? this.#validateEvery : Infinity),
      nextMultiple(before, this.#options.checkpoint ? this.#saveEvery : Infinity),
    );
    while (this.#step < until) {
      try {
        const ready = this.#prefetch();
        if (ready) await ready;
        this.#oneStep(this.#step - before);
      } catch (error) {
        const failure = this.#failed(error);
        if (this.#step === before) throw failure;
        this.#failure = { error: failure };
        return this.#progress(all ? before : this.#step - 1, before, null);
      }
    }
    const validation = await this.#validate();
    await this.#save(this.#step % this.#saveEvery === 0);
    return this.#progress(all ? before : this.#step - 1, before, validation);
  }

  /** Saves what is not saved yet. */
  async end(): Promise<void> {
    await this.#save(true);
  }

  /** A batch norm that sees one sample at the end of each epoch: its variance is that of one picture, or of nothing. */
  #warnOfOne(): void {
    const running = new Set(this.#run.plan(1).parts.operations);
    const layers = batchNormLayers(this.#session.graph).filter((layer) => layer.training.some((op) => running.has(op)));
    // The doctor may have said it already, of layers over no more than that sample.
    if (layers.length === 0 || [...this.#said].some((said) => said.startsWith("BN008 "))) return;
    const names = layers.map((layer) => `'${layer.name}'`);
    this.#warn({
      id: "BN008",
      severity: "warning",
      message: `The last batch of every epoch has 1 row (${this.#rows} rows in batches of ${this.#batch}): the batch norm of ${names.slice(0, 4).join(", ")}${names.length > 4 ? ` and ${names.length - 4} more` : ""} will take its statistics from one sample.`,
      ops: layers.flatMap((layer) => layer.training.map((op) => op.name)),
      fix: `tf.fit(session, { …, lastBatch: "drop" });`,
    });
  }

  /** Gives back what it holds of the session's memory. */
  close(): void {
    this.#run.close();
    this.#validation?.close();
  }

  /** Full batches and the last one have plans of their own: what both have is said once. */
  #warn(finding: Finding): void {
    const said = `${finding.id} ${finding.message}`;
    if (this.#said.has(said)) return;
    this.#said.add(said);
    (this.#options.onWarning ?? this.#session.onWarning)(finding);
  }

  // Steps

  #prefetch(): Promise<unknown> | undefined {
    const at = this.#step % this.#stepsPerEpoch;
    const order = this.#order.of(Math.floor(this.#step / this.#stepsPerEpoch));
    return this.#run.prefetch(order, at * this.#batch, this.#countAt(at));
  }

  #oneStep(row: number): void {
    const at = this.#step % this.#stepsPerEpoch;
    const epoch = Math.floor(this.#step / this.#stepsPerEpoch);
    this.#run.step(this.#order.of(epoch), at * this.#batch, this.#countAt(at), epoch);
    this.#step++;
    const { length } = this.#keys;
    for (let i = 0; i < length; i++) this.#values[row * length + i] = this.#run.scalar(i);
  }

  #countAt(at: number): number {
    return Math.min(this.#batch, this.#rows - at * this.#batch);
  }

  /** The error of a step, with its number. The session is as the step before left it. */
  #failed(error: unknown): unknown {
    if (!(error instanceof TrainletError)) return error;
    const kept = this.#step === 0 ? "Variables are as they were." : `Variables of step ${this.#step} are kept.`;
    if (error instanceof NotFiniteError) {
      const { tensor, values, fed } = error;
      const what = values === "Inf" ? "infinite" : "NaN";
      if (!this.#options.checkNumerics)
        return new InvalidArgumentError(
          `The loss became ${what} at step ${this.#step + 1}. ${kept} Lower the learning rate, or set checkNumerics to see which operation began it.`,
        );
      if (fed)
        return new InvalidArgumentError(
          `What is fed to '${tensor.name}' holds ${values} at step ${this.#step + 1}. ${kept}`,
        );
      return new InvalidArgumentError(
        `'${tensor.op.name}' (op: '${tensor.op.type}') gave ${values} at step ${this.#step + 1}, the first operation of the step to do so. ${kept}`,
      );
    }
    return errorFromName(error.name, `${error.message} This was at step ${this.#step + 1}. ${kept}`);
  }

  /** Of the steps behind `from`, in a slice that began behind `before`. */
  #progress(from: number, before: number, validation: Progress["validation"] | null): Progress[] {
    const stepsPerSecond = this.#speed.read(this.#step);
    const { length } = this.#keys;
    return Array.from({ length: this.#step - from }, (_, i) => {
      const step = from + i + 1;
      const row = (step - before - 1) * length;
      return {
        step,
        steps: this.#steps,
        epoch: Math.ceil(step / this.#stepsPerEpoch),
        fetches: Object.fromEntries(this.#keys.map((key, k) => [key, this.#values[row + k]])),
        stepsPerSecond,
        ...(validation && step === this.#step && { validation }),
      };
    });
  }

  // Between steps

  async #validate(): Promise<Record<string, number> | null> {
    if (!this.#validation || this.#step % this.#validateEvery !== 0) return null;
    const validation = await this.#validation.run().catch((error: unknown) => {
      if (!(error instanceof TrainletError)) throw error;
      throw errorFromName(error.name, `${error.message} This was in the validation after step ${this.#step}.`);
    });
    for (const [name, watcher] of this.#watchers)
      this.#best[name] = watcher.after(validation, this.#step, this.#best[name]);
    const { earlyStopping } = this.#options;
    if (earlyStopping && this.#best.earlyStopping.since >= earlyStopping.patience) this.stoppedEarly = true;
    if (this.#best["checkpoint.best"]?.step === this.#step) await this.#hand("best");
    return validation;
  }

  async #save(due: boolean): Promise<void> {
    if (!this.#options.checkpoint || !due || this.#saved === this.#step) return;
    await this.#hand("last");
    this.#saved = this.#step;
  }

  async #hand(kind: "best" | "last"): Promise<void> {
    const bytes = await this.#session.checkpoint({ metadata: { [stateKey]: JSON.stringify(this.state) } });
    await this.#options.checkpoint!.save(bytes, { kind, step: this.#step });
  }

  #watch(name: Watching, monitor: (Monitor & { minDelta?: number }) | undefined): void {
    if (monitor) this.#watchers.set(name, new Watcher(monitor, this.#validation?.keys ?? [], name));
  }
}

type Watching = "earlyStopping" | "checkpoint.best";

function stepsOf({ epochs, steps }: FitOptions, stepsPerEpoch: number): number {
  if ((epochs === undefined) === (steps === undefined))
    throw new InvalidArgumentError("A fit ends after 'epochs' or after 'steps': give one of the two.");
  return steps === undefined ? checkCount(epochs!, "epochs") * stepsPerEpoch : checkCount(steps, "steps");
}

/** The first multiple of `every` beyond `step`. */
function nextMultiple(step: number, every: number): number {
  return every === Infinity ? Infinity : (Math.floor(step / every) + 1) * every;
}
