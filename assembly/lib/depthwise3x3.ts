// Lines of a depthwise convolution whose window is 3 x 3, forward and for the filter's gradient, four channels at a time.
//
// The filter, or the sums of its gradient, stay in registers while a line is walked along: each column of three inputs is read once
// and used for the three windows that it belongs to. A line is cut into blocks whose inputs stay in the first-level cache while one
// four of channels after the other passes over them.
//
// Order. Forward: a window's columns one after the other, in each the rows: (c0 + c1) + c2 with c = (w0 x0 + w1 x1) + w2 x2.
// Gradient: the pixels of a block from 0, then the blocks.

import { bytesOf, copyRuns, LANES, roundUp, Vector } from "./simd";

/** Bytes of a line of the input that a block takes. */
const BLOCK_BYTES: i32 = 8 << 10;
const BLOCK_MIN: i32 = 8;
/** Pixels of the gradient whose products are summed in float32 before they are added to the rest. */
const BLOCK_MAX: i32 = 128;

/** Pixels of a block where pixels are `pitch` bytes apart. */
function blockPixels(pitch: usize): i32 {
  return min(BLOCK_MAX, max(BLOCK_MIN, BLOCK_BYTES / <i32>pitch));
}

/** Where the taps of four channels are in panels of `taps` taps of eight channels (lib/depthwiseLine.ts), and how far apart. */
function tapsOf(packed: usize, k: i32): usize {
  return packed + 9 * bytesOf(k & -8) + bytesOf(k & LANES);
}
function tapPitch(k: i32, channels: i32): usize {
  return channels - (k & -8) > LANES ? 32 : 16;
}

/** Bytes of the blocks that go through `buffer`, for channels padded to whole vectors. */
export function bufferBytes(channels: i32): i32 {
  const pitch = roundUp(channels, LANES) * 4;
  return blockPixels(<usize>pitch) * pitch;
}

/** All channels of a line of `pixels` outputs, whose windows are one or two (`stride`) pixels of `pitch` bytes apart; the rows of a
 * window are `rowPitch` bytes apart. A block is computed in `buffer`, of `bufferBytes`: y is far away, and written best in order. */
export function computeLine3x3(
  y: usize,
  x: usize,
  packed: usize,
  buffer: usize,
  pixels: i32,
  stride: i32,
  pitch: usize,
  rowPitch: usize,
  yPitch: usize,
  channels: i32,
): void {
  const block = blockPixels(pitch * <usize>stride);
  const bytes = bytesOf(channels);
  const padded = bytesOf(roundUp(channels, LANES));
  for (; pixels > 0; pixels -= block) {
    const count = min(block, pixels);
    for (let k = 0; k < channels; k += LANES) {
      const at = bytesOf(k);
      const taps = tapsOf(packed, k);
      const step = tapPitch(k, channels);
      if (stride == 1) strip(buffer + at, x + at, taps, step, count, pitch, rowPitch, padded);
      else stripOfTwo(buffer + at, x + at, taps, step, count, pitch, rowPitch, padded);
    }
    if (bytes == padded && bytes == yPitch) {
      memory.copy(y, buffer, bytes * <usize>count);
      y += bytes * <usize>count;
    } else {
      copyRuns(y, yPitch, buffer, padded, bytes, count);
      y += yPitch * <usize>count;
    }
    x += pitch * <usize>(count * stride);
  }
}

