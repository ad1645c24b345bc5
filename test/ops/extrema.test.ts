// Max, Min, Prod, All, Any, ArgMax, ArgMin, L2Loss and integer sums: every choice of axes, ties, NaN, folds, gradients.
import { describe, expect, test } from "vitest";
import { toNumbers } from "../../src/graph/tensorValue.ts";
import * as tf from "../../src/entry/node.ts";
import { constantValue } from "../../src/ops/build.ts";
import { ArgMax, Max } from "../../src/ops/extrema.ts";
import { checkGradient } from "../helpers/gradientCheck.ts";
import { coordinates, evaluate, expectMistake, expectShapes, sizeOf, sizes, values } from "../helpers/ops.ts";

function reduced(
  x: ArrayLike<number>,
  shape: readonly number[],
  axes: readonly number[],
  start: number,
  f: (a: number, b: number) => number,
): number[] {
  const kept = shape.map((size, i) => (axes.includes(i) ? 1 : size));
  const y = new Array<number>(sizeOf(kept)).fill(start);
  for (let i = 0; i < sizeOf(shape); i++) {
    const position = coordinates(i, shape);
    const at = kept.reduce((offset, size, axis) => offset * size + (size === 1 ? 0 : position[axis]), 0);
    y[at] = f(y[at], x[i]);
  }
  return y;
}

const reductions: [string, typeof tf.reduceMax, number, (a: number, b: number) => number][] = [
  ["Max", tf.reduceMax, -Infinity, Math.max],
  ["Min", tf.reduceMin, Infinity, Math.min],
  ["Prod", tf.reduceProd, 1, (a, b) => a * b],
];
const cases: [number[], number[] | null][] = [
  ...sizes.flatMap((n): [number[], number[] | null][] => [[[n], null], [[3, n], [0]], [[3, n], [1]], [[2, n, 3], [1]], [[2, n, 3], [0, -1]]]), // prettier-ignore
  [[2, 3, 4, 2], [1, 2]],
  [[4, 33], [0]],
  [[4, 33], [1]],
  [[3, 2], []],
]; // prettier-ignore

describe.each(reductions)("%s", (type, op, start, f) => {
  test.each(cases)("%j over %j: values and gradient", (shape, axes) =>
    checkGradient(
      ([x]) => op(x, axes, { keepDims: shape.length > 2 }),
      [values(shape)],
      ([x]) => {
        const rank = shape.length;
        return reduced(
          x,
          shape,
          (axes ?? shape.map((_, i) => i)).map((axis) => (axis + rank) % rank),
          start,
          f,
        );
      },
      // Products of 66 factors up to 2: float32 roundings, relative to the largest.
      { tolerance: 2e-5 },
    ),
  );

  test("integers, in a run and folded", async () => {
    const given = [[3, -1, 2], [7, 7, -5]]; // prettier-ignore
    const want = reduced(given.flat(), [2, 3], [1], start, f);
    const graph = new tf.Graph();
    const fetches = graph.asDefault(() =>
      [tf.int32, tf.int64].map((dtype) => op(tf.placeholder(dtype, [2, 3], "x"), [1])),
    );
    const session = await tf.Session.create({ graph });
    const results = await session.run(fetches, { "x:0": given, "x_1:0": given });
    for (const { data } of results) expect(Array.from(data as Int32Array, Number)).toEqual(want);
    graph.asDefault(() => expect(toNumbers(constantValue(op(tf.constant(given), [1]))!)).toEqual(want));
    expect(fetches[0].op.type).toBe(type);
    session.close();
  });
});

test("sums of integers", async () => {
  const x = { data: Int32Array.of(1, 2, 3, 2 ** 31 - 1, 1, 0), shape: [2, 3] };
  const { results } = await evaluate((input) => [tf.reduceSum(input(x), 1), tf.reduceSum(input(x), 0)]);
  expect(Array.from(results[0].data as Int32Array)).toEqual([6, -(2 ** 31)]);
  expect(Array.from(results[1].data as Int32Array)).toEqual([-(2 ** 31), 3, 3]);
});

test("NaN stays, nothing gives the least", async () => {
  for (const n of [1, 5, 17]) {
    const x = { data: new Float32Array(2 * n).fill(1), shape: [2, n] };
    x.data[n - 1] = NaN;
    const { results } = await evaluate((input) => [tf.reduceMax(input(x), 1), tf.reduceMin(input(x), 0)]);
    expect(Array.from(results[0].data as Float32Array)).toEqual([NaN, 1]);
    expect(Array.from(results[1].data as Float32Array)[n - 1]).toBeNaN();
  }
  const none = { data: new Float32Array(0), shape: [2, 0] };
  const { results } = await evaluate((input) => [tf.reduceMax(input(none), 1), tf.reduceProd(input(none), 1)]);
  expect(results.map(({ data }) => Array.from(data as Float32Array))).toEqual([[-Infinity, -Infinity], [1, 1]]); // prettier-ignore
});

