/** Gradients of Max, Min and Prod (tensorflow/python/ops/math_grad.py). */
import { int32 } from "../graph/dtype.ts";
import type { Operation, Tensor } from "../graph/operation.ts";
import { toNumbers } from "../graph/tensorValue.ts";
import { reshape } from "./array.ts";
import { broadcastTo } from "./broadcastTo.ts";
import { constant, constantValue, convertToTensor } from "./build.ts";
import { cast } from "./cast.ts";
import { equal } from "./comparison.ts";
import { concat } from "./concat.ts";
import { cumprod } from "./cumulate.ts";
import { divide, multiply } from "./elementwise.ts";
import { reduceProd } from "./extrema.ts";
import { gather } from "./gather.ts";
import { reduceSum } from "./reduce.ts";
import { keptShape } from "./reduceGradient.ts";
import { shape as shapeOf } from "./shape.ts";
import { invertPermutation, transpose } from "./transpose.ts";

// The elements that equal the extremum share its dy equally.
export function extremumGradient(op: Operation, dy: Tensor): Tensor {
  const [x, axes] = op.inputs;
  const kept = keptShape(op);
  const y = reshape(op.outputs[0], kept);
  const indicators = cast(equal(y, x), dy.dtype.base);
  const count = reshape(reduceSum(indicators, axes), kept);
  return multiply(divide(indicators, count), reshape(dy, kept));
}

// ∂(Π x)/∂x_i is the product of the others, zeros included: the product of those before i times that of those behind it. The
// reduced axes become one, in front.
export function productGradient(op: Operation, dy: Tensor): Tensor {
  const [x, axes] = op.inputs;
  const grad = broadcastTo(reshape(dy, keptShape(op)), shapeOf(x));
  const value = constantValue(axes);
  const { shape } = x;
  if (shape === null || !value)
    return divide(multiply(grad, broadcastTo(reshape(op.outputs[0], keptShape(op)), shapeOf(x))), x);
  const reduced = toNumbers(value).map((axis) => (axis < 0 ? axis + shape.length : axis));
  const others = shape.map((_, i) => i).filter((i) => !reduced.includes(i));
  const order = convertToTensor([...reduced, ...others], { dtype: int32, name: "order" });
  const permuted = transpose(x, order);
  const permutedShape = shapeOf(permuted);
  const sizes = shapeOf(x);
  const length = reduceProd(gather(sizes, constant(reduced, { dtype: int32, shape: [reduced.length] })));
  const rows = reduceProd(gather(sizes, constant(others, { dtype: int32, shape: [others.length] })));
  const matrix = reshape(permuted, concat([reshape(length, [1]), reshape(rows, [1])], 0));
  const before = cumprod(matrix, 0, { exclusive: true });
  const behind = cumprod(matrix, 0, { exclusive: true, reverse: true });
  const product = reshape(multiply(before, behind), permutedShape);
  return multiply(grad, transpose(product, invertPermutation(order)));
}
