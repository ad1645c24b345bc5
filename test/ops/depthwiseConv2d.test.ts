// Depthwise and separable convolution: values, gradients and their gradients against float64, shapes, mistakes.
import { describe, expect, test } from "vitest";
import { attr } from "../../src/graph/attr.ts";
import {
  DepthwiseConv2dNative,
  DepthwiseConv2dNativeBackpropFilter,
  DepthwiseConv2dNativeBackpropInput,
} from "../../src/ops/depthwiseConv2d.ts";
import * as tf from "../../src/entry/node.ts";
import { geometry, reference, type GeometryOptions } from "../helpers/convolution.ts";
import { checkGradient } from "../helpers/gradientCheck.ts";
import { expectMistake, expectShapes, inferred, sizes, values } from "../helpers/ops.ts";

function inputsOf(more: GeometryOptions) {
  const g = geometry({ N: 2, H: 6, W: 5, C: 3, K: 6, isDepthwise: true, ...more });
  return {
    g,
    x: values([g.N, g.H, g.W, g.C]),
    filter: values([...g.filter, g.C, g.K / g.C]),
    dy: values([g.N, ...g.output, g.K]),
  };
}

async function check(options: tf.nn.Conv2dOptions, more: GeometryOptions): Promise<void> {
  const { g, x, filter, dy } = inputsOf(more);
  await checkGradient(
    ([a, b]) => tf.nn.depthwiseConv2d(a, b, options),
    [x, filter],
    ([a, b]) => reference(g, a, b, dy.data).y.values,
  );
}

const geometries: [string, tf.nn.Conv2dOptions, GeometryOptions][] = [
  ["stride 1, SAME", {}, {}],
  ["one filter a channel", { strides: 2 }, { strides: [2, 2], K: 3 }],
  ["unequal strides, VALID", { strides: [2, 3], padding: "VALID" }, { strides: [2, 3], padding: "valid" }],
  ["dilation", { dilations: [1, 2] }, { dilations: [1, 2] }],
  ["dilation and stride", { dilations: 3, strides: 2 }, { dilations: [3, 3], strides: [2, 2] }],
  [
    "explicit padding",
    {
      padding: [
        [2, 1],
        [0, 3],
      ],
    },
    { pads: [2, 0], output: [7, 6] },
  ],
];
test.each(geometries)("%s: values and gradients", (_, options, more) => check(options, more));

test("channels around the blocks", async () => {
  for (const C of sizes)
    for (const multiplier of [1, 2, 5]) await check({}, { N: 1, H: 3, W: 5, C, K: C * multiplier });
  expect.hasAssertions();
});

describe("second derivatives", () => {
  const { g, x, filter, dy } = inputsOf({ strides: [2, 1] });
  const first = (index: 0 | 1, tensors: readonly tf.Tensor[]): tf.Tensor => {
    const y = tf.nn.depthwiseConv2d(tensors[0], tensors[1], { strides: [2, 1] });
    return tf.gradients(y, [tensors[index]], { gradYs: [tensors[2]] })[0]!;
  };

  test("of dx by the filter and by dy", () =>
    checkGradient(
      (tensors) => first(0, tensors),
      [x, filter, dy],
      ([a, b, c]) => reference(g, a, b, c).dx.values,
      { wrt: [1, 2] },
    ));

  test("of dw by the input and by dy", () =>
    checkGradient(
      (tensors) => first(1, tensors),
      [x, filter, dy],
      ([a, b, c]) => reference(g, a, b, c).dw.values,
      { wrt: [0, 2] },
    ));
});

test("separableConv2d: values and gradients", async () => {
  const { g, x, filter } = inputsOf({ strides: [2, 2] });
  const pointwise = values([1, 1, g.K, 4]);
  await checkGradient(
    ([a, b, c]) => tf.nn.separableConv2d(a, b, c, { strides: 2 }),
    [x, filter, pointwise],
    ([a, b, c]) => {
      const pixels = g.N * g.output[0] * g.output[1];
      const spread = reference(g, a, b, new Float64Array(pixels * g.K)).y.values;
      return Array.from({ length: pixels * 4 }, (_, at) => {
        const row = spread.subarray(Math.floor(at / 4) * g.K).subarray(0, g.K);
        return row.reduce((sum, item, k) => sum + item * c[k * 4 + (at % 4)], 0);
      });
    },
  );
});

