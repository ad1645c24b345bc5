// Softmax and its logarithm over the last dimension (tensorflow/core/kernels/softmax_op_functor.h).
//
// The largest element of a row is subtracted first, so that no power overflows. Powers are summed in float64, four lanes by pairs.

import { bytesOf, LANES, Vector } from "./lib/simd";
import { VectorMath } from "./lib/math";

/** The largest of `n` > 0 elements at `x` in every lane; NaN if one is NaN. */
function largest(x: usize, n: i32): v128 {
  let m = v128.load32_splat(x);
  let i = 0;
  for (; i <= n - LANES; i += LANES) m = f32x4.max(m, v128.load(x + bytesOf(i)));
  for (; i < n; i++) m = f32x4.max(m, v128.load32_splat(x + bytesOf(i)));
  m = f32x4.max(m, v128.shuffle<i32>(m, m, 2, 3, 0, 1));
  return f32x4.max(m, v128.shuffle<i32>(m, m, 1, 0, 3, 2));
}

/** y[r, c] = e^(x[r, c] - m) / sum over c, float32 [rows, n], m the largest of the row. `y` is overwritten and may be `x`. */
export function softmax(y: usize, x: usize, rows: i32, n: i32): void {
  if (n <= 0) return;
  const rest = n & (LANES - 1);
  const whole = bytesOf(n - rest);
  const pitch = bytesOf(n);
  for (let r = 0; r < rows; r++) {
    const m = largest(x, n);
    let low = f64x2.splat(0);
    let high = f64x2.splat(0);
    for (let i: usize = 0; i < whole; i += 16) {
      const e = VectorMath.exp(f32x4.sub(v128.load(x + i), m));
      v128.store(y + i, e);
      low = f64x2.add(low, f64x2.promote_low_f32x4(e));
      high = f64x2.add(high, Vector.promoteHigh(e));
    }
    let sum = f64x2.add(low, high);
    let total = f64x2.extract_lane(sum, 0) + f64x2.extract_lane(sum, 1);
    if (rest) {
      const e = VectorMath.exp(f32x4.sub(Vector.loadTail(x + whole, rest), m));
      Vector.storeTail(y + whole, e, rest);
      for (let i: usize = whole; i < pitch; i += 4) total += <f64>load<f32>(y + i);
    }
    const divisor = f32x4.splat(<f32>total);
    for (let i: usize = 0; i < whole; i += 16) v128.store(y + i, f32x4.div(v128.load(y + i), divisor));
    if (rest) Vector.storeTail(y + whole, f32x4.div(Vector.loadTail(y + whole, rest), divisor), rest);
    x += pitch;
    y += pitch;
  }
}

/** y[r, c] = x[r, c] - m - log(sum over c of e^(x[r, c] - m)), float32 [rows, n]. `y` is overwritten and may be `x`. */
export function logSoftmax(y: usize, x: usize, rows: i32, n: i32): void {
  if (n <= 0) return;
  const rest = n & (LANES - 1);
  const whole = bytesOf(n - rest);
  const pitch = bytesOf(n);
  for (let r = 0; r < rows; r++) {
    const m = largest(x, n);
    let low = f64x2.splat(0);
    let high = f64x2.splat(0);
    for (let i: usize = 0; i < whole; i += 16) {
      const shifted = f32x4.sub(v128.load(x + i), m);
      v128.store(y + i, shifted);
      const e = VectorMath.exp(shifted);
      low = f64x2.add(low, f64x2.promote_low_f32x4(e));
      high = f64x2.add(high, Vector.promoteHigh(e));
    }
    let sum = f64x2.add(low, high);
    let total = f64x2.extract_lane(sum, 0) + f64x2.extract_lane(sum, 1);
    if (rest) {
      const shifted = f32x4.sub(Vector.loadTail(x + whole, rest), m);
      Vector.storeTail(y + whole, shifted, rest);
      const e = VectorMath.exp(shifted);
      total += <f64>f32x4.extract_lane(e, 0);
      if (rest > 1) total += <f64>f32x4.extract_lane(e, 1);
      if (rest > 2) total += <f64>f32x4.extract_lane(e, 2);
    }
    const log = VectorMath.log(f32x4.splat(<f32>total));
    for (let i: usize = 0; i < whole; i += 16) v128.store(y + i, f32x4.sub(v128.load(y + i), log));
    if (rest) Vector.storeTail(y + whole, f32x4.sub(Vector.loadTail(y + whole, rest), log), rest);
    x += pitch;
    y += pitch;
  }
}
