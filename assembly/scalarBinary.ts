// Binary operations with broadcasting that have no vector instruction: whole-number division, remainders, 64-bit integers.
// One element after the other; counters, shapes and labels are short.

import { bytesOf } from "./lib/simd";

@unmanaged
class Add<T> {
  @inline apply(a: T, b: T): T {
    return <T>(a + b);
  }
}
@unmanaged
class Subtract<T> {
  @inline apply(a: T, b: T): T {
    return <T>(a - b);
  }
}
@unmanaged
class Multiply<T> {
  @inline apply(a: T, b: T): T {
    return <T>(a * b);
  }
}
@unmanaged
class Maximum<T> {
  @inline apply(a: T, b: T): T {
    return a < b ? b : a;
  }
}
@unmanaged
class Minimum<T> {
  @inline apply(a: T, b: T): T {
    return b < a ? b : a;
  }
}
/** The quotient without its fraction. Integers: 0 for b = 0 (the processor would trap, as for the smallest number by -1). */
@unmanaged
class TruncateDiv<T> {
  @inline apply(a: T, b: T): T {
    if (isFloat<T>()) return trunc<T>(a / b);
    if (b == 0) return <T>0;
    return b == -1 ? <T>(0 - a) : <T>(a / b);
  }
}
@unmanaged
class FloorDiv<T> {
  @inline apply(a: T, b: T): T {
    if (isFloat<T>()) return floor<T>(a / b);
    if (b == 0) return <T>0;
    if (b == -1) return <T>(0 - a);
    const quotient = <T>(a / b);
    return quotient * b != a && a < 0 != b < 0 ? <T>(quotient - 1) : quotient;
  }
}
/** The remainder with the sign of a. */
@unmanaged
class TruncateMod<T> {
  @inline apply(a: T, b: T): T {
    if (isInteger<T>()) {
      if (b == 0 || b == -1) return <T>0;
    }
    return <T>(a % b);
  }
}
/** The remainder with the sign of b. */
@unmanaged
class FloorMod<T> {
  @inline apply(a: T, b: T): T {
    if (isInteger<T>()) {
      if (b == 0 || b == -1) return <T>0;
    }
    const rest = <T>(a % b);
    return rest != 0 && rest < 0 != b < 0 ? <T>(rest + b) : rest;
  }
}

/** y = op(a, b); the attribute block is that of lib/map's `binary`, its strides are followed whatever the pattern. `y` may be an
 * operand of its own size. */
export function scalarBinary<T, Operation>(y: usize, a: usize, b: usize, attributes: usize): void {
  const n = load<i32>(attributes, 4);
  if (n <= 0) return;
  const rank = load<i32>(attributes, 8);
  if (rank == 0) {
    store<T>(y, changetype<Operation>(0).apply(load<T>(a), load<T>(b)));
    return;
  }
  const dims = attributes + 12;
  const stridesA = dims + bytesOf(rank);
  const stridesB = stridesA + bytesOf(rank);
  const last = bytesOf(rank - 1);
  const length = load<i32>(dims + last);
  const stepA = <usize>load<i32>(stridesA + last) * sizeof<T>();
  const stepB = <usize>load<i32>(stridesB + last) * sizeof<T>();
  const rows = n / length;
  for (let row = 0; row < rows; row++) {
    let rest = row;
    let atA = a;
    let atB = b;
    for (let d = last; d != 0;) {
      d -= 4;
      const size = load<i32>(dims + d);
      const index = rest % size;
      rest /= size;
      atA += <usize>(index * load<i32>(stridesA + d)) * sizeof<T>();
      atB += <usize>(index * load<i32>(stridesB + d)) * sizeof<T>();
    }
    for (let i = 0; i < length; i++) {
      store<T>(y, changetype<Operation>(0).apply(load<T>(atA), load<T>(atB)));
      y += sizeof<T>();
      atA += stepA;
      atB += stepB;
    }
  }
}

// ---- Exports

/** Modulo 2^64, as the two below. */
export function addInt64(y: usize, a: usize, b: usize, attributes: usize): void {
  scalarBinary<i64, Add<i64>>(y, a, b, attributes);
}
export function subtractInt64(y: usize, a: usize, b: usize, attributes: usize): void {
  scalarBinary<i64, Subtract<i64>>(y, a, b, attributes);
}
export function multiplyInt64(y: usize, a: usize, b: usize, attributes: usize): void {
  scalarBinary<i64, Multiply<i64>>(y, a, b, attributes);
}
export function maximumInt64(y: usize, a: usize, b: usize, attributes: usize): void {
  scalarBinary<i64, Maximum<i64>>(y, a, b, attributes);
}
export function minimumInt64(y: usize, a: usize, b: usize, attributes: usize): void {
  scalarBinary<i64, Minimum<i64>>(y, a, b, attributes);
}
/** Rounded towards 0; 0 for b = 0. */
export function truncateDivInt32(y: usize, a: usize, b: usize, attributes: usize): void {
  scalarBinary<i32, TruncateDiv<i32>>(y, a, b, attributes);
}
export function truncateDivInt64(y: usize, a: usize, b: usize, attributes: usize): void {
  scalarBinary<i64, TruncateDiv<i64>>(y, a, b, attributes);
}
/** Rounded down. */
export function floorDiv(y: usize, a: usize, b: usize, attributes: usize): void {
  scalarBinary<f32, FloorDiv<f32>>(y, a, b, attributes);
}
/** Rounded down; 0 for b = 0. */
export function floorDivInt32(y: usize, a: usize, b: usize, attributes: usize): void {
  scalarBinary<i32, FloorDiv<i32>>(y, a, b, attributes);
}
export function floorDivInt64(y: usize, a: usize, b: usize, attributes: usize): void {
  scalarBinary<i64, FloorDiv<i64>>(y, a, b, attributes);
}
/** With the sign of a; NaN for b = 0. */
export function truncateMod(y: usize, a: usize, b: usize, attributes: usize): void {
  scalarBinary<f32, TruncateMod<f32>>(y, a, b, attributes);
}
/** With the sign of a; 0 for b = 0. */
export function truncateModInt32(y: usize, a: usize, b: usize, attributes: usize): void {
  scalarBinary<i32, TruncateMod<i32>>(y, a, b, attributes);
}
export function truncateModInt64(y: usize, a: usize, b: usize, attributes: usize): void {
  scalarBinary<i64, TruncateMod<i64>>(y, a, b, attributes);
}
/** With the sign of b; NaN for b = 0. */
export function floorMod(y: usize, a: usize, b: usize, attributes: usize): void {
  scalarBinary<f32, FloorMod<f32>>(y, a, b, attributes);
}
/** With the sign of b; 0 for b = 0. */
export function floorModInt32(y: usize, a: usize, b: usize, attributes: usize): void {
  scalarBinary<i32, FloorMod<i32>>(y, a, b, attributes);
}
export function floorModInt64(y: usize, a: usize, b: usize, attributes: usize): void {
  scalarBinary<i64, FloorMod<i64>>(y, a, b, attributes);
}
