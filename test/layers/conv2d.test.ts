// tf.layers.conv2d: variables, names, arguments.
import { beforeEach, describe, expect, test } from "vitest";
import * as tf from "../../src/entry/node.ts";
import { expectSame } from "../assembly/harness.ts";
import { expectMistake } from "../helpers/ops.ts";

beforeEach(() => tf.resetDefaultGraph());

const image = (shape: (number | null)[] = [null, 8, 6, 3]): tf.Tensor => tf.placeholder(tf.float32, shape, "x");
const variableNames = (): string[] => tf.globalVariables().map(({ name }) => name);

test("nodes, in order", () => {
  const y = tf.layers.conv2d(image(), 4, 3, { name: "conv" });
  const glorot = ["shape", "min", "max", "RandomUniform", "sub", "mul"].map((name) => `random_uniform/${name}`);
  const kernel = [...glorot, "random_uniform"].map((name) => `conv/kernel/Initializer/${name}`);
  expect(y.graph.operations.map((op) => op.name)).toEqual([
    "x",
    ...kernel,
    ...["kernel", "kernel/Assign", "kernel/read"].map((name) => `conv/${name}`),
    ...["bias/Initializer/zeros", "bias", "bias/Assign", "bias/read"].map((name) => `conv/${name}`),
    "conv/Conv2D",
    "conv/BiasAdd",
  ]);
  expect(variableNames()).toEqual(["conv/kernel:0", "conv/bias:0"]);
  expect(tf.trainableVariables()).toEqual(tf.globalVariables());
  expect(tf.globalVariables().map(({ shape }) => shape)).toEqual([[3, 3, 3, 4], [4]]);
});

test("names when unnamed", () => {
  const x = image();
  const names = [tf.layers.conv2d(x, 4, 3), tf.layers.conv2d(x, 4, 3)].map(({ name }) => name);
  expect(names).toEqual(["conv2d/BiasAdd:0", "conv2d_1/BiasAdd:0"]);
  const inside = tf.variableScope("tower", () => tf.layers.conv2d(x, 4, 3));
  expect(inside.name).toBe("tower/conv2d/BiasAdd:0");
  expect(variableNames().slice(-2)).toEqual(["tower/conv2d/kernel:0", "tower/conv2d/bias:0"]);
  const graph = new tf.Graph();
  expect(graph.asDefault(() => tf.layers.conv2d(image(), 4, 3)).name).toBe("conv2d/BiasAdd:0");
});

test.each<[string, tf.layers.Conv2dLayerOptions, (number | null)[]]>([
  ["the default: valid, stride 1", {}, [null, 6, 4, 4]],
  ["same", { padding: "same" }, [null, 8, 6, 4]],
  ["strides", { padding: "same", strides: [2, 3] }, [null, 4, 2, 4]],
  ["one stride", { strides: 2 }, [null, 3, 2, 4]],
  ["dilation", { dilationRate: [3, 2] }, [null, 2, 2, 4]],
  ["channels last, said", { dataFormat: "channels_last" }, [null, 6, 4, 4]],
])("sizes: %s", (_, options, shape) => {
  expect(tf.layers.conv2d(image(), 4, [3, 3], options).shape).toEqual(shape);
});

test("unequal kernel sizes", () => {
  expect(tf.layers.conv2d(image(), 2, [5, 1]).shape).toEqual([null, 4, 6, 2]);
});

test("values: initializers, bias, activation", async () => {
  const x = image([1, 2, 2, 1]);
  const y = tf.layers.conv2d(x, 2, 1, {
    kernelInitializer: tf.constantInitializer([1, -1]),
    biasInitializer: tf.constantInitializer([0.5, 0.25]),
    activation: tf.nn.relu,
  });
  expect(y.name).toBe("conv2d/Relu:0");
  const session = await tf.Session.create();
  await session.run(tf.globalVariablesInitializer());
  const result = await session.run(y, new Map([[x, Float32Array.of(1, -1, 2, -3)]]));
  expectSame(result.data as Float32Array, [1.5, 0, 0, 1.25, 2.5, 0, 0, 3.25], "y");
});

test("useBias, trainable, regularizers", () => {
  const loss = (weights: tf.Tensor): tf.Tensor => tf.reduceSum(tf.square(weights));
  const y = tf.layers.conv2d(image(), 4, 3, { useBias: false, trainable: false, name: "a" });
  expect([y.op.type, variableNames(), tf.trainableVariables()]).toEqual(["Conv2D", ["a/kernel:0"], []]);
  tf.layers.conv2d(y, 4, 3, {
    kernelRegularizer: loss,
    biasRegularizer: loss,
    activityRegularizer: (outputs) => tf.reduceMean(outputs),
    name: "b",
  });
  const losses = tf.getCollection<tf.Tensor>(tf.GraphKeys.REGULARIZATION_LOSSES).map(({ name }) => name);
  expect(losses).toEqual(["b/kernel/Regularizer/Sum:0", "b/bias/Regularizer/Sum:0", "b/Mean:0"]);
});

