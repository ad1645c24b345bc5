// tf.layers.conv2d_transpose: variables, names, sizes known and unknown, arguments.
import { beforeEach, expect, test } from "vitest";
import * as tf from "../../src/entry/node.ts";
import { expectSame } from "../assembly/harness.ts";
import { expectMistake } from "../helpers/ops.ts";

beforeEach(() => tf.resetDefaultGraph());

const image = (shape: (number | null)[] = [null, 4, 3, 5]): tf.Tensor => tf.placeholder(tf.float32, shape, "x");

test("variables and names", () => {
  const y = tf.layers.conv2dTranspose(image(), 2, 3);
  expect(y.name).toBe("conv2d_transpose/BiasAdd:0");
  expect(y.op.inputs[0].op.type).toBe("Conv2DBackpropInput");
  expect(y.op.inputs[0].op.name).toBe("conv2d_transpose/conv2d_transpose");
  expect(tf.trainableVariables().map(({ name, shape }) => [name, shape])).toEqual([
    ["conv2d_transpose/kernel:0", [3, 3, 2, 5]],
    ["conv2d_transpose/bias:0", [2]],
  ]);
  expect(tf.layers.conv2dTranspose(image(), 2, 3, { useBias: false }).name).toBe(
    "conv2d_transpose_1/conv2d_transpose:0",
  );
});

const sizes: [string, tf.layers.Conv2dTransposeLayerOptions, number[], (number | null)[]][] = [
  ["the default: valid, stride 1", {}, [4, 3], [6, 5]],
  ["same", { padding: "same", strides: [2, 3] }, [4, 3], [8, 9]],
  ["valid, the filter larger than the stride", { strides: 2 }, [4, 3], [9, 7]],
  ["valid, the stride larger than the filter", { strides: 5 }, [4, 3], [20, 15]],
];
test.each(sizes)("sizes: %s", async (_, options, [height, width], [outHeight, outWidth]) => {
  expect(tf.layers.conv2dTranspose(image([null, height, width, 5]), 2, 3, options).shape).toEqual([
    null,
    outHeight,
    outWidth,
    2,
  ]);
  const x = image([null, null, null, 1]);
  const y = tf.layers.conv2dTranspose(x, 2, 3, { ...options, kernelInitializer: tf.onesInitializer() });
  expect(y.shape).toEqual([null, null, null, 2]);
  const session = await tf.Session.create();
  await session.run(tf.globalVariablesInitializer());
  const fed = { data: new Float32Array(2 * height * width).fill(1), shape: [2, height, width, 1] };
  const result = await session.run(y, new Map([[x, fed]]));
  expect(result.shape).toEqual([2, outHeight, outWidth, 2]);
  session.close();
});

test("values: every pixel puts its filter down", async () => {
  const x = image([1, 1, 2, 1]);
  const y = tf.layers.conv2dTranspose(x, 1, [1, 3], {
    strides: [1, 2],
    kernelInitializer: tf.constantInitializer([1, 10, 100]),
    biasInitializer: tf.constantInitializer([0.5]),
    activation: (outputs) => tf.negative(outputs),
  });
  const session = await tf.Session.create();
  await session.run(tf.globalVariablesInitializer());
  const result = await session.run(y, new Map([[x, Float32Array.of(1, 2)]]));
  expectSame(result.data as Float32Array, [-1.5, -10.5, -102.5, -20.5, -200.5], "y");
});

test("a training step moves the kernel", async () => {
  const x = image([null, 2, 2, 1]);
  const y = tf.layers.conv2dTranspose(x, 1, 2, { strides: 2, kernelInitializer: tf.zerosInitializer() });
  const [kernel] = tf.trainableVariables();
  const [gradient] = tf.gradients(y, [kernel]);
  expect(gradient!.shape).toEqual([2, 2, 1, 1]);
  const step = tf.assignSub(kernel, gradient!);
  const session = await tf.Session.create();
  await session.run(tf.globalVariablesInitializer());
  const result = await session.run(step, new Map([[x, { data: Float32Array.of(1, 2, 3, 4), shape: [1, 2, 2, 1] }]]));
  expectSame(result.data as Float32Array, [-10, -10, -10, -10], "kernel");
});

test.each<[string, () => unknown, string]>([
  [
    "filters",
    () => tf.layers.conv2dTranspose(image(), 0, 3),
    "InvalidArgumentError: layers.conv2dTranspose: filters must be an integer of at least 1, got 0.",
  ],
  [
    "rank",
    () => tf.layers.conv2dTranspose(image([4, 4, 3]), 2, 3),
    "InvalidArgumentError: layers.conv2dTranspose needs an input of rank 4 with known channels, got [4,4,3].",
  ],
  [
    "padding",
    () => tf.layers.conv2dTranspose(image(), 2, 3, { padding: "full" as "same" }),
    'InvalidArgumentError: layers.conv2dTranspose: padding must be "valid" or "same", got "full".',
  ],
  [
    "channels first",
    () => tf.layers.conv2dTranspose(image(), 2, 3, { dataFormat: "channels_first" as "channels_last" }),
    'UnimplementedError: layers.conv2dTranspose: dataFormat must be "channels_last".',
  ],
])("mistake: %s", (_, body, message) => expectMistake(body, message));
