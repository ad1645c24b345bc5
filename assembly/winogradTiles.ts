// Winograd's transforms of whole tiles: from images to planes, and from planes to images.
//
// A tile is 5 x 5, 6 x 6, 8 x 8 or 9 x 9. Element q of all transformed tiles of a block is plane q, a matrix [tiles][channels], so that
// the products of a block are as many products of matrices. Channels come in vectors of four; what lanes behind the last channel hold is arbitrary,
// nobody reads it.

import { PANEL } from "./gemm";
import { bytesOf, LANES, roundUp, Vector, zero } from "./lib/simd";
import { Line, OUTPUTS } from "./winogradTransform";

/** Bytes of one vector for each element of the largest tile. */
export const TILE_BYTES: usize = 16 * 9 * 9;

/** Bytes from plane to plane for planes of `bytes` bytes: as a power of two, all planes would share one set of the cache. */
export function planePitch(bytes: i32): i32 {
  return roundUp(bytes, 4096) + 320;
}

/** Images that tiles are read from or written to, and how tiles lie on them. */
@unmanaged
export class Images {
  pointer: usize;
  N: i32;
  H: i32;
  W: i32;
  C: i32;
  /** Tiles of an image. */
  rows: i32;
  columns: i32;
  /** Where the first begins: above and left of the image if below 0. */
  top: i32;
  left: i32;
  /** Tiles of 9 x 9 as output: 1 where they begin with an odd row or column. */
  oddRows: i32;
  oddColumns: i32;
  /** What is read for a line above or below the image. */
  zeros: usize;
  /** What is read for the very last line: the line, or a copy where reading a whole vector at its end would read too far. */
  lastLine: usize;
  /** Where the lines of a row of tiles are put together before they are written, or 0. */
  stage: usize;
}

export const IMAGES_BYTES: usize = 64;

/** Images [N, H, W, C] at `pointer` with `rows` x `columns` tiles each, the first at `top` and `left`. */
export function layOut(
  images: Images,
  pointer: usize,
  N: i32,
  H: i32,
  W: i32,
  C: i32,
  rows: i32,
  columns: i32,
  top: i32,
  left: i32,
): void {
  images.pointer = pointer;
  images.N = N;
  images.H = H;
  images.W = W;
  images.C = C;
  images.rows = rows;
  images.columns = columns;
  images.top = top;
  images.left = left;
}

/** Images of so many bytes are far away: their lines are written whole, in order. */
const FAR_BYTES: i32 = 1 << 20;
/** Most elements of the lines of a row of tiles that are put together: they must stay near. */
const STAGE_ELEMENTS: i32 = 16 << 10;

/** Bytes of the lines of a row of tiles of `pixels` lines, if images are written through such a `stage`, or 0. */
export function stageBytes(N: i32, H: i32, W: i32, C: i32, pixels: i32): i32 {
  return W * C <= STAGE_ELEMENTS / pixels && N * H * W * C * 4 >= FAR_BYTES ? pixels * W * C * 4 : 0;
}

/** Bytes that `prepareLines` needs. */
export function linesBytes(W: i32, C: i32): i32 {
  return 2 * lineBytes(W, C);
}

/** A line with a vector behind it. */
function lineBytes(W: i32, C: i32): i32 {
  return roundUp(W * C, LANES) * 4 + 16;
}

/** Provides the lines that `images` is read with beside its own, at `memory` [linesBytes]. */
export function prepareLines(images: Images, at: usize): void {
  const bytes = lineBytes(images.W, images.C);
  const line = bytesOf(images.W * images.C);
  images.zeros = at;
  memory.fill(at, 0, bytes);
  const last = images.pointer + <usize>(images.N * images.H - 1) * line;
  images.lastLine = last;
  if (images.C % LANES == 0) return;
  images.lastLine = at + <usize>bytes;
  memory.copy(images.lastLine, last, line);
  zero(images.lastLine + line, LANES);
}

/** Where line `row` of image `n` begins, which may lie outside. */
function lineOf(images: Images, n: i32, row: i32): usize {
  if (row < 0 || row >= images.H) return images.zeros;
  const line = n * images.H + row;
  if (line + 1 == images.N * images.H) return images.lastLine;
  return images.pointer + bytesOf(line * images.W * images.C);
}

