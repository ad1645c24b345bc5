// What a benchmark says: a row for programs, a line of a table for people.
import { quantile, type Timing } from "./measure.ts";

export interface Row {
  readonly group: string;
  readonly case: string;
  readonly variant: string;
  readonly peer: string;
  readonly ourMs: number;
  readonly peerMs: number;
  /** The peer's time over ours: above 1 we are faster. */
  readonly ratio: number;
  /** The ratio's 10th and 90th percentile over the rounds: how sure it is. */
  readonly ratioRange: readonly [number, number];
}

export interface PeakRow {
  readonly group: "peak";
  readonly case: string;
  /** Of the register peak of the same rounds. */
  readonly fraction: number;
  readonly gflops: number;
  readonly peakGflops: number;
}

export function rowOf(what: Pick<Row, "group" | "case" | "variant">, ours: Timing, peer: Timing): Row {
  const ratios = ours.rounds.map((ms, i) => peer.rounds[i] / ms);
  return {
    ...what,
    peer: peer.name,
    ourMs: ours.ms,
    peerMs: peer.ms,
    ratio: peer.ms / ours.ms,
    ratioRange: [quantile(ratios, 0.1), quantile(ratios, 0.9)],
  };
}

export function table(rows: readonly Row[]): string {
  const cells = rows.map((row) => [
    row.case,
    row.variant,
    row.peer,
    row.ourMs.toFixed(3),
    row.peerMs.toFixed(3),
    row.ratio.toFixed(2),
    row.ratioRange.map((ratio) => ratio.toFixed(2)).join("–"),
  ]);
  return columns(["case", "variant", "peer", "ours ms", "peer ms", "ratio", "10–90 %"], cells, 3);
}

export function peakTable(rows: readonly PeakRow[]): string {
  const cells = rows.map((row) => [
    row.case,
    row.gflops.toFixed(1),
    row.peakGflops.toFixed(1),
    row.fraction.toFixed(2),
  ]);
  return columns(["case", "GFLOP/s", "peak", "fraction"], cells, 1);
}

/** Cells in columns; from `firstNumber` on they are set to the right. */
function columns(header: readonly string[], cells: readonly (readonly string[])[], firstNumber: number): string {
  const lines = [header, ...cells];
  const widths = header.map((_, column) => Math.max(...lines.map((line) => line[column].length)));
  const pad = (cell: string, column: number): string =>
    column < firstNumber ? cell.padEnd(widths[column]) : cell.padStart(widths[column]);
  return lines.map((line) => line.map(pad).join("  ")).join("\n");
}
