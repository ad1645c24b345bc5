// The gradient of a convolution with respect to its filter, as TensorFlow's Conv2DBackpropFilter:
//
//   dw[u, v, c, k] = sum over (n, o, p) of
//     x[n, o * strideH + u * dilationH - padTop, p * strideW + v * dilationW - padLeft, c] * dy[n, o, p, k].
// That is a product of two matrices whose common dimension is the output's pixels: an outer product of each window with dy's
// channels. Windows are read from a band of the image with its border of zeros, as in the convolution; small images share a band.
// A tile of 4 elements of a window x 8 channels is summed over a block of pixels in registers, then added to dw.

import * as conv2d from "./conv2d";
import * as gemm from "./gemm";
import { bytesOf, LANES, roundUp, Vector } from "./lib/simd";

/** Pixels whose products are summed in registers. */
const BLOCK: i32 = 128;
/** Channels up to which dy is read where it is: beyond, its rows are so far apart that they crowd each other out of the cache. */
const MAX_PITCH: i32 = 128;

/** Whether dy is packed into panels, a block at a time. */
function packsDy(g: conv2d.Geometry): bool {
  return g.K % LANES != 0 || g.K > MAX_PITCH;
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
  if (bytes > conv2d.BAND_BYTES || pixels >= BLOCK) return 1;
  return min(g.N, max(1, min(BLOCK / pixels, conv2d.BAND_BYTES / bytes)));
}

