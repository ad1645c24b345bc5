/** Progress of a fit: one plain object a step, given to a callback and to an iterator that the fit waits for. */

export interface Progress {
  /** Steps made since the fit's very beginning, this one included. */
  readonly step: number;
  /** Steps that the fit will have made when it ends. */
  readonly steps: number;
  /** The epoch that the step belongs to, from 1. */
  readonly epoch: number;
  /** What was fetched in this step. */
  readonly fetches: { readonly [key: string]: number };
  /** Over the last two seconds; null where too little time has passed, or the host's clock stands still. */
  readonly stepsPerSecond: number | null;
  /** Present after a validation. */
  readonly validation?: { readonly [key: string]: number };
}

/** Steps a second over a window of time. For people only: nothing that is computed depends on it. */
export class Speedometer {
  readonly #now: () => number;
  readonly #marks: { time: number; step: number }[] = [];

  constructor(step: number, now: () => number = hostClock) {
    this.#now = now;
    this.#marks.push({ time: now(), step });
  }

  read(step: number): number | null {
    const time = this.#now();
    this.#marks.push({ time, step });
    while (this.#marks.length > 2 && time - this.#marks[1].time >= windowMs) this.#marks.shift();
    const first = this.#marks[0];
    return time > first.time ? ((step - first.step) / (time - first.time)) * 1000 : null;
  }
}

const windowMs = 2000;

function hostClock(): number {
  // oxlint-disable-next-line no-restricted-globals -- shown to people, no result depends on it
  return performance.now();
}

/** What iterators take from: whoever puts things in waits until they are taken. */
export class Channel<T> {
  #items: T[] = [];
  #ended = false;
  #error: { readonly error: unknown } | null = null;
  #wakeReader: (() => void) | null = null;
  #wakeWriter: (() => void) | null = null;
  #reading = false;

  /** Whether anyone takes: until then nothing is kept. */
  get reading(): boolean {
    return this.#reading;
  }

  /** Puts in, and waits for the reader, if there is one. */
  async put(items: readonly T[]): Promise<void> {
    if (!this.#reading || this.#ended) return;
    this.#items.push(...items);
    this.#wakeReader?.();
    if (this.#items.length > 0 && !this.#ended) await new Promise<void>((resolve) => (this.#wakeWriter = resolve));
  }

  /** Lets the writer go on without the reader. */
  release(): void {
    this.#wakeWriter?.();
  }

  end(error?: { readonly error: unknown }): void {
    this.#ended = true;
    this.#error = error ?? null;
    this.#wakeReader?.();
    this.#wakeWriter?.();
  }

  /** @param left called when the reader leaves before the end */
  async *read(left: () => void): AsyncGenerator<T, void, undefined> {
    this.#reading = true;
    try {
      for (;;) {
        const item = this.#items.shift();
        if (item !== undefined) yield item;
        else if (this.#error) throw this.#error.error;
        else if (this.#ended) return;
        else {
          this.#wakeWriter?.();
          await new Promise<void>((resolve) => (this.#wakeReader = resolve));
        }
      }
    } finally {
      this.#reading = false;
      if (!this.#ended) left();
      this.#items = [];
      this.#wakeWriter?.();
    }
  }
}
