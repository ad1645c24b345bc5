// The tutorial as a page would run it: what size.ts bundles.
import * as tf from "trainlet";
import kernelsUrl from "trainlet/kernels.forward.wasm?url";

export async function run(image: Float32Array): Promise<tf.FetchedTensor[]> {
  tf.setRandomSeed(20191001);
  const input = tf.placeholder(tf.float32, [null, 100, 100, 3], "input_node");
  const training = tf.placeholderWithDefault(true, [], "training");
  let net = tf.layers.conv2d(input, 32, [3, 3], { strides: [2, 2], padding: "same", name: "conv_1" });
  net = tf.layers.batchNormalization(net, { training, name: "bn" });
  const graph = tf.getDefaultGraph();
  const updateOps = tf.getCollection(tf.GraphKeys.UPDATE_OPS);
  const trainOp = tf.controlDependencies(updateOps, () => tf.identity(net, "train_op"));
  const session = await tf.Session.create({ graph, kernels: WebAssembly.compileStreaming(fetch(kernelsUrl)) });
  await session.run(tf.globalVariablesInitializer());
  for (let i = 0; i < 100; i++) await session.run(trainOp, new Map([[input, image]]));
  const statistics = ["bn/moving_mean/read:0", "bn/moving_variance/read:0"].map((name) => graph.getTensorByName(name));
  return session.run(
    [net, ...statistics],
    new Map<tf.Tensor, tf.FeedValue>([
      [input, image],
      [training, false],
    ]),
  );
}

globalThis.addEventListener("message", (event: MessageEvent<Float32Array>) => void run(event.data));
