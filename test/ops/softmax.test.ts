// Softmax and its logarithm against float64, over any axis, with gradients and extreme logits.
import { expect, test } from "vitest";
import * as tf from "../../src/entry/node.ts";
import { Softmax } from "../../src/ops/softmax.ts";
import { checkGradient } from "../helpers/gradientCheck.ts";
import { evaluate, expectMistake, expectShapes, values } from "../helpers/ops.ts";

function reference(x: ArrayLike<number>, shape: readonly number[], axis: number, logarithm: boolean): number[] {
  const stride = shape.slice(axis + 1).reduce((product, size) => product * size, 1);
  const n = shape[axis];
  return Array.from(x, (value, i) => {
    const first = i - (Math.floor(i / stride) % n) * stride;
    const row = Array.from({ length: n }, (_, c) => x[first + c * stride]);
    const largest = Math.max(...row);
    const sum = row.reduce((total, item) => total + Math.exp(item - largest), 0);
    return logarithm ? value - largest - Math.log(sum) : Math.exp(value - largest) / sum;
  });
}

const shapes = [[1], [5], [0, 3], [3, 1], [2, 2], [2, 3], [5, 4], [3, 5], [2, 17], [2, 3, 2, 7], [1, 131]];

test.each(shapes.map((shape) => [shape]))("%j: values and gradients", async (shape) => {
  for (const [axis, logarithm] of [
    [-1, false],
    [-1, true],
    [0, false],
    [0, true],
  ] as const) {
    // prettier-ignore
    if (axis === 0 && shape.length === 2 && shape[0] === 0) continue;
    const op = logarithm ? tf.nn.logSoftmax : tf.nn.softmax;
    await checkGradient(
      ([x]) => op(x, axis),
      [values(shape, -3, 3)],
      ([x]) => reference(x, shape, axis < 0 ? shape.length - 1 : axis, logarithm),
    );
  }
});

test("large logits, infinity, NaN", async () => {
  const rows = [
    [1e30, 0, -1e30],
    [-Infinity, 0, 0],
    [-1000, -1001, -1002],
    [NaN, 0, 1],
  ];
  const x = { data: Float32Array.from(rows.flat()), shape: [4, 3] };
  const { results } = await evaluate((input) => [tf.nn.softmax(input(x)), tf.nn.logSoftmax(input(x))]);
  const [probabilities, logarithms] = results.map(({ data }) => data as Float32Array);
  expect(Array.from(probabilities.slice(0, 6))).toEqual([1, 0, 0, 0, 0.5, 0.5]);
  expect(Array.from(logarithms.slice(0, 4))).toEqual([0, -Math.fround(1e30), -Math.fround(2e30), -Infinity]);
  expect(logarithms[6]).toBeCloseTo(-0.40760597, 6);
  for (const data of [probabilities, logarithms]) expect(Array.from(data.slice(9))).toEqual([NaN, NaN, NaN]);
});

test("a node of its own for the last axis, transposes around it elsewhere", () => {
  const types = (axis: number): string[] =>
    new tf.Graph().asDefault(() => {
      const { graph } = tf.nn.softmax(tf.placeholder(tf.float32, [2, 3, 4]), axis).op;
      return graph.operations.map(({ type }) => type).filter((type) => type !== "Const" && type !== "Placeholder");
    });
  expect(types(-1)).toEqual(["Softmax"]);
  expect(types(2)).toEqual(["Softmax"]);
  expect(types(0)).toEqual(["Transpose", "Softmax", "Transpose"]);
});

test("shapes and mistakes", async () => {
  expectShapes(Softmax, [
    ["?", "?"],
    ["[?,3]", "[?,3]"],
    ["[]", "The logits must be at least of rank 1 but are of rank 0"],
  ]);
  const graph = new tf.Graph();
  const x = graph.asDefault(() => tf.placeholder(tf.float32, [2, 3], "x"));
  await expectMistake(() => tf.nn.softmax(x, 2), "InvalidArgumentError: Softmax: axis 2 must be in [-2, 1] for 'x:0'.");
});
