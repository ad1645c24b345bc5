// Sine and cosine of four float32 of moderate size at a time, in float32: half the work of doubleMath.ts, which takes any size.
//
// The argument is brought into [-pi / 4, pi / 4] in float64, so that the result is within two units in the last place of 1 for
// |x| < 2^28; beyond that it has no digits left that mean anything. NaN at infinities. Polynomials are those of Cephes (S. Moshier,
// sinf, cosf). A lane's result depends on that lane only. Constants are loaded: see ../elementwise.

import { Vector } from "./simd";

const REDUCTION: usize = memory.data<f64>([
  0.6366197723675814, // 0: 2 / pi
  1.5707963267948966, // 8: pi / 2, in two parts
  6.123233995736766e-17, // 16
]);

const SINE: usize = memory.data<f32>([
  -1.9515295891e-4, // 0: (sin(r) / r - 1) / r^2 in powers of r^2
  8.3321608736e-3,
  -1.6666654611e-1,
  2.443315711809948e-5, // 12: (cos(r) - 1 + r^2 / 2) / r^4 in powers of r^2
  -1.388731625493765e-3,
  4.166664568298827e-2,
  0.5, // 24
  1, // 28
]);

export class SinCos {
  @inline static quarters(x: v128): v128 {
    return f64x2.nearest(f64x2.mul(x, v128.load64_splat(REDUCTION)));
  }

  @inline static reduce(x: v128, quarters: v128): v128 {
    const high = f64x2.sub(x, f64x2.mul(quarters, v128.load64_splat(REDUCTION, 8)));
    return f32x4.demote_f64x2_zero(f64x2.sub(high, f64x2.mul(quarters, v128.load64_splat(REDUCTION, 16))));
  }

  /** sin(x + turns * pi / 2), with a whole number of quarter turns for each lane as int32: 0 for the sine, 1 for the cosine. */
  @inline static sineAfter(x: v128, turns: v128): v128 {
    const low = f64x2.promote_low_f32x4(x);
    const high = Vector.promoteHigh(x);
    const lowQuarters = SinCos.quarters(low);
    const highQuarters = SinCos.quarters(high);
    const r = v128.shuffle<i64>(SinCos.reduce(low, lowQuarters), SinCos.reduce(high, highQuarters), 0, 2);
    const whole = v128.shuffle<i64>(
      i32x4.trunc_sat_f64x2_s_zero(lowQuarters),
      i32x4.trunc_sat_f64x2_s_zero(highQuarters),
      0,
      2,
    );
    const quadrant = i32x4.add(whole, turns);
    const square = f32x4.mul(r, r);
    let sine = f32x4.add(f32x4.mul(v128.load32_splat(SINE), square), v128.load32_splat(SINE, 4));
    sine = f32x4.add(f32x4.mul(sine, square), v128.load32_splat(SINE, 8));
    sine = f32x4.add(f32x4.mul(f32x4.mul(sine, square), r), r);
    let cosine = f32x4.add(f32x4.mul(v128.load32_splat(SINE, 12), square), v128.load32_splat(SINE, 16));
    cosine = f32x4.add(f32x4.mul(cosine, square), v128.load32_splat(SINE, 20));
    cosine = f32x4.mul(f32x4.mul(cosine, square), square);
    cosine = f32x4.sub(cosine, f32x4.mul(square, v128.load32_splat(SINE, 24)));
    cosine = f32x4.add(cosine, v128.load32_splat(SINE, 28));
    // Odd quadrants take the cosine; the second and third are below zero.
    const odd = i32x4.neg(v128.and(quadrant, i32x4.splat(1)));
    const sign = i32x4.shl(v128.and(quadrant, i32x4.splat(2)), 30);
    return v128.xor(v128.bitselect(cosine, sine, odd), sign);
  }
}
