/** The tutorial: one convolution and one batch norm over a photograph. */
import * as tf from "../../src/index.ts";

/**
 * A photograph [?,100,100,3] through a convolution and batch normalization. `train_op` depends on the update ops, or, with
 * `updates` false, forgets them: the mistake that the doctor calls BN001.
 */
export function tutorial({ updates }: { updates: boolean }): void {
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
