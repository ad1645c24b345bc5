// Conv2D and BiasAdd against float64: geometry, channels around the block sizes, fusion.
import { describe, expect, test } from "vitest";
import { attr, type Attrs } from "../../src/graph/attr.ts";
import { BiasAdd, BiasAddV1, Conv2D, windowAxis, type Conv2dOptions, type Padding } from "../../src/ops/conv2d.ts";
import { createOp } from "../../src/ops/build.ts";
import * as tf from "../../src/entry/node.ts";
import { EPSILON, expectClose, expectSame } from "../assembly/harness.ts";
import { checkGradient } from "../helpers/gradientCheck.ts";
import { evaluate, expectMistake, expectShapes, inferred, sizes, values, type Values } from "../helpers/ops.ts";

const pairOf = (value: number | readonly [number, number] = 1): readonly [number, number] =>
  typeof value === "number" ? [value, value] : value;

/** TensorFlow's padding, of one axis: zeros before and after (SAME puts the odd one after). */
function padsOf(size: number, window: number, stride: number, dilation: number, padding: string): [number, number] {
  if (padding === "VALID") return [0, 0];
  const total = Math.max((Math.ceil(size / stride) - 1) * stride + (window - 1) * dilation + 1 - size, 0);
  return [Math.floor(total / 2), total - Math.floor(total / 2)];
}

/** The definition of the cross-correlation, in float64, and the sum of magnitudes behind each element. */
function reference(
  x: Values,
  filter: Values,
  options: Conv2dOptions,
): { y: number[]; magnitude: number[]; shape: number[] } {
  const [n, h, w, c] = x.shape;
  const [kh, kw, , k] = filter.shape;
  const [strides, dilations] = [pairOf(options.strides), pairOf(options.dilations)];
  const padding = options.padding ?? "SAME";
  const pads = [h, w].map((size, i) =>
    typeof padding === "string" ? padsOf(size, filter.shape[i], strides[i], dilations[i], padding) : padding[i],
  );
  const [oh, ow] = [h, w].map((size, i) => {
    const extent = (filter.shape[i] - 1) * dilations[i] + 1;
    return Math.floor((size + pads[i][0] + pads[i][1] - extent) / strides[i]) + 1;
  });
  const y: number[] = [];
  const magnitude: number[] = [];
  for (let at = 0; at < n * oh * ow * k; at++) {
    const [image, row, column, output] = [
      Math.floor(at / (oh * ow * k)),
      Math.floor(at / (ow * k)) % oh,
      Math.floor(at / k) % ow,
      at % k,
    ];
    let [sum, absolute] = [0, 0];
    for (let i = 0; i < kh; i++) {
      for (let j = 0; j < kw; j++) {
        const r = row * strides[0] - pads[0][0] + i * dilations[0];
        const s = column * strides[1] - pads[1][0] + j * dilations[1];
        if (r < 0 || r >= h || s < 0 || s >= w) continue;
        for (let channel = 0; channel < c; channel++) {
          const product =
            x.data[((image * h + r) * w + s) * c + channel] * filter.data[((i * kw + j) * c + channel) * k + output];
          sum += product;
          absolute += Math.abs(product);
        }
      }
    }
    y.push(sum);
    magnitude.push(absolute);
  }
  return { y, magnitude, shape: [n, oh, ow, k] };
}

async function checkConvolution(shape: number[], filterShape: number[], options: Conv2dOptions): Promise<void> {
  const [x, filter] = [values(shape), values(filterShape)];
  const { results } = await evaluate((input) => [tf.nn.conv2d(input(x), input(filter), options)]);
  const { y, magnitude, shape: wanted } = reference(x, filter, options);
  const terms = filterShape[0] * filterShape[1] * filterShape[2];
  const label = `[${shape.join()}] with [${filterShape.join()}] ${JSON.stringify(options)}`;
  expect(results[0].shape, label).toEqual(wanted);
  // One rounding for each product and each addition.
  expectClose(results[0].data as Float32Array, y, (i) => (terms + 1) * EPSILON * magnitude[i], label);
}

test("channels around the blocks", async () => {
  for (const c of sizes) for (const k of sizes) await checkConvolution([1, 4, 5, c], [3, 2, c, k], {});
  expect.hasAssertions();
});

