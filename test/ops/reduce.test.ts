// Sum, Mean and moments against float64.
import { describe, expect, test } from "vitest";
import { attr } from "../../src/graph/attr.ts";
import { alternatingGroups, Mean, moments, normalizeAxes, Sum } from "../../src/ops/reduce.ts";
import * as tf from "../../src/entry/node.ts";
import { checkGradient } from "../helpers/gradientCheck.ts";
import { EPSILON, expectClose } from "../assembly/harness.ts";
import { coordinates, evaluate, expectMistake, inferred, sizeOf, sizes, values, type Values } from "../helpers/ops.ts";

/** Sums in float64 over `axes`, as many as the kept dimensions have positions, and how many elements each adds. */
function sums(x: Values, axes: readonly number[]): { sum: Float64Array; magnitude: Float64Array; count: number } {
  const kept = x.shape.map((size, i) => (axes.includes(i) ? 1 : size));
  const [sum, magnitude] = [new Float64Array(sizeOf(kept)), new Float64Array(sizeOf(kept))];
  x.data.forEach((item, index) => {
    const position = coordinates(index, x.shape);
    const at = kept.reduce((offset, size, i) => offset * size + (size === 1 ? 0 : position[i]), 0);
    sum[at] += item;
    magnitude[at] += Math.abs(item);
  });
  return { sum, magnitude, count: axes.reduce((product, axis) => product * x.shape[axis], 1) };
}

const cases: [number[], (number | number[] | null)[]][] = [
  ...sizes.map((n): [number[], (number | number[] | null)[]] => [[n], [null, 0, [0], []]]),
  ...sizes.map((n): [number[], (number | number[] | null)[]] => [
    [3, n],
    [0, 1, -1, [0, 1], [1, 0]],
  ]),
  ...sizes.map((n): [number[], (number | number[] | null)[]] => [
    [2, n, 3],
    [0, 1, 2, [0, 2], [0, -1], [-2], null],
  ]),
  [
    [2, 3, 4, 5],
    [[0, 1, 2], [1, 2], [0, 3], [1, 3], 2, null],
  ],
  [
    [1, 1, 1],
    [null, 1],
  ],
  [[], [null]],
  [
    [700, 4],
    [0, 1],
  ],
];

describe.each([
  ["Sum", tf.reduceSum],
  ["Mean", tf.reduceMean],
] as const)("%s", (type, op) => {
  test("every choice of axes", async () => {
    for (const [shape, choices] of cases) {
      const x = values(shape);
      for (const keepDims of [false, true]) {
        const { results } = await evaluate((input) => choices.map((axis) => op(input(x), axis, { keepDims })));
        results.forEach((result, i) => {
          const given = choices[i];
          const axes = normalizeAxes(given === null ? shape.map((_, d) => d) : [given].flat(), shape.length);
          const { sum, magnitude, count } = sums(x, axes);
          const divisor = type === "Mean" ? count : 1;
          const label = `${type} of [${shape.join()}] over ${JSON.stringify(given)}`;
          // One rounding an addition at most, and one for the division.
          const limit = (at: number): number => ((count + 1) * EPSILON * magnitude[at]) / divisor;
          expectClose(
            result.data as Float32Array,
            sum.map((item) => item / divisor),
            limit,
            label,
          );
          const wanted = keepDims
            ? shape.map((size, d) => (axes.includes(d) ? 1 : size))
            : shape.filter((_, d) => !axes.includes(d));
          expect(result.shape, label).toEqual(wanted);
        });
      }
    }
  });

  test("over no elements", async () => {
    const { results } = await evaluate((input) => [op(input(values([0, 2])), 0), op(input(values([2, 0])), 0)]);
    const nothing = type === "Mean" ? Number.NaN : 0;
    expect(results.map(({ data }) => Array.from(data as Float32Array))).toEqual([[nothing, nothing], []]);
  });

  test("shapes", () => {
    const definition = type === "Sum" ? Sum : Mean;
    const keep = { keep_dims: attr.bool(true) };
    const rows: [string, number[] | null, string, string][] = [
      ["[2,3,4]", [1], "[2,4]", "[2,1,4]"],
      ["[2,3,4]", [-1, 0], "[3]", "[1,3,1]"],
      ["[2,?]", [0], "[?]", "[1,?]"],
      ["[2,?]", [], "[2,?]", "[2,?]"],
      ["[2,?]", null, "?", "[?,?]"],
      ["?", [0], "?", "?"],
      ["[2]", [1], ...twice("Invalid reduction dimension 1 for input with 1 dimension(s)")],
      ["[]", [-1], ...twice("Invalid reduction dimension -1 for input with 0 dimension(s)")],
      ["[2,3]", [1, -1], ...twice("Invalid reduction arguments: Axes contains duplicate dimension: 1")],
    ];
    for (const [shape, axes, dropped, kept] of rows) {
      const constants: Record<number, number[]> = axes ? { 1: axes } : {};
      const label = `${shape} over ${JSON.stringify(axes)}`;
      expect(inferred(definition, `${shape};[?]`, { constants }), label).toBe(dropped);
      expect(inferred(definition, `${shape};[?]`, { constants, attrs: keep }), label).toBe(kept);
    }
  });

  test("nodes", () => {
    const graph = new tf.Graph();
    graph.asDefault(() => {
      const x = tf.placeholder(tf.float32, [2, 3], "x");
      op(x, 0);
      op(x);
    });
    expect(graph.operations.map(({ name }) => name)).toEqual([
      "x",
      `${type}/reduction_indices`,
      type,
      "Const",
      `${type}_1`,
    ]);
  });
});

