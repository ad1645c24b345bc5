// Penalties on weights.
import { expect, test } from "vitest";
import * as tf from "../../src/entry/node.ts";
import { evaluate } from "../helpers/ops.ts";

const { l1, l2, l1L2 } = tf.regularizers;

test.each<[string, tf.Regularizer, number]>([
  ["l1", l1(0.5), 0.5 * 6],
  ["l2", l2(0.5), 0.5 * 14],
  ["both", l1L2(0.5, 0.25), 3 + 3.5],
])("%s", async (_, regularizer, expected) => {
  const { results } = await evaluate((input) => [regularizer(input({ data: Float32Array.of(1, -2, 3), shape: [3] }))!]);
  expect(results[0].toNested()).toBe(expected);
});

test("a layer's penalty is a collected loss with a gradient; without factors there is none", async () => {
  const graph = new tf.Graph();
  const { loss, gradient, init } = graph.asDefault(() => {
    const x = tf.placeholder(tf.float32, [1, 2]);
    const options = { kernelInitializer: tf.onesInitializer(), useBias: false };
    tf.layers.dense(x, 3, { ...options, kernelRegularizer: l2(0.5) });
    tf.layers.dense(x, 3, { ...options, kernelRegularizer: l1L2(0, 0) });
    const [loss, ...others] = tf.getCollection<tf.Tensor>(tf.GraphKeys.REGULARIZATION_LOSSES);
    expect(others).toEqual([]);
    const [gradient] = tf.gradients(loss, [tf.trainableVariables()[0]]);
    return { loss, gradient: gradient!, init: tf.globalVariablesInitializer() };
  });
  const session = await tf.Session.create({ graph });
  await session.run(init);
  expect((await session.run(loss)).toNested()).toBe(3);
  expect((await session.run(gradient)).toNested()).toEqual([
    [1, 1, 1],
    [1, 1, 1],
  ]);
});
