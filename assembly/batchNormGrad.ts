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
//
// So that loops have no tails, rows are taken by periods (lib/periods.ts).

import { foldRows, periodWidth, repeatRow, rowsPerPeriod } from "./lib/periods";
import { bytesOf, LANES, Vector } from "./lib/simd";

/** Most and fewest periods whose sums float32 adds up before float64 takes over, and the bytes of x that they should have: its
 * strips and those of dy then stay in the first-level cache. */
const CHUNK: i32 = 64;
const CHUNK_MIN: i32 = 32;
const CHUNK_BYTES: i32 = 8 << 10;
/** Aim for the size of a block of periods whose dx is computed in strips, in bytes, and the fewest of them. */
const BLOCK_BYTES: i32 = 4 << 10;
const BLOCK_MIN: i32 = 8;
/** Elements of a strip. */
const STRIP: i32 = 2 * LANES;

/** Elements of a period and bytes of a tensor from which dx is computed as it lies in memory: where many strips would each go through
 * memory that is far away, sooner. */
const LONG: i32 = 32;
const LARGE: usize = 4 << 20;
const LONGER: i32 = 128;
const LARGE_IF_LONGER: usize = 2 << 20;

/** What all loops need: tensors, and rows of the scratch memory. */
@unmanaged
class Work {
  dx: usize;
  dy: usize;
  x: usize;
  /** Bytes of a period, and of all of them. */
  width: usize;
  bytes: usize;
  /** Rows of a period in float32: m; sums of dy, of dy * (x - m), of x - m, later dx's factor, what is taken from dy, and d's
   * coefficient. */
  center: usize;
  parts: usize;
}

// Scratch: Work; sums in float64, three periods; then m, sums in float32 and a copied period of dy, which dx replaces, and of x.
const WORK: i32 = 48;
const SUMS: usize = 3;
const ROWS_FLOAT32: i32 = 6;

/** Bytes of the scratch memory of `fusedBatchNormGrad`. */
export function fusedBatchNormGradScratchBytes(_rows: i32, channels: i32): i32 {
  return WORK + periodWidth(channels) * (<i32>SUMS * 8 + ROWS_FLOAT32 * 4);
}

/**
 * dx, dscale, doffset as above, all overwritten: dx, dy, x float32 [rows, channels], the others [channels].
 * `mean` and `variance` (biased) are those that the forward pass used; `isTraining` is 0 for frozen statistics.
 * dx may be dy or x; nothing else overlaps. `scratch` has `fusedBatchNormGradScratchBytes`, 16-byte aligned.
 * Order: the sums of a chunk of periods in float32, the chunks in order in float64; rows and channels fix it all.
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
  if (channels <= 0) return;
  const width = bytesOf(periodWidth(channels));
  const periods = max(rows, 0) / rowsPerPeriod(channels);
  const totals = scratch + WORK;
  const work = changetype<Work>(scratch);
  work.dx = dx;
  work.dy = dy;
  work.x = x;
  work.width = width;
  work.bytes = width * <usize>periods;
  work.center = totals + 2 * SUMS * width;
  work.parts = work.center + width;
  const rest = work.parts + SUMS * width;
  const left = bytesOf((max(rows, 0) - periods * rowsPerPeriod(channels)) * channels);
  memory.copy(work.center, mean, bytesOf(channels));
  repeatRow(work.center, channels);
  memory.fill(totals, 0, 2 * SUMS * width);
  addSums(totals, work);
  if (left) {
    // Rows that are missing in the last period add nothing: dy is 0, x - m is 0.
    takeRest(work, rest, left, dy, x);
    addSums(totals, work);
  }
  foldRows(totals, channels);
  foldRows(totals + 2 * width, channels);
  foldRows(totals + 4 * width, channels);

  const factor = work.parts;
  const taken = factor + width;
  const slope = taken + width;
  const count = <f64>max(rows, 1);
  for (let c = 0; c < channels; c++) {
    const at = bytesOf(c);
    const wide = at << 1;
    const sumDy = load<f64>(totals + wide);
    const inverse = 1 / sqrt(<f64>load<f32>(variance + at) + <f64>epsilon);
    const r = isTraining ? load<f64>(totals + 4 * width + wide) / count : 0;
    const sumDyD = load<f64>(totals + 2 * width + wide) - r * sumDy;
    const coefficient = isTraining ? (sumDyD / count) * inverse * inverse : 0;
    store<f32>(dscale + at, <f32>(sumDyD * inverse));
    store<f32>(doffset + at, <f32>sumDy);
    store<f32>(factor + at, <f32>(<f64>load<f32>(scale + at) * inverse));
    store<f32>(taken + at, isTraining ? <f32>(sumDy / count - coefficient * r) : 0);
    store<f32>(slope + at, <f32>coefficient);
  }
  repeatRow(factor, channels);
  repeatRow(taken, channels);
  repeatRow(slope, channels);
  if (left) {
    propagate(work, isTraining != 0);
    memory.copy(dx + width * <usize>periods, rest, left);
  }
  work.dx = dx;
  work.dy = dy;
  work.x = x;
  work.bytes = width * <usize>periods;
  propagate(work, isTraining != 0);
}

/** Copies the last `left` bytes of the tensors into a period each and points `work` to them. */
function takeRest(work: Work, rest: usize, left: usize, dy: usize, x: usize): void {
  const width = work.width;
  const whole = work.bytes;
  work.dx = rest;
  work.dy = rest;
  work.x = rest + width;
  work.bytes = width;
  memory.fill(work.dy, 0, width);
  memory.copy(work.dy, dy + whole, left);
  memory.copy(work.x, work.center, width);
  memory.copy(work.x, x + whole, left);
}

