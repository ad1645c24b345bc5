// Sums of outer products: the microkernel under gradients with respect to a filter.
//
// The twin of gemm.ts for a product whose common dimension is the slow one of both operands. A tile of 4 elements x 8 channels is
// summed in registers, see gemmPanels.ts, also for why a loop comes four times.

import * as gemm from "./gemm";
import { bytesOf, LANES, Vector } from "./lib/simd";

/** Bytes of an entry of a table of runs. */
export const RUN_BYTES: usize = 8;

/**
 * dw[m, k] += sum over the pixels p of band[window[m] + offset[p]] * dy[p, k], for `depth` elements m and all `channels` k.
 *
 * `window` holds u32 byte offsets of `depth` elements. Offsets of pixels come as `runs` runs, each a pair of u32 of byte offsets:
 * of its first pixel, and of what would follow its last one; within a run pixels are `pixelStep` bytes apart, not 0. The runs have
 * `pixels` pixels together, at least 1 each. dy [pixels, channels] is packed into panels, as `pack` in gemm.ts does, or not: then
 * its last vector may reach up to 12 bytes beyond it, into what must be memory. dw [depth, channels].
 * Every sum runs over p in ascending order from 0 and is then added to dw: a result depends on its row and column only.
 */
export function addProducts(
  dw: usize,
  band: usize,
  window: usize,
  depth: i32,
  runTable: usize,
  runs: i32,
  pixelStep: usize,
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
  const runEnd = runTable + <usize>runs * RUN_BYTES;
  for (let k = 0; k < channels; k += gemm.PANEL) {
    const width = min(gemm.PANEL, channels - k);
    const step: usize = !isPacked ? pitch : width > LANES ? 32 : 16;
    const to = dw + bytesOf(k);
    const last = to + lastRows;
    if (width > LANES) {
      if (tiles) tile8<gemm.Rows4>(to, band, window, tiles, runTable, runEnd, pixelStep, dy, step, width, pitch);
      if (rest == 1) tile8<gemm.Rows1>(last, band, lastWindow, 1, runTable, runEnd, pixelStep, dy, step, width, pitch);
      else if (rest == 2)
        tile8<gemm.Rows2>(last, band, lastWindow, 1, runTable, runEnd, pixelStep, dy, step, width, pitch);
      else if (rest == 3)
        tile8<gemm.Rows3>(last, band, lastWindow, 1, runTable, runEnd, pixelStep, dy, step, width, pitch);
    } else {
      if (tiles) tile4<gemm.Rows4>(to, band, window, tiles, runTable, runEnd, pixelStep, dy, step, width, pitch);
      // One by one: three rows that are left over take little of the time.
      if (rest) tile4<gemm.Rows1>(last, band, lastWindow, rest, runTable, runEnd, pixelStep, dy, step, width, pitch);
    }
    dy += isPacked ? step * <usize>pixels : bytesOf(gemm.PANEL);
  }
}

