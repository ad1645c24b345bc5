// Winograd's transform of a filter, packed for the products of planes: plane q is a matrix [C][K] in the panels of gemm.ts.

import { PANEL } from "./gemm";
import { bytesOf, LANES, Vector } from "./lib/simd";
import { Line, OUTPUTS, Points6, Points8, Points9 } from "./winogradTransform";
import { TAP_SCALES } from "./winogradTransform9";
import { TILE_BYTES } from "./winogradTiles";

/** Bytes of scratch memory: taps, half-transformed taps, four transformed tiles. */
export const SCRATCH_BYTES: i32 = 6 * <i32>TILE_BYTES;

/** Elements of a line of the cache. */
const LINE: i32 = 16;

/** Copies the taps of `width` neighbouring elements to `scratch`; taps are `step` bytes apart. */
function copyTaps(scratch: usize, from: usize, taps: i32, step: isize, width: i32): void {
  for (; taps > 0; taps--) {
    v128.store(scratch, width == LANES ? v128.load(from) : Vector.loadTail(from, width));
    scratch += 16;
    from += step;
  }
}

/** G g G' of the taps in `scratch`, for so many products a line: its vectors are written to `to`, `step` bytes apart. */
function transform(products: i32, to: usize, step: usize, scratch: usize, rowScales: usize, columnScales: usize): void {
  if (products == 6) transformLines<Points6>(to, step, scratch, 0, 0);
  else if (products == 8) transformLines<Points8>(to, step, scratch, 0, 0);
  else transformLines<Points9>(to, step, scratch, rowScales, columnScales);
}

function transformLines<Points>(to: usize, step: usize, scratch: usize, rowScales: usize, columnScales: usize): void {
  const points = <i32>offsetof<Points>();
  const row = <usize>Line.tapCount<Points>() * 16;
  const half = scratch + TILE_BYTES;
  for (let column: usize = 0; column < row; column += 16)
    Line.filter<Points>(scratch + column, row, half + column, row, rowScales);
  for (let i = 0; i < points; i++) {
    Line.filter<Points>(half + <usize>i * row, 16, to, step, columnScales);
    to += <usize>points * step;
  }
}

/** Transforms `filter` [taps x taps][C][K] of a convolution of stride 1 into planes `pitch` bytes apart. */
export function packTransformed(
  taps: i32,
  packed: usize,
  pitch: usize,
  filter: usize,
  C: i32,
  K: i32,
  scratch: usize,
): void {
  const tapBytes = <isize>bytesOf(C * K);
  const panelBytes = bytesOf(C * PANEL);
  // A line of the cache at a time: the taps are often so far apart that they push each other out of it.
  for (let first = 0; first < K; first += LINE) {
    const last = min(K, first + LINE);
    for (let c = 0; c < C; c++) {
      for (let k = first; k < last; k += LANES) {
        const panel = k / PANEL;
        const rowBytes: usize = K - panel * PANEL > LANES ? 32 : 16;
        const to = packed + <usize>panel * panelBytes + <usize>c * rowBytes + bytesOf(k & LANES);
        copyTaps(scratch, filter + bytesOf(c * K + k), taps * taps, tapBytes, min(LANES, K - k));
        transform(taps + 3, to, pitch, scratch, 0, 0);
      }
    }
  }
}

/** Products of a line of outputs and of the odd ones among its inputs, of a convolution of stride 2. */
const SHARED: i32 = OUTPUTS + 1;

/**
 * Where the filter of stride 2 has element (a, b) of the 9 x 9 for channel 0 of a panel: elements that are multiplied for the same
 * output follow each other in the depth of one plane, as `layOutSegments` in winograd.ts finds them.
 */
function layOutPanel(table: usize, panel: i32, pitch: usize, C: i32, rowBytes: usize): void {
  for (let a = 0; a < 9; a++) {
    const i = a < SHARED ? a : a - SHARED;
    const rows = i < OUTPUTS ? 2 : 1;
    for (let b = 0; b < 9; b++) {
      const j = b < SHARED ? b : b - SHARED;
      const columns = j < OUTPUTS ? 2 : 1;
      const before = panel * rows * columns * C * PANEL * 4;
      const segment = i32(a >= SHARED) * columns + i32(b >= SHARED);
      store<u32>(table, <u32>(<usize>(i * SHARED + j) * pitch + <usize>before + <usize>(segment * C) * rowBytes));
      table += 4;
    }
  }
}

