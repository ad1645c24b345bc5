/** Everything a run has reported, by step. */
import type { LayerColumn, Started, TrainBatch, Validation } from "./compute/protocol.ts";

/** Steps in the mean that is drawn over the points. */
export const meanOver = 20;

export type CurveName = "loss" | "accuracy";

/** Values by step: index 0 is step 1. Written in place. */
export interface Curves extends Started {
  readonly loss: Float32Array;
  readonly accuracy: Float32Array;
  /** Of the last `meanOver` steps. */
  readonly means: { readonly [Name in CurveName]: Float32Array };
  /** Of all losses that are there, held-out ones too. */
  lossRange: { readonly least: number; readonly most: number };
  /** Steps that have arrived. */
  done: number;
  readonly validations: Validation[];
  readonly columns: LayerColumn[];
  /** Steps that could not be made, for their loss was not finite. */
  readonly broken: number[];
  rate: number;
  stepsPerSecond: number | null;
}

/** Room for all steps of a run, with what an earlier part of it brought. */
export function startCurves(started: Started, before: Curves | null): Curves {
  if (started.step > 0 && before?.steps === started.steps) return { ...before, ...started, stepsPerSecond: null };
  const room = (): Float32Array => new Float32Array(started.steps).fill(Number.NaN);
  return {
    ...started,
    loss: room(),
    accuracy: room(),
    means: { loss: room(), accuracy: room() },
    lossRange: { least: Infinity, most: 0 },
    done: 0,
    validations: [],
    columns: [],
    broken: [],
    rate: 0,
    stepsPerSecond: null,
  };
}

export function addBatch(curves: Curves, batch: TrainBatch): void {
  const from = batch.from - 1;
  const until = from + batch.loss.length;
  for (const name of ["loss", "accuracy"] as const) {
    curves[name].set(batch[name], from);
    for (let i = from; i < until; i++) curves.means[name][i] = meanBefore(curves[name], i);
  }
  curves.lossRange = extended(curves.lossRange, [...batch.loss, ...batch.validations.map(({ loss }) => loss)]);
  curves.done = Math.max(curves.done, until);
  curves.validations.push(...batch.validations);
  curves.columns.push(...batch.statistics);
  curves.rate = batch.rate;
  curves.stepsPerSecond = batch.stepsPerSecond ?? curves.stepsPerSecond;
}

function extended({ least, most }: Curves["lossRange"], losses: readonly number[]): Curves["lossRange"] {
  for (const loss of losses) {
    if (loss > most) most = loss;
    if (loss > 0 && loss < least) least = loss;
  }
  return { least, most };
}

/** Where the scale of accuracies begins. What lies below is told in figures. */
export const floor = 90;

/** A value as its plot shows it; null where there is none. */
export function shown(of: CurveName, value: number): number | null {
  if (Number.isNaN(value)) return null;
  return of === "accuracy" ? Math.max(floor, value * 100) : value;
}

/** Steps whose report was lost on its way are left out. */
function meanBefore(values: Float32Array, last: number): number {
  let sum = 0;
  let count = 0;
  for (let i = Math.max(0, last + 1 - meanOver); i <= last; i++) {
    if (Number.isNaN(values[i])) continue;
    sum += values[i];
    count++;
  }
  return sum / count;
}

/** The newest validation up to a step. */
export function heldOutAt({ validations }: Curves, step: number): Validation | undefined {
  return validations.findLast((validation) => validation.step <= step);
}

/** Everything as CSV, one line a step. */
export function csvOf(curves: Curves): string {
  const held = new Map(curves.validations.map((validation) => [validation.step, validation]));
  const cell = (value: number | undefined): string => (value === undefined || Number.isNaN(value) ? "" : String(value));
  const lines = ["step,loss,training_accuracy,held_out_loss,held_out_accuracy"];
  for (let i = 0; i < curves.done; i++) {
    const { loss, accuracy } = held.get(i + 1) ?? {};
    lines.push([i + 1, ...[curves.loss[i], curves.accuracy[i], loss, accuracy].map(cell)].join(","));
  }
  return `${lines.join("\n")}\n`;
}
