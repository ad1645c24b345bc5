/** Whole training programs in our own API: the ones TensorFlow exported to golden/metagraph, and others of their kind. */
import * as tf from "../../src/entry/node.ts";

export interface Net {
  readonly graph: tf.Graph;
  readonly loss: tf.Tensor;
  readonly trainOp: tf.Operation | tf.Tensor;
  readonly init: tf.Operation;
}

interface Head {
  readonly logits: tf.Tensor;
  /** What is added to the cross entropy. */
  readonly penalty?: () => tf.Tensor;
  readonly optimizer: (step: tf.Variable) => { minimize(loss: tf.Tensor, options: object): tf.Operation | tf.Tensor };
}

/** A net over `input` and `labels`, trained with the update ops as control dependencies. */
function program(shape: readonly number[], body: (x: tf.Tensor, training: tf.Tensor) => Head): Net {
  const graph = new tf.Graph();
  return graph.asDefault(() => {
    tf.setRandomSeed(20191001);
    const x = tf.placeholder(tf.float32, [null, ...shape], "input");
    const labels = tf.placeholder(tf.int32, [null], "labels");
    const training = tf.placeholderWithDefault(true, [], "training");
    const { logits: scores, penalty, optimizer } = body(x, training);
    const logits = tf.identity(scores, "logits");
    const entropy = tf.reduceMean(tf.nn.sparseSoftmaxCrossEntropyWithLogits({ labels, logits }));
    const loss = tf.identity(penalty ? tf.add(entropy, penalty()) : entropy, "loss");
    const correct = tf.equal(tf.argmax(logits, 1, { outputType: tf.int32 }), labels);
    tf.reduceMean(tf.cast(correct, tf.float32), null, { name: "accuracy" });
    const globalStep = tf.train.getOrCreateGlobalStep();
    const chosen = optimizer(globalStep);
    const trainOp = tf.controlDependencies(tf.getCollection(tf.GraphKeys.UPDATE_OPS), () =>
      chosen.minimize(loss, { globalStep, name: "train_op" }),
    );
    return { graph, loss, trainOp, init: tf.globalVariablesInitializer() };
  });
}

/** golden/metagraph/lenet_momentum. */
export function lenetMomentum(): Net {
  return program([8, 8, 1], (x, training) => {
    let net = x;
    for (const [i, filters] of [8, 16].entries()) {
      net = tf.layers.conv2d(net, filters, 3, { padding: "same", name: `conv_${i + 1}` });
      net = tf.layers.batchNormalization(net, { training, name: `bn_${i + 1}` });
      net = tf.nn.relu(net);
      net = tf.nn.maxPool(net, 2, { strides: 2, padding: "VALID" });
    }
    net = tf.reshape(net, [-1, 64]);
    const logits = tf.layers.dense(net, 10, { name: "fc" });
    return { logits, optimizer: () => new tf.train.MomentumOptimizer(0.05, 0.9) };
  });
}

/** golden/metagraph/resnet_adam_schedule. */
export function resnetAdamSchedule(): Net {
  return program([8, 8, 1], (x, training) => {
    const conv = (input: tf.Tensor, filters: number, size: number, strides: number, name: string): tf.Tensor =>
      tf.layers.conv2d(input, filters, size, { strides, padding: "same", useBias: false, name });
    const norm = (input: tf.Tensor, name: string): tf.Tensor => tf.layers.batchNormalization(input, { training, name });
    let net = tf.nn.relu(norm(conv(x, 8, 3, 1, "stem"), "stem_bn"));
    for (const [i, filters] of [8, 16, 32].entries()) {
      const strides = i === 0 ? 1 : 2;
      let inner = tf.nn.relu(norm(conv(net, filters, 3, strides, `b${i}_1`), `b${i}_1_bn`));
      inner = norm(conv(inner, filters, 3, 1, `b${i}_2`), `b${i}_2_bn`);
      const shortcut = i === 0 ? net : conv(net, filters, 1, strides, `b${i}_sc`);
      net = tf.nn.relu(tf.add(inner, shortcut));
    }
    const logits = tf.layers.dense(tf.reduceMean(net, [1, 2]), 10, { name: "fc" });
    const kernels = tf.trainableVariables().filter((variable) => variable.name.includes("kernel"));
    return {
      logits,
      penalty: () => tf.addN(kernels.map((kernel) => tf.multiply(1e-4, tf.nn.l2Loss(kernel)))),
      optimizer: (step) => new tf.train.AdamOptimizer(tf.train.piecewiseConstant(step, [5, 10], [0.01, 0.005, 0.001])),
    };
  });
}

/** Depthwise separable blocks with batch norm, as MobileNet has them. */
export function mobilenetLike(): Net {
  return program([16, 16, 3], (x, training) => {
    let net = x;
    for (const [i, [filters, strides]] of (
      [
        [8, 1],
        [16, 2],
        [32, 1],
        [32, 2],
      ] as const
    ).entries()) {
      net = tf.layers.separableConv2d(net, filters, 3, {
        strides,
        padding: "same",
        useBias: false,
        name: `block_${i}`,
      });
      net = tf.layers.batchNormalization(net, { training, name: `bn_${i}` });
      net = tf.nn.relu6(net);
    }
    const logits = tf.layers.dense(tf.reduceMean(net, [1, 2]), 10, { name: "fc" });
    return { logits, optimizer: () => new tf.train.MomentumOptimizer(0.05, 0.9) };
  });
}
