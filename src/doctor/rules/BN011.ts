/** BN011: averaged or loaded weights with statistics of other weights. */
import type { Examination } from "../examination.ts";
import { layersSay, listed, type Case, type Rule, type RulePage } from "../finding.ts";
import { isInitial } from "../statistics.ts";

export const BN011: Rule = {
  id: "BN011",
  severity: "warning",
  ofSession: true,
  look: (x) => replaced(x).filter(({ initial }) => !initial),
  say: (cases) =>
    `The weights in front of the batch-norm ${layersSay(cases, "were", "were")} set (${listed(
      cases.flatMap(({ ops }) => ops.map((op) => op.name)),
      "",
    )}) after the moving statistics last moved: these belong to other weights.`,
  fix: `// Statistics of the new weights, over some batches:
await tf.recalibrate(session, { feeds: { "x:0": images }, batchSize: 256, constants: { "training:0": true } });`,
};

/** Batch norms used for inference whose input depends on weights set since the statistics last changed. */
export function replaced({ inferring, session, structure }: Examination): (Case & { initial: boolean })[] {
  if (!session) return [];
  return inferring.flatMap(({ op, mean, variance, name }) => {
    const set = session.setSince(mean);
    if (set.size === 0) return [];
    const above = structure.above(op);
    const ops = [...set].filter((variable) => above.has(variable));
    return ops.length > 0 ? [{ ops, name, initial: isInitial(session, mean, variance) }] : [];
  });
}

export const page: RulePage = {
  title: "Averaged weights without recalibrated statistics",
  seen: "R in a session",
  why: "Moving statistics describe what the weights of the last steps made of the data. Weights averaged over many steps or clients (SWA, EMA, federated) make something else of it, and inference with the old statistics loses more than averaging gains.",
  sources: ["timgaripov/swa #7", "pytorch/pytorch #30559"],
  failing: `const x = tf.placeholder(tf.float32, [null, 8, 8, 1], "x");
const training = tf.placeholderWithDefault(false, [], "training");
const net = tf.layers.conv2d(x, 4, 3, { useBias: false, name: "conv" });
const normed = tf.layers.batchNormalization(net, { training, name: "bn" });
const loss = tf.reduceMean(tf.square(normed));
const trainOp = new tf.train.GradientDescentOptimizer(0.1).minimize(loss, { updateOps: true });
const updateOps = tf.getCollection(tf.GraphKeys.UPDATE_OPS);
const session = await tf.Session.create();
await session.run(tf.globalVariablesInitializer());

const feeds = { "x:0": { data: new Float32Array(4 * 64).fill(0.5), shape: [4, 8, 8, 1] }, "training:0": true };
await session.run(trainOp, feeds);
const before = session.variables().get("conv/kernel");
await session.run(trainOp, feeds);
const after = session.variables().get("conv/kernel");
const mean = before.data.map((weight, i) => (weight + after.data[i]) / 2);
session.load({ "conv/kernel": { data: mean, shape: [3, 3, 1, 4] } });
const findings = session.doctor(loss, { ...feeds, "training:0": false });`,
  change: [
    ["const findings", "await session.run(updateOps, feeds); // as many batches as momentum asks for\nconst findings"],
  ],
};
