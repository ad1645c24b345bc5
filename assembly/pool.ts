// Maximum and average pooling, NHWC (tensorflow/core/kernels/maxpooling_op.cc, avgpooling_op.cc). Gradients: poolGrad.ts.
//
// A window is cut to the cells inside the input: padding is no cell, so that it never is the maximum nor counts in an average.
// Channels lie side by side and are independent: four vectors of them go through a window together, then one, then what is left.

import { bytesOf, LANES, Vector } from "./lib/simd";

/** The attribute block of these kernels and of the gradients. */
@unmanaged
export class Pool {
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
export class Whole {
  @inline load(p: usize, _count: i32): v128 {
    return v128.load(p);
  }
  @inline store(p: usize, v: v128, _count: i32): void {
    v128.store(p, v);
  }
}
@unmanaged
export class Part {
  @inline load(p: usize, count: i32): v128 {
    return Vector.loadTail(p, count);
  }
  @inline store(p: usize, v: v128, count: i32): void {
    Vector.storeTail(p, v, count);
  }
}

/** Every second of the eight elements at a place. */
export class Halves {
  @inline static even(p: usize): v128 {
    return v128.shuffle<f32>(v128.load(p), v128.load(p, 16), 0, 2, 4, 6);
  }
  @inline static odd(p: usize): v128 {
    return v128.shuffle<f32>(v128.load(p), v128.load(p, 16), 1, 3, 5, 7);
  }
}

/** Whether, of one channel, the windows from column j on are four whole ones of 2 x 2 side by side. */
export function startsFour(p: Pool, j: i32, firstColumn: i32, rows: i32): bool {
  if (p.channels != 1 || p.windowHeight != 2 || p.windowWidth != 2 || p.strideX != 2 || rows != 2) return false;
  return firstColumn >= 0 && firstColumn + 8 <= p.width && j + 4 <= p.outWidth;
}

// What is done in one window, or in four of 2 x 2 of one channel. `x` points at its first cell; `rows` and `columns` are at least 1, pitches in bytes.

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

  @inline four(y: usize, x: usize, rowPitch: usize): void {
    let m = f32x4.pmax(f32x4.splat(-Infinity), Halves.even(x));
    m = f32x4.pmax(m, Halves.odd(x));
    m = f32x4.pmax(m, Halves.even(x + rowPitch));
    v128.store(y, f32x4.pmax(m, Halves.odd(x + rowPitch)));
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

  @inline four(y: usize, x: usize, rowPitch: usize): void {
    let s = f32x4.add(f32x4.splat(0), Halves.even(x));
    s = f32x4.add(s, Halves.odd(x));
    s = f32x4.add(s, Halves.even(x + rowPitch));
    v128.store(y, f32x4.div(f32x4.add(s, Halves.odd(x + rowPitch)), f32x4.splat(4)));
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
export function runFrom(p: Pool, j: i32, firstColumn: i32): i32 {
  const inside = p.width - p.windowWidth - firstColumn + 1;
  if (p.strideX != 1 || firstColumn < 0 || inside <= 0) return 1;
  return min(p.outWidth - j, inside);
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
        if (startsFour(p, j, firstColumn, rows)) {
          const cell = x + <usize>top * rowPitch + bytesOf(firstColumn);
          changetype<Operation>(0).four(y, cell, rowPitch);
          y += 16;
          j += 4;
          continue;
        }
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
          if (p.channels * run < LANES) changetype<Operation>(0).one<Part>(y, cell, rows, columns, rowPitch, pitch, c);
          else {
            // The last vector overlaps the one before, and gives the same there.
            const back = bytesOf(LANES - c);
            changetype<Operation>(0).one<Whole>(y - back, cell - back, rows, columns, rowPitch, pitch, LANES);
          }
          y += bytesOf(c);
        }
      }
    }
    x += rowPitch * <usize>p.height;
  }
}

// ---- Exports. x is [batch, height, width, channels], y [batch, outHeight, outWidth, channels], float32. y is overwritten and
// overlaps nothing.

/** The largest cell of each window; -infinity for a window without any, or of NaN only. */
export function maxPool(y: usize, x: usize, attributes: usize): void {
  pool<Maximum>(y, x, changetype<Pool>(attributes));
}

/** The mean of the cells of each window that lie inside the input. */
export function averagePool(y: usize, x: usize, attributes: usize): void {
  pool<Average>(y, x, changetype<Pool>(attributes));
}
