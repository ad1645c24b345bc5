// Sums of outer products: the microkernel under gradients with respect to a filter.
//
// The twin of gemm.ts for a product whose common dimension is the slow one of both operands. A tile of 4 elements x 8 channels is
// summed in registers, see there.

import * as gemm from "./gemm";
import { bytesOf, LANES, Vector } from "./lib/simd";

/**
 * dw[m, k] += sum over the pixels p of band[window[m] + pixel[p]] * dy[p, k], for `depth` elements m and all `channels` k.
 *
 * `window` and `pixelTable` hold u32 byte offsets, of `depth` elements and `pixels` pixels (at least 1). dy [pixels, channels] is
 * packed into panels, as `pack` in gemm.ts does, or not: then `channels` is a multiple of 4. dw [depth, channels].
 * Every sum runs over p in ascending order from 0 and is then added to dw: a result depends on its row and column only.
 */
export function addProducts(
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

/** Sums added to dw. Inlined, as in  */
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
