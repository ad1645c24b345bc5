/** BN007: a frozen layer whose statistics still move. */
import { layersSay, type Rule, type RulePage } from "../finding.ts";

export const BN007: Rule = {
  id: "BN007",
  severity: "warning",
  look(x) {
    const { structure } = x;
    if (!structure.optimizers.some(({ op }) => x.running.has(op))) return [];
    const trained = new Set(structure.optimizers.map(({ variable }) => variable));
    return x.training.flatMap(({ layer, application }) => {
      const parameters = structure.parameters(application);
      const frozen = parameters.length > 0 && !parameters.some((variable) => trained.has(variable));
      return frozen && x.moves(application) ? [{ ops: [application.mean.update], name: layer.name }] : [];
    });
  },
  say: (cases) =>
    `The batch-norm ${layersSay(cases, "is", "are")} frozen: nothing trains gamma and beta. But training is True for ${cases.length === 1 ? "it" : "them"}, so that the moving statistics follow the new data and leave the frozen weights behind.`,
  fix: `// A frozen layer uses the statistics that it was trained with:
net = tf.layers.batchNormalization(net, { training: false, trainable: false });`,
};

export const page: RulePage = {
  title: "A frozen layer whose statistics still move",
  seen: "S in the graph",
  why: "trainable: false keeps gamma and beta, but the moving mean and variance are no trainable variables: only training decides whether they move. In fine-tuning they drift to the new data while everything else of the layer stays.",
  sources: ["keras-team/keras #9965", "TensorFlow.js: layer.trainable = false"],
  failing: `const x = tf.placeholder(tf.float32, [null, 8, 8, 1], "x");
let net = tf.layers.conv2d(x, 4, 3, { useBias: false, trainable: false });
net = tf.layers.batchNormalization(net, { training: true, trainable: false, name: "bn" });
const logits = tf.layers.dense(tf.reduceMean(net, [1, 2]), 2);
const loss = tf.reduceMean(tf.square(logits));
const trainOp = new tf.train.GradientDescentOptimizer(0.1).minimize(loss, { updateOps: true });

const findings = tf.doctor(tf.getDefaultGraph(), { fetches: trainOp });`,
  change: [["training: true", "training: false"]],
};
