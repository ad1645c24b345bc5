/** BN013: a bias right before a batch norm is dead weight. */
import { behind } from "../../graph/batchNormLayers.ts";
import type { Operation, Tensor } from "../../graph/operation.ts";
import { variableType } from "../../graph/variableOps.ts";
import { layersSay, listed, type Rule, type RulePage } from "../finding.ts";
import { variableBehind } from "../structure.ts";

export const BN013: Rule = {
  id: "BN013",
  severity: "info",
  look: ({ training }) =>
    training.flatMap(({ layer, application }) => {
      const bias = biasOf(application.source.inputs[0]);
      return bias ? [{ ops: [bias], name: layer.name }] : [];
    }),
  say: (cases) =>
    `A bias is added right before the batch-norm ${layersSay(cases, "", "").trim()} (${listed(
      cases.map(({ ops }) => ops[0].name),
      "",
    )}): the layer takes it off again with the mean, so that it has no effect, and its gradient is rounding noise.`,
  fix: `net = tf.layers.conv2d(net, 32, 3, { useBias: false });
net = tf.layers.batchNormalization(net, { training });`,
};

/** The operation that adds a variable to every channel right before `input`. */
export function biasOf(input: Tensor): Operation | null {
  const { op } = behind(input);
  if (op.type !== "BiasAdd" && op.type !== "Add" && op.type !== "AddV2") return null;
  const added = op.inputs.flatMap((operand) => variableBehind(operand) ?? []);
  return added.some((variable) => variableType(variable).shape?.length === 1) ? op : null;
}

export const page: RulePage = {
  title: "A bias before a batch norm",
  seen: "S in the graph",
  why: "The batch's mean contains the bias and is subtracted, so the bias is memory and work for nothing. Its gradient is rounding noise, which Adam turns into steps of ordinary size: the weights of two equal trainings differ for no reason.",
  sources: ["allenai/allennlp #4990"],
  failing: `const x = tf.placeholder(tf.float32, [null, 8, 8, 1], "x");
const net = tf.layers.conv2d(x, 4, 3);
const normed = tf.layers.batchNormalization(net, { training: true, name: "bn" });
const loss = tf.reduceMean(tf.square(normed));
const trainOp = new tf.train.GradientDescentOptimizer(0.1).minimize(loss, { updateOps: true });

const findings = tf.doctor(tf.getDefaultGraph(), { fetches: trainOp });`,
  change: [["conv2d(x, 4, 3)", "conv2d(x, 4, 3, { useBias: false })"]],
};
