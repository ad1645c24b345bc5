// Times contenders against each other in one run: alternating rounds, so that what else the machine does hits all of them.

export interface Contender {
  readonly name: string;
  /** Runs so many steps, and answers the milliseconds that they took together. */
  round(steps: number): number | Promise<number>;
}

export interface Effort {
  /** Rounds of every contender. */
  readonly rounds: number;
  /** How long a round lasts, about. */
  readonly roundMs: number;
  /** How long each contender runs before the first round, at least. */
  readonly warmUpMs: number;
}

export interface Timing {
  readonly name: string;
  /** Median over the rounds, for one step. */
  readonly ms: number;
  /** One step in each round. */
  readonly rounds: readonly number[];
}

/** A contender in this process. */
export function contender(name: string, step: () => unknown): Contender {
  return {
    name,
    async round(steps) {
      const start = performance.now();
      for (let i = 0; i < steps; i++) await step();
      return performance.now() - start;
    },
  };
}

export async function race(contenders: readonly Contender[], effort: Effort): Promise<Timing[]> {
  const steps: number[] = [];
  for (const one of contenders) steps.push(await warmUp(one, effort));
  const rounds: number[][] = contenders.map(() => []);
  for (let round = 0; round < effort.rounds; round++) {
    for (let k = 0; k < contenders.length; k++) {
      // Another one starts each round: nobody always runs on the caches of the same predecessor.
      const i = (round + k) % contenders.length;
      rounds[i].push((await contenders[i].round(steps[i])) / steps[i]);
    }
  }
  return contenders.map(({ name }, i) => timing(name, rounds[i]));
}

export function timing(name: string, rounds: readonly number[]): Timing {
  return { name, ms: quantile(rounds, 0.5), rounds };
}

/** What takes the time of both: a forward pass and its gradients, timed one by one in the same rounds. */
export function sum(a: Timing, b: Timing): Timing {
  return timing(
    a.name,
    a.rounds.map((ms, i) => ms + b.rounds[i]),
  );
}

/** Runs until the compilers have seen enough, and answers how many steps fill a round. */
async function warmUp(one: Contender, { warmUpMs, roundMs }: Effort): Promise<number> {
  let steps = 1;
  let total = 0;
  for (;;) {
    const ms = await one.round(steps);
    total += ms;
    if (total >= warmUpMs && ms >= roundMs / 4) return Math.max(1, Math.round((steps * roundMs) / ms));
    if (ms < roundMs / 2) steps *= 2;
  }
}

export function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (sorted.length - 1) * q;
  const [low, high] = [sorted[Math.floor(at)], sorted[Math.ceil(at)]];
  return low + (high - low) * (at - Math.floor(at));
}

/** The largest distance between two results, as a part of the largest number of the first. */
export function apart(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Infinity;
  let scale = 0;
  let distance = 0;
  for (let i = 0; i < a.length; i++) {
    scale = Math.max(scale, Math.abs(a[i]));
    const d = Math.abs(a[i] - b[i]);
    // Not Math.max alone: a NaN must not count as equal.
    if (!(d <= distance)) distance = d;
  }
  return distance / scale;
}

/** Nothing is timed before both sides have computed the same. */
export function checkAgreement(
  what: string,
  ours: ArrayLike<number>,
  theirs: ArrayLike<number>,
  tolerance: number,
): void {
  const distance = apart(ours, theirs);
  if (!(distance <= tolerance))
    throw new Error(`${what}: the results are ${distance} apart, relative to the largest; ${tolerance} is allowed.`);
}
