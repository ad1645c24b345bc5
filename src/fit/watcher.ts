/** Watching a validation's value for improvement: early stopping and the best checkpoint. */
import { InvalidArgumentError } from "../graph/errors.ts";
import type { Monitor } from "./options.ts";
import type { BestValue } from "./state.ts";

export class Watcher {
  readonly #key: string;
  readonly #sign: 1 | -1;
  readonly #minDelta: number;

  /** @param keys what the validation gives */
  constructor({ monitor, mode, minDelta = 0 }: Monitor & { minDelta?: number }, keys: readonly string[], what: string) {
    if (!keys.includes(monitor))
      throw new InvalidArgumentError(
        `${what} watches '${monitor}', but the validation fetches ${keys.length ? keys.map((key) => `'${key}'`).join(", ") : "nothing"}.`,
      );
    if (!(minDelta >= 0)) throw new InvalidArgumentError(`${what}.minDelta must be at least 0, got ${minDelta}.`);
    this.#key = monitor;
    this.#sign = (mode ?? (monitor.startsWith("acc") ? "max" : "min")) === "max" ? 1 : -1;
    this.#minDelta = minDelta;
  }

  /** The best so far, after a validation. NaN is never better. */
  after(validation: { readonly [key: string]: number }, step: number, best: BestValue | undefined): BestValue {
    const value = validation[this.#key];
    if (!best) return { value, step, since: 0 };
    const better = Number.isNaN(best.value) ? !Number.isNaN(value) : (value - best.value) * this.#sign > this.#minDelta;
    return better ? { value, step, since: 0 } : { ...best, since: best.since + 1 };
  }
}
