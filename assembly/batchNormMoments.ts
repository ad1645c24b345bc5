// Mean and variance of every channel of [rows, channels], in one pass.
//
// Sums of (x - pivot) and (x - pivot)^2 run in float32 over a chunk of rows; the pivot is the mean of this batch's rows seen so far
// (to begin with, of a few rows spread over the batch), never a moving average, so that nothing cancels and the result depends on
// the batch alone. Chunks are merged in float64:
//   mean = mean_a + d * n_b / n,  m2 = m2_a + m2_b + d^2 * n_a * n_b / n,  d = mean_b - mean_a, n = n_a + n_b
// (Chan, Golub, LeVeque: "Updating formulae and a pairwise algorithm for computing sample variances", 1979).

import { periodWidth, repeatRow, rowsPerPeriod } from "./lib/periods";
import { bytesOf, LANES, roundUp } from "./lib/simd";

/** Rows whose mean is the first pivot. */
const PIVOT_ROWS: i32 = 16;
/** Rows of a chunk: how many squares float32 adds up before float64 takes over. A multiple of every period's rows. */
const CHUNK: i32 = 256;
/** Periods whose sums run on in registers. Those of a chunk's blocks are added up in memory, so that rounding errors add up less. */
const BLOCK: i32 = 32;
/** Elements of a wide strip: a whole cache line, so that a chunk need not stay in the first-level cache. */
const WIDE: i32 = 4 * LANES;

// Scratch: mean and m2 [channels] in float64; pivot, sums, sums of squares and a copied period, each [width] in float32.

/** Bytes of the scratch memory of `moments`; the means are at its beginning, `squaresOf` tells where m2 are. */
export function momentsScratchBytes(channels: i32): i32 {
  return roundUp(channels, LANES) * 2 * 8 + periodWidth(channels) * 4 * 4;
}

/** Where the sums of squared deviations are, float64 [channels]. */
export function squaresOf(scratch: usize, channels: i32): usize {
  return scratch + ((<usize>roundUp(channels, LANES)) << 3);
}

/** Mean and m2 (sum of squared deviations) of every channel into the float64 rows of the scratch memory; zeros without rows. */
export function moments(x: usize, scratch: usize, rows: i32, channels: i32): void {
  const squares = squaresOf(scratch, channels);
  const pivot = squares + (squares - scratch);
  const width = bytesOf(periodWidth(channels));
  const sums = pivot + width;
  const sumsOfSquares = sums + width;
  const rest = sumsOfSquares + width;
  memory.fill(scratch, 0, pivot - scratch);
  if (rows <= 0) return;
  firstPivot(pivot, x, rows, channels);
  const each = rowsPerPeriod(channels);
  for (let done = 0; done < rows; done += CHUNK) {
    const count = min(CHUNK, rows - done);
    const periods = count / each;
    repeatRow(pivot, channels);
    addDeviations(sums, sumsOfSquares, x, pivot, width, periods);
    x += width * <usize>periods;
    const left = bytesOf((count - periods * each) * channels);
    if (left) {
      // Rows that are missing in the last period do not deviate.
      memory.copy(rest, pivot, width);
      memory.copy(rest, x, left);
      addLastPeriod(sums, sumsOfSquares, rest, pivot, width);
    }
    merge(scratch, squares, pivot, sums, sumsOfSquares, done, count, channels);
  }
}