const geometries: [string, number[], number[], Conv2dOptions][] = [
  ["1×1", [2, 5, 4, 3], [1, 1, 3, 4], {}],
  ["stride 2, SAME: the odd zero comes after", [1, 6, 7, 2], [3, 3, 2, 5], { strides: 2 }],
  ["stride 2, VALID", [1, 6, 7, 2], [3, 3, 2, 5], { strides: 2, padding: "VALID" }],
  ["unequal strides", [1, 7, 9, 2], [3, 3, 2, 3], { strides: [2, 3] }],
  ["stride larger than the filter", [1, 7, 9, 2], [1, 2, 2, 3], { strides: 3 }],
  ["dilation", [1, 9, 9, 2], [3, 3, 2, 3], { dilations: [2, 3] }],
  ["dilation and stride", [1, 9, 9, 2], [3, 3, 2, 3], { dilations: 2, strides: 2 }],
  [
    "explicit padding",
    [1, 5, 5, 2],
    [3, 3, 2, 3],
    {
      padding: [
        [2, 1],
        [0, 3],
      ],
    },
  ],
  ["a filter larger than the input, SAME", [1, 2, 2, 3], [5, 4, 3, 2], {}],
  ["one pixel", [3, 1, 1, 5], [3, 3, 5, 4], {}],
  ["no image", [0, 4, 4, 2], [3, 3, 2, 3], {}],
];
test.each(geometries)("%s", (_, shape, filter, options) => checkConvolution(shape, filter, options));

test("not flipped, and padded as TensorFlow pads", async () => {
  const { results } = await evaluate(() => {
    const row = tf.constant([1, 2, 3, 4], { dtype: tf.float32, shape: [1, 1, 4, 1] });
    const kernel = tf.constant([100, 10, 1], { dtype: tf.float32, shape: [1, 3, 1, 1] });
    return [tf.nn.conv2d(row, kernel, { strides: [1, 2] })];
  });
  expect([...results[0].data]).toEqual([123, 340]);
});

describe("biasAdd and fusion", () => {
  test("biasAdd of any rank", async () => {
    for (const n of sizes) {
      const [bias, ...inputs] = [values([n]), values([3, n]), values([2, 3, n]), values([1, 2, 2, n])];
      const { results } = await evaluate((input) => inputs.map((x) => tf.nn.biasAdd(input(x), input(bias))));
      results.forEach(({ data }, at) => {
        const want = Float32Array.from(inputs[at].data, (item, i) => item + bias.data[i % n]);
        expectSame(data as Float32Array, want, `n = ${n}`);
      });
    }
  });

  /** Convolution, bias and relu, as one kernel or, where something else reads the middle, as several: the same bits. */
  test("takes bias and activation along", async () => {
    for (const k of sizes) {
      const [x, filter, bias] = [values([1, 4, 3, 2]), values([3, 3, 2, k]), values([k])];
      for (const activation of [tf.nn.relu, tf.nn.relu6]) {
        const build = (inputs: tf.Tensor[]): tf.Tensor[] => {
          const convolved = tf.nn.conv2d(inputs[0], inputs[1]);
          const biased = tf.nn.biasAdd(convolved, inputs[2]);
          return [activation(biased), biased, convolved, activation(convolved)];
        };
        const all = await evaluate((input) => build([x, filter, bias].map(input)));
        for (const alone of [0, 1, 3]) {
          const { results } = await evaluate((input) => [build([x, filter, bias].map(input))[alone]]);
          expect(results[0]).toEqual(all.results[alone]);
        }
      }
    }
  });

  test("takes nothing else along", async () => {
    const [x, filter, bias] = [values([1, 4, 3, 2]), values([3, 3, 2, 4]), values([4])];
    type Link = (y: tf.Tensor, bias: tf.Tensor) => tf.Tensor;
    const biasAdd: Link = (y, bias) => tf.nn.biasAdd(y, bias);
    const relu: Link = (y) => tf.nn.relu(y);
    const relu6: Link = (y) => tf.nn.relu6(y);
    const square: Link = (y) => tf.square(y);
    const chains: Link[][] = [
      [square],
      [biasAdd, square],
      [relu, biasAdd],
      [biasAdd, biasAdd],
      [relu6, relu],
      [(y) => tf.identity(y), biasAdd],
      [(y) => tf.nn.biasAdd(y, tf.reduceSum(y, [0, 1, 2])), relu],
    ];
    for (const [i, chain] of chains.entries()) {
      const build = (inputs: tf.Tensor[]): tf.Tensor[] => {
        const results = [tf.nn.conv2d(inputs[0], inputs[1])];
        for (const op of chain) results.push(op(results[results.length - 1], inputs[2]));
        return results;
      };
      const all = await evaluate((input) => build([x, filter, bias].map(input)));
      const last = await evaluate((input) => build([x, filter, bias].map(input)).slice(-1));
      expect(last.results, `chain ${i}`).toEqual(all.results.slice(-1));
    }
  });

  test("is one step in the plan", async () => {
    const graph = new tf.Graph();
    const y = graph.asDefault(() => {
      const convolved = tf.nn.conv2d(tf.ones([1, 4, 4, 2]), tf.ones([3, 3, 2, 4]));
      return tf.nn.relu(tf.nn.biasAdd(convolved, tf.ones([4])));
    });
    const session = await tf.Session.create({ graph });
    const kernels = session.plan(y).parts.steps.map((step) => step.kernel);
    expect(kernels).toEqual(["conv2dPackFilter", "conv2d"]);
  });
});

