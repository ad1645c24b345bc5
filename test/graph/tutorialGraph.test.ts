// The graph of the batch-norm tutorial is TensorFlow's, node by node in order of creation.
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import type { Variable } from "../../src/graph/variable.ts";
import * as tf from "../../src/entry/node.ts";

interface GoldenGraph {
  readonly nodes: readonly { name: string; op: string; inputs: string[]; control_inputs: string[] }[];
  readonly collections: Readonly<Record<string, string[]>>;
}

const golden = JSON.parse(
  readFileSync(new URL("../golden/tutorial_graph.json", import.meta.url), "utf8"),
) as GoldenGraph;

/** What differs from TensorFlow's graph, and why: node name → reason. Nothing does. */
const differences: Readonly<Record<string, string>> = {};

function buildTutorial(): tf.Graph {
  const graph = new tf.Graph();
  graph.asDefault(() => {
    tf.setRandomSeed(20191001);
    const inputNode = tf.placeholder(tf.float32, [null, 100, 100, 3], "input");
    const trainingNode = tf.placeholderWithDefault(true, [], "training");
    let net = tf.layers.conv2d(inputNode, 32, [3, 3], { strides: [2, 2], padding: "same", name: "conv_1" });
    net = tf.layers.batchNormalization(net, { training: trainingNode, name: "bn" });
    const updateOps = tf.getCollection(tf.GraphKeys.UPDATE_OPS);
    tf.controlDependencies(updateOps, () => tf.identity(net, "train_op"));
  });
  return graph;
}

const graph = buildTutorial();

test("nodes: names, types, inputs, control inputs, in order", () => {
  const nodes = graph.operations.map((op) => ({
    name: op.name,
    op: op.type,
    inputs: op.inputs.map((input) => input.name),
    control_inputs: op.controlInputs.map((input) => input.name),
  }));
  const compared = (list: readonly { name: string }[]): unknown => list.filter(({ name }) => !(name in differences));
  expect(compared(nodes)).toEqual(compared(golden.nodes));
  for (const name of Object.keys(differences)) expect(golden.nodes.map((node) => node.name)).toContain(name);
});

test("collections", () => {
  for (const [name, items] of Object.entries(golden.collections))
    expect(
      graph.getCollection<tf.Operation | Variable>(name).map((item) => item.name),
      name,
    ).toEqual(items);
  expect(graph.collectionNames.toSorted()).toEqual([...Object.keys(golden.collections), "cond_context"].toSorted());
});

test("shapes", () => {
  const shapes = ["conv_1/kernel", "conv_1/BiasAdd", "bn/cond/Merge", "train_op", "bn/AssignMovingAvg", "bn/beta/read"];
  expect(shapes.map((name) => graph.getTensorByName(`${name}:0`).shape)).toEqual([
    [3, 3, 3, 32],
    [null, 50, 50, 32],
    [null, 50, 50, 32],
    [null, 50, 50, 32],
    [32],
    [32],
  ]);
});
