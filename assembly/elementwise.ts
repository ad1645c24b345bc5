// Element by element: binary operations with broadcasting and unary operations, float32 and int32.
// (The loops are in lib/map.)

import { DoubleMath } from "./lib/doubleMath";
import { binary, unary, withRow, Swapped } from "./lib/map";

/** Constants live in memory: engines rebuild a vector constant in every iteration, a loaded one stays in its register. */
const CONSTANTS: usize = memory.data<f32>([1, 6]);

// ---- Operations

@unmanaged
class Add {
  @inline apply(a: v128, b: v128): v128 {
    return f32x4.add(a, b);
  }
}
@unmanaged
class Subtract {
  @inline apply(a: v128, b: v128): v128 {
    return f32x4.sub(a, b);
  }
}
@unmanaged
class Multiply {
  @inline apply(a: v128, b: v128): v128 {
    return f32x4.mul(a, b);
  }
}
@unmanaged
class Divide {
  @inline apply(a: v128, b: v128): v128 {
    return f32x4.div(a, b);
  }
}
@unmanaged
class SquaredDifference {
  @inline apply(a: v128, b: v128): v128 {
    const d = f32x4.sub(a, b);
    return f32x4.mul(d, d);
  }
}
// pmax(a, b) is `a < b ? b : a`: of equal operands (0 and -0) the first, and a NaN in `a` stays. A NaN in `b` is put back.
@unmanaged
class Maximum {
  @inline apply(a: v128, b: v128): v128 {
    return v128.bitselect(b, f32x4.pmax(a, b), f32x4.ne(b, b));
  }
}
@unmanaged
class Minimum {
  @inline apply(a: v128, b: v128): v128 {
    return v128.bitselect(b, f32x4.pmin(a, b), f32x4.ne(b, b));
  }
}
@unmanaged
class DivideNoNan {
  @inline apply(a: v128, b: v128): v128 {
    return v128.and(f32x4.div(a, b), f32x4.ne(b, f32x4.splat(0)));
  }
}
@unmanaged
class Pow {
  @inline apply(a: v128, b: v128): v128 {
    return DoubleMath.pow(a, b);
  }
}
@unmanaged
class MaximumInt32 {
  @inline apply(a: v128, b: v128): v128 {
    return i32x4.max_s(a, b);
  }
}
@unmanaged
class MinimumInt32 {
  @inline apply(a: v128, b: v128): v128 {
    return i32x4.min_s(a, b);
  }
}
@unmanaged
class AddInt32 {
  @inline apply(a: v128, b: v128): v128 {
    return i32x4.add(a, b);
  }
}
@unmanaged
class SubtractInt32 {
  @inline apply(a: v128, b: v128): v128 {
    return i32x4.sub(a, b);
  }
}
@unmanaged
class MultiplyInt32 {
  @inline apply(a: v128, b: v128): v128 {
    return i32x4.mul(a, b);
  }
}
// Unary operations get one constant besides: the vector loaded from `constant()`, or zeros.
@unmanaged
class Negate {
  @inline apply(x: v128, _c: v128): v128 {
    return f32x4.neg(x);
  }
}
@unmanaged
class Abs {
  @inline apply(x: v128, _c: v128): v128 {
    return f32x4.abs(x);
  }
}
@unmanaged
class Sqrt {
  @inline apply(x: v128, _c: v128): v128 {
    return f32x4.sqrt(x);
  }
}
@unmanaged
class Square {
  @inline apply(x: v128, _c: v128): v128 {
    return f32x4.mul(x, x);
  }
}
@unmanaged
class Rsqrt {
  @inline apply(x: v128, one: v128): v128 {
    return f32x4.div(one, f32x4.sqrt(x));
  }
}
@unmanaged
class Reciprocal {
  @inline apply(x: v128, one: v128): v128 {
    return f32x4.div(one, x);
  }
}
@unmanaged
class Relu {
  @inline apply(x: v128, _c: v128): v128 {
    return f32x4.pmax(x, f32x4.splat(0));
  }
}
@unmanaged
class Relu6 {
  @inline apply(x: v128, six: v128): v128 {
    return f32x4.pmin(f32x4.pmax(x, f32x4.splat(0)), six);
  }
}

// ---- Exports: binary, see `binary`

