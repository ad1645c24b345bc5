/** BN006: biased against unbiased moving variance, where that matters. */
import { layersSay, shown, type Rule, type RulePage } from "../finding.ts";

/** With more samples a channel n / (n − 1) is within 5 % of 1. */
const few = 20;

export const BN006: Rule = {
  id: "BN006",
  severity: "info",
  look: (x) =>
    x.training.flatMap(({ layer, application }) => {
      const samples = x.samples(application);
      return samples !== null && samples >= 2 && samples <= few && layer.unbiased && x.moves(application)
        ? [{ ops: [application.source], name: layer.name, figure: samples / (samples - 1) }]
        : [];
    }),
  say: (cases) =>
    `The fused batch-norm ${layersSay(cases, "takes its", "take their")} statistics over so few samples a channel that the moving variance, which averages unbiased ones, becomes ${shown(
      Math.max(...cases.map(({ figure }) => figure!)),
    )} times what the layer normalises with. Non-fused layers, Keras 3 and ONNX average biased ones.`,
  fix: `// More samples a channel; or, where the variance must be comparable, the biased form:
net = tf.layers.batchNormalization(net, { training, fused: false });`,
};

export const page: RulePage = {
  title: "Biased or unbiased variance",
  seen: "R from the shapes of a run",
  why: "TensorFlow's fused kernel normalises with the variance divided by n and averages the one divided by n − 1; its non-fused form, Keras 3 and ONNX use n for both. With few samples a channel the two differ by several per cent, so inference differs from training and from the same weights elsewhere.",
  sources: ["tensorflow/tensorflow #55545", "pytorch/pytorch #1410"],
  failing: `const x = tf.placeholder(tf.float32, [4, 2, 2, 3], "x");
const net = tf.layers.batchNormalization(x, { training: true, name: "bn" });
const loss = tf.reduceMean(tf.square(net));
const trainOp = new tf.train.GradientDescentOptimizer(0.1).minimize(loss, { updateOps: true });

const findings = tf.doctor(tf.getDefaultGraph(), { fetches: trainOp });`,
  change: [["[4, 2, 2, 3]", "[32, 2, 2, 3]"]],
  note: "Which of the two a layer averages is recorded in its checkpoints and with each layer that is found.",
};
