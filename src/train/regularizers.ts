/** Penalties on weights, for the `…Regularizer` arguments of layers (tensorflow/python/keras/regularizers.py). */
import type { Tensor } from "../graph/operation.ts";
import { add, multiply } from "../ops/elementwise.ts";
import { reduceSum } from "../ops/reduce.ts";
import { abs, square } from "../ops/unary.ts";
import type { Regularizer } from "../ops/variables.ts";

/** factor · Σ |w| */
export const l1 = (factor = 0.01): Regularizer => l1L2(factor, 0);

/** factor · Σ w². (tf.contrib's l2_regularizer takes half of that.) */
export const l2 = (factor = 0.01): Regularizer => l1L2(0, factor);

/** l1 · Σ |w| + l2 · Σ w²; null where both are 0. */
export function l1L2(l1Factor = 0.01, l2Factor = 0.01): Regularizer {
  return (weights) => {
    const penalties: Tensor[] = [];
    if (l1Factor !== 0) penalties.push(multiply(l1Factor, reduceSum(abs(weights))));
    if (l2Factor !== 0) penalties.push(multiply(l2Factor, reduceSum(square(weights))));
    return penalties.length ? penalties.reduce((sum, penalty) => add(sum, penalty)) : null;
  };
}
