/** Gradients of Sum and Mean (tensorflow/python/ops/math_grad.py). */
import { attr } from "../graph/attr.ts";
import { int32 } from "../graph/dtype.ts";
import type { Operation, Tensor } from "../graph/operation.ts";
import { isFullyDefined, sizeOf } from "../graph/shape.ts";
import { toNumbers } from "../graph/tensorValue.ts";
import { reshape } from "./array.ts";
import { definitionOf } from "./attached.ts";
import { broadcastTo } from "./broadcastTo.ts";
import { constant, constantValue, createOp } from "./build.ts";
import { cast } from "./cast.ts";
import { divide } from "./elementwise.ts";
import { shape as shapeOf, size as sizeOfTensor } from "./shape.ts";

/** Reduced axes from the front, and sizes, where both are known at build. */
function known(op: Operation): { shape: readonly number[]; axes: readonly number[] } | null {
  const { shape } = op.inputs[0];
  const axes = constantValue(op.inputs[1]);
  if (!isFullyDefined(shape) || !axes) return null;
  return { shape, axes: toNumbers(axes).map((axis) => (axis < 0 ? axis + shape.length : axis)) };
}

/** The input's shape with 1 at the reduced axes (math_ops.reduced_shape). */
export function keptShape(op: Operation): Tensor {
  const statically = known(op);
  if (statically) {
    const { shape, axes } = statically;
    const sizes = shape.map((size, i) => (axes.includes(i) ? 1 : size));
    return constant(sizes, { dtype: int32, shape: [sizes.length], name: "kept_dims" });
  }
  // A reduction that keeps its dimensions has this shape. Only its shape is asked for, so it is never computed.
  const attrs = { ...op.attrs, keep_dims: attr.bool(true) };
  return shapeOf(createOp(definitionOf(op), op.inputs, attrs, "kept_dims").outputs[0]);
}

// y sums x over the axes, so every element of x gets the dy of its sum: dy repeated.
export function sumGradient(op: Operation, dy: Tensor): Tensor {
  const [x] = op.inputs;
  const shape = isFullyDefined(x.shape)
    ? constant([...x.shape], { dtype: int32, shape: [x.shape.length], name: "Shape" })
    : shapeOf(x);
  return broadcastTo(reshape(dy, keptShape(op)), shape);
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
  return divide(dx, divide(cast(sizeOfTensor(x), dx.dtype.base), cast(sizeOfTensor(y), dx.dtype.base)));
}