/** Adds the sums of dy, dy * (x - m) and x - m over all periods to the float64 rows of `totals`. */
function addSums(totals: usize, work: Work): void {
  const width = work.width;
  const step = width * <usize>max(CHUNK_MIN, min(CHUNK, CHUNK_BYTES / <i32>width));
  const wide = width - (width % bytesOf(STRIP));
  const parts = work.parts;
  for (let from: usize = 0; from < work.bytes; from += step) {
    const end = from + min(step, work.bytes - from);
    for (let c: usize = 0; c < wide; c += bytesOf(STRIP)) addStrip(work, parts + c, from + c, end, c);
    if (wide < width) addNarrowStrip(work, parts + wide, from + wide, end, wide);
    for (let i: usize = 0; i < SUMS * width; i += 16) {
      const part = v128.load(parts + i);
      const total = totals + (i << 1);
      v128.store(total, f64x2.add(v128.load(total), f64x2.promote_low_f32x4(part)));
      v128.store(total, f64x2.add(v128.load(total, 16), Vector.promoteHigh(part)), 16);
    }
  }
}

/** The three sums of eight elements of the periods from byte `at` to `end`. */
function addStrip(work: Work, sums: usize, at: usize, end: usize, column: usize): void {
  const width = work.width;
  const m0 = v128.load(work.center + column);
  const m1 = v128.load(work.center + column, 16);
  let dy0 = f32x4.splat(0);
  let dy1 = dy0;
  let product0 = dy0;
  let product1 = dy0;
  let d0 = dy0;
  let d1 = dy0;
  let x = work.x + at;
  let dy = work.dy + at;
  for (const last = work.x + end; x < last; x += width) {
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
    dy += width;
  }
  v128.store(sums, dy0);
  v128.store(sums, dy1, 16);
  v128.store(sums + width, product0);
  v128.store(sums + width, product1, 16);
  v128.store(sums + 2 * width, d0);
  v128.store(sums + 2 * width, d1, 16);
}

/** The same of four elements. */
function addNarrowStrip(work: Work, sums: usize, at: usize, end: usize, column: usize): void {
  const width = work.width;
  const m = v128.load(work.center + column);
  let sum = f32x4.splat(0);
  let product = sum;
  let deviation = sum;
  for (; at < end; at += width) {
    const g = v128.load(work.dy + at);
    const d = f32x4.sub(v128.load(work.x + at), m);
    sum = f32x4.add(sum, g);
    deviation = f32x4.add(deviation, d);
    product = f32x4.add(product, f32x4.mul(g, d));
  }
  v128.store(sums, sum);
  v128.store(sums + width, product);
  v128.store(sums + 2 * width, deviation);
}

/** dx = factor * ((dy - taken) - slope * (x - m)); with frozen statistics dx = factor * dy. */
function propagate(work: Work, isTraining: bool): void {
  const large = work.width >= bytesOf(LONGER) ? LARGE_IF_LONGER : LARGE;
  if (work.width >= bytesOf(LONG) && work.bytes >= large) {
    if (isTraining) eachPeriod<Training>(work);
    else eachPeriod<Frozen>(work);
  } else if (isTraining) eachStrip<Training>(work);
  else eachStrip<Frozen>(work);
}

@unmanaged
class Training {
  @inline apply(dy: v128, x: usize, factor: v128, taken: v128, slope: v128, m: v128): v128 {
    const d = f32x4.sub(v128.load(x), m);
    return f32x4.mul(factor, f32x4.sub(f32x4.sub(dy, taken), f32x4.mul(slope, d)));
  }
}
@unmanaged
class Frozen {
  @inline apply(dy: v128, _x: usize, factor: v128, _taken: v128, _slope: v128, _m: v128): v128 {
    return f32x4.mul(factor, dy);
  }
}

/** In strips of a vector, whose parameters stay in registers, through blocks of periods that stay in the first-level cache. */
function eachStrip<Rule>(work: Work): void {
  const width = work.width;
  const block = width * <usize>max(BLOCK_MIN, BLOCK_BYTES / <i32>width);
  for (let from: usize = 0; from < work.bytes; from += block) {
    const end = from + min(block, work.bytes - from);
    for (let c: usize = 0; c < width; c += 16) strip<Rule>(work, from + c, end, c);
  }
}

function strip<Rule>(work: Work, at: usize, end: usize, column: usize): void {
  const width = work.width;
  const parts = work.parts + column;
  const factor = v128.load(parts);
  const taken = v128.load(parts + width);
  const slope = v128.load(parts + 2 * width);
  const m = v128.load(work.center + column);
  let dx = work.dx + at;
  let dy = work.dy + at;
  let x = work.x + at;
  for (const last = work.x + end; x < last; x += width) {
    v128.store(dx, changetype<Rule>(0).apply(v128.load(dy), x, factor, taken, slope, m));
    dx += width;
    dy += width;
  }
}

/** One element after the other: what comes from memory comes faster so. The parameters are loaded again and again. */
function eachPeriod<Rule>(work: Work): void {
  const width = work.width;
  let dx = work.dx;
  let dy = work.dy;
  let x = work.x;
  for (const last = x + work.bytes; x < last;) {
    let m = work.center;
    let factor = work.parts;
    for (const end = x + width; x < end; x += 16) {
      const taken = v128.load(factor + width);
      const slope = v128.load(factor + 2 * width);
      v128.store(dx, changetype<Rule>(0).apply(v128.load(dy), x, v128.load(factor), taken, slope, v128.load(m)));
      dx += 16;
      dy += 16;
      m += 16;
      factor += 16;
    }
  }
}
