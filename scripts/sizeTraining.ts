// A page that trains: LeNet with batch normalization, SGD with momentum, a checkpoint at the end. What size.ts bundles.
import * as tf from "trainlet";
import kernelsUrl from "trainlet/kernels.training.wasm?url";

export async function run(images: Float32Array, labels: Int32Array): Promise<Uint8Array> {
  const input = tf.placeholder(tf.float32, [null, 28, 28, 1], "images");
  const targets = tf.placeholder(tf.int32, [null], "labels");
  const training = tf.placeholderWithDefault(true, [], "training");
  let net = input;
  for (const [i, filters] of [32, 64].entries()) {
    net = tf.layers.conv2d(net, filters, 5, { padding: "same", name: `conv_${i + 1}` });
    net = tf.nn.relu(tf.layers.batchNormalization(net, { training, name: `bn_${i + 1}` }));
    net = tf.nn.maxPool(net, 2, { strides: 2, padding: "VALID" });
  }
  const logits = tf.layers.dense(tf.reshape(net, [-1, 7 * 7 * 64]), 10, { name: "dense" });
  const loss = tf.reduceMean(tf.nn.sparseSoftmaxCrossEntropyWithLogits({ labels: targets, logits }));
  const optimizer = new tf.train.MomentumOptimizer(0.01, 0.9);
  const trainOp = optimizer.minimize(loss, { updateOps: true });
  const session = await tf.Session.create({ kernels: WebAssembly.compileStreaming(fetch(kernelsUrl)) });
  await session.run(tf.globalVariablesInitializer());
  const size = 64;
  for (let start = 0; start + size <= labels.length; start += size) {
    const feeds = new Map<tf.Tensor, tf.FeedValue>([
      [input, { data: images.subarray(start * 784, (start + size) * 784), shape: [size, 28, 28, 1] }],
      [targets, labels.subarray(start, start + size)],
    ]);
    await session.run(trainOp, feeds);
  }
  return session.checkpoint();
}

globalThis.addEventListener("message", (event: MessageEvent<{ images: Float32Array; labels: Int32Array }>) => {
  void run(event.data.images, event.data.labels);
});
