// The gradient of a convolution with respect to an input of few channels: for a block of dy's pixels the products with every tap,
// dy [pixels, K] times the transposed filter [K, taps * C], whose rows are then added to the windows that they belong to.

import * as conv2d from "./conv2d";
import * as gemm from "./gemm";
import { packTransposed } from "./lib/packTransposed";
import { bytesOf, roundUp } from "./lib/simd";

/** Channels that fill a vector too badly, and the depth from which a product is worth it. */
const FEW: i32 = 3;
const DEPTH: i32 = 16;

/** Whether this is the way for a convolution; depends on its sizes only. */
export function suits(g: conv2d.Geometry): bool {
  return g.C <= FEW && g.K >= DEPTH && g.filterH * g.filterW > 1;
}

function columnsOf(g: conv2d.Geometry): i32 {
  return g.filterH * g.filterW * g.C;
}

export function packedBytes(g: conv2d.Geometry): i32 {
  return gemm.packedBytes(g.K, columnsOf(g));
}

// Scratch: Product, row table, segment table, zeros for a bias, products of a block.
const ROW_TABLE: i32 = 32;
const SEGMENT_TABLE: i32 = ROW_TABLE + conv2d.BLOCK * 4;
const BIAS: i32 = SEGMENT_TABLE + 16;

function blockOffset(columns: i32): i32 {
  return BIAS + roundUp(columns, gemm.PANEL) * 4;
}

export function scratchBytes(g: conv2d.Geometry): i32 {
  const columns = columnsOf(g);
  return blockOffset(columns) + roundUp(conv2d.BLOCK * columns, 4) * 4;
}

/** Packs the filter [taps * C, K], transposed. */
export function packFilter(packed: usize, filter: usize, g: conv2d.Geometry): void {
  const columns = columnsOf(g);
  for (let j = 0; j < columns; j += gemm.PANEL) {
    packed = packTransposed(packed, filter + bytesOf(j * g.K), min(gemm.PANEL, columns - j), g.K);
  }
}

/** dx [N, H, W, C] of dy [N, outputH, outputW, K]: see conv2dBackpropInput. */
export function propagate(dx: usize, dy: usize, packed: usize, scratch: usize, g: conv2d.Geometry): void {
  memory.fill(dx, 0, bytesOf(g.N * g.H * g.W * g.C));
  const columns = columnsOf(g);
  const product = changetype<gemm.Product>(scratch);
  product.rowTable = scratch + ROW_TABLE;
  product.segmentTable = scratch + SEGMENT_TABLE;
  product.segments = 1;
  product.segmentBytes = bytesOf(g.K);
  product.pitch = bytesOf(columns);
  product.bias = scratch + BIAS;
  product.activation = gemm.ACTIVATION_NONE;
  for (let i = 0; i < conv2d.BLOCK; i++) store<u32>(product.rowTable + bytesOf(i), <u32>bytesOf(i * g.K));
  store<u32>(product.segmentTable, 0);
  memory.fill(product.bias, 0, bytesOf(roundUp(columns, gemm.PANEL)));
  const block = scratch + <usize>blockOffset(columns);
  for (let n = 0; n < g.N; n++) {
    let o = 0;
    let p = 0;
    for (let left = g.outputH * g.outputW; left > 0; left -= conv2d.BLOCK) {
      const pixels = min(conv2d.BLOCK, left);
      gemm.multiply(block, dy, packed, pixels, columns, g.K, product);
      let window = block;
      for (let pixel = 0; pixel < pixels; pixel++) {
        addWindow(dx, window, g, o * g.strideH - g.padTop, p * g.strideW - g.padLeft);
        window += product.pitch;
        if (++p == g.outputW) {
          p = 0;
          o++;
        }
      }
      dy += bytesOf(pixels * g.K);
    }
    dx += bytesOf(g.H * g.W * g.C);
  }
}

/** Adds a window [filterH, filterW, C] to an image, its first element at row `top` and column `left`, which may lie outside. */
function addWindow(image: usize, window: usize, g: conv2d.Geometry, top: i32, left: i32): void {
  const row = bytesOf(g.filterW * g.C);
  for (let u = 0; u < g.filterH; u++) {
    const i = top + u * g.dilationH;
    if (i >= 0 && i < g.H) {
      const line = image + bytesOf(i * g.W * g.C);
      if (g.dilationW == 1) {
        const begin = max(0, -left);
        const end = min(g.filterW, g.W - left);
        if (begin < end)
          addRun(line + bytesOf((left + begin) * g.C), window + bytesOf(begin * g.C), (end - begin) * g.C);
      } else {
        for (let v = 0; v < g.filterW; v++) {
          const j = left + v * g.dilationW;
          if (j >= 0 && j < g.W) addRun(line + bytesOf(j * g.C), window + bytesOf(v * g.C), g.C);
        }
      }
    }
    window += row;
  }
}

function addRun(to: usize, from: usize, count: i32): void {
  for (; count >= 4; count -= 4) {
    v128.store(to, f32x4.add(v128.load(to), v128.load(from)));
    to += 16;
    from += 16;
  }
  for (; count > 0; count--) {
    store<f32>(to, load<f32>(to) + load<f32>(from));
    to += 4;
    from += 4;
  }
}
