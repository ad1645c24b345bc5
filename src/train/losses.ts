/** tf.losses: a weighted loss, reduced to a scalar and collected in LOSSES (tensorflow/python/ops/losses/losses_impl.py). */
import { GraphKeys } from "../graph/collections.ts";
import { float32 } from "../graph/dtype.ts";
import { InvalidArgumentError } from "../graph/errors.ts";
import { getDefaultGraph } from "../graph/graph.ts";
import type { Tensor } from "../graph/operation.ts";
import { formatShape, isFullyDefined } from "../graph/shape.ts";
import { addN, onesLike, zerosLike } from "../ops/addN.ts";
import { squeeze } from "../ops/array.ts";
import { constant, convertToTensor, opScope, type TensorLike } from "../ops/build.ts";
import { cast } from "../ops/cast.ts";
import { equal } from "../ops/comparison.ts";
import {
  sigmoidCrossEntropyWithLogits,
  softmaxCrossEntropyWithLogitsV2,
  sparseSoftmaxCrossEntropyWithLogits,
} from "../ops/crossEntropy.ts";
import { relu } from "../ops/activations.ts";
import { add, divide, divNoNan, minimum, multiply, squaredDifference, subtract } from "../ops/elementwise.ts";
import { identity, stopGradient } from "../ops/identity.ts";
import { reduceSum } from "../ops/reduce.ts";
import { where } from "../ops/select.ts";
import { shape as shapeOf, size } from "../ops/shape.ts";
import { stridedSlice } from "../ops/slice.ts";
import { abs, log, negative } from "../ops/unary.ts";
import { broadcastable, weightsOf } from "./weights.ts";

/** How weighted losses become one: the values of tf.losses.Reduction. */
export const Reduction = {
  /** Not at all. */
  NONE: "none",
  SUM: "weighted_sum",
  /** The sum over the number of elements. */
  SUM_OVER_BATCH_SIZE: "weighted_sum_over_batch_size",
  /** The sum over the sum of weights. */
  MEAN: "weighted_mean",
  /** The sum over the number of elements whose weight is not 0: the default. */
  SUM_BY_NONZERO_WEIGHTS: "weighted_sum_by_nonzero_weights",
  /** An older name of it. */
  SUM_OVER_NONZERO_WEIGHTS: "weighted_sum_by_nonzero_weights",
} as const;
export type Reduction = (typeof Reduction)[keyof typeof Reduction];

export interface LossOptions {
  /** A factor, or one an element: of the losses' rank, each dimension theirs or 1. Default 1. */
  weights?: TensorLike;
  /** Scope of the operations; by default named after the loss. */
  scope?: string;
  /** Collection that the loss joins; null for none. Default LOSSES. */
  lossCollection?: string | null;
  /** Default SUM_BY_NONZERO_WEIGHTS. */
  reduction?: Reduction;
}

/** Weights losses of any shape and reduces them: 0 where nothing is left to divide by.
 * @param losses float32
 * @returns a float32 scalar; the weighted losses for Reduction.NONE
 * @throws InvalidArgumentError where the weights do not fit. */
export function computeWeightedLoss(losses: TensorLike, options: LossOptions = {}): Tensor {
  const reduction = options.reduction ?? Reduction.SUM_BY_NONZERO_WEIGHTS;
  if (!Object.values(Reduction).includes(reduction))
    throw new InvalidArgumentError(`Invalid Reduction Key ${String(reduction)}; use one of losses.Reduction.`);
  const given = options.weights ?? 1;
  const loss = opScope(options.scope ?? "weighted_loss", [losses, given], () => {
    const x = cast(convertToTensor(losses), float32);
    const weights = broadcastable(weightsOf(given), x);
    const products = multiply(x, weights, "Mul");
    if (reduction === Reduction.NONE) return products;
    const sum = reduceSum(products);
    if (reduction === Reduction.SUM) return sum;
    const count =
      reduction === Reduction.MEAN
        ? reduceSum(multiply(onesLike(x), weights))
        : reduction === Reduction.SUM_OVER_BATCH_SIZE
          ? cast(size(x, "num_elements"), float32)
          : nonzeroCount(x, weights);
    return divNoNan(reduceSum(sum), count, "value");
  });
  addLoss(loss, options.lossCollection);
  return loss;
}

/** How many losses have a weight other than 0. */
function nonzeroCount(losses: Tensor, weights: Tensor): Tensor {
  return opScope("num_present", [losses, weights], (scope) => {
    const present = where(equal(weights, 0), zerosLike(weights), onesLike(weights));
    const [w, x] = [present.shape, losses.shape];
    const same = isFullyDefined(w) && isFullyDefined(x) && formatShape(w) === formatShape(x);
    const spread = same ? present : multiply(present, onesLike(losses), "broadcast_weights");
    return reduceSum(spread, null, { name: scope });
  });
}

