// LeNet with batch normalization: two convolutions with batch norm, ReLU and pooling, then a dense layer.
import * as tf from "trainlet";

export interface Classifier {
  readonly graph: tf.Graph;
  /** uint8 [?, height, width, channels] */
  readonly pixels: tf.Tensor;
  /** int32 [?] */
  readonly labels: tf.Tensor;
  readonly training: tf.Tensor;
  readonly loss: tf.Tensor;
  readonly accuracy: tf.Tensor;
  readonly learningRate: tf.Tensor;
  readonly train: tf.Operation | tf.Tensor;
  readonly init: tf.Operation;
}

export interface LenetOptions {
  seed: number;
  /** Pictures of [size, size, 1], scaled by `scale`. */
  size: number;
  scale: number;
  filters: readonly [number, number];
  kernel: number;
  /** Adam's learning rate, falling to 0 along a cosine over so many steps. */
  learningRate: number;
  steps: number;
  classes?: number;
  momentum?: number;
  /** Trains nothing but the last layer, and leaves the others, statistics included, as they are. */
  headOnly?: boolean;
  /** False forgets them, as many have: the moving statistics then stay 0 and 1. */
  updateOps?: boolean;
}

export function lenet(options: LenetOptions): Classifier {
  const {
    seed,
    size,
    scale,
    filters,
    kernel,
    steps,
    classes = 10,
    momentum = 0.99,
    updateOps = true,
    headOnly = false,
  } = options;
  const graph = new tf.Graph();
  return graph.asDefault(() => {
    tf.setRandomSeed(seed);
    const pixels = tf.placeholder(tf.uint8, [null, size, size, 1], "pixels");
    const labels = tf.placeholder(tf.int32, [null], "labels");
    const training = tf.placeholderWithDefault(false, [], "training");

    let net: tf.Tensor = tf.multiply(tf.cast(pixels, tf.float32), scale);
    for (const [i, count] of filters.entries()) {
      net = tf.layers.conv2d(net, count, kernel, { padding: "same", name: `conv_${i + 1}` });
      net = tf.layers.batchNormalization(net, { training, momentum, name: `bn_${i + 1}` });
      net = tf.nn.relu(net);
      net = tf.nn.maxPool(net, 2, { strides: 2, padding: "VALID" });
    }
    const flat = tf.reshape(net, [-1, (size / 4) ** 2 * filters[1]]);
    const logits = tf.layers.dense(flat, classes, { name: "fc" });

    const losses = tf.nn.sparseSoftmaxCrossEntropyWithLogits({ labels, logits });
    const loss = tf.reduceMean(losses, null, { name: "loss" });
    const correct = tf.equal(tf.argmax(logits, 1, { outputType: tf.int32 }), labels);
    const accuracy = tf.reduceMean(tf.cast(correct, tf.float32), null, { name: "accuracy" });

    const globalStep = tf.train.getOrCreateGlobalStep();
    const learningRate = tf.train.cosineDecay(options.learningRate, globalStep, steps, { name: "learning_rate" });
    const varList = tf.trainableVariables().filter(({ name }) => !headOnly || name.startsWith("fc/"));
    const minimize = (): tf.Operation | tf.Tensor =>
      new tf.train.AdamOptimizer(learningRate).minimize(loss, { globalStep, varList, name: "train_op" });
    const updates = updateOps && !headOnly ? tf.getCollection(tf.GraphKeys.UPDATE_OPS) : [];
    const train = tf.controlDependencies(updates, minimize);
    const init = tf.globalVariablesInitializer();
    return { graph, pixels, labels, training, loss, accuracy, learningRate, train, init };
  });
}
