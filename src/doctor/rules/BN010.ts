/** BN010: gradient accumulation moves the statistics once a micro-batch. */
import { layersSay, type Rule, type RulePage } from "../finding.ts";

export const BN010: Rule = {
  id: "BN010",
  severity: "warning",
  look(x) {
    const { structure, running } = x;
    const unconditional = structure.optimizers.some(({ op }) => running.has(op) && x.isCertain(op));
    if (unconditional || !structure.accumulations.some((op) => running.has(op))) return [];
    return x.training
      .filter(({ application }) => x.moves(application) && x.isCertain(application.mean.update))
      .map(({ layer, application }) => ({ ops: [application.mean.update], name: layer.name }));
  },
  say: (cases) =>
    `This run only adds gradients up, but it moves the statistics of the batch-norm ${layersSay(cases, "", "").trim()}: once a micro-batch, so that over a whole step momentum is raised to the number of micro-batches.`,
  fix: `// Either the last micro-batch alone moves them:
const last = tf.group([accumulate, ...tf.getCollection(tf.GraphKeys.UPDATE_OPS)]);
// or momentum is the root: batchNormalization(net, { momentum: 0.99 ** (1 / microBatches) }), with tf.silence for this rule`,
};

export const page: RulePage = {
  title: "Gradient accumulation moves the statistics too often",
  seen: "S in the graph",
  why: "With k micro-batches a step the statistics move k times while the weights move once: momentum 0.99 acts as 0.99 ** k, and each move sees a small batch. The larger batch that accumulation stands for is not what the statistics see.",
  sources: ["pytorch/pytorch #46516"],
  failing: `const x = tf.placeholder(tf.float32, [null, 8, 8, 1], "x");
const net = tf.layers.conv2d(x, 4, 3, { useBias: false });
const normed = tf.layers.batchNormalization(net, { training: true, name: "bn" });
const loss = tf.reduceMean(tf.square(normed));
const optimizer = new tf.train.GradientDescentOptimizer(0.1);
const pairs = optimizer.computeGradients(loss);
const sums = pairs.map(([, item]) => tf.variable(tf.zeros(item.shape), { trainable: false }));
const accumulate = tf.group(pairs.map(([gradient], i) => tf.assignAdd(sums[i], gradient)));
const apply = optimizer.applyGradients(pairs.map(([, item], i) => [sums[i].value(), item]));
const updateOps = tf.getCollection(tf.GraphKeys.UPDATE_OPS);
const micro = tf.group([accumulate, ...updateOps]);
const last = tf.group([accumulate, ...updateOps, apply]);

const findings = tf.doctor(tf.getDefaultGraph(), { fetches: micro });`,
  change: [["const micro = tf.group([accumulate, ...updateOps]);", "const micro = accumulate;"]],
};
