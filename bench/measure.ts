// Times contenders against each other in one run: alternating rounds, so that what else the machine does hits all of them.

export interface Contender {
  readonly name: string;
  step(): unknown;
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

export async function race(contenders: readonly Contender[], effort: Effort): Promise<Timing[]> {
  const steps: number[] = [];
  for (const contender of contenders) steps.push(await warmUp(contender, effort));
  const rounds: number[][] = contenders.map(() => []);
  for (let round = 0; round < effort.rounds; round++) {
    for (let k = 0; k < contenders.length; k++) {
      // Another one starts each round: nobody always runs on the caches of the same predecessor.
      const i = (round + k) % contenders.length;
      rounds[i].push((await time(contenders[i], steps[i])) / steps[i]);
    }
  }
  return contenders.map(({ name }, i) => ({ name, ms: quantile(rounds[i], 0.5), rounds: rounds[i] }));
}

/** Runs until the compilers have seen enough, and answers how many steps fill a round. */
async function warmUp(contender: Contender, { warmUpMs, roundMs }: Effort): Promise<number> {
  let steps = 1;
  let total = 0;
  for (;;) {
    const ms = await time(contender, steps);
    total += ms;
    if (total >= warmUpMs && ms >= roundMs / 4) return Math.max(1, Math.round((steps * roundMs) / ms));
    if (ms < roundMs / 2) steps *= 2;
  }
}

async function time(contender: Contender, steps: number): Promise<number> {
  const start = performance.now();
  for (let i = 0; i < steps; i++) await contender.step();
  return performance.now() - start;
}

export function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (sorted.length - 1) * q;
  const [low, high] = [sorted[Math.floor(at)], sorted[Math.ceil(at)]];
  return low + (high - low) * (at - Math.floor(at));
}
