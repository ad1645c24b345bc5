// The gradient of a depthwise convolution with respect to its filter, as TensorFlow's DepthwiseConv2dNativeBackpropFilter:
//
//   dw[u, v, c, m] = sum over (n, o, p) of
//     x[n, o * strideH + u * dilationH - padTop, p * strideW + v * dilationW - padLeft, c] * dy[n, o, p, c * M + m].
// x is read from bands as in the convolution, its channels repeated M times. For four channels, up to four taps are summed over a
// block of pixels in registers and then added to dw.

import * as conv2d from "./conv2d";
import { bandPitch, copyDepthwiseBand, depthwiseBandRows, isThree, readsInPlace } from "./depthwiseConv2d";
import * as gemm from "./gemm";
import { addLine3x3, bufferBytes } from "./lib/depthwise3x3";
import { bytesOf, LANES, roundUp, Vector } from "./lib/simd";

/** Pixels whose products are summed in registers. */
const BLOCK: i32 = 128;

// Scratch: offsets of the taps, offsets of a block's pixels, a block of dy with room for its last vector, band.
function pixelTableOffset(taps: i32): usize {
  return bytesOf(roundUp(taps, 4));
}
function bufferOffset(taps: i32): usize {
  return pixelTableOffset(taps) + BLOCK * 4;
}
function bandOffset(g: conv2d.Geometry): usize {
  const padded = g.K % LANES == 0 ? 0 : BLOCK * bandPitch(g.K);
  return bufferOffset(g.filterH * g.filterW) + <usize>max(padded, bufferBytes(g.K));
}

/** Bytes of the scratch memory of `depthwiseConv2dBackpropFilter`. */
export function depthwiseConv2dBackpropFilterScratchBytes(geometry: usize): i32 {
  const g = changetype<conv2d.Geometry>(geometry);
  if (conv2d.isEmpty(g)) return 0;
  const band = readsInPlace(g)
    ? 0
    : conv2d.inputRows(g, depthwiseBandRows(g)) * conv2d.inputColumns(g) * bandPitch(g.K);
  return <i32>bandOffset(g) + band;
}

/**
 * dw as above, overwritten: [filterH, filterW, C, M]; x [N, H, W, C]; dy [N, outputH, outputW, K = C * M]; `scratch` of
 * `depthwiseConv2dBackpropFilterScratchBytes`, 16-byte aligned. No two of them overlap. Float32.
 * Order: blocks of at most BLOCK pixels are summed in row-major order from 0, and added to dw one after the other; for a window of
 * 3 x 3 and stride 1 they are parts of a line.
 */
export function depthwiseConv2dBackpropFilter(dw: usize, x: usize, dy: usize, scratch: usize, geometry: usize): void {
  const g = changetype<conv2d.Geometry>(geometry);
  const taps = g.filterH * g.filterW;
  if (taps <= 0 || g.K <= 0) return;
  memory.fill(dw, 0, bytesOf(taps * g.K));
  if (conv2d.isEmpty(g)) return;
  const inPlace = readsInPlace(g);
  const columns = inPlace ? g.W : conv2d.inputColumns(g);
  const pitch = <usize>bandPitch(g.K);
  let entry = scratch;
  for (let u = 0; u < g.filterH; u++) {
    for (let v = 0; v < g.filterW; v++) {
      store<u32>(entry, <u32>(pitch * <usize>(u * g.dilationH * columns + v * g.dilationW)));
      entry += 4;
    }
  }
  const pixelTable = scratch + pixelTableOffset(taps);
  const buffer = scratch + bufferOffset(taps);
  const step = inPlace ? g.outputH : depthwiseBandRows(g);
  const three = isThree(g) && g.strideW == 1 && g.outputW > 1;
  const pixelBytes = pitch * <usize>g.strideW;
  const lineBytes = pitch * <usize>(g.strideH * columns);
  for (let n = 0; n < g.N; n++) {
    for (let top = 0; top < g.outputH; top += step) {
      const rows = min(step, g.outputH - top);
      let band = x;
      if (!inPlace) {
        band = scratch + bandOffset(g);
        copyDepthwiseBand(band, x, g, top * g.strideH - g.padTop, conv2d.inputRows(g, rows), columns);
      }
      if (three) {
        const rowPitch = pitch * <usize>(g.dilationH * columns);
        for (let i = 0; i < rows; i++) {
          addLine3x3(dw, band + <usize>i * lineBytes, dy, buffer, g.outputW, pitch, rowPitch, g.K);
          dy += bytesOf(g.outputW * g.K);
        }
        continue;
      }
      let i = 0;
      let j = 0;
      for (let left = rows * g.outputW; left > 0; left -= BLOCK) {
        const pixels = min(BLOCK, left);
        const end = pixelTable + bytesOf(pixels);
        for (entry = pixelTable; entry != end; entry += 4) {
          store<u32>(entry, <u32>(<usize>i * lineBytes + <usize>j * pixelBytes));
          if (++j == g.outputW) {
            j = 0;
            i++;
          }
        }
        let block = dy;
        if (g.K % LANES != 0) {
          block = buffer;
          memory.copy(buffer, dy, bytesOf(pixels * g.K));
        }
        addProducts(dw, band, scratch, taps, pixelTable, end, block, g.K);
        dy += bytesOf(pixels * g.K);
      }
    }
    x += bytesOf(g.H * g.W * g.C);
  }
}

