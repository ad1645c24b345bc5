// Signs and roundings of float32, [n]; the result may be the operand.

import { bytesOf, LANES, Vector } from "./lib/simd";

const SIGN: i32 = 0;
const ROUND: i32 = 1;
const FLOOR: i32 = 2;

const ONE: usize = memory.data<f32>([1]);

/** 1, 0 or -1 by the sign of x; NaN stays NaN. */
export function sign(y: usize, x: usize, n: i32): void {
  unary(SIGN, y, x, n);
}
/** To the nearest whole number, halves to the even one. */
export function round(y: usize, x: usize, n: i32): void {
  unary(ROUND, y, x, n);
}
export function floor(y: usize, x: usize, n: i32): void {
  unary(FLOOR, y, x, n);
}
export function ceil(y: usize, x: usize, n: i32): void {
  unary(3, y, x, n);
}

function unary(operation: i32, y: usize, x: usize, n: i32): void {
  const end = y + bytesOf(n & -LANES);
  for (; y != end; y += 16) {
    v128.store(y, apply(operation, v128.load(x)));
    x += 16;
  }
  const rest = n & (LANES - 1);
  if (rest) Vector.storeTail(y, apply(operation, Vector.loadTail(x, rest)), rest);
}

function apply(operation: i32, v: v128): v128 {
  if (operation == ROUND) return f32x4.nearest(v);
  if (operation == FLOOR) return f32x4.floor(v);
  if (operation != SIGN) return f32x4.ceil(v);
  const zero = f32x4.splat(0);
  const one = v128.load32_splat(ONE);
  const positive = v128.and(f32x4.gt(v, zero), one);
  const negative = v128.and(f32x4.lt(v, zero), one);
  // NaN is neither: v + ... keeps it.
  return v128.bitselect(f32x4.sub(positive, negative), v, f32x4.eq(v, v));
}
