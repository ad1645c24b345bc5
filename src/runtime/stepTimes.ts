/** Recording what the steps of a run take, where `profile` asks for it. What is made of that is loaded on use: profile.ts. */
import type { StepClock } from "./plan/execute.ts";
import type { Plan } from "./plan/plan.ts";

export interface RunOptions {
  /** Runs the step so many times with the same feeds. Default 1. */
  repeat?: number;
  /** Ids of the doctor's rules that do not warn of this run. */
  silence?: readonly string[];
}

export interface ProfileOptions extends RunOptions {
  /** Measures every step of the plan. */
  profile: true;
  /** Milliseconds. Default: performance.now, which stands still in workerd. */
  now?: () => number;
}

/** By step: its time in all runs; in the last run its start and its time; and whether it ran at all. */
interface Times {
  readonly total: Float64Array;
  readonly start: Float64Array;
  readonly last: Float64Array;
  readonly ran: Uint8Array;
}

/** Measures the steps of runs of one plan. */
export class StepTimes implements StepClock {
  readonly plan: Plan;
  readonly steps: Times;
  /** Milliseconds of all runs, and how many there were. */
  ms = 0;
  runs = 0;
  readonly #now: () => number;
  #runStart = 0;

  constructor(plan: Plan, now: (() => number) | undefined) {
    this.plan = plan;
    // oxlint-disable-next-line no-restricted-globals -- shown to people, no result depends on it
    this.#now = now ?? (() => performance.now());
    const { length } = plan.parts.steps;
    const zeros = (): Float64Array => new Float64Array(length);
    this.steps = { total: zeros(), start: zeros(), last: zeros(), ran: new Uint8Array(length) };
  }

  startRun(): void {
    this.#runStart = this.#now();
  }

  stopRun(): void {
    this.ms += this.#now() - this.#runStart;
    this.runs++;
  }

  start(step: number): void {
    this.steps.start[step] = this.#now() - this.#runStart;
  }

  stop(step: number): void {
    const { total, start, last, ran } = this.steps;
    last[step] = this.#now() - this.#runStart - start[step];
    total[step] += last[step];
    ran[step] = 1;
  }
}
