// Activation functions and their gradients, element by element (tensorflow/core/kernels/relu_op_functor.h, cwise_ops.h).
//
// A gradient takes dy and what TensorFlow's operation of that name takes: the function's input x or its output y. Where a slope
// jumps, the kernel says which one counts.

import { sameShape, unary } from "./lib/map";
import { VectorMath } from "./lib/math";
import { bytesOf, LANES, Vector } from "./lib/simd";

const CONSTANTS: usize = memory.data<f32>([
  1, // 0
  0.5, // 4
  -0.5, // 8
  6, // 12
  1.0507009873554805, // 16: selu's scale
  1.7580993408473768, // 20: scale * alpha
]);

// ---- Operations

@unmanaged
class LeakyRelu {
  @inline apply(x: v128, alpha: v128): v128 {
    return v128.bitselect(x, f32x4.mul(x, alpha), f32x4.gt(x, f32x4.splat(0)));
  }
}
@unmanaged
class Elu {
  @inline apply(x: v128, _c: v128): v128 {
    return v128.bitselect(VectorMath.expm1(x), x, f32x4.lt(x, f32x4.splat(0)));
  }
}
@unmanaged
class Selu {
  @inline apply(x: v128, _c: v128): v128 {
    const negative = f32x4.mul(v128.load32_splat(CONSTANTS, 20), VectorMath.expm1(x));
    const positive = f32x4.mul(v128.load32_splat(CONSTANTS, 16), x);
    return v128.bitselect(negative, positive, f32x4.lt(x, f32x4.splat(0)));
  }
}
@unmanaged
class Sigmoid {
  @inline apply(x: v128, _c: v128): v128 {
    return VectorMath.sigmoid(x);
  }
}
@unmanaged
class Tanh {
  @inline apply(x: v128, _c: v128): v128 {
    return VectorMath.tanh(x);
  }
}
@unmanaged
class Softplus {
  @inline apply(x: v128, _c: v128): v128 {
    return VectorMath.softplus(x);
  }
}
@unmanaged
class Softsign {
  @inline apply(x: v128, _c: v128): v128 {
    return f32x4.div(x, f32x4.add(f32x4.abs(x), v128.load32_splat(CONSTANTS)));
  }
}

// Gradients: apply(dy, x or y).

@unmanaged
class ReluGrad {
  @inline apply(dy: v128, x: v128): v128 {
    return v128.and(dy, f32x4.gt(x, f32x4.splat(0)));
  }
}
@unmanaged
class Relu6Grad {
  @inline apply(dy: v128, x: v128): v128 {
    const inside = v128.and(f32x4.gt(x, f32x4.splat(0)), f32x4.lt(x, v128.load32_splat(CONSTANTS, 12)));
    return v128.and(dy, inside);
  }
}
@unmanaged
class EluGrad {
  @inline apply(dy: v128, y: v128): v128 {
    const slope = f32x4.add(y, v128.load32_splat(CONSTANTS));
    return v128.bitselect(f32x4.mul(slope, dy), dy, f32x4.lt(y, f32x4.splat(0)));
  }
}
@unmanaged
class SeluGrad {
  @inline apply(dy: v128, y: v128): v128 {
    const negative = f32x4.add(y, v128.load32_splat(CONSTANTS, 20));
    const slope = v128.bitselect(negative, v128.load32_splat(CONSTANTS, 16), f32x4.lt(y, f32x4.splat(0)));
    return f32x4.mul(dy, slope);
  }
}
@unmanaged
class SigmoidGrad {
  @inline apply(dy: v128, y: v128): v128 {
    return f32x4.mul(f32x4.mul(dy, y), f32x4.sub(v128.load32_splat(CONSTANTS), y));
  }
}
@unmanaged
class TanhGrad {
  @inline apply(dy: v128, y: v128): v128 {
    return f32x4.mul(dy, f32x4.sub(v128.load32_splat(CONSTANTS), f32x4.mul(y, y)));
  }
}
@unmanaged
class SoftplusGrad {
  @inline apply(dy: v128, x: v128): v128 {
    return f32x4.mul(dy, VectorMath.sigmoid(x));
  }
}
@unmanaged
class SoftsignGrad {
  @inline apply(dy: v128, x: v128): v128 {
    const s = f32x4.add(f32x4.abs(x), v128.load32_splat(CONSTANTS));
    return f32x4.div(dy, f32x4.mul(s, s));
  }
}
@unmanaged
class SqrtGrad {
  @inline apply(dy: v128, y: v128): v128 {
    return f32x4.div(f32x4.mul(dy, v128.load32_splat(CONSTANTS, 4)), y);
  }
}
@unmanaged
class RsqrtGrad {
  @inline apply(dy: v128, y: v128): v128 {
    return f32x4.mul(f32x4.mul(dy, v128.load32_splat(CONSTANTS, 8)), f32x4.mul(f32x4.mul(y, y), y));
  }
}
@unmanaged
class ReciprocalGrad {
  @inline apply(dy: v128, y: v128): v128 {
    return f32x4.mul(f32x4.neg(dy), f32x4.mul(y, y));
  }
}

// ---- Exports: y[i] = f(x[i]), [n]; `y` is overwritten and may be `x`, and overlaps it in no other way

