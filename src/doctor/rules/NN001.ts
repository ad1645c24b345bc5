/** NN001: units that are 0 for every sample. */
import { listed, shown, type Rule, type RulePage } from "../finding.ts";

/** Fewer positions tell nothing about a unit. */
const enough = 8;

export const NN001: Rule = {
  id: "NN001",
  severity: "warning",
  wants: (x) => [...x.running].filter(({ type }) => /^Relu6?$/.test(type)).map((op) => op.outputs[0]),
  look: (x) =>
    [...(x.values ?? [])].flatMap(([{ op }, { data, shape }]) => {
      const channels = shape.at(-1) ?? 0;
      if (!/^Relu6?$/.test(op.type) || channels === 0 || data.length / channels < enough) return [];
      const alive = new Uint8Array(channels);
      for (let i = 0; i < data.length; i++) if (Number(data[i]) > 0) alive[i % channels] = 1;
      const dead = 1 - alive.reduce((sum, one) => sum + one, 0) / channels;
      return dead >= 0.5
        ? [{ ops: [op], name: op.name, figure: dead, severity: dead === 1 ? "error" : "warning" }]
        : [];
    }),
  say: (cases) =>
    `Of the units behind ${listed(cases.map(({ name }) => name))}, ${shown(
      100 * Math.max(...cases.map(({ figure }) => figure!)),
    )} % are 0 for every sample of this batch: no gradient passes a dead unit, so it stays dead.`,
  fix: `// A smaller learning rate, a bias that does not start below 0, batch norm, or a unit that cannot die:
net = tf.nn.leakyRelu(net);`,
};

export const page: RulePage = {
  title: "Dead ReLU",
  seen: "R, by tf.checkup",
  why: "A unit whose input is negative for all data gives 0 and takes no gradient, so nothing brings it back. Large steps early in training kill many at once, and the net goes on with what is left.",
  sources: ["NeuraLint", "TheDeepChecker", "SageMaker Debugger: DeadRelu"],
  failing: `const x = tf.placeholder(tf.float32, [null, 4], "x");
const net = tf.layers.dense(x, 8, { activation: tf.nn.relu, biasInitializer: tf.constantInitializer(-10) });
const loss = tf.reduceMean(tf.square(tf.layers.dense(net, 1)));
const trainOp = new tf.train.GradientDescentOptimizer(0.01).minimize(loss);
const session = await tf.Session.create({ seed: 1 });
await session.run(tf.globalVariablesInitializer());

const feeds = { "x:0": { data: Float32Array.from({ length: 64 }, (_, i) => ((i * 7) % 11) / 11 - 0.5), shape: [16, 4] } };
const findings = await tf.checkup(session, { fetches: trainOp, feeds });`,
  change: [["tf.constantInitializer(-10)", "tf.constantInitializer(0.1)"]],
};
