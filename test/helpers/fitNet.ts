/** A small net with batch norm and dropout, and made-up pictures, for fits in every host. */
import * as tf from "../../src/index.ts";
import type { FitRequest, TensorData } from "../../worker/api.ts";

const size = 8;
const classes = 3;

/** conv 3x3 → batch norm → relu → dropout → dense, with momentum. Feeds x:0 (uint8 pictures are fine), y:0, training:0. */
export async function fitNet(): Promise<Uint8Array> {
  const graph = new tf.Graph();
  graph.asDefault(() => {
    tf.setRandomSeed(7);
    const x = tf.placeholder(tf.float32, [null, size, size, 1], "x");
    const y = tf.placeholder(tf.int32, [null], "y");
    const training = tf.placeholderWithDefault(false, [], "training");
    let net = tf.layers.conv2d(tf.multiply(x, 1 / 255), 5, 3, { padding: "same", name: "conv" });
    net = tf.nn.relu(tf.layers.batchNormalization(net, { training, momentum: 0.9, name: "bn" }));
    net = tf.layers.dropout(tf.layers.flatten(net), { rate: 0.25, training, name: "dropout" });
    const logits = tf.layers.dense(net, classes, { name: "logits" });
    const loss = tf.identity(tf.losses.sparseSoftmaxCrossEntropy(y, logits), "loss");
    const right = tf.equal(tf.argmax(logits, 1, { outputType: tf.int32 }), y);
    tf.identity(tf.reduceMean(tf.cast(right, tf.float32)), "accuracy");
    new tf.train.MomentumOptimizer(0.05, 0.9).minimize(loss, { updateOps: true, name: "train_op" });
    tf.group([tf.globalVariablesInitializer()], "init");
  });
  return tf.exportMetaGraph(graph);
}

/** Pictures with a bright stripe where their class says, and noise; `rows` of them. */
export function fitData(rows: number, seed = 1): { readonly x: TensorData; readonly y: TensorData } {
  const pictures = new Uint8Array(rows * size * size);
  const labels = new Int32Array(rows);
  let state = seed;
  const next = (limit: number): number => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
    return (state >> 8) % limit;
  };
  for (let row = 0; row < rows; row++) {
    labels[row] = next(classes);
    for (let i = 0; i < size * size; i++) {
      const bright = Math.floor(i / size) === 1 + 2 * labels[row];
      pictures[row * size * size + i] = next(96) + (bright ? 128 : 0);
    }
  }
  return {
    x: { dtype: "uint8", shape: [rows, size, size, 1], data: pictures },
    y: { dtype: "int32", shape: [rows], data: labels },
  };
}

/** Two epochs and a bit, with a smaller last batch. */
export const fitRequest: FitRequest = {
  feeds: { "x:0": "pictures", "y:0": "labels" },
  constants: { "training:0": true },
  train: "train_op",
  fetches: { loss: "loss:0", accuracy: "accuracy:0" },
  batchSize: 16,
  steps: 17,
  seed: 3,
};
