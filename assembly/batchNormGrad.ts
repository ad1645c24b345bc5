// The gradient of batch normalization, as TensorFlow's FusedBatchNormGrad (NHWC): x and dy are [rows, channels].
//
// Training. With n rows, i = 1 / sqrt(variance + epsilon), d = x - mean and y = d * i * scale + offset, where mean and variance are
// those of the batch, the sums per channel are
//   doffset = sum of dy,   dscale = i * sum of dy * d,
// and x acts on y directly, through the mean, and through the variance:
//   dx = scale * i * (dy - doffset / n - d * i^2 * (sum of dy * d) / n).
// Frozen. With given statistics only the direct way remains: dx = scale * i * dy; the sums are the same.
//
// The saved mean is a float32, and at mean 1e4 what it lost shows in the sums. So d is taken from the rounded mean m, and the sum of
// x - m tells how far the true mean lies from it, r = (sum of x - m) / n:
//   sum of dy * d = sum of dy * (x - m) - r * doffset,   d = (x - m) - r.
// Given statistics are not corrected.

import { bytesOf, LANES, roundUp, Vector } from "./lib/simd";

/** Most and fewest rows whose sums float32 adds up before float64 takes over, and the bytes of x that they should have: its strips
 * and those of dy then stay in the first-level cache. */
const CHUNK: i32 = 256;
const CHUNK_MIN: i32 = 32;
const CHUNK_BYTES: i32 = 16 << 10;
/** Aim for the size of a block of rows whose dx is computed in strips, in bytes, and its fewest rows. */
const BLOCK_BYTES: i32 = 8 << 10;
const BLOCK_MIN_ROWS: i32 = 8;

// Scratch, each [channels rounded up to LANES]: sums of dy, dy * (x - m) and x - m in float64, then in float32; padded m.
const SUMS: usize = 3;
const ROWS_FLOAT32: i32 = 4;

/** Bytes of the scratch memory of `fusedBatchNormGrad`. */
export function fusedBatchNormGradScratchBytes(_rows: i32, channels: i32): i32 {
  return roundUp(channels, LANES) * (<i32>SUMS * 8 + ROWS_FLOAT32 * 4);
}

/**
 * dx, dscale, doffset as above, all overwritten: dx, dy, x float32 [rows, channels], the others [channels].
 * `mean` and `variance` (biased) are those that the forward pass used; `isTraining` is 0 for frozen statistics.
 * dx may be dy or x; nothing else overlaps. `scratch` has `fusedBatchNormGradScratchBytes`, 16-byte aligned.
 * Order: the sums of a chunk of rows in float32, the chunks in order in float64; rows and channels fix it all.
 */
export function fusedBatchNormGrad(
  dx: usize,
  dscale: usize,
  doffset: usize,
  dy: usize,
  x: usize,
  scale: usize,
  mean: usize,
  variance: usize,
  scratch: usize,
  rows: i32,
  channels: i32,
  epsilon: f32,
  isTraining: i32,
): void {
  const padded = roundUp(channels, LANES);
  const pitch = bytesOf(padded);
  const totals = scratch;
  const parts = scratch + 2 * SUMS * pitch;
  const center = parts + SUMS * pitch;
  if (channels <= 0) return;
  v128.store(center + pitch - 16, f32x4.splat(0));
  memory.copy(center, mean, bytesOf(channels));
  sumUp(totals, parts, dy, x, center, rows, channels);

  // The float32 rows of the sums now take what dx is computed with: its factor, what is taken from dy, and d's coefficient.
  const factor = parts;
  const taken = parts + pitch;
  const slope = parts + 2 * pitch;
  const count = <f64>max(rows, 1);
  for (let c = 0; c < channels; c++) {
    const at = bytesOf(c);
    const wide = at << 1;
    const sumDy = load<f64>(totals + wide);
    const inverse = 1 / sqrt(<f64>load<f32>(variance + at) + <f64>epsilon);
    const r = isTraining ? load<f64>(totals + 4 * pitch + wide) / count : 0;
    const sumDyD = load<f64>(totals + 2 * pitch + wide) - r * sumDy;
    const coefficient = isTraining ? (sumDyD / count) * inverse * inverse : 0;
    store<f32>(dscale + at, <f32>(sumDyD * inverse));
    store<f32>(doffset + at, <f32>sumDy);
    store<f32>(factor + at, <f32>(<f64>load<f32>(scale + at) * inverse));
    store<f32>(taken + at, isTraining ? <f32>(sumDy / count - coefficient * r) : 0);
    store<f32>(slope + at, <f32>coefficient);
  }
  propagate(dx, dy, x, factor, taken, slope, center, rows, channels, isTraining != 0);
}

