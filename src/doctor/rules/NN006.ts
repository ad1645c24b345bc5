/** NN006: probabilities where a loss takes logits. */
import { behind } from "../../graph/batchNormLayers.ts";
import type { Operation, Tensor } from "../../graph/operation.ts";
import { listed, type Case, type Rule, type RulePage } from "../finding.ts";

export const NN006: Rule = {
  id: "NN006",
  severity: "error",
  look: ({ running }) =>
    [...running].flatMap((op): Case[] => {
      const logits = logitsOf(op);
      const made = logits && behind(logits).op;
      return made && /^(Softmax|Sigmoid)$/.test(made.type) ? [{ ops: [made, op], name: op.name }] : [];
    }),
  say: (cases) =>
    `The loss ${listed(cases.map(({ name }) => name))} takes logits, but gets the probabilities of ${listed(
      cases.map(({ ops }) => ops[0].name),
      "",
    )}: it squashes them a second time, cannot become small, and its gradient is weak.`,
  fix: `const logits = tf.layers.dense(net, 10); // no activation
const loss = tf.losses.sparseSoftmaxCrossEntropy(labels, logits);
const probabilities = tf.nn.softmax(logits); // for people`,
};

/** The logits of a cross entropy; that of sigmoids ends in log(1 + exp(−|x|)). */
function logitsOf(op: Operation): Tensor | null {
  if (/^(Sparse)?SoftmaxCrossEntropyWithLogits$/.test(op.type)) return op.inputs[0];
  if (op.type !== "Log1p" || op.inputs[0].op.type !== "Exp") return null;
  const chosen = op.inputs[0].op.inputs[0].op;
  if (!/^Select(V2)?$/.test(chosen.type)) return null;
  const [, negated, logits] = chosen.inputs;
  return negated.op.type === "Neg" && negated.op.inputs[0] === logits ? logits : null;
}

export const page: RulePage = {
  title: "A loss on probabilities instead of logits",
  seen: "S in the graph",
  why: "Cross entropy with logits applies softmax (or sigmoid) itself; on probabilities the scores lie between 0 and 1, so that even a perfect answer has a loss of more than 1 with ten classes. Training works a little, which hides it.",
  sources: [
    "NeuraLint: missing or redundant softmax",
    "TensorFlow's documentation of softmax_cross_entropy_with_logits",
  ],
  failing: `const x = tf.placeholder(tf.float32, [null, 4], "x");
const labels = tf.placeholder(tf.int32, [null], "labels");
const logits = tf.layers.dense(x, 3);
const outputs = tf.nn.softmax(logits);
const loss = tf.reduceMean(tf.nn.sparseSoftmaxCrossEntropyWithLogits({ labels, logits: outputs }));
const trainOp = new tf.train.GradientDescentOptimizer(0.1).minimize(loss);

const findings = tf.doctor(tf.getDefaultGraph(), { fetches: trainOp });`,
  change: [["logits: outputs", "logits"]],
};