/** pivot[c] = mean of up to PIVOT_ROWS of the rows, evenly spread. */
function firstPivot(pivot: usize, x: usize, rows: i32, channels: i32): void {
  const pitch = bytesOf(channels);
  const count = min(PIVOT_ROWS, rows);
  const step = pitch * <usize>(rows / count);
  const inverse = <f32>1 / <f32>count;
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

/** Sums of x - pivot and of its square over periods of `width` bytes. */
function addDeviations(sums: usize, sumsOfSquares: usize, x: usize, pivot: usize, width: usize, periods: i32): void {
  const wide = width - (width % bytesOf(WIDE));
  memory.fill(sums, 0, 2 * width);
  for (; periods > 0; periods -= BLOCK) {
    const count = min(periods, BLOCK);
    let at: usize = 0;
    for (; at < wide; at += bytesOf(WIDE)) {
      wideStrip(sums + at, sumsOfSquares + at, x + at, pivot + at, width, count);
    }
    for (; at < width; at += bytesOf(LANES)) {
      strip(sums + at, sumsOfSquares + at, x + at, pivot + at, width, count);
    }
    x += width * <usize>count;
  }
}

/** sum += part */
function accumulate(sum: usize, part: v128): void {
  v128.store(sum, f32x4.add(v128.load(sum), part));
}

/** Sums over `periods` periods of WIDE of their elements. */
function wideStrip(sums: usize, sumsOfSquares: usize, x: usize, pivot: usize, pitch: usize, periods: i32): void {
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
  for (; periods > 0; periods--) {
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
  accumulate(sums, sum0);
  accumulate(sums + 16, sum1);
  accumulate(sums + 32, sum2);
  accumulate(sums + 48, sum3);
  accumulate(sumsOfSquares, square0);
  accumulate(sumsOfSquares + 16, square1);
  accumulate(sumsOfSquares + 32, square2);
  accumulate(sumsOfSquares + 48, square3);
}

/** The same of LANES of their elements, four periods in turn. */
function strip(sums: usize, sumsOfSquares: usize, x: usize, pivot: usize, pitch: usize, periods: i32): void {
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
  for (; periods >= 4; periods -= 4) {
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
  for (; periods > 0; periods--) {
    const d = f32x4.sub(v128.load(x), p);
    sum0 = f32x4.add(sum0, d);
    square0 = f32x4.add(square0, f32x4.mul(d, d));
    x += pitch;
  }
  accumulate(sums, f32x4.add(f32x4.add(sum0, sum1), f32x4.add(sum2, sum3)));
  accumulate(sumsOfSquares, f32x4.add(f32x4.add(square0, square1), f32x4.add(square2, square3)));
}

function addLastPeriod(sums: usize, sumsOfSquares: usize, x: usize, pivot: usize, width: usize): void {
  for (let at: usize = 0; at < width; at += 16) {
    const d = f32x4.sub(v128.load(x + at), v128.load(pivot + at));
    accumulate(sums + at, d);
    accumulate(sumsOfSquares + at, f32x4.mul(d, d));
  }
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
  const width = bytesOf(periodWidth(channels));
  const pitch = bytesOf(channels);
  const n = <f64>count;
  const total = <f64>done + n;
  const inverse = f64x2.splat(1 / n);
  const share = f64x2.splat(n / total);
  const weight = f64x2.splat((<f64>done * n) / total);
  // Two channels at a time; behind the last one there is room, and what is computed there is not used.
  for (let at: usize = 0; at < pitch; at += 8) {
    let sum = f64x2.promote_low_f32x4(v128.load64_zero(sums + at));
    let square = f64x2.promote_low_f32x4(v128.load64_zero(sumsOfSquares + at));
    for (let row = at + pitch; row < width; row += pitch) {
      sum = f64x2.add(sum, f64x2.promote_low_f32x4(v128.load64_zero(sums + row)));
      square = f64x2.add(square, f64x2.promote_low_f32x4(v128.load64_zero(sumsOfSquares + row)));
    }
    const wide = at << 1;
    const mean = v128.load(means + wide);
    const shift = f64x2.mul(sum, inverse);
    const d = f64x2.sub(f64x2.add(f64x2.promote_low_f32x4(v128.load64_zero(pivot + at)), shift), mean);
    const newMean = f64x2.add(mean, f64x2.mul(d, share));
    const m2 = f64x2.pmax(f64x2.sub(square, f64x2.mul(sum, shift)), f64x2.splat(0));
    const between = f64x2.mul(f64x2.mul(d, d), weight);
    v128.store(means + wide, newMean);
    v128.store(squares + wide, f64x2.add(f64x2.add(v128.load(squares + wide), m2), between));
    v128.store64_lane(pivot + at, f32x4.demote_f64x2_zero(newMean), 0);
  }
}