// Scratch: offsets of a window's elements, offsets of a block's pixels, packed dy, band.
function pixelTableOffset(g: conv2d.Geometry): i32 {
  return roundUp(g.filterH * g.filterW * g.C, 4) * 4;
}
function packedOffset(g: conv2d.Geometry): i32 {
  return pixelTableOffset(g) + BLOCK * 4;
}
function bandOffset(g: conv2d.Geometry): i32 {
  return packedOffset(g) + (packsDy(g) ? BLOCK * roundUp(g.K, LANES) * 4 : 0);
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
 * Order: blocks of at most BLOCK pixels are summed in row-major order from 0, and added to dw one after the other.
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
  const pixelTable = scratch + <usize>pixelTableOffset(g);
  const packed = packsDy(g) ? scratch + <usize>packedOffset(g) : 0;
  const imageBytes = bytesOf(g.H * g.W * g.C);
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
      let i = 0;
      let j = 0;
      let image: usize = 0;
      for (let left = count * rows * g.outputW; left > 0; left -= BLOCK) {
        const pixels = min(BLOCK, left);
        const end = pixelTable + bytesOf(pixels);
        for (let entry = pixelTable; entry != end; entry += 4) {
          store<u32>(entry, <u32>(image + <usize>i * lineBytes + <usize>j * pixelBytes));
          if (++j == g.outputW) {
            j = 0;
            if (++i == rows) {
              i = 0;
              image += bandBytes;
            }
          }
        }
        if (packed) gemm.pack(packed, dy, pixels, g.K);
        addProducts(dw, band, scratch, depth, pixelTable, pixels, packed ? packed : dy, packed != 0, g.K);
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

/** dw[m, k] += sum over a block's pixels p of band[window[m] + pixel[p]] * dy[p, k]. */
function addProducts(
  dw: usize,
  band: usize,
  window: usize,
  depth: i32,
  pixelTable: usize,
  pixels: i32,
  dy: usize,
  isPacked: bool,
  channels: i32,
): void {
  const pitch = bytesOf(channels);
  const tiles = depth / gemm.TILE;
  const rest = depth - tiles * gemm.TILE;
  const lastWindow = window + bytesOf(tiles * gemm.TILE);
  const lastRows = <usize>(tiles * gemm.TILE) * pitch;
  const pixelEnd = pixelTable + bytesOf(pixels);
  for (let k = 0; k < channels; k += gemm.PANEL) {
    const width = min(gemm.PANEL, channels - k);
    const step: usize = !isPacked ? pitch : width > LANES ? 32 : 16;
    const to = dw + bytesOf(k);
    if (tiles) tile<gemm.Rows4>(to, band, window, tiles, pixelTable, pixelEnd, dy, step, width, pitch);
    if (rest == 1) tile<gemm.Rows1>(to + lastRows, band, lastWindow, 1, pixelTable, pixelEnd, dy, step, width, pitch);
    else if (rest == 2)
      tile<gemm.Rows2>(to + lastRows, band, lastWindow, 1, pixelTable, pixelEnd, dy, step, width, pitch);
    else if (rest == 3)
      tile<gemm.Rows3>(to + lastRows, band, lastWindow, 1, pixelTable, pixelEnd, dy, step, width, pitch);
    dy += isPacked ? step * <usize>pixels : bytesOf(gemm.PANEL);
  }
}

function tile<Rows>(
  dw: usize,
  band: usize,
  window: usize,
  tiles: i32,
  pixelTable: usize,
  pixelEnd: usize,
  dy: usize,
  step: usize,
  width: i32,
  pitch: usize,
): void {
  if (width > LANES) tile8<Rows>(dw, band, window, tiles, pixelTable, pixelEnd, dy, step, width, pitch);
  else tile4<Rows>(dw, band, window, tiles, pixelTable, pixelEnd, dy, step, width, pitch);
}

/** Sums added to dw. Inlined, as in gemm. */
class Add {
  @inline static eight(dw: usize, low: v128, high: v128, width: i32): void {
    v128.store(dw, f32x4.add(v128.load(dw), low));
    if (width == gemm.PANEL) v128.store(dw, f32x4.add(v128.load(dw, 16), high), 16);
    else Vector.storeTail(dw + 16, f32x4.add(Vector.loadTail(dw + 16, width - LANES), high), width - LANES);
  }

  @inline static four(dw: usize, sum: v128, width: i32): void {
    if (width == LANES) v128.store(dw, f32x4.add(v128.load(dw), sum));
    else Vector.storeTail(dw, f32x4.add(Vector.loadTail(dw, width), sum), width);
  }
}

/** `tiles` tiles of `Rows` elements of the window x 8 channels, of which `width` (5 to 8) exist in dw. */
function tile8<Rows>(
  dw: usize,
  band: usize,
  window: usize,
  tiles: i32,
  pixelTable: usize,
  pixelEnd: usize,
  dy: usize,
  step: usize,
  width: i32,
  pitch: usize,
): void {
  do {
    const row0 = band + <usize>load<u32>(window);
    let row1 = row0;
    let row2 = row0;
    let row3 = row0;
    if (offsetof<Rows>() > 1) row1 = band + <usize>load<u32>(window, 4);
    if (offsetof<Rows>() > 2) row2 = band + <usize>load<u32>(window, 8);
    if (offsetof<Rows>() > 3) row3 = band + <usize>load<u32>(window, 12);
    let low0 = f32x4.splat(0);
    let low1 = low0;
    let low2 = low0;
    let low3 = low0;
    let high0 = low0;
    let high1 = low0;
    let high2 = low0;
    let high3 = low0;
    let b = dy;
    let pixel = pixelTable;
    do {
      const at = <usize>load<u32>(pixel);
      pixel += 4;
      const b0 = v128.load(b);
      const b1 = v128.load(b, 16);
      b += step;
      let a = v128.load32_splat(row0 + at);
      low0 = f32x4.add(low0, f32x4.mul(a, b0));
      high0 = f32x4.add(high0, f32x4.mul(a, b1));
      if (offsetof<Rows>() > 1) {
        a = v128.load32_splat(row1 + at);
        low1 = f32x4.add(low1, f32x4.mul(a, b0));
        high1 = f32x4.add(high1, f32x4.mul(a, b1));
      }
      if (offsetof<Rows>() > 2) {
        a = v128.load32_splat(row2 + at);
        low2 = f32x4.add(low2, f32x4.mul(a, b0));
        high2 = f32x4.add(high2, f32x4.mul(a, b1));
      }
      if (offsetof<Rows>() > 3) {
        a = v128.load32_splat(row3 + at);
        low3 = f32x4.add(low3, f32x4.mul(a, b0));
        high3 = f32x4.add(high3, f32x4.mul(a, b1));
      }
    } while (pixel != pixelEnd);
    Add.eight(dw, low0, high0, width);
    dw += pitch;
    if (offsetof<Rows>() > 1) {
      Add.eight(dw, low1, high1, width);
      dw += pitch;
    }
    if (offsetof<Rows>() > 2) {
      Add.eight(dw, low2, high2, width);
      dw += pitch;
    }
    if (offsetof<Rows>() > 3) {
      Add.eight(dw, low3, high3, width);
      dw += pitch;
    }
    window += offsetof<Rows>() << 2;
  } while (--tiles);
}

/** The same for 4 channels, of which `width` (1 to 4) exist. */
function tile4<Rows>(
  dw: usize,
  band: usize,
  window: usize,
  tiles: i32,
  pixelTable: usize,
  pixelEnd: usize,
  dy: usize,
  step: usize,
  width: i32,
  pitch: usize,
): void {
  do {
    const row0 = band + <usize>load<u32>(window);
    let row1 = row0;
    let row2 = row0;
    let row3 = row0;
    if (offsetof<Rows>() > 1) row1 = band + <usize>load<u32>(window, 4);
    if (offsetof<Rows>() > 2) row2 = band + <usize>load<u32>(window, 8);
    if (offsetof<Rows>() > 3) row3 = band + <usize>load<u32>(window, 12);
    let sum0 = f32x4.splat(0);
    let sum1 = sum0;
    let sum2 = sum0;
    let sum3 = sum0;
    let b = dy;
    let pixel = pixelTable;
    do {
      const at = <usize>load<u32>(pixel);
      pixel += 4;
      const b0 = v128.load(b);
      b += step;
      sum0 = f32x4.add(sum0, f32x4.mul(v128.load32_splat(row0 + at), b0));
      if (offsetof<Rows>() > 1) sum1 = f32x4.add(sum1, f32x4.mul(v128.load32_splat(row1 + at), b0));
      if (offsetof<Rows>() > 2) sum2 = f32x4.add(sum2, f32x4.mul(v128.load32_splat(row2 + at), b0));
      if (offsetof<Rows>() > 3) sum3 = f32x4.add(sum3, f32x4.mul(v128.load32_splat(row3 + at), b0));
    } while (pixel != pixelEnd);
    Add.four(dw, sum0, width);
    dw += pitch;
    if (offsetof<Rows>() > 1) {
      Add.four(dw, sum1, width);
      dw += pitch;
    }
    if (offsetof<Rows>() > 2) {
      Add.four(dw, sum2, width);
      dw += pitch;
    }
    if (offsetof<Rows>() > 3) {
      Add.four(dw, sum3, width);
      dw += pitch;
    }
    window += offsetof<Rows>() << 2;
  } while (--tiles);
}
