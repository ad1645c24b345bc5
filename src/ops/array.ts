/** Shapes and fills: Reshape, Squeeze, Fill (tensorflow/core/ops/array_ops.cc). */
import { attr } from "../graph/attr.ts";
import { bool, float32, int32, type DType } from "../graph/dtype.ts";
import { InvalidArgumentError } from "../graph/errors.ts";
import { Tensor } from "../graph/operation.ts";
import { isFullyDefined, sizeOf, type Shape } from "../graph/shape.ts";
import { toNumbers } from "../graph/tensorValue.ts";
import { constant, convertToTensor, createOp, opScope, type TensorLike } from "./build.ts";
import type { OpDefinition } from "./definition.ts";
import { reduceSum } from "./reduce.ts";
import { shape as shapeOf } from "./shape.ts";
import { moving, rowMajor } from "./strided.ts";

export const Reshape: OpDefinition = {
  type: "Reshape",
  inputs: "T Tshape:int",
  outputs: (node) => [node.inputDtype(0).base],
  shape(node) {
    const wanted = node.constant(1);
    if (!wanted) return [null];
    return [reshaped(node.inputShape(0), toNumbers(wanted))];
  },
  plan: { kind: "view", of: 0 },
  gradient: (op, [dy]) => [reshape(dy, shapeOf(op.inputs[0])), null],
};

function reshaped(shape: Shape, wanted: readonly number[]): Shape {
  const open = wanted.filter((size) => size === -1).length;
  if (open > 1) throw new InvalidArgumentError("Only one dimension of a new shape may be -1");
  const known = sizeOf(wanted.filter((size) => size !== -1));
  if (!isFullyDefined(shape)) return wanted.map((size) => (size === -1 ? null : size));
  const size = sizeOf(shape);
  if (open ? known === 0 || size % known !== 0 : known !== size) {
    throw new InvalidArgumentError(
      `Cannot reshape a tensor with ${size} elements to shape [${wanted.join(",")}] (${known} elements)`,
    );
  }
  return wanted.map((item) => (item === -1 ? size / known : item));
}

export const Squeeze: OpDefinition = {
  type: "Squeeze",
  inputs: "T",
  outputs: (node) => [node.inputDtype(0).base],
  shape(node) {
    const shape = node.inputShape(0);
    if (shape === null) return [null];
    const dims = node.op.ints("squeeze_dims").map((axis) => (axis < 0 ? axis + shape.length : axis));
    for (const axis of dims) {
      if (axis < 0 || axis >= shape.length)
        throw new InvalidArgumentError(`Squeeze dimension ${axis} is not in the range of rank ${shape.length}`);
      if (shape[axis] !== 1 && shape[axis] !== null) {
        throw new InvalidArgumentError(`Can not squeeze dim[${axis}], expected a dimension of 1, got ${shape[axis]}`);
      }
    }
    if (dims.length === 0) return [shape.includes(null) ? null : shape.filter((size) => size !== 1)];
    return [shape.filter((_, i) => !dims.includes(i))];
  },
  plan: { kind: "view", of: 0 },
  gradient: (op, [dy]) => [reshape(dy, shapeOf(op.inputs[0]))],
};

export const Fill: OpDefinition = moving({
  type: "Fill",
  inputs: "index_type:int T",
  outputs: (node) => [node.inputDtype(1).base],
  shape(node) {
    const dims = node.constant(0);
    return [dims ? toNumbers(dims) : null];
  },
  moves(node) {
    const dims = node.numbers(0);
    return [{ input: 1, dims, x: { strides: dims.map(() => 0) }, y: { strides: rowMajor(dims) } }];
  },
  gradient: (_op, [dy]) => [null, reduceSum(dy)],
});

/** `input` with the same elements in another shape; one size may be -1. */
export function reshape(input: TensorLike, shape: readonly number[] | Tensor, name = "Reshape"): Tensor {
  return opScope(name, [input], (scope) => {
    const x = convertToTensor(input, { name: "tensor" });
    const wanted =
      shape instanceof Tensor
        ? shape
        : constant(shape as number[], { dtype: int32, shape: [shape.length], name: "shape" });
    return createOp(Reshape, [x, wanted], { T: attr.type(x.dtype), Tshape: attr.type(wanted.dtype) }, scope).outputs[0];
  });
}

/** Without the dimensions of size 1: those named, or all. */
export function squeeze(input: TensorLike, axis: readonly number[] = [], name = "Squeeze"): Tensor {
  const x = convertToTensor(input);
  return createOp(Squeeze, [x], { T: attr.type(x.dtype), squeeze_dims: attr.ints(axis) }, name).outputs[0];
}

/** A tensor of one repeated value. */
export function fill(
  shape: readonly number[] | Tensor,
  value: TensorLike,
  options: { dtype?: DType; name?: string } = {},
): Tensor {
  return opScope(options.name ?? "Fill", [], (scope) => {
    const dims =
      shape instanceof Tensor
        ? shape
        : constant(shape as number[], { dtype: int32, shape: [shape.length], name: "dims" });
    const dtype = value instanceof Tensor ? undefined : (options.dtype ?? float32);
    return filled(dims, convertToTensor(value, { dtype, name: "value" }), scope);
  });
}

/** TensorFlow keeps a constant up to this many elements in the graph, beyond it a Fill. */
const constantLimit = 1000;

/** A tensor of zeros: a Const where its shape is known and small, a Fill elsewhere. */
export function zeros(shape: readonly number[] | Tensor, dtype: DType = float32, name = "zeros"): Tensor {
  return constantOrFill(shape, 0, dtype, name);
}

/** A tensor of ones: a Const where its shape is known and small, a Fill elsewhere. */
export function ones(shape: readonly number[] | Tensor, dtype: DType = float32, name = "ones"): Tensor {
  return constantOrFill(shape, 1, dtype, name);
}

function constantOrFill(shape: readonly number[] | Tensor, value: number, dtype: DType, name: string): Tensor {
  const element = dtype === bool ? value !== 0 : value;
  return opScope(name, [shape], (scope) => {
    if (shape instanceof Tensor) return filled(shape, constant(element, { dtype, name: "Const" }), scope);
    if (sizeOf(shape) < constantLimit) return constant(element, { dtype, shape, name: scope });
    const dims = constant(shape as number[], { dtype: int32, shape: [shape.length], name: "shape_as_tensor" });
    return filled(dims, constant(element, { dtype, name: "Const" }), scope);
  });
}

function filled(dims: Tensor, value: Tensor, name: string): Tensor {
  return createOp(Fill, [dims, value], { T: attr.type(value.dtype), index_type: attr.type(int32) }, name).outputs[0];
}
