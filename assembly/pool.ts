// Maximum and average pooling, NHWC, and their gradients (tensorflow/core/kernels/maxpooling_op.cc, avgpooling_op.cc).
//
// A window is cut to the cells inside the input: padding is no cell, so that it never is the maximum nor counts in an average.
// Channels lie side by side and are independent: four vectors of them go through a window together, then one, then what is left.

import { bytesOf, LANES, Vector } from "./lib/simd";

/** The attribute block of all four kernels. */
@unmanaged
class Pool {
  batch: i32;
  height: i32;
  width: i32;
  channels: i32;
  outHeight: i32;
  outWidth: i32;
  windowHeight: i32;
  windowWidth: i32;
  strideY: i32;
  strideX: i32;
  /** Cells before the first that padding adds. */
  top: i32;
  left: i32;
}

/** Channels that go through a window together. */
const WIDE: i32 = 16;

// How a vector of channels is read and written: whole, or its first `count` lanes.
@unmanaged
class Whole {
  @inline load(p: usize, _count: i32): v128 {
    return v128.load(p);
  }
  @inline store(p: usize, v: v128, _count: i32): void {
    v128.store(p, v);
  }
}
@unmanaged
class Part {
  @inline load(p: usize, count: i32): v128 {
    return Vector.loadTail(p, count);
  }
  @inline store(p: usize, v: v128, count: i32): void {
    Vector.storeTail(p, v, count);
  }
}

// What is done in one window. `x` points at its first cell; `rows` and `columns` are at least 1, pitches in bytes.

@unmanaged
class Maximum {
  // pmax keeps its first operand unless the second is larger: a NaN is passed over, as in TensorFlow.
  @inline one<Lanes>(y: usize, x: usize, rows: i32, columns: i32, rowPitch: usize, pitch: usize, count: i32): void {
    let m = f32x4.splat(-Infinity);
    for (let r = 0; r < rows; r++) {
      let cell = x;
      for (let c = 0; c < columns; c++) {
        m = f32x4.pmax(m, changetype<Lanes>(0).load(cell, count));
        cell += pitch;
      }
      x += rowPitch;
    }
    changetype<Lanes>(0).store(y, m, count);
  }

  @inline wide(y: usize, x: usize, rows: i32, columns: i32, rowPitch: usize, pitch: usize): void {
    let m0 = f32x4.splat(-Infinity);
    let m1 = m0;
    let m2 = m0;
    let m3 = m0;
    for (let r = 0; r < rows; r++) {
      let cell = x;
      for (let c = 0; c < columns; c++) {
        m0 = f32x4.pmax(m0, v128.load(cell));
        m1 = f32x4.pmax(m1, v128.load(cell, 16));
        m2 = f32x4.pmax(m2, v128.load(cell, 32));
        m3 = f32x4.pmax(m3, v128.load(cell, 48));
        cell += pitch;
      }
      x += rowPitch;
    }
    v128.store(y, m0);
    v128.store(y, m1, 16);
    v128.store(y, m2, 32);
    v128.store(y, m3, 48);
  }
}

@unmanaged
class Average {
  @inline one<Lanes>(y: usize, x: usize, rows: i32, columns: i32, rowPitch: usize, pitch: usize, count: i32): void {
    let s = f32x4.splat(0);
    for (let r = 0; r < rows; r++) {
      let cell = x;
      for (let c = 0; c < columns; c++) {
        s = f32x4.add(s, changetype<Lanes>(0).load(cell, count));
        cell += pitch;
      }
      x += rowPitch;
    }
    changetype<Lanes>(0).store(y, f32x4.div(s, f32x4.splat(<f32>(rows * columns))), count);
  }

  @inline wide(y: usize, x: usize, rows: i32, columns: i32, rowPitch: usize, pitch: usize): void {
    let s0 = f32x4.splat(0);
    let s1 = s0;
    let s2 = s0;
    let s3 = s0;
    for (let r = 0; r < rows; r++) {
      let cell = x;
      for (let c = 0; c < columns; c++) {
        s0 = f32x4.add(s0, v128.load(cell));
        s1 = f32x4.add(s1, v128.load(cell, 16));
        s2 = f32x4.add(s2, v128.load(cell, 32));
        s3 = f32x4.add(s3, v128.load(cell, 48));
        cell += pitch;
      }
      x += rowPitch;
    }
    const cells = f32x4.splat(<f32>(rows * columns));
    v128.store(y, f32x4.div(s0, cells));
    v128.store(y, f32x4.div(s1, cells), 16);
    v128.store(y, f32x4.div(s2, cells), 32);
    v128.store(y, f32x4.div(s3, cells), 48);
  }
}

