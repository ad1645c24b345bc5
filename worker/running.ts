/** Runs under way, by session and by the name that their caller gave them, so that another message or request can stop them. */
import { AbortedError, errorFromName } from "../src/graph/errors.ts";
import type { StopReason } from "./host.ts";

/** How many names are remembered of runs that were stopped before they came. */
const maxStopped = 100;

interface Running {
  readonly session: string;
  readonly call: string | null;
  readonly controller: AbortController;
}

export class RunningCalls {
  readonly #running = new Set<Running>();
  readonly #stopped = new Map<string, StopReason>();

  /** Starts `run` with a signal that `stop` sets off. */
  async run<T>(session: string, call: string | null, run: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const entry = { session, call, controller: new AbortController() };
    const key = `${session}/${call}`;
    const reason = this.#stopped.get(key);
    if (reason) entry.controller.abort(errorOf(reason));
    this.#stopped.delete(key);
    this.#running.add(entry);
    try {
      return await run(entry.controller.signal);
    } finally {
      this.#running.delete(entry);
    }
  }

  /** Stops a run of the session, or all (null). One that has a name and has not come yet is stopped when it comes. */
  stop(session: string, call: string | null, reason: StopReason): void {
    let found = false;
    for (const running of this.#running) {
      if (running.session !== session || (call !== null && running.call !== call)) continue;
      running.controller.abort(errorOf(reason));
      found = true;
    }
    if (found || call === null) return;
    this.#stopped.set(`${session}/${call}`, reason);
    for (const [oldest] of this.#stopped) {
      if (this.#stopped.size <= maxStopped) break;
      this.#stopped.delete(oldest);
    }
  }
}

function errorOf({ name, message }: StopReason): Error {
  return name === "DeadlineExceededError" ? errorFromName(name, message) : new AbortedError(message);
}
