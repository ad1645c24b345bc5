// Gradients of Conv2D and BiasAdd, their own gradients, and the transposed convolution.
import { describe, expect, test } from "vitest";
import { attr } from "../../src/graph/attr.ts";
import { BiasAddGrad, Conv2DBackpropFilter, Conv2DBackpropInput } from "../../src/ops/conv2dGradient.ts";
import * as tf from "../../src/entry/node.ts";
import { geometry, reference, type GeometryOptions } from "../helpers/convolution.ts";
import { checkGradient } from "../helpers/gradientCheck.ts";
import { evaluate, expectMistake, expectShapes, values, type Values } from "../helpers/ops.ts";

/** What tf.nn.conv2d is asked, and the same for the reference. */
const geometries: [string, tf.nn.Conv2dOptions, GeometryOptions][] = [
  ["stride 1, SAME", {}, {}],
  ["stride 2, SAME", { strides: 2 }, { strides: [2, 2] }],
  ["unequal strides, VALID", { strides: [2, 3], padding: "VALID" }, { strides: [2, 3], padding: "valid" }],
  ["stride larger than the filter", { strides: 4 }, { strides: [4, 4] }],
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
  ["a filter larger than the input", {}, { H: 2, W: 1, filter: [3, 5] }],
];

function inputsOf(more: GeometryOptions): { g: ReturnType<typeof geometry>; x: Values; filter: Values; dy: Values } {
  const g = geometry({ N: 2, H: 6, W: 5, C: 2, K: 3, ...more });
  return {
    g,
    x: values([g.N, g.H, g.W, g.C]),
    filter: values([...g.filter, g.C, g.K]),
    dy: values([g.N, ...g.output, g.K]),
  };
}

test.each(geometries)("%s: both gradients", async (_, options, more) => {
  const { g, x, filter, dy } = inputsOf(more);
  await checkGradient(
    ([a, b]) => tf.nn.conv2d(a, b, options),
    [x, filter],
    ([a, b]) => reference(g, a, b, dy.data).y.values,
  );
});