/** Sums of dy, dy * (x - m) and x - m over all rows, in float64, in the first three rows of `totals`. */
function sumUp(totals: usize, parts: usize, dy: usize, x: usize, center: usize, rows: i32, channels: i32): void {
  const pitch = bytesOf(channels);
  const padded = bytesOf(roundUp(channels, LANES));
  memory.fill(totals, 0, 2 * SUMS * padded);
  const step = max(CHUNK_MIN, min(CHUNK, CHUNK_BYTES / <i32>pitch));
  const full = channels & -LANES;
  const pairs = channels & (-2 * LANES);
  for (; rows > 0; rows -= step) {
    const bytes = pitch * <usize>min(step, rows);
    let c = 0;
    for (; c < pairs; c += 2 * LANES) {
      const at = bytesOf(c);
      addStrips(parts + at, padded, dy + at, x + at, center + at, pitch, dy + at + bytes);
    }
    for (; c < full; c += LANES) {
      const at = bytesOf(c);
      addStrip(parts + at, padded, dy + at, x + at, center + at, pitch, dy + at + bytes);
    }
    if (c < channels) {
      const at = bytesOf(c);
      addTail(parts + at, padded, dy + at, x + at, center + at, pitch, dy + at + bytes, channels - c);
    }
    for (let i: usize = 0; i < SUMS * padded; i += 16) {
      const part = v128.load(parts + i);
      const total = totals + (i << 1);
      v128.store(total, f64x2.add(v128.load(total), f64x2.promote_low_f32x4(part)));
      v128.store(total, f64x2.add(v128.load(total, 16), Vector.promoteHigh(part)), 16);
    }
    dy += bytes;
    x += bytes;
  }
}

/** The three sums of eight channels over a chunk of rows, `apart` bytes from each other. */
function addStrips(sums: usize, apart: usize, dy: usize, x: usize, center: usize, pitch: usize, end: usize): void {
  const m0 = v128.load(center);
  const m1 = v128.load(center, 16);
  let dy0 = f32x4.splat(0);
  let dy1 = dy0;
  let product0 = dy0;
  let product1 = dy0;
  let d0 = dy0;
  let d1 = dy0;
  for (; dy != end; dy += pitch) {
    let g = v128.load(dy);
    let d = f32x4.sub(v128.load(x), m0);
    dy0 = f32x4.add(dy0, g);
    d0 = f32x4.add(d0, d);
    product0 = f32x4.add(product0, f32x4.mul(g, d));
    g = v128.load(dy, 16);
    d = f32x4.sub(v128.load(x, 16), m1);
    dy1 = f32x4.add(dy1, g);
    d1 = f32x4.add(d1, d);
    product1 = f32x4.add(product1, f32x4.mul(g, d));
    x += pitch;
  }
  v128.store(sums, dy0);
  v128.store(sums, dy1, 16);
  v128.store(sums + apart, product0);
  v128.store(sums + apart, product1, 16);
  v128.store(sums + 2 * apart, d0);
  v128.store(sums + 2 * apart, d1, 16);
}

