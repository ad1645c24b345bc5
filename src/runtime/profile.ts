/** What a profiled run took: time by step of its plan, with the work of each, as a table and as a Chrome trace. */
import type { Step } from "./plan/plan.ts";
import { flopsOf } from "./profileFlops.ts";
import type { StepTimes } from "./stepTimes.ts";

/** One step of the plan that ran: a call of a kernel. */
export interface ProfileStep {
  /** Its number in the plan, as `String(plan)` prints it. */
  readonly step: number;
  readonly kernel: string;
  /** Names of the operations that the kernel computes: the first, then those that it takes along. */
  readonly operations: readonly string[];
  /** Type of the first. */
  readonly type: string;
  /** Time of a run, averaged over the repetitions. */
  readonly ms: number;
  /** Of the last repetition: when it started, from the start of the run, and what it took. */
  readonly last: { readonly startMs: number; readonly ms: number };
  /** Multiplications and additions of the operation, at the step that writes its output; null where they are not known, and at
   * other steps, such as the packing of a filter. */
  readonly flops: number | null;
  /** Bytes of the buffers that the kernel was given: what it reads and writes if it touches each once. */
  readonly bytes: number;
}

export function profileOf({ plan: { parts }, steps: times, ms, runs }: StepTimes): Profile {
  const steps = parts.steps.flatMap((step, i): ProfileStep[] => {
    if (times.ran[i] === 0) return [];
    const [first] = step.operations;
    // Scratch memory has no type: a step that writes there prepares the one that computes.
    const computes = bufferOf(step, 0)?.dtype;
    return [
      {
        step: i,
        kernel: step.kernel,
        operations: step.operations.map((op) => op.name),
        type: first.type,
        ms: times.total[i] / runs,
        last: { startMs: times.start[i], ms: times.last[i] },
        flops: computes ? flopsOf(first, (tensor) => parts.shapes.get(tensor)!) : null,
        bytes: step.args.reduce((sum: number, _, k) => sum + (bufferOf(step, k)?.bytes ?? 0), 0),
      },
    ];
  });
  return new Profile(steps, ms / runs, runs);
}

function bufferOf({ args }: Step, index: number) {
  const arg = args[index];
  return typeof arg === "object" ? arg : undefined;
}

interface Group {
  calls: number;
  ms: number;
  flops: number;
  bytes: number;
}

function addTo(groups: Map<string, Group>, key: string, { calls, ms, flops, bytes }: Group): void {
  const group = groups.get(key) ?? { calls: 0, ms: 0, flops: 0, bytes: 0 };
  group.calls += calls;
  group.ms += ms;
  group.flops += flops;
  group.bytes += bytes;
  groups.set(key, group);
}

/** Of a run's time: what takes less has no line of its own. */
const smallShare = 0.001;

export class Profile {
  /** In the order in which they ran. */
  readonly steps: readonly ProfileStep[];
  /** Of a run, averaged over the repetitions: the steps, and taking the feeds in. */
  readonly ms: number;
  /** How often the run was repeated. */
  readonly runs: number;

  constructor(steps: readonly ProfileStep[], ms: number, runs: number) {
    this.steps = steps;
    this.ms = ms;
    this.runs = runs;
  }

  /** For people: what the time went into by kernel and by operation, the longest first. What
   * takes less than a thousandth is added up. */
  toString(): string {
    const inSteps = this.steps.reduce((sum, { ms }) => sum + ms, 0);
    const ofRuns = this.runs === 1 ? "" : `, average of ${this.runs} runs`;
    const note =
      this.ms > 0
        ? ""
        : "\nThe clock did not move during the run: it stands still in this host, or is coarse (use repeat).";
    return (
      `Profile: ${this.ms.toFixed(3)} ms${ofRuns}, ${inSteps.toFixed(3)} ms of it in ${this.steps.length} steps.${note}\n\n` +
      `${this.#table("kernel", (step) => step.kernel)}\n\n` +
      `${this.#table("operation", ({ operations, type }) => `${operations.join(" + ")} (${type})`)}\n`
    );
  }

  /** JSON text in the trace event format: a file of it opens in chrome://tracing and Perfetto. Shows the last repetition. */
  toChromeTrace(): string {
    const traceEvents = this.steps.map(({ step, kernel, operations, type, flops, bytes, last }) => ({
      name: operations[0],
      cat: type,
      ph: "X",
      // Microseconds.
      ts: last.startMs * 1000,
      dur: last.ms * 1000,
      pid: 1,
      tid: 1,
      args: { step, kernel, operations, flops, bytes },
    }));
    return JSON.stringify({ displayTimeUnit: "ms", traceEvents });
  }

  #table(what: string, keyOf: (step: ProfileStep) => string): string {
    const groups = new Map<string, Group>();
    for (const step of this.steps) addTo(groups, keyOf(step), { ...step, calls: 1, flops: step.flops ?? 0 });
    const small = [...groups].filter(([, { ms }]) => ms < smallShare * this.ms);
    if (small.length > 1) {
      const others = `(${small.length} others)`;
      for (const [key, group] of small) {
        groups.delete(key);
        addTo(groups, others, group);
      }
    }
    const rate = (work: number, ms: number): string => (work > 0 && ms > 0 ? (work / ms / 1e6).toFixed(1) : "");
    const rows = [...groups]
      .sort(([, a], [, b]) => b.ms - a.ms)
      .map(([key, { calls, ms, flops, bytes }]) => [
        key,
        String(calls),
        ms.toFixed(3),
        this.ms > 0 ? `${((100 * ms) / this.ms).toFixed(1)} %` : "",
        rate(flops, ms),
        rate(bytes, ms),
      ]);
    const lines = [[what, "calls", "ms", "of run", "GFLOP/s", "GB/s"], ...rows];
    const widths = lines[0].map((_, i) => Math.max(...lines.map((line) => line[i].length)));
    const pad = (cell: string, i: number): string => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]));
    return lines.map((line) => line.map(pad).join("  ").trimEnd()).join("\n");
  }
}
