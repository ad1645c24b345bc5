/** BN004: momentum so high that the moving statistics still remember their initial value. */
import { layersSay, shown, type Case, type Rule, type RulePage } from "../finding.ts";

/** What may be left of the initial value. */
const tolerated = 0.05;

export const BN004: Rule = {
  id: "BN004",
  severity: "info",
  ofSession: true,
  look(x) {
    const { session, steps } = x;
    const cases: Case[] = [];
    const add = (name: string, op: Case["ops"][0], momentum: number | null, updates: number | null): void => {
      const residual = momentum === null || !updates ? 0 : power(momentum, updates);
      if (residual > tolerated && !cases.some((known) => known.name === name))
        cases.push({ ops: [op], name, figure: residual });
    };
    if (session)
      for (const { layer, op } of x.inferring)
        if (layer) add(layer.name, op, layer.momentum, session.updatesOf(layer.name));
    if (steps !== null) {
      for (const { layer, application } of x.training) {
        const moves = layer.applications.filter((at) => x.moves(at)).length;
        if (moves > 0) add(layer.name, application.mean.update, layer.momentum, steps * moves);
      }
    }
    return cases;
  },
  say: (cases, { steps }) =>
    `In the moving statistics of the batch-norm ${layersSay(cases, "", "").trim()}, ${shown(
      Math.max(...cases.map(({ figure }) => figure!)),
    )} of the initial 0 and 1 ${steps === null ? "is" : "will be"} left after so few steps: the momentum is too high for them.`,
  fix: `// momentum ** steps is what is left: 0.99 ** 160 = 0.2, 0.9 ** 160 = 5e-8.
net = tf.layers.batchNormalization(net, { training, momentum: 0.9 });`,
};

/** By squaring: the same bits in every engine, which Math.pow does not promise. */
function power(base: number, exponent: number): number {
  let result = 1;
  for (let square = base, rest = exponent; rest > 0; rest = Math.floor(rest / 2), square *= square)
    if (rest % 2 === 1) result *= square;
  return result;
}

export const page: RulePage = {
  title: "Momentum too high for the number of steps",
  seen: "R in a session, S where the number of steps is given",
  why: "After n updates the moving statistics hold momentum ** n of their initial 0 and 1; with the default of 0.99 and 160 steps a fifth. Inference is then wrong by that share although every update op runs.",
  sources: ["tensorflow/tensorflow #1122", "keras-team/keras #6839"],
  failing: `const x = tf.placeholder(tf.float32, [null, 8, 8, 1], "x");
const net = tf.layers.conv2d(x, 4, 3, { useBias: false });
const normed = tf.layers.batchNormalization(net, { training: true, momentum: 0.99, name: "bn" });
const loss = tf.reduceMean(tf.square(normed));
const trainOp = new tf.train.GradientDescentOptimizer(0.1).minimize(loss, { updateOps: true });

const findings = tf.doctor(tf.getDefaultGraph(), { fetches: trainOp, steps: 160 });`,
  change: [["momentum: 0.99", "momentum: 0.9"]],
  note: 'A session counts the updates and needs no `steps`: the rule looks when a run uses the statistics. As a suggestion it is listed by `session.doctor(fetches, feeds, { severity: "info" })` and warns nobody.',
};
