/** NN004: a learning rate of 0. */
import type { Tensor } from "../../graph/operation.ts";
import { elementAt } from "../../graph/tensorValue.ts";
import type { Examination } from "../examination.ts";
import { listed, type Rule, type RulePage } from "../finding.ts";

export const NN004: Rule = {
  id: "NN004",
  severity: "warning",
  wants: rates,
  look: (x) =>
    x.structure.optimizers
      .filter(({ op, rate }) => rate !== null && x.running.has(op) && rateOf(rate, x) === 0)
      .map(({ op, variable }) => ({ ops: [op], name: variable.name })),
  say: (cases) =>
    `The learning rate of ${listed(
      cases.map(({ ops }) => ops[0].name),
      "",
    )} is 0: the step changes nothing but statistics and counters.`,
  fix: `// A schedule that ends before training does stays at its end value:
const rate = tf.train.polynomialDecay(0.01, step, decaySteps, { endLearningRate: 1e-4 });`,
};

function rates({ structure, running }: Examination): Tensor[] {
  return structure.optimizers.flatMap(({ op, rate }) => (rate && running.has(op) ? [rate] : []));
}

function rateOf(rate: Tensor, { reach, values }: Examination): number | null {
  const measured = values?.get(rate)?.data[0];
  if (measured !== undefined) return Number(measured);
  const known = reach.constants.spareValueOf(rate);
  return known ? elementAt(known, 0) : null;
}

export const page: RulePage = {
  title: "Learning rate 0",
  seen: "S where the rate is constant, R by tf.checkup where a schedule computes it",
  why: "A schedule that has run out, or an integer division in it, leaves a rate of 0. Losses still vary from batch to batch, so it looks as if training went on.",
  sources: ["TheDeepChecker"],
  failing: `const x = tf.placeholder(tf.float32, [null, 4], "x");
const loss = tf.reduceMean(tf.square(tf.layers.dense(x, 1)));
const globalStep = tf.train.getOrCreateGlobalStep();
const rate = tf.train.polynomialDecay(0.1, globalStep, 10, { endLearningRate: 0 });
const trainOp = new tf.train.GradientDescentOptimizer(rate).minimize(loss, { globalStep });
const session = await tf.Session.create({ seed: 1 });
await session.run(tf.globalVariablesInitializer());

const feeds = { "x:0": { data: Float32Array.from({ length: 64 }, (_, i) => ((i * 7) % 11) / 11 - 0.5), shape: [16, 4] } };
await session.run(trainOp, feeds, { repeat: 10 });
const findings = await tf.checkup(session, { fetches: trainOp, feeds });`,
  change: [["endLearningRate: 0 }", "endLearningRate: 0.001 }"]],
};