test("nodes have TensorFlow's types and names", () => {
  const graph = new tf.Graph();
  graph.asDefault(() => {
    const x = tf.placeholder(tf.float32, [null, 8, 8, 3], "x");
    const depthwise = tf.placeholder(tf.float32, [3, 3, 3, 2], "a");
    const pointwise = tf.placeholder(tf.float32, [1, 1, 6, 4], "b");
    const y = tf.nn.separableConv2d(x, depthwise, pointwise);
    expect(y.op.inputs.map(({ name }) => name)).toEqual(["separable_conv2d/depthwise:0", "b:0"]);
    expect([y.name, y.op.type, y.shape]).toEqual(["separable_conv2d:0", "Conv2D", [null, 8, 8, 4]]);
    expect(tf.nn.depthwiseConv2d(x, depthwise).name).toBe("depthwise:0");
    const scope = "gradients/separable_conv2d/depthwise_grad";
    const gradients = tf.gradients(y, [x, depthwise]);
    expect(gradients.map((gradient) => [gradient!.name, gradient!.shape])).toEqual([
      [`${scope}/DepthwiseConv2dNativeBackpropInput:0`, [null, 8, 8, 3]],
      [`${scope}/DepthwiseConv2dNativeBackpropFilter:0`, [3, 3, 3, 2]],
    ]);
  });
});

const attrs = { strides: attr.ints([1, 2, 2, 1]), padding: attr.string("SAME") };

test("shapes", () => {
  expectShapes(
    DepthwiseConv2dNative,
    [
      ["[?,7,8,3];[3,3,3,2]", "[?,4,4,6]"],
      ["[1,?,8,?];[3,3,3,2]", "[1,?,4,6]"],
      ["?;[3,3,3,2]", "[?,?,?,6]"],
      ["[1,7,8,3];?", "[1,?,?,?]"],
      ["[7,8,3];[3,3,3,2]", "The input must be of rank 4 but is of rank 3"],
      ["[1,7,8,3];[3,3,6]", "The filter must be of rank 4 but is of rank 3"],
      ["[1,7,8,3];[3,3,4,2]", "Dimensions must be equal, but are 3 and 4"],
      ["?;[0,3,3,2]", "filter must not have zero elements (i.e. all dimensions must be non-zero)"],
    ],
    { attrs },
  );
  const nchw = { attrs: { ...attrs, data_format: attr.string("NCHW") } };
  const refused = "data_format 'NCHW' is not supported, convert the graph to NHWC";
  expect(inferred(DepthwiseConv2dNative, "[1,3,7,8];[3,3,3,2]", nchw)).toBe(refused);
  expectShapes(
    DepthwiseConv2dNativeBackpropInput,
    [
      ["[4];[3,3,3,2];[2,4,4,6]", "[2,7,8,3]"],
      ["[4];[3,3,3,2];[2,4,4,5]", "filter and out_backprop must have the same out_depth, but are 6 and 5"],
      ["[4];[3,3,4,2];[2,4,4,6]", "Dimensions must be equal, but are 3 and 4"],
    ],
    { attrs, constants: { 0: [2, 7, 8, 3] } },
  );
  expectShapes(
    DepthwiseConv2dNativeBackpropFilter,
    [
      ["[2,7,8,3];[4];[2,4,4,6]", "[3,3,3,2]"],
      ["[2,7,8,3];[4];[1,4,4,6]", "input and out_backprop must have the same batch size, but are 2 and 1"],
    ],
    { attrs, constants: { 1: [3, 3, 3, 2] } },
  );
});

test("a pointwise filter larger than 1 × 1", () => {
  const graph = new tf.Graph();
  const body = (): unknown =>
    graph.asDefault(() => tf.nn.separableConv2d(tf.ones([1, 4, 4, 2]), tf.ones([3, 3, 2, 1]), tf.ones([1, 2, 2, 3])));
  return expectMistake(
    body,
    "InvalidArgumentError: separableConv2d needs a pointwise filter of 1 × 1, its axis 1 is 2.",
  );
});