test("elements that are equal share the gradient; a product with zeros", async () => {
  const x = { data: Float32Array.of(1, 3, 3, 0, 5, 0, 2, 0), shape: [2, 4] };
  const { results } = await evaluate((input) => {
    const given = input(x);
    return [tf.gradients(tf.reduceMax(given, 1), [given])[0]!, tf.gradients(tf.reduceProd(given, 1), [given])[0]!];
  });
  expect(Array.from(results[0].data as Float32Array)).toEqual([0, 0.5, 0.5, 0, 1, 0, 0, 0]);
  expect(Array.from(results[1].data as Float32Array)).toEqual([0, 0, 0, 9, 0, 0, 0, 0]);
});

test("gradients where shapes are known in the run only", async () => {
  const graph = new tf.Graph();
  const fetches = graph.asDefault(() => {
    const x = tf.placeholder(tf.float32, [null, null], "x");
    return [tf.reduceSum, tf.reduceMean, tf.reduceMax, tf.reduceProd].map((op) => tf.gradients(op(x, 1), [x])[0]!);
  });
  const session = await tf.Session.create({ graph });
  const results = await session.run(fetches, { "x:0": [[1, 2, 4]] });
  expect(results.map(({ data }) => Array.from(data as Float32Array))).toEqual([
    [1, 1, 1],
    [Math.fround(1 / 3), Math.fround(1 / 3), Math.fround(1 / 3)],
    [0, 0, 1],
    [8, 4, 2],
  ]);
  session.close();
});

test("all and any", async () => {
  const x = { data: Int32Array.of(1, 1, 0, 1, 0, 0), shape: [3, 2] };
  const { results } = await evaluate((input) => {
    const given = tf.cast(input(x), tf.bool);
    return [tf.reduceAll(given, 1), tf.reduceAny(given, 1), tf.reduceAll(given), tf.reduceAny(given, 0)];
  });
  expect(results.map(({ data }) => Array.from(data as Uint8Array))).toEqual([[1, 0, 0], [1, 1, 0], [0], [1, 1]]); // prettier-ignore
  new tf.Graph().asDefault(() => expect(constantValue(tf.reduceAll([true, false]))?.data).toEqual(Uint8Array.of(0)));
});

test("argmax and argmin: the first of equals, every axis and type", async () => {
  const data = Float32Array.of(1, 5, 5, -2, 0, -2, 7, 7, 7, 1, 2, 3);
  const { results } = await evaluate((input) => {
    const x = input({ data, shape: [2, 2, 3] });
    return [
      tf.argmax(x, -1),
      tf.argmin(x, 2, { outputType: tf.int32 }),
      tf.argmax(x, 0),
      tf.argmax(tf.cast(x, tf.int32), 1),
    ];
  });
  expect(
    results.map(({ dtype, data: places }) => `${dtype} ${Array.from(places as Int32Array, Number).join(" ")}`),
  ).toEqual(["int64 1 1 0 2", "int32 0 0 0 0", "int64 1 1 1 1 1 1", "int64 0 0 0 0 0 0"]);
});

test.each(sizes)("l2Loss of %i: value and gradient", (n) =>
  checkGradient(
    ([x]) => tf.nn.l2Loss(x),
    [values([n])],
    ([x]) => [x.reduce((sum, value) => sum + value * value, 0) / 2],
  ),
);

test("shapes and mistakes", async () => {
  expectShapes(ArgMax, [["[2,3];[]", "[2]"], ["?;[]", "?"], ["[3];[]", "Dimension (1) must be in the range [-1, 1), where 1 is the number of dimensions in the input"], ["[2,0];[]", "Reduction axis 1 is empty in shape [2,0]"]], { constants: { 1: [1] } }); // prettier-ignore
  expectShapes(Max, [["[2,?];[1]", "[2]"]], { constants: { 1: [1] } });
  const graph = new tf.Graph();
  const fetch = graph.asDefault(() => tf.reduceMax(tf.placeholder(tf.bool, [2], "x"), 0, { name: "flags" }));
  const session = await tf.Session.create({ graph });
  await expectMistake(() => session.run(fetch, { "x:0": [true, false] }), "UnimplementedError: 'flags' (op: 'Max') is not supported for bool; supported: float32, int32, int64, uint8."); // prettier-ignore
  session.close();
});
