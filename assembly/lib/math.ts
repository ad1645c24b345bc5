// Exponentials, logarithms and what is made of them for four float32 at a time: exp, expm1, log, log1p, sigmoid, softplus, tanh, erf.
//
// Each is within two units in the last place of the exact value, overflows to infinity, underflows through the denormals and
// keeps NaN. Polynomials are those of Cephes (S. Moshier, expf, logf, tanhf) and, for erf, of N. Juffa. A lane's result depends
// on that lane only, so that a tail gives the same bits as a whole vector. Constants are loaded: see ../elementwise.

const EXP: usize = memory.data<f32>([
  -104, // 0: e^x is 0 from here down
  89, // 4: e^x is infinite from here up
  // oxlint-disable-next-line approx-constant
  1.4426950408889634, // 8: log2(e)
  0.693359375, // 12: ln(2), in two parts: products of the first with whole numbers are exact
  -2.1219444e-4, // 16
  1.98756915e-4, // 20: (e^r - 1 - r) / r^2 for |r| <= ln(2) / 2, highest power first
  1.3981999507e-3,
  8.3334519073e-3,
  4.1665795894e-2,
  1.6666665459e-1,
  5.0000001201e-1, // 40
  1, // 44
  -20, // 48: e^x - 1 is -1 from here down
  0.5, // 52
  2.98023223876953125e-8, // 56: 2^-25: below, e^x - 1 and log(1 + x) are x
]);

const LOG: usize = memory.data<f32>([
  1.17549435e-38, // 0: the smallest normal number
  8388608, // 4: 2^23, which makes the denormal ones normal
  23, // 8
  1, // 12
  7.0376836292e-2, // 16: (log(1 + f) - f + f^2 / 2) / f^3 for 1 + f between the roots of 1/2 and 2
  -1.151461031e-1,
  1.167699874e-1,
  -1.2420140846e-1,
  1.4249322787e-1,
  -1.6668057665e-1,
  2.0000714765e-1,
  -2.4999993993e-1,
  3.3333331174e-1, // 48
  -2.1219444e-4, // 52: ln(2), in two parts
  0.5, // 56
  0.693359375, // 60
  Infinity, // 64
  -Infinity, // 68
  NaN, // 72
]);

const TANH: usize = memory.data<f32>([
  0.625, // 0: the polynomial's limit
  -5.70498872745e-3, // 4: (tanh(x) / x - 1) / x^2 in powers of x^2
  2.06390887954e-2,
  -5.37397155531e-2,
  1.33314422036e-1,
  -3.33332819422e-1, // 20
  1, // 24
  2, // 28
]);

const ERF: usize = memory.data<f32>([
  0.927734375, // 0: where the formulas meet
  4, // 4: erf is 1 from here up
  -1.7285347e-5, // 8: log(1 - erf(t)) + t, beyond; powers 6, 5, ... of t
  3.83197126e-4,
  -3.88396438e-3,
  2.42546219e-2,
  -1.06777877e-1,
  -6.34846687e-1,
  -1.28717512e-1, // 32
  -5.96761703e-4, // 36: erf(x) / x - 1 in powers of x^2, below
  4.99119423e-3,
  -2.67681349e-2,
  1.12819925e-1,
  -3.76125336e-1,
  1.28379166e-1, // 56
  1, // 60
]);

/** The sign bits of float32. */
const SIGN: i32 = 1 << 31;

export class VectorMath {
  // ---- Helpers

  /** p * x + the constant at `c` */
  @inline static step(p: v128, x: v128, c: usize): v128 {
    return f32x4.add(f32x4.mul(p, x), v128.load32_splat(c));
  }

  /** 2^n for whole n in [-126, 127] as int32. */
  @inline static powerOfTwo(n: v128): v128 {
    return i32x4.shl(i32x4.add(n, i32x4.splat(127)), 23);
  }

  /** The magnitude of `x` with the sign of `sign`. */
  @inline static copySign(x: v128, sign: v128): v128 {
    return v128.bitselect(sign, x, i32x4.splat(SIGN));
  }

  /** x - n ln(2), n whole. */
  @inline static reduce(x: v128, n: v128): v128 {
    const high = f32x4.sub(x, f32x4.mul(n, v128.load32_splat(EXP, 12)));
    return f32x4.sub(high, f32x4.mul(n, v128.load32_splat(EXP, 16)));
  }

