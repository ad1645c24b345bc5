// Pooling operations: values and gradients against plain loops, padding, ties, shapes and sentences.
import { describe, expect, test } from "vitest";
import * as tf from "../../src/entry/node.ts";
import { attr } from "../../src/graph/attr.ts";
import { AvgPool, AvgPoolGrad, MaxPool, MaxPoolGrad } from "../../src/ops/pool.ts";
import { checkGradient } from "../helpers/gradientCheck.ts";
import { evaluate, expectMistake, expectShapes, values, type Values } from "../helpers/ops.ts";

interface Case {
  shape: [number, number, number, number];
  size: [number, number];
  strides: [number, number];
  padding: "SAME" | "VALID" | [[number, number], [number, number]];
}

/** By TensorFlow's rules: SAME has ceil(size / stride) windows and the odd cell of padding after. */
function pooled({ shape: [n, h, w, c], size, strides, padding }: Case, x: ArrayLike<number>, max: boolean): number[] {
  const axis = (i: 0 | 1): { out: number; before: number } => {
    const [length, window, stride] = [[h, w][i], size[i], strides[i]];
    if (padding === "SAME") {
      const out = Math.ceil(length / stride);
      return { out, before: Math.max((out - 1) * stride + window - length, 0) >> 1 };
    }
    const [before, after] = padding === "VALID" ? [0, 0] : padding[i];
    return { out: Math.floor((length + before + after - window) / stride) + 1, before };
  };
  const [rows, columns] = [axis(0), axis(1)];
  const y: number[] = [];
  for (let b = 0; b < n; b++)
    for (let i = 0; i < rows.out; i++)
      for (let j = 0; j < columns.out; j++)
        for (let k = 0; k < c; k++) {
          const cells: number[] = [];
          for (let u = 0; u < size[0]; u++)
            for (let v = 0; v < size[1]; v++) {
              const [p, q] = [i * strides[0] - rows.before + u, j * strides[1] - columns.before + v];
              if (p >= 0 && p < h && q >= 0 && q < w) cells.push(x[((b * h + p) * w + q) * c + k]);
            }
          y.push(max ? Math.max(...cells) : cells.reduce((sum, value) => sum + value, 0) / cells.length);
        }
  return y;
}

/** Numbers at least 0.01 apart, so that a step of the central differences changes no maximum. */
function distinct(shape: readonly number[]): Values {
  const { data } = values(shape);
  const order = [...data.keys()].sort((a, b) => data[a] - data[b]);
  order.forEach((index, i) => (data[index] = (i - data.length / 2) * 0.01));
  return { data, shape };
}

const cases: Case[] = [
  { shape: [2, 4, 6, 1], size: [2, 2], strides: [2, 2], padding: "VALID" },
  { shape: [1, 5, 5, 3], size: [3, 3], strides: [2, 2], padding: "SAME" },
  { shape: [2, 5, 4, 5], size: [3, 3], strides: [1, 1], padding: "SAME" },
  { shape: [1, 4, 6, 17], size: [2, 3], strides: [1, 2], padding: "VALID" },
  { shape: [1, 5, 5, 4], size: [1, 1], strides: [2, 2], padding: "SAME" },
  { shape: [1, 3, 3, 2], size: [5, 5], strides: [3, 3], padding: "SAME" },
  { shape: [0, 4, 4, 2], size: [2, 2], strides: [2, 2], padding: "SAME" },
];
const explicit: Case = { shape: [1, 4, 5, 3], size: [3, 2], strides: [2, 2], padding: [[1, 2], [0, 1]] }; // prettier-ignore

test.each([...cases, explicit].map((item) => [JSON.stringify(item), item] as const))("maximum %s", (_, item) =>
  checkGradient(
    ([x]) => tf.nn.maxPool(x, item.size, item),
    [distinct(item.shape)],
    ([x]) => pooled(item, x, true),
  ),
);

test.each(cases.map((item) => [JSON.stringify(item), item] as const))("average %s", async (_, item) => {
  const average = (x: tf.Tensor): tf.Tensor => tf.nn.avgPool(x, item.size, item as Case & { padding: "SAME" });
  await checkGradient(
    ([x]) => average(x),
    [values(item.shape)],
    ([x]) => pooled(item, x, false),
  );
  // The gradient of the gradient, by what arrived first: the pooling again.
  const x = values(item.shape);
  const { results } = await evaluate((input) => {
    const [a, v] = [input(x), input(x)];
    const y = average(a);
    const dy = tf.zerosLike(y);
    const dx = tf.gradients(y, [a], { gradYs: [dy] })[0]!;
    return [tf.gradients(dx, [dy], { gradYs: [v] })[0]!, average(v)];
  });
  expect(results[0].data).toEqual(results[1].data);
});

