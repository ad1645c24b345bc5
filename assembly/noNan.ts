// Products and quotients that are 0 where one operand is, whatever the other: MulNoNan, Xdivy, Xlogy, Xlog1py (Eigen's
// scalar_product_safe_op and scalar_xlogy_op). Broadcasting and aliasing as in lib/map's `binary`.

import { binary, Swapped } from "./lib/map";
import { VectorMath } from "./lib/math";
import { scalarBinary } from "./scalarBinary";

@unmanaged
class MultiplyNoNan {
  @inline apply(a: v128, b: v128): v128 {
    return v128.and(f32x4.mul(a, b), f32x4.ne(b, f32x4.splat(0)));
  }
}
@unmanaged
class Xdivy {
  @inline apply(a: v128, b: v128): v128 {
    return v128.and(f32x4.div(a, b), f32x4.ne(a, f32x4.splat(0)));
  }
}
// The rare ones of the four, one element after the other.
@unmanaged
class Xlogy {
  @inline apply(a: f32, b: f32): f32 {
    return a == 0 ? 0 : a * f32x4.extract_lane(VectorMath.log(f32x4.splat(b)), 0);
  }
}
@unmanaged
class Xlog1py {
  @inline apply(a: f32, b: f32): f32 {
    return a == 0 ? 0 : a * f32x4.extract_lane(VectorMath.log1p(f32x4.splat(b)), 0);
  }
}

/** a b, and 0 where b is 0. */
export function multiplyNoNan(y: usize, a: usize, b: usize, attributes: usize): void {
  binary<MultiplyNoNan, Swapped<MultiplyNoNan>>(y, a, b, attributes);
}
/** a / b, and 0 where a is 0. */
export function xdivy(y: usize, a: usize, b: usize, attributes: usize): void {
  binary<Xdivy, Swapped<Xdivy>>(y, a, b, attributes);
}
/** a log(b), and 0 where a is 0. */
export function xlogy(y: usize, a: usize, b: usize, attributes: usize): void {
  scalarBinary<f32, Xlogy>(y, a, b, attributes);
}
/** a log(1 + b), and 0 where a is 0. */
export function xlog1py(y: usize, a: usize, b: usize, attributes: usize): void {
  scalarBinary<f32, Xlog1py>(y, a, b, attributes);
}
