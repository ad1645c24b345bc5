// Depthwise convolution, as TensorFlow's DepthwiseConv2dNative, and its gradient with respect to the input.
//
// Every input channel c has M = K / C filters of its own; output channel k = c * M + m comes from channel c alone. A band of rows is
// copied into scratch memory with its border of zeros; there every channel is repeated M times, so that vectors run over output
// channels, and the channels are padded to whole vectors. What is left is, for eight channels and four pixels at a time, a sum over
// the taps. For the gradient the same is done with dy in each phase of the strides (lib/phase.ts), and M neighbours are added up.

import * as conv2d from "./conv2d";
import { mayLeaveGaps } from "./conv2dBackpropInput";
import { bufferBytes, computeLine3x3 } from "./lib/depthwise3x3";
import { computeLine, packTap } from "./lib/depthwiseLine";
import { bytesOf, copyRuns, LANES, roundUp } from "./lib/simd";
import * as phases from "./lib/phase";

/** Bytes between the pixels of a band of `channels` channels. */
export function bandPitch(channels: i32): i32 {
  return roundUp(channels, LANES) * 4;
}

/** Aim for the size of a band, in bytes. */
const BAND_BYTES: i32 = 256 << 10;

/** Whether lib/depthwise3x3.ts has loops for such windows. */
export function isThree(g: conv2d.Geometry): bool {
  return g.filterH == 3 && g.filterW == 3 && g.dilationW == 1 && g.strideW <= 2;
}

/** Whether the windows can be read from the image itself: no border, no repeated channels, whole vectors; and no walking through
 * memory that is far away. */
export function readsInPlace(g: conv2d.Geometry): bool {
  if (isThree(g) && g.H * g.W * g.C * 4 > BAND_BYTES) return false;
  return g.C == g.K && g.K % LANES == 0 && conv2d.needsNoBorder(g);
}

/** Output rows whose band has about the size of a cache. */
export function depthwiseBandRows(g: conv2d.Geometry): i32 {
  const rows = BAND_BYTES / (conv2d.inputColumns(g) * bandPitch(g.K));
  return max(1, min(g.outputH, (rows - conv2d.inputRows(g, 1)) / g.strideH + 1));
}

/** Copies `rows` rows from row `top` of the image on, which may lie outside, into `columns` columns with zeros around them;
 * every one of the C channels K / C times, padded to whole vectors by anything. */
export function copyDepthwiseBand(
  band: usize,
  image: usize,
  g: conv2d.Geometry,
  top: i32,
  rows: i32,
  columns: i32,
): void {
  if (g.C == g.K && g.K % LANES == 0) {
    conv2d.copyBand(band, image, g, top, rows, columns);
    return;
  }
  const pitch = <usize>bandPitch(g.K);
  const pixelBytes = bytesOf(g.C);
  const begin = max(0, -g.padLeft);
  const inside = max(0, min(g.W, columns - g.padLeft) - begin);
  const left = inside ? begin + g.padLeft : columns;
  for (let row = top; row < top + rows; row++) {
    if (row < 0 || row >= g.H) {
      memory.fill(band, 0, pitch * <usize>columns);
      band += pitch * <usize>columns;
      continue;
    }
    memory.fill(band, 0, pitch * <usize>left);
    band += pitch * <usize>left;
    let from = image + pixelBytes * <usize>(row * g.W + begin);
    if (g.C == g.K) {
      copyRuns(band, pitch, from, pixelBytes, pixelBytes, inside);
      band += pitch * <usize>inside;
    } else {
      for (let j = 0; j < inside; j++) {
        repeat(band, from, g.C, g.K / g.C);
        band += pitch;
        from += pixelBytes;
      }
    }
    memory.fill(band, 0, pitch * <usize>(columns - left - inside));
    band += pitch * <usize>(columns - left - inside);
  }
}

/** to[c * times + m] = from[c]. */
function repeat(to: usize, from: usize, channels: i32, times: i32): void {
  for (let c = 0; c < channels; c++) {
    const value = load<f32>(from);
    from += 4;
    for (let m = 0; m < times; m++) {
      store<f32>(to, value);
      to += 4;
    }
  }
}

// Scratch: two phases, the geometry of a phase's convolution, offsets of the taps, packed filter, a line before it is added up,
// band.
const INNER: usize = 2 * phases.PHASE_BYTES;
const TAP_TABLE: usize = INNER + 64;

