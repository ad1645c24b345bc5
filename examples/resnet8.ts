// ResNet-8 over 120 patches of photographs in ten classes, 80 to learn from: batch norm, shortcuts, pictures shifted and mirrored as
// they are fed, the best checkpoint kept. `npm run example resnet8`
import { openAsBlob } from "node:fs";
import * as tf from "trainlet";
import { printTable } from "./shared/table.ts";

const tensors = await tf.data.safetensors(
  await openAsBlob(new URL("../test/golden/training/resnet8.safetensors", import.meta.url)),
);
const [learning, held] = [
  { pixels: tf.data.slice(tensors.pixels, 0, 80), labels: tf.data.slice(tensors.labels, 0, 80) },
  { pixels: tf.data.slice(tensors.pixels, 80), labels: tf.data.slice(tensors.labels, 80) },
];

const graph = new tf.Graph();
const net = graph.asDefault(() => {
  tf.setRandomSeed(1);
  const pixels = tf.placeholder(tf.uint8, [null, 32, 32, 3], "pixels");
  const labels = tf.placeholder(tf.int32, [null], "labels");
  const training = tf.placeholderWithDefault(false, [], "training");

  const convolution = (x: tf.Tensor, filters: number, size: number, strides: number, name: string): tf.Tensor => {
    const y = tf.layers.conv2d(x, filters, size, { strides, padding: "same", useBias: false, name });
    return tf.layers.batchNormalization(y, { training, momentum: 0.9, name: `${name}_bn` });
  };
  const block = (x: tf.Tensor, width: number, strides: number, name: string): tf.Tensor => {
    const inner = tf.nn.relu(convolution(x, width, 3, strides, `${name}/conv_a`));
    const outer = convolution(inner, width, 3, 1, `${name}/conv_b`);
    return tf.nn.relu(tf.add(outer, strides === 1 ? x : convolution(x, width, 1, strides, `${name}/shortcut`)));
  };
  let x: tf.Tensor = tf.subtract(tf.multiply(tf.cast(pixels, tf.float32), 1 / 127.5), 1);
  x = tf.nn.relu(convolution(x, 8, 3, 1, "conv0"));
  for (const [i, width] of [8, 16, 32].entries()) x = block(x, width, i === 0 ? 1 : 2, `block${i + 1}`);
  const logits = tf.layers.dense(tf.reduceMean(x, [1, 2]), 10, { name: "fc" });

  const loss = tf.reduceMean(tf.nn.sparseSoftmaxCrossEntropyWithLogits({ labels, logits }));
  const correct = tf.equal(tf.argmax(logits, 1, { outputType: tf.int32 }), labels);
  const accuracy = tf.reduceMean(tf.cast(correct, tf.float32));
  const globalStep = tf.train.getOrCreateGlobalStep();
  const learningRate = tf.train.cosineDecay(0.01, globalStep, 400);
  const train = tf.controlDependencies(tf.getCollection(tf.GraphKeys.UPDATE_OPS), () =>
    new tf.train.AdamOptimizer(learningRate).minimize(loss, { globalStep }),
  );
  return { pixels, labels, training, loss, accuracy, learningRate, train, init: tf.globalVariablesInitializer() };
});

const session = await tf.Session.create({ graph });
await session.run(net.init);
const feeds = ({ pixels, labels }: typeof held): Map<tf.Tensor, tf.data.Column> =>
  new Map([
    [net.pixels, pixels],
    [net.labels, labels],
  ]);
let best: Uint8Array | undefined;
const rows: (number | string)[][] = [];
const result = await tf.fit(session, {
  feeds: feeds(learning),
  constants: new Map([[net.training, true]]),
  augment: new Map([[net.pixels, { shift: 2, flip: true }]]),
  train: net.train,
  fetches: { loss: net.loss, accuracy: net.accuracy, learningRate: net.learningRate },
  batchSize: 8,
  epochs: 40,
  seed: 1,
  validation: { feeds: feeds(held), fetches: { loss: net.loss, accuracy: net.accuracy }, batchSize: 40, every: 50 },
  checkpoint: { best: { monitor: "loss" }, save: (bytes, { kind }) => void (kind === "best" && (best = bytes)) },
  onProgress: ({ step, epoch, fetches, validation }) => {
    if (!validation) return;
    const percent = `${(validation.accuracy * 100).toFixed(1)} %`;
    rows.push([
      step,
      epoch,
      fetches.learningRate.toFixed(5),
      fetches.loss.toFixed(3),
      validation.loss.toFixed(3),
      percent,
    ]);
  },
});

printTable(["step", "epoch", "rate", "loss", "held-out loss", "held-out accuracy"], rows);
const { value, step } = result.state.best["checkpoint.best"];
await session.restore(best!);
console.log(`The best, of step ${step} with a held-out loss of ${value.toFixed(3)}, is restored.`);
session.close();
