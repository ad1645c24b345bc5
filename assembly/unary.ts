// Functions of one float32, element by element (lib/math has their formulas and accuracy).

import { DoubleMath } from "./lib/doubleMath";
import { unary } from "./lib/map";
import { VectorMath } from "./lib/math";

@unmanaged
class Exp {
  @inline apply(x: v128, _c: v128): v128 {
    return VectorMath.exp(x);
  }
}
@unmanaged
class Expm1 {
  @inline apply(x: v128, _c: v128): v128 {
    return VectorMath.expm1(x);
  }
}
@unmanaged
class Log {
  @inline apply(x: v128, _c: v128): v128 {
    return VectorMath.log(x);
  }
}
@unmanaged
class Log1p {
  @inline apply(x: v128, _c: v128): v128 {
    return VectorMath.log1p(x);
  }
}
@unmanaged
class Erf {
  @inline apply(x: v128, _c: v128): v128 {
    return VectorMath.erf(x);
  }
}
@unmanaged
class Sin {
  @inline apply(x: v128, _c: v128): v128 {
    return DoubleMath.sin(x);
  }
}
@unmanaged
class Cos {
  @inline apply(x: v128, _c: v128): v128 {
    return DoubleMath.cos(x);
  }
}
@unmanaged
class Tan {
  @inline apply(x: v128, _c: v128): v128 {
    return DoubleMath.tan(x);
  }
}

// y[i] = f(x[i]), [n]; `y` is overwritten and may be `x`, and overlaps it in no other way.

export function exp(y: usize, x: usize, n: i32): void {
  unary<Exp>(y, x, f32x4.splat(0), n);
}
/** e^x - 1 without cancellation near 0. */
export function expm1(y: usize, x: usize, n: i32): void {
  unary<Expm1>(y, x, f32x4.splat(0), n);
}
export function log(y: usize, x: usize, n: i32): void {
  unary<Log>(y, x, f32x4.splat(0), n);
}
/** log(1 + x) without cancellation near 0. */
export function log1p(y: usize, x: usize, n: i32): void {
  unary<Log1p>(y, x, f32x4.splat(0), n);
}
export function erf(y: usize, x: usize, n: i32): void {
  unary<Erf>(y, x, f32x4.splat(0), n);
}
export function sin(y: usize, x: usize, n: i32): void {
  unary<Sin>(y, x, f32x4.splat(0), n);
}
export function cos(y: usize, x: usize, n: i32): void {
  unary<Cos>(y, x, f32x4.splat(0), n);
}
export function tan(y: usize, x: usize, n: i32): void {
  unary<Tan>(y, x, f32x4.splat(0), n);
}