function packedOffset(taps: i32): usize {
  return TAP_TABLE + bytesOf(roundUp(taps, 4));
}
function lineOffset(taps: i32, channels: i32): usize {
  return packedOffset(taps) + <usize>(taps * bandPitch(channels));
}

/** Bytes of the scratch memory of `depthwiseConv2d` and `depthwiseConv2dBackpropInput`. */
export function depthwiseConv2dScratchBytes(geometry: usize): i32 {
  const g = changetype<conv2d.Geometry>(geometry);
  const pitch = bandPitch(g.K);
  const taps = g.filterH * g.filterW;
  const spanH = (g.filterH - 1) * g.dilationH + 1;
  const spanW = (g.filterW - 1) * g.dilationW + 1;
  // The band of the convolution, or of the largest phase, is at most this large.
  const columns = max((g.outputW - 1) * g.strideW, g.W) + spanW;
  const rows = max((g.outputH - 1) * g.strideH, g.H) + spanH;
  const band = min(rows * columns * pitch, max(BAND_BYTES, spanH * columns * pitch));
  return <i32>lineOffset(taps, g.K) + max(g.W, g.outputW) * pitch + bufferBytes(g.K) + max(band, 0);
}

/**
 * y[n, i, j, c * M + m] = sum over (u, v) of
 *   x[n, i * strideH + u * dilationH - padTop, j * strideW + v * dilationW - padLeft, c] * filter[u, v, c, m].
 * The block is conv2d's with K = C * M. y [N, outputH, outputW, K] is overwritten; x [N, H, W, C]; filter [filterH, filterW, C, M];
 * `scratch` of `depthwiseConv2dScratchBytes`, 16-byte aligned. No two of them overlap. Order: (u, v) row by row, from 0; of a window of 3 x 3 see
 * lib/depthwise3x3.ts.
 */
export function depthwiseConv2d(y: usize, x: usize, filter: usize, scratch: usize, geometry: usize): void {
  const g = changetype<conv2d.Geometry>(geometry);
  if (conv2d.isEmpty(g)) return;
  const taps = g.filterH * g.filterW;
  const packed = scratch + packedOffset(taps);
  for (let tap = 0; tap < taps; tap++) packTap(packed, filter, tap, tap, taps, g.K);
  const line = bytesOf(g.outputW * g.K);
  convolve(y, bytesOf(g.K), line, line * <usize>g.outputH, 1, x, packed, scratch, taps, g);
}

/**
 * dx[n, i, j, c] = sum over (u, v, m) of dy[n, o, p, c * M + m] * filter[u, v, c, m],
 *   where i = o * strideH + u * dilationH - padTop and j = p * strideW + v * dilationW - padLeft.
 * dx [N, H, W, C] is overwritten; dy [N, outputH, outputW, K]; the rest as above. Order: the taps of a phase from the last to the
 * first, then m.
 */
export function depthwiseConv2dBackpropInput(
  dx: usize,
  dy: usize,
  filter: usize,
  scratch: usize,
  geometry: usize,
): void {
  const g = changetype<conv2d.Geometry>(geometry);
  if (g.N <= 0 || g.H <= 0 || g.W <= 0 || g.C <= 0) return;
  if (mayLeaveGaps(g)) memory.fill(dx, 0, bytesOf(g.N * g.H * g.W * g.C));
  if (conv2d.isEmpty(g)) return;
  const most = g.filterH * g.filterW;
  const packed = scratch + packedOffset(most);
  const rows = changetype<phases.Phase>(scratch);
  const columns = changetype<phases.Phase>(scratch + phases.PHASE_BYTES);
  const inner = changetype<conv2d.Geometry>(scratch + INNER);
  inner.N = g.N;
  inner.H = g.outputH;
  inner.W = g.outputW;
  inner.C = g.K;
  inner.K = g.K;
  inner.strideH = 1;
  inner.strideW = 1;
  for (let a = 0; a < g.strideH; a++) {
    phases.layOutPhase(rows, a, g.H, g.filterH, g.strideH, g.dilationH, g.padTop);
    inner.outputH = rows.count;
    inner.filterH = rows.taps;
    inner.dilationH = rows.dilation;
    inner.padTop = rows.before;
    for (let b = 0; b < g.strideW; b++) {
      phases.layOutPhase(columns, b, g.W, g.filterW, g.strideW, g.dilationW, g.padLeft);
      inner.outputW = columns.count;
      inner.filterW = columns.taps;
      inner.dilationW = columns.dilation;
      inner.padLeft = columns.before;
      const taps = rows.taps * columns.taps;
      if (taps == 0 || rows.count == 0 || columns.count == 0) continue;
      for (let tap = 0; tap < taps; tap++) {
        const u = rows.lastTap - (tap / columns.taps) * rows.step;
        const v = columns.lastTap - (tap % columns.taps) * columns.step;
        packTap(packed, filter, u * g.filterW + v, tap, taps, g.K);
      }
      const line = bytesOf(g.strideH * g.W * g.C);
      const image = bytesOf(g.H * g.W * g.C);
      const first = dx + bytesOf((a * g.W + b) * g.C);
      convolve(first, bytesOf(g.strideW * g.C), line, image, g.K / g.C, dy, packed, scratch, most, inner);
    }
  }
}

