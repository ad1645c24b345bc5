// The k largest of each row, and whether a row's target is among them.

import { bytesOf } from "./lib/simd";

/** Whether element `a` comes before `b`: larger, or equal and earlier in its row. NaN comes last. */
function precedes(a: f32, placeA: i32, b: f32, placeB: i32): bool {
  if (a > b) return true;
  if (a < b) return false;
  if (a == b) return placeA < placeB;
  const nanA = a != a;
  const nanB = b != b;
  return nanA == nanB ? placeA < placeB : nanB;
}

/**
 * values [rows, k] and indices [rows, k] (int32): the k largest of every row of x [rows, n], largest first, of equals the
 * first; k <= n. The outputs are overwritten and overlap nothing. A heap of k holds the best so far, its worst on top.
 */
export function topK(values: usize, indices: usize, x: usize, rows: i32, n: i32, k: i32): void {
  if (k == 0) return;
  for (let row = 0; row < rows; row++) {
    for (let i = 0; i < k; i++) {
      store<f32>(values + bytesOf(i), load<f32>(x + bytesOf(i)));
      store<i32>(indices + bytesOf(i), i);
    }
    for (let i = k / 2 - 1; i >= 0; i--) sink(values, indices, i, k);
    for (let i = k; i < n; i++) {
      const value = load<f32>(x + bytesOf(i));
      if (!precedes(value, i, load<f32>(values), load<i32>(indices))) continue;
      store<f32>(values, value);
      store<i32>(indices, i);
      sink(values, indices, 0, k);
    }
    // The worst goes to the end, again and again: what remains is sorted.
    for (let end = k - 1; end > 0; end--) {
      swap(values, indices, 0, end);
      sink(values, indices, 0, end);
    }
    values += bytesOf(k);
    indices += bytesOf(k);
    x += bytesOf(n);
  }
}

/** Moves element `i` down a heap of `n` until none below it is worse. */
function sink(values: usize, indices: usize, i: i32, n: i32): void {
  while (true) {
    let worst = i;
    for (let child = 2 * i + 1; child <= 2 * i + 2 && child < n; child++) {
      const childValue = load<f32>(values + bytesOf(child));
      const worstValue = load<f32>(values + bytesOf(worst));
      if (precedes(worstValue, load<i32>(indices + bytesOf(worst)), childValue, load<i32>(indices + bytesOf(child))))
        worst = child;
    }
    if (worst == i) return;
    swap(values, indices, i, worst);
    i = worst;
  }
}

function swap(values: usize, indices: usize, i: i32, j: i32): void {
  const value = load<f32>(values + bytesOf(i));
  const index = load<i32>(indices + bytesOf(i));
  store<f32>(values + bytesOf(i), load<f32>(values + bytesOf(j)));
  store<i32>(indices + bytesOf(i), load<i32>(indices + bytesOf(j)));
  store<f32>(values + bytesOf(j), value);
  store<i32>(indices + bytesOf(j), index);
}

/**
 * y[row] (bytes of 0 and 1) = fewer than k elements of x[row] [n] are larger than its target; false where the target or an
 * element is not finite, or no such class. targets [rows] int32, or int64 where `indexBytes` is 8.
 */
export function inTopK(y: usize, x: usize, targets: usize, rows: i32, n: i32, k: i32, indexBytes: i32): void {
  for (let row = 0; row < rows; row++) {
    const target = indexBytes == 8 ? load<i64>(targets) : <i64>load<i32>(targets);
    targets += indexBytes;
    let good = <u64>target < <u64>n;
    if (good) {
      const wanted = load<f32>(x + bytesOf(<i32>target));
      let larger = 0;
      good = wanted - wanted == 0;
      for (let i = 0; i < n && good; i++) {
        const value = load<f32>(x + bytesOf(i));
        if (value - value != 0) good = false;
        else if (value > wanted) larger++;
      }
      good = good && larger < k;
    }
    store<u8>(y, good);
    y++;
    x += bytesOf(n);
  }
}
