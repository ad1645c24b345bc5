/** BN005: a momentum in PyTorch's sense. */
import { layersSay, shown, type Rule, type RulePage } from "../finding.ts";

export const BN005: Rule = {
  id: "BN005",
  severity: "warning",
  look: (x) =>
    x.training
      .filter(({ layer, application }) => x.moves(application) && layer.momentum !== null && layer.momentum < 0.5)
      .map(({ layer, application }) => ({ ops: [application.mean.update], name: layer.name, figure: layer.momentum! })),
  say(cases) {
    const momentum = cases[0].figure!;
    return `The batch-norm ${layersSay(cases, "has", "have")} momentum ${shown(momentum)}: each step keeps only that much of the moving statistics. In TensorFlow momentum is what is kept, in PyTorch what is replaced; PyTorch's ${shown(momentum)} is ${shown(1 - momentum)} here.`;
  },
  fix: `// PyTorch: nn.BatchNorm2d(c, momentum=0.1)
net = tf.layers.batchNormalization(net, { training, momentum: 0.9 });`,
};

export const page: RulePage = {
  title: "Momentum in the other convention",
  seen: "S in the graph",
  why: "PyTorch's momentum is the share of the new batch, TensorFlow's the share that is kept, so 0.1 copied from one to the other turns a long average into the last batch. Results in inference jump from one checkpoint to the next.",
  sources: ["pytorch/examples #289", "ludwig-ai/ludwig #2100"],
  failing: `const x = tf.placeholder(tf.float32, [null, 8, 8, 1], "x");
const net = tf.layers.conv2d(x, 4, 3, { useBias: false });
const normed = tf.layers.batchNormalization(net, { training: true, momentum: 0.1, name: "bn" });
const loss = tf.reduceMean(tf.square(normed));
const trainOp = new tf.train.GradientDescentOptimizer(0.1).minimize(loss, { updateOps: true });

const findings = tf.doctor(tf.getDefaultGraph(), { fetches: trainOp });`,
  change: [["momentum: 0.1", "momentum: 0.9"]],
  note: "What a graph says is kept: `session.movingStatistics()` gives the momentum in TensorFlow's sense, and formats with the other sense are converted when they are read.",
};