/** The convolution of `g` with pixels, lines and images of y at the given distances; `added` neighbouring channels become one.
 * `most` is the number of taps that the scratch memory is laid out for. */
function convolve(
  y: usize,
  pixelPitch: usize,
  linePitch: usize,
  imagePitch: usize,
  added: i32,
  x: usize,
  packed: usize,
  scratch: usize,
  most: i32,
  g: conv2d.Geometry,
): void {
  const inPlace = readsInPlace(g);
  const columns = inPlace ? g.W : conv2d.inputColumns(g);
  const pitch = <usize>bandPitch(g.K);
  const tapTable = scratch + TAP_TABLE;
  const taps = g.filterH * g.filterW;
  let entry = tapTable;
  for (let u = 0; u < g.filterH; u++) {
    for (let v = 0; v < g.filterW; v++) {
      store<u32>(entry, <u32>(pitch * <usize>(u * g.dilationH * columns + v * g.dilationW)));
      entry += 4;
    }
  }
  const three = isThree(g);
  const rowPitch = pitch * <usize>(g.dilationH * columns);
  const line = scratch + lineOffset(most, g.K);
  const buffer = line + pitch * <usize>max(g.W, g.outputW);
  const ownBand = buffer + <usize>bufferBytes(g.K);
  const step = inPlace ? g.outputH : depthwiseBandRows(g);
  for (let n = 0; n < g.N; n++) {
    for (let top = 0; top < g.outputH; top += step) {
      const rows = min(step, g.outputH - top);
      let band = x;
      if (!inPlace) {
        band = ownBand;
        copyDepthwiseBand(band, x, g, top * g.strideH - g.padTop, conv2d.inputRows(g, rows), columns);
      }
      for (let i = 0; i < rows; i++) {
        const to = y + <usize>(top + i) * linePitch;
        const from = band + pitch * <usize>(i * g.strideH * columns);
        if (three) {
          const at = added == 1 ? to : line;
          const apart = added == 1 ? pixelPitch : pitch;
          computeLine3x3(at, from, packed, buffer, g.outputW, g.strideW, pitch, rowPitch, apart, g.K);
          if (added > 1) addNeighbours(to, line, g.outputW, g.K, added, pixelPitch, pitch);
        } else if (added == 1) {
          computeLine(to, from, packed, tapTable, taps, g.outputW, pitch * <usize>g.strideW, pixelPitch, g.K);
        } else {
          computeLine(line, from, packed, tapTable, taps, g.outputW, pitch * <usize>g.strideW, pitch, g.K);
          addNeighbours(to, line, g.outputW, g.K, added, pixelPitch, pitch);
        }
      }
    }
    y += imagePitch;
    x += bytesOf(g.H * g.W * g.C);
  }
}

/** y[j, c] = sum over m of line[j, c * added + m]. */
function addNeighbours(
  y: usize,
  line: usize,
  pixels: i32,
  channels: i32,
  added: i32,
  pixelPitch: usize,
  pitch: usize,
): void {
  for (let j = 0; j < pixels; j++) {
    let to = y;
    let from = line;
    for (let k = 0; k < channels; k += added) {
      let sum: f32 = load<f32>(from);
      for (let m = 1; m < added; m++) sum += load<f32>(from + bytesOf(m));
      store<f32>(to, sum);
      to += 4;
      from += bytesOf(added);
    }
    y += pixelPitch;
    line += pitch;
  }
}
