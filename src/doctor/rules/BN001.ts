/** BN001: a batch norm in training mode whose update ops do not run (tensorflow #1122, #10118, #11965). */
import type { Rule } from "../finding.ts";

export const BN001: Rule = ({ layers, running }) => {
  const forgotten = layers
    .filter((layer) => layer.training.some((op) => running.has(op)))
    .map((layer) => ({
      name: layer.name,
      missing: [layer.mean.update, layer.variance.update].filter((op) => !running.has(op)),
    }))
    .filter((layer) => layer.missing.length > 0);
  if (forgotten.length === 0) return [];
  const ops = forgotten.flatMap((layer) => layer.missing.map((op) => op.name));
  const names = forgotten.map((layer) => `'${layer.name}'`);
  const layersSay =
    names.length === 1
      ? `layer ${names[0]} normalises`
      : `layers ${names.slice(0, 4).join(", ")}${names.length > 4 ? ` and ${names.length - 4} more` : ""} normalise`;
  const opsSay = `${ops.slice(0, 4).join(", ")}${ops.length > 4 ? ` and ${ops.length - 4} more` : ""}`;
  return [
    {
      id: "BN001",
      severity: "warning",
      message: `The batch-norm ${layersSay} with batch statistics, but this run does not reach ${ops.length === 1 ? "its update op" : "the update ops"} ${opsSay}: the moving mean and variance keep their values, and inference is wrong without a word.`,
      ops,
      fix: `const updateOps = tf.getCollection(tf.GraphKeys.UPDATE_OPS);\nconst trainOp = tf.controlDependencies(updateOps, () => tf.identity(net, "train_op"));`,
    },
  ];
};
