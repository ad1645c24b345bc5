// Resizing of images, as tf.image.resize_* of TensorFlow 1 (core/kernels/image/resize_*_op.cc), and the gradients.
//
// x [batch, height, width, channels], y [batch, outHeight, outWidth, channels], float32. An output pixel o lies at
// o · scale, or (o + 0.5) · scale - 0.5 with half-pixel centers, of the input; the scales come from the host, rounded to float32.

import { bytesOf, LANES, Vector } from "./lib/simd";

/** The attribute block. */
@unmanaged
class Resize {
  batch: i32;
  height: i32;
  width: i32;
  channels: i32;
  outHeight: i32;
  outWidth: i32;
  heightScale: f32;
  widthScale: f32;
  /** 1: (o + 0.5) · scale. */
  halfPixel: i32;
  /** Nearest neighbor: 1 rounds the place (corners aligned), 0 cuts it. */
  rounds: i32;
}

function place(o: i32, scale: f32, halfPixel: i32): f32 {
  return halfPixel ? (<f32>o + 0.5) * scale - 0.5 : <f32>o * scale;
}

function nearest(o: i32, scale: f32, size: i32, resize: Resize): i32 {
  const at = resize.halfPixel ? (<f32>o + 0.5) * scale : <f32>o * scale;
  // std::round: halves away from zero; places are not negative.
  const index = resize.rounds ? <i32>f32.floor(at + 0.5) : <i32>f32.floor(at);
  return max(0, min(index, size - 1));
}

/** y[b, i, j] = x[b, nearest i, nearest j]; y is overwritten and does not overlap x. */
export function resizeNearest(y: usize, x: usize, attributes: usize): void {
  const resize = changetype<Resize>(attributes);
  const bytes = bytesOf(resize.channels);
  for (let b = 0; b < resize.batch; b++) {
    for (let i = 0; i < resize.outHeight; i++) {
      const row = x + <usize>(nearest(i, resize.heightScale, resize.height, resize) * resize.width) * bytes;
      for (let j = 0; j < resize.outWidth; j++) {
        memory.copy(y, row + <usize>nearest(j, resize.widthScale, resize.width, resize) * bytes, bytes);
        y += bytes;
      }
    }
    x += <usize>(resize.height * resize.width) * bytes;
  }
}

/** dx[b, nearest i, nearest j] sums dy[b, i, j], in the order of dy; dx is overwritten. */
export function resizeNearestGrad(dx: usize, dy: usize, attributes: usize): void {
  const resize = changetype<Resize>(attributes);
  const bytes = bytesOf(resize.channels);
  const image = <usize>(resize.height * resize.width) * bytes;
  memory.fill(dx, 0, <usize>resize.batch * image);
  for (let b = 0; b < resize.batch; b++) {
    for (let i = 0; i < resize.outHeight; i++) {
      const row = dx + <usize>(nearest(i, resize.heightScale, resize.height, resize) * resize.width) * bytes;
      for (let j = 0; j < resize.outWidth; j++) {
        const to = row + <usize>nearest(j, resize.widthScale, resize.width, resize) * bytes;
        addScaled(to, dy, 1, resize.channels);
        dy += bytes;
      }
    }
    dx += image;
  }
}

/** y is x between its four neighbours, first along the width; y is overwritten and does not overlap x. */
export function resizeBilinear(y: usize, x: usize, attributes: usize): void {
  const resize = changetype<Resize>(attributes);
  const channels = resize.channels;
  const bytes = bytesOf(channels);
  const pitch = <usize>resize.width * bytes;
  for (let b = 0; b < resize.batch; b++) {
    for (let i = 0; i < resize.outHeight; i++) {
      const vertical = place(i, resize.heightScale, resize.halfPixel);
      const above = f32.floor(vertical);
      const top = x + <usize>max(0, <i32>above) * pitch;
      const bottom = x + <usize>min(<i32>f32.ceil(vertical), resize.height - 1) * pitch;
      const down = vertical - above;
      for (let j = 0; j < resize.outWidth; j++) {
        const horizontal = place(j, resize.widthScale, resize.halfPixel);
        const before = f32.floor(horizontal);
        const left = <usize>max(0, <i32>before) * bytes;
        const right = <usize>min(<i32>f32.ceil(horizontal), resize.width - 1) * bytes;
        const along = horizontal - before;
        mix(y, top + left, top + right, bottom + left, bottom + right, along, down, channels);
        y += bytes;
      }
    }
    x += <usize>resize.height * pitch;
  }
}