  /** e^r - 1 for |r| <= ln(2) / 2 */
  @inline static expm1Reduced(r: v128): v128 {
    let p = VectorMath.step(v128.load32_splat(EXP, 20), r, EXP + 24);
    p = VectorMath.step(p, r, EXP + 28);
    p = VectorMath.step(p, r, EXP + 32);
    p = VectorMath.step(p, r, EXP + 36);
    p = VectorMath.step(p, r, EXP + 40);
    return f32x4.add(f32x4.mul(f32x4.mul(p, r), r), r);
  }

  // ---- Exponentials

  /** e^x = 2^n e^r. The factor 2^n comes in two steps, so that neither overflows before the product does. */
  @inline static exp(x: v128): v128 {
    // pmin and pmax keep a NaN in their first operand.
    const inside = f32x4.pmin(f32x4.pmax(x, v128.load32_splat(EXP)), v128.load32_splat(EXP, 4));
    const n = f32x4.nearest(f32x4.mul(inside, v128.load32_splat(EXP, 8)));
    const y = f32x4.add(VectorMath.expm1Reduced(VectorMath.reduce(inside, n)), v128.load32_splat(EXP, 44));
    const exponent = i32x4.trunc_sat_f32x4_s(n);
    const half = i32x4.shr_s(exponent, 1);
    const rest = i32x4.sub(exponent, half);
    return f32x4.mul(f32x4.mul(y, VectorMath.powerOfTwo(half)), VectorMath.powerOfTwo(rest));
  }

  /** e^x - 1 = 2^n (e^r - 1) + (2^n - 1), computed at half its size: 2^n itself may overflow. */
  @inline static expm1(x: v128): v128 {
    const inside = f32x4.pmin(f32x4.pmax(x, v128.load32_splat(EXP, 48)), v128.load32_splat(EXP, 4));
    const n = f32x4.nearest(f32x4.mul(inside, v128.load32_splat(EXP, 8)));
    const p = VectorMath.expm1Reduced(VectorMath.reduce(inside, n));
    const half = VectorMath.powerOfTwo(i32x4.sub(i32x4.trunc_sat_f32x4_s(n), i32x4.splat(1)));
    const y = f32x4.add(f32x4.mul(half, p), f32x4.sub(half, v128.load32_splat(EXP, 52)));
    const small = f32x4.lt(f32x4.abs(x), v128.load32_splat(EXP, 56));
    return v128.bitselect(x, f32x4.add(y, y), small);
  }

  // ---- Logarithms

  /** log(x) = e ln(2) + log(1 + f), 1 + f between the roots of 1/2 and 2. NaN below 0, -infinity at 0. */
  @inline static log(x: v128): v128 {
    const tiny = f32x4.lt(x, v128.load32_splat(LOG));
    const normal = v128.bitselect(f32x4.mul(x, v128.load32_splat(LOG, 4)), x, tiny);
    // Counted from the root of 1/2, the bits above the mantissa are the exponent.
    const root = i32x4.splat(0x3f3504f3);
    const bits = i32x4.sub(normal, root);
    const exponent = f32x4.convert_i32x4_s(i32x4.shr_s(bits, 23));
    const e = f32x4.sub(exponent, v128.and(tiny, v128.load32_splat(LOG, 8)));
    const mantissa = i32x4.add(v128.and(bits, i32x4.splat(0x7fffff)), root);
    const f = f32x4.sub(mantissa, v128.load32_splat(LOG, 12));
    const square = f32x4.mul(f, f);
    let p = VectorMath.step(v128.load32_splat(LOG, 16), f, LOG + 20);
    p = VectorMath.step(p, f, LOG + 24);
    p = VectorMath.step(p, f, LOG + 28);
    p = VectorMath.step(p, f, LOG + 32);
    p = VectorMath.step(p, f, LOG + 36);
    p = VectorMath.step(p, f, LOG + 40);
    p = VectorMath.step(p, f, LOG + 44);
    p = VectorMath.step(p, f, LOG + 48);
    let y = f32x4.mul(f32x4.mul(p, f), square);
    y = f32x4.add(y, f32x4.mul(e, v128.load32_splat(LOG, 52)));
    y = f32x4.sub(y, f32x4.mul(square, v128.load32_splat(LOG, 56)));
    y = f32x4.add(f32x4.add(f, y), f32x4.mul(e, v128.load32_splat(LOG, 60)));
    const infinity = v128.load32_splat(LOG, 64);
    y = v128.bitselect(infinity, y, f32x4.eq(x, infinity));
    y = v128.bitselect(v128.load32_splat(LOG, 68), y, f32x4.eq(x, f32x4.splat(0)));
    return v128.bitselect(y, v128.load32_splat(LOG, 72), f32x4.ge(x, f32x4.splat(0)));
  }

