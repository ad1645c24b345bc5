// Batch-norm layers are found by what the graph computes, whatever its names.
import { describe, expect, test } from "vitest";
import { batchNormLayers } from "../../src/graph/batchNormLayers.ts";
import * as tf from "../../src/entry/node.ts";

type Options = tf.layers.BatchNormalizationOptions;

function build(body: () => unknown): tf.Graph {
  const graph = new tf.Graph();
  graph.asDefault(body);
  return graph;
}

/** A graph with one layer on an input of this shape. */
const layer = (shape: (number | null)[], options: Options = {}): tf.Graph =>
  build(() => tf.layers.batchNormalization(tf.placeholder(tf.float32, shape, "x"), { name: "bn", ...options }));

const training = (): tf.Tensor => tf.placeholderWithDefault(true, [], "training");

/** The names that matter of each layer found. */
const found = (graph: tf.Graph): unknown[] =>
  batchNormLayers(graph).map((item) => [
    item.name,
    item.mean.variable.name,
    item.mean.update.name,
    item.variance.variable.name,
    item.variance.update.name,
    item.momentum,
  ]);

const placeholderFused = ["bn/AssignMovingAvg", "bn/AssignMovingAvg_1"];
const placeholderComposed = ["bn/cond_2/AssignMovingAvg", "bn/cond_3/AssignMovingAvg"];

describe("kinds of layers", () => {
  test.each<[string, (number | null)[], () => Options, string[]]>([
    ["fused, a placeholder", [null, 4, 4, 3], () => ({ training: training() }), placeholderFused],
    ["fused, true", [null, 4, 4, 3], () => ({ training: true }), placeholderFused],
    ["rank 2, a placeholder", [null, 3], () => ({ training: training() }), placeholderComposed],
    ["rank 2, true", [null, 3], () => ({ training: true }), placeholderFused],
    ["rank 4 not fused", [null, 4, 4, 3], () => ({ training: training(), fused: false }), placeholderComposed],
    ["axis 1", [null, 3, 4, 4], () => ({ training: training(), axis: 1 }), placeholderFused],
    ["no scale, no offset", [null, 3], () => ({ training: true, center: false, scale: false }), placeholderFused],
  ])("%s", (_, shape, options, [mean, variance]) => {
    const graph = build(() =>
      tf.layers.batchNormalization(tf.placeholder(tf.float32, shape), { name: "bn", ...options() }),
    );
    expect(found(graph)).toEqual([["bn", "bn/moving_mean", mean, "bn/moving_variance", variance, 0.99]]);
  });

  test("without update operations there is none", () => {
    expect(found(layer([null, 3], { training: false }))).toEqual([]);
    expect(found(build(() => tf.assignSub(tf.variable(1.5), 1)))).toEqual([]);
  });

  test("a moving average of something else is none", () => {
    const graph = build(() => {
      const average = tf.variable([0.5, 0.5]);
      const x = tf.placeholder(tf.float32, [2]);
      tf.assignSub(average, tf.multiply(tf.subtract(average, x), 0.1));
    });
    expect(found(graph)).toEqual([]);
  });
});

test.each([0, 0.5, 0.9, 0.99, 0.999, 0.9999, 1])("momentum %d is read back", (momentum) => {
  for (const shape of [
    [2, 4, 4, 3],
    [2, 3],
  ]) {
    for (const options of [{ training: true }, { training: null }]) {
      const graph = build(() =>
        tf.layers.batchNormalization(tf.placeholder(tf.float32, shape), {
          momentum,
          training: options.training ?? training(),
        }),
      );
      expect(batchNormLayers(graph).map((item) => item.momentum)).toEqual([momentum]);
    }
  }
});

test("a momentum that the run computes is not known", () => {
  const graph = build(() => {
    const x = tf.placeholder(tf.float32, [2, 4, 4, 3]);
    const { mean, variance } = tf.nn.fusedBatchNorm(x, tf.ones([3]), tf.zeros([3]));
    const decay = tf.variable(0.1);
    const moving = [mean, variance].map((batch) => [tf.variable(tf.zeros([3])), batch] as const);
    for (const [variable, batch] of moving) tf.assignSub(variable, tf.multiply(decay, tf.subtract(variable, batch)));
  });
  expect(found(graph)).toEqual([["Variable_1", "Variable_1", "AssignSub", "Variable_2", "AssignSub_1", null]]);
});

test("several layers, in order; statistics of one scope belong together", () => {
  const graph = build(() => {
    const flag = training();
    let net = tf.placeholder(tf.float32, [null, 4, 4, 3]);
    for (const name of ["first", "second"]) net = tf.layers.batchNormalization(net, { training: flag, name });
    tf.variableScope("tower", () => tf.layers.batchNormalization(net, { training: flag, momentum: 0.9 }));
  });
  expect(batchNormLayers(graph).map(({ name, momentum }) => [name, momentum])).toEqual([
    ["first", 0.99],
    ["second", 0.99],
    ["tower/batch_normalization", 0.9],
  ]);
});

test("what runs when a layer trains", () => {
  const fused = batchNormLayers(layer([null, 4, 4, 3], { training: true }));
  expect(fused[0].training.map((op) => op.type)).toEqual(["FusedBatchNormV3"]);
  const composed = batchNormLayers(layer([null, 3], { training: true }));
  expect(composed[0].training.map((op) => op.name)).toEqual(["bn/moments/mean"]);
});

test.each([
  ["fused", [null, 4, 4, 3]],
  ["composed", [null, 3]],
] as const)("%s: found under other names", async (_, shape) => {
  const graph = build(() =>
    tf.layers.batchNormalization(tf.placeholder(tf.float32, shape), { name: "bn", training: training() }),
  );
  const text = JSON.stringify(await tf.exportMetaGraphJson(graph));
  // Collections of variables hold binary messages with the old names: they go.
  const json = JSON.parse(
    text
      .replaceAll(/\bbn\b/g, "norm7")
      .replaceAll("moving_mean", "avg")
      .replaceAll("moving_variance", "spread")
      .replaceAll("AssignMovingAvg", "shift"),
  ) as { collectionDef?: unknown };
  delete json.collectionDef;
  const renamed = batchNormLayers(await tf.importMetaGraph(json, { partial: true }));
  expect(
    renamed.map(({ name, mean, variance, momentum }) => [name, mean.variable.name, variance.variable.name, momentum]),
  ).toEqual([["norm7", "norm7/avg", "norm7/spread", 0.99]]);
});
