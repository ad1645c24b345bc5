// tf.layers.separable_conv2d: variables, names, arguments.
import { beforeEach, expect, test } from "vitest";
import * as tf from "../../src/entry/node.ts";
import { expectSame } from "../assembly/harness.ts";
import { expectMistake } from "../helpers/ops.ts";

beforeEach(() => tf.resetDefaultGraph());

const image = (shape: (number | null)[] = [null, 8, 6, 3]): tf.Tensor => tf.placeholder(tf.float32, shape, "x");

test("variables and names", () => {
  const y = tf.layers.separableConv2d(image(), 4, [5, 3], { depthMultiplier: 2 });
  expect(y.name).toBe("separable_conv2d/BiasAdd:0");
  const pointwise = y.op.inputs[0].op;
  expect([pointwise.type, pointwise.name]).toEqual(["Conv2D", "separable_conv2d/separable_conv2d"]);
  const depthwise = pointwise.inputs[0].op;
  expect([depthwise.type, depthwise.name]).toEqual([
    "DepthwiseConv2dNative",
    "separable_conv2d/separable_conv2d/depthwise",
  ]);
  expect(tf.trainableVariables().map(({ name, shape }) => [name, shape])).toEqual([
    ["separable_conv2d/depthwise_kernel:0", [5, 3, 3, 2]],
    ["separable_conv2d/pointwise_kernel:0", [1, 1, 6, 4]],
    ["separable_conv2d/bias:0", [4]],
  ]);
});

test.each<[string, tf.layers.SeparableConv2dLayerOptions, (number | null)[]]>([
  ["the default: valid, stride 1", {}, [null, 6, 4, 4]],
  ["same, strides", { padding: "same", strides: [2, 3] }, [null, 4, 2, 4]],
  ["dilation", { dilationRate: [3, 2] }, [null, 2, 2, 4]],
])("sizes: %s", (_, options, shape) => {
  expect(tf.layers.separableConv2d(image(), 4, 3, options).shape).toEqual(shape);
});

test("values: initializers, activation, no bias", async () => {
  const x = image([1, 1, 2, 2]);
  const y = tf.layers.separableConv2d(x, 2, 1, {
    depthwiseInitializer: tf.constantInitializer([1, 10]),
    pointwiseInitializer: tf.constantInitializer([1, -1, 2, -2]),
    activation: tf.nn.relu,
    useBias: false,
  });
  const session = await tf.Session.create();
  await session.run(tf.globalVariablesInitializer());
  const result = await session.run(y, new Map([[x, Float32Array.of(1, 2, 3, -4)]]));
  // Pixels (1, 20) and (3, -40), times [[1, -1], [2, -2]].
  expectSame(result.data as Float32Array, [41, 0, 0, 77], "y");
});

test.each<[string, () => unknown, string]>([
  [
    "depthMultiplier",
    () => tf.layers.separableConv2d(image(), 4, 3, { depthMultiplier: 0 }),
    "layers.separableConv2d: depthMultiplier must be an integer of at least 1, got 0.",
  ],
  [
    "strides and dilation",
    () => tf.layers.separableConv2d(image(), 4, 3, { strides: 2, dilationRate: 2 }),
    "layers.separableConv2d: strides > 1 cannot be combined with dilationRate > 1.",
  ],
  [
    "rank",
    () => tf.layers.separableConv2d(image([4, 4, 3]), 2, 3),
    "layers.separableConv2d needs an input of rank 4 with known channels, got [4,4,3].",
  ],
])("mistake: %s", (_, body, message) => expectMistake(body, `InvalidArgumentError: ${message}`));
