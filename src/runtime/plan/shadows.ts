/** What a run may have to take back: copies of the variables and generators that change while it can still be refused. */
import type { Operation } from "../../graph/operation.ts";
import type { Buffer, Step } from "./plan.ts";

/** A variable or generator, and where the run keeps the value from before. */
export interface Shadow {
  readonly of: Buffer;
  readonly copy: Buffer;
}

/** The buffers that steps change before the last check, with an operation that does so; with `always`, those that any step
 * changes: a run that may be refused when it is over. */
export function changedBeforeRefusal(
  steps: readonly Step[],
  updatedBy: (op: Operation) => readonly Buffer[],
  always: boolean,
): Map<Buffer, Operation> {
  const end = always ? steps.length : steps.findLastIndex((step) => step.check);
  const changed = new Map<Buffer, Operation>();
  for (const { args, operations } of steps.slice(0, Math.max(0, end))) {
    for (const arg of args) if (typeof arg === "object" && arg.storage === "generator") changed.set(arg, operations[0]);
    for (const op of operations)
      for (const buffer of updatedBy(op)) if (buffer.storage === "variable") changed.set(buffer, op);
  }
  return changed;
}
