/** NN007: softmax of a softmax. */
import { behind } from "../../graph/batchNormLayers.ts";
import { listed, type Case, type Rule, type RulePage } from "../finding.ts";

export const NN007: Rule = {
  id: "NN007",
  severity: "warning",
  look: ({ running }) =>
    [...running].flatMap((op): Case[] => {
      if (!/^(Log)?Softmax$/.test(op.type)) return [];
      const first = behind(op.inputs[0]).op;
      return first.type === "Softmax" ? [{ ops: [first, op], name: op.name }] : [];
    }),
  say: (cases) =>
    `Of what is a softmax already, ${listed(cases.map(({ name }) => name))} takes another one (of ${listed(
      cases.map(({ ops }) => ops[0].name),
      "",
    )}): the probabilities become nearly equal.`,
  fix: `const probabilities = tf.nn.softmax(logits); // once`,
};

export const page: RulePage = {
  title: "Softmax twice",
  seen: "S in the graph",
  why: "The second softmax sees numbers between 0 and 1, so that of ten classes none gets more than 0.24 however sure the net is. The order of the classes stays, and so does the accuracy: only losses and thresholds are wrong.",
  sources: ["NeuraLint: redundant softmax"],
  failing: `const x = tf.placeholder(tf.float32, [null, 4], "x");
const outputs = tf.layers.dense(x, 3, { activation: tf.nn.softmax });
const probabilities = tf.nn.softmax(outputs);

const findings = tf.doctor(tf.getDefaultGraph(), { fetches: probabilities });`,
  change: [["3, { activation: tf.nn.softmax }", "3"]],
};
