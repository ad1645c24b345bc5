/** Family loss: cross entropies an element or a row, and tf.losses, weighted and averaged. */
import * as tf from "../../../src/index.ts";
import { Unsupported, type GoldenCase } from "../goldenCase.ts";
import { evaluate, type Adapter, type Inputs } from "./adapter.ts";
import { gradientsOf } from "./gradients.ts";

type Loss = (
  labels: tf.Tensor,
  predictions: tf.Tensor,
  options: {
    weights?: tf.Tensor;
    labelSmoothing?: number;
    delta?: number;
    epsilon?: number;
    axis?: number;
    reduction?: tf.losses.Reduction;
  },
) => tf.Tensor;

const losses: { readonly [op: string]: Loss | undefined } = {
  SoftmaxCrossEntropyWithLogits: (labels, logits) => tf.nn.softmaxCrossEntropyWithLogitsV2({ labels, logits }),
  SparseSoftmaxCrossEntropyWithLogits: (labels, logits) =>
    tf.nn.sparseSoftmaxCrossEntropyWithLogits({ labels, logits }),
  sigmoid_cross_entropy_with_logits: (labels, logits) => tf.nn.sigmoidCrossEntropyWithLogits({ labels, logits }),
  "losses.absolute_difference": tf.losses.absoluteDifference,
  "losses.cosine_distance": (labels, predictions, { axis = -1, ...options }) =>
    tf.losses.cosineDistance(labels, predictions, { ...options, axis }),
  "losses.hinge_loss": tf.losses.hingeLoss,
  "losses.huber_loss": tf.losses.huberLoss,
  "losses.log_loss": tf.losses.logLoss,
  "losses.mean_squared_error": tf.losses.meanSquaredError,
  "losses.sigmoid_cross_entropy": tf.losses.sigmoidCrossEntropy,
  "losses.softmax_cross_entropy": tf.losses.softmaxCrossEntropy,
  "losses.sparse_softmax_cross_entropy": tf.losses.sparseSoftmaxCrossEntropy,
};

export const loss: Adapter = (golden) => {
  const build = losses[golden.op];
  if (!build) throw new Unsupported(golden.op);
  return evaluate(golden, (input) => {
    const y = built(build, golden, input);
    return { y, ...gradientsOf(golden, y, input) };
  });
};

function built(build: Loss, { attrs, inputs }: GoldenCase, input: Inputs): tf.Tensor {
  const first = (...names: readonly string[]): tf.Tensor => input(names.find((name) => inputs.has(name)) ?? names[0]);
  const optional = (name: string): number | undefined => (attrs.has(name) ? attrs.number(name) : undefined);
  return build(first("labels", "onehot"), first("logits", "pred"), {
    weights: inputs.has("weights") ? input("weights") : undefined,
    labelSmoothing: optional("label_smoothing"),
    delta: optional("delta"),
    epsilon: optional("epsilon"),
    axis: optional("axis"),
    reduction: reductionOf(attrs),
  });
}

/** A name of tf.losses.Reduction in the attribute, perhaps with an explanation; undefined for the default. */
function reductionOf(attrs: GoldenCase["attrs"]): tf.losses.Reduction | undefined {
  const [name] = attrs.has("reduction") ? (/^[A-Z_]+/.exec(attrs.string("reduction")) ?? [""]) : [""];
  return name in tf.losses.Reduction ? tf.losses.Reduction[name as keyof typeof tf.losses.Reduction] : undefined;
}