/** The same for four channels. */
function addStrip(sums: usize, apart: usize, dy: usize, x: usize, center: usize, pitch: usize, end: usize): void {
  const m = v128.load(center);
  let sum = f32x4.splat(0);
  let product = sum;
  let deviation = sum;
  for (; dy != end; dy += pitch) {
    const g = v128.load(dy);
    const d = f32x4.sub(v128.load(x), m);
    sum = f32x4.add(sum, g);
    deviation = f32x4.add(deviation, d);
    product = f32x4.add(product, f32x4.mul(g, d));
    x += pitch;
  }
  v128.store(sums, sum);
  v128.store(sums + apart, product);
  v128.store(sums + 2 * apart, deviation);
}

/** The same for `lanes` (1 to 3) channels. */
function addTail(
  sums: usize,
  apart: usize,
  dy: usize,
  x: usize,
  center: usize,
  pitch: usize,
  end: usize,
  lanes: i32,
): void {
  const m = v128.load(center);
  let sum = f32x4.splat(0);
  let product = sum;
  let deviation = sum;
  for (; dy != end; dy += pitch) {
    const g = Vector.loadTail(dy, lanes);
    const d = f32x4.sub(Vector.loadTail(x, lanes), m);
    sum = f32x4.add(sum, g);
    deviation = f32x4.add(deviation, d);
    product = f32x4.add(product, f32x4.mul(g, d));
    x += pitch;
  }
  v128.store(sums, sum);
  v128.store(sums + apart, product);
  v128.store(sums + 2 * apart, deviation);
}

/** dx = factor * ((dy - taken) - slope * (x - center)); with frozen statistics dx = factor * dy. */
function propagate(
  dx: usize,
  dy: usize,
  x: usize,
  factor: usize,
  taken: usize,
  slope: usize,
  center: usize,
  rows: i32,
  channels: i32,
  isTraining: bool,
): void {
  const pitch = bytesOf(channels);
  const step = max(BLOCK_MIN_ROWS, BLOCK_BYTES / <i32>pitch);
  for (; rows > 0; rows -= step) {
    const bytes = pitch * <usize>min(step, rows);
    for (let c = 0; c < channels; c += LANES) {
      const at = bytesOf(c);
      const lanes = min(LANES, channels - c);
      const f = v128.load(factor + at);
      const end = dx + at + bytes;
      if (isTraining) {
        propagateStrip(dx + at, dy + at, x + at, f, taken + at, slope + at, center + at, pitch, end, lanes);
      } else scaleStrip(dx + at, dy + at, f, pitch, end, lanes);
    }
    dx += bytes;
    dy += bytes;
    x += bytes;
  }
}

function propagateStrip(
  dx: usize,
  dy: usize,
  x: usize,
  factor: v128,
  taken: usize,
  slope: usize,
  center: usize,
  pitch: usize,
  end: usize,
  lanes: i32,
): void {
  const t = v128.load(taken);
  const s = v128.load(slope);
  const m = v128.load(center);
  if (lanes == LANES) {
    for (; dx != end; dx += pitch) {
      const d = f32x4.sub(v128.load(x), m);
      v128.store(dx, f32x4.mul(factor, f32x4.sub(f32x4.sub(v128.load(dy), t), f32x4.mul(s, d))));
      dy += pitch;
      x += pitch;
    }
    return;
  }
  for (; dx != end; dx += pitch) {
    const d = f32x4.sub(Vector.loadTail(x, lanes), m);
    const g = f32x4.sub(Vector.loadTail(dy, lanes), t);
    Vector.storeTail(dx, f32x4.mul(factor, f32x4.sub(g, f32x4.mul(s, d))), lanes);
    dy += pitch;
    x += pitch;
  }
}

function scaleStrip(dx: usize, dy: usize, factor: v128, pitch: usize, end: usize, lanes: i32): void {
  if (lanes == LANES) {
    for (; dx != end; dx += pitch) {
      v128.store(dx, f32x4.mul(factor, v128.load(dy)));
      dy += pitch;
    }
    return;
  }
  for (; dx != end; dx += pitch) {
    Vector.storeTail(dx, f32x4.mul(factor, Vector.loadTail(dy, lanes)), lanes);
    dy += pitch;
  }
}