export function add(y: usize, a: usize, b: usize, attributes: usize): void {
  binary<Add, Add>(y, a, b, attributes);
}
export function subtract(y: usize, a: usize, b: usize, attributes: usize): void {
  binary<Subtract, Swapped<Subtract>>(y, a, b, attributes);
}
export function multiply(y: usize, a: usize, b: usize, attributes: usize): void {
  binary<Multiply, Multiply>(y, a, b, attributes);
}
export function divide(y: usize, a: usize, b: usize, attributes: usize): void {
  binary<Divide, Swapped<Divide>>(y, a, b, attributes);
}
/** (a - b)^2 */
export function squaredDifference(y: usize, a: usize, b: usize, attributes: usize): void {
  binary<SquaredDifference, SquaredDifference>(y, a, b, attributes);
}
/** The larger operand; NaN if either is NaN, as TensorFlow; of 0 and -0 the first. */
export function maximum(y: usize, a: usize, b: usize, attributes: usize): void {
  binary<Maximum, Swapped<Maximum>>(y, a, b, attributes);
}
/** The smaller operand; NaN if either is NaN, as TensorFlow; of 0 and -0 the first. */
export function minimum(y: usize, a: usize, b: usize, attributes: usize): void {
  binary<Minimum, Swapped<Minimum>>(y, a, b, attributes);
}
/** a / b, and 0 where b is 0. */
export function divideNoNan(y: usize, a: usize, b: usize, attributes: usize): void {
  binary<DivideNoNan, Swapped<DivideNoNan>>(y, a, b, attributes);
}
/** a^b as C's powf: 1 for b = 0 and for a = 1, NaN for a < 0 and b not whole. */
export function pow(y: usize, a: usize, b: usize, attributes: usize): void {
  binary<Pow, Swapped<Pow>>(y, a, b, attributes);
}
export function maximumInt32(y: usize, a: usize, b: usize, attributes: usize): void {
  binary<MaximumInt32, MaximumInt32>(y, a, b, attributes);
}
export function minimumInt32(y: usize, a: usize, b: usize, attributes: usize): void {
  binary<MinimumInt32, MinimumInt32>(y, a, b, attributes);
}
/** Int32, modulo 2^32, as the two below. */
export function addInt32(y: usize, a: usize, b: usize, attributes: usize): void {
  binary<AddInt32, AddInt32>(y, a, b, attributes);
}
export function subtractInt32(y: usize, a: usize, b: usize, attributes: usize): void {
  binary<SubtractInt32, Swapped<SubtractInt32>>(y, a, b, attributes);
}
export function multiplyInt32(y: usize, a: usize, b: usize, attributes: usize): void {
  binary<MultiplyInt32, MultiplyInt32>(y, a, b, attributes);
}

/** y[r, c] = x[r, c] + bias[c]; float32, x and y [rows, channels], bias [channels]. `y` is overwritten and may be `x`. */
export function biasAdd(y: usize, x: usize, bias: usize, rows: i32, channels: i32): void {
  if (rows > 0 && channels > 0) withRow<Add>(y, x, bias, rows * channels, channels);
}

// ---- Exports: unary, see `unary`

export function negate(y: usize, x: usize, n: i32): void {
  unary<Negate>(y, x, f32x4.splat(0), n);
}
export function abs(y: usize, x: usize, n: i32): void {
  unary<Abs>(y, x, f32x4.splat(0), n);
}
export function sqrt(y: usize, x: usize, n: i32): void {
  unary<Sqrt>(y, x, f32x4.splat(0), n);
}
export function square(y: usize, x: usize, n: i32): void {
  unary<Square>(y, x, f32x4.splat(0), n);
}
/** 1 / sqrt(x), both operations correctly rounded. */
export function rsqrt(y: usize, x: usize, n: i32): void {
  unary<Rsqrt>(y, x, v128.load32_splat(CONSTANTS), n);
}
export function reciprocal(y: usize, x: usize, n: i32): void {
  unary<Reciprocal>(y, x, v128.load32_splat(CONSTANTS), n);
}
/** max(x, 0); NaN stays NaN. */
export function relu(y: usize, x: usize, n: i32): void {
  unary<Relu>(y, x, f32x4.splat(0), n);
}
/** min(max(x, 0), 6); NaN stays NaN. */
export function relu6(y: usize, x: usize, n: i32): void {
  unary<Relu6>(y, x, v128.load32_splat(CONSTANTS, 4), n);
}
