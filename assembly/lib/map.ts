// Loops over tensors, element by element: one or two operands, with broadcasting. Elements have 32 bits.
//
// An operation is a class without fields whose method `apply` maps vectors; a loop takes the class as a type parameter, so that
// `changetype<Operation>(0).apply(...)` is resolved at compile time and inlined. Tails go through the same method on a partly
// filled vector: an element's result does not depend on its place.

import { bytesOf, LANES, Vector } from "./simd";

/** Rows of at least this many elements are combined row by row, shorter ones in strips of four columns. */
const LONG_ROW: i32 = 64;
/** Rows that are combined in strips together stay in the first-level cache. */
const BLOCK_BYTES: i32 = 8 << 10;

// How the operands of a binary operation relate to the result.
const SAME_SHAPE: i32 = 0;
const SCALAR_A: i32 = 1;
const SCALAR_B: i32 = 2;
const ROW_B: i32 = 3;
const ROW_A: i32 = 4;

/** The head of the attribute block of binary operations; dims[rank], stridesA[rank] and stridesB[rank] follow. */
@unmanaged
class Broadcast {
  pattern: i32;
  n: i32;
  rank: i32;
}

/** The operation with its operands exchanged. One that commutes is its own: no second copy of its loops is compiled. */
@unmanaged
export class Swapped<Operation> {
  @inline apply(a: v128, b: v128): v128 {
    return changetype<Operation>(0).apply(b, a);
  }
}

/** y[i] = op(a[i], b[i]). `y` may be `a` or `b`. */
export function sameShape<Operation>(y: usize, a: usize, b: usize, n: i32): void {
  const end = y + bytesOf(n & -LANES);
  while (y != end) {
    v128.store(y, changetype<Operation>(0).apply(v128.load(a), v128.load(b)));
    y += 16;
    a += 16;
    b += 16;
  }
  const rest = n & (LANES - 1);
  if (rest)
    Vector.storeTail(y, changetype<Operation>(0).apply(Vector.loadTail(a, rest), Vector.loadTail(b, rest)), rest);
}

/** y[i] = op(a[i], b) for one vector `b`. `y` may be `a`. */
export function withVector<Operation>(y: usize, a: usize, b: v128, n: i32): void {
  const end = y + bytesOf(n & -LANES);
  while (y != end) {
    v128.store(y, changetype<Operation>(0).apply(v128.load(a), b));
    y += 16;
    a += 16;
  }
  const rest = n & (LANES - 1);
  if (rest) Vector.storeTail(y, changetype<Operation>(0).apply(Vector.loadTail(a, rest), b), rest);
}

/** y[r, j] = op(a[r, j], row[j]) for n = rows * length elements. `y` may be `a`. */
export function withRow<Operation>(y: usize, a: usize, row: usize, n: i32, length: i32): void {
  let rest = n;
  if (length < LONG_ROW) {
    // The smallest number of rows that fills whole vectors repeats the same vectors of `row`: one strip for each of them.
    const period = length % 4 == 0 ? length : length % 2 == 0 ? length * 2 : length * 4;
    const pitch = bytesOf(period);
    const step = max(1, BLOCK_BYTES / <i32>pitch);
    let periods = n / period;
    rest -= periods * period;
    while (periods > 0) {
      const bytes = pitch * <usize>min(step, periods);
      let column = 0;
      for (let j: usize = 0; j < pitch; j += 16) {
        strip<Operation>(y + j, a + j, Vector.loadWrapped(row, column, length), pitch, y + j + bytes);
        column = (column + LANES) % length;
      }
      y += bytes;
      a += bytes;
      periods -= step;
    }
  }
  for (; rest > 0; rest -= length) {
    sameShape<Operation>(y, a, row, length);
    y += bytesOf(length);
    a += bytesOf(length);
  }
}

function strip<Operation>(y: usize, a: usize, b: v128, pitch: usize, end: usize): void {
  for (; y != end; y += pitch) {
    v128.store(y, changetype<Operation>(0).apply(v128.load(a), b));
    a += pitch;
  }
}

/** Any strides: the last dimension in a loop of its own, the others by division of the row's number. */
function general<Operation, Exchanged>(y: usize, a: usize, b: usize, attributes: Broadcast): void {
  const rank = attributes.rank;
  const dims = changetype<usize>(attributes) + offsetof<Broadcast>();
  const stridesA = dims + bytesOf(rank);
  const stridesB = stridesA + bytesOf(rank);
  const last = bytesOf(rank - 1);
  const length = load<i32>(dims + last);
  const stepA = load<i32>(stridesA + last);
  const stepB = load<i32>(stridesB + last);
  const rows = attributes.n / length;
  for (let row = 0; row < rows; row++) {
    let rest = row;
    let rowA = a;
    let rowB = b;
    for (let d = last; d != 0;) {
      d -= 4;
      const size = load<i32>(dims + d);
      const index = rest % size;
      rest /= size;
      rowA += bytesOf(index * load<i32>(stridesA + d));
      rowB += bytesOf(index * load<i32>(stridesB + d));
    }
    if (stepA == 1 && stepB == 1) sameShape<Operation>(y, rowA, rowB, length);
    else if (stepA == 1 && stepB == 0) withVector<Operation>(y, rowA, v128.load32_splat(rowB), length);
    else if (stepA == 0 && stepB == 1) withVector<Exchanged>(y, rowB, v128.load32_splat(rowA), length);
    else {
      for (let i = 0; i < length; i++) {
        sameShape<Operation>(y + bytesOf(i), rowA + bytesOf(i * stepA), rowB + bytesOf(i * stepB), 1);
      }
    }
    y += bytesOf(length);
  }
}

/**
 * y = op(a, b) with the broadcasting that the attribute block describes:
 * [pattern, n, rank, dims[rank], stridesA[rank], stridesB[rank]], n the elements of y. Pattern 0: both have y's shape; 1 and 2:
 * `a`, `b` is one element; 3 and 4: `b`, `a` is a row of dims[rank - 1] elements, repeated; 5: strides in elements, 0 along a
 * broadcast dimension. `Exchanged` is the operation with its operands exchanged. y is overwritten and may be the operand that has y's size; it overlaps nothing otherwise.
 */
export function binary<Operation, Exchanged>(y: usize, a: usize, b: usize, attributes: usize): void {
  const broadcast = changetype<Broadcast>(attributes);
  const pattern = broadcast.pattern;
  const n = broadcast.n;
  if (n <= 0) return;
  if (pattern == SAME_SHAPE) sameShape<Operation>(y, a, b, n);
  else if (pattern == SCALAR_B) withVector<Operation>(y, a, v128.load32_splat(b), n);
  else if (pattern == SCALAR_A) withVector<Exchanged>(y, b, v128.load32_splat(a), n);
  else if (pattern == ROW_B || pattern == ROW_A) {
    const length = load<i32>(attributes + offsetof<Broadcast>() + bytesOf(broadcast.rank - 1));
    if (pattern == ROW_B) withRow<Operation>(y, a, b, n, length);
    else withRow<Exchanged>(y, b, a, n, length);
  } else general<Operation, Exchanged>(y, a, b, broadcast);
}

/** y[i] = op(x[i]), float32 [n]; `y` is overwritten and may be `x`, and overlaps it in no other way. */
export function unary<Operation>(y: usize, x: usize, constant: v128, n: i32): void {
  withVector<Operation>(y, x, constant, n);
}
