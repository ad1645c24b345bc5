// Rows picked by number, rows added by number, and one-hot rows. Numbers are int32, or int64 where `indexBytes` is 8.

import { bytesOf, LANES, Vector } from "./lib/simd";

function indexAt(indices: usize, i: i32, indexBytes: i32): i64 {
  return indexBytes == 8 ? load<i64>(indices + ((<usize>i) << 3)) : <i64>load<i32>(indices + bytesOf(i));
}

/**
 * y[o, i] = x[o, indices[i]] for rows of `bytes` bytes; x [outer, rows], indices [count], y [outer, count]. y is overwritten
 * and does not overlap the inputs. A number outside 0 .. rows - 1 gives zeros (checkIndices finds it first).
 */
export function gather(
  y: usize,
  x: usize,
  indices: usize,
  outer: i32,
  rows: i32,
  count: i32,
  bytes: i32,
  indexBytes: i32,
): void {
  for (let o = 0; o < outer; o++) {
    for (let i = 0; i < count; i++) {
      const index = indexAt(indices, i, indexBytes);
      if (<u64>index < <u64>rows) {
        const from = x + <usize>(<i32>index) * <usize>bytes;
        if (bytes == 4) store<i32>(y, load<i32>(from));
        else memory.copy(y, from, bytes);
      } else memory.fill(y, 0, bytes);
      y += bytes;
    }
    x += <usize>rows * <usize>bytes;
  }
}

/**
 * y[indices[i]] = sum of the rows x[i] of `inner` float32, in the order of i; x [count, inner], y [rows, inner] is overwritten and
 * overlaps no input. Rows with a number outside 0 .. rows - 1 are left out.
 */
export function unsortedSegmentSum(
  y: usize,
  x: usize,
  indices: usize,
  rows: i32,
  count: i32,
  inner: i32,
  indexBytes: i32,
): void {
  const pitch = bytesOf(inner);
  memory.fill(y, 0, <usize>rows * pitch);
  for (let i = 0; i < count; i++) {
    const index = indexAt(indices, i, indexBytes);
    if (<u64>index < <u64>rows) addRow(y + <usize>(<i32>index) * pitch, x, inner);
    x += pitch;
  }
}

/**
 * flat[i] = the number of the row that indices[i, 0 .. depth - 1] name in a tensor of the dimensions in `attributes` [depth], or
 * -1 where one of them is outside; flat int32 [count] is overwritten and overlaps no input; int64 indices where `indexBytes` is 8.
 */
export function flattenIndices(
  flat: usize,
  indices: usize,
  attributes: usize,
  count: i32,
  depth: i32,
  indexBytes: i32,
): void {
  for (let i = 0; i < count; i++) {
    let row = 0;
    for (let d = 0; d < depth; d++) {
      const size = load<i32>(attributes + bytesOf(d));
      const index = indexAt(indices, i * depth + d, indexBytes);
      row = row >= 0 && <u64>index < <u64>size ? row * size + <i32>index : -1;
    }
    store<i32>(flat + bytesOf(i), row);
  }
}

function addRow(y: usize, x: usize, n: i32): void {
  for (; n >= LANES; n -= LANES) {
    v128.store(y, f32x4.add(v128.load(y), v128.load(x)));
    y += 16;
    x += 16;
  }
  if (n) Vector.storeTail(y, f32x4.add(Vector.loadTail(y, n), Vector.loadTail(x, n)), n);
}

/**
 * y[o, d, i] = on where indices[o, i] is d, else off; elements of `size` bytes (1, 4 or 8) behind the pointers `on` and `off`;
 * indices [outer, inner], y [outer, depth, inner] is overwritten and overlaps no input.
 */
export function oneHot(
  y: usize,
  indices: usize,
  on: usize,
  off: usize,
  outer: i32,
  depth: i32,
  inner: i32,
  size: i32,
  indexBytes: i32,
): void {
  const n = <usize>(outer * depth * inner);
  for (let i: usize = 0; i < n; i++) copyElement(y + i * <usize>size, off, size);
  for (let o = 0; o < outer; o++) {
    for (let i = 0; i < inner; i++) {
      const index =
        indexBytes == 1 ? <i64>load<u8>(indices + o * inner + i) : indexAt(indices, o * inner + i, indexBytes);
      if (<u64>index >= <u64>depth) continue;
      copyElement(y + <usize>((o * depth + <i32>index) * inner + i) * <usize>size, on, size);
    }
  }
}

function copyElement(y: usize, x: usize, size: i32): void {
  if (size == 4) store<i32>(y, load<i32>(x));
  else if (size == 8) store<i64>(y, load<i64>(x));
  else store<u8>(y, load<u8>(x));
}
