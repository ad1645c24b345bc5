/** The built-in graphs, so that a service can be tried without exporting one first. */
import * as tf from "../src/index.ts";
import type { ExampleName } from "./api.ts";

const examples: { readonly [Name in ExampleName]: () => void } = {
  tutorial: () => batchNormTutorial({ updates: true }),
  "tutorial-forgotten": () => batchNormTutorial({ updates: false }),
};

export function buildExample(name: ExampleName): tf.Graph {
  if (!Object.hasOwn(examples, name)) {
    const names = Object.keys(examples);
    throw new tf.errors.InvalidArgumentError(`There is no example '${name}'. Known: ${names.join(", ")}.`);
  }
  const graph = new tf.Graph();
  graph.asDefault(examples[name]);
  return graph;
}

/**
 * A photograph [?,100,100,3] through a convolution and batch normalization. `train_op` depends on the update ops, or, with
 * `updates` false, forgets them: the mistake that the doctor calls BN001.
 */
function batchNormTutorial({ updates }: { updates: boolean }): void {
  tf.setRandomSeed(20191001);
  const input = tf.placeholder(tf.float32, [null, 100, 100, 3], "input_node");
  const training = tf.placeholderWithDefault(true, [], "training");
  const conv = tf.layers.conv2d(input, 32, [3, 3], { strides: [2, 2], padding: "same", name: "conv_1" });
  const net = tf.layers.batchNormalization(conv, { training, name: "bn" });
  tf.identity(net, "net");
  const updateOps = updates ? tf.getCollection(tf.GraphKeys.UPDATE_OPS) : [];
  tf.controlDependencies(updateOps, () => tf.identity(net, "train_op"));
  tf.globalVariablesInitializer();
}
