/** NN008: trainable variables that no optimizer trains. */
import { listed, type Rule, type RulePage } from "../finding.ts";

export const NN008: Rule = {
  id: "NN008",
  severity: "info",
  look({ structure: { optimizers, trainable }, running }) {
    if (!optimizers.some(({ op }) => running.has(op))) return [];
    const trained = new Set(optimizers.map(({ variable }) => variable));
    return [...trainable]
      .filter((variable) => running.has(variable) && !trained.has(variable))
      .map((variable) => ({ ops: [variable], name: variable.name }));
  },
  say: (cases) =>
    `No optimizer changes the trainable ${cases.length === 1 ? "variable" : "variables"} ${listed(
      cases.map(({ name }) => name),
    )}, which this step uses: no gradient arrives, or a list of variables leaves it out.`,
  fix: `// On purpose? Then say so:
const kernel = tf.getVariable("kernel", shape, { trainable: false });`,
};

export const page: RulePage = {
  title: "A trainable variable that is never trained",
  seen: "S in the graph",
  why: "A stopGradient, an argmax on the way or a list of variables can cut a part of the net off from training without a word. It keeps its random initial values and everything behind it learns to live with them.",
  sources: ["TheDeepChecker: untrained parameters"],
  failing: `const x = tf.placeholder(tf.float32, [null, 4], "x");
const features = tf.stopGradient(tf.layers.dense(x, 8, { name: "features" }));
const loss = tf.reduceMean(tf.square(tf.layers.dense(features, 1)));
const trainOp = new tf.train.GradientDescentOptimizer(0.1).minimize(loss);

const findings = tf.doctor(tf.getDefaultGraph(), { fetches: trainOp });`,
  change: [
    [`tf.stopGradient(tf.layers.dense(x, 8, { name: "features" }))`, `tf.layers.dense(x, 8, { name: "features" })`],
  ],
  note: "Fine-tuning leaves variables out on purpose, so this is a suggestion only.",
};
