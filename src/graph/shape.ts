/** Static shapes: what is known of a tensor's dimensions when the graph is built. */
import { InvalidArgumentError } from "./errors.ts";

/** Dimensions, null where a size is unknown; null for an unknown rank. */
export type Shape = readonly (number | null)[] | null;

/** As TensorFlow prints it: `[?,100,100,3]`, `<unknown>`. */
export function formatShape(shape: Shape): string {
  return shape === null ? "<unknown>" : `[${shape.map((size) => size ?? "?").join(",")}]`;
}

export function isFullyDefined(shape: Shape): shape is readonly number[] {
  return shape !== null && shape.every((size) => size !== null);
}

/** Number of elements of a fully known shape. */
export function sizeOf(shape: readonly number[]): number {
  let size = 1;
  for (const dimension of shape) size *= dimension;
  return size;
}

export function sameShape(a: readonly (number | null)[], b: readonly (number | null)[]): boolean {
  return a.length === b.length && a.every((size, i) => size === b[i]);
}

/** True if `actual` may be fed to something of shape `declared`. */
export function isCompatible(actual: readonly number[], declared: Shape): boolean {
  if (declared === null) return true;
  return actual.length === declared.length && declared.every((size, i) => size === null || size === actual[i]);
}

/** What is known when both are true of one tensor. */
export function mergeShapes(a: Shape, b: Shape): Shape {
  if (a === null) return b;
  if (b === null) return a;
  if (a.length !== b.length) {
    throw new InvalidArgumentError(`Shapes must be equal rank, but are ${a.length} and ${b.length}`);
  }
  return a.map((size, i) => {
    const other = b[i];
    if (size !== null && other !== null && size !== other) {
      throw new InvalidArgumentError(
        `Dimension ${i} in both shapes must be equal, but are ${size} and ${other}. Shapes are ${formatShape(a)} and ${formatShape(b)}.`,
      );
    }
    return size ?? other;
  });
}

/** NumPy broadcasting; an unknown dimension against 1 stays unknown. */
export function broadcastShapes(a: Shape, b: Shape): Shape {
  if (a === null || b === null) return null;
  const rank = Math.max(a.length, b.length);
  const result: (number | null)[] = [];
  for (let i = 0; i < rank; i++) {
    const left = i < rank - a.length ? 1 : a[i - rank + a.length];
    const right = i < rank - b.length ? 1 : b[i - rank + b.length];
    if (left === 1) result.push(right);
    else if (right === 1) result.push(left);
    else if (left === null || right === null) result.push(left ?? right);
    else if (left === right) result.push(left);
    else throw new InvalidArgumentError(`Dimensions must be equal, but are ${left} and ${right}`);
  }
  return result;
}

/** Checks a shape given by a caller: integers of at least 0, or null. */
export function checkShape(shape: Shape, what: string): Shape {
  if (shape === null) return null;
  if (!Array.isArray(shape))
    throw new InvalidArgumentError(`The shape of ${what} must be an array or null, got ${String(shape)}.`);
  for (const size of shape) {
    if (size !== null && !(Number.isInteger(size) && size >= 0)) {
      throw new InvalidArgumentError(
        `The shape of ${what} has the dimension ${String(size)}; use an integer of at least 0, or null for unknown.`,
      );
    }
  }
  return [...shape];
}