/** Neighbouring windows: two are under way when the last column of a third is read. */
function strip(
  y: usize,
  x: usize,
  taps: usize,
  step: usize,
  pixels: i32,
  pitch: usize,
  rowPitch: usize,
  yPitch: usize,
): void {
  const w00 = v128.load(taps);
  const w01 = v128.load(taps + step);
  const w02 = v128.load(taps + 2 * step);
  const w10 = v128.load(taps + 3 * step);
  const w11 = v128.load(taps + 4 * step);
  const w12 = v128.load(taps + 5 * step);
  const w20 = v128.load(taps + 6 * step);
  const w21 = v128.load(taps + 7 * step);
  const w22 = v128.load(taps + 8 * step);
  let x1 = x + rowPitch;
  let x2 = x1 + rowPitch;
  let a = v128.load(x);
  let b = v128.load(x1);
  let c = v128.load(x2);
  let first = f32x4.add(f32x4.add(f32x4.mul(w00, a), f32x4.mul(w10, b)), f32x4.mul(w20, c));
  x += pitch;
  x1 += pitch;
  x2 += pitch;
  a = v128.load(x);
  b = v128.load(x1);
  c = v128.load(x2);
  let sum = f32x4.add(f32x4.add(f32x4.mul(w01, a), f32x4.mul(w11, b)), f32x4.mul(w21, c));
  first = f32x4.add(first, sum);
  let second = f32x4.add(f32x4.add(f32x4.mul(w00, a), f32x4.mul(w10, b)), f32x4.mul(w20, c));
  do {
    x += pitch;
    x1 += pitch;
    x2 += pitch;
    a = v128.load(x);
    b = v128.load(x1);
    c = v128.load(x2);
    sum = f32x4.add(f32x4.add(f32x4.mul(w02, a), f32x4.mul(w12, b)), f32x4.mul(w22, c));
    v128.store(y, f32x4.add(first, sum));
    sum = f32x4.add(f32x4.add(f32x4.mul(w01, a), f32x4.mul(w11, b)), f32x4.mul(w21, c));
    first = f32x4.add(second, sum);
    second = f32x4.add(f32x4.add(f32x4.mul(w00, a), f32x4.mul(w10, b)), f32x4.mul(w20, c));
    y += yPitch;
  } while (--pixels);
}

/** Every second window: the last column of one is the first of the next. */
function stripOfTwo(
  y: usize,
  x: usize,
  taps: usize,
  step: usize,
  pixels: i32,
  pitch: usize,
  rowPitch: usize,
  yPitch: usize,
): void {
  const w00 = v128.load(taps);
  const w01 = v128.load(taps + step);
  const w02 = v128.load(taps + 2 * step);
  const w10 = v128.load(taps + 3 * step);
  const w11 = v128.load(taps + 4 * step);
  const w12 = v128.load(taps + 5 * step);
  const w20 = v128.load(taps + 6 * step);
  const w21 = v128.load(taps + 7 * step);
  const w22 = v128.load(taps + 8 * step);
  let x1 = x + rowPitch;
  let x2 = x1 + rowPitch;
  let a = v128.load(x);
  let b = v128.load(x1);
  let c = v128.load(x2);
  let first = f32x4.add(f32x4.add(f32x4.mul(w00, a), f32x4.mul(w10, b)), f32x4.mul(w20, c));
  do {
    a = v128.load(x + pitch);
    b = v128.load(x1 + pitch);
    c = v128.load(x2 + pitch);
    let sum = f32x4.add(f32x4.add(f32x4.mul(w01, a), f32x4.mul(w11, b)), f32x4.mul(w21, c));
    first = f32x4.add(first, sum);
    x += pitch + pitch;
    x1 += pitch + pitch;
    x2 += pitch + pitch;
    a = v128.load(x);
    b = v128.load(x1);
    c = v128.load(x2);
    sum = f32x4.add(f32x4.add(f32x4.mul(w02, a), f32x4.mul(w12, b)), f32x4.mul(w22, c));
    v128.store(y, f32x4.add(first, sum));
    first = f32x4.add(f32x4.add(f32x4.mul(w00, a), f32x4.mul(w10, b)), f32x4.mul(w20, c));
    y += yPitch;
  } while (--pixels);
}

/** Adds to dw [9][channels] what a line of `pixels` (2 or more) neighbouring windows gives; pixels of x are `pitch` bytes apart, with
 * their channels padded to whole vectors. dy is copied to `buffer`, of `bufferBytes`, a block at a time, and has memory behind it
 * there. (What is in the lanes behind its channels does not matter: their sums are not stored.) */
export function addLine3x3(
  dw: usize,
  x: usize,
  dy: usize,
  buffer: usize,
  pixels: i32,
  pitch: usize,
  rowPitch: usize,
  channels: i32,
): void {
  const block = blockPixels(pitch);
  const bytes = bytesOf(channels);
  while (pixels > 0) {
    // No block of a single pixel.
    const count = pixels == block + 1 ? block - 1 : min(block, pixels);
    memory.copy(buffer, dy, bytes * <usize>count);
    for (let k = 0; k < channels; k += LANES) {
      const at = bytesOf(k);
      addStrip(dw + at, x + at, buffer + at, count, pitch, rowPitch, channels, min(LANES, channels - k));
    }
    x += pitch * <usize>count;
    dy += bytes * <usize>count;
    pixels -= count;
  }
}