// ---- Collections

/** Puts a loss into a collection, LOSSES by default. */
export function addLoss(loss: Tensor, lossCollection: string | null = GraphKeys.LOSSES): void {
  if (lossCollection !== null) loss.graph.addToCollection(lossCollection, loss);
}

/** The losses collected so far, in order; with `scope` those whose name begins with it. */
export function getLosses(scope?: string, lossCollection: string = GraphKeys.LOSSES): Tensor[] {
  return getDefaultGraph().getCollection<Tensor>(lossCollection, scope);
}

/** What regularizers of variables have added. */
export function getRegularizationLosses(scope?: string): Tensor[] {
  return getDefaultGraph().getCollection<Tensor>(GraphKeys.REGULARIZATION_LOSSES, scope);
}

/** The sum of the regularization losses; 0 where there are none. */
export function getRegularizationLoss(scope?: string, name = "total_regularization_loss"): Tensor {
  const losses = getRegularizationLosses(scope);
  return losses.length ? total(losses, name) : constant(0, { dtype: float32 });
}

/** The sum of all losses, with those of regularization.
 * @throws InvalidArgumentError where there are none. */
export function getTotalLoss(addRegularizationLosses = true, name = "total_loss", scope?: string): Tensor {
  const losses = [...getLosses(scope), ...(addRegularizationLosses ? getRegularizationLosses(scope) : [])];
  if (losses.length === 0)
    throw new InvalidArgumentError(
      "getTotalLoss: no loss was added to the graph; call one of tf.losses or addLoss first.",
    );
  return total(losses, name);
}

function total(losses: readonly Tensor[], name: string): Tensor {
  return losses.length === 1 ? identity(losses[0], name) : addN(losses, name);
}

// ---- Losses

/** Opens a loss's scope, makes the losses of the elements and weighs them there. */
function weighted(name: string, values: readonly TensorLike[], options: LossOptions, body: () => Tensor): Tensor {
  return opScope(options.scope ?? name, [...values, options.weights], (scope) =>
    computeWeightedLoss(body(), { ...options, scope }),
  );
}

/** Labels and predictions as float32 of one shape. */
function pairOf(labels: TensorLike, predictions: TensorLike): [labels: Tensor, predictions: Tensor] {
  const p = cast(convertToTensor(predictions), float32);
  const y = cast(convertToTensor(labels), float32);
  checkCompatible(p, y);
  return [y, p];
}

function checkCompatible(a: Tensor, b: Tensor): void {
  if (a.shape === null || b.shape === null) return;
  const fits =
    a.shape.length === b.shape.length &&
    a.shape.every((size, i) => size === null || b.shape![i] === null || size === b.shape![i]);
  if (!fits)
    throw new InvalidArgumentError(`Shapes ${formatShape(a.shape)} and ${formatShape(b.shape)} are incompatible.`);
}

/** |predictions − labels|. */
export function absoluteDifference(labels: TensorLike, predictions: TensorLike, options: LossOptions = {}): Tensor {
  return weighted("absolute_difference", [predictions, labels], options, () => {
    const [y, p] = pairOf(labels, predictions);
    return abs(subtract(p, y, "Sub"));
  });
}

/** (predictions − labels)². */
export function meanSquaredError(labels: TensorLike, predictions: TensorLike, options: LossOptions = {}): Tensor {
  return weighted("mean_squared_error", [predictions, labels], options, () => {
    const [y, p] = pairOf(labels, predictions);
    return squaredDifference(p, y);
  });
}

/** Half the square of the error e = |predictions − labels| up to `delta` (default 1), and delta · (e − delta / 2) beyond. */
export function huberLoss(
  labels: TensorLike,
  predictions: TensorLike,
  options: LossOptions & { delta?: number } = {},
): Tensor {
  const { delta = 1, ...rest } = options;
  return weighted("huber_loss", [predictions, labels], rest, () => {
    const [y, p] = pairOf(labels, predictions);
    const error = abs(subtract(p, y, "Sub"));
    const quadratic = minimum(error, delta);
    // The value of max(error − delta, 0), but with the derivative 0 at delta, where the quadratic part has its own.
    const linear = subtract(error, quadratic, "Sub_1");
    const square = multiply(0.5, multiply(quadratic, quadratic, "Mul"), "Mul_1");
    return add(square, multiply(delta, linear, "Mul_2"), "Add");
  });
}

