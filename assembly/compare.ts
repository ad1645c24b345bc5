// Comparisons, logic and choices between tensors, with broadcasting. Truth values are bytes of 0 and 1.
//
// A walk visits dims[rank] elements of the result in order, with a stride in elements for each operand, 0 where it repeats; the
// host merges neighbouring dimensions. A type is named by TensorFlow's number: 1 float32, 3 int32, 4 uint8, 9 int64, 10 bool.

import { bytesOf } from "./lib/simd";

const LESS: i32 = 0;
const LESS_EQUAL: i32 = 1;
const EQUAL: i32 = 2;
const NOT_EQUAL: i32 = 3;

/** Elements that one block of the vector loop compares. */
const BLOCK: i32 = 16;

/** Word `i` behind the rank of an attribute block [rank, dims[rank], strides of the first operand[rank], of the second, ...]. */
function word(attributes: usize, i: i32): i32 {
  return load<i32>(attributes + bytesOf(i + 1));
}

// ---- Comparisons

/** y = a < b; bytes. The attribute block: see above. y overlaps no operand. A comparison with NaN is false, as those below. */
export function less(y: usize, a: usize, b: usize, attributes: usize, dtype: i32): void {
  compare(LESS, y, a, b, attributes, dtype);
}
/** y = a <= b */
export function lessEqual(y: usize, a: usize, b: usize, attributes: usize, dtype: i32): void {
  compare(LESS_EQUAL, y, a, b, attributes, dtype);
}
/** y = a == b */
export function equal(y: usize, a: usize, b: usize, attributes: usize, dtype: i32): void {
  compare(EQUAL, y, a, b, attributes, dtype);
}
/** y = a != b; true for NaN. */
export function notEqual(y: usize, a: usize, b: usize, attributes: usize, dtype: i32): void {
  compare(NOT_EQUAL, y, a, b, attributes, dtype);
}

function compare(operation: i32, y: usize, a: usize, b: usize, attributes: usize, dtype: i32): void {
  if (dtype == 1) compareLevel<f32>(operation, attributes, 0, y, a, b);
  else if (dtype == 3) compareLevel<i32>(operation, attributes, 0, y, a, b);
  else if (dtype == 9) compareLevel<i64>(operation, attributes, 0, y, a, b);
  else compareLevel<u8>(operation, attributes, 0, y, a, b);
}

/** Returns the place behind the last element written. */
function compareLevel<T>(operation: i32, attributes: usize, level: i32, y: usize, a: usize, b: usize): usize {
  const rank = load<i32>(attributes);
  if (rank == 0) return compareRow<T>(operation, y, a, b, 1, 0, 0);
  const n = word(attributes, level);
  const stepA = word(attributes, rank + level);
  const stepB = word(attributes, 2 * rank + level);
  if (level == rank - 1) return compareRow<T>(operation, y, a, b, n, stepA, stepB);
  for (let i = 0; i < n; i++) {
    y = compareLevel<T>(operation, attributes, level + 1, y, a, b);
    a += stepA * <i32>sizeof<T>();
    b += stepB * <i32>sizeof<T>();
  }
  return y;
}

function compareRow<T>(operation: i32, y: usize, a: usize, b: usize, n: i32, stepA: i32, stepB: i32): usize {
  if (sizeof<T>() == 4) {
    for (; n >= BLOCK; n -= BLOCK) {
      const low = i16x8.narrow_i32x4_s(
        compareVectors<T>(operation, a, b, stepA, stepB, 0),
        compareVectors<T>(operation, a, b, stepA, stepB, 4),
      );
      const high = i16x8.narrow_i32x4_s(
        compareVectors<T>(operation, a, b, stepA, stepB, 8),
        compareVectors<T>(operation, a, b, stepA, stepB, 12),
      );
      v128.store(y, v128.and(i8x16.narrow_i16x8_s(low, high), i8x16.splat(1)));
      y += BLOCK;
      a += bytesOf(BLOCK * stepA);
      b += bytesOf(BLOCK * stepB);
    }
  }
  for (; n > 0; n--) {
    const left = load<T>(a);
    const right = load<T>(b);
    let result: bool;
    // @ts-ignore: the type parameter is a number type
    if (operation == LESS) result = left < right;
    // @ts-ignore: as above
    else if (operation == LESS_EQUAL) result = left <= right;
    else if (operation == EQUAL) result = left == right;
    else result = left != right;
    store<u8>(y, result);
    y++;
    a += stepA * <i32>sizeof<T>();
    b += stepB * <i32>sizeof<T>();
  }
  return y;
}

