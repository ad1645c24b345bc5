/** A fit as its caller sees it: asks the host for some steps at a time, and gives their progress on. */
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

/** Steps a second are told of so long a time. */
const windowMs = 2000;

export class RemoteFit implements SessionFit {
  readonly #host: FitHost;
  readonly #options: FitCallOptions;
  readonly #started: Promise<FitInfo>;
  readonly #result = Promise.withResolvers<SessionFitResult>();
  /** Takes steps as it is asked for progress; by whom, the first who wants something of the fit decides. */
  #iterator: AsyncGenerator<Progress, void> | null = null;

  constructor(request: FitRequest, options: FitCallOptions, host: FitHost) {
    this.#host = host;
    this.#options = options;
    this.#started = host.start(request);
    // Whoever waits for the end, or iterates, is told.
    this.#started.catch(() => {});
    this.#result.promise.catch(() => {});
  }

  // oxlint-disable-next-line unicorn/no-thenable -- `await session.fit(…)` is the point
  then<A = SessionFitResult, B = never>(
    fulfilled?: ((result: SessionFitResult) => A | PromiseLike<A>) | null,
    rejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    if (!this.#iterator) void this.#runToTheEnd((this.#iterator = this.#steps()));
    return this.#result.promise.then(fulfilled, rejected);
  }

  [Symbol.asyncIterator](): AsyncIterator<Progress> {
    this.#iterator ??= this.#steps();
    return this.#iterator;
  }

  async #runToTheEnd(steps: AsyncGenerator<Progress, void>): Promise<void> {
    try {
      for await (const _ of steps);
    } catch {
      // The result is rejected with it.
    }
  }

  /** Leaving it before its end stops the fit. */
  async *#steps(): AsyncGenerator<Progress, void> {
    const { signal, onProgress, onWarning } = this.#options;
    const stopped = (): boolean => signal?.aborted === true;
    let last: Progress | null = null;
    let validation: SessionFitResult["validation"] = null;
    let at: Omit<FitSteps, "progress" | "warnings"> | null = null;
    try {
      at = await this.#started;
      const speed = new Speed(at.step);
      for (let count = 1; at.ended === null && !stopped();) {
        const begin = now();
        const answer: FitSteps = await this.#host.steps(count);
        const perStep = (now() - begin) / Math.max(1, answer.progress.length);
        count = Math.max(1, Math.min(maxCount, 2 * count, Math.round(callMs / Math.max(perStep, callMs / maxCount))));
        at = answer;
        for (const finding of answer.warnings) onWarning?.(finding);
        const stepsPerSecond = speed.read(answer.step);
        for (const item of answer.progress) {
          // The clock of the edge stands still: what it cannot tell is told here.
          last = item.stepsPerSecond === null ? Object.assign({}, item, { stepsPerSecond }) : item;
          validation = last.validation ?? validation;
          await onProgress?.(last);
          yield last;
        }
      }
    } catch (error) {
      this.#result.reject(error);
      throw error;
    } finally {
      if (at) {
        const { step, steps, ended } = at;
        this.#result.resolve({ reason: ended ?? "stopped", step, steps, progress: last, validation });
      }
    }
  }
}

class Speed {
  readonly #marks: { readonly time: number; readonly step: number }[];

  constructor(step: number) {
    this.#marks = [{ time: now(), step }];
  }

  read(step: number): number | null {
    const time = now();
    this.#marks.push({ time, step });
    while (this.#marks.length > 2 && time - this.#marks[1].time >= windowMs) this.#marks.shift();
    const [first] = this.#marks;
    return time > first.time ? ((step - first.step) / (time - first.time)) * 1000 : null;
  }
}

function now(): number {
  // oxlint-disable-next-line no-restricted-globals -- how many steps a call asks for, and what is shown; no result depends on it
  return performance.now();
}
