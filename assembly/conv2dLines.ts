// The gradient of a convolution with respect to an input of few channels, line by line, with pixels in the lanes.
//
// With w = filter and o running over the lines of dy that meet line i in a tap u, a line of dx is
//   dx[i, p * strideW + v * dilationW - padLeft, c] = sum over (v, p) of products[v, c, p],
//   products[v, c, p] = sum over (u, k) of w[u, v, c, k] * dy[o(i, u), p, k].
// The products are those of matrices: filter taps times pixels. Lines of dy are transposed once, into blocks of eight pixels, and
// stay in scratch memory as long as a line of dx needs them. What each tap gives is then added as a whole line. So all lanes are
// used, and an element of dx gets filterW numbers from memory, where the windows of dy's pixels would bring filterH * filterW.

import * as conv2d from "./conv2d";
import * as gemm from "./gemm";
import { packTransposed } from "./lib/packTransposed";
import { bytesOf, LANES, roundUp } from "./lib/simd";

/** Channels that fill a vector too badly, and the depth from which transposing dy is worth it. */
const FEW: i32 = 3;
const DEPTH: i32 = 8;
/** Pixels of a block of a transposed line; the last one may have half of them. */
const BLOCK: i32 = 8;

/** A tile of five rows; see gemm.ts. */
@unmanaged
class Rows5 {
  a: u8;
  b: u8;
  c: u8;
  d: u8;
  e: u8;
}

/** Whether this is the way for a convolution; depends on its sizes only. */
export function suits(g: conv2d.Geometry): bool {
  return g.C <= FEW && g.K >= DEPTH && g.filterH * g.filterW > 1;
}

/** Rows of the product: taps and channels of a line of the filter. */
function rowsOf(g: conv2d.Geometry): i32 {
  return g.filterW * g.C;
}

/** Rows of the next tile, where `left` rows are left. Tiles of 3 and 5 make up all numbers but 1, 2, 4 and 7. */
function nextRows(left: i32): i32 {
  return left < 3 || (left % 3 == 0 && left % 5 != 0) ? 3 : 5;
}

/** Rows of all tiles, at most. */
function packedRows(g: conv2d.Geometry): i32 {
  return rowsOf(g) + 2;
}

export function packedBytes(g: conv2d.Geometry): i32 {
  return packedRows(g) * g.filterH * g.K * 4;
}

/** Packs the filter [filterH, rows, K], each of its lines in tiles, [K, rows of the tile]. Rows that a tile lacks are zeros. */
export function packFilter(packed: usize, filter: usize, g: conv2d.Geometry): void {
  const all = rowsOf(g);
  for (let u = 0; u < g.filterH; u++) {
    let to = packed;
    for (let first = 0; first < all;) {
      const end = first + nextRows(all - first);
      for (let k = 0; k < g.K; k++) {
        for (let row = first; row < end; row++) {
          store<f32>(to, row < all ? load<f32>(filter + bytesOf(row * g.K + k)) : 0);
          to += 4;
        }
      }
      first = end;
    }
    packed += bytesOf(packedRows(g) * g.K);
    filter += bytesOf(all * g.K);
  }
}

/** Lines of dy that one line of dx may need. */
function keptLines(g: conv2d.Geometry): i32 {
  return ((g.filterH - 1) * g.dilationH) / g.strideH + 1;
}

/** Bytes of a row of products. */
function productPitch(g: conv2d.Geometry): usize {
  return bytesOf(roundUp(g.outputW, BLOCK));
}

// Scratch: products [rows, pixels]; transposed lines of dy, of which line o is the (o modulo their number)th; for each tap that meets
// dy its offset in the packed filter and the place of its line of dy.
const TAP_BYTES: i32 = 8;

function productsBytes(g: conv2d.Geometry): i32 {
  return packedRows(g) * <i32>productPitch(g);
}

function lineBytes(g: conv2d.Geometry): i32 {
  return roundUp(g.outputW, LANES) * g.K * 4;
}

export function scratchBytes(g: conv2d.Geometry): i32 {
  return productsBytes(g) + keptLines(g) * lineBytes(g) + g.filterH * TAP_BYTES;
}

