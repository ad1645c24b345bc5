/** Every value that a run has reported: moving statistics of both runs, by step and channel. */
import type { Batch, HostName, Pair, RunName } from "../compute/protocol.ts";

export type Statistic = "mean" | "variance";

export interface Results {
  readonly host: HostName;
  readonly steps: number;
  readonly channels: number;
  readonly momentum: number | null;
  /** Steps reported so far; -1 before the initial values. */
  done: number;
  /** [steps + 1, channels] */
  readonly mean: Pair<Float32Array>;
  readonly variance: Pair<Float32Array>;
  /** The batch's own statistics. */
  batch: { readonly mean: Float32Array; readonly variance: Float32Array } | null;
}

export function createResults(host: HostName, steps: number, channels: number, momentum: number | null): Results {
  const room = (): Pair<Float32Array> => ({
    with: new Float32Array((steps + 1) * channels),
    without: new Float32Array((steps + 1) * channels),
  });
  return { host, steps, channels, momentum, done: -1, mean: room(), variance: room(), batch: null };
}

export function addBatch(results: Results, { from, count, mean, variance, batchStatistics }: Batch): void {
  const at = from * results.channels;
  for (const run of ["with", "without"] as const) {
    results.mean[run].set(mean[run], at);
    results.variance[run].set(variance[run], at);
  }
  if (batchStatistics) results.batch = batchStatistics;
  results.done = from + count - 1;
}

export function valueAt(results: Results, statistic: Statistic, run: RunName, step: number, channel: number): number {
  return results[statistic][run][step * results.channels + channel];
}

/** Where the statistic of a channel must be after `step` updates with one and the same batch. */
export function expectedAt(results: Results, statistic: Statistic, step: number, channel: number): number | null {
  const { batch, momentum } = results;
  if (!batch || momentum === null) return null;
  const left = momentum ** step;
  const start = valueAt(results, statistic, "with", 0, channel);
  return left * start + (1 - left) * batch[statistic][channel];
}

/** How far the run is from what was expected, at most, in a channel. */
export function deviation(results: Results, statistic: Statistic, channel: number): number {
  let most = 0;
  for (let step = 0; step <= results.done; step++) {
    const expected = expectedAt(results, statistic, step, channel);
    if (expected !== null)
      most = Math.max(most, Math.abs(expected - valueAt(results, statistic, "with", step, channel)));
  }
  return most;
}

/** Everything as CSV, one line a step, run and channel. */
export function csvOf(results: Results): string {
  const lines = ["run,step,channel,moving_mean,moving_variance"];
  for (const run of ["with", "without"] as const)
    for (let step = 0; step <= results.done; step++)
      for (let channel = 0; channel < results.channels; channel++) {
        const values = (["mean", "variance"] as const).map((of) => valueAt(results, of, run, step, channel));
        lines.push([run, step, channel, ...values].join(","));
      }
  return `${lines.join("\n")}\n`;
}
