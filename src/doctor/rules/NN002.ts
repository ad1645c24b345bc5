/** NN002: gradients that explode. */
import { listed, shown, type Case, type Rule, type RulePage } from "../finding.ts";
import { ratesAndGradients, weightGradients } from "../gradients.ts";

export const NN002: Rule = {
  id: "NN002",
  severity: "warning",
  wants: ratesAndGradients,
  look: (x) =>
    weightGradients(x).flatMap(({ optimizer: { op, variable }, norm, weight, rate }): Case[] => {
      if (!Number.isFinite(norm)) return [{ ops: [op], name: variable.name, severity: "error" }];
      // Adam and its kin divide by the gradient's size.
      const plain = /Apply(GradientDescent|Momentum)$/.test(op.type);
      const step = plain && rate !== null && weight > 0 ? (rate * norm) / weight : 0;
      return step > 1 ? [{ ops: [op], name: variable.name, figure: step }] : [];
    }),
  say: (cases) =>
    cases[0].figure === undefined
      ? `The gradients of ${listed(cases.map(({ name }) => name))} are not finite: one step makes the weights NaN for good.`
      : `One step would change ${listed(cases.map(({ name }) => name))} by up to ${shown(
          Math.max(...cases.map(({ figure }) => figure!)),
        )} times the weights' own size: the gradient explodes, or the learning rate is far too high.`,
  fix: `const [gradients] = tf.clipByGlobalNorm(pairs.map(([gradient]) => gradient), 1);
const trainOp = optimizer.applyGradients(gradients.map((gradient, i) => [gradient, pairs[i][1]]));`,
};

export const page: RulePage = {
  title: "Exploding gradient",
  seen: "R, by tf.checkup",
  why: "A step larger than the weights themselves replaces what was learned by noise, and a few of them overflow to NaN. Inputs that are not scaled and learning rates copied from another optimizer are the usual reasons.",
  sources: ["SageMaker Debugger: ExplodingTensor", "TheDeepChecker"],
  failing: `const x = tf.placeholder(tf.float32, [null, 4], "x");
const loss = tf.reduceMean(tf.square(tf.layers.dense(x, 1)));
const trainOp = new tf.train.GradientDescentOptimizer(100).minimize(loss);
const session = await tf.Session.create({ seed: 1 });
await session.run(tf.globalVariablesInitializer());

const feeds = { "x:0": { data: Float32Array.from({ length: 64 }, (_, i) => ((i * 7) % 11) / 11 - 0.5), shape: [16, 4] } };
const findings = await tf.checkup(session, { fetches: trainOp, feeds });`,
  change: [["GradientDescentOptimizer(100)", "GradientDescentOptimizer(0.1)"]],
};
