/** The README's program, as a user has it: nothing here but the package. */
import * as tf from "trainlet";

export interface Answer {
  readonly mean: number[];
  readonly variance: number[];
}

export async function tutorial(image: Float32Array): Promise<Answer> {
  tf.setRandomSeed(20191001);
  const inputNode = tf.placeholder(tf.float32, [null, 100, 100, 3], "input_node");
  const trainingNode = tf.placeholderWithDefault(true, [], "training");

  let net = tf.layers.conv2d(inputNode, 32, [3, 3], { strides: [2, 2], padding: "same", name: "conv_1" });
  net = tf.layers.batchNormalization(net, { training: trainingNode, name: "bn" });

  const graph = tf.getDefaultGraph();
  const movingMean = graph.getTensorByName("bn/moving_mean/read:0");
  const movingVariance = graph.getTensorByName("bn/moving_variance/read:0");

  const updateOps = tf.getCollection(tf.GraphKeys.UPDATE_OPS);
  const trainOp = tf.controlDependencies(updateOps, () => tf.identity(net, "train_op"));

  const session = await tf.Session.create({ graph });
  await session.run(tf.globalVariablesInitializer());
  for (let i = 0; i < 100; i++) await session.run(trainOp, new Map([[inputNode, image]]));
  const [, mean, variance] = await session.run(
    [net, movingMean, movingVariance],
    new Map<tf.Tensor, tf.FeedValue>([
      [inputNode, image],
      [trainingNode, false],
    ]),
  );
  session.close();
  return { mean: [...(mean.data as Float32Array)], variance: [...(variance.data as Float32Array)] };
}
