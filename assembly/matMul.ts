// Matrix products, one or a batch of them, either operand transposed (TensorFlow's MatMul and BatchMatMulV2), over gemm.ts.
//
// b is packed into panels, whichever way it lies. Rows of a are read in place; where a is transposed, a block of its columns is
// copied into rows first, so that one inner loop serves all four cases and all give the same bits.

import * as gemm from "./gemm";
import { bytesOf, LANES, roundUp, Vector } from "./lib/simd";

/** Rows of the result that one panel of b is multiplied with before the next one; a multiple of the tile's rows. */
const BLOCK: i32 = 64;

/** Up to this many rows b is read where it lies: packing it would cost more than the product. */
const FEW: i32 = gemm.TILE - 1;
/** Rows of b that are added to a row of the result at once. */
const STEP: i32 = 4;

const SIX: usize = memory.data<f32>([6]);

/** The attribute block; behind it, for each product of the batch, the index of its matrix in a and in b. */
@unmanaged
class Matrices {
  batch: i32;
  rows: i32;
  columns: i32;
  depth: i32;
  /** a is [depth, rows] rather than [rows, depth]. */
  transposeA: i32;
  /** b is [columns, depth] rather than [depth, columns]. */
  transposeB: i32;
  activation: i32;
}

function isEmpty(g: Matrices): bool {
  return g.batch <= 0 || g.rows <= 0 || g.columns <= 0;
}

/** A sum over nothing is computed as one product of zeros. */
function depthOf(g: Matrices): i32 {
  return max(1, g.depth);
}

// Scratch: Product, row table, segment table, padded bias, panels of b, rows of a.
const ROW_TABLE: i32 = 32;
const SEGMENT_TABLE: i32 = ROW_TABLE + BLOCK * 4;
const BIAS: i32 = SEGMENT_TABLE + 16;

function panelsOffset(g: Matrices): i32 {
  return BIAS + roundUp(g.columns, gemm.PANEL) * 4;
}

function rowsOffset(g: Matrices): i32 {
  return panelsOffset(g) + gemm.packedBytes(depthOf(g), g.columns);
}

function isNarrow(g: Matrices): bool {
  return g.rows <= FEW && !g.transposeB && g.depth > 0;
}

function copiesRows(g: Matrices): bool {
  return g.transposeA != 0 || g.depth == 0;
}

/** Bytes of the scratch memory of `matMul`. */
export function matMulScratchBytes(matrices: usize): i32 {
  const g = changetype<Matrices>(matrices);
  if (isEmpty(g) || isNarrow(g)) return 0;
  const rows = copiesRows(g) ? roundUp(min(BLOCK, g.rows) * depthOf(g), LANES) * 4 : 0;
  return rowsOffset(g) + rows;
}

/**
 * c[n, i, j] = activation(bias[j] + sum over k of a[n, i, k] * b[n, k, j]), where a and b are read transposed if the block says so.
 *
 * c float32 [batch, rows, columns] is overwritten; a, b: matrices in sequence, chosen for each product by the block's indices;
 * `bias` [columns] or 0 for none; `scratch` of `matMulScratchBytes`, 16-byte aligned. No two of them overlap, but a may be b.
 * Order: k ascending from 0, then the bias.
 */
export function matMul(c: usize, a: usize, b: usize, bias: usize, scratch: usize, matrices: usize): void {
  const g = changetype<Matrices>(matrices);
  if (isEmpty(g)) return;
  if (isNarrow(g)) {
    narrow(c, a, b, bias, matrices);
    return;
  }
  const depth = depthOf(g);
  const copies = copiesRows(g);
  const rowTable = scratch + ROW_TABLE;
  const panels = scratch + <usize>panelsOffset(g);
  const rowBytes = bytesOf(depth);

  const product = changetype<gemm.Product>(scratch);
  product.rowTable = rowTable;
  product.segmentTable = scratch + SEGMENT_TABLE;
  store<u32>(product.segmentTable, 0);
  product.segments = 1;
  product.segmentBytes = rowBytes;
  product.pitch = bytesOf(g.columns);
  product.activation = g.activation;
  product.bias = scratch + BIAS;
  memory.fill(product.bias, 0, bytesOf(roundUp(g.columns, gemm.PANEL)));
  if (bias) memory.copy(product.bias, bias, bytesOf(g.columns));
  const count = min(BLOCK, g.rows);
  for (let i = 0; i < count; i++) store<u32>(rowTable + bytesOf(i), <u32>(<usize>i * rowBytes));

  const sizeA = bytesOf(g.rows * g.depth);
  const sizeB = bytesOf(g.depth * g.columns);
  let indices = matrices + offsetof<Matrices>();
  let packed = -1;
  for (let n = 0; n < g.batch; n++) {
    const matrix = a + <usize>load<i32>(indices) * sizeA;
    const indexB = load<i32>(indices, 4);
    indices += 8;
    if (indexB != packed) {
      packPanels(panels, b + <usize>indexB * sizeB, g);
      packed = indexB;
    }
    for (let first = 0; first < g.rows; first += BLOCK) {
      const rows = min(BLOCK, g.rows - first);
      let base = matrix + <usize>first * rowBytes;
      if (copies) {
        base = scratch + <usize>rowsOffset(g);
        if (g.depth == 0) memory.fill(base, 0, bytesOf(rows));
        else transpose(base, depth, matrix + bytesOf(first), g.rows, depth, rows);
      }
      gemm.multiply(c, base, panels, rows, g.columns, depth, product);
      c += <usize>rows * product.pitch;
    }
  }
}