/** Transforms `filter` [9][C][K] of a convolution of stride 2 into its 25 planes, `pitch` bytes apart. */
export function packStrided(packed: usize, pitch: usize, filter: usize, C: i32, K: i32, scratch: usize): void {
  const tapBytes = <isize>bytesOf(C * K);
  const tile = scratch + 2 * TILE_BYTES;
  const table = scratch + 3 * TILE_BYTES;
  const end = tile + 16 * 81;
  for (let first = 0; first < K; first += PANEL) {
    const columns = min(PANEL, K - first);
    const rowBytes: usize = columns > LANES ? 32 : 16;
    layOutPanel(table, first / PANEL, pitch, C, rowBytes);
    for (let c = 0; c < C; c++) {
      for (let half = 0; half < columns; half += LANES) {
        copyTaps(scratch, filter + bytesOf(c * K + first + half), 9, tapBytes, min(LANES, columns - half));
        transform(9, tile, 16, scratch, TAP_SCALES, TAP_SCALES);
        const to = packed + <usize>c * rowBytes + bytesOf(half);
        let entry = table;
        for (let q = tile; q != end; q += 16) {
          v128.store(to + <usize>load<u32>(entry), v128.load(q));
          entry += 4;
        }
      }
    }
  }
}

/** Transforms `filter` [taps x taps][K][C], rotated, into planes of its transpose, for so many products a line, 9 with these
 * scales of the single tap. */
export function packTransformedBack(
  taps: i32,
  products: i32,
  packed: usize,
  pitch: usize,
  filter: usize,
  C: i32,
  K: i32,
  scratch: usize,
  rowScales: usize = 0,
  columnScales: usize = 0,
): void {
  const tapBytes = <isize>bytesOf(C * K);
  const lastTap = filter + <usize>(taps * taps - 1) * <usize>tapBytes;
  const tile = scratch + 2 * TILE_BYTES;
  for (let k = 0; k < K; k += PANEL) {
    const columns = min(PANEL, K - k);
    const rowBytes: usize = columns > LANES ? 32 : 16;
    for (let half = 0; half < columns; half += LANES) {
      for (let c = 0; c < C; c += LANES) {
        const depth = min(LANES, C - c);
        for (let column = 0; column < LANES; column++) {
          const to = tile + <usize>column * TILE_BYTES;
          if (half + column < columns) {
            copyTaps(scratch, lastTap + bytesOf((k + half + column) * C + c), taps * taps, -tapBytes, depth);
            transform(products, to, 16, scratch, rowScales, columnScales);
          } else memory.fill(to, 0, TILE_BYTES);
        }
        storeTransposed(products, packed + bytesOf(half) + <usize>c * rowBytes, rowBytes, pitch, tile, depth);
      }
    }
    packed += <usize>C * rowBytes;
  }
}

/** Of each plane the first `depth` columns of four rows, as rows of a panel. */
function storeTransposed(products: i32, to: usize, rowBytes: usize, pitch: usize, tile: usize, depth: i32): void {
  const end = tile + <usize>(16 * products * products);
  for (let q = tile; q != end; q += 16) {
    const r0 = v128.load(q);
    const r1 = v128.load(q + TILE_BYTES);
    const r2 = v128.load(q + 2 * TILE_BYTES);
    const r3 = v128.load(q + 3 * TILE_BYTES);
    const low01 = v128.shuffle<f32>(r0, r1, 0, 4, 1, 5);
    const low23 = v128.shuffle<f32>(r2, r3, 0, 4, 1, 5);
    const high01 = v128.shuffle<f32>(r0, r1, 2, 6, 3, 7);
    const high23 = v128.shuffle<f32>(r2, r3, 2, 6, 3, 7);
    v128.store(to, v128.shuffle<f64>(low01, low23, 0, 2));
    if (depth > 1) v128.store(to + rowBytes, v128.shuffle<f64>(low01, low23, 1, 3));
    if (depth > 2) v128.store(to + 2 * rowBytes, v128.shuffle<f64>(high01, high23, 0, 2));
    if (depth > 3) v128.store(to + 3 * rowBytes, v128.shuffle<f64>(high01, high23, 1, 3));
    to += pitch;
  }
}
