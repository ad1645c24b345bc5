// Batch normalization over the last axis, as TensorFlow's FusedBatchNorm (NHWC): x is [rows, channels].
//
// Statistics are taken in one pass. Sums of (x - pivot) and (x - pivot)^2 run in float32 over a chunk of rows; the pivot is the
// mean of this batch's rows seen so far (to begin with, of a few rows spread over the batch), never a moving average, so that
// nothing cancels and the result depends on the batch alone. Chunks are merged in float64:
//   mean = mean_a + d * n_b / n,  m2 = m2_a + m2_b + d^2 * n_a * n_b / n,  d = mean_b - mean_a, n = n_a + n_b
// (Chan, Golub, LeVeque: "Updating formulae and a pairwise algorithm for computing sample variances", 1979).
//
// Normalising is y = (x - center) * factor + shift in float32. center is the mean rounded to float32; what the rounding lost goes
// into shift, because at mean 1e4 and deviation 1 it would show: shift = offset - (mean - center) * factor.

import { bytesOf, LANES, roundUp, Vector } from "./lib/simd";

/** Rows whose mean is the first pivot. */
const PIVOT_ROWS: i32 = 16;
/** Rows of a chunk: how many squares float32 adds up before float64 takes over. */
const CHUNK: i32 = 256;
/** Channels of a wide strip: a whole cache line, so that a chunk need not stay in the first-level cache. */
const WIDE: i32 = 4 * LANES;
/** Aim for the size of a block of rows that is normalised in strips, in bytes: it stays in the first-level cache. */
const BLOCK_BYTES: i32 = 8 << 10;
const BLOCK_MIN_ROWS: i32 = 8;

// Scratch, each [channels rounded up to LANES]: mean and m2 in float64, then six rows in float32.
const ROWS_FLOAT64: i32 = 2;
const ROWS_FLOAT32: i32 = 6;

/** Bytes of the scratch memory of `fusedBatchNormTraining` and `fusedBatchNormInference`. */
export function fusedBatchNormScratchBytes(_rows: i32, channels: i32): i32 {
  return roundUp(channels, LANES) * (ROWS_FLOAT64 * 8 + ROWS_FLOAT32 * 4);
}

/** Pointers into the scratch memory for `channels` channels. */
function scratchRow64(scratch: usize, channels: i32, row: i32): usize {
  return scratch + ((<usize>(row * roundUp(channels, LANES))) << 3);
}
function scratchRow32(scratch: usize, channels: i32, row: i32): usize {
  return scratchRow64(scratch, channels, ROWS_FLOAT64) + bytesOf(row * roundUp(channels, LANES));
}

/**
 * Statistics of the batch over the rows, and the normalised batch:
 *   savedMean = mean, savedVariance = biased variance (divided by rows),
 *   y = (x - mean) / sqrt(savedVariance + epsilon) * scale + offset,
 *   batchMean = mean, batchVariance = savedVariance * rows / max(rows - 1, 1);
 * with running statistics and averageFactor != 1 the last two are (1 - averageFactor) * running + averageFactor * value.
 *
 * x, y float32 [rows, channels], all others [channels]; runningMean and runningVariance may be 0 (none). Outputs are overwritten.
 * y may be x, batchMean runningMean, batchVariance runningVariance; nothing else overlaps. `scratch` has
 * `fusedBatchNormScratchBytes`, 16-byte aligned. One row gives variance 0 and y = offset; no row gives mean 0 and variance 0
 * (TensorFlow gives NaN). Order: the sums of a chunk in float32, the chunks in order in float64; rows and channels fix it all.
 */
