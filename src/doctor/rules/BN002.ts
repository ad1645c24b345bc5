/** BN002: only a part of the update ops runs: the collection was read too early, or it is one tower's. */
import { layersSay, listed, type Rule, type RulePage } from "../finding.ts";
import { missingUpdates } from "../updates.ts";

export const BN002: Rule = {
  id: "BN002",
  severity: "warning",
  look(x) {
    const { missing, someMove } = missingUpdates(x);
    return someMove ? missing : [];
  },
  say(cases, x) {
    const missing = cases.flatMap((found) => found.ops);
    const left = new Set(missing);
    const run = x.training
      .flatMap(({ application: { mean, variance } }) => [mean.update, variance.update])
      .filter((op) => !left.has(op));
    const last = Math.max(...run.map((op) => op.id));
    const why = missing.every((op) => op.id > last)
      ? "they were made after the collection was read"
      : "the training step depends on a part of the collection only";
    return `This run moves some moving statistics, but not all of the batch-norm ${layersSay(cases, "", "").trim()}: it does not reach ${listed(
      missing.map((op) => op.name),
      "",
    )}; ${why}.`;
  },
  fix: `// When the whole net is built, of all towers:
const updateOps = tf.getCollection(tf.GraphKeys.UPDATE_OPS);
const trainOp = tf.controlDependencies(updateOps, () => optimizer.minimize(loss));`,
};

export const page: RulePage = {
  title: "Only a part of the update ops runs",
  seen: "S in the graph",
  why: "tf.getCollection copies the collection as it is at that moment: layers built later are not in it, and with a scope it holds one tower's. The layers left out keep 0 and 1 while all the others look right, which is harder to see than none working.",
  sources: ["TensorFlow's guide to tf.layers.batch_normalization", "argman/EAST #112"],
  failing: `const x = tf.placeholder(tf.float32, [null, 8, 8, 1], "x");
let net = tf.layers.conv2d(x, 4, 3, { useBias: false });
net = tf.layers.batchNormalization(net, { training: true, name: "bn_1" });
const updateOps = tf.getCollection(tf.GraphKeys.UPDATE_OPS, "bn_1");
net = tf.layers.conv2d(tf.nn.relu(net), 4, 3, { useBias: false });
net = tf.layers.batchNormalization(net, { training: true, name: "bn_2" });
const loss = tf.reduceMean(tf.square(net));
const optimizer = new tf.train.GradientDescentOptimizer(0.1);
const trainOp = tf.controlDependencies(updateOps, () => optimizer.minimize(loss));

const findings = tf.doctor(tf.getDefaultGraph(), { fetches: trainOp });`,
  change: [
    [`const updateOps = tf.getCollection(tf.GraphKeys.UPDATE_OPS, "bn_1");\n`, ""],
    ["const trainOp =", "const updateOps = tf.getCollection(tf.GraphKeys.UPDATE_OPS);\nconst trainOp ="],
  ],
};
