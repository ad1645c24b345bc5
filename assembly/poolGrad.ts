// The gradients of maximum and average pooling, NHWC (tensorflow/core/kernels/maxpooling_op.cc, avgpooling_op.cc).
//
// What arrives is added to dx, which is zero at first. Where windows do not overlap, which strides of at least the window ensure, and
// channels fill vectors, each cell is written once; and if they leave no cell out, zeros need not be written before.

import * as forward from "./pool";
import { bytesOf, LANES } from "./lib/simd";

// What happens to a cell.
@unmanaged
class Add {
  @inline put<Lanes>(dx: usize, v: v128, count: i32): void {
    changetype<Lanes>(0).store(dx, f32x4.add(changetype<Lanes>(0).load(dx, count), v), count);
  }
}
@unmanaged
class Replace {
  @inline put<Lanes>(dx: usize, v: v128, count: i32): void {
    changetype<Lanes>(0).store(dx, v, count);
  }
}

/** Stores the elements of two vectors in turn. */
class Interleaved {
  @inline static store(p: usize, even: v128, odd: v128): void {
    v128.store(p, v128.shuffle<f32>(even, odd, 0, 4, 1, 5));
    v128.store(p, v128.shuffle<f32>(even, odd, 2, 6, 3, 7), 16);
  }
}

// What a window gives its cells. `dx` and `x` point at its first cell; `rows` and `columns` may be 0, pitches in bytes. `bound`: only
// maxima above it count.

@unmanaged
class Maximum {
  /** `dy` to the first cell in row-major order that holds the maximum, of each channel. */
  @inline give<Way, Lanes>(
    dx: usize,
    x: usize,
    y: usize,
    dy: usize,
    rows: i32,
    columns: i32,
    rowPitch: usize,
    pitch: usize,
    bound: v128,
    count: i32,
  ): void {
    const m = changetype<Lanes>(0).load(y, count);
    let g = v128.andnot(changetype<Lanes>(0).load(dy, count), f32x4.le(m, bound));
    for (let r = 0; r < rows; r++) {
      for (let c: usize = 0; c < <usize>columns * pitch; c += pitch) {
        const hit = f32x4.eq(changetype<Lanes>(0).load(x + c, count), m);
        changetype<Way>(0).put<Lanes>(dx + c, v128.and(g, hit), count);
        // What has been given is gone.
        g = v128.andnot(g, hit);
      }
      x += rowPitch;
      dx += rowPitch;
    }
  }

  /** The same for four windows of 2 x 2 of one channel. */
  @inline giveSideBySide(dx: usize, x: usize, y: usize, dy: usize, rowPitch: usize, bound: v128): void {
    const m = v128.load(y);
    let g = v128.andnot(v128.load(dy), f32x4.le(m, bound));
    let hit = f32x4.eq(forward.Halves.even(x), m);
    let even = v128.and(g, hit);
    g = v128.andnot(g, hit);
    hit = f32x4.eq(forward.Halves.odd(x), m);
    Interleaved.store(dx, even, v128.and(g, hit));
    g = v128.andnot(g, hit);
    hit = f32x4.eq(forward.Halves.even(x + rowPitch), m);
    even = v128.and(g, hit);
    g = v128.andnot(g, hit);
    hit = f32x4.eq(forward.Halves.odd(x + rowPitch), m);
    Interleaved.store(dx + rowPitch, even, v128.and(g, hit));
  }

  /** The same for a whole window of 2 x 2. */
  @inline giveFour(dx: usize, x: usize, y: usize, dy: usize, rowPitch: usize, pitch: usize, bound: v128): void {
    const m = v128.load(y);
    let g = v128.andnot(v128.load(dy), f32x4.le(m, bound));
    const hit0 = f32x4.eq(v128.load(x), m);
    const hit1 = f32x4.eq(v128.load(x + pitch), m);
    const hit2 = f32x4.eq(v128.load(x + rowPitch), m);
    const hit3 = f32x4.eq(v128.load(x + rowPitch + pitch), m);
    v128.store(dx, v128.and(g, hit0));
    g = v128.andnot(g, hit0);
    v128.store(dx + pitch, v128.and(g, hit1));
    g = v128.andnot(g, hit1);
    v128.store(dx + rowPitch, v128.and(g, hit2));
    v128.store(dx + rowPitch + pitch, v128.and(v128.andnot(g, hit2), hit3));
  }
}