/** How many windows from column j of the result on go through together. Where the stride is 1 and no padding is reached, the
 * channels of neighbouring windows lie side by side, here and in the input, as if they were channels of one. */
function runFrom(p: Pool, j: i32, firstColumn: i32): i32 {
  const inside = p.width - p.windowWidth - firstColumn + 1;
  if (p.strideX != 1 || firstColumn < 0 || inside <= 0) return 1;
  return min(p.outWidth - j, inside);
}

/** The same for gradients. Of two or three channels, each vector would be added to memory of which the one before has just
 * written a part, and processors wait for that. */
function gradientRunFrom(p: Pool, j: i32, firstColumn: i32): i32 {
  return p.channels == 1 || p.channels >= LANES ? runFrom(p, j, firstColumn) : 1;
}

/** y[b, i, j, c] = op over the window at (i, j). */
function pool<Operation>(y: usize, x: usize, p: Pool): void {
  const pitch = bytesOf(p.channels);
  const rowPitch = bytesOf(p.width * p.channels);
  for (let b = 0; b < p.batch; b++) {
    for (let i = 0; i < p.outHeight; i++) {
      const firstRow = i * p.strideY - p.top;
      const top = max(firstRow, 0);
      const rows = min(firstRow + p.windowHeight, p.height) - top;
      for (let j = 0; j < p.outWidth;) {
        const firstColumn = j * p.strideX - p.left;
        const run = runFrom(p, j, firstColumn);
        j += run;
        const left = max(firstColumn, 0);
        const columns = min(firstColumn + p.windowWidth, p.width) - left;
        let cell = x + <usize>top * rowPitch + <usize>left * pitch;
        let c = p.channels * run;
        for (; c >= WIDE; c -= WIDE) {
          changetype<Operation>(0).wide(y, cell, rows, columns, rowPitch, pitch);
          y += bytesOf(WIDE);
          cell += bytesOf(WIDE);
        }
        for (; c >= LANES; c -= LANES) {
          changetype<Operation>(0).one<Whole>(y, cell, rows, columns, rowPitch, pitch, LANES);
          y += bytesOf(LANES);
          cell += bytesOf(LANES);
        }
        if (c) {
          changetype<Operation>(0).one<Part>(y, cell, rows, columns, rowPitch, pitch, c);
          y += bytesOf(c);
        }
      }
    }
    x += rowPitch * <usize>p.height;
  }
}

/** Adds `dy` to the first cell in row-major order that holds the maximum, of each channel. */
function scatterMaximum<Lanes>(
  dx: usize,
  x: usize,
  y: usize,
  dy: usize,
  rows: i32,
  columns: i32,
  rowPitch: usize,
  pitch: usize,
  count: i32,
): void {
  const m = changetype<Lanes>(0).load(y, count);
  let g = changetype<Lanes>(0).load(dy, count);
  for (let r = 0; r < rows; r++) {
    for (let c: usize = 0; c < <usize>columns * pitch; c += pitch) {
      const hit = f32x4.eq(changetype<Lanes>(0).load(x + c, count), m);
      const sum = f32x4.add(changetype<Lanes>(0).load(dx + c, count), v128.and(g, hit));
      changetype<Lanes>(0).store(dx + c, sum, count);
      // What has been given is gone.
      g = v128.andnot(g, hit);
    }
    x += rowPitch;
    dx += rowPitch;
  }
}

/** Adds `dy` divided by the number of cells to every cell. */
function spread<Lanes>(dx: usize, dy: usize, rows: i32, columns: i32, rowPitch: usize, pitch: usize, count: i32): void {
  const g = f32x4.div(changetype<Lanes>(0).load(dy, count), f32x4.splat(<f32>(rows * columns)));
  for (let r = 0; r < rows; r++) {
    for (let c: usize = 0; c < <usize>columns * pitch; c += pitch) {
      changetype<Lanes>(0).store(dx + c, f32x4.add(changetype<Lanes>(0).load(dx + c, count), g), count);
    }
    dx += rowPitch;
  }
}

