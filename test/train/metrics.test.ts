// tf.metrics: averages over runs, weights, local variables.
import { expect, test } from "vitest";
import * as tf from "../../src/entry/node.ts";

test("accuracy over several runs, and again from the start", async () => {
  const graph = new tf.Graph();
  const { labels, predictions, metric, init } = graph.asDefault(() => {
    const labels = tf.placeholder(tf.int64, [null]);
    const predictions = tf.placeholder(tf.int64, [null]);
    return {
      labels,
      predictions,
      metric: tf.metrics.accuracy(labels, predictions),
      init: tf.localVariablesInitializer(),
    };
  });
  expect(graph.asDefault(() => tf.globalVariables())).toEqual([]);
  expect(graph.asDefault(() => tf.localVariables()).map(({ name }) => name)).toEqual([
    "accuracy/total:0",
    "accuracy/count:0",
  ]);
  const session = await tf.Session.create({ graph });
  const update = async (y: number[], p: number[]): Promise<unknown> => {
    const feeds = new Map<tf.Tensor, tf.FeedValue>([
      [labels, y],
      [predictions, p],
    ]);
    return (await session.run(metric.updateOp, feeds)).item();
  };
  for (let round = 0; round < 2; round++) {
    await session.run(init);
    expect((await session.run(metric.value)).item()).toBe(0);
    expect(await update([1, 2, 3], [1, 2, 0])).toBeCloseTo(2 / 3, 6);
    expect(await update([5], [5])).toBe(0.75);
    expect((await session.run(metric.value)).item()).toBe(0.75);
  }
});

test("weights count as many times; a second metric has its own scope", async () => {
  const graph = new tf.Graph();
  const { first, second, init } = graph.asDefault(() => ({
    first: tf.metrics.mean([1, 2, 6], { weights: [1, 0, 3] }),
    second: tf.metrics.mean([[1, 2], [5, 6]], { weights: [[1], [0]], updatesCollections: ["updates"] }), // prettier-ignore
    init: tf.localVariablesInitializer(),
  }));
  expect(second.value.name).toBe("mean_1/value:0");
  expect(graph.getCollection("updates")).toEqual([second.updateOp]);
  const session = await tf.Session.create({ graph });
  await session.run(init);
  const results = await session.run([first.updateOp, second.updateOp]);
  expect(results.map((result) => result.item())).toEqual([4.75, 1.5]);
});

test("top-k accuracy", async () => {
  const graph = new tf.Graph();
  const { metrics, init } = graph.asDefault(() => {
    const predictions = tf.constant([[0.1, 0.5, 0.4], [0.6, 0.3, 0.1], [0.2, 0.3, 0.5]], { dtype: tf.float32 }); // prettier-ignore
    const labels = tf.constant([2, 0, 0], { dtype: tf.int32 });
    const metrics = [1, 2, 3].map((k) => tf.metrics.topKAccuracy(labels, predictions, k));
    return { metrics, init: tf.localVariablesInitializer() };
  });
  const session = await tf.Session.create({ graph });
  await session.run(init);
  const results = await session.run(metrics.map(({ updateOp }) => updateOp));
  expect(results.map((result) => Number(result.item()))).toEqual([1, 2, 3].map((hits) => Math.fround(hits / 3)));
});

test("a last dimension of one too many is dropped; other shapes must agree", () => {
  new tf.Graph().asDefault(() => {
    tf.metrics.accuracy(tf.placeholder(tf.int32, [null, 1]), tf.placeholder(tf.float32, [null]));
    expect(() => tf.metrics.accuracy(tf.placeholder(tf.int32, [2]), tf.placeholder(tf.int32, [3]))).toThrow(
      "Dimension 0 in both shapes must be equal, but are 2 and 3.",
    );
  });
});
