/** Outcomes as text: a line a family, what failed in full, what is unsupported by operation. */
import type { Outcome } from "./outcome.ts";

/** The lines of one family, first its counts and the largest part of a tolerance that a passed case used. `verbose`: one more a case. */
export function familyLines(family: string, outcomes: readonly Outcome[], verbose = false): string[] {
  const passed = outcomes.filter(({ status }) => status === "passed");
  const used = Math.max(0, ...passed.map((outcome) => outcome.used));
  const part = used > 0 ? `; at most ${used.toFixed(2)} of a tolerance used` : "";
  const lines = [`${family}: ${countsOf(outcomes)}${part}`];
  const ops = new Set(outcomes.filter(({ status }) => status === "unsupported").flatMap(({ ops }) => ops));
  if (ops.size > 0) lines.push(`  unsupported ops: ${[...ops].join(", ")}`);
  for (const { id, status, problems, ops, used } of outcomes) {
    if (status === "failed") lines.push(`  failed: ${id}`, ...problems.map((problem) => `    ${problem}`));
    else if (verbose) {
      lines.push(
        status === "passed"
          ? `  passed: ${id}, ${used.toFixed(2)} of the tolerance used`
          : `  unsupported: ${id} (${ops.join(", ")})`,
      );
    }
  }
  return lines;
}

/** "12 passed, 0 failed, 3 unsupported". */
export function countsOf(outcomes: readonly Outcome[]): string {
  const statuses = ["passed", "failed", "unsupported"] as const;
  return statuses
    .map((status) => `${outcomes.filter((outcome) => outcome.status === status).length} ${status}`)
    .join(", ");
}
