// What a benchmark says: a row for programs, a line of a table for people.
import { quantile, type Timing } from "./measure.ts";

export interface Row {
  readonly group: string;
  readonly case: string;
  readonly variant: string;
  readonly peer: string;
  readonly ourMs: number;
  readonly peerMs: number;
  /** The peer's time over ours: above 1 we are faster. Of medians. */
  readonly ratio: number;
  /** The same of the shortest rounds: what is left where the machine was busy otherwise. */
  readonly ratioOfMinima: number;
  /** The ratio's 10th and 90th percentile over the rounds: how sure it is. */
  readonly ratioRange: readonly [number, number];
}

export interface PeakRow {
  readonly group: "peak";
  readonly case: string;
  /** Of the register peak of the same rounds. */
  readonly fraction: number;
  /** The same of the shortest rounds of both. */
  readonly fractionOfMinima: number;
  readonly gflops: number;
  readonly peakGflops: number;
}

/** An operation of a profiled step. */
export interface ProfileRow {
  readonly group: "profile";
  readonly case: string;
  /** The operation. */
  readonly variant: string;
  readonly kernel: string;
  readonly ms: number;
  /** Of the step. */
  readonly share: number;
  /** 0 where memory decides. */
  readonly flops: number;
  readonly bytes: number;
}

/** Something that has no peer: milliseconds and bytes. */
export interface FigureRow {
  readonly group: string;
  readonly case: string;
  readonly variant: string;
  readonly ms?: number;
  /** Of that, for one image or layer. */
  readonly msEach?: number;
  readonly bytes?: number;
}

export function rowOf(what: Pick<Row, "group" | "case" | "variant">, ours: Timing, peer: Timing): Row {
  // A peer that was timed once is compared with each of our rounds.
  const ratios = ours.rounds.map((ms, i) => (peer.rounds[i] ?? peer.ms) / ms);
  return {
    ...what,
    peer: peer.name,
    ourMs: ours.ms,
    peerMs: peer.ms,
    ratio: peer.ms / ours.ms,
    ratioOfMinima: Math.min(...peer.rounds) / Math.min(...ours.rounds),
    ratioRange: [quantile(ratios, 0.1), quantile(ratios, 0.9)],
  };
}

/** How a table is written: in columns for a terminal, or as Markdown. */
export type Style = "columns" | "markdown";

export function table(rows: readonly Row[], style: Style = "columns"): string {
  const cells = rows.map((row) => [
    row.case,
    row.variant,
    row.peer,
    milliseconds(row.ourMs),
    milliseconds(row.peerMs),
    ratioText(row.ratio),
    ratioText(row.ratioOfMinima),
    row.ratioRange.map(ratioText).join("–"),
  ]);
  return lay(["case", "variant", "peer", "ours ms", "peer ms", "ratio", "of minima", "10–90 %"], cells, 3, style);
}

export function peakTable(rows: readonly PeakRow[], style: Style = "columns"): string {
  const cells = rows.map((row) => [
    row.case,
    row.gflops.toFixed(1),
    row.peakGflops.toFixed(1),
    row.fraction.toFixed(2),
    row.fractionOfMinima.toFixed(2),
  ]);
  return lay(["case", "GFLOP/s", "peak", "fraction", "of minima"], cells, 1, style);
}

export function figureTable(rows: readonly FigureRow[], style: Style = "columns"): string {
  const cells = rows.map((row) => [
    row.case,
    row.variant,
    row.ms === undefined ? "" : milliseconds(row.ms),
    row.msEach === undefined ? "" : milliseconds(row.msEach),
    row.bytes === undefined ? "" : Math.round(row.bytes / 1024).toLocaleString("en-US"),
  ]);
  return lay(["case", "variant", "ms", "ms each", "KiB"], cells, 2, style);
}

export function profileTable(rows: readonly ProfileRow[], style: Style = "columns"): string {
  const rate = (work: number, ms: number): string => (work > 0 ? (work / ms / 1e6).toFixed(1) : "");
  const cells = rows.map(({ case: net, variant, kernel, ms, share, flops, bytes }) => [
    net,
    variant,
    kernel,
    milliseconds(ms),
    `${(100 * share).toFixed(1)} %`,
    rate(flops, ms),
    rate(bytes, ms),
  ]);
  return lay(["case", "operation", "kernel", "ms", "of step", "GFLOP/s", "GB/s"], cells, 3, style);
}

/** Three digits that count. */
function milliseconds(ms: number): string {
  return ms >= 100 ? ms.toFixed(0) : ms.toPrecision(3);
}

function ratioText(ratio: number): string {
  return ratio >= 100 ? ratio.toFixed(0) : ratio.toFixed(2);
}

/** From column `firstNumber` on cells are set to the right. */
function lay(
  header: readonly string[],
  cells: readonly (readonly string[])[],
  firstNumber: number,
  style: Style,
): string {
  const lines = [header, ...cells];
  const widths = header.map((_, column) => Math.max(3, ...lines.map((line) => line[column].length)));
  const pad = (cell: string, column: number): string =>
    column < firstNumber ? cell.padEnd(widths[column]) : cell.padStart(widths[column]);
  if (style === "columns") return lines.map((line) => line.map(pad).join("  ").trimEnd()).join("\n");
  const rule = widths.map((width, column) => (column < firstNumber ? "-".repeat(width) : `${"-".repeat(width - 1)}:`));
  return [header, rule, ...cells].map((line) => `| ${line.map(pad).join(" | ")} |`).join("\n");
}
