// The gradient of a convolution with respect to its input, as TensorFlow's Conv2DBackpropInput; also the transposed convolution.
//
//   dx[n, i, j, c] = sum over (u, v, k) of dy[n, o, p, k] * filter[u, v, c, k],
//   where i = o * strideH + u * dilationH - padTop and j = p * strideW + v * dilationW - padLeft.
// For each phase of the strides (lib/phase.ts) this is a convolution of stride 1 over dy with some of the filter's taps, rotated
// and transposed, so the convolution's own kernel computes it and puts the pixels at the distance of the strides.
// With few channels that would leave lanes empty, and conv2dLines.ts takes over.

import * as conv2d from "./conv2d";
import * as gemm from "./gemm";
import * as lines from "./conv2dLines";
import { packTransposed } from "./lib/packTransposed";
import { bytesOf, roundUp } from "./lib/simd";
import * as phases from "./lib/phase";

// Scratch: two phases, the geometry of a phase's convolution, a tile where pixels are spread, the convolution's own.
const INNER: usize = 2 * phases.PHASE_BYTES;
const TILE: usize = INNER + 64;

/** Whether the phases' pixels lie apart. */
function isSpread(g: conv2d.Geometry): bool {
  return g.strideH > 1 || g.strideW > 1;
}

/** Whether there may be phases of the strides that no tap reaches. */
export function mayLeaveGaps(g: conv2d.Geometry): bool {
  return (
    conv2d.isEmpty(g) ||
    g.strideH > (g.dilationH == 1 ? g.filterH : 1) ||
    g.strideW > (g.dilationW == 1 ? g.filterW : 1)
  );
}

function tileBytes(g: conv2d.Geometry): i32 {
  return isSpread(g) ? roundUp(conv2d.BLOCK * g.C, 4) * 4 : 0;
}

function ceilDiv(n: i32, by: i32): i32 {
  return (n + by - 1) / by;
}

/** Bytes of the packed filter of `conv2dBackpropInputPackFilter`. */
export function conv2dBackpropInputPackedBytes(geometry: usize): i32 {
  const g = changetype<conv2d.Geometry>(geometry);
  if (lines.suits(g)) return lines.packedBytes(g);
  return gemm.packedBytes(g.filterH * g.filterW * g.K, g.C);
}

/** Bytes of the scratch memory of both kernels here: enough for the largest phase. */
export function conv2dBackpropInputScratchBytes(geometry: usize): i32 {
  const g = changetype<conv2d.Geometry>(geometry);
  if (lines.suits(g)) return lines.scratchBytes(g);
  const spanH = (g.filterH - 1) * g.dilationH + 1;
  const spanW = (g.filterW - 1) * g.dilationW + 1;
  const line = (ceilDiv(g.W, g.strideW) + spanW) * g.K * 4;
  const whole = (ceilDiv(g.H, g.strideH) + spanH) * line;
  const band = min(whole, max(conv2d.BAND_BYTES, spanH * line));
  const tables = 32 + conv2d.BLOCK * 4 + roundUp(g.filterH * g.filterW, 4) * 4 + roundUp(g.C, gemm.PANEL) * 4;
  return <i32>TILE + tileBytes(g) + tables + roundUp(band, 16);
}

function rowPhase(scratch: usize, g: conv2d.Geometry, first: i32): phases.Phase {
  const phase = changetype<phases.Phase>(scratch);
  phases.layOutPhase(phase, first, g.H, g.filterH, g.strideH, g.dilationH, g.padTop);
  return phase;
}

function columnPhase(scratch: usize, g: conv2d.Geometry, first: i32): phases.Phase {
  const phase = changetype<phases.Phase>(scratch + phases.PHASE_BYTES);
  phases.layOutPhase(phase, first, g.W, g.filterW, g.strideW, g.dilationW, g.padLeft);
  return phase;
}

