// Matrix multiplication over packed panels, under convolution and dense layers; the microkernels are in gemmPanels.ts.
//
// One operand (filter, weights: [depth][K]) is packed into panels of 8 columns, [K / 8][depth][8], so that a step of the
// inner loop reads two vectors in sequence; a last panel of 1 to 4 columns is 4 wide, one of 5 to 7 is 8 wide, zero-padded.
// The other operand is never packed. Its rows are found through a table of byte offsets, and a row may consist of several
// segments of equal length (the rows of a convolution's window), found through a second table.

import { panel4, panel8 } from "./gemmPanels";
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
    const last = lastRows + column;
    if (width <= LANES) {
      // One by one: three rows that are left over take little of the time.
      if (rest) panel4<Rows1>(last, base, packed, done, rest, j, width, product);
    } else if (rest == 1) panel8<Rows1>(last, base, packed, done, 1, j, width, product);
    else if (rest == 2) panel8<Rows2>(last, base, packed, done, 1, j, width, product);
    else if (rest == 3) panel8<Rows3>(last, base, packed, done, 1, j, width, product);
    packed += panelBytes;
  }
}

/** What is done to a finished sum. Every way keeps NaN. */
export class Activation {
  @inline static apply(v: v128, activation: i32): v128 {
    if (activation == ACTIVATION_NONE) return v;
    v = f32x4.pmax(v, f32x4.splat(0));
    return activation == ACTIVATION_RELU6 ? f32x4.pmin(v, v128.load32_splat(SIX)) : v;
  }
}