/** The same for few rows: the rows of b, times an element of a each, are added up in c. Sums are the same, in the same order. */
function narrow(c: usize, a: usize, b: usize, bias: usize, matrices: usize): void {
  const g = changetype<Matrices>(matrices);
  const columns = g.columns;
  const rowBytes = bytesOf(columns);
  const acrossRows = g.transposeA ? bytesOf(1) : bytesOf(g.depth);
  const alongDepth = g.transposeA ? bytesOf(g.rows) : bytesOf(1);
  let indices = matrices + offsetof<Matrices>();
  for (let n = 0; n < g.batch; n++) {
    const first = a + <usize>load<i32>(indices) * bytesOf(g.rows * g.depth);
    let rowB = b + <usize>load<i32>(indices, 4) * bytesOf(g.depth * columns);
    indices += 8;
    memory.fill(c, 0, <usize>g.rows * rowBytes);
    for (let k = 0; k < g.depth;) {
      const count = g.depth - k >= STEP ? STEP : 1;
      const element = first + <usize>k * alongDepth;
      for (let i = 0; i < g.rows; i++) {
        const row = c + <usize>i * rowBytes;
        const factors = element + <usize>i * acrossRows;
        if (count == STEP) addFourRows(row, rowB, factors, alongDepth, columns);
        else addRow(row, rowB, factors, columns);
      }
      rowB += <usize>count * rowBytes;
      k += count;
    }
    for (let i = 0; i < g.rows; i++) {
      finishRow(c, bias, g.activation, columns);
      c += rowBytes;
    }
  }
}

/** c += a[0] * b[0], += a[1] * b[1], ... of four rows of b; the elements of a are `stepA` bytes apart. */
function addFourRows(c: usize, b: usize, a: usize, stepA: usize, columns: i32): void {
  const rowBytes = bytesOf(columns);
  const a0 = v128.load32_splat(a);
  const a1 = v128.load32_splat(a + stepA);
  const a2 = v128.load32_splat(a + stepA + stepA);
  const a3 = v128.load32_splat(a + stepA + stepA + stepA);
  const full = c + bytesOf(columns & -LANES);
  const end = c + rowBytes;
  for (; c != full; c += 16) {
    let sum = f32x4.add(v128.load(c), f32x4.mul(a0, v128.load(b)));
    let row = b + rowBytes;
    sum = f32x4.add(sum, f32x4.mul(a1, v128.load(row)));
    row += rowBytes;
    sum = f32x4.add(sum, f32x4.mul(a2, v128.load(row)));
    row += rowBytes;
    v128.store(c, f32x4.add(sum, f32x4.mul(a3, v128.load(row))));
    b += 16;
  }
  for (; c != end; c += 4) {
    let sum = f32x4.add(v128.load32_zero(c), f32x4.mul(a0, v128.load32_zero(b)));
    let row = b + rowBytes;
    sum = f32x4.add(sum, f32x4.mul(a1, v128.load32_zero(row)));
    row += rowBytes;
    sum = f32x4.add(sum, f32x4.mul(a2, v128.load32_zero(row)));
    row += rowBytes;
    v128.store32_lane(c, f32x4.add(sum, f32x4.mul(a3, v128.load32_zero(row))), 0);
    b += 4;
  }
}