/** max(0, 1 − logits · (2 labels − 1)), labels 0 or 1. */
export function hingeLoss(labels: TensorLike, logits: TensorLike, options: LossOptions = {}): Tensor {
  return weighted("hinge_loss", [logits, labels], options, () => {
    const [y, x] = pairOf(labels, logits);
    const ones = onesLike(y);
    const signs = subtract(multiply(2, y), ones, "Sub");
    return relu(subtract(ones, multiply(signs, x, "Mul"), "Sub_1"));
  });
}

/** −labels · log(predictions + epsilon) − (1 − labels) · log(1 − predictions + epsilon), predictions in [0, 1]. */
export function logLoss(
  labels: TensorLike,
  predictions: TensorLike,
  options: LossOptions & { epsilon?: number } = {},
): Tensor {
  const { epsilon = 1e-7, ...rest } = options;
  return weighted("log_loss", [predictions, labels], rest, () => {
    const [y, p] = pairOf(labels, predictions);
    const hit = negative(multiply(y, log(add(p, epsilon)), "Mul"));
    return subtract(hit, multiply(subtract(1, y), log(add(subtract(1, p), epsilon)), "Mul_1"));
  });
}

/** 1 − Σ labels · predictions along `axis`, both of unit length there. The losses keep the axis, with size 1. */
export function cosineDistance(
  labels: TensorLike,
  predictions: TensorLike,
  options: LossOptions & { axis: number },
): Tensor {
  const { axis, ...rest } = options;
  return weighted("cosine_distance_loss", [predictions, labels], rest, () => {
    const [y, p] = pairOf(labels, predictions);
    return subtract(1, reduceSum(multiply(p, y, "Mul"), [axis], { keepDims: true }));
  });
}

/** Cross entropy of sigmoid(logits), each element a decision of its own. `labelSmoothing` s moves labels towards 1/2:
 * labels · (1 − s) + s / 2. */
export function sigmoidCrossEntropy(
  multiClassLabels: TensorLike,
  logits: TensorLike,
  options: LossOptions & { labelSmoothing?: number } = {},
): Tensor {
  const { labelSmoothing = 0, ...rest } = options;
  return weighted("sigmoid_cross_entropy_loss", [logits, multiClassLabels], rest, () => {
    const [y, x] = pairOf(multiClassLabels, logits);
    const labels = labelSmoothing > 0 ? add(multiply(y, 1 - labelSmoothing), 0.5 * labelSmoothing) : y;
    return sigmoidCrossEntropyWithLogits({ labels, logits: x, name: "xentropy" });
  });
}

/** Cross entropy of softmax(logits) [..., classes] against distributions of the same shape, which get no gradient.
 * `labelSmoothing` s moves labels towards the uniform distribution: labels · (1 − s) + s / classes. */
export function softmaxCrossEntropy(
  onehotLabels: TensorLike,
  logits: TensorLike,
  options: LossOptions & { labelSmoothing?: number } = {},
): Tensor {
  const { labelSmoothing = 0, ...rest } = options;
  return weighted("softmax_cross_entropy_loss", [logits, onehotLabels], rest, () => {
    const [given, x] = pairOf(onehotLabels, logits);
    let labels = given;
    if (labelSmoothing > 0) {
      const classes = cast(stridedSlice(shapeOf(labels), [-1], [0], [1], { shrinkAxisMask: 1 }), float32);
      const negatives = divide(labelSmoothing, classes);
      labels = add(multiply(labels, 1 - labelSmoothing), negatives);
    }
    labels = stopGradient(labels, "labels_stop_gradient");
    return softmaxCrossEntropyWithLogitsV2({ labels, logits: x, name: "xentropy" });
  });
}

/** Cross entropy of softmax(logits) [..., classes] against one class an example, int32 or int64 [...]. */
export function sparseSoftmaxCrossEntropy(labels: TensorLike, logits: TensorLike, options: LossOptions = {}): Tensor {
  return opScope(options.scope ?? "sparse_softmax_cross_entropy_loss", [logits, labels, options.weights], (scope) => {
    let y = convertToTensor(labels);
    let x = convertToTensor(logits);
    // A last dimension of size 1 too many, of labels or of logits, is dropped.
    const difference = x.shape && y.shape ? x.shape.length - y.shape.length : 1;
    if (difference === 2 && canBeOne(x)) x = squeeze(x, [-1]);
    else if (difference === 0 && canBeOne(y)) y = squeeze(y, [-1]);
    let weights = weightsOf(options.weights ?? 1);
    if (weights.shape && y.shape && weights.shape.length === y.shape.length + 1) weights = squeeze(weights, [-1]);
    const losses = sparseSoftmaxCrossEntropyWithLogits({ labels: y, logits: x, name: "xentropy" });
    return computeWeightedLoss(losses, { ...options, weights, scope });
  });
}

function canBeOne(x: Tensor): boolean {
  const last = x.shape!.at(-1);
  return last === 1 || last === null;
}
