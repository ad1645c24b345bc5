/** BN014: one layer over two inputs, which both move its statistics. */
import type { Examination, TrainingUse } from "../examination.ts";
import { layersSay, type Case, type Rule, type RulePage } from "../finding.ts";
import { isSource } from "../structure.ts";

export const BN014: Rule = {
  id: "BN014",
  severity: "warning",
  look(x) {
    const byLayer = Map.groupBy(
      x.training.filter(({ application }) => x.moves(application)),
      ({ layer }) => layer,
    );
    return [...byLayer].flatMap(([layer, uses]): Case[] => {
      if (uses.length < 2) return [];
      const ops = uses.map(({ application }) => application.mean.update);
      // Towers that share one batch see the same data; that is meant.
      const severity = new Set(uses.map((use) => sourcesOf(use, x))).size > 1 ? "warning" : "info";
      return [{ ops, name: layer.name, figure: uses.length, severity }];
    });
  },
  say: (cases) =>
    `The batch-norm ${layersSay(cases, "is", "are")} applied to ${Math.max(...cases.map(({ figure }) => figure!))} inputs in one run, and each moves the same statistics: they become a mixture of all inputs, and momentum acts more than once a step.`,
  fix: `// One pass over both inputs, or a layer each; or only the updates of the input that inference will see:
const both = tf.layers.batchNormalization(tf.concat([left, right], 0), { training });`,
};

function sourcesOf({ application }: TrainingUse, { structure }: Examination): string {
  return [...structure.above(application.source)]
    .filter((op) => isSource(op) && op.type !== "PlaceholderWithDefault")
    .map((op) => op.id)
    .sort((a, b) => a - b)
    .join();
}

export const page: RulePage = {
  title: "One layer over two inputs",
  seen: "S in the graph",
  why: "A layer that is reused makes two update ops for one variable. Its statistics become a mixture (of real and generated images, say) that fits neither input, and each step decays them twice.",
  sources: ["tensorflow/tensorflow #1122"],
  failing: `const left = tf.placeholder(tf.float32, [null, 8, 8, 1], "left");
const right = tf.placeholder(tf.float32, [null, 8, 8, 1], "right");
const features = (input, reuse) => {
  const net = tf.layers.conv2d(input, 4, 3, { useBias: false, name: "conv", reuse });
  return tf.layers.batchNormalization(net, { training: true, name: "bn", reuse });
};
const difference = tf.subtract(features(left, false), features(right, true));
const loss = tf.reduceMean(tf.square(difference));
const trainOp = new tf.train.GradientDescentOptimizer(0.1).minimize(loss, { updateOps: true });

const findings = tf.doctor(tf.getDefaultGraph(), { fetches: trainOp });`,
  change: [
    [
      "const difference = tf.subtract(features(left, false), features(right, true));",
      "const [a, b] = tf.split(features(tf.concat([left, right], 0), false), 2);\nconst difference = tf.subtract(a, b);",
    ],
  ],
  note: "Towers that share one batch are meant to do so: for them this is a suggestion (info).",
};
