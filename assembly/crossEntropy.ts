// Softmax cross entropy, dense and sparse labels: loss and its derivative by the logits in one call, a row at a time
// (tensorflow/core/kernels/xent_op.h, sparse_xent_op.h).
//
// With m = max(x) and s = sum(exp(x - m)) over the classes of a row:
//   dense:  loss = sum(labels * (log(s) - (x - m))),  backprop = exp(x - m) / s - labels
//   sparse: loss = log(s) - (x[label] - m),           backprop = exp(x - m) / s - onehot(label)
// No exp overflows, and s is at least 1. A NaN or two infinities in a row make the row NaN, as in TensorFlow.

import { VectorMath } from "./lib/math";
import { bytesOf, LANES, Vector } from "./lib/simd";

/** The first `n` lanes of the vector at MASKS + 16 - 4 * n are set. */
const MASKS: usize = memory.data<i32>([-1, -1, -1, -1, 0, 0, 0, 0]);

class Row {
  /** The largest of n >= 1 elements; NaN if there is one. */
  static max(x: usize, n: i32): f32 {
    if (n < LANES) {
      let m = load<f32>(x);
      for (let i = 1; i < n; i++) m = max<f32>(m, load<f32>(x + bytesOf(i)));
      return m;
    }
    // The last vector overlaps the one before, which does not change a maximum.
    const last = x + bytesOf(n - LANES);
    let m = v128.load(last);
    for (; x < last; x += 16) m = f32x4.max(m, v128.load(x));
    m = f32x4.max(m, v128.shuffle<i32>(m, m, 2, 3, 0, 1));
    return max<f32>(f32x4.extract_lane(m, 0), f32x4.extract_lane(m, 1));
  }

  /** Sum of exp(x - m) over n elements, in float64: lanes first, then (0 + 2) + (1 + 3). The terms go to e unless e is 0. */
  static sumExp(e: usize, x: usize, m: f32, n: i32): f64 {
    const shift = f32x4.splat(m);
    let low = f64x2.splat(0);
    let high = f64x2.splat(0);
    for (; n >= LANES; n -= LANES) {
      const term = VectorMath.exp(f32x4.sub(v128.load(x), shift));
      low = f64x2.add(low, f64x2.promote_low_f32x4(term));
      high = f64x2.add(high, Vector.promoteHigh(term));
      x += 16;
      if (e) {
        v128.store(e, term);
        e += 16;
      }
    }
    if (n > 0) {
      const mask = v128.load(MASKS + 16 - bytesOf(n));
      const term = v128.and(VectorMath.exp(f32x4.sub(Vector.loadTail(x, n), shift)), mask);
      low = f64x2.add(low, f64x2.promote_low_f32x4(term));
      high = f64x2.add(high, Vector.promoteHigh(term));
      if (e) Vector.storeTail(e, term, n);
    }
    const sum = f64x2.add(low, high);
    return f64x2.extract_lane(sum, 0) + f64x2.extract_lane(sum, 1);
  }

  /** Sum of labels * (logSum - (x - m)) over n elements, in float64 as above. */
  static weigh(labels: usize, x: usize, m: f32, logSum: f32, n: i32): f64 {
    const shift = f32x4.splat(m);
    const top = f32x4.splat(logSum);
    let low = f64x2.splat(0);
    let high = f64x2.splat(0);
    for (; n >= LANES; n -= LANES) {
      const term = f32x4.mul(v128.load(labels), f32x4.sub(top, f32x4.sub(v128.load(x), shift)));
      low = f64x2.add(low, f64x2.promote_low_f32x4(term));
      high = f64x2.add(high, Vector.promoteHigh(term));
      x += 16;
      labels += 16;
    }
    if (n > 0) {
      const mask = v128.load(MASKS + 16 - bytesOf(n));
      const distance = f32x4.sub(top, f32x4.sub(Vector.loadTail(x, n), shift));
      const term = v128.and(f32x4.mul(Vector.loadTail(labels, n), distance), mask);
      low = f64x2.add(low, f64x2.promote_low_f32x4(term));
      high = f64x2.add(high, Vector.promoteHigh(term));
    }
    const sum = f64x2.add(low, high);
    return f64x2.extract_lane(sum, 0) + f64x2.extract_lane(sum, 1);
  }

