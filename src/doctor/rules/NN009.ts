/** NN009: a placeholder's default that makes an evaluation random. */
import { Tensor, type Operation } from "../../graph/operation.ts";
import type { Examination } from "../examination.ts";
import { listed, type Case, type Rule, type RulePage } from "../finding.ts";
import { reached } from "../structure.ts";

export const NN009: Rule = {
  id: "NN009",
  severity: "warning",
  look(x) {
    const { structure, fetches, running } = x;
    if (x.trains || structure.optimizers.length === 0) return [];
    const values = fetches.filter((fetch) => fetch instanceof Tensor) as Tensor[];
    const above = structure.above(...values.map(({ op }) => op));
    const random = [...running].filter(({ type }) => /^Random|^TruncatedNormal$/.test(type));
    return random.flatMap((op): Case[] => {
      const switched = above.has(op) ? defaultOf(op, x) : null;
      return switched ? [{ ops: [switched, op], name: switched.name }] : [];
    });
  },
  say: (cases) =>
    `This run trains nothing, yet its result is random (${listed(
      cases.map(({ ops }) => ops[1].name),
      "",
    )}), because ${listed(cases.map(({ name }) => name))} is not fed and its default turns that on.`,
  fix: `await session.run(logits, { ...feeds, "training:0": false });
// or a default for evaluation: tf.placeholderWithDefault(false, [], "training")`,
};

/** The placeholder that is not fed and whose default decides the branch an operation is in. */
function defaultOf(op: Operation, { feeds }: Examination): Operation | null {
  const before = reached([op], (at) => [...at.inputs.map((input) => input.op), ...at.controlInputs]);
  const fed = new Set(feeds.map(({ tensor }) => tensor.op));
  for (const { type, inputs } of before) {
    if (type !== "Switch") continue;
    for (const at of reached([inputs[1].op], ({ inputs: [first], type: kind }) =>
      first && /^(Identity|Switch)$/.test(kind) ? [first.op] : [],
    ))
      if (at.type === "PlaceholderWithDefault" && !fed.has(at)) return at;
  }
  return null;
}

export const page: RulePage = {
  title: "A default that makes an evaluation random",
  seen: "S in the graph and the feeds",
  why: "placeholderWithDefault(true) needs no feed in training, and none in evaluation either: forget it there and dropout stays on. The result is another one at each call, and worse than the model is.",
  sources: ["tensorflow/tensorflow #4361"],
  failing: `const x = tf.placeholder(tf.float32, [null, 4], "x");
const training = tf.placeholderWithDefault(true, [], "training");
const net = tf.layers.dropout(tf.layers.dense(x, 8), { training });
const logits = tf.layers.dense(net, 3);
new tf.train.GradientDescentOptimizer(0.1).minimize(tf.reduceMean(tf.square(logits)));

const findings = tf.doctor(tf.getDefaultGraph(), { fetches: logits, feeds: {} });`,
  change: [["feeds: {}", `feeds: { "training:0": false }`]],
};
