// The gradient of a convolution with respect to its filter, as TensorFlow's Conv2DBackpropFilter:
//
//   dw[u, v, c, k] = sum over (n, o, p) of
//     x[n, o * strideH + u * dilationH - padTop, p * strideW + v * dilationW - padLeft, c] * dy[n, o, p, k].
// That is a product of two matrices whose common dimension is the output's pixels: an outer product of each window with dy's
// channels. Windows are read from a band of the image with its border of zeros, as in the convolution; small images share a band.
// A tile of 4 elements of a window x 8 channels is summed over a block of pixels in registers, then added to dw.

import * as conv2d from "./conv2d";
import * as gemm from "./gemm";
import { bytesOf, LANES, roundUp } from "./lib/simd";
import { addProducts, RUN_BYTES } from "./outerProduct";

/** Pixels whose products are summed in registers: fewer where they are so far apart, by multiples of 512 bytes, that they crowd each
 * other out of the first-level cache. */
function blockPixels(g: conv2d.Geometry): i32 {
  return (g.C * g.strideW) % 128 == 0 ? 64 : 128;
}
/** Channels up to which dy is read where it is: beyond, its rows are so far apart that they crowd each other out of the cache. */
const MAX_PITCH: i32 = 128;

/** Whether a block of dy is packed into panels. Channels that do not fill their last vector are packed with the last block only: there
 * is nothing behind it that could be read. */
function packsDy(g: conv2d.Geometry, isLast: bool): bool {
  return g.K > MAX_PITCH || (isLast && g.K % LANES != 0);
}

/** Bytes of the windows of a whole image, without or with their border. */
function imageBandBytes(g: conv2d.Geometry): i32 {
  return conv2d.needsNoBorder(g)
    ? g.H * g.W * g.C * 4
    : conv2d.inputRows(g, g.outputH) * conv2d.inputColumns(g) * g.C * 4;
}

/** Images whose pixels are processed together. */
function imagesPerBand(g: conv2d.Geometry): i32 {
  const pixels = g.outputH * g.outputW;
  const bytes = max(imageBandBytes(g), 1);
  if (bytes > conv2d.BAND_BYTES || pixels >= blockPixels(g)) return 1;
  return min(g.N, max(1, min(blockPixels(g) / pixels, conv2d.BAND_BYTES / bytes)));
}

// Scratch: offsets of a window's elements, runs of a block's pixels, packed dy, band.
function runTableOffset(g: conv2d.Geometry): i32 {
  return roundUp(g.filterH * g.filterW * g.C, 4) * 4;
}
function packedOffset(g: conv2d.Geometry): i32 {
  return runTableOffset(g) + blockPixels(g) * <i32>RUN_BYTES;
}
function bandOffset(g: conv2d.Geometry): i32 {
  return packedOffset(g) + (packsDy(g, true) ? blockPixels(g) * roundUp(g.K, LANES) * 4 : 0);
}

/** Bytes of the scratch memory of `conv2dBackpropFilter`. */
export function conv2dBackpropFilterScratchBytes(geometry: usize): i32 {
  const g = changetype<conv2d.Geometry>(geometry);
  if (conv2d.isEmpty(g)) return 0;
  if (conv2d.needsNoBorder(g)) return bandOffset(g);
  const images = imagesPerBand(g);
  const band =
    images > 1
      ? images * imageBandBytes(g)
      : conv2d.inputRows(g, conv2d.bandRows(g)) * conv2d.inputColumns(g) * g.C * 4;
  return bandOffset(g) + roundUp(band, 16);
}

/**
 * dw as above: dw [filterH, filterW, C, K], overwritten; x [N, H, W, C]; dy [N, outputH, outputW, K]; `scratch` of
 * `conv2dBackpropFilterScratchBytes`, 16-byte aligned. No two of them overlap. Float32.
 * Order: blocks of at most 128 pixels, or 64, are summed in row-major order from 0, and added to dw one after the other.
 */
export function conv2dBackpropFilter(dw: usize, x: usize, dy: usize, scratch: usize, geometry: usize): void {
  const g = changetype<conv2d.Geometry>(geometry);
  const depth = g.filterH * g.filterW * g.C;
  if (depth <= 0 || g.K <= 0) return;
  memory.fill(dw, 0, bytesOf(depth * g.K));
  if (conv2d.isEmpty(g)) return;
  const inPlace = conv2d.needsNoBorder(g);
  const columns = inPlace ? g.W : conv2d.inputColumns(g);
  layOutWindow(scratch, g, columns);
  const runTable = scratch + <usize>runTableOffset(g);
  const packed = scratch + <usize>packedOffset(g);
  const imageBytes = bytesOf(g.H * g.W * g.C);
  const block = blockPixels(g);
  let remaining = g.N * g.outputH * g.outputW;
  const images = imagesPerBand(g);
  const step = inPlace || images > 1 ? g.outputH : conv2d.bandRows(g);
  const pixelBytes = bytesOf(g.strideW * g.C);
  const lineBytes = bytesOf(g.strideH * columns * g.C);
  for (let n = 0; n < g.N; n += images) {
    const count = min(images, g.N - n);
    for (let top = 0; top < g.outputH; top += step) {
      const rows = min(step, g.outputH - top);
      const seen = conv2d.inputRows(g, rows);
      let band = x;
      let bandBytes = imageBytes;
      if (!inPlace) {
        band = scratch + <usize>bandOffset(g);
        bandBytes = bytesOf(seen * columns * g.C);
        for (let m = 0; m < count; m++) {
          const image = x + <usize>m * imageBytes;
          conv2d.copyBand(band + <usize>m * bandBytes, image, g, top * g.strideH - g.padTop, seen, columns);
        }
      }
      const pixelStep = g.outputW > 1 ? pixelBytes : g.outputH > 1 ? lineBytes : bandBytes;
      let i = 0;
      let j = 0;
      let image: usize = 0;
      for (let left = count * rows * g.outputW; left > 0; left -= block) {
        const pixels = min(block, left);
        let run = runTable - RUN_BYTES;
        let end: u32 = 0;
        for (let rest = pixels; rest > 0;) {
          const begin = <u32>(image + <usize>i * lineBytes + <usize>j * pixelBytes);
          const length = min(rest, g.outputW - j);
          if (rest == pixels || begin != end) {
            run += RUN_BYTES;
            store<u32>(run, begin);
          }
          end = begin + <u32>length * <u32>pixelStep;
          store<u32>(run, end, 4);
          rest -= length;
          j += length;
          if (j == g.outputW) {
            j = 0;
            if (++i == rows) {
              i = 0;
              image += bandBytes;
            }
          }
        }
        const runs = <i32>((run - runTable) / RUN_BYTES) + 1;
        remaining -= pixels;
        const packs = packsDy(g, !remaining);
        if (packs) gemm.pack(packed, dy, pixels, g.K);
        addProducts(dw, band, scratch, depth, runTable, runs, pixelStep, pixels, packs ? packed : dy, packs, g.K);
        dy += bytesOf(pixels * g.K);
      }
    }
    x += <usize>count * imageBytes;
  }
}

/** Offsets of the elements of a window from its beginning, in the order of the filter. */
function layOutWindow(table: usize, g: conv2d.Geometry, columns: i32): void {
  for (let u = 0; u < g.filterH; u++) {
    for (let v = 0; v < g.filterW; v++) {
      let offset = (u * g.dilationH * columns + v * g.dilationW) * g.C;
      for (let c = 0; c < g.C; c++) {
        store<u32>(table, <u32>bytesOf(offset++));
        table += 4;
      }
    }
  }
}