/** dx [N, H, W, C] of dy [N, outputH, outputW, K]: see conv2dBackpropInput. */
export function propagate(dx: usize, dy: usize, packed: usize, scratch: usize, g: conv2d.Geometry): void {
  const lines = scratch + <usize>productsBytes(g);
  const pitch = productPitch(g);
  const line = <usize>lineBytes(g);
  const kept = keptLines(g);
  const taps = lines + <usize>kept * line;
  const dxLine = bytesOf(g.W * g.C);
  memory.fill(dx, 0, <usize>(g.N * g.H) * dxLine);
  for (let n = 0; n < g.N; n++) {
    let transposed = 0;
    for (let i = 0; i < g.H; i++) {
      const last = min(g.outputH - 1, (i + g.padTop) / g.strideH);
      for (; transposed <= last; transposed++) {
        let from = dy + bytesOf(transposed * g.outputW * g.K);
        let to = lines + <usize>(transposed % kept) * line;
        for (let left = g.outputW; left > 0; left -= BLOCK) {
          to = packTransposed(to, from, min(BLOCK, left), g.K);
          from += bytesOf(BLOCK * g.K);
        }
      }
      let tap = taps;
      for (let u = 0; u < g.filterH; u++) {
        const position = i + g.padTop - u * g.dilationH;
        const o = position / g.strideH;
        if (position < 0 || o > last || position % g.strideH != 0) continue;
        store<u32>(tap, <u32>bytesOf(u * packedRows(g) * g.K));
        store<u32>(tap, <u32>(lines + <usize>(o % kept) * line), 4);
        tap += TAP_BYTES;
      }
      if (tap != taps) {
        multiplyLine(scratch, pitch, taps, tap, packed, g);
        addLine(dx, scratch, pitch, g);
      }
      dx += dxLine;
    }
    dy += bytesOf(g.outputH * g.outputW * g.K);
  }
}

/** The products of the filter's rows and a line's pixels, for the taps from `tap` to `end`. Those of rows and pixels that only fill
 * a tile are written too, and not read. */
function multiplyLine(products: usize, pitch: usize, tap: usize, end: usize, packed: usize, g: conv2d.Geometry): void {
  const all = rowsOf(g);
  const depth = bytesOf(g.K);
  let block: usize = 0;
  for (let left = g.outputW; left > 0; left -= BLOCK) {
    let to = products;
    let filter = packed;
    for (let first = 0; first < all;) {
      const rows = nextRows(all - first);
      if (rows == 3) narrow<gemm.Rows3>(to, pitch, filter, block, depth, tap, end, left);
      else narrow<Rows5>(to, pitch, filter, block, depth, tap, end, left);
      to += <usize>rows * pitch;
      filter += <usize>rows * depth;
      first += rows;
    }
    products += bytesOf(BLOCK);
    block += <usize>BLOCK * depth;
  }
}

function narrow<Rows>(
  to: usize,
  pitch: usize,
  filter: usize,
  block: usize,
  depth: usize,
  tap: usize,
  end: usize,
  pixels: i32,
): void {
  if (pixels > LANES) tile8<Rows>(to, pitch, filter, block, depth, tap, end);
  else tile4<Rows>(to, pitch, filter, block, depth, tap, end);
}