/** Four elements from `index` on, as masks. Strides of the innermost dimension are 0 or 1. */
function compareVectors<T>(operation: i32, a: usize, b: usize, stepA: i32, stepB: i32, index: i32): v128 {
  const left = stepA ? v128.load(a + bytesOf(index)) : v128.load32_splat(a);
  const right = stepB ? v128.load(b + bytesOf(index)) : v128.load32_splat(b);
  if (isFloat<T>()) {
    if (operation == LESS) return f32x4.lt(left, right);
    if (operation == LESS_EQUAL) return f32x4.le(left, right);
    if (operation == EQUAL) return f32x4.eq(left, right);
    return f32x4.ne(left, right);
  }
  if (operation == LESS) return i32x4.lt_s(left, right);
  if (operation == LESS_EQUAL) return i32x4.le_s(left, right);
  if (operation == EQUAL) return i32x4.eq(left, right);
  return i32x4.ne(left, right);
}

// ---- Logic

/** y = a and b (operation 0), a or b (1); bytes. The attribute block as for comparisons; y may be an operand that does not repeat. */
export function logical(y: usize, a: usize, b: usize, attributes: usize, operation: i32): void {
  logicalLevel(operation, attributes, 0, y, a, b);
}

function logicalLevel(operation: i32, attributes: usize, level: i32, y: usize, a: usize, b: usize): usize {
  const rank = load<i32>(attributes);
  const n = rank ? word(attributes, level) : 1;
  const stepA = rank ? word(attributes, rank + level) : 0;
  const stepB = rank ? word(attributes, 2 * rank + level) : 0;
  if (level < rank - 1) {
    for (let i = 0; i < n; i++) {
      y = logicalLevel(operation, attributes, level + 1, y, a, b);
      a += stepA;
      b += stepB;
    }
    return y;
  }
  for (let i = 0; i < n; i++) {
    const left = load<u8>(a);
    const right = load<u8>(b);
    store<u8>(y, operation ? left | right : left & right);
    y++;
    a += stepA;
    b += stepB;
  }
  return y;
}

/** y[i] = not x[i], bytes [n]; y may be x. */
export function logicalNot(y: usize, x: usize, n: i32): void {
  for (; n > 0; n--) {
    store<u8>(y, load<u8>(x) ^ 1);
    y++;
    x++;
  }
}

// ---- Choices

/**
 * y = condition ? a : b, elements of `size` bytes (1, 4 or 8). The attribute block holds the strides of condition, a and b.
 * y overlaps no operand.
 */
export function select(y: usize, condition: usize, a: usize, b: usize, attributes: usize, size: i32): void {
  if (size == 4) selectLevel<i32>(attributes, 0, y, condition, a, b);
  else if (size == 8) selectLevel<i64>(attributes, 0, y, condition, a, b);
  else selectLevel<u8>(attributes, 0, y, condition, a, b);
}

function selectLevel<T>(attributes: usize, level: i32, y: usize, condition: usize, a: usize, b: usize): usize {
  const rank = load<i32>(attributes);
  const n = rank ? word(attributes, level) : 1;
  const step = rank ? word(attributes, rank + level) : 0;
  const stepA = (rank ? word(attributes, 2 * rank + level) : 0) * <i32>sizeof<T>();
  const stepB = (rank ? word(attributes, 3 * rank + level) : 0) * <i32>sizeof<T>();
  if (level < rank - 1) {
    for (let i = 0; i < n; i++) {
      y = selectLevel<T>(attributes, level + 1, y, condition, a, b);
      condition += step;
      a += stepA;
      b += stepB;
    }
    return y;
  }
  let i = 0;
  if (sizeof<T>() == 4 && step) {
    // Four bytes of 0 and 1 become four masks.
    for (; i <= n - 4; i += 4) {
      const bytes = i16x8.extend_low_i8x16_u(v128.load32_zero(condition));
      const mask = i32x4.neg(i32x4.extend_low_i16x8_u(bytes));
      const left = stepA ? v128.load(a) : v128.load32_splat(a);
      const right = stepB ? v128.load(b) : v128.load32_splat(b);
      v128.store(y, v128.bitselect(left, right, mask));
      y += 16;
      condition += 4;
      a += 4 * stepA;
      b += 4 * stepB;
    }
  }
  for (; i < n; i++) {
    store<T>(y, load<u8>(condition) ? load<T>(a) : load<T>(b));
    y += sizeof<T>();
    condition += step;
    a += stepA;
    b += stepB;
  }
  return y;
}