/** Attributes of a node as an import may bring them. */
function node(more: Attrs = {}): { attrs: Attrs } {
  return { attrs: { strides: attr.ints([1, 2, 2, 1]), padding: attr.string("SAME"), ...more } };
}

test("Conv2D: shapes", () => {
  expectShapes(
    Conv2D,
    [
      ["[?,100,100,3];[3,3,3,32]", "[?,50,50,32]"],
      ["[1,?,7,3];[3,3,3,?]", "[1,?,4,?]"],
      ["[1,5,7,?];[3,3,3,8]", "[1,3,4,8]"],
      ["?;[3,3,3,8]", "[?,?,?,8]"],
      ["[2,5,5,3];?", "[2,?,?,?]"],
      ["[5,5,3];[3,3,3,8]", "The input must be of rank 4 but is of rank 3"],
      ["[1,5,5,3];[3,3,3]", "The filter must be of rank 4 but is of rank 3"],
      ["?;[3,3,0,8]", "filter must not have zero elements (i.e. all dimensions must be non-zero)"],
      ["[?,100,100,3];[3,3,4,8]", "Depth of input (3) is not a multiple of input depth of filter (4)"],
      ["[1,5,5,8];[3,3,4,8]", "Grouped convolution (input depth 8, filter depth 4) is not supported"],
    ],
    node(),
  );
  const valid = node({ padding: attr.string("VALID"), strides: attr.ints([1, 1, 1, 1]) });
  expectShapes(
    Conv2D,
    [
      ["[1,5,6,3];[3,3,3,8]", "[1,3,4,8]"],
      ["[1,2,2,3];[3,3,3,8]", "Negative dimension size caused by subtracting 3 from 2"],
    ],
    valid,
  );
  const rows: [Attrs, string][] = [
    [{ dilations: attr.ints([1, 2, 3, 1]), padding: attr.string("VALID") }, "[1,2,1,8]"],
    [{ padding: attr.string("EXPLICIT"), explicit_paddings: attr.ints([0, 0, 1, 2, 0, 3, 0, 0]) }, "[1,4,4,8]"],
    [
      { padding: attr.string("EXPLICIT"), explicit_paddings: attr.ints([1, 0, 1, 2, 0, 3, 0, 0]) },
      "explicit_paddings must be 8 sizes of at least 0 with none for batch and channels, got [1, 0, 1, 2, 0, 3, 0, 0]",
    ],
    [{ padding: attr.string("same") }, `Attr 'padding' passed string 'same' not in: "SAME", "VALID", "EXPLICIT"`],
    [
      { strides: attr.ints([2, 1, 1, 1]) },
      "strides must be [1, height, width, 1] with sizes of at least 1, got [2, 1, 1, 1]",
    ],
    [
      { strides: attr.ints([1, 0, 1, 1]) },
      "strides must be [1, height, width, 1] with sizes of at least 1, got [1, 0, 1, 1]",
    ],
    [{ dilations: attr.ints([2]) }, "dilations must be [1, height, width, 1] with sizes of at least 1, got [2]"],
    [{ data_format: attr.string("NCHW") }, "data_format 'NCHW' is not supported, convert the graph to NHWC"],
  ];
  for (const [attrs, expected] of rows)
    expect(inferred(Conv2D, "[1,7,7,3];[3,3,3,8]", node(attrs)), JSON.stringify(Object.keys(attrs))).toBe(expected);
});

