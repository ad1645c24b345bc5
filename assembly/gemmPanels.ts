// The microkernels of gemm.ts: tiles of 1 to 4 rows times a panel of 8 or 4 columns.
//
// A tile of 4 rows x 8 columns holds its 8 accumulators, 2 panel vectors and 1 broadcast element in the 16 vector registers
// of x86-64 and leaves the engine some room; 5 or 6 rows spill in some engines.
//
// The loop over the depth comes four times in a row, each time with the loop's own way out. That keeps what a turn costs besides
// its products (the engine's check for interrupts, limits for checks of bounds) to every fourth step, also in engines that
// check the bounds of every load and do not unroll such a loop themselves. The ways out also keep engines from mixing the steps,
// for which the registers would not do: without them the same loop is slower than a rolled one.

import { Activation, PANEL, Product } from "./gemm";
import { bytesOf, LANES, Vector } from "./lib/simd";

/** The end of a row of a tile: bias, activation, store. Inlined, or short sums spend a sixth of their time in calls. */
class Finish {
  /** A row of a panel of 8 columns; `width` (5 to 8) of them exist. */
  @inline static eight(c: usize, low: v128, high: v128, bias: usize, width: i32, activation: i32): void {
    low = Activation.apply(f32x4.add(low, v128.load(bias)), activation);
    high = Activation.apply(f32x4.add(high, v128.load(bias, 16)), activation);
    v128.store(c, low);
    if (width == PANEL) v128.store(c, high, 16);
    else Vector.storeTail(c + 16, high, width - LANES);
  }

  /** A row of a panel of 4 columns; `width` (1 to 4) of them exist. */
  @inline static four(c: usize, v: v128, bias: usize, width: i32, activation: i32): void {
    v = Activation.apply(f32x4.add(v, v128.load(bias)), activation);
    if (width == LANES) v128.store(c, v);
    else Vector.storeTail(c, v, width);
  }
}

/** `tiles` tiles of `Rows` rows times one panel of 8 columns. `firstRow` is a byte offset into the row table. */
export function panel8<Rows>(
  c: usize,
  base: usize,
  panel: usize,
  firstRow: usize,
  tiles: i32,
  column: i32,
  width: i32,
  product: Product,
): void {
  const segmentTable = product.segmentTable;
  const lastSegment = segmentTable + bytesOf(product.segments);
  const segmentBytes = product.segmentBytes;
  const pitch = product.pitch;
  const activation = product.activation;
  const bias = product.bias + bytesOf(column);
  let rows = product.rowTable + firstRow;
  do {
    const row0 = base + <usize>load<u32>(rows);
    let row1 = row0;
    let row2 = row0;
    let row3 = row0;
    if (offsetof<Rows>() > 1) row1 = base + <usize>load<u32>(rows, 4);
    if (offsetof<Rows>() > 2) row2 = base + <usize>load<u32>(rows, 8);
    if (offsetof<Rows>() > 3) row3 = base + <usize>load<u32>(rows, 12);
    let low0 = f32x4.splat(0);
    let low1 = low0;
    let low2 = low0;
    let low3 = low0;
    let high0 = low0;
    let high1 = low0;
    let high2 = low0;
    let high3 = low0;
    let b = panel;
    let segment = segmentTable;
    do {
      const offset = <usize>load<u32>(segment);
      segment += 4;
      let a0 = row0 + offset;
      let a1 = row1 + offset;
      let a2 = row2 + offset;
      let a3 = row3 + offset;
      const end = a0 + segmentBytes;
      do {
        let b0 = v128.load(b);
        let b1 = v128.load(b, 16);
        b += 32;
        let a = v128.load32_splat(a0);
        a0 += 4;
        low0 = f32x4.add(low0, f32x4.mul(a, b0));
        high0 = f32x4.add(high0, f32x4.mul(a, b1));
        if (offsetof<Rows>() > 1) {
          a = v128.load32_splat(a1);
          a1 += 4;
          low1 = f32x4.add(low1, f32x4.mul(a, b0));
          high1 = f32x4.add(high1, f32x4.mul(a, b1));
        }
        if (offsetof<Rows>() > 2) {
          a = v128.load32_splat(a2);
          a2 += 4;
          low2 = f32x4.add(low2, f32x4.mul(a, b0));
          high2 = f32x4.add(high2, f32x4.mul(a, b1));
        }
        if (offsetof<Rows>() > 3) {
          a = v128.load32_splat(a3);
          a3 += 4;
          low3 = f32x4.add(low3, f32x4.mul(a, b0));
          high3 = f32x4.add(high3, f32x4.mul(a, b1));
        }
        if (a0 == end) break;
        b0 = v128.load(b);
        b1 = v128.load(b, 16);
        b += 32;
        a = v128.load32_splat(a0);
        a0 += 4;
        low0 = f32x4.add(low0, f32x4.mul(a, b0));
        high0 = f32x4.add(high0, f32x4.mul(a, b1));
        if (offsetof<Rows>() > 1) {
          a = v128.load32_splat(a1);
          a1 += 4;
          low1 = f32x4.add(low1, f32x4.mul(a, b0));
          high1 = f32x4.add(high1, f32x4.mul(a, b1));
        }
        if (offsetof<Rows>() > 2) {
          a = v128.load32_splat(a2);
          a2 += 4;
          low2 = f32x4.add(low2, f32x4.mul(a, b0));
          high2 = f32x4.add(high2, f32x4.mul(a, b1));
        }
        if (offsetof<Rows>() > 3) {
          a = v128.load32_splat(a3);
          a3 += 4;
          low3 = f32x4.add(low3, f32x4.mul(a, b0));
          high3 = f32x4.add(high3, f32x4.mul(a, b1));
        }
        if (a0 == end) break;
        b0 = v128.load(b);
        b1 = v128.load(b, 16);
        b += 32;
        a = v128.load32_splat(a0);
        a0 += 4;
        low0 = f32x4.add(low0, f32x4.mul(a, b0));
        high0 = f32x4.add(high0, f32x4.mul(a, b1));
        if (offsetof<Rows>() > 1) {
          a = v128.load32_splat(a1);
          a1 += 4;
          low1 = f32x4.add(low1, f32x4.mul(a, b0));
          high1 = f32x4.add(high1, f32x4.mul(a, b1));
        }
        if (offsetof<Rows>() > 2) {
          a = v128.load32_splat(a2);
          a2 += 4;
          low2 = f32x4.add(low2, f32x4.mul(a, b0));
          high2 = f32x4.add(high2, f32x4.mul(a, b1));
        }
        if (offsetof<Rows>() > 3) {
          a = v128.load32_splat(a3);
          a3 += 4;
          low3 = f32x4.add(low3, f32x4.mul(a, b0));
          high3 = f32x4.add(high3, f32x4.mul(a, b1));
        }
        if (a0 == end) break;
        b0 = v128.load(b);
        b1 = v128.load(b, 16);
        b += 32;
        a = v128.load32_splat(a0);
        a0 += 4;
        low0 = f32x4.add(low0, f32x4.mul(a, b0));
        high0 = f32x4.add(high0, f32x4.mul(a, b1));
        if (offsetof<Rows>() > 1) {
          a = v128.load32_splat(a1);
          a1 += 4;
          low1 = f32x4.add(low1, f32x4.mul(a, b0));
          high1 = f32x4.add(high1, f32x4.mul(a, b1));
        }
        if (offsetof<Rows>() > 2) {
          a = v128.load32_splat(a2);
          a2 += 4;
          low2 = f32x4.add(low2, f32x4.mul(a, b0));
          high2 = f32x4.add(high2, f32x4.mul(a, b1));
        }
        if (offsetof<Rows>() > 3) {
          a = v128.load32_splat(a3);
          a3 += 4;
          low3 = f32x4.add(low3, f32x4.mul(a, b0));
          high3 = f32x4.add(high3, f32x4.mul(a, b1));
        }
      } while (a0 != end);
    } while (segment != lastSegment);
    Finish.eight(c, low0, high0, bias, width, activation);
    c += pitch;
    if (offsetof<Rows>() > 1) {
      Finish.eight(c, low1, high1, bias, width, activation);
      c += pitch;
    }
    if (offsetof<Rows>() > 2) {
      Finish.eight(c, low2, high2, bias, width, activation);
      c += pitch;
    }
    if (offsetof<Rows>() > 3) {
      Finish.eight(c, low3, high3, bias, width, activation);
      c += pitch;
    }
    rows += offsetof<Rows>() << 2;
  } while (--tiles);
}

