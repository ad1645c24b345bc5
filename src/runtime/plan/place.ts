/** Placing buffers in the arena by lifetime: largest first, each in the lowest gap that is free while it lives. */
import { alignment } from "../heap.ts";

/** Something with a size and a lifetime in steps (both ends included). */
export interface Placeable {
  readonly bytes: number;
  readonly firstStep: number;
  readonly lastStep: number;
  offset: number;
}

/** Sets every offset; gives the arena's size. `reuse` false gives each buffer a place of its own. */
export function place(buffers: readonly Placeable[], reuse = true): number {
  let total = 0;
  const placed: Placeable[] = [];
  const largestFirst = [...buffers].sort((a, b) => b.bytes - a.bytes || a.firstStep - b.firstStep);
  for (const buffer of largestFirst) {
    const neighbours = (
      reuse
        ? placed.filter((other) => other.firstStep <= buffer.lastStep && buffer.firstStep <= other.lastStep)
        : placed
    )
      .slice()
      .sort((a, b) => a.offset - b.offset);
    let offset = 0;
    for (const other of neighbours) {
      if (offset + buffer.bytes <= other.offset) break;
      offset = Math.max(offset, align(other.offset + other.bytes));
    }
    buffer.offset = offset;
    placed.push(buffer);
    total = Math.max(total, align(offset + buffer.bytes));
  }
  return total;
}

function align(offset: number): number {
  return Math.ceil(offset / alignment) * alignment;
}
