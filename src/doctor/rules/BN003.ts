/** BN003: `training` is False while gradients run, or True in evaluation. */
import { Tensor } from "../../graph/operation.ts";
import type { Examination } from "../examination.ts";
import { layersSay, type Case, type Rule, type RulePage } from "../finding.ts";
import { readsStatistics } from "../updates.ts";

export const BN003: Rule = {
  id: "BN003",
  severity: "warning",
  // Where only the run decides the branch, both are there: nothing can be said.
  look: (x) => (x.trains ? frozenInTraining(x) : readsStatistics(x) ? [] : trainingInEvaluation(x)),
  say(cases, x) {
    if (x.trains)
      return `This run trains the batch-norm ${layersSay(cases, "", "").trim()} while normalising with the moving statistics: training is False although gradients run, so that the statistics never move.`;
    const moving = x.training.some(({ application }) => x.moves(application));
    return `This run trains nothing, but the batch-norm ${layersSay(cases, "normalises", "normalise")} with the batch's own statistics: training is True in evaluation, so that a result depends on what else is in its batch${moving ? ", and the data of the evaluation moves the statistics" : ""}.`;
  },
  fix: `const training = tf.placeholderWithDefault(false, [], "training");
// every step: await session.run(trainOp, { ...feeds, "training:0": true });
// every evaluation: await session.run(logits, feeds);`,
};

/** A layer that is frozen on purpose does not train its gamma and beta either. */
function frozenInTraining({ structure, inferring, training, running }: Examination): Case[] {
  const trained = new Set(structure.optimizers.filter(({ op }) => running.has(op)).map(({ variable }) => variable));
  return inferring
    .filter(({ layer }) => !training.some((use) => use.layer === layer))
    .filter(({ parameters, layer }) =>
      parameters.length > 0 ? parameters.some((variable) => trained.has(variable)) : layer !== null,
    )
    .map(({ op, name }) => ({ ops: [op], name }));
}

function trainingInEvaluation({ structure, fetches, training, inferring, running }: Examination): Case[] {
  if (structure.optimizers.length === 0) return [];
  // Gradients that are only looked at want the training mode; so does a run for the update ops alone.
  if ([...running].some(({ type }) => /Grad(V\d)?$|Backprop/.test(type))) return [];
  const values = fetches.filter((fetch) => fetch instanceof Tensor) as Tensor[];
  const above = structure.above(...values.map(({ op }) => op));
  return training
    .filter(({ layer }) => !inferring.some((use) => use.layer === layer))
    .filter(({ application: { source } }) => above.has(source))
    .map(({ layer, application }) => ({ ops: [application.source], name: layer.name }));
}

export const page: RulePage = {
  title: "training is False in training, or True in evaluation",
  seen: "S in the graph and the feeds",
  why: "With False in training the weights are fitted to statistics that never follow them. With True in evaluation every result depends on the other samples of its batch, and where the updates run too, the data of the validation ends up in the model.",
  sources: ["tensorflow/tensorflow #4361", "tinghuiz/SfMLearner #17"],
  failing: `const x = tf.placeholder(tf.float32, [null, 8, 8, 1], "x");
const training = tf.placeholderWithDefault(true, [], "training");
const net = tf.layers.conv2d(x, 4, 3, { useBias: false });
const normed = tf.layers.batchNormalization(net, { training, name: "bn" });
const loss = tf.reduceMean(tf.square(normed));
new tf.train.GradientDescentOptimizer(0.1).minimize(loss, { updateOps: true });

const findings = tf.doctor(tf.getDefaultGraph(), { fetches: loss, feeds: {} });`,
  change: [["feeds: {}", `feeds: { "training:0": false }`]],
  note: "A layer that is frozen on purpose trains neither gamma nor beta: that is no finding. Neither is a run that fetches nothing but the update ops, which recalibrates the statistics.",
};