function twice(text: string): [string, string] {
  return [text, text];
}

test("moments: the mean and the biased variance", async () => {
  for (const n of sizes) {
    for (const [shape, axes] of [
      [[n, 3], [0]],
      [
        [2, n, 3],
        [0, 1],
      ],
    ]) {
      const x = values(shape);
      const { sum, count } = sums(x, axes);
      const mean = sum.map((item) => item / count);
      const squares = x.data.map((item, i) => (item - mean[i % 3]) ** 2);
      const variance = sums({ data: squares, shape }, axes).sum.map((item) => item / count);
      for (const keepDims of [false, true]) {
        const { results } = await evaluate((input) => {
          const result = moments(input(x), axes, { keepDims });
          return [result.mean, result.variance];
        });
        // Values up to 2: a few roundings of 4 at most.
        const limit = 4 * (count + 4) * EPSILON;
        expectClose(results[0].data as Float32Array, mean, limit, `mean of [${shape.join()}]`);
        expectClose(results[1].data as Float32Array, variance, limit, `variance of [${shape.join()}]`);
        expect(results[1].shape).toEqual(keepDims ? [...axes.map(() => 1), 3] : [3]);
      }
    }
  }
});

test("moments: nodes, with no gradient through the mean", () => {
  const graph = new tf.Graph();
  graph.asDefault(() => moments(tf.placeholder(tf.float32, [2, 3], "x"), [0]));
  expect(graph.operations.map((op) => op.name)).toEqual([
    "x",
    ...["mean/reduction_indices", "mean", "StopGradient", "SquaredDifference"].map((name) => `moments/${name}`),
    ...["variance/reduction_indices", "variance", "Squeeze", "Squeeze_1"].map((name) => `moments/${name}`),
  ]);
});

test("alternatingGroups: runs of reduced and of kept dimensions", () => {
  expect(alternatingGroups([8, 5, 7, 3], [0, 1, 2])).toEqual({ sizes: [280, 3], firstIsReduced: true });
  expect(alternatingGroups([8, 5, 7, 3], [1, 3])).toEqual({ sizes: [8, 5, 7, 3], firstIsReduced: false });
  expect(alternatingGroups([8, 1, 7, 1], [1, 3])).toEqual({ sizes: [56], firstIsReduced: false });
  expect(alternatingGroups([1, 1], [0])).toEqual({ sizes: [1], firstIsReduced: false });
  expect(alternatingGroups([], [])).toEqual({ sizes: [1], firstIsReduced: false });
});

