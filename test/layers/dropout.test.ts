// layers.dropout: training as a boolean and as a tensor; the gradient passes the branch that ran.
import { expect, test } from "vitest";
import * as tf from "../../src/entry/node.ts";

test("without training the inputs pass unchanged", async () => {
  const graph = new tf.Graph();
  const y = graph.asDefault(() => tf.layers.dropout(tf.constant([1, 2, 3], { dtype: tf.float32 })));
  expect(y.op.type).toBe("Identity");
  expect((await (await tf.Session.create({ graph })).run(y)).toNested()).toEqual([1, 2, 3]);
});

test("a fed `training` chooses in each run; names as TensorFlow's", async () => {
  const graph = new tf.Graph();
  const { x, training, y, dx } = graph.asDefault(() => {
    const x = tf.placeholder(tf.float32, [null, 50], "x");
    const training = tf.placeholder(tf.bool, [], "training");
    const y = tf.layers.dropout(x, { rate: 0.5, training, seed: 3 });
    return { x, training, y, dx: tf.gradients(y, [x])[0]! };
  });
  expect(y.shape).toEqual([null, 50]);
  expect(y.name).toBe("dropout/cond/Merge:0");
  expect(graph.operations.map(({ name }) => name)).toContain("dropout/cond/dropout/random_uniform/RandomUniform");
  const session = await tf.Session.create({ graph });
  const ones = { data: new Float32Array(100).fill(1), shape: [2, 50] };
  const run = async (isTraining: boolean): Promise<number[][]> => {
    const results = await session.run(
      [y, dx],
      new Map<tf.Tensor, tf.FeedValue>([
        [x, ones],
        [training, isTraining],
      ]),
    );
    return results.map(({ data }) => Array.from(data, Number));
  };
  expect(await run(false)).toEqual([[...ones.data], [...ones.data]]);
  const [dropped, gradient] = await run(true);
  expect(new Set(dropped)).toEqual(new Set([0, 2]));
  expect(gradient).toEqual(dropped);
});

test("a rate out of range", () => {
  const build = (): unknown =>
    new tf.Graph().asDefault(() => tf.layers.dropout(tf.ones([2]), { rate: 1, training: true }));
  expect(build).toThrow("rate must be a scalar tensor or a float in the range [0, 1), got 1");
});