@unmanaged
class Average {
  /** `dy` divided by the number of cells to every cell. */
  @inline give<Way, Lanes>(
    dx: usize,
    _x: usize,
    _y: usize,
    dy: usize,
    rows: i32,
    columns: i32,
    rowPitch: usize,
    pitch: usize,
    _bound: v128,
    count: i32,
  ): void {
    const g = f32x4.div(changetype<Lanes>(0).load(dy, count), f32x4.splat(<f32>(rows * columns)));
    for (let r = 0; r < rows; r++) {
      for (let c: usize = 0; c < <usize>columns * pitch; c += pitch) changetype<Way>(0).put<Lanes>(dx + c, g, count);
      dx += rowPitch;
    }
  }

  @inline giveSideBySide(dx: usize, _x: usize, _y: usize, dy: usize, rowPitch: usize, _bound: v128): void {
    const g = f32x4.div(v128.load(dy), f32x4.splat(4));
    Interleaved.store(dx, g, g);
    Interleaved.store(dx + rowPitch, g, g);
  }

  @inline giveFour(dx: usize, _x: usize, _y: usize, dy: usize, rowPitch: usize, pitch: usize, _bound: v128): void {
    const g = f32x4.div(v128.load(dy), f32x4.splat(4));
    v128.store(dx, g);
    v128.store(dx + pitch, g);
    v128.store(dx + rowPitch, g);
    v128.store(dx + rowPitch + pitch, g);
  }
}

/** How many windows from column j on go through together: as `runFrom`. Of two or three channels, each vector would be added to
 * memory of which the one before has just written a part, and processors wait for that. */
function gradientRunFrom(p: forward.Pool, j: i32, firstColumn: i32): i32 {
  return p.channels == 1 || p.channels >= LANES ? forward.runFrom(p, j, firstColumn) : 1;
}

/** Whether the windows share no cell. */
function areApart(p: forward.Pool): bool {
  return p.strideY >= p.windowHeight && p.strideX >= p.windowWidth;
}

/** Whether windows that are apart leave no cell out. */
function leaveNothing(p: forward.Pool): bool {
  if (p.strideY != p.windowHeight || p.strideX != p.windowWidth) return false;
  return p.outHeight * p.strideY - p.top >= p.height && p.outWidth * p.strideX - p.left >= p.width;
}

/** Gives the gradient of every window to its cells. */
function giveAll<Operation>(dx: usize, x: usize, y: usize, dy: usize, p: forward.Pool, bound: v128): void {
  const isReplaced = areApart(p) && p.channels >= LANES;
  if (!isReplaced || !leaveNothing(p)) memory.fill(dx, 0, bytesOf(p.batch * p.height * p.width * p.channels));
  if (isReplaced) toCells<Operation>(dx, x, y, dy, p, bound);
  else addWindows<Operation>(dx, x, y, dy, p, bound);
}

