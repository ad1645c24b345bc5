// Two-dimensional convolution, NHWC input and HWIO filter, as TensorFlow's Conv2D: implicit matrix multiplication.
//
// A band of rows of one image is copied into scratch memory with its border of zeros, small enough to stay in the second-level
// cache. There every window is a row of the matrix product: segments of contiguous floats at fixed distances. Nothing like
// im2col is written. An image that needs no border is read in place.

import * as gemm from "./gemm";
import { bytesOf, copyRun, roundUp, zero } from "./lib/simd";

/** Output pixels that one panel of the filter is multiplied with before the next one; a multiple of the tile's rows. */
export const BLOCK: i32 = 64;
/** Aim for the size of a band, in bytes: half of a small second-level cache. */
export const BAND_BYTES: i32 = 128 << 10;

/** The attribute block: sizes in elements, padding of 0 or more. The padding at the bottom and right follows from the sizes.
 * (Padding below 0, the first rows or columns left out, occurs in the phases of a gradient only.) */
@unmanaged
export class Geometry {
  N: i32;
  H: i32;
  W: i32;
  C: i32;
  outputH: i32;
  outputW: i32;
  K: i32;
  filterH: i32;
  filterW: i32;
  strideH: i32;
  strideW: i32;
  dilationH: i32;
  dilationW: i32;
  padTop: i32;
  padLeft: i32;
  activation: i32;
}

/** Input rows that `rows` output rows see. */
export function inputRows(g: Geometry, rows: i32): i32 {
  return (rows - 1) * g.strideH + (g.filterH - 1) * g.dilationH + 1;
}

/** Input columns that a whole output row sees. */
export function inputColumns(g: Geometry): i32 {
  return (g.outputW - 1) * g.strideW + (g.filterW - 1) * g.dilationW + 1;
}

/** Whether every window lies inside the input. */
export function needsNoBorder(g: Geometry): bool {
  return g.padTop == 0 && g.padLeft == 0 && inputRows(g, g.outputH) <= g.H && inputColumns(g) <= g.W;
}

/** Output rows of a band. */
export function bandRows(g: Geometry): i32 {
  const rows = BAND_BYTES / (inputColumns(g) * g.C * 4);
  return max(1, min(g.outputH, (rows - inputRows(g, 1)) / g.strideH + 1));
}

export function isEmpty(g: Geometry): bool {
  return g.N <= 0 || g.outputH <= 0 || g.outputW <= 0 || g.K <= 0;
}

// Scratch: Product, row table, segment table, padded bias, band.
const ROW_TABLE: i32 = 32;
const SEGMENT_TABLE: i32 = ROW_TABLE + BLOCK * 4;

function biasOffset(g: Geometry): i32 {
  return SEGMENT_TABLE + roundUp(g.filterH * g.filterW, 4) * 4;
}

function bandOffset(g: Geometry): i32 {
  return biasOffset(g) + roundUp(g.K, gemm.PANEL) * 4;
}

/** Bytes of the packed filter of `conv2dPackFilter`. */
export function conv2dPackedBytes(geometry: usize): i32 {
  const g = changetype<Geometry>(geometry);
  return gemm.packedBytes(g.filterH * g.filterW * g.C, g.K);
}

/** Bytes of the scratch memory of `conv2d`. */
export function conv2dScratchBytes(geometry: usize): i32 {
  return scratchBytes(changetype<Geometry>(geometry));
}

function scratchBytes(g: Geometry): i32 {
  if (isEmpty(g)) return 0;
  const band = needsNoBorder(g) ? 0 : inputRows(g, bandRows(g)) * inputColumns(g) * g.C * 4;
  return bandOffset(g) + roundUp(band, 16);
}

/**
 * Packs `filter` float32 [filterH, filterW, C, K] for `conv2d`.
 * `packed` is 16-byte aligned, `conv2dPackedBytes` long, overwritten, apart from `filter`.
 */
export function conv2dPackFilter(packed: usize, filter: usize, geometry: usize): void {
  const g = changetype<Geometry>(geometry);
  gemm.pack(packed, filter, g.filterH * g.filterW * g.C, g.K);
}

/**
 * y[n, i, j, k] = activation(bias[k] + sum over (u, v, c) of
 *   x[n, i * strideH + u * dilationH - padTop, j * strideW + v * dilationW - padLeft, c] * filter[u, v, c, k]),
 * where x is 0 outside its bounds.
 *
 * y [N, outputH, outputW, K] is overwritten; x [N, H, W, C]; `packed` from `conv2dPackFilter`; `bias` [K] or 0 for none;
 * `scratch` of `conv2dScratchBytes`, 16-byte aligned. No two of them overlap. Float32 throughout.
 * Order: a sum runs over (u, v, c) in row-major order, the padding's zeros included, then the bias is added.
 */
export function conv2d(y: usize, x: usize, packed: usize, bias: usize, scratch: usize, geometry: usize): void {
  const g = changetype<Geometry>(geometry);
  convolve(y, x, packed, bias, scratch, g, 0, 0, 0, 0);
}

/**
 * `conv2d` that puts the output's pixels at distances of their own: bytes between pixels, lines and images of y. With those goes
 * `tile`, memory for BLOCK pixels apart from all else; where it is 0, the pixels follow each other.
 */