describe("mistakes", () => {
  const graph = new tf.Graph();
  test.each<[string, () => unknown, string]>([
    [
      "an axis that is not there",
      () => graph.asDefault(() => tf.reduceSum(tf.zeros([2, 3]), 2, { name: "total" })),
      "InvalidArgumentError: Invalid reduction dimension 2 for input with 2 dimension(s) for 'total' (op: 'Sum') with input shapes: [2,3], [].",
    ],
    [
      "a dtype without a kernel",
      async () =>
        (await tf.Session.create({ graph })).run(graph.asDefault(() => tf.reduceMean([1, 2], 0, { name: "whole" }))),
      "UnimplementedError: 'whole' (op: 'Mean') is not supported for int32; supported: float32.",
    ],
  ])("%s", (_, body, message) => expectMistake(body, message));
});

test("all axes of a rank that only the feed tells: values and gradient", async () => {
  const graph = new tf.Graph();
  const [mean, total, dx] = graph.asDefault(() => {
    const x = tf.placeholder(tf.float32, null, "x");
    const y = tf.reduceMean(x);
    return [y, tf.reduceSum(x), tf.gradients(y, [x])[0]!];
  });
  const session = await tf.Session.create({ graph });
  for (const x of [
    7,
    [1, 2, 3],
    [
      [1, 2],
      [3, 6],
    ],
  ]) {
    // prettier-ignore
    const flat = [x].flat(2);
    const sum = flat.reduce((a, b) => a + b, 0);
    const values = await session.run([mean, total, dx], { "x:0": x });
    expect(values.map((value) => Array.from(value.data as Float32Array))).toEqual([
      [Math.fround(sum / flat.length)],
      [sum],
      flat.map(() => Math.fround(1 / flat.length)),
    ]);
  }
  session.close();
});

test.each([
  ["Sum", tf.reduceSum, false],
  ["Mean", tf.reduceMean, true],
] as const)("%s: gradients over every choice of axes", async (_, reduce, isMean) => {
  for (const n of sizes) {
    const shape = [2, 3, n];
    for (const axes of [[], [0], [1], [2], [-1, 0], [1, 2], [0, 1, 2]]) {
      for (const keepDims of [false, true]) {
        const reduced = axes.map((axis) => (axis + 3) % 3);
        const count = reduced.reduce((product, axis) => product * shape[axis], 1);
        const out = shape.map((size, axis) => (reduced.includes(axis) ? 1 : size));
        await checkGradient(
          ([x]) => reduce(x, axes, { keepDims }),
          [values(shape)],
          ([x]) => {
            const y = new Float64Array(x.length / count);
            x.forEach((value, i) => {
              const at = coordinates(i, shape).reduce((a, p, axis) => a * out[axis] + (out[axis] === 1 ? 0 : p), 0);
              y[at] += isMean ? value / count : value;
            });
            return y;
          },
        );
      }
    }
  }
});

test("where nothing is added up the input is passed on, its negative zeros too, and no kernel runs", async () => {
  const graph = new tf.Graph();
  const results = graph.asDefault(() => {
    const x = tf.placeholder(tf.float32, [null, null], "x");
    const n = tf.placeholder(tf.int32, [null, null], "n");
    return [
      tf.reduceSum(tf.negative(x), []),
      tf.reduceMean(tf.negative(x), 0),
      tf.reduceSum(tf.multiply(n, 2), [0], { keepDims: true }),
      tf.reduceSum(x, 0),
    ];
  });
  const session = await tf.Session.create({ graph });
  const feeds = { "x:0": [[0, 1, -2]], "n:0": [[3, -4]] };
  const [sum, mean, integers, alone] = await session.run(results, feeds);
  expect([sum.toNested(), mean.toNested(), integers.toNested()]).toEqual([[[-0, -1, 2]], [-0, -1, 2], [[6, -8]]]);
  expect(alone.toNested()).toEqual([0, 1, -2]);
  const kernels = session.plan(results, feeds).parts.steps.map((step) => step.kernel);
  expect(kernels.filter((kernel) => /sum|mean/i.test(kernel))).toEqual([]);
  expect(session.plan(results.slice(0, 1), feeds).parts.steps.map((step) => step.kernel)).toEqual(["negate"]);
  session.close();
});
