// Reductions besides float32 sums: maxima, minima, products, sums of integers, truth of all or any; places of maxima.
//
// The input is walked in its order; every element goes to its output, whose steps are 0 along reduced dimensions. A type is named
// by TensorFlow's number: 1 float32, 3 int32, 4 uint8, 9 int64, 10 bool.

import { bytesOf, LANES, Vector } from "./lib/simd";

const MAX: i32 = 0;
const MIN: i32 = 1;
const PRODUCT: i32 = 2;
const SUM: i32 = 3;

/** Word `i` behind the rank of the attribute block [rank, dims[rank], steps in y[rank]]. */
function word(attributes: usize, i: i32): i32 {
  return load<i32>(attributes + bytesOf(i + 1));
}

/**
 * y = max over the reduced dimensions of x; y [outputs] is overwritten and does not overlap x. NaN if any element is; over no
 * elements the lowest value (-Infinity). In the order of the elements, as the others here.
 */
export function reduceMax(y: usize, x: usize, attributes: usize, outputs: i32, dtype: i32): void {
  reduce(MAX, y, x, attributes, outputs, dtype);
}
/** The same with min; over no elements the highest value. */
export function reduceMin(y: usize, x: usize, attributes: usize, outputs: i32, dtype: i32): void {
  reduce(MIN, y, x, attributes, outputs, dtype);
}
/** The product, one rounding for each factor; over no elements 1. Integers modulo 2^bits. */
export function reduceProd(y: usize, x: usize, attributes: usize, outputs: i32, dtype: i32): void {
  reduce(PRODUCT, y, x, attributes, outputs, dtype);
}
/** The sum of integers, modulo 2^bits; over no elements 0. */
export function reduceSumInteger(y: usize, x: usize, attributes: usize, outputs: i32, dtype: i32): void {
  reduce(SUM, y, x, attributes, outputs, dtype);
}
/** Whether all are true (bytes of 0 and 1): their minimum. */
export function reduceAll(y: usize, x: usize, attributes: usize, outputs: i32): void {
  memory.fill(y, 1, outputs);
  reduceLevel<u8>(MIN, attributes, 0, y, x);
}
/** Whether any is true: their maximum. */
export function reduceAny(y: usize, x: usize, attributes: usize, outputs: i32): void {
  memory.fill(y, 0, outputs);
  reduceLevel<u8>(MAX, attributes, 0, y, x);
}

function reduce(operation: i32, y: usize, x: usize, attributes: usize, outputs: i32, dtype: i32): void {
  if (dtype == 1) {
    fill<f32>(
      y,
      outputs,
      operation == MAX ? <f32>-Infinity : operation == MIN ? <f32>Infinity : operation == PRODUCT ? 1 : 0,
    );
    reduceLevel<f32>(operation, attributes, 0, y, x);
  } else if (dtype == 3) {
    fill<i32>(
      y,
      outputs,
      operation == MAX ? i32.MIN_VALUE : operation == MIN ? i32.MAX_VALUE : operation == PRODUCT ? 1 : 0,
    );
    reduceLevel<i32>(operation, attributes, 0, y, x);
  } else if (dtype == 9) {
    fill<i64>(
      y,
      outputs,
      operation == MAX ? i64.MIN_VALUE : operation == MIN ? i64.MAX_VALUE : operation == PRODUCT ? 1 : 0,
    );
    reduceLevel<i64>(operation, attributes, 0, y, x);
  } else {
    fill<u8>(y, outputs, operation == MIN ? u8.MAX_VALUE : operation == PRODUCT ? 1 : 0);
    reduceLevel<u8>(operation, attributes, 0, y, x);
  }
}

function fill<T>(y: usize, n: i32, value: T): void {
  for (; n > 0; n--) {
    store<T>(y, value);
    y += sizeof<T>();
  }
}

function combine<T>(operation: i32, a: T, b: T): T {
  // @ts-ignore: the type parameter is a number type
  if (operation == SUM) return <T>(a + b);
  // @ts-ignore: as above
  if (operation == PRODUCT) return <T>(a * b);
  if (isFloat<T>() && b != b) return b;
  // @ts-ignore: as above; a NaN in a stays
  if (operation == MAX) return a < b ? b : a;
  // @ts-ignore: as above
  return b < a ? b : a;
}

function combineVectors(operation: i32, a: v128, b: v128): v128 {
  if (operation == PRODUCT) return f32x4.mul(a, b);
  const picked = operation == MAX ? f32x4.pmax(a, b) : f32x4.pmin(a, b);
  return v128.bitselect(b, picked, f32x4.ne(b, b));
}