export function convolve(
  y: usize,
  x: usize,
  packed: usize,
  bias: usize,
  scratch: usize,
  g: Geometry,
  tile: usize,
  pixelPitch: usize,
  linePitch: usize,
  imagePitch: usize,
): void {
  if (isEmpty(g)) return;
  const inPlace = needsNoBorder(g);
  const columns = inPlace ? g.W : inputColumns(g);
  const rowTable = scratch + ROW_TABLE;
  const depth = g.filterH * g.filterW * g.C;

  const product = changetype<gemm.Product>(scratch);
  product.rowTable = rowTable;
  product.segmentTable = scratch + SEGMENT_TABLE;
  product.pitch = bytesOf(g.K);
  product.activation = g.activation;
  product.bias = scratch + <usize>biasOffset(g);
  layOutSegments(product, g, columns);
  memory.fill(product.bias, 0, bytesOf(roundUp(g.K, gemm.PANEL)));
  if (bias) memory.copy(product.bias, bias, bytesOf(g.K));

  const imageBytes = bytesOf(g.H * g.W * g.C);
  const step = inPlace ? g.outputH : bandRows(g);
  const pixelBytes = bytesOf(g.strideW * g.C);
  const lineBytes = bytesOf(g.strideH * columns * g.C);
  for (let n = 0; n < g.N; n++) {
    for (let top = 0; top < g.outputH; top += step) {
      const rows = min(step, g.outputH - top);
      let band = x;
      if (!inPlace) {
        band = scratch + <usize>bandOffset(g);
        copyBand(band, x, g, top * g.strideH - g.padTop, inputRows(g, rows), columns);
      }
      const pixels = rows * g.outputW;
      let line: usize = 0;
      let j = 0;
      for (let first = 0; first < pixels; first += BLOCK) {
        const count = min(BLOCK, pixels - first);
        let window = line + <usize>j * pixelBytes;
        const end = rowTable + bytesOf(count);
        for (let entry = rowTable; entry < end; entry += 4) {
          store<u32>(entry, <u32>window);
          window += pixelBytes;
          if (++j == g.outputW) {
            j = 0;
            line += lineBytes;
            window = line;
          }
        }
        if (tile) {
          gemm.multiply(tile, band, packed, count, g.K, depth, product);
          spread(y + <usize>top * linePitch, tile, g, first, count, pixelPitch, linePitch);
        } else {
          gemm.multiply(y, band, packed, count, g.K, depth, product);
          y += <usize>count * product.pitch;
        }
      }
    }
    if (tile) y += imagePitch;
    x += imageBytes;
  }
}

/** Copies `count` pixels of a tile, from pixel `first` of a band on, to their places. */
function spread(y: usize, tile: usize, g: Geometry, first: i32, count: i32, pixelPitch: usize, linePitch: usize): void {
  const bytes = bytesOf(g.K);
  let j = first % g.outputW;
  let line = y + <usize>(first / g.outputW) * linePitch;
  for (; count > 0; count--) {
    copyRun(line + <usize>j * pixelPitch, tile, bytes);
    tile += bytes;
    if (++j == g.outputW) {
      j = 0;
      line += linePitch;
    }
  }
}

/** Segments of a window: its rows where these are contiguous, otherwise its taps; one if the rows follow each other. */
function layOutSegments(product: gemm.Product, g: Geometry, columns: i32): void {
  const line = bytesOf(g.dilationH * columns * g.C);
  let rows = g.filterH;
  let taps = g.filterW;
  let bytes = bytesOf(g.C);
  if (g.dilationW == 1 || taps == 1) {
    bytes = bytesOf(taps * g.C);
    taps = 1;
    if (line == bytes) {
      bytes *= <usize>rows;
      rows = 1;
    }
  }
  product.segments = rows * taps;
  product.segmentBytes = bytes;
  let entry = product.segmentTable;
  for (let u = 0; u < rows; u++) {
    for (let v = 0; v < taps; v++) {
      store<u32>(entry, <u32>(<usize>u * line + bytesOf(v * g.dilationW * g.C)));
      entry += 4;
    }
  }
}

/** Copies `rows` rows from row `top` of the image on, which may lie outside, into `columns` columns with zeros around them. */
export function copyBand(band: usize, image: usize, g: Geometry, top: i32, rows: i32, columns: i32): void {
  const left = min(max(g.padLeft, 0), columns);
  const skipped = max(-g.padLeft, 0);
  const inside = max(0, min(g.W - skipped, columns - left));
  image += bytesOf(skipped * g.C);
  const right = columns - left - inside;
  const bandPitch = bytesOf(columns * g.C);
  const imagePitch = bytesOf(g.W * g.C);
  const begin = bytesOf(left * g.C);
  const bytes = bytesOf(inside * g.C);
  for (let row = top; row < top + rows; row++) {
    if (row < 0 || row >= g.H) memory.fill(band, 0, bandPitch);
    else {
      zero(band, left * g.C);
      memory.copy(band + begin, image + <usize>row * imagePitch, bytes);
      zero(band + begin + bytes, right * g.C);
    }
    band += bandPitch;
  }
}