/** A tile of `Rows` rows x 8 pixels. */
function tile8<Rows>(to: usize, pitch: usize, filter: usize, block: usize, depth: usize, tap: usize, end: usize): void {
  let low0 = f32x4.splat(0);
  let low1 = low0;
  let low2 = low0;
  let low3 = low0;
  let low4 = low0;
  let high0 = low0;
  let high1 = low0;
  let high2 = low0;
  let high3 = low0;
  let high4 = low0;
  do {
    let a = filter + <usize>load<u32>(tap);
    let b = block + <usize>load<u32>(tap, 4);
    tap += TAP_BYTES;
    const last = b + depth * 8;
    do {
      const b0 = v128.load(b);
      const b1 = v128.load(b, 16);
      b += 32;
      let w = v128.load32_splat(a);
      low0 = f32x4.add(low0, f32x4.mul(w, b0));
      high0 = f32x4.add(high0, f32x4.mul(w, b1));
      w = v128.load32_splat(a, 4);
      low1 = f32x4.add(low1, f32x4.mul(w, b0));
      high1 = f32x4.add(high1, f32x4.mul(w, b1));
      w = v128.load32_splat(a, 8);
      low2 = f32x4.add(low2, f32x4.mul(w, b0));
      high2 = f32x4.add(high2, f32x4.mul(w, b1));
      if (offsetof<Rows>() == 5) {
        w = v128.load32_splat(a, 12);
        low3 = f32x4.add(low3, f32x4.mul(w, b0));
        high3 = f32x4.add(high3, f32x4.mul(w, b1));
        w = v128.load32_splat(a, 16);
        low4 = f32x4.add(low4, f32x4.mul(w, b0));
        high4 = f32x4.add(high4, f32x4.mul(w, b1));
      }
      a += offsetof<Rows>() << 2;
    } while (b != last);
  } while (tap != end);
  v128.store(to, low0);
  v128.store(to, high0, 16);
  to += pitch;
  v128.store(to, low1);
  v128.store(to, high1, 16);
  to += pitch;
  v128.store(to, low2);
  v128.store(to, high2, 16);
  if (offsetof<Rows>() == 5) {
    to += pitch;
    v128.store(to, low3);
    v128.store(to, high3, 16);
    to += pitch;
    v128.store(to, low4);
    v128.store(to, high4, 16);
  }
}

/** The same for 4 pixels. */
function tile4<Rows>(to: usize, pitch: usize, filter: usize, block: usize, depth: usize, tap: usize, end: usize): void {
  let sum0 = f32x4.splat(0);
  let sum1 = sum0;
  let sum2 = sum0;
  let sum3 = sum0;
  let sum4 = sum0;
  do {
    let a = filter + <usize>load<u32>(tap);
    let b = block + <usize>load<u32>(tap, 4);
    tap += TAP_BYTES;
    const last = b + depth * 4;
    do {
      const b0 = v128.load(b);
      b += 16;
      sum0 = f32x4.add(sum0, f32x4.mul(v128.load32_splat(a), b0));
      sum1 = f32x4.add(sum1, f32x4.mul(v128.load32_splat(a, 4), b0));
      sum2 = f32x4.add(sum2, f32x4.mul(v128.load32_splat(a, 8), b0));
      if (offsetof<Rows>() == 5) {
        sum3 = f32x4.add(sum3, f32x4.mul(v128.load32_splat(a, 12), b0));
        sum4 = f32x4.add(sum4, f32x4.mul(v128.load32_splat(a, 16), b0));
      }
      a += offsetof<Rows>() << 2;
    } while (b != last);
  } while (tap != end);
  v128.store(to, sum0);
  to += pitch;
  v128.store(to, sum1);
  to += pitch;
  v128.store(to, sum2);
  if (offsetof<Rows>() == 5) {
    to += pitch;
    v128.store(to, sum3);
    to += pitch;
    v128.store(to, sum4);
  }
}

/** Adds the products to a line of dx, one row after the other. */
function addLine(dx: usize, products: usize, pitch: usize, g: conv2d.Geometry): void {
  const step = bytesOf(g.strideW * g.C);
  for (let v = 0; v < g.filterW; v++) {
    // Pixel p of dy meets position left + p * strideW.
    const left = v * g.dilationW - g.padLeft;
    const begin = (max(0, -left) + g.strideW - 1) / g.strideW;
    const count = min(g.outputW, (g.W - left + g.strideW - 1) / g.strideW) - begin;
    const to = dx + bytesOf((left + begin * g.strideW) * g.C);
    for (let c = 0; c < g.C; c++) {
      addRun(to + bytesOf(c), step, products + bytesOf(begin), count);
      products += pitch;
    }
  }
}

/** Adds `count` elements to such at a distance of `step` bytes. */
function addRun(to: usize, step: usize, from: usize, count: i32): void {
  if (step == 4) {
    for (; count >= LANES; count -= LANES) {
      v128.store(to, f32x4.add(v128.load(to), v128.load(from)));
      to += 16;
      from += 16;
    }
  }
  for (; count > 0; count--) {
    store<f32>(to, load<f32>(to) + load<f32>(from));
    to += step;
    from += 4;
  }
}