export function fusedBatchNormTraining(
  y: usize,
  batchMean: usize,
  batchVariance: usize,
  savedMean: usize,
  savedVariance: usize,
  x: usize,
  scale: usize,
  offset: usize,
  runningMean: usize,
  runningVariance: usize,
  scratch: usize,
  rows: i32,
  channels: i32,
  epsilon: f32,
  averageFactor: f32,
): void {
  moments(x, scratch, rows, channels);
  const center = scratchRow32(scratch, channels, 0);
  const factor = scratchRow32(scratch, channels, 1);
  const shift = scratchRow32(scratch, channels, 2);
  const means = scratchRow64(scratch, channels, 0);
  const squares = scratchRow64(scratch, channels, 1);
  const averages = runningMean != 0 && runningVariance != 0 && averageFactor != 1;
  const count = <f64>max(rows, 1);
  const correction = count / max(count - 1, 1);
  for (let c = 0; c < channels; c++) {
    const at = bytesOf(c);
    const mean = load<f64>(means + (at << 1));
    const variance = load<f64>(squares + (at << 1)) / count;
    const rounded = <f32>mean;
    const gain = <f64>load<f32>(scale + at) / sqrt(variance + <f64>epsilon);
    store<f32>(center + at, rounded);
    store<f32>(factor + at, <f32>gain);
    store<f32>(shift + at, <f32>(<f64>load<f32>(offset + at) - (mean - <f64>rounded) * gain));
    store<f32>(savedMean + at, rounded);
    store<f32>(savedVariance + at, <f32>variance);
    let newMean = rounded;
    let newVariance = <f32>(variance * correction);
    if (averages) {
      newMean = (1 - averageFactor) * load<f32>(runningMean + at) + averageFactor * newMean;
      newVariance = (1 - averageFactor) * load<f32>(runningVariance + at) + averageFactor * newVariance;
    }
    store<f32>(batchMean + at, newMean);
    store<f32>(batchVariance + at, newVariance);
  }
  normalise(y, x, center, factor, shift, rows, channels);
}

/**
 * y = (x - mean) / sqrt(variance + epsilon) * scale + offset with given statistics.
 * x, y float32 [rows, channels], the others [channels]; y is overwritten and may be x; `scratch` as above.
 */
export function fusedBatchNormInference(
  y: usize,
  x: usize,
  scale: usize,
  offset: usize,
  mean: usize,
  variance: usize,
  scratch: usize,
  rows: i32,
  channels: i32,
  epsilon: f32,
): void {
  const center = scratchRow32(scratch, channels, 0);
  const factor = scratchRow32(scratch, channels, 1);
  const shift = scratchRow32(scratch, channels, 2);
  for (let c = 0; c < channels; c++) {
    const at = bytesOf(c);
    store<f32>(center + at, load<f32>(mean + at));
    store<f32>(factor + at, <f32>(<f64>load<f32>(scale + at) / sqrt(<f64>load<f32>(variance + at) + <f64>epsilon)));
    store<f32>(shift + at, load<f32>(offset + at));
  }
  normalise(y, x, center, factor, shift, rows, channels);
}

/** Mean and m2 (sum of squared deviations) of every channel into the float64 rows of the scratch memory. */
function moments(x: usize, scratch: usize, rows: i32, channels: i32): void {
  const means = scratchRow64(scratch, channels, 0);
  const squares = scratchRow64(scratch, channels, 1);
  const pivot = scratchRow32(scratch, channels, 3);
  const sums = scratchRow32(scratch, channels, 4);
  const sumsOfSquares = scratchRow32(scratch, channels, 5);
  const pitch = bytesOf(channels);
  memory.fill(means, 0, bytesOf(roundUp(channels, LANES)) * (2 * ROWS_FLOAT64));
  if (rows <= 0) return;
  firstPivot(pivot, x, rows, channels);
  const end = x + pitch * <usize>rows;
  const wide = channels & -WIDE;
  const full = channels & -LANES;
  for (let done = 0; done < rows; done += CHUNK) {
    const count = min(CHUNK, rows - done);
    let at: usize = 0;
    for (; at < bytesOf(wide); at += 4 * WIDE) {
      deviationsWide(sums + at, sumsOfSquares + at, x + at, pivot + at, pitch, count);
    }
    for (; at < bytesOf(full); at += 4 * LANES) {
      deviations(sums + at, sumsOfSquares + at, x + at, pivot + at, pitch, count);
    }
    if (full < channels) {
      deviationsTail(sums + at, sumsOfSquares + at, x + at, pivot + at, pitch, count, channels - full, end);
    }
    merge(means, squares, pivot, sums, sumsOfSquares, done, count, channels);
    x += pitch * <usize>count;
  }
}

