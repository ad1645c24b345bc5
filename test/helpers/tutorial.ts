/** The batch-norm tutorial's program, as tests build it; the README shows the same. */
import { readFileSync } from "node:fs";
import { decode } from "fast-png";
import * as tf from "../../src/entry/node.ts";

export interface Tutorial {
  readonly graph: tf.Graph;
  readonly input: tf.Tensor;
  readonly training: tf.Tensor;
  readonly net: tf.Tensor;
  readonly trainOp: tf.Tensor;
  readonly init: tf.Operation;
}

/** `updates` false forgets the control dependencies. */
export function buildTutorial(options: { updates?: boolean; input?: string } = {}): Tutorial {
  const graph = new tf.Graph();
  return graph.asDefault(() => {
    tf.setRandomSeed(20191001);
    const input = tf.placeholder(tf.float32, [null, 100, 100, 3], options.input ?? "input_node");
    const training = tf.placeholderWithDefault(true, [], "training");
    const conv = tf.layers.conv2d(input, 32, [3, 3], { strides: [2, 2], padding: "same", name: "conv_1" });
    const normalized = tf.layers.batchNormalization(conv, { training, name: "bn" });
    const net = tf.identity(normalized, "net");
    const updateOps = options.updates === false ? [] : tf.getCollection(tf.GraphKeys.UPDATE_OPS);
    const trainOp = tf.controlDependencies(updateOps, () => tf.identity(normalized, "train_op"));
    return { graph, input, training, net, trainOp, init: tf.globalVariablesInitializer() };
  });
}

/** The photograph as the tutorial feeds it: [1,100,100,3], BGR, 0..255. */
export function readPhoto(): { data: Float32Array; shape: number[] } {
  const { data, channels } = decode(readFileSync(new URL("../golden/tutorial/photo.png", import.meta.url)));
  const pixels = new Float32Array(100 * 100 * 3);
  for (let i = 0; i < 100 * 100; i++) {
    for (let c = 0; c < 3; c++) pixels[i * 3 + c] = data[i * channels + 2 - c];
  }
  return { data: pixels, shape: [1, 100, 100, 3] };
}