/** dw[t, k] += sum over a block's pixels p of band[tap[t] + pixel[p], k] * dy[p, k]. The taps are shared out evenly. */
function addProducts(
  dw: usize,
  band: usize,
  tapTable: usize,
  taps: i32,
  pixelTable: usize,
  pixelEnd: usize,
  dy: usize,
  channels: i32,
): void {
  const groups = (taps + gemm.TILE - 1) / gemm.TILE;
  for (let k = 0; k < channels; k += LANES) {
    const at = bytesOf(k);
    const lanes = min(LANES, channels - k);
    let first = 0;
    for (let group = 0; group < groups; group++) {
      const count = (taps - first + groups - group - 1) / (groups - group);
      const to = dw + at + bytesOf(first * channels);
      const tap = tapTable + bytesOf(first);
      if (count == 4) tile<gemm.Rows4>(to, band + at, tap, pixelTable, pixelEnd, dy + at, channels, lanes);
      else if (count == 3) tile<gemm.Rows3>(to, band + at, tap, pixelTable, pixelEnd, dy + at, channels, lanes);
      else if (count == 2) tile<gemm.Rows2>(to, band + at, tap, pixelTable, pixelEnd, dy + at, channels, lanes);
      else tile<gemm.Rows1>(to, band + at, tap, pixelTable, pixelEnd, dy + at, channels, lanes);
      first += count;
    }
  }
}

/** Adds a sum to `lanes` (1 to 4) elements. */
function addTo(dw: usize, sum: v128, lanes: i32): void {
  if (lanes == LANES) v128.store(dw, f32x4.add(v128.load(dw), sum));
  else Vector.storeTail(dw, f32x4.add(Vector.loadTail(dw, lanes), sum), lanes);
}

/** `Rows` taps of four channels, of which `lanes` exist in dw. */
function tile<Rows>(
  dw: usize,
  band: usize,
  tap: usize,
  pixelTable: usize,
  pixelEnd: usize,
  dy: usize,
  channels: i32,
  lanes: i32,
): void {
  const row = bytesOf(channels);
  const x0 = band + <usize>load<u32>(tap);
  let x1 = x0;
  let x2 = x0;
  let x3 = x0;
  if (offsetof<Rows>() > 1) x1 = band + <usize>load<u32>(tap, 4);
  if (offsetof<Rows>() > 2) x2 = band + <usize>load<u32>(tap, 8);
  if (offsetof<Rows>() > 3) x3 = band + <usize>load<u32>(tap, 12);
  let sum0 = f32x4.splat(0);
  let sum1 = sum0;
  let sum2 = sum0;
  let sum3 = sum0;
  let pixel = pixelTable;
  do {
    const at = <usize>load<u32>(pixel);
    const g = v128.load(dy);
    pixel += 4;
    dy += row;
    sum0 = f32x4.add(sum0, f32x4.mul(v128.load(x0 + at), g));
    if (offsetof<Rows>() > 1) sum1 = f32x4.add(sum1, f32x4.mul(v128.load(x1 + at), g));
    if (offsetof<Rows>() > 2) sum2 = f32x4.add(sum2, f32x4.mul(v128.load(x2 + at), g));
    if (offsetof<Rows>() > 3) sum3 = f32x4.add(sum3, f32x4.mul(v128.load(x3 + at), g));
  } while (pixel != pixelEnd);
  addTo(dw, sum0, lanes);
  if (offsetof<Rows>() > 1) addTo(dw + row, sum1, lanes);
  if (offsetof<Rows>() > 2) addTo(dw + 2 * row, sum2, lanes);
  if (offsetof<Rows>() > 3) addTo(dw + 3 * row, sum3, lanes);
}