  /** log(1 + x): of u = 1 + x rounded, and what the rounding lost, divided by u. */
  @inline static log1p(x: v128): v128 {
    const one = v128.load32_splat(LOG, 12);
    const u = f32x4.add(x, one);
    const high = f32x4.ge(x, one);
    // Subtracted from the larger, which is exact.
    const lost = v128.bitselect(f32x4.sub(one, f32x4.sub(u, x)), f32x4.sub(x, f32x4.sub(u, one)), high);
    const correction = f32x4.div(lost, u);
    const finite = f32x4.lt(f32x4.abs(correction), v128.load32_splat(LOG, 64));
    const y = f32x4.add(VectorMath.log(u), v128.and(correction, finite));
    return v128.bitselect(x, y, f32x4.lt(f32x4.abs(x), v128.load32_splat(EXP, 56)));
  }

  // ---- Made of them

  /** 1 / (1 + e^-x), of e^-|x|, so that nothing overflows: for x < 0 it is e^x / (1 + e^x). */
  @inline static sigmoid(x: v128): v128 {
    const one = v128.load32_splat(EXP, 44);
    const e = VectorMath.exp(f32x4.neg(f32x4.abs(x)));
    const numerator = v128.bitselect(e, one, f32x4.lt(x, f32x4.splat(0)));
    return f32x4.div(numerator, f32x4.add(e, one));
  }

  /** log(1 + e^x) = max(x, 0) + log(1 + e^-|x|) */
  @inline static softplus(x: v128): v128 {
    const e = VectorMath.exp(f32x4.neg(f32x4.abs(x)));
    return f32x4.add(f32x4.pmax(x, f32x4.splat(0)), VectorMath.log1p(e));
  }

  /** A polynomial near 0, 1 - 2 / (e^2|x| + 1) with the sign of x elsewhere. */
  @inline static tanh(x: v128): v128 {
    const one = v128.load32_splat(TANH, 24);
    const two = v128.load32_splat(TANH, 28);
    const magnitude = f32x4.abs(x);
    const square = f32x4.mul(x, x);
    let p = VectorMath.step(v128.load32_splat(TANH, 4), square, TANH + 8);
    p = VectorMath.step(p, square, TANH + 12);
    p = VectorMath.step(p, square, TANH + 16);
    p = VectorMath.step(p, square, TANH + 20);
    const near = f32x4.add(f32x4.mul(f32x4.mul(p, square), x), x);
    const e = VectorMath.exp(f32x4.add(magnitude, magnitude));
    const far = f32x4.sub(one, f32x4.div(two, f32x4.add(e, one)));
    return VectorMath.copySign(v128.bitselect(near, far, f32x4.lt(magnitude, v128.load32_splat(TANH))), x);
  }

  /** A polynomial near 0, 1 - e^(a polynomial of |x|) with the sign of x elsewhere. */
  @inline static erf(x: v128): v128 {
    const magnitude = f32x4.abs(x);
    const t = f32x4.pmin(magnitude, v128.load32_splat(ERF, 4));
    let p = VectorMath.step(v128.load32_splat(ERF, 8), t, ERF + 12);
    p = VectorMath.step(p, t, ERF + 16);
    p = VectorMath.step(p, t, ERF + 20);
    p = VectorMath.step(p, t, ERF + 24);
    p = VectorMath.step(p, t, ERF + 28);
    p = VectorMath.step(p, t, ERF + 32);
    const exponent = f32x4.sub(f32x4.mul(p, t), t);
    const far = f32x4.sub(v128.load32_splat(ERF, 60), VectorMath.exp(exponent));
    const square = f32x4.mul(x, x);
    let q = VectorMath.step(v128.load32_splat(ERF, 36), square, ERF + 40);
    q = VectorMath.step(q, square, ERF + 44);
    q = VectorMath.step(q, square, ERF + 48);
    q = VectorMath.step(q, square, ERF + 52);
    q = VectorMath.step(q, square, ERF + 56);
    const near = f32x4.add(f32x4.mul(q, x), x);
    return v128.bitselect(near, VectorMath.copySign(far, x), f32x4.lt(magnitude, v128.load32_splat(ERF)));
  }
}
