/** fit: trains over columns of data, batch by batch, and tells how it goes. */
import { macrotask } from "../runtime/macrotask.ts";
import type { Session } from "../runtime/session.ts";
import { readFitState, checkFitState, type FitState } from "./state.ts";
import { Channel, type Progress } from "./progress.ts";
import type { FitOptions } from "./options.ts";
import { Training } from "./training.ts";

export interface FitResult {
  /** Where the fit stands: to resume it. */
  readonly state: FitState;
  /** Why it ended: all steps made, its signal (or the reader of its progress) stopped it, or early stopping did. */
  readonly reason: "finished" | "stopped" | "earlyStopping";
  /** Of the last step; null where there was none to make. */
  readonly progress: Progress | null;
  /** The last one; null where there was none. */
  readonly validation: { readonly [key: string]: number } | null;
}

/** A running fit: a promise of its result, and an iterator of its progress. It waits for whoever iterates; leaving the loop
 * stops it between two steps. */
export class Fit implements PromiseLike<FitResult>, AsyncIterable<Progress> {
  readonly #result: Promise<FitResult>;
  readonly #channel = new Channel<Progress>();
  readonly #leave = new AbortController();
  #training: Training | null = null;

  constructor(session: Session, options: FitOptions) {
    this.#result = this.#run(session, options);
  }

  /** Where it stands between steps; null before it has begun. */
  get state(): FitState | null {
    return this.#training?.state ?? null;
  }

  // oxlint-disable-next-line unicorn/no-thenable -- `await tf.fit(…)` is the point
  then<A = FitResult, B = never>(
    fulfilled?: ((result: FitResult) => A | PromiseLike<A>) | null,
    rejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.#result.then(fulfilled, rejected);
  }

  [Symbol.asyncIterator](): AsyncIterator<Progress> {
    // The iterator throws what the promise would be rejected with.
    this.#result.catch(() => {});
    return this.#channel.read(() => this.#leave.abort());
  }

  async #run(session: Session, options: FitOptions): Promise<FitResult> {
    try {
      const result = await this.#train(session, options);
      this.#channel.end();
      return result;
    } catch (error) {
      this.#channel.end({ error });
      throw error;
    }
  }

  async #train(session: Session, options: FitOptions): Promise<FitResult> {
    // A reader that comes right behind the call misses nothing.
    await Promise.resolve();
    const { resume } = options;
    const checkpoint = resume instanceof Uint8Array ? resume : null;
    const state = checkpoint ? readFitState(checkpoint) : resume ? checkFitState(resume) : null;
    const training = new Training(session, options, state);
    this.#training = training;
    const release = (): void => this.#channel.release();
    options.signal?.addEventListener("abort", release);
    try {
      training.begin();
      // Last, so that nothing has changed where anything else is amiss.
      if (checkpoint) await session.restore(checkpoint);
      return await this.#slices(training, options);
    } finally {
      options.signal?.removeEventListener("abort", release);
      training.close();
    }
  }

  async #slices(training: Training, options: FitOptions): Promise<FitResult> {
    const { signal } = options;
    const stopped = (): boolean => signal?.aborted === true || this.#leave.signal.aborted;
    let last: Progress | null = null;
    let validation: FitResult["validation"] = null;
    while (!training.done && !stopped()) {
      const progress = await training.slice(Infinity, options.onProgress !== undefined || this.#channel.reading);
      for (const item of progress) await options.onProgress?.(item);
      last = progress.at(-1) ?? last;
      validation = last?.validation ?? validation;
      await this.#channel.put(progress);
      await macrotask();
    }
    await training.end();
    const reason = training.stoppedEarly ? "earlyStopping" : training.done ? "finished" : "stopped";
    return { state: training.state, reason, progress: last, validation };
  }
}

/** Trains `train` over the rows of `feeds`. The order of the rows is one permutation an epoch, drawn from `seed`: the same on every
 * host, and a fit that was stopped and resumed ends in the same bits as one that was not.
 *
 * @example
 * for await (const { step, fetches } of tf.fit(session, { feeds, train: trainOp, fetches: { loss }, batchSize: 64, epochs: 3 }))
 *   console.log(step, fetches.loss);
 *
 * @throws InvalidArgumentError where columns do not fit the graph or each other, and where the loss is not finite. */
export function fit(session: Session, options: FitOptions): Fit {
  return new Fit(session, options);
}