/** x > 0 ? x : alpha x */
export function leakyRelu(y: usize, x: usize, alpha: f32, n: i32): void {
  unary<LeakyRelu>(y, x, f32x4.splat(alpha), n);
}
/** x < 0 ? e^x - 1 : x */
export function elu(y: usize, x: usize, n: i32): void {
  unary<Elu>(y, x, f32x4.splat(0), n);
}
/** scale (x < 0 ? alpha (e^x - 1) : x) */
export function selu(y: usize, x: usize, n: i32): void {
  unary<Selu>(y, x, f32x4.splat(0), n);
}
/** 1 / (1 + e^-x) */
export function sigmoid(y: usize, x: usize, n: i32): void {
  unary<Sigmoid>(y, x, f32x4.splat(0), n);
}
export function tanh(y: usize, x: usize, n: i32): void {
  unary<Tanh>(y, x, f32x4.splat(0), n);
}
/** log(1 + e^x) */
export function softplus(y: usize, x: usize, n: i32): void {
  unary<Softplus>(y, x, f32x4.splat(0), n);
}
/** x / (1 + |x|) */
export function softsign(y: usize, x: usize, n: i32): void {
  unary<Softsign>(y, x, f32x4.splat(0), n);
}

// ---- Exports: dx[i] = dy[i] f'(...), [n]; `dx` is overwritten and may be either input, and overlaps none in another way

/** x > 0 ? dy : 0; x may be relu's input or output. */
export function reluGrad(dx: usize, dy: usize, x: usize, n: i32): void {
  sameShape<ReluGrad>(dx, dy, x, n);
}
/** The gradient of a Relu at which two gradients arrive: y > 0 ? dy0 + dy1 : 0. */
export function addReluGrad(dx: usize, dy0: usize, dy1: usize, y: usize, n: i32): void {
  for (const end = dx + bytesOf(n & -LANES); dx != end; dx += 16) {
    const sum = f32x4.add(v128.load(dy0), v128.load(dy1));
    v128.store(dx, v128.and(sum, f32x4.gt(v128.load(y), f32x4.splat(0))));
    dy0 += 16;
    dy1 += 16;
    y += 16;
  }
  const rest = n & (LANES - 1);
  if (!rest) return;
  const sum = f32x4.add(Vector.loadTail(dy0, rest), Vector.loadTail(dy1, rest));
  Vector.storeTail(dx, v128.and(sum, f32x4.gt(Vector.loadTail(y, rest), f32x4.splat(0))), rest);
}
/** 0 < x < 6 ? dy : 0; x may be relu6's input or output. */
export function relu6Grad(dx: usize, dy: usize, x: usize, n: i32): void {
  sameShape<Relu6Grad>(dx, dy, x, n);
}
/** x > 0 ? dy : alpha dy */
export function leakyReluGrad(dx: usize, dy: usize, x: usize, alpha: f32, n: i32): void {
  const slope = f32x4.splat(alpha);
  for (let i = 0; i < n; i += LANES) {
    const rest = n - i;
    const at = bytesOf(i);
    const g = rest < LANES ? Vector.loadTail(dy + at, rest) : v128.load(dy + at);
    const v = rest < LANES ? Vector.loadTail(x + at, rest) : v128.load(x + at);
    const d = v128.bitselect(g, f32x4.mul(g, slope), f32x4.gt(v, f32x4.splat(0)));
    if (rest < LANES) Vector.storeTail(dx + at, d, rest);
    else v128.store(dx + at, d);
  }
}
/** y < 0 ? dy (y + 1) : dy; the slope at 0 is 1. */
export function eluGrad(dx: usize, dy: usize, y: usize, n: i32): void {
  sameShape<EluGrad>(dx, dy, y, n);
}
/** y < 0 ? dy (y + scale alpha) : dy scale; the slope at 0 is the scale. */
export function seluGrad(dx: usize, dy: usize, y: usize, n: i32): void {
  sameShape<SeluGrad>(dx, dy, y, n);
}
/** dy y (1 - y) */
export function sigmoidGrad(dx: usize, dy: usize, y: usize, n: i32): void {
  sameShape<SigmoidGrad>(dx, dy, y, n);
}
/** dy (1 - y^2) */
export function tanhGrad(dx: usize, dy: usize, y: usize, n: i32): void {
  sameShape<TanhGrad>(dx, dy, y, n);
}
/** dy / (1 + e^-x) */
export function softplusGrad(dx: usize, dy: usize, x: usize, n: i32): void {
  sameShape<SoftplusGrad>(dx, dy, x, n);
}
/** dy / (1 + |x|)^2 */
export function softsignGrad(dx: usize, dy: usize, x: usize, n: i32): void {
  sameShape<SoftsignGrad>(dx, dy, x, n);
}
/** dy / (2 y) */
export function sqrtGrad(dx: usize, dy: usize, y: usize, n: i32): void {
  sameShape<SqrtGrad>(dx, dy, y, n);
}
/** -dy y^3 / 2 */
export function rsqrtGrad(dx: usize, dy: usize, y: usize, n: i32): void {
  sameShape<RsqrtGrad>(dx, dy, y, n);
}
/** -dy y^2 */
export function reciprocalGrad(dx: usize, dy: usize, y: usize, n: i32): void {
  sameShape<ReciprocalGrad>(dx, dy, y, n);
}
