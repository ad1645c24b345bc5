/** Gradients of reductions (tensorflow/python/ops/math_grad.py). */
import { int32 } from "../graph/dtype.ts";
import type { Operation, Tensor } from "../graph/operation.ts";
import { isFullyDefined, sizeOf } from "../graph/shape.ts";
import { toNumbers } from "../graph/tensorValue.ts";
import { reshape, fill } from "./array.ts";
import { constant, constantValue, convertToTensor } from "./build.ts";
import { cast } from "./cast.ts";
import { equal } from "./comparison.ts";
import { concat } from "./concat.ts";
import { cumprod } from "./cumulate.ts";
import { divide, multiply } from "./elementwise.ts";
import { reduceProd } from "./extrema.ts";
import { dynamicStitch, range } from "./range.ts";
import { reduceSum } from "./reduce.ts";
import { shape as shapeOf, size as sizeOfTensor } from "./shape.ts";
import { broadcastTo, tile } from "./tile.ts";
import { invertPermutation, transpose } from "./transpose.ts";
import { gather } from "./gather.ts";

/** Reduced axes from the front, and sizes, where both are known at build. */
function known(op: Operation): { shape: readonly number[]; axes: readonly number[] } | null {
  const { shape } = op.inputs[0];
  const axes = constantValue(op.inputs[1]);
  if (!isFullyDefined(shape) || !axes) return null;
  return { shape, axes: toNumbers(axes).map((axis) => (axis < 0 ? axis + shape.length : axis)) };
}

/** The input's shape with 1 at the reduced axes (math_ops.reduced_shape). */
function keptShape(op: Operation): Tensor {
  const statically = known(op);
  if (statically) {
    const { shape, axes } = statically;
    const sizes = shape.map((size, i) => (axes.includes(i) ? 1 : size));
    return constant(sizes, { dtype: int32, shape: [sizes.length], name: "kept_dims" });
  }
  const [x, axes] = op.inputs;
  const shape = shapeOf(x);
  const indices = reshape(axesFromFront(x, axes), [-1]);
  return dynamicStitch([range(0, sizeOfTensor(shape)), indices], [shape, fill(shapeOf(indices), 1, { dtype: int32 })]);
}

/** Axes as they are where they count from the front, else made so. */
function axesFromFront(x: Tensor, axes: Tensor): Tensor {
  const value = constantValue(axes);
  if (!value || x.shape === null) return axes;
  const { length } = x.shape;
  const numbers = toNumbers(value);
  if (numbers.every((axis) => axis >= 0)) return axes;
  return constant(
    numbers.map((axis) => (axis < 0 ? axis + length : axis)),
    { dtype: int32, shape: [numbers.length], name: "axes" },
  );
}

// y sums x over the axes, so every element of x gets the dy of its sum: dy repeated.
export function sumGradient(op: Operation, dy: Tensor): Tensor {
  const [x] = op.inputs;
  const shape = isFullyDefined(x.shape)
    ? constant([...x.shape], { dtype: int32, shape: [x.shape.length], name: "Shape" })
    : shapeOf(x);
  const statically = known(op);
  const all = statically ? new Set(statically.axes).size === statically.shape.length : false;
  const kept = reshape(dy, keptShape(op));
  return all ? tile(kept, shape) : broadcastTo(kept, shape);
}

// The sum's, divided by how many elements went into each mean.
export function meanGradient(op: Operation, dy: Tensor): Tensor {
  const dx = sumGradient(op, dy);
  const [x] = op.inputs;
  const [y] = op.outputs;
  if (isFullyDefined(x.shape) && isFullyDefined(y.shape)) {
    const count = sizeOf(x.shape) / Math.max(sizeOf(y.shape), 1);
    return divide(dx, constant(count, { dtype: dx.dtype.base, name: "Const" }));
  }
  const total = reduceProd(shapeOf(x));
  const kept = reduceProd(shapeOf(y));
  return divide(dx, divide(cast(total, dx.dtype.base), cast(kept, dx.dtype.base)));
}

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
  if (shape === null || !value) return divide(multiply(grad, broadcastTo(reshape(op.outputs[0], keptShape(op)), shapeOf(x))), x);
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

