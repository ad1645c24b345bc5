// Checks of values that only a run knows. What they return is not 0 where the run must be refused.

import { bytesOf } from "./lib/simd";

/** 0 if all of x [n] (bytes of 0 and 1) are true, else 1. */
export function checkAll(x: usize, n: i32): i32 {
  for (; n > 0; n--) {
    if (!load<u8>(x)) return 1;
    x++;
  }
  return 0;
}

/** 0 if all of `indices` [n] are in 0 .. limit - 1, else 1 + the place of the first that is not; int32, or int64 where
 * `indexBytes` is 8. */
export function checkIndices(indices: usize, n: i32, limit: i32, indexBytes: i32): i32 {
  for (let i = 0; i < n; i++) {
    const index = indexBytes == 8 ? load<i64>(indices + ((<usize>i) << 3)) : <i64>load<i32>(indices + bytesOf(i));
    if (<u64>index >= <u64>limit) return i + 1;
  }
  return 0;
}

/** 0 if no element of x [n] is 0, else 1; int32, or int64 where `bytes` is 8. */
export function checkNonZero(x: usize, n: i32, bytes: i32): i32 {
  for (let i = 0; i < n; i++) {
    const value = bytes == 8 ? load<i64>(x + ((<usize>i) << 3)) : <i64>load<i32>(x + bytesOf(i));
    if (value == 0) return 1;
  }
  return 0;
}
