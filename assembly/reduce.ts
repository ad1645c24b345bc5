// Sums and means over any axes.
//
// The host collapses the shape to groups of neighbouring axes that are alternately reduced and kept. A short run of elements is
// summed in float32 lanes, the runs in float64, always in the same order: the result depends on the shape and the values only.

import { bytesOf, LANES, roundUp, Vector } from "./lib/simd";

/** Elements that eight float32 vectors sum before they are added in float64. */
const RUN: i32 = 1024;
/** Rows that float32 lanes sum before they are added in float64. */
const ROWS: i32 = 128;

/** The head of the attribute block: sizes[groups] and firstIsReduced (0 or 1) follow. */
@unmanaged
class Reduction {
  groups: i32;
}

function size(reduction: Reduction, group: i32): i32 {
  return load<i32>(changetype<usize>(reduction) + bytesOf(group + 1));
}

function isReduced(reduction: Reduction, group: i32): bool {
  const firstIsReduced = size(reduction, reduction.groups);
  return (group & 1) != firstIsReduced;
}

/** Product of the sizes of the groups before `end` that are reduced, or that are kept. */
function extent(reduction: Reduction, end: i32, reduced: bool): i32 {
  let n = 1;
  for (let group = 0; group < end; group++) if (isReduced(reduction, group) == reduced) n *= size(reduction, group);
  return n;
}

/** The last group or two are reduced by one loop: a run of elements, or the columns of a matrix. Groups before them. */
function outerGroups(reduction: Reduction): i32 {
  const groups = reduction.groups;
  if (groups == 0) return 0;
  return isReduced(reduction, groups - 1) ? groups - 1 : max(0, groups - 2);
}

/** Whether one output gets elements from several places: a reduced group lies before the last one or two. */
function isScattered(reduction: Reduction): bool {
  const outer = outerGroups(reduction);
  for (let group = 0; group < outer; group++) if (isReduced(reduction, group)) return true;
  return false;
}

/** Outputs of the inner loop. */
function innerOutputs(reduction: Reduction): i32 {
  const groups = reduction.groups;
  return groups == 0 || isReduced(reduction, groups - 1) ? 1 : size(reduction, groups - 1);
}

/** Bytes of the float64 accumulators of the inner loop; columns are processed by fours. */
function innerBytes(reduction: Reduction): usize {
  const outputs = innerOutputs(reduction);
  return (<usize>(outputs == 1 ? 1 : roundUp(outputs, LANES))) << 3;
}

/** Bytes of the scratch memory of `sum` and `mean`. */
export function reduceScratchBytes(attributes: usize): i32 {
  const reduction = changetype<Reduction>(attributes);
  const blocks = isScattered(reduction) ? extent(reduction, outerGroups(reduction), false) : 1;
  return roundUp(blocks * <i32>innerBytes(reduction), 16);
}

/**
 * y[kept] = sum over the reduced groups of x, float32.
 * The attribute block is [groups, size_0 .. size_(groups - 1), firstIsReduced]: the shape as groups of axes, reduced and kept in
 * turn. y has the kept groups' shape and is overwritten, `scratch` has `reduceScratchBytes`, 16-byte aligned; they do not overlap x.
 * An empty sum is 0. Order: runs of RUN elements or columns of ROWS rows in float32 lanes, these in float64 as they come.
 */
export function sum(y: usize, x: usize, scratch: usize, attributes: usize): void {
  reduce(y, x, scratch, changetype<Reduction>(attributes), 1);
}

/** The mean: `sum`, divided in float64 by the number of elements; an empty one is NaN. */
export function mean(y: usize, x: usize, scratch: usize, attributes: usize): void {
  const reduction = changetype<Reduction>(attributes);
  reduce(y, x, scratch, reduction, <f64>extent(reduction, reduction.groups, true));
}

function reduce(y: usize, x: usize, scratch: usize, reduction: Reduction, divisor: f64): void {
  const groups = reduction.groups;
  const outer = outerGroups(reduction);
  const columns = innerOutputs(reduction);
  const inner = innerBytes(reduction);
  const rows = outer < groups && isReduced(reduction, outer) ? size(reduction, outer) : 1;
  const blockBytes = bytesOf(rows * columns);
  const scattered = isScattered(reduction);
  const kept = extent(reduction, outer, false);
  const blocks = kept * extent(reduction, outer, true);

  if (columns == 1 && !scattered) {
    for (let block = 0; block < blocks; block++) {
      store<f32>(y, <f32>(sumRun(x, rows) / divisor));
      y += 4;
      x += blockBytes;
    }
    return;
  }
  if (scattered) memory.fill(scratch, 0, <usize>kept * inner);
  for (let block = 0; block < blocks; block++) {
    let sums = scratch;
    if (scattered) sums += <usize>keptIndex(reduction, outer, block) * inner;
    else memory.fill(sums, 0, inner);
    if (columns == 1) store<f64>(sums, load<f64>(sums) + sumRun(x, rows));
    else addColumns(sums, x, rows, columns);
    if (!scattered) y = finish(y, sums, columns, divisor);
    x += blockBytes;
  }
  if (scattered) {
    for (let i = 0; i < kept; i++) {
      y = finish(y, scratch, columns, divisor);
      scratch += inner;
    }
  }
}

