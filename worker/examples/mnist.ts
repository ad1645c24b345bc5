/** MNIST: LeNet with batch normalization over pictures of digits. */
import * as tf from "../../src/index.ts";

const size = 28;
const classes = 10;

/**
 * Feeds: `pixels:0` uint8 [?,28,28,1], `labels:0` uint8 [?], `training:0`, and the learning rate that falls along a cosine, by
 * `rate:0` and `decay_steps:0`. Fetches: `loss:0`, `accuracy:0`, `learning_rate:0`, `probabilities:0` [?,10]. `train_op` depends
 * on the update ops, or, with `updates` false, forgets them.
 */
export function mnist({ updates }: { updates: boolean }): void {
  tf.setRandomSeed(1);
  const pixels = tf.placeholder(tf.uint8, [null, size, size, 1], "pixels");
  const labels = tf.placeholder(tf.uint8, [null], "labels");
  const training = tf.placeholderWithDefault(false, [], "training");
  const rate = tf.placeholderWithDefault(0.002, [], "rate");
  const decaySteps = tf.placeholderWithDefault(2814, [], "decay_steps");

  let net: tf.Tensor = tf.multiply(tf.cast(pixels, tf.float32), 1 / 255);
  for (const [i, filters] of [32, 64].entries()) {
    net = tf.layers.conv2d(net, filters, 5, { padding: "same", name: `conv_${i + 1}` });
    net = tf.nn.relu(tf.layers.batchNormalization(net, { training, name: `bn_${i + 1}` }));
    net = tf.nn.maxPool(net, 2, { strides: 2, padding: "VALID" });
  }
  const logits = tf.layers.dense(tf.layers.flatten(net), classes, { name: "fc" });
  tf.nn.softmax(logits, -1, "probabilities");

  const wanted = tf.cast(labels, tf.int32);
  const losses = tf.nn.sparseSoftmaxCrossEntropyWithLogits({ labels: wanted, logits });
  const loss = tf.reduceMean(losses, null, { name: "loss" });
  const right = tf.equal(tf.argmax(logits, 1, { outputType: tf.int32 }), wanted);
  tf.reduceMean(tf.cast(right, tf.float32), null, { name: "accuracy" });

  const globalStep = tf.train.getOrCreateGlobalStep();
  const learningRate = tf.train.cosineDecay(rate, globalStep, decaySteps, { name: "learning_rate" });
  const updateOps = updates ? tf.getCollection(tf.GraphKeys.UPDATE_OPS) : [];
  tf.controlDependencies(updateOps, () =>
    new tf.train.AdamOptimizer(learningRate).minimize(loss, { globalStep, name: "train_op" }),
  );
  tf.globalVariablesInitializer();
}
