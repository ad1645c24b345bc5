/** A fit as its caller sees it: asks the host for some steps at a time, and gives their progress on. */
import { Channel, Speedometer } from "../../src/fit/progress.ts";
import type { Progress } from "../../src/index.ts";
import type { FitCallOptions, FitInfo, FitRequest, FitSteps, SessionFit, SessionFitResult } from "../api.ts";

export interface FitHost {
  start(request: FitRequest): Promise<FitInfo>;
  steps(count: number): Promise<FitSteps>;
}

/** How long a call for steps should take: progress is told about ten times a second, and a stop waits no longer. */
const callMs = 100;

/** The host takes no more at once. */
const maxCount = 256;

export class RemoteFit implements SessionFit {
  readonly #host: FitHost;
  readonly #options: FitCallOptions;
  readonly #channel = new Channel<Progress>();
  readonly #leave = new AbortController();
  readonly #result: Promise<SessionFitResult>;

  constructor(request: FitRequest, options: FitCallOptions, host: FitHost) {
    this.#host = host;
    this.#options = options;
    this.#result = this.#run(request);
  }

  // oxlint-disable-next-line unicorn/no-thenable -- `await session.fit(…)` is the point
  then<A = SessionFitResult, B = never>(
    fulfilled?: ((result: SessionFitResult) => A | PromiseLike<A>) | null,
    rejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.#result.then(fulfilled, rejected);
  }

  [Symbol.asyncIterator](): AsyncIterator<Progress> {
    // The iterator throws what the promise would be rejected with.
    this.#result.catch(() => {});
    return this.#channel.read(() => this.#leave.abort());
  }

  async #run(request: FitRequest): Promise<SessionFitResult> {
    try {
      const result = await this.#train(request);
      this.#channel.end();
      return result;
    } catch (error) {
      this.#channel.end({ error });
      throw error;
    }
  }

  async #train(request: FitRequest): Promise<SessionFitResult> {
    const { signal, onProgress, onWarning } = this.#options;
    const stopped = (): boolean => signal?.aborted === true || this.#leave.signal.aborted;
    let { step, steps, ended } = await this.#host.start(request);
    const speed = new Speedometer(step);
    let last: Progress | null = null;
    let validation: SessionFitResult["validation"] = null;
    for (let count = 1; ended === null && !stopped();) {
      const begin = now();
      const answer = await this.#host.steps(count);
      const perStep = (now() - begin) / Math.max(1, answer.progress.length);
      count = Math.max(1, Math.min(maxCount, 2 * count, Math.round(callMs / Math.max(perStep, callMs / maxCount))));
      ({ step, steps, ended } = answer);
      for (const finding of answer.warnings) onWarning?.(finding);
      const stepsPerSecond = speed.read(step);
      // The clock of the edge stands still: what it cannot tell is told here.
      const progress = answer.progress.map((item) =>
        item.stepsPerSecond === null ? Object.assign({}, item, { stepsPerSecond }) : item,
      );
      for (const item of progress) {
        validation = item.validation ?? validation;
        await onProgress?.(item);
      }
      last = progress.at(-1) ?? last;
      await this.#channel.put(progress);
    }
    return { reason: ended ?? "stopped", step, steps, progress: last, validation };
  }
}

function now(): number {
  // oxlint-disable-next-line no-restricted-globals -- how many steps a call asks for; no result depends on it
  return performance.now();
}