function addStrip(
  dw: usize,
  x: usize,
  dy: usize,
  pixels: i32,
  pitch: usize,
  rowPitch: usize,
  channels: i32,
  lanes: i32,
): void {
  let x1 = x + rowPitch;
  let x2 = x1 + rowPitch;
  const row = bytesOf(channels);
  // The first two columns meet one and two windows.
  let g2 = v128.load(dy);
  let s00 = f32x4.mul(v128.load(x), g2);
  let s10 = f32x4.mul(v128.load(x1), g2);
  let s20 = f32x4.mul(v128.load(x2), g2);
  x += pitch;
  x1 += pitch;
  x2 += pitch;
  dy += row;
  let g1 = v128.load(dy);
  let v = v128.load(x);
  s00 = f32x4.add(s00, f32x4.mul(v, g1));
  let s01 = f32x4.mul(v, g2);
  v = v128.load(x1);
  s10 = f32x4.add(s10, f32x4.mul(v, g1));
  let s11 = f32x4.mul(v, g2);
  v = v128.load(x2);
  s20 = f32x4.add(s20, f32x4.mul(v, g1));
  let s21 = f32x4.mul(v, g2);
  let s02 = f32x4.splat(0);
  let s12 = s02;
  let s22 = s02;
  for (pixels -= 2; pixels > 0; pixels--) {
    x += pitch;
    x1 += pitch;
    x2 += pitch;
    dy += row;
    const g0 = v128.load(dy);
    v = v128.load(x);
    s00 = f32x4.add(s00, f32x4.mul(v, g0));
    s01 = f32x4.add(s01, f32x4.mul(v, g1));
    s02 = f32x4.add(s02, f32x4.mul(v, g2));
    v = v128.load(x1);
    s10 = f32x4.add(s10, f32x4.mul(v, g0));
    s11 = f32x4.add(s11, f32x4.mul(v, g1));
    s12 = f32x4.add(s12, f32x4.mul(v, g2));
    v = v128.load(x2);
    s20 = f32x4.add(s20, f32x4.mul(v, g0));
    s21 = f32x4.add(s21, f32x4.mul(v, g1));
    s22 = f32x4.add(s22, f32x4.mul(v, g2));
    g2 = g1;
    g1 = g0;
  }
  // So do the last two.
  v = v128.load(x + pitch);
  s01 = f32x4.add(s01, f32x4.mul(v, g1));
  s02 = f32x4.add(s02, f32x4.mul(v, g2));
  v = v128.load(x1 + pitch);
  s11 = f32x4.add(s11, f32x4.mul(v, g1));
  s12 = f32x4.add(s12, f32x4.mul(v, g2));
  v = v128.load(x2 + pitch);
  s21 = f32x4.add(s21, f32x4.mul(v, g1));
  s22 = f32x4.add(s22, f32x4.mul(v, g2));
  s02 = f32x4.add(s02, f32x4.mul(v128.load(x + 2 * pitch), g1));
  s12 = f32x4.add(s12, f32x4.mul(v128.load(x1 + 2 * pitch), g1));
  s22 = f32x4.add(s22, f32x4.mul(v128.load(x2 + 2 * pitch), g1));
  addTo(dw, s00, lanes);
  addTo((dw += row), s01, lanes);
  addTo((dw += row), s02, lanes);
  addTo((dw += row), s10, lanes);
  addTo((dw += row), s11, lanes);
  addTo((dw += row), s12, lanes);
  addTo((dw += row), s20, lanes);
  addTo((dw += row), s21, lanes);
  addTo((dw += row), s22, lanes);
}

/** Adds a sum to `lanes` (1 to 4) elements. */
function addTo(dw: usize, sum: v128, lanes: i32): void {
  if (lanes == LANES) v128.store(dw, f32x4.add(v128.load(dw), sum));
  else Vector.storeTail(dw, f32x4.add(Vector.loadTail(dw, lanes), sum), lanes);
}
