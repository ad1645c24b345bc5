// What batch normalization does to every element once the statistics are known, with an addition and an activation taken along.

import { ACTIVATION_RELU6 } from "./gemm";
import { periodWidth, repeatRow, rowsPerPeriod } from "./lib/periods";
import { bytesOf, LANES } from "./lib/simd";

/** Aim for the size of a block of rows that is processed in strips, in bytes: it stays in the first-level cache. */
const BLOCK_BYTES: i32 = 4 << 10;
const BLOCK_MIN_PERIODS: i32 = 8;
/** Elements of a strip. */
const STRIP: i32 = 2 * LANES;

// Activations as bounds, the lower one by the activation's number: none, Relu, Relu6. (Constants are loaded: see gemm.ts.)
const LOWEST: usize = memory.data<f32>([-Infinity, 0, 0]);
const SIX: usize = memory.data<f32>([6]);

/** Parameters of channels: rows of `width` elements each, see lib/periods.ts; the caller fills the first `channels` of each. */
@unmanaged
export class Affine {
  center: usize;
  factor: usize;
  shift: usize;
  /** Three periods of memory. */
  rest: usize;
}

/** Bytes of the rows that an Affine points to. */
export function affineBytes(channels: i32): i32 {
  return periodWidth(channels) * 4 * 6;
}

/** Points `affine` to rows in `scratch`. */
export function layOutAffine(affine: Affine, scratch: usize, channels: i32): void {
  const width = bytesOf(periodWidth(channels));
  affine.center = scratch;
  affine.factor = scratch + width;
  affine.shift = scratch + 2 * width;
  affine.rest = scratch + 3 * width;
}

/**
 * y = activation((x - center) * factor + shift + addend) for [rows, channels]; y may be x or addend, which is 0 for none.
 */
export function applyAffine(
  y: usize,
  x: usize,
  addend: usize,
  affine: Affine,
  rows: i32,
  channels: i32,
  activation: i32,
): void {
  repeatRow(affine.center, channels);
  repeatRow(affine.factor, channels);
  repeatRow(affine.shift, channels);
  const each = rowsPerPeriod(channels);
  const periods = max(rows, 0) / each;
  const width = bytesOf(periodWidth(channels));
  const whole = width * <usize>periods;
  const left = bytesOf((max(rows, 0) - periods * each) * channels);
  if (left) {
    const rest = affine.rest;
    const restOfAddend = addend ? rest + width : 0;
    memory.copy(rest, x + whole, left);
    if (addend) memory.copy(restOfAddend, addend + whole, left);
    strips(rest, rest, restOfAddend, affine, width, width, activation);
    memory.copy(y + whole, rest, left);
  }
  if (!whole) return;
  const block = width * <usize>max(BLOCK_MIN_PERIODS, BLOCK_BYTES / <i32>width);
  for (let at: usize = 0; at < whole; at += block) {
    strips(y + at, x + at, addend ? addend + at : 0, affine, width, min(block, whole - at), activation);
  }
}

/** The same for `bytes` bytes of whole periods. */
function strips(y: usize, x: usize, addend: usize, affine: Affine, width: usize, bytes: usize, activation: i32): void {
  const bounds = v128.load32_splat(LOWEST + bytesOf(activation));
  if (activation != ACTIVATION_RELU6) {
    if (addend) eachStrip<Sum, Floor>(y, x, addend, affine, bounds, width, bytes);
    else eachStrip<Single, Floor>(y, x, 0, affine, bounds, width, bytes);
  } else if (addend) eachStrip<Sum, Both>(y, x, addend, affine, bounds, width, bytes);
  else eachStrip<Single, Both>(y, x, 0, affine, bounds, width, bytes);
}

// Whether something is added.
@unmanaged
class Single {
  @inline add(v: v128, _addend: usize): v128 {
    return v;
  }
}
@unmanaged
class Sum {
  @inline add(v: v128, addend: usize): v128 {
    return f32x4.add(v, v128.load(addend));
  }
}

// How the result is bounded.
@unmanaged
class Floor {
  @inline apply(v: v128, low: v128): v128 {
    return f32x4.pmax(v, low);
  }
}
@unmanaged
class Both {
  @inline apply(v: v128, low: v128): v128 {
    return f32x4.pmin(f32x4.pmax(v, low), v128.load32_splat(SIX));
  }
}

function eachStrip<Addition, Bounds>(
  y: usize,
  x: usize,
  addend: usize,
  affine: Affine,
  low: v128,
  width: usize,
  bytes: usize,
): void {
  const wide = width - (width % bytesOf(STRIP));
  const end = y + bytes;
  for (let c: usize = 0; c < wide; c += bytesOf(STRIP)) {
    strip<Addition, Bounds>(
      y + c,
      x + c,
      addend + c,
      affine.center + c,
      affine.factor + c,
      affine.shift + c,
      low,
      width,
      end,
    );
  }
  if (wide == width) return;
  const center = v128.load(affine.center + wide);
  const factor = v128.load(affine.factor + wide);
  const shift = v128.load(affine.shift + wide);
  for (let at = wide; at < bytes; at += width) {
    const v = f32x4.add(f32x4.mul(f32x4.sub(v128.load(x + at), center), factor), shift);
    const sum = changetype<Addition>(0).add(v, addend + at);
    v128.store(y + at, changetype<Bounds>(0).apply(sum, low));
  }
}

function strip<Addition, Bounds>(
  y: usize,
  x: usize,
  addend: usize,
  center: usize,
  factor: usize,
  shift: usize,
  low: v128,
  width: usize,
  end: usize,
): void {
  const center0 = v128.load(center);
  const center1 = v128.load(center, 16);
  const factor0 = v128.load(factor);
  const factor1 = v128.load(factor, 16);
  const shift0 = v128.load(shift);
  const shift1 = v128.load(shift, 16);
  for (; y < end; y += width) {
    const v0 = f32x4.add(f32x4.mul(f32x4.sub(v128.load(x), center0), factor0), shift0);
    const v1 = f32x4.add(f32x4.mul(f32x4.sub(v128.load(x, 16), center1), factor1), shift1);
    const sum0 = changetype<Addition>(0).add(v0, addend);
    const sum1 = changetype<Addition>(0).add(v1, addend + 16);
    v128.store(y, changetype<Bounds>(0).apply(sum0, low));
    v128.store(y, changetype<Bounds>(0).apply(sum1, low), 16);
    x += width;
    addend += width;
  }
}