/** c += a * b, one row of b. */
function addRow(c: usize, b: usize, a: usize, columns: i32): void {
  const factor = v128.load32_splat(a);
  const full = c + bytesOf(columns & -LANES);
  for (; c != full; c += 16) {
    v128.store(c, f32x4.add(v128.load(c), f32x4.mul(factor, v128.load(b))));
    b += 16;
  }
  const rest = columns & (LANES - 1);
  if (!rest) return;
  const sum = f32x4.add(Vector.loadTail(c, rest), f32x4.mul(factor, Vector.loadTail(b, rest)));
  Vector.storeTail(c, sum, rest);
}

/** Bias and activation of a row of sums, as gemm.ts finishes them. */
function finishRow(c: usize, bias: usize, activation: i32, columns: i32): void {
  if (!bias && activation == gemm.ACTIVATION_NONE) return;
  for (let j = 0; j < columns; j += LANES) {
    const width = min(LANES, columns - j);
    let v = width < LANES ? Vector.loadTail(c, width) : v128.load(c);
    const offset = bytesOf(j);
    let shift = f32x4.splat(0);
    if (bias) shift = width < LANES ? Vector.loadTail(bias + offset, width) : v128.load(bias + offset);
    v = f32x4.add(v, shift);
    if (activation != gemm.ACTIVATION_NONE) v = f32x4.pmax(v, f32x4.splat(0));
    if (activation == gemm.ACTIVATION_RELU6) v = f32x4.pmin(v, v128.load32_splat(SIX));
    Lanes.store(c, v, width);
    c += 16;
  }
}

/** b in panels, as `gemm.pack` gives them. */
function packPanels(packed: usize, b: usize, g: Matrices): void {
  if (g.depth == 0) memory.fill(packed, 0, <usize>gemm.packedBytes(1, g.columns));
  else if (!g.transposeB) gemm.pack(packed, b, g.depth, g.columns);
  else {
    for (let j = 0; j < g.columns; j += gemm.PANEL) {
      const columns = min(gemm.PANEL, g.columns - j);
      const width = roundUp(columns, LANES);
      const panel = packed + bytesOf(j * g.depth);
      if (columns < width) memory.fill(panel, 0, bytesOf(width * g.depth));
      transpose(panel, width, b + bytesOf(j * g.depth), g.depth, columns, g.depth);
    }
  }
}

/** to[j, i] = from[i, j] for float32 `from` [rows, columns]; a row of `from` has `fromPitch` elements, one of `to` `toPitch`. */
function transpose(to: usize, toPitch: i32, from: usize, fromPitch: i32, rows: i32, columns: i32): void {
  const fromBytes = bytesOf(fromPitch);
  const toBytes = bytesOf(toPitch);
  for (let i = 0; i < rows; i += LANES) {
    const height = min(LANES, rows - i);
    const row0 = from;
    const row1 = height > 1 ? row0 + fromBytes : row0;
    const row2 = height > 2 ? row1 + fromBytes : row0;
    const row3 = height > 3 ? row2 + fromBytes : row0;
    let target = to;
    for (let j = 0; j < columns; j += LANES) {
      const width = min(LANES, columns - j);
      const offset = bytesOf(j);
      const v0 = width < LANES ? Vector.loadTail(row0 + offset, width) : v128.load(row0 + offset);
      const v1 = width < LANES ? Vector.loadTail(row1 + offset, width) : v128.load(row1 + offset);
      const v2 = width < LANES ? Vector.loadTail(row2 + offset, width) : v128.load(row2 + offset);
      const v3 = width < LANES ? Vector.loadTail(row3 + offset, width) : v128.load(row3 + offset);
      const low01 = v128.shuffle<i32>(v0, v1, 0, 4, 1, 5);
      const low23 = v128.shuffle<i32>(v2, v3, 0, 4, 1, 5);
      const high01 = v128.shuffle<i32>(v0, v1, 2, 6, 3, 7);
      const high23 = v128.shuffle<i32>(v2, v3, 2, 6, 3, 7);
      Lanes.store(target, v128.shuffle<i64>(low01, low23, 0, 2), height);
      if (width > 1) Lanes.store(target + toBytes, v128.shuffle<i64>(low01, low23, 1, 3), height);
      if (width > 2) Lanes.store(target + 2 * toBytes, v128.shuffle<i64>(high01, high23, 0, 2), height);
      if (width > 3) Lanes.store(target + 3 * toBytes, v128.shuffle<i64>(high01, high23, 1, 3), height);
      target += 4 * toBytes;
    }
    from += 4 * fromBytes;
    to += 16;
  }
}

class Lanes {
  /** The first `height` (1 to 4) lanes. */
  @inline static store(p: usize, v: v128, height: i32): void {
    if (height == LANES) v128.store(p, v);
    else Vector.storeTail(p, v, height);
  }
}