test("equal maxima: the gradient goes to the first in row-major order; padding is no cell", async () => {
  const x = { data: Float32Array.of(-8, -8, -8, -8, -8, -8, -8, -8, -8), shape: [1, 3, 3, 1] };
  const { results } = await evaluate((input) => {
    const tensor = input(x);
    const max = tf.nn.maxPool(tensor, 2, { strides: 2, padding: "SAME" });
    const average = tf.nn.avgPool(tensor, 2, { strides: 2, padding: "SAME" });
    return [max, average, tf.gradients(max, [tensor])[0]!, tf.gradients(average, [tensor])[0]!];
  });
  expect(results.map(({ data }) => Array.from(data as Float32Array))).toEqual([
    [-8, -8, -8, -8],
    [-8, -8, -8, -8],
    [1, 0, 1, 0, 0, 0, 1, 0, 1],
    [0.25, 0.25, 0.5, 0.25, 0.25, 0.5, 0.5, 0.5, 1],
  ]);
});

test("names and attributes", () => {
  const graph = new tf.Graph();
  graph.asDefault(() => {
    const x = tf.placeholder(tf.float32, [1, 4, 4, 2], "x");
    const pools = [
      tf.nn.maxPool(x, [1, 2, 2, 1], { strides: [1, 2, 2, 1], padding: "VALID" }),
      tf.nn.avgPool(x, 2, { strides: 2, padding: "SAME", name: "mean" }),
    ];
    tf.gradients(pools, [x]);
  });
  const max = graph.getOperationByName("gradients/MaxPool_grad/MaxPoolGrad");
  expect(max.inputs.map(({ name }) => name)).toEqual(["x:0", "MaxPool:0", "gradients/grad_ys_0:0"]);
  expect([max.ints("ksize"), max.ints("strides"), max.string("padding")]).toEqual([[1, 2, 2, 1], [1, 2, 2, 1], "VALID"]); // prettier-ignore
  expect(graph.getOperationByName("gradients/mean_grad/AvgPoolGrad").inputs[0].name).toBe(
    "gradients/mean_grad/Shape:0",
  );
});

const ints = (...sizes: number[]): ReturnType<typeof attr.ints> => attr.ints(sizes);
const windows = { ksize: ints(1, 3, 2, 1), strides: ints(1, 2, 1, 1), padding: attr.string("SAME") };

test("shapes", () => {
  for (const definition of [MaxPool, AvgPool]) {
    expectShapes(
      definition,
      [
        ["?", "[?,?,?,?]"],
        ["[?,5,5,3]", "[?,3,5,3]"],
        ["[2,?,5,?]", "[2,?,5,?]"],
        ["[5,5,3]", "The input must be of rank 4 but is of rank 3"],
      ],
      { attrs: windows },
    );
    expectShapes(definition, [["[1,2,5,3]", "Negative dimension size caused by subtracting 3 from 2"]], {
      attrs: { ...windows, padding: attr.string("VALID") },
    });
  }
  expectShapes(MaxPoolGrad, [["[2,5,5,3];[2,3,5,3];[2,3,5,3]", "[2,5,5,3]"]], { attrs: windows });
  expectShapes(AvgPoolGrad, [["[4];[2,3,5,3]", "[2,5,5,3]"]], { attrs: windows, constants: { 0: [2, 5, 5, 3] } });
  expectShapes(AvgPoolGrad, [["[4];[2,3,5,3]", "[?,?,?,3]"]], { attrs: windows });
});

describe("attributes that do not fit", () => {
  const rows: [Record<string, ReturnType<typeof attr.ints>>, string][] = [
    [{ ksize: ints(2, 2) }, "ksize must specify 4 dimensions, got [2, 2]"],
    [{ ksize: ints(1, 0, 2, 1) }, "ksize must be at least 1, got [1, 0, 2, 1]"],
    [{ strides: ints(1, 2, 2, 2) }, "Pooling over batch or channels is not supported (strides [1, 2, 2, 2])"],
    [{ padding: attr.string("FULL") }, `Attr 'padding' passed string 'FULL' not in: "SAME", "VALID", "EXPLICIT"`],
    [
      { padding: attr.string("EXPLICIT"), explicit_paddings: ints(0, 0, 3, 0, 0, 0, 0, 0) },
      "explicit_paddings [0, 0, 3, 0, 0, 0, 0, 0] must be smaller than the window [3, 2]",
    ],
    [{ data_format: attr.string("NCHW") }, "data_format 'NCHW' is not supported, convert the graph to NHWC"],
  ];
  test.each(rows)("%o", (attrs, sentence) => {
    expectShapes(MaxPool, [["[1,5,5,3]", sentence]], { attrs: { ...windows, ...attrs } });
  });

  test("a type without a kernel", async () => {
    const graph = new tf.Graph();
    const x = graph.asDefault(() => tf.placeholder(tf.int32, [1, 2, 2, 1], "x"));
    const y = tf.nn.maxPool(x, 2, { strides: 2, padding: "SAME", name: "pool" });
    await expectMistake(
      async () =>
        (await tf.Session.create({ graph })).run(
          y,
          new Map([
            [
              x,
              [
                [
                  [[1], [2]],
                  [[3], [4]],
                ],
              ],
            ],
          ]),
        ),
      "UnimplementedError: 'pool' (op: 'MaxPool') is not supported for int32; supported: float32.",
    );
  });
});