test("reuse shares the variables and makes new operations", () => {
  const x = image();
  tf.layers.conv2d(x, 4, 3, { name: "conv" });
  const again = tf.layers.conv2d(x, 4, 3, { name: "conv", reuse: true });
  const auto = tf.layers.conv2d(x, 4, 3, { name: "conv", reuse: "auto" });
  expect([again.name, auto.name]).toEqual(["conv_1/BiasAdd:0", "conv_2/BiasAdd:0"]);
  expect(variableNames()).toEqual(["conv/kernel:0", "conv/bias:0"]);
});

test("made in the graph of its input", () => {
  const graph = new tf.Graph();
  const x = graph.asDefault(() => image());
  expect(tf.layers.conv2d(x, 4, 3).graph).toBe(graph);
});

describe("mistakes", () => {
  const conv2d = tf.layers.conv2d;
  test.each<[string, (x: tf.Tensor) => unknown, string]>([
    [
      "no filters",
      (x) => conv2d(x, 0, 3),
      "InvalidArgumentError: layers.conv2d: filters must be an integer of at least 1, got 0.",
    ],
    [
      "a size of 0",
      (x) => conv2d(x, 4, [3, 0]),
      "InvalidArgumentError: layers.conv2d: kernelSize must be an integer of at least 1 or a pair of them, got [3,0].",
    ],
    [
      "three strides",
      (x) => conv2d(x, 4, 3, { strides: [1, 2, 2] as never }),
      "InvalidArgumentError: layers.conv2d: strides must be an integer of at least 1 or a pair of them, got [1,2,2].",
    ],
    [
      "a fraction",
      (x) => conv2d(x, 4, 3, { dilationRate: 1.5 }),
      "InvalidArgumentError: layers.conv2d: dilationRate must be an integer of at least 1 or a pair of them, got 1.5.",
    ],
    [
      "strides with dilation",
      (x) => conv2d(x, 4, 3, { strides: 2, dilationRate: 2 }),
      "InvalidArgumentError: layers.conv2d: strides > 1 cannot be combined with dilationRate > 1.",
    ],
    [
      "another padding",
      (x) => conv2d(x, 4, 3, { padding: "full" as "same" }),
      `InvalidArgumentError: layers.conv2d: padding must be "valid" or "same", got "full".`,
    ],
    [
      "channels first",
      (x) => conv2d(x, 4, 3, { dataFormat: "channels_first" as "channels_last" }),
      `UnimplementedError: layers.conv2d: dataFormat must be "channels_last".`,
    ],
    [
      "rank 3",
      () => conv2d(tf.placeholder(tf.float32, [8, 6, 3]), 4, 3),
      "InvalidArgumentError: layers.conv2d needs an input of rank 4 with known channels, got [8,6,3].",
    ],
    [
      "unknown channels",
      () => conv2d(tf.placeholder(tf.float32, [1, 8, 6, null]), 4, 3),
      "InvalidArgumentError: layers.conv2d needs an input of rank 4 with known channels, got [1,8,6,?].",
    ],
    [
      "unknown rank",
      () => conv2d(tf.placeholder(tf.float32), 4, 3),
      "InvalidArgumentError: layers.conv2d needs an input of rank 4 with known channels, got <unknown>.",
    ],
    [
      "a kernel larger than the input",
      (x) => conv2d(x, 4, 9, { name: "conv" }),
      "InvalidArgumentError: Negative dimension size caused by subtracting 9 from 8 for 'conv/Conv2D' (op: 'Conv2D') with input shapes: [?,8,6,3], [9,9,3,4].",
    ],
    [
      "reuse without a name",
      (x) => conv2d(x, 4, 3, { reuse: true }),
      "InvalidArgumentError: layers.conv2d: reuse needs a name.",
    ],
    [
      "a name twice",
      (x) => [1, 2].map(() => conv2d(x, 4, 3, { name: "conv" })),
      'InvalidArgumentError: Variable conv/kernel already exists, disallowed. Did you mean to set reuse: true or reuse: "auto" in variableScope?',
    ],
    [
      "reuse of what is not there",
      (x) => conv2d(x, 4, 3, { name: "conv", reuse: true }),
      'InvalidArgumentError: Variable conv/kernel does not exist, or was not created with getVariable(). Did you mean to set reuse: "auto" in variableScope?',
    ],
    [
      "reuse with other filters",
      (x) => [4, 5].map((filters) => conv2d(x, filters, 3, { name: "conv", reuse: "auto" })),
      "InvalidArgumentError: Trying to share variable conv/kernel, but specified shape [3,3,3,5] and found shape [3,3,3,4].",
    ],
  ])("%s", (_, body, message) => expectMistake(() => body(image()), message));
});
