/** NN003: gradients that vanish on their way back. */
import { listed, type Rule, type RulePage } from "../finding.ts";
import { ratesAndGradients, weightGradients } from "../gradients.ts";

/** How much smaller than the largest a gradient may be, each measured by its weights. */
const smallest = 1e-6;

export const NN003: Rule = {
  id: "NN003",
  severity: "warning",
  wants: ratesAndGradients,
  look(x) {
    const found = weightGradients(x).filter(({ norm, weight }) => Number.isFinite(norm) && weight > 0);
    const largest = Math.max(0, ...found.map(({ norm, weight }) => norm / weight));
    return found
      .filter(({ norm, weight }) => largest > 0 && norm / weight < smallest * largest)
      .map(({ optimizer: { op, variable }, norm, weight }) => ({
        ops: [op],
        name: variable.name,
        figure: norm / weight / largest,
      }));
  },
  say: (cases) =>
    `The gradient of ${listed(cases.map(({ name }) => name))} is less than a millionth of the largest, measured by the weights: it vanishes on its way back, and these weights do not learn.`,
  fix: `// Units that do not saturate, batch norm, shortcuts around layers:
net = tf.nn.relu(tf.layers.batchNormalization(net, { training }));`,
};

export const page: RulePage = {
  title: "Vanishing gradient",
  seen: "R, by tf.checkup",
  why: "Each saturated layer multiplies the gradient by nearly 0; after several of them the first layers learn nothing. The loss still falls, because the last layers fit what random features give them.",
  sources: ["SageMaker Debugger: VanishingGradient", "NeuraLint"],
  failing: `const x = tf.placeholder(tf.float32, [null, 4], "x");
let net = x;
for (let i = 0; i < 12; i++) net = tf.layers.dense(net, 8, { activation: tf.nn.sigmoid });
const loss = tf.reduceMean(tf.square(tf.layers.dense(net, 1)));
const trainOp = new tf.train.GradientDescentOptimizer(0.1).minimize(loss);
const session = await tf.Session.create({ seed: 1 });
await session.run(tf.globalVariablesInitializer());

const feeds = { "x:0": { data: Float32Array.from({ length: 64 }, (_, i) => ((i * 7) % 11) / 11 - 0.5), shape: [16, 4] } };
const findings = await tf.checkup(session, { fetches: trainOp, feeds });`,
  change: [["tf.nn.sigmoid", "tf.nn.leakyRelu"]],
};
