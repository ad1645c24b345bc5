// Tests of float32 for NaN and infinities, by their bits: the exponent all ones, the mantissa 0 (infinity) or not (NaN).

import { bytesOf, LANES, Vector } from "./lib/simd";

const MAGNITUDE: i32 = 0x7fffffff;
const INFINITY: i32 = 0x7f800000;

class Bits {
  /** Lanes where |x| as bits is above infinity's (NaN), all ones. */
  @inline static isNan(x: v128): v128 {
    return i32x4.gt_s(v128.and(x, i32x4.splat(MAGNITUDE)), i32x4.splat(INFINITY));
  }
  @inline static isInfinite(x: v128): v128 {
    return i32x4.eq(v128.and(x, i32x4.splat(MAGNITUDE)), i32x4.splat(INFINITY));
  }
}

/** Bit 0: x [n] holds a NaN, bit 1: it holds an infinity. */
export function checkFinite(x: usize, n: i32): i32 {
  let nan = i32x4.splat(0);
  let infinite = i32x4.splat(0);
  for (; n >= LANES; n -= LANES) {
    const v = v128.load(x);
    nan = v128.or(nan, Bits.isNan(v));
    infinite = v128.or(infinite, Bits.isInfinite(v));
    x += 16;
  }
  if (n > 0) {
    const v = Vector.loadTail(x, n);
    nan = v128.or(nan, Bits.isNan(v));
    infinite = v128.or(infinite, Bits.isInfinite(v));
  }
  return <i32>v128.any_true(nan) | ((<i32>v128.any_true(infinite)) << 1);
}

/** y[i] = 1 where x[i] is NaN (`nan`) or infinite (`infinite`), as asked for, else 0; the other way round where `inverted` is 1.
 * y bytes [n], x float32 [n]. */
export function classify(y: usize, x: usize, n: i32, nan: i32, infinite: i32, inverted: i32): void {
  for (let i = 0; i < n; i++) {
    const magnitude = load<i32>(x + bytesOf(i)) & MAGNITUDE;
    const hit = (<i32>(magnitude > INFINITY) & nan) | (<i32>(magnitude == INFINITY) & infinite);
    store<u8>(y + i, <u8>(hit ^ inverted));
  }
}