// ---- Exports. x and dx are [batch, height, width, channels], y and dy [batch, outHeight, outWidth, channels], float32. The
// result is overwritten and overlaps nothing. Where windows overlap, gradients are added in an order that follows
// from the sizes.

/** The largest cell of each window; -infinity for a window without any, or of NaN only. */
export function maxPool(y: usize, x: usize, attributes: usize): void {
  pool<Maximum>(y, x, changetype<Pool>(attributes));
}

/** The mean of the cells of each window that lie inside the input. */
export function averagePool(y: usize, x: usize, attributes: usize): void {
  pool<Average>(y, x, changetype<Pool>(attributes));
}

/** dx from dy, for y the result of maxPool of x: each element goes to the first cell of its window that is the maximum. */
export function maxPoolGrad(dx: usize, x: usize, y: usize, dy: usize, attributes: usize): void {
  const p = changetype<Pool>(attributes);
  const pitch = bytesOf(p.channels);
  const rowPitch = bytesOf(p.width * p.channels);
  const image = rowPitch * <usize>p.height;
  memory.fill(dx, 0, image * <usize>p.batch);
  for (let b = 0; b < p.batch; b++) {
    for (let i = 0; i < p.outHeight; i++) {
      const firstRow = i * p.strideY - p.top;
      const top = max(firstRow, 0);
      const rows = min(firstRow + p.windowHeight, p.height) - top;
      for (let j = 0; j < p.outWidth;) {
        const firstColumn = j * p.strideX - p.left;
        const run = gradientRunFrom(p, j, firstColumn);
        j += run;
        const left = max(firstColumn, 0);
        const columns = min(firstColumn + p.windowWidth, p.width) - left;
        let cell = <usize>top * rowPitch + <usize>left * pitch;
        let c = p.channels * run;
        for (; c >= LANES; c -= LANES) {
          scatterMaximum<Whole>(dx + cell, x + cell, y, dy, rows, columns, rowPitch, pitch, LANES);
          cell += bytesOf(LANES);
          y += bytesOf(LANES);
          dy += bytesOf(LANES);
        }
        if (c) {
          scatterMaximum<Part>(dx + cell, x + cell, y, dy, rows, columns, rowPitch, pitch, c);
          y += bytesOf(c);
          dy += bytesOf(c);
        }
      }
    }
    x += image;
    dx += image;
  }
}

/** dx from dy: each element is shared equally by the cells of its window that lie inside the input. */
export function averagePoolGrad(dx: usize, dy: usize, attributes: usize): void {
  const p = changetype<Pool>(attributes);
  const pitch = bytesOf(p.channels);
  const rowPitch = bytesOf(p.width * p.channels);
  const image = rowPitch * <usize>p.height;
  memory.fill(dx, 0, image * <usize>p.batch);
  for (let b = 0; b < p.batch; b++) {
    for (let i = 0; i < p.outHeight; i++) {
      const firstRow = i * p.strideY - p.top;
      const top = max(firstRow, 0);
      const rows = min(firstRow + p.windowHeight, p.height) - top;
      for (let j = 0; j < p.outWidth;) {
        const firstColumn = j * p.strideX - p.left;
        const run = gradientRunFrom(p, j, firstColumn);
        j += run;
        const left = max(firstColumn, 0);
        const columns = min(firstColumn + p.windowWidth, p.width) - left;
        let cell = <usize>top * rowPitch + <usize>left * pitch;
        let c = p.channels * run;
        for (; c >= LANES; c -= LANES) {
          spread<Whole>(dx + cell, dy, rows, columns, rowPitch, pitch, LANES);
          cell += bytesOf(LANES);
          dy += bytesOf(LANES);
        }
        if (c) {
          spread<Part>(dx + cell, dy, rows, columns, rowPitch, pitch, c);
          dy += bytesOf(c);
        }
      }
    }
    dx += image;
  }
}
