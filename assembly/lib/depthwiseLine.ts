// One line of a depthwise convolution over a band: sums over the taps, for eight or four channels and four pixels at a time.

import { bytesOf, LANES, Vector } from "./simd";

/** Channels of a wide strip. */
const WIDE: i32 = 2 * LANES;

/** Puts tap `from` of the filter [taps, channels] at place `to` of panels of eight channels, [channels / 8][taps][8]; a last
 * panel of at most four is four wide. */
export function packTap(packed: usize, filter: usize, from: i32, to: i32, taps: i32, channels: i32): void {
  let source = filter + bytesOf(from * channels);
  for (let k = 0; k < channels; k += WIDE) {
    const width = min(WIDE, channels - k);
    const pitch = panelPitch(width);
    const place = packed + pitch * <usize>to;
    v128.store(place, width < LANES ? Vector.loadTail(source, width) : v128.load(source));
    if (width == WIDE) v128.store(place, v128.load(source, 16), 16);
    else if (width > LANES) v128.store(place, Vector.loadTail(source + 16, width - LANES), 16);
    packed += pitch * <usize>taps;
    source += 32;
  }
}

/** Bytes of a tap in a panel of `width` channels. */
function panelPitch(width: i32): usize {
  return width > LANES ? 32 : 16;
}

/** All channels of a line of `pixels` outputs, whose windows are `step` bytes apart. */
export function computeLine(
  y: usize,
  x: usize,
  packed: usize,
  tapTable: usize,
  taps: i32,
  pixels: i32,
  step: usize,
  pixelPitch: usize,
  channels: i32,
): void {
  const tapEnd = tapTable + bytesOf(taps);
  for (let k = 0; k < channels; k += WIDE) {
    const at = bytesOf(k);
    const width = min(WIDE, channels - k);
    if (width > LANES) computeWide(y + at, x + at, packed, tapTable, tapEnd, pixels, step, pixelPitch, width - LANES);
    else computeStrip(y + at, x + at, packed, tapTable, tapEnd, pixels, step, pixelPitch, width);
    packed += panelPitch(width) * <usize>taps;
  }
}

/** Stores `lanes` (1 to 4) lanes. Inlined: it stands at the end of short sums. */
class Put {
  @inline static lanes(y: usize, v: v128, lanes: i32): void {
    if (lanes == LANES) v128.store(y, v);
    else Vector.storeTail(y, v, lanes);
  }
}

/** Four channels of a line, of which `lanes` exist in y: four pixels at a time, then single ones. */
function computeStrip(
  y: usize,
  x: usize,
  packed: usize,
  tapTable: usize,
  tapEnd: usize,
  pixels: i32,
  step: usize,
  pixelPitch: usize,
  lanes: i32,
): void {
  for (; pixels >= 4; pixels -= 4) {
    const x1 = x + step;
    const x2 = x1 + step;
    const x3 = x2 + step;
    let sum0 = f32x4.splat(0);
    let sum1 = sum0;
    let sum2 = sum0;
    let sum3 = sum0;
    let filter = packed;
    let tap = tapTable;
    do {
      const at = <usize>load<u32>(tap);
      const w = v128.load(filter);
      tap += 4;
      filter += 16;
      sum0 = f32x4.add(sum0, f32x4.mul(v128.load(x + at), w));
      sum1 = f32x4.add(sum1, f32x4.mul(v128.load(x1 + at), w));
      sum2 = f32x4.add(sum2, f32x4.mul(v128.load(x2 + at), w));
      sum3 = f32x4.add(sum3, f32x4.mul(v128.load(x3 + at), w));
    } while (tap != tapEnd);
    Put.lanes(y, sum0, lanes);
    y += pixelPitch;
    Put.lanes(y, sum1, lanes);
    y += pixelPitch;
    Put.lanes(y, sum2, lanes);
    y += pixelPitch;
    Put.lanes(y, sum3, lanes);
    y += pixelPitch;
    x = x3 + step;
  }
  for (; pixels > 0; pixels--) {
    let sum = f32x4.splat(0);
    let filter = packed;
    let tap = tapTable;
    do {
      sum = f32x4.add(sum, f32x4.mul(v128.load(x + <usize>load<u32>(tap)), v128.load(filter)));
      tap += 4;
      filter += 16;
    } while (tap != tapEnd);
    Put.lanes(y, sum, lanes);
    y += pixelPitch;
    x += step;
  }
}

/** Eight channels of a line; of the second four `lanes` exist in y. */
function computeWide(
  y: usize,
  x: usize,
  packed: usize,
  tapTable: usize,
  tapEnd: usize,
  pixels: i32,
  step: usize,
  pixelPitch: usize,
  lanes: i32,
): void {
  for (; pixels >= 4; pixels -= 4) {
    const x1 = x + step;
    const x2 = x1 + step;
    const x3 = x2 + step;
    let low0 = f32x4.splat(0);
    let low1 = low0;
    let low2 = low0;
    let low3 = low0;
    let high0 = low0;
    let high1 = low0;
    let high2 = low0;
    let high3 = low0;
    let filter = packed;
    let tap = tapTable;
    do {
      const at = <usize>load<u32>(tap);
      const w0 = v128.load(filter);
      const w1 = v128.load(filter, 16);
      tap += 4;
      filter += 32;
      low0 = f32x4.add(low0, f32x4.mul(v128.load(x + at), w0));
      high0 = f32x4.add(high0, f32x4.mul(v128.load(x + at, 16), w1));
      low1 = f32x4.add(low1, f32x4.mul(v128.load(x1 + at), w0));
      high1 = f32x4.add(high1, f32x4.mul(v128.load(x1 + at, 16), w1));
      low2 = f32x4.add(low2, f32x4.mul(v128.load(x2 + at), w0));
      high2 = f32x4.add(high2, f32x4.mul(v128.load(x2 + at, 16), w1));
      low3 = f32x4.add(low3, f32x4.mul(v128.load(x3 + at), w0));
      high3 = f32x4.add(high3, f32x4.mul(v128.load(x3 + at, 16), w1));
    } while (tap != tapEnd);
    v128.store(y, low0);
    Put.lanes(y + 16, high0, lanes);
    y += pixelPitch;
    v128.store(y, low1);
    Put.lanes(y + 16, high1, lanes);
    y += pixelPitch;
    v128.store(y, low2);
    Put.lanes(y + 16, high2, lanes);
    y += pixelPitch;
    v128.store(y, low3);
    Put.lanes(y + 16, high3, lanes);
    y += pixelPitch;
    x = x3 + step;
  }
  for (; pixels > 0; pixels--) {
    let low = f32x4.splat(0);
    let high = low;
    let filter = packed;
    let tap = tapTable;
    do {
      const at = <usize>load<u32>(tap);
      low = f32x4.add(low, f32x4.mul(v128.load(x + at), v128.load(filter)));
      high = f32x4.add(high, f32x4.mul(v128.load(x + at, 16), v128.load(filter, 16)));
      tap += 4;
      filter += 32;
    } while (tap != tapEnd);
    v128.store(y, low);
    Put.lanes(y + 16, high, lanes);
    y += pixelPitch;
    x += step;
  }
}