/** pivot[c] = mean of up to PIVOT_ROWS of the rows, evenly spread; padded with zeros. */
function firstPivot(pivot: usize, x: usize, rows: i32, channels: i32): void {
  const pitch = bytesOf(channels);
  const count = min(PIVOT_ROWS, rows);
  const step = pitch * <usize>(rows / count);
  const inverse = <f32>1 / <f32>count;
  v128.store(pivot + bytesOf(roundUp(channels, LANES) - LANES), f32x4.splat(0));
  for (let c: usize = 0; c < pitch; c += 4) {
    let sum: f32 = 0;
    let row = x + c;
    for (let i = 0; i < count; i++) {
      sum += load<f32>(row);
      row += step;
    }
    store<f32>(pivot + c, sum * inverse);
  }
}

/** Sums of x - pivot and of its square over `rows` rows of WIDE channels. */
function deviationsWide(sums: usize, sumsOfSquares: usize, x: usize, pivot: usize, pitch: usize, rows: i32): void {
  const pivot0 = v128.load(pivot);
  const pivot1 = v128.load(pivot, 16);
  const pivot2 = v128.load(pivot, 32);
  const pivot3 = v128.load(pivot, 48);
  let sum0 = f32x4.splat(0);
  let sum1 = sum0;
  let sum2 = sum0;
  let sum3 = sum0;
  let square0 = sum0;
  let square1 = sum0;
  let square2 = sum0;
  let square3 = sum0;
  for (; rows > 0; rows--) {
    let d = f32x4.sub(v128.load(x), pivot0);
    sum0 = f32x4.add(sum0, d);
    square0 = f32x4.add(square0, f32x4.mul(d, d));
    d = f32x4.sub(v128.load(x, 16), pivot1);
    sum1 = f32x4.add(sum1, d);
    square1 = f32x4.add(square1, f32x4.mul(d, d));
    d = f32x4.sub(v128.load(x, 32), pivot2);
    sum2 = f32x4.add(sum2, d);
    square2 = f32x4.add(square2, f32x4.mul(d, d));
    d = f32x4.sub(v128.load(x, 48), pivot3);
    sum3 = f32x4.add(sum3, d);
    square3 = f32x4.add(square3, f32x4.mul(d, d));
    x += pitch;
  }
  v128.store(sums, sum0);
  v128.store(sums, sum1, 16);
  v128.store(sums, sum2, 32);
  v128.store(sums, sum3, 48);
  v128.store(sumsOfSquares, square0);
  v128.store(sumsOfSquares, square1, 16);
  v128.store(sumsOfSquares, square2, 32);
  v128.store(sumsOfSquares, square3, 48);
}

/** Sums of x - pivot and of its square over `rows` rows of four channels. */
function deviations(sums: usize, sumsOfSquares: usize, x: usize, pivot: usize, pitch: usize, rows: i32): void {
  const p = v128.load(pivot);
  let sum0 = f32x4.splat(0);
  let sum1 = sum0;
  let sum2 = sum0;
  let sum3 = sum0;
  let square0 = sum0;
  let square1 = sum0;
  let square2 = sum0;
  let square3 = sum0;
  const pitch2 = pitch * 2;
  const pitch3 = pitch * 3;
  for (; rows >= 4; rows -= 4) {
    let d = f32x4.sub(v128.load(x), p);
    sum0 = f32x4.add(sum0, d);
    square0 = f32x4.add(square0, f32x4.mul(d, d));
    d = f32x4.sub(v128.load(x + pitch), p);
    sum1 = f32x4.add(sum1, d);
    square1 = f32x4.add(square1, f32x4.mul(d, d));
    d = f32x4.sub(v128.load(x + pitch2), p);
    sum2 = f32x4.add(sum2, d);
    square2 = f32x4.add(square2, f32x4.mul(d, d));
    d = f32x4.sub(v128.load(x + pitch3), p);
    sum3 = f32x4.add(sum3, d);
    square3 = f32x4.add(square3, f32x4.mul(d, d));
    x += pitch * 4;
  }
  for (; rows > 0; rows--) {
    const d = f32x4.sub(v128.load(x), p);
    sum0 = f32x4.add(sum0, d);
    square0 = f32x4.add(square0, f32x4.mul(d, d));
    x += pitch;
  }
  v128.store(sums, f32x4.add(f32x4.add(sum0, sum1), f32x4.add(sum2, sum3)));
  v128.store(sumsOfSquares, f32x4.add(f32x4.add(square0, square1), f32x4.add(square2, square3)));
}