/** A place in the sequence of all tiles. */
@unmanaged
export class Position {
  n: i32;
  i: i32;
  j: i32;
}

export const POSITION_BYTES: usize = 16;

function advance(position: Position, images: Images): void {
  if (++position.j < images.columns) return;
  position.j = 0;
  if (++position.i < images.rows) return;
  position.i = 0;
  position.n++;
}

/**
 * Transforms `count` tiles from `position` on, which moves on: planes[q][t][c] = B' d B. A plane's rows are `pitch` bytes long,
 * planes `planeBytes` apart; `tile` is scratch memory of TILE_BYTES.
 */
export function transformInput<Points>(
  planes: usize,
  pitch: usize,
  planeBytes: usize,
  images: Images,
  position: Position,
  count: i32,
  tile: usize,
): void {
  const points = <i32>offsetof<Points>();
  const step = Line.pixels<Points>();
  const rowBytes = <usize>points * 16;
  const pixelBytes = bytesOf(images.C);
  const planeRow = <usize>points * planeBytes;
  for (; count > 0; count--) {
    const row = position.i * step + images.top;
    const column = position.j * step + images.left;
    // Columns of the tile that lie in the image. The others are 0, for all channels.
    const first = min(points, max(0, -column));
    const last = max(first, min(points, images.W - column));
    if (last - first < points) memory.fill(tile, 0, <usize>points * rowBytes);
    const at = bytesOf((column + first) * images.C);
    const line0 = lineOf(images, position.n, row) + at;
    const line1 = lineOf(images, position.n, row + 1) + at;
    const line2 = lineOf(images, position.n, row + 2) + at;
    const line3 = lineOf(images, position.n, row + 3) + at;
    const line4 = lineOf(images, position.n, row + 4) + at;
    const line5 = points > 5 ? lineOf(images, position.n, row + 5) + at : at;
    const line6 = points > 6 ? lineOf(images, position.n, row + 6) + at : at;
    const line7 = points > 7 ? lineOf(images, position.n, row + 7) + at : at;
    const line8 = points > 8 ? lineOf(images, position.n, row + 8) + at : at;
    const firstColumn = tile + <usize>first * 16;
    const end = tile + <usize>last * 16;
    for (let c: usize = 0; c < pitch; c += 16) {
      let offset = c;
      for (let to = firstColumn; to != end; to += 16) {
        Line.input<Points>(
          line0 + offset,
          line1 + offset,
          line2 + offset,
          line3 + offset,
          line4 + offset,
          line5 + offset,
          line6 + offset,
          line7 + offset,
          line8 + offset,
          to,
          rowBytes,
        );
        offset += pixelBytes;
      }
      let plane = planes + c;
      for (let from = tile; from != tile + <usize>points * rowBytes; from += rowBytes) {
        Line.input<Points>(
          from,
          from + 16,
          from + 32,
          from + 48,
          from + 64,
          from + 80,
          from + 96,
          from + 112,
          from + 128,
          plane,
          planeBytes,
        );
        plane += planeRow;
      }
    }
    planes += pitch;
    advance(position, images);
  }
}

/**
 * Transforms `count` tiles of an output's gradient from `position` on, which moves on: planes[q][t][c] = A dy A'. Each plane is
 * packed into the panels of gemm.ts, [channels / 8][count][8], planes `planeBytes` apart; `channels` is a multiple of 4.
 */