describe("second derivatives", () => {
  const { g, x, filter, dy } = inputsOf({ strides: [2, 1] });
  const first = (index: 0 | 1, tensors: readonly tf.Tensor[]): tf.Tensor => {
    const y = tf.nn.conv2d(tensors[0], tensors[1], { strides: [2, 1] });
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

test("BiasAdd: both gradients, and that of the bias' gradient", async () => {
  for (const shape of [
    [3, 5],
    [2, 2, 3, 4],
  ]) {
    const channels = shape[shape.length - 1];
    const bias = values([channels]);
    const add = (a: ArrayLike<number>, b: ArrayLike<number>): number[] =>
      Array.from(a, (item, i) => item + b[i % channels]);
    await checkGradient(
      ([a, b]) => tf.nn.biasAdd(a, b),
      [values(shape), bias],
      ([a, b]) => add(a, b),
    );
    await checkGradient(
      ([a, b, c]) => tf.gradients(tf.nn.biasAdd(a, b), [b], { gradYs: [c] })[0]!,
      [values(shape), bias, values(shape)],
      ([, , c]) =>
        Array.from(bias.data, (_, k) => c.reduce((sum, item, i) => sum + (i % channels === k ? item : 0), 0)),
      { wrt: [2] },
    );
  }
});

test("nodes have TensorFlow's types, names and inputs", () => {
  const graph = new tf.Graph();
  graph.asDefault(() => {
    const x = tf.placeholder(tf.float32, [null, 8, 8, 3], "x");
    const filter = tf.placeholder(tf.float32, [3, 3, 3, 4], "filter");
    const bias = tf.placeholder(tf.float32, [4], "bias");
    const y = tf.nn.biasAdd(tf.nn.conv2d(x, filter, { strides: 2, name: "conv" }), bias, "shift");
    const [dx, dw, db] = tf.gradients(y, [x, filter, bias]);
    expect([dx!.name, dw!.name, db!.name]).toEqual([
      "gradients/conv_grad/Conv2DBackpropInput:0",
      "gradients/conv_grad/Conv2DBackpropFilter:0",
      "gradients/shift_grad/BiasAddGrad:0",
    ]);
    expect([dx!.shape, dw!.shape, db!.shape]).toEqual([[null, 8, 8, 3], [3, 3, 3, 4], [4]]);
    expect(dx!.op.inputs.map(({ name }) => name)).toEqual([
      "gradients/conv_grad/ShapeN:0",
      "filter:0",
      "gradients/grad_ys_0:0",
    ]);
    expect(dw!.op.inputs[1].name).toBe("gradients/conv_grad/ShapeN:1");
    expect(dw!.op.ints("strides")).toEqual([1, 2, 2, 1]);
  });
});

describe("conv2dTranspose", () => {
  test.each([
    ["SAME, even", { strides: 2 }, { strides: [2, 2] }],
    ["VALID", { strides: [2, 3], padding: "VALID" }, { strides: [2, 3], padding: "valid" }],
    ["dilation", { dilations: 2 }, { dilations: [2, 2] }],
  ] as [string, tf.nn.Conv2dTransposeOptions, GeometryOptions][])(
    "%s: values and gradients",
    async (_, options, more) => {
      const { g, x, filter, dy } = inputsOf(more);
      await checkGradient(
        ([value, weights]) => tf.nn.conv2dTranspose(value, weights, x.shape, options),
        [dy, filter],
        ([value, weights]) => reference(g, x.data, weights, value).dx.values,
      );
    },
  );

  test("the output's shape may be computed", async () => {
    const { x, filter, dy } = inputsOf({});
    const { results } = await evaluate((input) => {
      const [like, value, weights] = [input(x), input(dy), input(filter)];
      return [tf.nn.conv2dTranspose(value, weights, tf.shape(like)), tf.nn.conv2dTranspose(value, weights, x.shape)];
    });
    expect(results[0]).toEqual(results[1]);
  });

  const graph = new tf.Graph();
  const build =
    (shape: readonly number[], options: tf.nn.Conv2dTransposeOptions = {}): (() => tf.Tensor) =>
    () =>
      graph.asDefault(() => tf.nn.conv2dTranspose(tf.ones([1, 4, 4, 8]), tf.ones([3, 3, 2, 8]), shape, options));
  test.each<[string, () => unknown, string]>([
    ["channels", build([1, 8, 8, 3]), "output_shape does not match filter's output channels, 3 != 2"],
    ["rank", build([1, 8, 8]), "output_shape must have shape (4,), got (3,)"],
    [
      "the input's channels",
      () => graph.asDefault(() => tf.nn.conv2dTranspose(tf.ones([1, 4, 4, 7]), tf.ones([3, 3, 2, 8]), [1, 8, 8, 2])),
      "input channels does not match filter's input channels, 7 != 8",
    ],
    [
      "padding",
      build([1, 8, 8, 2], { padding: "same" as "SAME" }),
      'padding must be either VALID or SAME: "same" is not supported',
    ],
    [
      "sizes that a convolution does not lead back from",
      build([1, 8, 8, 2], { name: "up" }),
      "Size of out_backprop doesn't match computed: actual = 4, computed = 8 spatial_dim: 1 input: 8 filter: 3 output: 4 stride: 1 dilation: 1 for 'up' (op: 'Conv2DBackpropInput') with input shapes: [4], [3,3,2,8], [1,4,4,8].",
    ],
  ])("mistake: %s", (_, body, message) => expectMistake(body, `InvalidArgumentError: ${message}`));
});

const attrs = { strides: attr.ints([1, 2, 2, 1]), padding: attr.string("SAME") };

test("Conv2DBackpropInput: shapes", () => {
  expectShapes(
    Conv2DBackpropInput,
    [
      ["[4];[3,3,3,8];[2,4,4,8]", "[2,7,8,3]"],
      ["[4];[3,3,3,?];?", "[2,7,8,3]"],
      [
        "[4];[3,3,3,8];[2,4,5,8]",
        "Size of out_backprop doesn't match computed: actual = 5, computed = 4 spatial_dim: 2 input: 8 filter: 3 output: 5 stride: 2 dilation: 1",
      ],
      ["[4];[3,3,3,8];[2,4,4,9]", "filter and out_backprop must have the same out_depth, but are 8 and 9"],
      ["[4];[3,3,3,8];[1,4,4,8]", "input and out_backprop must have the same batch size, but are 2 and 1"],
      ["[4];[3,3,4,8];[2,4,4,8]", "input and filter must have the same depth, but are 3 and 4"],
      ["[4];[3,3,3];[2,4,4,8]", "The filter must be of rank 4 but is of rank 3"],
      ["[4];[3,3,3,8];[2,4,4]", "The out_backprop must be of rank 4 but is of rank 3"],
      ["[3];[3,3,3,8];[2,4,4,8]", "The sizes must be 4 numbers, their shape is [3]"],
    ],
    { attrs, constants: { 0: [2, 7, 8, 3] } },
  );
  expectShapes(Conv2DBackpropInput, [["[4];[3,3,3,8];[2,4,4,8]", "[2,?,?,3]"]], { attrs });
});

test("Conv2DBackpropFilter: shapes", () => {
  expectShapes(
    Conv2DBackpropFilter,
    [
      ["[2,7,8,3];[4];[2,4,4,8]", "[3,3,3,8]"],
      ["?;[4];?", "[3,3,3,8]"],
      ["[2,7,8];[4];[2,4,4,8]", "The input must be of rank 4 but is of rank 3"],
      ["[2,7,8,3];[4];[2,4,4,9]", "filter and out_backprop must have the same out_depth, but are 8 and 9"],
      ["[2,7,8,4];[4];[2,4,4,8]", "input and filter must have the same depth, but are 4 and 3"],
    ],
    { attrs, constants: { 1: [3, 3, 3, 8] } },
  );
  expectShapes(Conv2DBackpropFilter, [["[2,7,8,3];[4];[2,4,4,8]", "[?,?,3,8]"]], { attrs });
});

test("BiasAddGrad: shapes", () => {
  expectShapes(BiasAddGrad, [
    ["[?,3]", "[3]"],
    ["?", "[?]"],
    ["[3]", "The value must be at least of rank 2 but is of rank 1"],
  ]);
});