/** The same for the last 1 to 3 channels. Rows that four lanes can be read from go the fast way, the last ones of x do not. */
function deviationsTail(
  sums: usize,
  sumsOfSquares: usize,
  x: usize,
  pivot: usize,
  pitch: usize,
  rows: i32,
  lanes: i32,
  end: usize,
): void {
  const p = v128.load(pivot);
  let sum = f32x4.splat(0);
  let square = sum;
  for (; rows > 0; rows--) {
    const d = f32x4.sub(x + 16 <= end ? v128.load(x) : Vector.loadTail(x, lanes), p);
    sum = f32x4.add(sum, d);
    square = f32x4.add(square, f32x4.mul(d, d));
    x += pitch;
  }
  v128.store(sums, sum);
  v128.store(sumsOfSquares, square);
}

/** Adds a chunk of `count` rows to the statistics of the `done` rows before it, and makes their mean the pivot. */
function merge(
  means: usize,
  squares: usize,
  pivot: usize,
  sums: usize,
  sumsOfSquares: usize,
  done: i32,
  count: i32,
  channels: i32,
): void {
  const n = <f64>count;
  const total = <f64>done + n;
  const inverse = 1 / n;
  const share = n / total;
  const weight = <f64>done * share;
  for (let c = 0; c < channels; c++) {
    const at = bytesOf(c);
    const wide = at << 1;
    const sum = <f64>load<f32>(sums + at);
    const mean = load<f64>(means + wide);
    const d = <f64>load<f32>(pivot + at) + sum * inverse - mean;
    const newMean = mean + d * share;
    const m2 = <f64>load<f32>(sumsOfSquares + at) - sum * sum * inverse;
    store<f64>(means + wide, newMean);
    store<f64>(squares + wide, load<f64>(squares + wide) + max(m2, 0) + d * d * weight);
    store<f32>(pivot + at, <f32>newMean);
  }
}

/** y = (x - center) * factor + shift, in blocks of rows and strips of four channels; y may be x. */
function normalise(y: usize, x: usize, center: usize, factor: usize, shift: usize, rows: i32, channels: i32): void {
  const pitch = bytesOf(channels);
  if (rows <= 0 || pitch == 0) return;
  const step = max(BLOCK_MIN_ROWS, BLOCK_BYTES / <i32>pitch);
  const full = channels & -LANES;
  for (; rows > 0; rows -= step) {
    const bytes = pitch * <usize>min(step, rows);
    for (let c = 0; c < full; c += LANES) {
      const at = bytesOf(c);
      normaliseStrip(y + at, x + at, center + at, factor + at, shift + at, pitch, y + at + bytes);
    }
    if (full < channels) {
      const at = bytesOf(full);
      normaliseTail(y + at, x + at, center + at, factor + at, shift + at, pitch, y + at + bytes, channels - full);
    }
    y += bytes;
    x += bytes;
  }
}

function normaliseStrip(
  y: usize,
  x: usize,
  center: usize,
  factor: usize,
  shift: usize,
  pitch: usize,
  end: usize,
): void {
  const c = v128.load(center);
  const f = v128.load(factor);
  const s = v128.load(shift);
  for (; y != end; y += pitch) {
    v128.store(y, f32x4.add(f32x4.mul(f32x4.sub(v128.load(x), c), f), s));
    x += pitch;
  }
}

function normaliseTail(
  y: usize,
  x: usize,
  center: usize,
  factor: usize,
  shift: usize,
  pitch: usize,
  end: usize,
  lanes: i32,
): void {
  const c = v128.load(center);
  const f = v128.load(factor);
  const s = v128.load(shift);
  for (; y != end; y += pitch) {
    Vector.storeTail(y, f32x4.add(f32x4.mul(f32x4.sub(Vector.loadTail(x, lanes), c), f), s), lanes);
    x += pitch;
  }
}
