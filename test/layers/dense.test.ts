// layers.dense and layers.flatten: values, shapes, names, options, mistakes.
import { describe, expect, test } from "vitest";
import * as tf from "../../src/entry/node.ts";
import { evaluate, expectMistake, values } from "../helpers/ops.ts";

const counting: tf.Initializer = (shape, dtype) =>
  tf.constant(
    Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => i + 1),
    { dtype, shape },
  );

describe("dense", () => {
  test.each([[[5, 3]], [[2, 5, 3]], [[2, 1, 5, 3]], [[0, 3]]])("of %j", async (shape) => {
    const x = values(shape);
    const { results } = await evaluate((input) => [
      tf.layers.dense(input(x), 4, { kernelInitializer: counting, biasInitializer: counting, activation: tf.nn.relu }),
    ]);
    expect(results[0].shape).toEqual([...shape.slice(0, -1), 4]);
    const want = Array.from({ length: x.data.length / 3 }, (_, row) =>
      [0, 1, 2, 3].map((j) => {
        const sum = [0, 1, 2].reduce((total, k) => total + x.data[row * 3 + k] * (k * 4 + j + 1), 0);
        return Math.max(sum + j + 1, 0);
      }),
    ).flat();
    // Four roundings of values up to 60.
    Array.from(results[0].data as Float32Array).forEach((value, i) =>
      expect(Math.abs(value - want[i])).toBeLessThan(2e-5),
    );
  });

  test("unknown sizes", () => {
    new tf.Graph().asDefault(() => {
      const shapeOf = (...shape: (number | null)[]): unknown =>
        tf.layers.dense(tf.placeholder(tf.float32, shape), 2).shape;
      expect(shapeOf(null, 3)).toEqual([null, 2]);
      expect(shapeOf(null, 4, 3)).toEqual([null, 4, 2]);
      expect(shapeOf(null, null, 3)).toEqual([null, null, 2]);
    });
  });

  test("nodes are named as TensorFlow names them", () => {
    const graph = new tf.Graph();
    graph.asDefault(() => {
      const x = tf.placeholder(tf.float32, [2, 3]);
      tf.layers.dense(x, 2, { name: "fc" });
      tf.layers.dense(x, 2, { useBias: false });
      tf.layers.dense(x, 2, { name: "fc", reuse: true });
    });
    const names = graph.operations.map((op) => op.name);
    expect(names.filter((name) => !name.includes("Initializer") && !name.endsWith("/Assign"))).toEqual([
      "Placeholder",
      "fc/kernel",
      "fc/kernel/read",
      "fc/bias",
      "fc/bias/read",
      "fc/MatMul",
      "fc/BiasAdd",
      "dense/kernel",
      "dense/kernel/read",
      "dense/MatMul",
      "fc_1/MatMul",
      "fc_1/BiasAdd",
    ]);
    expect(names).toContain("fc/kernel/Initializer/random_uniform/RandomUniform");
  });

  test("regularizers, a frozen layer", () => {
    const graph = new tf.Graph();
    graph.asDefault(() => {
      const penalty = tf.regularizers.l2(0.1);
      tf.layers.dense(tf.placeholder(tf.float32, [2, 3]), 2, {
        kernelRegularizer: penalty,
        biasRegularizer: penalty,
        activityRegularizer: penalty,
        trainable: false,
      });
      expect(tf.getCollection(tf.GraphKeys.REGULARIZATION_LOSSES).length).toBe(3);
      expect(tf.trainableVariables()).toEqual([]);
    });
  });

  test.each<[string, () => unknown, string]>([
    [
      "no units",
      () => tf.layers.dense(tf.placeholder(tf.float32, [2, 3]), 0),
      "InvalidArgumentError: layers.dense: units must be an integer of at least 1, got 0.",
    ],
    [
      "rank 1",
      () => tf.layers.dense(tf.placeholder(tf.float32, [3]), 1),
      "InvalidArgumentError: layers.dense needs an input of known rank of at least 2, got [3].",
    ],
    [
      "unknown channels",
      () => tf.layers.dense(tf.placeholder(tf.float32, [3, null]), 1),
      "InvalidArgumentError: The last dimension of the inputs to layers.dense should be defined, got [3,?].",
    ],
  ])("%s", (_, body, expected) => expectMistake(() => new tf.Graph().asDefault(body), expected));
});

describe("flatten", () => {
  test("keeps the batch", async () => {
    const x = values([2, 3, 4]);
    const { results } = await evaluate((input) => [tf.layers.flatten(input(x)), tf.layers.flatten(input(values([5])))]);
    expect(results.map(({ shape }) => shape)).toEqual([
      [2, 12],
      [5, 1],
    ]);
    expect(results[0].data).toEqual(x.data);
  });

  test("unknown sizes, names, mistakes", async () => {
    const graph = new tf.Graph();
    const flat = (...shape: (number | null)[]): tf.Tensor =>
      graph.asDefault(() => tf.layers.flatten(tf.placeholder(tf.float32, shape)));
    expect(flat(null, 3, 4).shape).toEqual([null, 12]);
    expect(flat(2, null, 4).shape).toEqual([2, null]);
    expect(flat(1, 2).op.name).toBe("flatten_2/Reshape");
    await expectMistake(
      () => flat(null, null),
      "InvalidArgumentError: layers.flatten needs an input of known rank with the batch or all other sizes known, got [?,?].",
    );
  });
});
