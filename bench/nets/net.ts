// What the nets of the benchmarks share: a training program over images and labels, and numbers to train it with.
import * as tf from "../../dist/src/index.js";

export interface Net {
  readonly name: string;
  readonly graph: tf.Graph;
  /** Height, width, channels. */
  readonly image: readonly [number, number, number];
  readonly loss: tf.Tensor;
  /** Runs a step of SGD with momentum, the updates of the moving statistics with it. */
  readonly trainOp: tf.Operation;
  /** Of a block inside of a net: the gradient by its input. */
  readonly inputGradient: readonly tf.Tensor[];
  readonly init: tf.Operation;
}

export const classes = 10;
export const learningRate = 0.002;
export const momentum = 0.9;
export const epsilon = 1e-3;

/** A program whose `body` makes logits of images: softmax cross entropy, SGD with momentum. `inside`: the gradient
 * by the images is computed too, as for a block that has layers before it. */
export function program(
  name: string,
  image: readonly [number, number, number],
  body: (images: tf.Tensor) => tf.Tensor,
  inside = false,
): Net {
  const graph = new tf.Graph();
  return graph.asDefault(() => {
    tf.setRandomSeed(20191001);
    const images = tf.placeholder(tf.float32, [null, ...image], "images");
    const labels = tf.placeholder(tf.int32, [null], "labels");
    const logits = body(images);
    const loss = tf.reduceMean(tf.nn.sparseSoftmaxCrossEntropyWithLogits({ labels, logits }), null, { name: "loss" });
    const variables = tf.trainableVariables();
    const gradients = tf.gradients(loss, [...variables, ...(inside ? [images] : [])]);
    const optimizer = new tf.train.MomentumOptimizer(learningRate, momentum);
    const update = optimizer.applyGradients(variables.map((variable, i) => [gradients[i], variable] as const));
    const inputGradient = gradients.slice(variables.length).map((gradient) => gradient!);
    const trainOp = tf.group([update, ...tf.getCollection<tf.Operation>(tf.GraphKeys.UPDATE_OPS)], "train");
    return { name, graph, image, loss, trainOp, inputGradient, init: tf.globalVariablesInitializer() };
  });
}

export function norm(x: tf.Tensor, name: string): tf.Tensor {
  return tf.layers.batchNormalization(x, { training: true, epsilon, name });
}

/** Images between -1 and 1, and labels: the same in every host. */
export function batchOf({ image }: Pick<Net, "image">, size: number): { images: Float32Array; labels: Int32Array } {
  let state = 12345;
  const images = Float32Array.from({ length: size * image[0] * image[1] * image[2] }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return state / 2 ** 31;
  });
  return { images, labels: Int32Array.from({ length: size }, (_, i) => (i * 7) % classes) };
}

export interface Training {
  readonly net: Net;
  readonly session: tf.Session;
  /** A step, and its loss. */
  step(): Promise<number>;
  profile(repeat: number): Promise<tf.Profile>;
}

/** A session that trains the net on one batch. */
export async function train(net: Net, batch: number, options: tf.SessionOptions = {}): Promise<Training> {
  const session = await tf.Session.create({ graph: net.graph, ...options });
  await session.run(net.init);
  const { images, labels } = batchOf(net, batch);
  const feeds = { "images:0": { data: images, shape: [batch, ...net.image] }, "labels:0": labels };
  const fetches: tf.Fetch[] = [net.loss, net.trainOp, ...net.inputGradient];
  return {
    net,
    session,
    step: async () => ((await session.run(fetches, feeds)) as tf.FetchedTensor[])[0].item() as number,
    profile: async (repeat) => (await session.run(fetches, feeds, { profile: true, repeat })).profile,
  };
}