/** Sums added to dw. Inlined, as the ends of gemmPanels.ts. */
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
  runTable: usize,
  runEnd: usize,
  pixelStep: usize,
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
    let run = runTable;
    if (offsetof<Rows>() == gemm.TILE && row3 == row0 + 12) {
      // Neighbours, as all channels by fours are, need one pointer instead of four.
      do {
        let a0 = row0 + <usize>load<u32>(run);
        const end = row0 + <usize>load<u32>(run, 4);
        run += RUN_BYTES;
        do {
          let b0 = v128.load(b);
          let b1 = v128.load(b, 16);
          b += step;
          let a = v128.load32_splat(a0);
          low0 = f32x4.add(low0, f32x4.mul(a, b0));
          high0 = f32x4.add(high0, f32x4.mul(a, b1));
          a = v128.load32_splat(a0, 4);
          low1 = f32x4.add(low1, f32x4.mul(a, b0));
          high1 = f32x4.add(high1, f32x4.mul(a, b1));
          a = v128.load32_splat(a0, 8);
          low2 = f32x4.add(low2, f32x4.mul(a, b0));
          high2 = f32x4.add(high2, f32x4.mul(a, b1));
          a = v128.load32_splat(a0, 12);
          low3 = f32x4.add(low3, f32x4.mul(a, b0));
          high3 = f32x4.add(high3, f32x4.mul(a, b1));
          a0 += pixelStep;
          if (a0 == end) break;
          b0 = v128.load(b);
          b1 = v128.load(b, 16);
          b += step;
          a = v128.load32_splat(a0);
          low0 = f32x4.add(low0, f32x4.mul(a, b0));
          high0 = f32x4.add(high0, f32x4.mul(a, b1));
          a = v128.load32_splat(a0, 4);
          low1 = f32x4.add(low1, f32x4.mul(a, b0));
          high1 = f32x4.add(high1, f32x4.mul(a, b1));
          a = v128.load32_splat(a0, 8);
          low2 = f32x4.add(low2, f32x4.mul(a, b0));
          high2 = f32x4.add(high2, f32x4.mul(a, b1));
          a = v128.load32_splat(a0, 12);
          low3 = f32x4.add(low3, f32x4.mul(a, b0));
          high3 = f32x4.add(high3, f32x4.mul(a, b1));
          a0 += pixelStep;
          if (a0 == end) break;
          b0 = v128.load(b);
          b1 = v128.load(b, 16);
          b += step;
          a = v128.load32_splat(a0);
          low0 = f32x4.add(low0, f32x4.mul(a, b0));
          high0 = f32x4.add(high0, f32x4.mul(a, b1));
          a = v128.load32_splat(a0, 4);
          low1 = f32x4.add(low1, f32x4.mul(a, b0));
          high1 = f32x4.add(high1, f32x4.mul(a, b1));
          a = v128.load32_splat(a0, 8);
          low2 = f32x4.add(low2, f32x4.mul(a, b0));
          high2 = f32x4.add(high2, f32x4.mul(a, b1));
          a = v128.load32_splat(a0, 12);
          low3 = f32x4.add(low3, f32x4.mul(a, b0));
          high3 = f32x4.add(high3, f32x4.mul(a, b1));
          a0 += pixelStep;
          if (a0 == end) break;
          b0 = v128.load(b);
          b1 = v128.load(b, 16);
          b += step;
          a = v128.load32_splat(a0);
          low0 = f32x4.add(low0, f32x4.mul(a, b0));
          high0 = f32x4.add(high0, f32x4.mul(a, b1));
          a = v128.load32_splat(a0, 4);
          low1 = f32x4.add(low1, f32x4.mul(a, b0));
          high1 = f32x4.add(high1, f32x4.mul(a, b1));
          a = v128.load32_splat(a0, 8);
          low2 = f32x4.add(low2, f32x4.mul(a, b0));
          high2 = f32x4.add(high2, f32x4.mul(a, b1));
          a = v128.load32_splat(a0, 12);
          low3 = f32x4.add(low3, f32x4.mul(a, b0));
          high3 = f32x4.add(high3, f32x4.mul(a, b1));
          a0 += pixelStep;
        } while (a0 != end);
      } while (run != runEnd);
    } else {
      do {
        const begin = <usize>load<u32>(run);
        let a0 = row0 + begin;
        let a1 = row1 + begin;
        let a2 = row2 + begin;
        let a3 = row3 + begin;
        const end = row0 + <usize>load<u32>(run, 4);
        run += RUN_BYTES;
        do {
          const b0 = v128.load(b);
          const b1 = v128.load(b, 16);
          b += step;
          let a = v128.load32_splat(a0);
          a0 += pixelStep;
          low0 = f32x4.add(low0, f32x4.mul(a, b0));
          high0 = f32x4.add(high0, f32x4.mul(a, b1));
          if (offsetof<Rows>() > 1) {
            a = v128.load32_splat(a1);
            a1 += pixelStep;
            low1 = f32x4.add(low1, f32x4.mul(a, b0));
            high1 = f32x4.add(high1, f32x4.mul(a, b1));
          }
          if (offsetof<Rows>() > 2) {
            a = v128.load32_splat(a2);
            a2 += pixelStep;
            low2 = f32x4.add(low2, f32x4.mul(a, b0));
            high2 = f32x4.add(high2, f32x4.mul(a, b1));
          }
          if (offsetof<Rows>() > 3) {
            a = v128.load32_splat(a3);
            a3 += pixelStep;
            low3 = f32x4.add(low3, f32x4.mul(a, b0));
            high3 = f32x4.add(high3, f32x4.mul(a, b1));
          }
        } while (a0 != end);
      } while (run != runEnd);
    }
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
  runTable: usize,
  runEnd: usize,
  pixelStep: usize,
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
    let run = runTable;
    do {
      const begin = <usize>load<u32>(run);
      let a0 = row0 + begin;
      let a1 = row1 + begin;
      let a2 = row2 + begin;
      let a3 = row3 + begin;
      const end = row0 + <usize>load<u32>(run, 4);
      run += RUN_BYTES;
      do {
        const b0 = v128.load(b);
        b += step;
        sum0 = f32x4.add(sum0, f32x4.mul(v128.load32_splat(a0), b0));
        a0 += pixelStep;
        if (offsetof<Rows>() > 1) {
          sum1 = f32x4.add(sum1, f32x4.mul(v128.load32_splat(a1), b0));
          a1 += pixelStep;
        }
        if (offsetof<Rows>() > 2) {
          sum2 = f32x4.add(sum2, f32x4.mul(v128.load32_splat(a2), b0));
          a2 += pixelStep;
        }
        if (offsetof<Rows>() > 3) {
          sum3 = f32x4.add(sum3, f32x4.mul(v128.load32_splat(a3), b0));
          a3 += pixelStep;
        }
      } while (a0 != end);
    } while (run != runEnd);
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