export function transformGradient<Points>(
  planes: usize,
  channels: i32,
  planeBytes: usize,
  images: Images,
  position: Position,
  count: i32,
  tile: usize,
): void {
  const points = <i32>offsetof<Points>();
  const row = <usize>OUTPUTS * 16;
  const pixelBytes = bytesOf(images.C);
  const planeRow = <usize>points * planeBytes;
  const panelBytes = <usize>count * 32;
  const wide = channels & -PANEL;
  for (let t = 0; t < count; t++) {
    const top = position.i * OUTPUTS;
    const left = position.j * OUTPUTS;
    const inside = min(OUTPUTS, images.W - left);
    if (inside < OUTPUTS) memory.fill(tile, 0, <usize>points * row);
    const at = bytesOf(left * images.C);
    const line0 = lineOf(images, position.n, top) + at;
    const line1 = lineOf(images, position.n, top + 1) + at;
    const line2 = lineOf(images, position.n, top + 2) + at;
    const line3 = lineOf(images, position.n, top + 3) + at;
    const end = tile + <usize>inside * 16;
    for (let c = 0; c < channels; c += LANES) {
      let offset = bytesOf(c);
      for (let to = tile; to != end; to += 16) {
        const y0 = v128.load(line0 + offset);
        const y1 = v128.load(line1 + offset);
        Line.gradient<Points>(y0, y1, v128.load(line2 + offset), v128.load(line3 + offset), to, row);
        offset += pixelBytes;
      }
      const inPanel = c < wide ? <usize>t * 32 + bytesOf(c & LANES) : <usize>t * 16;
      let plane = planes + <usize>(c / PANEL) * panelBytes + inPanel;
      let from = tile;
      for (let i = 0; i < points; i++) {
        const y0 = v128.load(from);
        const y1 = v128.load(from, 16);
        Line.gradient<Points>(y0, y1, v128.load(from, 32), v128.load(from, 48), plane, planeBytes);
        from += row;
        plane += planeRow;
      }
    }
    advance(position, images);
  }
}

/**
 * Writes `count` tiles from `position` on, which moves on: activation(A' m A + bias), as far as they lie in the images. Planes as
 * in `transformInput`; `bias` has as many elements as a plane's row, and is not added to tiles of 9 x 9, which are gradients; `tile`
 * is scratch memory of TILE_BYTES.
 */
export function transformOutput<Points>(
  planes: usize,
  pitch: usize,
  planeBytes: usize,
  images: Images,
  position: Position,
  count: i32,
  bias: usize,
  activation: i32,
  tile: usize,
): void {
  const points = <i32>offsetof<Points>();
  const pixels = Line.pixels<Points>();
  const rowBytes = <usize>points * 16;
  const pixelBytes = bytesOf(images.C);
  const lineBytes = bytesOf(images.W * images.C);
  const planeRow = <usize>points * planeBytes;
  // Behind the rows of the half-transformed tile: a line of outputs that cannot be written as a whole.
  const part = tile + <usize>pixels * rowBytes;
  const oddRows = i32x4.splat(points == 9 ? -images.oddRows : 0);
  const oddColumns = i32x4.splat(points == 9 ? -images.oddColumns : 0);
  for (; count > 0; count--) {
    const row = position.i * pixels + images.top;
    const column = position.j * pixels + images.left;
    // Rows and columns of the tile that lie in the image.
    const firstRow = max(0, -row);
    const first = max(0, -column);
    const columns = min(pixels, images.W - column) - first;
    const endRow = min(pixels, images.H - row);
    const end = tile + <usize>endRow * rowBytes;
    const lines = images.pointer + <usize>(position.n * images.H + row + firstRow) * lineBytes;
    const image = (images.stage ? images.stage : lines) + bytesOf((column + first) * images.C);
    for (let c: usize = 0; c < pitch; c += 16) {
      let plane = planes + c;
      for (let to = tile; to != tile + rowBytes; to += 16) {
        Line.output<Points>(plane, planeRow, to, rowBytes, false, oddRows, 0);
        plane += planeBytes;
      }
      const biases = points == 9 ? oddColumns : v128.load(bias + c);
      const width = min(LANES, images.C - <i32>(c >> 2));
      const isWhole = columns == pixels && width == LANES;
      let line = image + c;
      for (let from = tile + <usize>firstRow * rowBytes; from != end; from += rowBytes) {
        Line.output<Points>(from, 16, isWhole ? line : part, isWhole ? pixelBytes : 16, true, biases, activation);
        if (!isWhole) storePart(line, part + <usize>first * 16, columns, width, pixelBytes);
        line += lineBytes;
      }
    }
    planes += pitch;
    advance(position, images);
    if (images.stage && !position.j) memory.copy(lines, images.stage, <usize>(endRow - firstRow) * lineBytes);
  }
}

/** The first `width` lanes of `columns` vectors, to pixels. */
function storePart(to: usize, from: usize, columns: i32, width: i32, pixelBytes: usize): void {
  for (; columns > 0; columns--) {
    const v = v128.load(from);
    if (width == LANES) v128.store(to, v);
    else Vector.storeTail(to, v, width);
    from += 16;
    to += pixelBytes;
  }
}
