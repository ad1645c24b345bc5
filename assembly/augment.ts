// Augmentation of a batch of pictures: shifted, cropped and mirrored by random amounts of their own.
//
// What happens to a picture depends on the seed, the epoch and the picture's row in its column alone: not on the batch it is in.
// Its four words are the block of Philox (see random.ts) with key = seed and counter = (row, epoch + 2^32). The counters of the
// order of rows, which has the same key, end below that.

import { bytesOf } from "./lib/simd";
import { blockAt } from "./random";

const STREAM: u64 = 1 << 32;

/** Attribute block. The picture is framed by `border` pixels of zeros on every side; from that, `outHeight` x `outWidth` are cut. */
@unmanaged
class Augmentation {
  height: i32;
  width: i32;
  outHeight: i32;
  outWidth: i32;
  /** Bytes of all channels of a pixel. */
  pixelBytes: i32;
  border: i32;
  /** 1: mirrored left to right, one in two. */
  flip: i32;
  /** 0: cut from the middle, never mirrored. */
  random: i32;
  epoch: u32;
  seedLow: u32;
  seedHigh: u32;
}

/** A number in 0 .. count - 1 of a random word: the upper half of their product, off by 1 in 2^32 / count at most. */
function below(word: u32, count: i32): i32 {
  return <i32>((<u64>word * <u64>(<u32>count)) >> 32);
}

/**
 * y [n, outHeight, outWidth] of x [n, height, width], pixels of `pixelBytes` bytes of any type in which zero is all bits zero.
 * `rows` int32 [n] are the pictures' rows in their column. y and x do not overlap; y is overwritten; `attributes` as above.
 */
export function augment(y: usize, x: usize, rows: usize, attributes: usize, n: i32): void {
  const a = changetype<Augmentation>(attributes);
  const vertical = a.height - a.outHeight + 2 * a.border;
  const horizontal = a.width - a.outWidth + 2 * a.border;
  const inBytes = <usize>(a.height * a.width * a.pixelBytes);
  const outBytes = <usize>(a.outHeight * a.outWidth * a.pixelBytes);
  for (let i = 0; i < n; i++) {
    let top = vertical >> 1;
    let left = horizontal >> 1;
    let mirrored = false;
    if (a.random) {
      const row = <u64>(<u32>load<i32>(rows + bytesOf(i)));
      const words = blockAt(row, STREAM | <u64>a.epoch, a.seedLow, a.seedHigh);
      top = below(i32x4.extract_lane(words, 0), vertical + 1);
      left = below(i32x4.extract_lane(words, 1), horizontal + 1);
      mirrored = a.flip != 0 && (i32x4.extract_lane(words, 2) & 1) != 0;
    }
    cut(y, x, a, top - a.border, left - a.border, mirrored);
    y += outBytes;
    x += inBytes;
  }
}

/** Cuts one picture, whose first pixel is (top, left) of x; what lies outside of x is zero. */
function cut(y: usize, x: usize, a: Augmentation, top: i32, left: i32, mirrored: bool): void {
  const pixel = <usize>a.pixelBytes;
  const lineBytes = <usize>a.outWidth * pixel;
  // Columns of y that have a pixel of x, before they are mirrored.
  const first = min(a.outWidth, max(0, -left));
  const end = max(first, min(a.outWidth, a.width - left));
  for (let line = 0; line < a.outHeight; line++) {
    const from = line + top;
    if (from < 0 || from >= a.height) {
      memory.fill(y, 0, lineBytes);
    } else {
      const source = x + <usize>(from * a.width + left + first) * pixel;
      const count = <usize>(end - first);
      const before = <usize>(mirrored ? a.outWidth - end : first) * pixel;
      memory.fill(y, 0, before);
      if (mirrored) mirror(y + before, source, count, pixel);
      else memory.copy(y + before, source, count * pixel);
      const after = before + count * pixel;
      memory.fill(y + after, 0, lineBytes - after);
    }
    y += lineBytes;
  }
}

/** y [count] = x in reverse, by pixels. */
function mirror(y: usize, x: usize, count: usize, pixel: usize): void {
  x += count * pixel;
  for (; count > 0; count--) {
    x -= pixel;
    for (let k: usize = 0; k < pixel; k++) store<u8>(y + k, load<u8>(x + k));
    y += pixel;
  }
}
