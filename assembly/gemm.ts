// Matrix multiplication over packed panels: the microkernels under convolution and dense layers.
//
// One operand (filter, weights: [depth][K]) is packed into panels of 8 columns, [K / 8][depth][8], so that a step of the
// inner loop reads two vectors in sequence; a last panel of 1 to 4 columns is 4 wide, one of 5 to 7 is 8 wide, zero-padded.
// The other operand is never packed. Its rows are found through a table of byte offsets, and a row may consist of several
// segments of equal length (the rows of a convolution's window), found through a second table.
//
// A tile of 4 rows x 8 columns holds its 8 accumulators, 2 panel vectors and 1 broadcast element in the 16 vector registers
// of x86-64 and leaves the engine some room; 5 or 6 rows spill in some engines. The inner loop must stay rolled in the source:
// engines unroll it themselves and allocate registers badly when it comes unrolled.

import { bytesOf, LANES, roundUp, Vector } from "./lib/simd";

/** Columns of a panel. */
export const PANEL: i32 = 8;
/** Rows of a full tile. */
export const TILE: i32 = 4;

export const ACTIVATION_NONE: i32 = 0;
export const ACTIVATION_RELU: i32 = 1;
export const ACTIVATION_RELU6: i32 = 2;

/** Constants live in memory: engines rebuild a vector constant in every iteration, a loaded one stays in its register. */
const SIX: usize = memory.data<f32>([6]);

// The number of rows of a tile, as a type: `offsetof<Rows>()` is the number of its bytes, known at compile time.
@unmanaged
export class Rows1 {
  a: u8;
}
@unmanaged
export class Rows2 {
  a: u8;
  b: u8;
}
@unmanaged
export class Rows3 {
  a: u8;
  b: u8;
  c: u8;
}
@unmanaged
export class Rows4 {
  a: u8;
  b: u8;
  c: u8;
  d: u8;
}

/** Where the rows of the unpacked operand are, and what happens to the product; all pointers and offsets in bytes. */
@unmanaged
export class Product {
  /** u32 offsets of the rows from `base`. */
  rowTable: usize;
  /** u32 offsets of the segments from a row's start, in the panels' order of depth. */
  segmentTable: usize;
  segments: i32;
  segmentBytes: usize;
  /** Bytes between two rows of the result. */
  pitch: usize;
  /** Float32 [K rounded up to PANEL], added to the finished sums; zeros for no bias. */
  bias: usize;
  activation: i32;
}

/** Columns that the panels of `columns` columns hold together. */
function packedColumns(columns: i32): i32 {
  return roundUp(columns, LANES);
}

/** Bytes of the panels of a matrix [depth, columns]. */
export function packedBytes(depth: i32, columns: i32): i32 {
  return depth * packedColumns(columns) * 4;
}

/**
 * Packs `b` float32 [depth, columns] into panels.
 * `packed` is 16-byte aligned, `packedBytes(depth, columns)` long, overwritten, apart from `b`.
 */
export function pack(packed: usize, b: usize, depth: i32, columns: i32): void {
  const pitch = bytesOf(columns);
  for (let j = 0; j < columns; j += PANEL) {
    const width = min(PANEL, columns - j);
    let row = b + bytesOf(j);
    for (let k = 0; k < depth; k++) {
      v128.store(packed, width < LANES ? Vector.loadTail(row, width) : v128.load(row));
      packed += 16;
      if (width > LANES) {
        v128.store(packed, width < PANEL ? Vector.loadTail(row + 16, width - LANES) : v128.load(row, 16));
        packed += 16;
      }
      row += pitch;
    }
  }
}

/**
 * c[i, j] = activation(sum over k of a[i, k] * b[k, j] + bias[j]) for `rows` rows and all `columns` columns.
 *
 * `c` has `product.pitch` bytes a row and is overwritten, only in the columns given; apart from all else. Every sum runs over
 * k in ascending order from 0, whatever the tile, and the bias is added last: a result depends on its row and column only.
 */
export function multiply(
  c: usize,
  base: usize,
  packed: usize,
  rows: i32,
  columns: i32,
  depth: i32,
  product: Product,
): void {
  const tiles = rows / TILE;
  const rest = rows - tiles * TILE;
  const done = bytesOf(tiles * TILE);
  const panelBytes = bytesOf(depth * PANEL);
  const lastRows = c + <usize>(tiles * TILE) * product.pitch;
  for (let j = 0; j < columns; j += PANEL) {
    const width = min(PANEL, columns - j);
    const column = bytesOf(j);
    if (tiles) {
      if (width > LANES) panel8<Rows4>(c + column, base, packed, 0, tiles, j, width, product);
      else panel4<Rows4>(c + column, base, packed, 0, tiles, j, width, product);
    }
    if (rest == 1) narrow<Rows1>(lastRows + column, base, packed, done, j, width, product);
    else if (rest == 2) narrow<Rows2>(lastRows + column, base, packed, done, j, width, product);
    else if (rest == 3) narrow<Rows3>(lastRows + column, base, packed, done, j, width, product);
    packed += panelBytes;
  }
}

function narrow<Rows>(
  c: usize,
  base: usize,
  panel: usize,
  firstRow: usize,
  column: i32,
  width: i32,
  product: Product,
): void {
  if (width > LANES) panel8<Rows>(c, base, panel, firstRow, 1, column, width, product);
  else panel4<Rows>(c, base, panel, firstRow, 1, column, width, product);
}

/** What is done to a finished sum. Every way keeps NaN. */
export class Activation {
  @inline static apply(v: v128, activation: i32): v128 {
    if (activation == ACTIVATION_NONE) return v;
    v = f32x4.pmax(v, f32x4.splat(0));
    return activation == ACTIVATION_RELU6 ? f32x4.pmin(v, v128.load32_splat(SIX)) : v;
  }
}

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
function panel8<Rows>(
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
        const b0 = v128.load(b);
        const b1 = v128.load(b, 16);
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
function panel4<Rows>(
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