function addWindows<Operation>(dx: usize, x: usize, y: usize, dy: usize, p: forward.Pool, bound: v128): void {
  const pitch = bytesOf(p.channels);
  const rowPitch = bytesOf(p.width * p.channels);
  const image = rowPitch * <usize>p.height;
  for (let b = 0; b < p.batch; b++) {
    for (let i = 0; i < p.outHeight; i++) {
      const firstRow = i * p.strideY - p.top;
      const top = max(firstRow, 0);
      const rows = min(firstRow + p.windowHeight, p.height) - top;
      for (let j = 0; j < p.outWidth;) {
        const firstColumn = j * p.strideX - p.left;
        // Windows of a stride of 2 share no column; rows they may share.
        if (p.strideY >= 2 && forward.startsFour(p, j, firstColumn, rows)) {
          const cell = <usize>top * rowPitch + bytesOf(firstColumn);
          changetype<Operation>(0).giveSideBySide(dx + cell, x + cell, y, dy, rowPitch, bound);
          y += 16;
          dy += 16;
          j += 4;
          continue;
        }
        const run = gradientRunFrom(p, j, firstColumn);
        j += run;
        const left = max(firstColumn, 0);
        const columns = min(firstColumn + p.windowWidth, p.width) - left;
        let cell = <usize>top * rowPitch + <usize>left * pitch;
        let c = p.channels * run;
        for (; c >= LANES; c -= LANES) {
          changetype<Operation>(0).give<Add, forward.Whole>(
            dx + cell,
            x + cell,
            y,
            dy,
            rows,
            columns,
            rowPitch,
            pitch,
            bound,
            LANES,
          );
          cell += bytesOf(LANES);
          y += bytesOf(LANES);
          dy += bytesOf(LANES);
        }
        if (c) {
          changetype<Operation>(0).give<Add, forward.Part>(
            dx + cell,
            x + cell,
            y,
            dy,
            rows,
            columns,
            rowPitch,
            pitch,
            bound,
            c,
          );
          y += bytesOf(c);
          dy += bytesOf(c);
        }
      }
    }
    x += image;
    dx += image;
  }
}

/** The same for windows that are apart, and LANES channels or more: the last vector of a pixel overlaps the one before. */
function toCells<Operation>(dx: usize, x: usize, y: usize, dy: usize, p: forward.Pool, bound: v128): void {
  const pitch = bytesOf(p.channels);
  const last = pitch - 16;
  const rowPitch = bytesOf(p.width * p.channels);
  const image = rowPitch * <usize>p.height;
  for (let b = 0; b < p.batch; b++) {
    for (let i = 0; i < p.outHeight; i++) {
      const firstRow = i * p.strideY - p.top;
      const top = max(firstRow, 0);
      const rows = min(firstRow + p.windowHeight, p.height) - top;
      for (let j = 0; j < p.outWidth; j++) {
        const firstColumn = j * p.strideX - p.left;
        const left = max(firstColumn, 0);
        const columns = min(firstColumn + p.windowWidth, p.width) - left;
        const cell = <usize>top * rowPitch + <usize>left * pitch;
        const isFour = p.windowHeight == 2 && p.windowWidth == 2 && rows == 2 && columns == 2;
        for (let at: usize = 0; ; at = min(at + 16, last)) {
          const to = dx + cell + at;
          const from = x + cell + at;
          if (isFour) changetype<Operation>(0).giveFour(to, from, y + at, dy + at, rowPitch, pitch, bound);
          else {
            changetype<Operation>(0).give<Replace, forward.Whole>(
              to,
              from,
              y + at,
              dy + at,
              rows,
              columns,
              rowPitch,
              pitch,
              bound,
              LANES,
            );
          }
          if (at == last) break;
        }
        y += pitch;
        dy += pitch;
      }
    }
    x += image;
    dx += image;
  }
}

// ---- Exports. x and dx are [batch, height, width, channels], y and dy [batch, outHeight, outWidth, channels], float32. The
// result is overwritten and overlaps nothing. Where windows overlap, gradients are added in an order that follows
// from the sizes.

/** dx from dy, for y the result of maxPool of x: each element goes to the first cell of its window that is the maximum; with
 * `positiveOnly` if that is above 0, as if x came from a Relu that the gradient passes next. */
export function maxPoolGrad(dx: usize, x: usize, y: usize, dy: usize, attributes: usize, positiveOnly: i32): void {
  // Nothing is less than or equal to NaN.
  const bound = f32x4.splat(positiveOnly ? 0 : NaN);
  giveAll<Maximum>(dx, x, y, dy, changetype<forward.Pool>(attributes), bound);
}

/** dx from dy: each element is shared equally by the cells of its window that lie inside the input. */
export function averagePoolGrad(dx: usize, dy: usize, attributes: usize): void {
  giveAll<Average>(dx, 0, 0, dy, changetype<forward.Pool>(attributes), f32x4.splat(0));
}