/** The same for one panel of 4 columns. */
export function panel4<Rows>(
  c: usize,
  base: usize,
  panel: usize,
  firstRow: usize,
  tiles: i32,
  column: i32,
  width: i32,
  product: Product,
): void {
  const segmentTable = product.segmentTable;
  const lastSegment = segmentTable + bytesOf(product.segments);
  const segmentBytes = product.segmentBytes;
  const pitch = product.pitch;
  const activation = product.activation;
  const bias = product.bias + bytesOf(column);
  let rows = product.rowTable + firstRow;
  do {
    const row0 = base + <usize>load<u32>(rows);
    let row1 = row0;
    let row2 = row0;
    let row3 = row0;
    if (offsetof<Rows>() > 1) row1 = base + <usize>load<u32>(rows, 4);
    if (offsetof<Rows>() > 2) row2 = base + <usize>load<u32>(rows, 8);
    if (offsetof<Rows>() > 3) row3 = base + <usize>load<u32>(rows, 12);
    let sum0 = f32x4.splat(0);
    let sum1 = sum0;
    let sum2 = sum0;
    let sum3 = sum0;
    let b = panel;
    let segment = segmentTable;
    do {
      const offset = <usize>load<u32>(segment);
      segment += 4;
      let a0 = row0 + offset;
      let a1 = row1 + offset;
      let a2 = row2 + offset;
      let a3 = row3 + offset;
      const end = a0 + segmentBytes;
      do {
        const b0 = v128.load(b);
        b += 16;
        sum0 = f32x4.add(sum0, f32x4.mul(v128.load32_splat(a0), b0));
        a0 += 4;
        if (offsetof<Rows>() > 1) {
          sum1 = f32x4.add(sum1, f32x4.mul(v128.load32_splat(a1), b0));
          a1 += 4;
        }
        if (offsetof<Rows>() > 2) {
          sum2 = f32x4.add(sum2, f32x4.mul(v128.load32_splat(a2), b0));
          a2 += 4;
        }
        if (offsetof<Rows>() > 3) {
          sum3 = f32x4.add(sum3, f32x4.mul(v128.load32_splat(a3), b0));
          a3 += 4;
        }
      } while (a0 != end);
    } while (segment != lastSegment);
    Finish.four(c, sum0, bias, width, activation);
    c += pitch;
    if (offsetof<Rows>() > 1) {
      Finish.four(c, sum1, bias, width, activation);
      c += pitch;
    }
    if (offsetof<Rows>() > 2) {
      Finish.four(c, sum2, bias, width, activation);
      c += pitch;
    }
    if (offsetof<Rows>() > 3) {
      Finish.four(c, sum3, bias, width, activation);
      c += pitch;
    }
    rows += offsetof<Rows>() << 2;
  } while (--tiles);
}
