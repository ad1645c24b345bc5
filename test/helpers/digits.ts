/** The digits of golden/training (1,797 of 8×8 pixels, from scikit-learn), and a small net over them with all that a fit must keep:
 * batch norm, dropout, an optimizer with slots, a schedule. */
import * as tf from "../../src/index.ts";
import { decodeSafetensors } from "../../src/formats/safetensors.ts";

export interface Digits {
  /** uint8, rows of [8, 8, 1]. */
  readonly pixels: tf.data.Column;
  /** int32 */
  readonly labels: tf.data.Column;
}

/** From the bytes of golden/training/lenet_digits.safetensors; the first `rows` of them. */
export function digitsOf(bytes: Uint8Array, rows = 1797): Digits {
  const { tensors } = decodeSafetensors(bytes);
  const [pixels, labels] = [tensors.get("pixels")!, tensors.get("labels")!];
  return {
    pixels: tf.data.column(pixels.data.slice(0, rows * 64), { shape: [8, 8, 1] }),
    labels: tf.data.column(labels.data.slice(0, rows)),
  };
}

export interface DigitNet {
  readonly graph: tf.Graph;
  readonly pixels: tf.Tensor;
  readonly labels: tf.Tensor;
  readonly training: tf.Tensor;
  /** A factor of the loss, 1 unless fed. */
  readonly factor: tf.Tensor;
  readonly loss: tf.Tensor;
  readonly accuracy: tf.Tensor;
  readonly learningRate: tf.Tensor;
  readonly train: tf.Operation | tf.Tensor;
  readonly init: tf.Operation;
}

export function digitNet({ seed = 7, rate = 0.01 } = {}): DigitNet {
  const graph = new tf.Graph();
  return graph.asDefault(() => {
    tf.setRandomSeed(seed);
    const pixels = tf.placeholder(tf.float32, [null, 8, 8, 1], "pixels");
    const labels = tf.placeholder(tf.int32, [null], "labels");
    const training = tf.placeholderWithDefault(false, [], "training");
    const factor = tf.placeholderWithDefault(tf.constant(1, { dtype: tf.float32 }), [], "factor");
    let net: tf.Tensor = tf.layers.conv2d(tf.multiply(pixels, 1 / 16), 4, 3, { padding: "same", name: "conv" });
    net = tf.nn.relu(tf.layers.batchNormalization(net, { training, momentum: 0.9, name: "bn" }));
    net = tf.nn.maxPool(net, 2, { strides: 2, padding: "VALID" });
    net = tf.layers.dropout(tf.reshape(net, [-1, 64]), { rate: 0.2, training, name: "dropout" });
    const logits = tf.layers.dense(net, 10, { name: "fc" });
    const entropy = tf.reduceMean(tf.nn.sparseSoftmaxCrossEntropyWithLogits({ labels, logits, name: "xent" }));
    const loss = tf.multiply(entropy, factor, "loss");
    const correct = tf.equal(tf.argmax(logits, 1, { outputType: tf.int32 }), labels);
    const accuracy = tf.reduceMean(tf.cast(correct, tf.float32), null, { name: "accuracy" });
    const globalStep = tf.train.getOrCreateGlobalStep();
    const learningRate = tf.train.exponentialDecay(rate, globalStep, 50, 0.9, { name: "learning_rate" });
    const train = tf.controlDependencies(tf.getCollection(tf.GraphKeys.UPDATE_OPS), () =>
      new tf.train.MomentumOptimizer(learningRate, 0.9).minimize(loss, { globalStep, name: "train_op" }),
    );
    const init = tf.globalVariablesInitializer();
    return { graph, pixels, labels, training, factor, loss, accuracy, learningRate, train, init };
  });
}

/** What every fit of the net has: training and its fetches. */
export function fitOptions(net: DigitNet, { pixels, labels }: Digits): tf.FitOptions {
  return {
    feeds: new Map<tf.Tensor, tf.data.Column>([
      [net.pixels, pixels],
      [net.labels, labels],
    ]),
    constants: new Map([[net.training, true]]),
    train: net.train,
    fetches: { loss: net.loss, accuracy: net.accuracy, learningRate: net.learningRate },
    batchSize: 32,
    steps: 30,
    seed: 3,
  };
}

/** All variables and generators, as text to compare. */
export async function bitsOf(session: tf.Session): Promise<string> {
  const bytes = await session.checkpoint();
  const digest = await crypto.subtle.digest("SHA-256", Uint8Array.from(bytes));
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
