/** tf.metrics: averages over many runs, kept in local variables (tensorflow/python/ops/metrics_impl.py). */
import { GraphKeys } from "../graph/collections.ts";
import { float32 } from "../graph/dtype.ts";
import type { Tensor } from "../graph/operation.ts";
import { mergeShapes } from "../graph/shape.ts";
import type { Variable } from "../graph/variable.ts";
import { onesLike } from "../ops/addN.ts";
import { squeeze } from "../ops/array.ts";
import { convertToTensor, graphOf, type TensorLike } from "../ops/build.ts";
import { cast } from "../ops/cast.ts";
import { equal } from "../ops/comparison.ts";
import { divNoNan, maximum, multiply } from "../ops/elementwise.ts";
import { reduceSum } from "../ops/reduce.ts";
import { size } from "../ops/shape.ts";
import { assignAdd } from "../ops/state.ts";
import { inTopK } from "../ops/topK.ts";
import { variable } from "../ops/variables.ts";
import { broadcastable, weightsOf } from "./weights.ts";

export interface MetricOptions {
  /** A factor, or one an element. Default 1. */
  weights?: TensorLike | null;
  /** Collections that the value joins, and those that the update joins. */
  metricsCollections?: readonly string[];
  updatesCollections?: readonly string[];
  name?: string;
}

export interface Metric {
  /** The average over all updates so far, a float32 scalar; 0 before the first. */
  readonly value: Tensor;
  /** Takes the values of this run into account and gives the average with them. */
  readonly updateOp: Tensor;
}

/** The mean of all values that `updateOp` saw since localVariablesInitializer ran. */
export function mean(values: TensorLike, options: MetricOptions = {}): Metric {
  return averaged("mean", cast(convertToTensor(values), float32), options);
}

/** How often predictions equal labels: the mean over all examples that `updateOp` saw.
 * @param labels,predictions classes of one shape and any dtype; compared in that of the labels
 * @throws InvalidArgumentError where the shapes differ. */
export function accuracy(labels: TensorLike, predictions: TensorLike, options: MetricOptions = {}): Metric {
  let [y, p] = [convertToTensor(labels), convertToTensor(predictions)];
  // A last dimension of size 1 too many is dropped.
  const difference = p.shape && y.shape ? p.shape.length - y.shape.length : 0;
  if (difference === 1) p = squeeze(p, [-1]);
  else if (difference === -1) y = squeeze(y, [-1]);
  mergeShapes(y.shape, p.shape);
  return averaged("accuracy", cast(equal(cast(p, y.dtype.base), y), float32), options);
}

/** How often the label is among the k classes with the highest predictions: the mean over all examples that `updateOp` saw.
 * (TensorFlow 1 has it only as nn.inTopK; this is that, averaged.)
 * @param labels int32 or int64 [N]
 * @param predictions float32 [N, classes] */
export function topKAccuracy(
  labels: TensorLike,
  predictions: TensorLike,
  k: number,
  options: MetricOptions = {},
): Metric {
  return averaged("top_k_accuracy", cast(inTopK(predictions, labels, k), float32), options);
}

function averaged(kind: string, given: Tensor, options: MetricOptions): Metric {
  const graph = graphOf([given]);
  return graph.asDefault(() =>
    graph.nameScope(options.name ?? kind, () => {
      const total = counter("total");
      const count = counter("count");
      let values = given;
      let seen: Tensor;
      if (options.weights === undefined || options.weights === null) seen = cast(size(values), float32);
      else {
        let weights = weightsOf(options.weights);
        if (weights.shape && values.shape && weights.shape.length === values.shape.length + 1)
          weights = squeeze(weights, [-1]);
        // Each value counts with its weight, so that a single weight counts for all.
        const spread = multiply(broadcastable(weights, values), onesLike(values), "broadcast_weights");
        values = multiply(values, spread, "Mul");
        seen = reduceSum(spread);
      }
      const newTotal = assignAdd(total, reduceSum(values));
      const newCount = graph.controlDependencies([values], () => assignAdd(count, seen));
      const ratio = (sum: TensorLike, n: TensorLike, name: string): Tensor => divNoNan(sum, maximum(n, 0), name);
      const value = ratio(total, count, "value");
      const updateOp = ratio(newTotal, newCount, "update_op");
      for (const collection of options.metricsCollections ?? []) graph.addToCollection(collection, value);
      for (const collection of options.updatesCollections ?? []) graph.addToCollection(collection, updateOp);
      return { value, updateOp };
    }),
  );
}

/** A scalar that starts at 0 and is no part of the model. */
function counter(name: string): Variable {
  const collections = [GraphKeys.LOCAL_VARIABLES, GraphKeys.METRIC_VARIABLES];
  return variable(0, { dtype: float32, trainable: false, collections, name });
}