/** Returns the place behind the last element read. */
function reduceLevel<T>(operation: i32, attributes: usize, level: i32, y: usize, x: usize): usize {
  const rank = load<i32>(attributes);
  const n = rank ? word(attributes, level) : 1;
  const step = (rank ? word(attributes, rank + level) : 0) * <i32>sizeof<T>();
  if (level < rank - 1) {
    for (let i = 0; i < n; i++) {
      x = reduceLevel<T>(operation, attributes, level + 1, y, x);
      y += step;
    }
    return x;
  }
  let i = 0;
  if (step == 0) {
    let value = load<T>(y);
    if (isFloat<T>() && operation != PRODUCT && n >= 2 * LANES) {
      let lanes = v128.load(x);
      for (i = LANES; i <= n - LANES; i += LANES) lanes = combineVectors(operation, lanes, v128.load(x + bytesOf(i)));
      x += bytesOf(i);
      // @ts-ignore: the type parameter is f32 here
      value = combine<T>(operation, value, <T>f32x4.extract_lane(lanes, 0));
      // @ts-ignore: as above
      value = combine<T>(operation, value, <T>f32x4.extract_lane(lanes, 1));
      // @ts-ignore: as above
      value = combine<T>(operation, value, <T>f32x4.extract_lane(lanes, 2));
      // @ts-ignore: as above
      value = combine<T>(operation, value, <T>f32x4.extract_lane(lanes, 3));
    }
    for (; i < n; i++) {
      value = combine<T>(operation, value, load<T>(x));
      x += sizeof<T>();
    }
    store<T>(y, value);
    return x;
  }
  if (isFloat<T>() && step == 4) {
    for (; i <= n - LANES; i += LANES) {
      v128.store(y, combineVectors(operation, v128.load(y), v128.load(x)));
      y += 16;
      x += 16;
    }
    const rest = n - i;
    if (rest) {
      Vector.storeTail(y, combineVectors(operation, Vector.loadTail(y, rest), Vector.loadTail(x, rest)), rest);
      x += bytesOf(rest);
    }
    return x;
  }
  for (; i < n; i++) {
    store<T>(y, combine<T>(operation, load<T>(y), load<T>(x)));
    y += step;
    x += sizeof<T>();
  }
  return x;
}

/**
 * y[o, j] = place of the largest (`smallest`: smallest) of x[o, 0 .. n - 1, j], the first of equals; x [outer, n, inner] of type
 * `dtype`, y [outer, inner] int64, or int32 where `bytes` is 4. NaN is never larger or smaller.
 */
export function argExtremum(
  y: usize,
  x: usize,
  outer: i32,
  n: i32,
  inner: i32,
  dtype: i32,
  smallest: i32,
  bytes: i32,
): void {
  if (dtype == 1) findExtremum<f32>(y, x, outer, n, inner, smallest, bytes);
  else if (dtype == 3) findExtremum<i32>(y, x, outer, n, inner, smallest, bytes);
  else if (dtype == 9) findExtremum<i64>(y, x, outer, n, inner, smallest, bytes);
  else findExtremum<u8>(y, x, outer, n, inner, smallest, bytes);
}

function findExtremum<T>(y: usize, x: usize, outer: i32, n: i32, inner: i32, smallest: i32, bytes: i32): void {
  const pitch = <usize>inner * sizeof<T>();
  for (let o = 0; o < outer; o++) {
    for (let j = 0; j < inner; j++) {
      let at = x + <usize>j * sizeof<T>();
      let best = load<T>(at);
      let place = 0;
      for (let i = 1; i < n; i++) {
        at += pitch;
        const value = load<T>(at);
        // @ts-ignore: the type parameter is a number type
        if (smallest ? value < best : value > best) {
          best = value;
          place = i;
        }
      }
      if (bytes == 4) store<i32>(y, place);
      else store<i64>(y, place);
      y += bytes;
    }
    x += pitch * n;
  }
}

/**
 * Running sums (operation 3) or products (2) of float32 along a dimension: y[o, i, j] combines x[o, 0 .. i, j], without i itself
 * where `exclusive`, from the end where `reverse`. x and y [outer, n, inner]; y is overwritten and does not overlap x.
 */
export function cumulate(
  y: usize,
  x: usize,
  outer: i32,
  n: i32,
  inner: i32,
  operation: i32,
  exclusive: i32,
  reverse: i32,
): void {
  const pitch = <i32>bytesOf(inner);
  const step = reverse ? -pitch : pitch;
  const first = reverse ? (n - 1) * pitch : 0;
  for (let o = 0; o < outer; o++) {
    for (let j = 0; j < inner; j++) {
      let from = x + first + bytesOf(j);
      let to = y + first + bytesOf(j);
      let value: f32 = operation == PRODUCT ? 1 : 0;
      for (let i = 0; i < n; i++) {
        const next = combine<f32>(operation, value, load<f32>(from));
        store<f32>(to, exclusive ? value : next);
        value = next;
        from += step;
        to += step;
      }
    }
    x += n * pitch;
    y += n * pitch;
  }
}

/** y = sum of x[i]^2 / 2, float32 [n], in float64, four lanes in turn. */
export function l2Loss(y: usize, x: usize, n: i32): void {
  let sum0 = f64x2.splat(0);
  let sum1 = f64x2.splat(0);
  for (; n > 0; n -= LANES) {
    const v = n >= LANES ? v128.load(x) : Vector.loadTail(x, n);
    const low = f64x2.promote_low_f32x4(v);
    const high = Vector.promoteHigh(v);
    sum0 = f64x2.add(sum0, f64x2.mul(low, low));
    sum1 = f64x2.add(sum1, f64x2.mul(high, high));
    x += 16;
  }
  const sum = f64x2.add(sum0, sum1);
  store<f32>(y, <f32>((f64x2.extract_lane(sum, 0) + f64x2.extract_lane(sum, 1)) / 2));
}
