/** BN001: batch norms in training mode whose update ops do not run, and inference with statistics that nothing ever moved. */
import { layersSay, listed, type Rule, type RulePage } from "../finding.ts";
import { isInitial } from "../statistics.ts";
import { missingUpdates } from "../updates.ts";

const sentence: Rule["say"] = (cases) => {
  const ops = cases.flatMap((found) => found.ops.map((op) => op.name));
  return `The batch-norm ${layersSay(cases, "normalises", "normalise")} with batch statistics, but this run does not reach ${ops.length === 1 ? "its update op" : "the update ops"} ${listed(ops, "")}: the moving mean and variance keep their values, and inference is wrong without a word.`;
};

/** Seen in the graph: no update op runs. */
export const BN001: Rule = {
  id: "BN001",
  severity: "warning",
  look(x) {
    const { missing, someMove } = missingUpdates(x);
    return someMove || x.trains ? [] : missing;
  },
  say: sentence,
  fix: `const updateOps = tf.getCollection(tf.GraphKeys.UPDATE_OPS);
const trainOp = tf.controlDependencies(updateOps, () => tf.identity(net, "train_op"));`,
};

/** The same where gradients run: what is trained cannot be used. */
export const BN001Training: Rule = {
  id: "BN001",
  severity: "error",
  look(x) {
    const { missing, someMove } = missingUpdates(x);
    return someMove || !x.trains ? [] : missing;
  },
  say: sentence,
  fix: `const trainOp = optimizer.minimize(loss, { updateOps: true });`,
};

/** Seen in a session: inference after training, and the statistics are what they were initialised with. */
export const BN001InSession: Rule = {
  id: "BN001",
  severity: "error",
  ofSession: true,
  look: ({ inferring, session }) =>
    session?.trainedRuns
      ? inferring
          .filter(({ mean, variance }) => isInitial(session, mean, variance) && session.setSince(mean).size === 0)
          .map(({ name, op }) => ({ name, ops: [op], figure: session.trainedRuns }))
      : [],
  say: (cases) =>
    `The batch-norm ${layersSay(cases, "is", "are")} used for inference after ${cases[0].figure} training steps, but the moving mean and variance are still the initial 0 and 1: no step has moved them.`,
  fix: BN001Training.fix,
};

export const page: RulePage = {
  title: "The update ops of a batch norm never run",
  seen: "S in the graph, R in a session",
  why: "The moving mean and variance stay 0 and 1, so inference normalises with numbers that have nothing to do with the data. Training does not show it: losses and weights are bit for bit the same with and without the updates.",
  sources: [
    "tensorflow/tensorflow #1122, #10118, #11965",
    "microsoft/onnxruntime #19370",
    "TensorFlow.js 4.22: optimizer.minimize(() => loss(y, model.predict(x))) leaves 0 and 1",
  ],
  failing: `const x = tf.placeholder(tf.float32, [null, 8, 8, 1], "x");
const net = tf.layers.conv2d(x, 4, 3, { useBias: false });
const normed = tf.layers.batchNormalization(net, { training: true, name: "bn" });
const loss = tf.reduceMean(tf.square(normed));
const trainOp = new tf.train.GradientDescentOptimizer(0.1).minimize(loss);

const findings = tf.doctor(tf.getDefaultGraph(), { fetches: trainOp });`,
  change: [["minimize(loss)", "minimize(loss, { updateOps: true })"]],
};
