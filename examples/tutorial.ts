// Batch normalization as TensorFlow 1 has it: the moving statistics change only because train_op depends on their updates.
import * as tf from "trainlet";
import { readPhoto } from "./photo.ts";

tf.setRandomSeed(20191001);
const inputNode = tf.placeholder(tf.float32, [null, 100, 100, 3], "input_node");
const trainingNode = tf.placeholderWithDefault(true, [], "training");

let net = tf.layers.conv2d(inputNode, 32, [3, 3], { strides: [2, 2], padding: "same", name: "conv_1" });
net = tf.layers.batchNormalization(net, { training: trainingNode, name: "bn" });

const graph = tf.getDefaultGraph();
const movingMean = graph.getTensorByName("bn/moving_mean/read:0");
const movingVariance = graph.getTensorByName("bn/moving_variance/read:0");

const updateOps = tf.getCollection(tf.GraphKeys.UPDATE_OPS); // bn/AssignMovingAvg, bn/AssignMovingAvg_1: AssignSub
const trainOp = tf.controlDependencies(updateOps, () => tf.identity(net, "train_op"));

const image = await readPhoto();
const session = await tf.Session.create({ graph });
await session.run(tf.globalVariablesInitializer());
for (let i = 0; i < 100; i++) await session.run(trainOp, new Map([[inputNode, image]]));
const [result, mean, variance] = await session.run(
  [net, movingMean, movingVariance],
  new Map<tf.Tensor, tf.FeedValue>([
    [inputNode, image],
    [trainingNode, false],
  ]),
);

console.log("moving_mean[0]     ", mean.data[0]);
console.log("moving_variance[0] ", variance.data[0]);
console.log("result[0,25,25,0:6]", result.data.slice((25 * 50 + 25) * 32, (25 * 50 + 25) * 32 + 6));
session.close();