  /** e = e / s. */
  static divide(e: usize, s: f32, n: i32): void {
    const divisor = f32x4.splat(s);
    for (; n >= LANES; n -= LANES) {
      v128.store(e, f32x4.div(v128.load(e), divisor));
      e += 16;
    }
    if (n > 0) Vector.storeTail(e, f32x4.div(Vector.loadTail(e, n), divisor), n);
  }

  /** e = e / s - labels. */
  static divideSubtract(e: usize, s: f32, labels: usize, n: i32): void {
    const divisor = f32x4.splat(s);
    for (; n >= LANES; n -= LANES) {
      v128.store(e, f32x4.sub(f32x4.div(v128.load(e), divisor), v128.load(labels)));
      e += 16;
      labels += 16;
    }
    if (n > 0) {
      const quotient = f32x4.div(Vector.loadTail(e, n), divisor);
      Vector.storeTail(e, f32x4.sub(quotient, Vector.loadTail(labels, n)), n);
    }
  }
}

/** log of a scalar by the vector function, so that there is one logarithm. */
function log(x: f32): f32 {
  return f32x4.extract_lane(VectorMath.log(f32x4.splat(x)), 0);
}

/**
 * loss [rows], backprop [rows, classes] (or 0: not wanted), logits [rows, classes] and labels [rows, classes] float32. Both are
 * overwritten and overlap nothing. `logitsStep` and `labelsStep` are the elements from a row to the next: `classes`, or 0 for
 * one row that all share.
 */
export function softmaxCrossEntropy(
  loss: usize,
  backprop: usize,
  logits: usize,
  labels: usize,
  rows: i32,
  classes: i32,
  logitsStep: i32,
  labelsStep: i32,
): void {
  for (let row = 0; row < rows; row++) {
    if (classes == 0) store<f32>(loss, 0);
    else {
      const m = Row.max(logits, classes);
      const s = <f32>Row.sumExp(backprop, logits, m, classes);
      store<f32>(loss, <f32>Row.weigh(labels, logits, m, log(s), classes));
      if (backprop) Row.divideSubtract(backprop, s, labels, classes);
    }
    loss += 4;
    if (backprop) backprop += bytesOf(classes);
    logits += bytesOf(logitsStep);
    labels += bytesOf(labelsStep);
  }
}

/** Where a label is not in [0, classes), the row's loss and derivative are NaN. */
function sparse<Label>(loss: usize, backprop: usize, logits: usize, labels: usize, rows: i32, classes: i32): void {
  for (let row = 0; row < rows; row++) {
    const label = load<Label>(labels);
    if (label < 0 || label >= <Label>classes) {
      store<f32>(loss, NaN);
      if (backprop) for (let i = 0; i < classes; i++) store<f32>(backprop + bytesOf(i), NaN);
    } else {
      const m = Row.max(logits, classes);
      const s = <f32>Row.sumExp(backprop, logits, m, classes);
      const at = bytesOf(<i32>label);
      store<f32>(loss, log(s) - (load<f32>(logits + at) - m));
      if (backprop) {
        Row.divide(backprop, s, classes);
        store<f32>(backprop + at, load<f32>(backprop + at) - 1);
      }
    }
    loss += 4;
    if (backprop) backprop += bytesOf(classes);
    logits += bytesOf(classes);
    labels += sizeof<Label>();
  }
}

/** loss [rows], backprop [rows, classes] (or 0: not wanted), logits [rows, classes] float32, labels [rows] int32. */
export function sparseSoftmaxCrossEntropy(
  loss: usize,
  backprop: usize,
  logits: usize,
  labels: usize,
  rows: i32,
  classes: i32,
): void {
  sparse<i32>(loss, backprop, logits, labels, rows, classes);
}

/** The same with int64 labels. */
export function sparseSoftmaxCrossEntropyInt64(
  loss: usize,
  backprop: usize,
  logits: usize,
  labels: usize,
  rows: i32,
  classes: i32,
): void {
  sparse<i64>(loss, backprop, logits, labels, rows, classes);
}
