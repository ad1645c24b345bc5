// The tutorial: a convolution of stride 2 with 32 filters, batch normalization, and the updates of its moving statistics.
import * as tf from "../../dist/src/index.js";

export interface Tutorial {
  readonly graph: tf.Graph;
  readonly input: tf.Tensor;
  readonly trainOp: tf.Tensor;
  readonly init: tf.Operation;
}

export function tutorial(): Tutorial {
  const graph = new tf.Graph();
  return graph.asDefault(() => {
    tf.setRandomSeed(20191001);
    const input = tf.placeholder(tf.float32, [null, 100, 100, 3], "input_node");
    const training = tf.placeholderWithDefault(true, [], "training");
    let net = tf.layers.conv2d(input, 32, [3, 3], { strides: [2, 2], padding: "same", name: "conv_1" });
    net = tf.layers.batchNormalization(net, { training, momentum: 0.99, epsilon: 1e-3, name: "bn" });
    const updateOps = tf.getCollection(tf.GraphKeys.UPDATE_OPS);
    const trainOp = tf.controlDependencies(updateOps, () => tf.identity(net, "train_op"));
    return { graph, input, trainOp, init: tf.globalVariablesInitializer() };
  });
}
