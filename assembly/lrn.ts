// Local response normalization over channels and its gradient (tensorflow/core/kernels/lrn_op.cc).

import { DoubleMath } from "./lib/doubleMath";
import { bytesOf, LANES, Vector } from "./lib/simd";

/** Bytes of the scratch memory of `lrn` and `lrnGrad`: two rows of channels. */
export function lrnScratchBytes(channels: i32): i32 {
  return 2 * <i32>bytesOf((channels + LANES - 1) & -LANES);
}

/** sums[j] += x[j - radius .. j + radius] * factor, or squares, for the columns that exist; float32 [n]. */
function addWindows(sums: usize, x: usize, n: i32, radius: i32, factor: f32, squares: bool): void {
  const scale = f32x4.splat(factor);
  for (let d = -radius; d <= radius; d++) {
    let j = max(0, -d);
    const end = min(n, n - d);
    for (; j < end; j += LANES) {
      const count = end - j;
      const to = sums + bytesOf(j);
      const from = x + bytesOf(j + d);
      let v = count >= LANES ? v128.load(from) : Vector.loadTail(from, count);
      if (squares) v = f32x4.mul(v, v);
      v = f32x4.mul(v, scale);
      if (count >= LANES) v128.store(to, f32x4.add(v128.load(to), v));
      else Vector.storeTail(to, f32x4.add(Vector.loadTail(to, count), v), count);
    }
  }
}

function fill(y: usize, value: f32, n: i32): void {
  for (; n > 0; n--) {
    store<f32>(y, value);
    y += 4;
  }
}

/**
 * y = x / (bias + alpha * sum of x^2 over the channels within `radius`)^beta; float32, x and y [rows, channels]. y is
 * overwritten and overlaps nothing; `scratch` has lrnScratchBytes, 16-byte aligned.
 */
export function lrn(
  y: usize,
  x: usize,
  scratch: usize,
  rows: i32,
  channels: i32,
  radius: i32,
  bias: f32,
  alpha: f32,
  beta: f32,
): void {
  radius = min(radius, channels);
  const power = f32x4.splat(-beta);
  for (; rows > 0; rows--) {
    fill(scratch, bias, channels);
    addWindows(scratch, x, channels, radius, alpha, true);
    for (let j = 0; j < channels; j += LANES) {
      const count = channels - j;
      const norm = v128.load(scratch + bytesOf(j));
      const from = x + bytesOf(j);
      const to = y + bytesOf(j);
      const v = f32x4.mul(count >= LANES ? v128.load(from) : Vector.loadTail(from, count), DoubleMath.pow(norm, power));
      if (count >= LANES) v128.store(to, v);
      else Vector.storeTail(to, v, count);
    }
    x += bytesOf(channels);
    y += bytesOf(channels);
  }
}

/**
 * dx_i = dy_i n_i^-beta - 2 alpha beta x_i * sum of dy_k y_k / n_k over the channels within `radius`, n the sums of `lrn`;
 * float32, all [rows, channels]. dx is overwritten and overlaps nothing; `scratch` has lrnScratchBytes.
 */
export function lrnGrad(
  dx: usize,
  dy: usize,
  x: usize,
  y: usize,
  scratch: usize,
  rows: i32,
  channels: i32,
  radius: i32,
  bias: f32,
  alpha: f32,
  beta: f32,
): void {
  radius = min(radius, channels);
  const power = f32x4.splat(-beta);
  const ratios = scratch + bytesOf((channels + LANES - 1) & -LANES);
  const factor = f32x4.splat(-2 * alpha * beta);
  for (; rows > 0; rows--) {
    fill(scratch, bias, channels);
    addWindows(scratch, x, channels, radius, alpha, true);
    for (let j: usize = 0; j < bytesOf(channels); j += 4)
      store<f32>(ratios + j, (load<f32>(dy + j) * load<f32>(y + j)) / load<f32>(scratch + j));
    // dx holds the windows' sums first.
    fill(dx, 0, channels);
    addWindows(dx, ratios, channels, radius, 1, false);
    for (let j = 0; j < channels; j += LANES) {
      const count = channels - j;
      const at = bytesOf(j);
      const whole = count >= LANES;
      const scale = DoubleMath.pow(v128.load(scratch + at), power);
      const grad = whole ? v128.load(dy + at) : Vector.loadTail(dy + at, count);
      const value = whole ? v128.load(x + at) : Vector.loadTail(x + at, count);
      const sums = whole ? v128.load(dx + at) : Vector.loadTail(dx + at, count);
      const v = f32x4.add(f32x4.mul(grad, scale), f32x4.mul(f32x4.mul(value, factor), sums));
      if (whole) v128.store(dx + at, v);
      else Vector.storeTail(dx + at, v, count);
    }
    dx += bytesOf(channels);
    dy += bytesOf(channels);
    x += bytesOf(channels);
    y += bytesOf(channels);
  }
}
