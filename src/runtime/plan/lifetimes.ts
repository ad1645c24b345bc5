/** From which step to which a buffer is used, and whether all of them fit into the memory that a session may take. */
import type { Buffer, Step } from "./plan.ts";
import type { CompileRequest } from "./request.ts";
import { exhausted } from "./shapes.ts";

const beforeRun = -1;

/** Sets the first and last step of each buffer, and which buffers each step frees. `fed` is written before the first step,
 * `atEnd` read behind the last. */
export function setLifetimes(
  steps: readonly Step[],
  buffers: readonly Buffer[],
  fed: readonly Buffer[],
  atEnd: readonly (Buffer | null)[],
): void {
  const use = (buffer: Buffer, step: number): void => {
    buffer.firstStep = Math.min(buffer.firstStep, step);
    buffer.lastStep = Math.max(buffer.lastStep, step);
  };
  for (const buffer of fed) use(buffer, beforeRun);
  steps.forEach((step, i) => {
    for (const arg of step.args) if (typeof arg === "object") use(arg, i);
    for (const guard of step.guards) use(guard.predicate, i);
    for (const buffer of step.check?.reads ?? []) use(buffer, i);
  });
  for (const buffer of atEnd) if (buffer) use(buffer, steps.length);
  steps.forEach((step, i) => {
    step.frees = buffers.filter((buffer) => buffer.storage === "arena" && buffer.lastStep === i);
  });
}

/** @throws ResourceExhaustedError with the figure and the largest buffer */
export function checkBudget(
  arenaBytes: number,
  buffers: readonly Buffer[],
  { persistentBytes, maxMemoryBytes }: Pick<CompileRequest, "persistentBytes" | "maxMemoryBytes">,
): void {
  const total = persistentBytes() + arenaBytes;
  if (total <= maxMemoryBytes) return;
  throw exhausted(
    total,
    maxMemoryBytes,
    buffers.reduce((a, b) => (b.bytes > a.bytes ? b : a)),
  );
}
