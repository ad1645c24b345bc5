// Writing to variables and buffers: additions in place, copies, fills.

import { bytesOf, LANES, Vector } from "./lib/simd";

/**
 * ref[i] -= value[i], float32 [n], as TensorFlow's AssignSub. In this file `ref` is updated in place, and `value` may be `ref`
 * itself but overlaps it in no other way; elements are independent.
 */
export function assignSub(ref: usize, value: usize, n: i32): void {
  const end = ref + bytesOf(n & -LANES);
  for (; ref != end; ref += 16) {
    v128.store(ref, f32x4.sub(v128.load(ref), v128.load(value)));
    value += 16;
  }
  for (let i = n & (LANES - 1); i > 0; i--) {
    store<f32>(ref, load<f32>(ref) - load<f32>(value));
    ref += 4;
    value += 4;
  }
}

/** ref[i] += value[i], float32 [n], as TensorFlow's AssignAdd. */
export function assignAdd(ref: usize, value: usize, n: i32): void {
  const end = ref + bytesOf(n & -LANES);
  for (; ref != end; ref += 16) {
    v128.store(ref, f32x4.add(v128.load(ref), v128.load(value)));
    value += 16;
  }
  for (let i = n & (LANES - 1); i > 0; i--) {
    store<f32>(ref, load<f32>(ref) + load<f32>(value));
    ref += 4;
    value += 4;
  }
}

/** ref[i] += value[i], int32 [n], modulo 2^32. */
export function assignAddInt32(ref: usize, value: usize, n: i32): void {
  const end = ref + bytesOf(n);
  for (; ref != end; ref += 4) {
    store<i32>(ref, load<i32>(ref) + load<i32>(value));
    value += 4;
  }
}

/** ref[i] -= value[i], int32 [n], modulo 2^32. */
export function assignSubInt32(ref: usize, value: usize, n: i32): void {
  const end = ref + bytesOf(n);
  for (; ref != end; ref += 4) {
    store<i32>(ref, load<i32>(ref) - load<i32>(value));
    value += 4;
  }
}

/** ref[i] += value[i], int64 [n], modulo 2^64. */
export function assignAddInt64(ref: usize, value: usize, n: i32): void {
  const end = ref + ((<usize>n) << 3);
  for (; ref != end; ref += 8) {
    store<i64>(ref, load<i64>(ref) + load<i64>(value));
    value += 8;
  }
}

/** Copies `bytes` bytes from `src` to `dst`, which may overlap; any alignment. */
export function copyBytes(dst: usize, src: usize, bytes: usize): void {
  memory.copy(dst, src, bytes);
}

/** dst[i] = value, float32 [n]. */
export function fillFloat32(dst: usize, value: f32, n: i32): void {
  fill(dst, f32x4.splat(value), n);
}

/** dst[i] = value, int32 [n]. */
export function fillInt32(dst: usize, value: i32, n: i32): void {
  fill(dst, i32x4.splat(value), n);
}

function fill(dst: usize, v: v128, n: i32): void {
  const end = dst + bytesOf(n & -LANES);
  for (; dst != end; dst += 16) v128.store(dst, v);
  const rest = n & (LANES - 1);
  if (rest) Vector.storeTail(dst, v, rest);
}
