/** Weights of losses and metrics (tensorflow/python/ops/weights_broadcast_ops.py). */
import { float32 } from "../graph/dtype.ts";
import { InvalidArgumentError } from "../graph/errors.ts";
import { Tensor } from "../graph/operation.ts";
import { formatShape, type Shape } from "../graph/shape.ts";
import { Variable } from "../graph/variable.ts";
import { constant, convertToTensor, type TensorLike } from "../ops/build.ts";
import { cast } from "../ops/cast.ts";
import { shape as shapeOf } from "../ops/shape.ts";
import { broadcastTo } from "../ops/broadcastTo.ts";

/** Weights as float32. */
export function weightsOf(given: TensorLike): Tensor {
  const isTensor = given instanceof Tensor || given instanceof Variable;
  return isTensor ? cast(convertToTensor(given), float32) : constant(given, { dtype: float32 });
}

/** Weights that broadcast to the values, and not the other way round. What is not known yet is checked in the run. */
export function broadcastable(weights: Tensor, values: Tensor): Tensor {
  const [w, x] = [weights.shape, values.shape];
  if (w?.length === 0) return weights;
  if (w !== null && x !== null) {
    if (w.length !== x.length) throw unfit(`values.rank=${x.length}. weights.rank=${w.length}.`, w, x);
    const wrong = w.findIndex((size, i) => size !== null && size !== 1 && x[i] !== null && size !== x[i]);
    if (wrong >= 0) throw unfit(`Mismatch at dim ${wrong}.`, w, x);
    if (w.every((size, i) => size === 1 || (size !== null && size === x[i]))) return weights;
  }
  const spread = broadcastTo(weights, shapeOf(values));
  spread.setShape(x);
  return spread;
}

function unfit(what: string, weights: Shape, values: Shape): InvalidArgumentError {
  return new InvalidArgumentError(
    `weights can not be broadcast to values. ${what} values.shape=${formatShape(values)}. weights.shape=${formatShape(weights)}.`,
  );
}
