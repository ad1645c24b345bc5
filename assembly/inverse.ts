// Inverse and hyperbolic functions of one float32 and the angle of two, worked out in float64 and rounded once: arcs by the formulas
// of fdlibm (AssemblyScript's NativeMath, compiled into the module), the others by the series below, whose last terms are under
// 2^-53. One element after the other: conv nets use them rarely.

import { scalarBinary } from "./scalarBinary";
import { bytesOf } from "./lib/simd";

// oxlint-disable-next-line approx-constant
const LOG2_E: f64 = 1.4426950408889634;
/** log(2) in two parts: the first has zeros at its end, so that its whole multiples are exact. */
const LN2_HIGH: f64 = 0.6931471803691238;
const LN2_LOW: f64 = 1.9082149292705877e-10;
// oxlint-disable-next-line approx-constant
const SQRT_2: f64 = 1.4142135623730951;

/** e^x for |x| < 708: 2^n e^r, |r| below 0.35. */
function exponential(x: f64): f64 {
  const n = nearest<f64>(x * LOG2_E);
  const r = x - n * LN2_HIGH - n * LN2_LOW;
  let sum: f64 = 1;
  for (let k: f64 = 14; k > 0; k--) sum = 1 + (sum * r) / k;
  return sum * reinterpret<f64>((<i64>n + 1023) << 52);
}

/** log(1 + 2 s / (1 - s)) = 2 artanh(s), |s| below 0.2. */
function twiceArtanh(s: f64): f64 {
  const z = s * s;
  let sum: f64 = 0;
  for (let k: f64 = 23; k > 1; k -= 2) sum = (sum + 1 / k) * z;
  return 2 * s * (1 + sum);
}

/** log(1 + u), exact near 0; for u from 0 to infinity. */
function logOfMore(u: f64): f64 {
  if (!(u < Infinity)) return u;
  if (u < 0.4) return twiceArtanh(u / (2 + u));
  // 1 + u = 2^e m, m between the roots of 1/2 and 2.
  const bits = reinterpret<i64>(1 + u);
  let e = <f64>((bits >> 52) - 1023);
  let m = reinterpret<f64>((bits & 0xfffffffffffff) | 0x3ff0000000000000);
  if (m > SQRT_2) {
    m /= 2;
    e++;
  }
  return e * LN2_HIGH + (e * LN2_LOW + twiceArtanh((m - 1) / (m + 1)));
}

/** x + x^3/3! + ..., |x| below 1. */
function shortSinh(x: f64): f64 {
  let sum: f64 = 1;
  for (let k: f64 = 18; k > 0; k -= 2) sum = 1 + (sum * x * x) / (k * (k + 1));
  return x * sum;
}

@unmanaged
class Asin {
  @inline apply(x: f64): f64 {
    return NativeMath.asin(x);
  }
}
@unmanaged
class Acos {
  @inline apply(x: f64): f64 {
    return NativeMath.acos(x);
  }
}
@unmanaged
class Atan {
  @inline apply(x: f64): f64 {
    return NativeMath.atan(x);
  }
}
@unmanaged
class Sinh {
  @inline apply(x: f64): f64 {
    const a = abs<f64>(x);
    // NaN too.
    if (!(a >= 1)) return shortSinh(x);
    // Beyond 100 float32 is infinite.
    const e = exponential(min<f64>(a, 100));
    return copysign<f64>((e - 1 / e) / 2, x);
  }
}
@unmanaged
class Cosh {
  @inline apply(x: f64): f64 {
    if (x != x) return x;
    const e = exponential(min<f64>(abs<f64>(x), 100));
    return (e + 1 / e) / 2;
  }
}
@unmanaged
class Asinh {
  @inline apply(x: f64): f64 {
    const a = abs<f64>(x);
    if (!(a < Infinity)) return x;
    return copysign<f64>(logOfMore(a + (a * a) / (1 + sqrt<f64>(a * a + 1))), x);
  }
}
@unmanaged
class Acosh {
  @inline apply(x: f64): f64 {
    const t = x - 1;
    return t < 0 ? NaN : logOfMore(t + sqrt<f64>(t * (t + 2)));
  }
}
@unmanaged
class Atanh {
  @inline apply(x: f64): f64 {
    const a = abs<f64>(x);
    return a > 1 ? NaN : copysign<f64>(logOfMore((2 * a) / (1 - a)) / 2, x);
  }
}
@unmanaged
class Atan2 {
  @inline apply(y: f32, x: f32): f32 {
    return <f32>NativeMath.atan2(<f64>y, <f64>x);
  }
}

/** y[i] = f(x[i]), [n]; `y` is overwritten and may be `x`, and overlaps it in no other way. */
function each<Operation>(y: usize, x: usize, n: i32): void {
  const end = y + bytesOf(n);
  for (; y < end; y += 4) {
    store<f32>(y, <f32>changetype<Operation>(0).apply(<f64>load<f32>(x)));
    x += 4;
  }
}

/** NaN outside -1 .. 1. */
export function asin(y: usize, x: usize, n: i32): void {
  each<Asin>(y, x, n);
}
/** NaN outside -1 .. 1. */
export function acos(y: usize, x: usize, n: i32): void {
  each<Acos>(y, x, n);
}
export function atan(y: usize, x: usize, n: i32): void {
  each<Atan>(y, x, n);
}
export function sinh(y: usize, x: usize, n: i32): void {
  each<Sinh>(y, x, n);
}
export function cosh(y: usize, x: usize, n: i32): void {
  each<Cosh>(y, x, n);
}
export function asinh(y: usize, x: usize, n: i32): void {
  each<Asinh>(y, x, n);
}
/** NaN below 1. */
export function acosh(y: usize, x: usize, n: i32): void {
  each<Acosh>(y, x, n);
}
/** Infinite at -1 and 1, NaN beyond. */
export function atanh(y: usize, x: usize, n: i32): void {
  each<Atanh>(y, x, n);
}
/** The angle of the point (x, y), -pi .. pi; the attribute block is that of lib/map's `binary`. `angle` may be an operand of its size. */
export function atan2(angle: usize, y: usize, x: usize, attributes: usize): void {
  scalarBinary<f32, Atan2>(angle, y, x, attributes);
}