/** Number of the output that block `block` of the outer groups belongs to. */
function keptIndex(reduction: Reduction, outer: i32, block: i32): i32 {
  let index = 0;
  let stride = 1;
  for (let group = outer - 1; group >= 0; group--) {
    const n = size(reduction, group);
    if (!isReduced(reduction, group)) {
      index += (block % n) * stride;
      stride *= n;
    }
    block /= n;
  }
  return index;
}

/** y[j] = sums[j] / divisor for `n` outputs; returns the place behind them. */
function finish(y: usize, sums: usize, n: i32, divisor: f64): usize {
  for (let j = 0; j < n; j++) {
    store<f32>(y, <f32>(load<f64>(sums) / divisor));
    y += 4;
    sums += 8;
  }
  return y;
}

/** Sum of `n` consecutive elements. */
function sumRun(x: usize, n: i32): f64 {
  let total: f64 = 0;
  for (; n >= RUN; n -= RUN) {
    total += sumVectors(x, RUN);
    x += bytesOf(RUN);
  }
  return n > 0 ? total + sumVectors(x, n) : total;
}

/** Sum of at most RUN elements: eight vectors in turn, then single vectors, then the tail. */
function sumVectors(x: usize, n: i32): f64 {
  let sum0 = f32x4.splat(0);
  let sum1 = sum0;
  let sum2 = sum0;
  let sum3 = sum0;
  let sum4 = sum0;
  let sum5 = sum0;
  let sum6 = sum0;
  let sum7 = sum0;
  for (; n >= 8 * LANES; n -= 8 * LANES) {
    sum0 = f32x4.add(sum0, v128.load(x));
    sum1 = f32x4.add(sum1, v128.load(x, 16));
    sum2 = f32x4.add(sum2, v128.load(x, 32));
    sum3 = f32x4.add(sum3, v128.load(x, 48));
    sum4 = f32x4.add(sum4, v128.load(x, 64));
    sum5 = f32x4.add(sum5, v128.load(x, 80));
    sum6 = f32x4.add(sum6, v128.load(x, 96));
    sum7 = f32x4.add(sum7, v128.load(x, 112));
    x += 128;
  }
  for (; n >= LANES; n -= LANES) {
    sum0 = f32x4.add(sum0, v128.load(x));
    x += 16;
  }
  if (n > 0) sum1 = f32x4.add(sum1, Vector.loadTail(x, n));
  sum0 = f32x4.add(f32x4.add(sum0, sum1), f32x4.add(sum2, sum3));
  sum4 = f32x4.add(f32x4.add(sum4, sum5), f32x4.add(sum6, sum7));
  return Vector.sumLanes(f32x4.add(sum0, sum4));
}

/** sums[j] += sum over rows of x[row, j], x [rows, columns], sums float64 [columns rounded up to LANES]. */
function addColumns(sums: usize, x: usize, rows: i32, columns: i32): void {
  const pitch = bytesOf(columns);
  const wide = columns & -(4 * LANES);
  const full = columns & -LANES;
  for (; rows > 0; rows -= ROWS) {
    const count = min(ROWS, rows);
    const blockBytes = pitch * <usize>count;
    const end = x + blockBytes;
    let j = 0;
    for (; j < wide; j += 4 * LANES) addColumns16(sums + ((<usize>j) << 3), x + bytesOf(j), pitch, end + bytesOf(j));
    for (; j < full; j += LANES) addColumns4(sums + ((<usize>j) << 3), x + bytesOf(j), pitch, end + bytesOf(j));
    if (j < columns) addColumnTail(sums + ((<usize>j) << 3), x + bytesOf(j), pitch, end + bytesOf(j), columns - j);
    x = end;
  }
}

function addColumns16(sums: usize, x: usize, pitch: usize, end: usize): void {
  let sum0 = f32x4.splat(0);
  let sum1 = sum0;
  let sum2 = sum0;
  let sum3 = sum0;
  for (; x != end; x += pitch) {
    sum0 = f32x4.add(sum0, v128.load(x));
    sum1 = f32x4.add(sum1, v128.load(x, 16));
    sum2 = f32x4.add(sum2, v128.load(x, 32));
    sum3 = f32x4.add(sum3, v128.load(x, 48));
  }
  addToSums(sums, sum0);
  addToSums(sums + 32, sum1);
  addToSums(sums + 64, sum2);
  addToSums(sums + 96, sum3);
}

function addColumns4(sums: usize, x: usize, pitch: usize, end: usize): void {
  let sum = f32x4.splat(0);
  for (; x != end; x += pitch) sum = f32x4.add(sum, v128.load(x));
  addToSums(sums, sum);
}

function addColumnTail(sums: usize, x: usize, pitch: usize, end: usize, lanes: i32): void {
  let sum = f32x4.splat(0);
  for (; x != end; x += pitch) sum = f32x4.add(sum, Vector.loadTail(x, lanes));
  addToSums(sums, sum);
}

function addToSums(sums: usize, v: v128): void {
  v128.store(sums, f64x2.add(v128.load(sums), f64x2.promote_low_f32x4(v)));
  v128.store(sums, f64x2.add(v128.load(sums, 16), Vector.promoteHigh(v)), 16);
}
