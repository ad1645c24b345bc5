// Softmax cross entropy against float64, at class counts around the vector width, with and without the derivative.
import { expect, test } from "vitest";
import { Arena, createRandom, expectClose, EPSILON, kernels, uniform } from "./harness.ts";

const classCounts = [1, 2, 3, 4, 5, 7, 8, 9, 10, 31, 33];
const rowCounts = [1, 3, 5];

interface Result {
  readonly loss: number[];
  readonly backprop: number[];
}

/** float64; `target(row, i)` is the label distribution. */
function reference(
  logits: Float32Array,
  rows: number,
  classes: number,
  target: (row: number, i: number) => number,
): Result {
  const loss: number[] = [];
  const backprop: number[] = [];
  for (let row = 0; row < rows; row++) {
    const x = Array.from(logits.subarray(row * classes, (row + 1) * classes));
    const top = Math.max(...x);
    const sum = x.reduce((total, value) => total + Math.exp(value - top), 0);
    loss.push(x.reduce((total, value, i) => total + target(row, i) * (Math.log(sum) - (value - top)), 0));
    backprop.push(...x.map((value, i) => Math.exp(value - top) / sum - target(row, i)));
  }
  return { loss, backprop };
}

/** A loss is a sum of `classes` terms of at most `range`, each with the two units of exp and log. */
const tolerance = (classes: number, range: number): number => 8 * EPSILON * (range + Math.log(classes) + 1) * 2;

for (const rows of rowCounts) {
  test.each(classCounts)(`dense, ${rows} rows of %i classes`, (classes) => {
    const random = createRandom(rows * 100 + classes);
    const logits = uniform(random, rows * classes, -9, 9);
    const labels = uniform(random, rows * classes, 0, 2 / classes);
    const arena = new Arena(rows % 2);
    const [x, y] = [arena.input(logits), arena.input(labels)];
    const [loss, backprop, lossOnly] = [arena.output(rows), arena.output(rows * classes), arena.output(rows)];
    kernels.softmaxCrossEntropy(loss.pointer, backprop.pointer, x.pointer, y.pointer, rows, classes, classes, classes);
    kernels.softmaxCrossEntropy(lossOnly.pointer, 0, x.pointer, y.pointer, rows, classes, classes, classes);
    arena.check();
    const want = reference(logits, rows, classes, (row, i) => labels[row * classes + i]);
    expectClose(loss.values, want.loss, tolerance(classes, 18) * 2, "loss");
    expectClose(backprop.values, want.backprop, 16 * EPSILON, "backprop");
    expect(lossOnly.values).toEqual(loss.values);
  });

  test.each(classCounts)(`sparse, ${rows} rows of %i classes`, (classes) => {
    const random = createRandom(rows * 1000 + classes);
    const logits = uniform(random, rows * classes, -9, 9);
    const labels = Int32Array.from({ length: rows }, () => Math.floor(random() * classes));
    const arena = new Arena();
    const x = arena.input(logits);
    const [narrow, wide] = [arena.input(labels), arena.input(BigInt64Array.from(labels, BigInt))];
    const outputs = [0, 1, 2].map(() => [arena.output(rows), arena.output(rows * classes)] as const);
    const [[loss, backprop], [loss64, backprop64], [lossOnly]] = outputs;
    kernels.sparseSoftmaxCrossEntropy(loss.pointer, backprop.pointer, x.pointer, narrow.pointer, rows, classes);
    kernels.sparseSoftmaxCrossEntropyInt64(loss64.pointer, backprop64.pointer, x.pointer, wide.pointer, rows, classes);
    kernels.sparseSoftmaxCrossEntropy(lossOnly.pointer, 0, x.pointer, narrow.pointer, rows, classes);
    arena.check();
    const want = reference(logits, rows, classes, (row, i) => (labels[row] === i ? 1 : 0));
    expectClose(loss.values, want.loss, tolerance(classes, 18), "loss");
    expectClose(backprop.values, want.backprop, 16 * EPSILON, "backprop");
    expect(loss64.values).toEqual(loss.values);
    expect(backprop64.values).toEqual(backprop.values);
    expect(lossOnly.values).toEqual(loss.values);
  });
}

test("one row of labels, or of logits, for all rows", () => {
  const random = createRandom(5);
  const [rows, classes] = [3, 6];
  const many = uniform(random, rows * classes, -3, 3);
  const one = uniform(random, classes, 0, 1);
  const repeated = Float32Array.from({ length: rows * classes }, (_, i) => one[i % classes]);
  const arena = new Arena();
  const [x, row, full] = [arena.input(many), arena.input(one), arena.input(repeated)];
  const run = (logits: number, labels: number, logitsStep: number, labelsStep: number): Float32Array => {
    const [loss, backprop] = [arena.output(rows), arena.output(rows * classes)];
    kernels.softmaxCrossEntropy(loss.pointer, backprop.pointer, logits, labels, rows, classes, logitsStep, labelsStep);
    return Float32Array.of(...loss.values, ...backprop.values);
  };
  const { pointer } = x;
  expect(run(pointer, row.pointer, classes, 0)).toEqual(run(pointer, full.pointer, classes, classes));
  expect(run(row.pointer, pointer, 0, classes)).toEqual(run(full.pointer, pointer, classes, classes));
  arena.check();
});

test("large logits neither overflow nor lose the loss; NaN and infinity stay in their row", () => {
  const rows = [
    [1e4, 1e4 - 1, 0, -1e4, 1e4],
    [NaN, 0, 0, 0, 0],
    [0, 0, 0, 0, Infinity],
    [-1e38, -1e38, -1e38, -1e38, -1e38],
  ];
  const arena = new Arena();
  const x = arena.input(Float32Array.from(rows.flat()));
  const labels = arena.input(Int32Array.of(1, 1, 1, 1));
  const [loss, backprop] = [arena.output(rows.length), arena.output(rows.length * 5)];
  kernels.sparseSoftmaxCrossEntropy(loss.pointer, backprop.pointer, x.pointer, labels.pointer, rows.length, 5);
  arena.check();
  const first = Math.log(2 + Math.exp(-1)) + 1;
  expectClose(loss.values, [first, NaN, NaN, Math.log(5)], 4 * EPSILON, "loss");
  for (const row of [1, 2])
    expect(backprop.values.subarray(row * 5, row * 5 + 5)).toEqual(new Float32Array(5).fill(NaN));
  expectClose(backprop.values.subarray(15), [0.2, -0.8, 0.2, 0.2, 0.2], 2 * EPSILON, "equal logits");
});

test("a label that is no class gives NaN in its row", () => {
  const arena = new Arena();
  const x = arena.input(new Float32Array(9));
  const labels = arena.input(BigInt64Array.of(-1n, 2n, 2n ** 32n));
  const [loss, backprop] = [arena.output(3), arena.output(9)];
  kernels.sparseSoftmaxCrossEntropyInt64(loss.pointer, backprop.pointer, x.pointer, labels.pointer, 3, 3);
  arena.check();
  expectClose(loss.values, [NaN, Math.log(3), NaN], EPSILON * 4, "loss");
  const third = 1 / 3;
  expectClose(backprop.values, [NaN, NaN, NaN, third, third, third - 1, NaN, NaN, NaN], EPSILON * 2, "backprop");
});
