/** A compiled run: steps with addresses, and the memory map. Running it calls kernels and nothing else. */
import type { DType } from "../../graph/dtype.ts";
import type { Operation, Tensor } from "../../graph/operation.ts";
import type { CheckError, KernelName } from "../../ops/definition.ts";
import { formatBytes } from "../heap.ts";
import type { Placeable } from "./place.ts";
import type { Shadow } from "./shadows.ts";

export type Storage = "arena" | "variable" | "constant" | "generator";

/** A buffer of a plan. In the arena `offset` counts from the arena's start, elsewhere it is an address. */
export interface Buffer extends Placeable {
  readonly storage: Storage;
  /** What it holds, for people: a tensor's name, or "scratch of …". */
  readonly label: string;
  readonly shape: readonly number[];
  readonly dtype: DType | null;
  firstStep: number;
  lastStep: number;
}

/** A kernel runs only if every predicate (a byte in memory) has the value. */
export interface StepGuard {
  readonly predicate: Buffer;
  readonly value: boolean;
}

export interface Step {
  readonly kernel: KernelName;
  readonly operations: readonly Operation[];
  readonly args: readonly (Buffer | number)[];
  readonly guards: readonly StepGuard[];
  /** For a kernel that may refuse the run. */
  readonly check?: { readonly error: CheckError; readonly reads: readonly Buffer[] };
  /** Buffers whose last use this step is: a test mode poisons them. */
  frees: readonly Buffer[];
}

/** Where a fetched tensor is when the run is over; null for an operation. */
export interface FetchSource {
  readonly fetch: Tensor | Operation;
  readonly buffer: Buffer | null;
  readonly shape: readonly number[];
  readonly guards: readonly StepGuard[];
}

export interface FeedTarget {
  readonly tensor: Tensor;
  readonly buffer: Buffer;
}

/** The decay that a batch-norm update of this plan uses: not 0 means the statistics moved. */
export interface UpdateCounter {
  readonly update: Operation;
  readonly decay: Buffer;
  readonly guards: readonly StepGuard[];
}

export interface VariableWrite {
  readonly variable: Operation;
  readonly guards: readonly StepGuard[];
}

export interface PlanParts {
  readonly steps: readonly Step[];
  readonly feeds: readonly FeedTarget[];
  readonly fetches: readonly FetchSource[];
  readonly buffers: readonly Buffer[];
  readonly arenaBytes: number;
  /** Variables that must have a value before the run. */
  readonly reads: readonly Operation[];
  /** What gives a variable a value. */
  readonly writes: readonly VariableWrite[];
  readonly generators: readonly Operation[];
  /** What is taken back if the run is refused after it was changed. */
  readonly shadows: readonly Shadow[];
  readonly counters: readonly UpdateCounter[];
  readonly operations: readonly Operation[];
  readonly shapes: ReadonlyMap<Tensor, readonly number[]>;
  /** Blocks of the heap that belong to this plan: constants and attribute blocks. */
  readonly blocks: readonly number[];
}

export class Plan {
  readonly parts: PlanParts;

  constructor(parts: PlanParts) {
    this.parts = parts;
  }

  /** The plan for people: steps in order with their kernels, then every buffer with its place and lifetime. */
  toString(): string {
    const { steps, buffers, arenaBytes, fetches, feeds } = this.parts;
    const lines = [
      `Plan: ${count(steps.length, "step")}, ${count(feeds.length, "feed")}, ${count(fetches.length, "fetch", "fetches")}, arena ${formatBytes(arenaBytes)}.`,
      "",
      "Steps",
      ...table(
        steps.map((step, i) => [
          String(i),
          step.kernel,
          step.operations.map((op) => `${op.name} (${op.type})`).join(" + "),
          step.guards.map((guard) => `if ${guard.predicate.label} is ${guard.value}`).join(", "),
        ]),
      ),
      "",
      "Memory (bytes from the arena's start, steps of its lifetime)",
      ...table(
        buffers
          .filter((buffer) => buffer.storage === "arena" && buffer.firstStep <= buffer.lastStep)
          .sort((a, b) => a.offset - b.offset || a.firstStep - b.firstStep)
          .map((buffer) => [
            `${buffer.offset}..${buffer.offset + buffer.bytes}`,
            lifetime(buffer, steps.length),
            `${buffer.label}${buffer.dtype ? ` [${buffer.shape.join(",")}] ${buffer.dtype.base}` : ""}`,
            formatBytes(buffer.bytes),
          ]),
      ),
    ];
    const outside = buffers.filter((buffer) => buffer.storage === "variable");
    if (outside.length) {
      lines.push(
        "",
        "Variables",
        ...table(
          outside.map((buffer) => [
            buffer.label,
            `[${buffer.shape.join(",")}] ${buffer.dtype!.base}`,
            formatBytes(buffer.bytes),
          ]),
        ),
      );
    }
    return `${lines.join("\n")}\n`;
  }
}

function lifetime(buffer: Buffer, steps: number): string {
  const from = buffer.firstStep < 0 ? "fed" : String(buffer.firstStep);
  const to = buffer.lastStep >= steps ? "end" : String(buffer.lastStep);
  return from === to ? from : `${from}..${to}`;
}

function count(n: number, one: string, many = `${one}s`): string {
  return `${n} ${n === 1 ? one : many}`;
}

function table(rows: readonly (readonly string[])[]): string[] {
  const widths = rows.reduce<number[]>((all, row) => row.map((cell, i) => Math.max(all[i] ?? 0, cell.length)), []);
  return rows.map((row) => `  ${row.map((cell, i) => cell.padEnd(widths[i])).join("  ")}`.trimEnd());
}