/**
 * Packs `filter` float32 [filterH, filterW, C, K] for `conv2dBackpropInput`: panels of columns c, depth (taps in their phase's
 * order, k), phase after phase. `packed` is 16-byte aligned, `conv2dBackpropInputPackedBytes` long, overwritten; `scratch` of
 * `conv2dBackpropInputScratchBytes`. No two of them overlap.
 */
export function conv2dBackpropInputPackFilter(packed: usize, filter: usize, scratch: usize, geometry: usize): void {
  const g = changetype<conv2d.Geometry>(geometry);
  if (lines.suits(g)) {
    lines.packFilter(packed, filter, g);
    return;
  }
  for (let a = 0; a < g.strideH; a++) {
    const rows = rowPhase(scratch, g, a);
    for (let b = 0; b < g.strideW; b++) {
      const columns = columnPhase(scratch, g, b);
      for (let c = 0; c < g.C; c += gemm.PANEL) {
        for (let u = 0; u < rows.taps; u++) {
          for (let v = 0; v < columns.taps; v++) {
            const row = rows.lastTap - u * rows.step;
            const tap = row * g.filterW + columns.lastTap - v * columns.step;
            const from = filter + bytesOf((tap * g.C + c) * g.K);
            packed = packTransposed(packed, from, min(gemm.PANEL, g.C - c), g.K);
          }
        }
      }
    }
  }
}

/**
 * dx as above, overwritten: dx [N, H, W, C], dy [N, outputH, outputW, K] where `geometry` is that of the convolution that went
 * forward; `packed` from `conv2dBackpropInputPackFilter`; `scratch` of `conv2dBackpropInputScratchBytes`, 16-byte aligned. No two
 * of them overlap. Order: a sum runs over the taps of its phase from the last to the first, over k within a tap; with few channels
 * sums over the lines of taps in ascending order, over k within a line, are added in the order of the taps of a line.
 */
export function conv2dBackpropInput(dx: usize, dy: usize, packed: usize, scratch: usize, geometry: usize): void {
  const g = changetype<conv2d.Geometry>(geometry);
  if (g.N <= 0 || g.H <= 0 || g.W <= 0 || g.C <= 0) return;
  if (lines.suits(g)) {
    lines.propagate(dx, dy, packed, scratch, g);
    return;
  }
  if (mayLeaveGaps(g)) memory.fill(dx, 0, bytesOf(g.N * g.H * g.W * g.C));
  if (conv2d.isEmpty(g)) return;
  const inner = changetype<conv2d.Geometry>(scratch + INNER);
  inner.N = g.N;
  inner.H = g.outputH;
  inner.W = g.outputW;
  inner.C = g.K;
  inner.K = g.C;
  inner.strideH = 1;
  inner.strideW = 1;
  inner.activation = gemm.ACTIVATION_NONE;
  const tile = isSpread(g) ? scratch + TILE : 0;
  const own = scratch + TILE + <usize>tileBytes(g);
  const pixelPitch = bytesOf(g.strideW * g.C);
  const linePitch = bytesOf(g.strideH * g.W * g.C);
  const imagePitch = bytesOf(g.H * g.W * g.C);
  for (let a = 0; a < g.strideH; a++) {
    const rows = rowPhase(scratch, g, a);
    inner.outputH = rows.count;
    inner.filterH = rows.taps;
    inner.dilationH = rows.dilation;
    inner.padTop = rows.before;
    for (let b = 0; b < g.strideW; b++) {
      const columns = columnPhase(scratch, g, b);
      inner.outputW = columns.count;
      inner.filterW = columns.taps;
      inner.dilationW = columns.dilation;
      inner.padLeft = columns.before;
      const first = dx + bytesOf((a * g.W + b) * g.C);
      if (rows.taps && columns.taps) {
        conv2d.convolve(first, dy, packed, 0, own, inner, tile, pixelPitch, linePitch, imagePitch);
      }
      packed += <usize>gemm.packedBytes(rows.taps * columns.taps * g.K, g.C);
    }
  }
}