function mix(
  y: usize,
  topLeft: usize,
  topRight: usize,
  bottomLeft: usize,
  bottomRight: usize,
  along: f32,
  down: f32,
  n: i32,
): void {
  const x = f32x4.splat(along);
  const z = f32x4.splat(down);
  for (; n > 0; n -= LANES) {
    const whole = n >= LANES;
    const a = whole ? v128.load(topLeft) : Vector.loadTail(topLeft, n);
    const b = whole ? v128.load(topRight) : Vector.loadTail(topRight, n);
    const c = whole ? v128.load(bottomLeft) : Vector.loadTail(bottomLeft, n);
    const d = whole ? v128.load(bottomRight) : Vector.loadTail(bottomRight, n);
    const top = f32x4.add(a, f32x4.mul(f32x4.sub(b, a), x));
    const bottom = f32x4.add(c, f32x4.mul(f32x4.sub(d, c), x));
    const v = f32x4.add(top, f32x4.mul(f32x4.sub(bottom, top), z));
    if (whole) v128.store(y, v);
    else Vector.storeTail(y, v, n);
    y += 16;
    topLeft += 16;
    topRight += 16;
    bottomLeft += 16;
    bottomRight += 16;
  }
}

/** dx: every dy goes to its four neighbours with their weights, in the order of dy; dx is overwritten. */
export function resizeBilinearGrad(dx: usize, dy: usize, attributes: usize): void {
  const resize = changetype<Resize>(attributes);
  const channels = resize.channels;
  const bytes = bytesOf(channels);
  const pitch = <usize>resize.width * bytes;
  memory.fill(dx, 0, <usize>(resize.batch * resize.height) * pitch);
  for (let b = 0; b < resize.batch; b++) {
    for (let i = 0; i < resize.outHeight; i++) {
      const vertical = place(i, resize.heightScale, resize.halfPixel);
      const above = f32.floor(vertical);
      const top = dx + <usize>max(0, <i32>above) * pitch;
      const bottom = dx + <usize>min(<i32>f32.ceil(vertical), resize.height - 1) * pitch;
      const down = vertical - above;
      for (let j = 0; j < resize.outWidth; j++) {
        const horizontal = place(j, resize.widthScale, resize.halfPixel);
        const before = f32.floor(horizontal);
        const left = <usize>max(0, <i32>before) * bytes;
        const right = <usize>min(<i32>f32.ceil(horizontal), resize.width - 1) * bytes;
        const along = horizontal - before;
        addScaled(top + left, dy, (1 - down) * (1 - along), channels);
        addScaled(top + right, dy, (1 - down) * along, channels);
        addScaled(bottom + left, dy, down * (1 - along), channels);
        addScaled(bottom + right, dy, down * along, channels);
        dy += bytes;
      }
    }
    dx += <usize>resize.height * pitch;
  }
}

/** y[i] += x[i] · scale, float32 [n]. */
function addScaled(y: usize, x: usize, scale: f32, n: i32): void {
  const factor = f32x4.splat(scale);
  for (; n >= LANES; n -= LANES) {
    v128.store(y, f32x4.add(v128.load(y), f32x4.mul(v128.load(x), factor)));
    y += 16;
    x += 16;
  }
  if (n) Vector.storeTail(y, f32x4.add(Vector.loadTail(y, n), f32x4.mul(Vector.loadTail(x, n), factor)), n);
}