test("BiasAdd: shapes", () => {
  expectShapes(BiasAdd, [
    ["[?,3];[3]", "[?,3]"],
    ["[2,?];[3]", "[2,3]"],
    ["?;[3]", "?"],
    ["[2,3,4];?", "[2,3,4]"],
    ["[3];[3]", "The value must be at least of rank 2 but is of rank 1"],
    ["[2,3];[1,3]", "The bias must be of rank 1 but is of rank 2"],
    ["[2,3];[4]", "Dimensions must be equal, but are 3 and 4"],
  ]);
});

test("windowAxis: output size and zeros before", () => {
  const rows: [number, number, number, number, Padding, number, number][] = [
    [100, 3, 2, 1, "SAME", 50, 0],
    [5, 3, 2, 1, "SAME", 3, 1],
    [5, 3, 1, 2, "SAME", 5, 2],
    [2, 5, 1, 1, "SAME", 2, 2],
    [5, 1, 3, 1, "SAME", 2, 0],
    [5, 3, 2, 1, "VALID", 2, 0],
    [3, 3, 1, 1, "VALID", 1, 0],
  ];
  for (const [size, window, stride, dilation, padding, out, before] of rows)
    expect(windowAxis(size, window, stride, dilation, padding)).toEqual({ out, before });
});

describe("mistakes", () => {
  const graph = new tf.Graph();
  const x = graph.asDefault(() => tf.placeholder(tf.float32, [null, 5, 5, 3], "x"));
  const run = async (build: () => tf.Tensor): Promise<unknown> =>
    (await tf.Session.create({ graph })).run(graph.asDefault(build));

  test.each<[string, () => unknown, string]>([
    [
      "channels, with the sentence's end",
      () =>
        tf.nn.conv2d(
          x,
          graph.asDefault(() => tf.ones([3, 3, 4, 8])),
          { name: "conv" },
        ),
      "InvalidArgumentError: Depth of input (3) is not a multiple of input depth of filter (4) for 'conv' (op: 'Conv2D') with input shapes: [?,5,5,3], [3,3,4,8].",
    ],
    [
      "padding in lower case",
      () =>
        tf.nn.conv2d(
          x,
          graph.asDefault(() => tf.ones([3, 3, 3, 8])),
          { padding: "same" as "SAME", name: "lower" },
        ),
      `InvalidArgumentError: Attr 'padding' passed string 'same' not in: "SAME", "VALID", "EXPLICIT" for 'lower' (op: 'Conv2D') with input shapes: [?,5,5,3], [3,3,3,8].`,
    ],
    [
      "a convolution of int32",
      () =>
        run(() => tf.nn.conv2d(tf.ones([1, 2, 2, 1], tf.int32), tf.ones([1, 1, 1, 1], tf.int32), { name: "whole" })),
      "UnimplementedError: 'whole' (op: 'Conv2D') is not supported for int32; supported: float32.",
    ],
    [
      "a bias of int32",
      () => run(() => tf.nn.biasAdd([[1, 2]], [1, 2], "shift")),
      "UnimplementedError: 'shift' (op: 'BiasAdd') is not supported for int32; supported: float32.",
    ],
  ])("%s", (_, body, message) => expectMistake(body, message));
});

test("BiasAddV1: values and gradients", () =>
  checkGradient(
    ([x, bias]) => createOp(BiasAddV1, [x, bias], {}, "shifted").outputs[0],
    [values([2, 3, 5]), values([5])],
    ([x, bias]) => x.map((value, i) => value + bias[i % 5]),
  ));
