/**
 * A session's fit, made in parts: each call takes some steps, and what stands between two calls is plain data. So others have
 * their turn in between, a host needs no call that lasts, and an evicted session goes on where it was stored.
 */
import { InvalidArgumentError } from "../src/graph/errors.ts";
import { checkFitState, stateKey } from "../src/fit/state.ts";
import { Training } from "../src/fit/training.ts";
import type { Column } from "../src/data/column.ts";
import type { FitOptions, FitState, Progress, Session } from "../src/index.ts";
import type { FitInfo, FitRequest } from "./api.ts";
import type { ColumnStore } from "./columns.ts";
import { macrotask } from "../src/runtime/macrotask.ts";

export class FitJob {
  #info: FitInfo;
  /** Made of the stored form when it is needed. */
  #training: Training | null = null;

  /** @param info as a host has stored it */
  constructor(info: FitInfo) {
    this.#info = info;
  }

  static start(session: Session, columns: ColumnStore, request: FitRequest): FitJob {
    const resume = request.resume === undefined ? null : checkFitState(request.resume);
    const training = begin(session, columns, request, resume);
    const { state, steps } = training;
    const job = new FitJob({ request, step: state.step, steps, state, ended: endOf(training) });
    job.#training = training;
    return job;
  }

  info(): FitInfo {
    return this.#info;
  }

  /** What a checkpoint says of the fit. */
  metadata(): { readonly [key: string]: string } {
    return { [stateKey]: JSON.stringify(this.#info.state) };
  }

  /** Data have changed, or another fit takes its place. It is made again when it is needed. */
  forget(): void {
    this.#training?.close();
    this.#training = null;
  }

  /** The next `count` steps, or as many as are left or went well. */
  async steps(session: Session, columns: ColumnStore, count: number): Promise<Progress[]> {
    if (!Number.isSafeInteger(count) || count < 1)
      throw new InvalidArgumentError(`The count of steps must be an integer of at least 1, got ${count}.`);
    if (this.#info.ended !== null) return [];
    this.#training ??= begin(session, columns, this.#info.request, this.#info.state);
    const training = this.#training;
    const progress: Progress[] = [];
    while (progress.length < count && !training.done) {
      try {
        progress.push(...(await training.slice(count - progress.length)));
      } catch (error) {
        // Steps that were made are told first; the next call comes upon the error again.
        if (progress.length === 0) throw error;
        break;
      }
      if (progress.length < count) await macrotask();
    }
    this.#info = { ...this.#info, step: training.state.step, state: training.state, ended: endOf(training) };
    if (this.#info.ended !== null) this.forget();
    return progress;
  }
}

function begin(session: Session, columns: ColumnStore, request: FitRequest, state: FitState | null): Training {
  const training = new Training(session, optionsOf(request, columns), state);
  try {
    training.begin();
  } catch (error) {
    training.close();
    throw error;
  }
  return training;
}

function endOf({ done, stoppedEarly }: Training): FitInfo["ended"] {
  if (stoppedEarly) return "earlyStopping";
  return done ? "finished" : null;
}

function optionsOf({ feeds, validation, resume: _resume, ...rest }: FitRequest, columns: ColumnStore): FitOptions {
  return {
    ...rest,
    feeds: columnsOf(feeds, columns),
    ...(validation && { validation: { ...validation, feeds: columnsOf(validation.feeds, columns) } }),
  };
}

function columnsOf(feeds: FitRequest["feeds"], columns: ColumnStore): { [tensor: string]: Column } {
  return Object.fromEntries(Object.entries(feeds).map(([tensor, name]) => [tensor, columns.get(name)]));
}
