/** Elementwise operations with NumPy broadcasting, and unary ones (tensorflow/core/ops/math_ops.cc). */
import { attr } from "../graph/attr.ts";
import { InvalidArgumentError, UnimplementedError } from "../graph/errors.ts";
import { Tensor, type Operation } from "../graph/operation.ts";
import { broadcastShapes, isFullyDefined, sameShape, sizeOf } from "../graph/shape.ts";
import { Variable } from "../graph/variable.ts";
import { reshape } from "./array.ts";
import { convertToTensor, createOp, opScope, type TensorLike } from "./build.ts";
import type { KernelContext, OpDefinition } from "./definition.ts";
import { reduceSum } from "./reduce.ts";
import { broadcastGradientArgs, shape as shapeOf } from "./shape.ts";

/** How two operands meet: the first word of the attribute block of the binary kernels (assembly/elementwise.ts). */
const pattern = { same: 0, scalarA: 1, scalarB: 2, rowB: 3, rowA: 4, general: 5 } as const;

type BinaryKernel =
  | "add"
  | "subtract"
  | "multiply"
  | "divide"
  | "maximum"
  | "minimum"
  | "squaredDifference"
  | "addInt32"
  | "subtractInt32"
  | "multiplyInt32";
type UnaryKernel = "negate" | "rsqrt" | "sqrt" | "square" | "abs" | "reciprocal" | "relu" | "relu6";

function binary(
  type: string,
  kernels: Readonly<Record<string, BinaryKernel>>,
  gradient: (dy: Tensor, x: Tensor, y: Tensor, op: Operation) => readonly [Tensor, Tensor],
): OpDefinition {
  return {
    type,
    gradient: (op, [dy]) => {
      const [x, y] = op.inputs;
      return unbroadcast(gradient(dy, x, y, op), x, y);
    },
    outputs: (node) => [node.inputDtype(0).base],
    shape: (node) => [broadcastShapes(node.inputShape(0), node.inputShape(1))],
    plan: {
      kind: "kernel",
      inPlace: [0, 1],
      emit(k) {
        const kernel = kernelFor(k, kernels);
        const block = k.attributes(broadcastBlock(k.inputShape(0), k.inputShape(1), k.outputShape(0)));
        const [a, b] = [k.input(0), k.input(1)];
        k.call(kernel, k.output(0), a, b, block);
      },
    },
  };
}

function unary(type: string, kernel: UnaryKernel, gradient: (dy: Tensor, op: Operation) => Tensor): OpDefinition {
  return {
    type,
    gradient: (op, [dy]) => [gradient(dy, op)],
    outputs: (node) => [node.inputDtype(0).base],
    shape: (node) => [node.inputShape(0)],
    plan: {
      kind: "kernel",
      inPlace: [0],
      emit(k) {
        const name = kernelFor(k, { float32: kernel });
        const x = k.input(0);
        k.call(name, k.output(0), x, sizeOf(k.outputShape(0)));
      },
    },
  };
}

function kernelFor<K extends string>(k: KernelContext, kernels: Readonly<Record<string, K>>): K {
  const dtype = k.inputDtype(0).name;
  const kernel = kernels[dtype];
  if (!kernel) {
    throw new UnimplementedError(
      `'${k.op.name}' (op: '${k.op.type}') is not supported for ${dtype}; supported: ${Object.keys(kernels).join(", ")}.`,
    );
  }
  return kernel;
}

/** The attribute block of a binary kernel: pattern, elements, rank, dimensions, strides of both operands. */
export function broadcastBlock(a: readonly number[], b: readonly number[], out: readonly number[]): number[] {
  const [sizeA, sizeB, n] = [sizeOf(a), sizeOf(b), sizeOf(out)];
  const last = out.length ? out[out.length - 1] : 1;
  const isRow = (shape: readonly number[], size: number): boolean => size === last && shape[shape.length - 1] === last;
  const kind =
    sameShape(a, b) || (sizeA === n && sizeB === n)
      ? pattern.same
      : sizeB === 1
        ? pattern.scalarB
        : sizeA === 1
          ? pattern.scalarA
          : sizeA === n && isRow(b, sizeB)
            ? pattern.rowB
            : sizeB === n && isRow(a, sizeA)
              ? pattern.rowA
              : pattern.general;
  return [kind, n, out.length, ...out, ...broadcastStrides(a, out), ...broadcastStrides(b, out)];
}

/** Strides in elements that walk `shape` as if it had the shape `out`: 0 along repeated dimensions. */
function broadcastStrides(shape: readonly number[], out: readonly number[]): number[] {
  const strides = new Array<number>(out.length).fill(0);
  let stride = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    if (shape[i] !== 1) strides[out.length - shape.length + i] = stride;
    stride *= shape[i];
  }
  return strides;
}

/** Sums gradients over the axes along which an operand was repeated, so that each has its operand's shape. */
function unbroadcast(gradients: readonly [Tensor, Tensor], x: Tensor, y: Tensor): readonly [Tensor, Tensor] {
  const known = isFullyDefined(x.shape) && isFullyDefined(y.shape);
  if (known && sameShape(x.shape as number[], y.shape as number[])) return gradients;
  const [shapeX, shapeY] = [shapeOf(x), shapeOf(y)];
  const [axesX, axesY] = broadcastGradientArgs(shapeX, shapeY);
  return [reshape(reduceSum(gradients[0], axesX), shapeX), reshape(reduceSum(gradients[1], axesY), shapeY)];
}

export const Add: OpDefinition = binary("Add", { float32: "add", int32: "addInt32" }, (dy) => [dy, dy]);
export const AddV2: OpDefinition = binary("AddV2", { float32: "add", int32: "addInt32" }, (dy) => [dy, dy]);
export const Sub: OpDefinition = binary("Sub", { float32: "subtract", int32: "subtractInt32" }, (dy) => [
  dy,
  negative(dy),
]);
export const Mul: OpDefinition = binary("Mul", { float32: "multiply", int32: "multiplyInt32" }, (dy, x, y) => [
  multiply(dy, y),
  multiply(x, dy),
]);
// d(x / y) = dx / y − (x / y) / y · dy
export const RealDiv: OpDefinition = binary("RealDiv", { float32: "divide" }, (dy, x, y) => [
  divide(dy, y),
  multiply(dy, divide(divide(negative(x), y), y)),
]);
const unwritten = (): never => {
  throw new UnimplementedError("Its gradient is not written yet.");
};
export const Maximum: OpDefinition = binary("Maximum", { float32: "maximum" }, unwritten);
export const Minimum: OpDefinition = binary("Minimum", { float32: "minimum" }, unwritten);
// d(x − y)² = 2 (x − y) (dx − dy)
export const SquaredDifference: OpDefinition = binary(
  "SquaredDifference",
  { float32: "squaredDifference" },
  (dy, x, y) => {
    const twice = multiply(multiply(2, dy), subtract(x, y));
    return [twice, negative(twice)];
  },
);

export const Neg: OpDefinition = unary("Neg", "negate", (dy) => negative(dy));
// d x^(−1/2) = −1/2 · y³ · dx
export const Rsqrt: OpDefinition = unary("Rsqrt", "rsqrt", (dy, { outputs: [y] }) =>
  multiply(multiply(dy, -0.5), multiply(y, multiply(y, y))),
);
// d √x = dx / (2 √x)
export const Sqrt: OpDefinition = unary("Sqrt", "sqrt", (dy, { outputs: [y] }) => divide(multiply(dy, 0.5), y));
export const Square: OpDefinition = unary("Square", "square", (dy, { inputs: [x] }) => multiply(dy, multiply(x, 2)));
// d(1/x) = −y² · dx
export const Reciprocal: OpDefinition = unary("Reciprocal", "reciprocal", (dy, { outputs: [y] }) =>
  negative(multiply(dy, multiply(y, y))),
);
export const Abs: OpDefinition = unary("Abs", "abs", unwritten);
export const Relu: OpDefinition = unary("Relu", "relu", unwritten);
export const Relu6: OpDefinition = unary("Relu6", "relu6", unwritten);

/** Both operands as tensors of one dtype; a plain number takes the dtype of the tensor beside it. */
function binaryOp(definition: OpDefinition, a: TensorLike, b: TensorLike, name: string): Tensor {
  return opScope(name, [a, b], (scope) => {
    const given = [a, b].find((value) => value instanceof Tensor || value instanceof Variable) as
      | Tensor
      | Variable
      | undefined;
    const dtype = given?.dtype.base;
    const x = convertToTensor(a, { dtype: a instanceof Tensor ? undefined : dtype, name: "x" });
    const y = convertToTensor(b, { dtype: b instanceof Tensor ? undefined : dtype, name: "y" });
    if (x.dtype.base !== y.dtype.base) {
      throw new InvalidArgumentError(
        `Input 'y' of '${definition.type}' has the dtype ${y.dtype.base} that does not match ${x.dtype.base} of 'x'.`,
      );
    }
    return createOp(definition, [x, y], { T: attr.type(x.dtype) }, scope).outputs[0];
  });
}

function unaryOp(definition: OpDefinition, x: TensorLike, name: string): Tensor {
  const value = convertToTensor(x);
  return createOp(definition, [value], { T: attr.type(value.dtype) }, name).outputs[0];
}

/** a + b, broadcasting. float32, int32. */
export const add = (a: TensorLike, b: TensorLike, name = "add"): Tensor => binaryOp(AddV2, a, b, name);
/** a − b, broadcasting. float32, int32. */
export const subtract = (a: TensorLike, b: TensorLike, name = "sub"): Tensor => binaryOp(Sub, a, b, name);
/** a · b, broadcasting. float32, int32. */
export const multiply = (a: TensorLike, b: TensorLike, name = "mul"): Tensor => binaryOp(Mul, a, b, name);
/** a / b, broadcasting. float32. */
export const divide = (a: TensorLike, b: TensorLike, name = "truediv"): Tensor => binaryOp(RealDiv, a, b, name);
/** The larger of a and b, broadcasting. float32. */
export const maximum = (a: TensorLike, b: TensorLike, name = "Maximum"): Tensor => binaryOp(Maximum, a, b, name);
/** The smaller of a and b, broadcasting. float32. */
export const minimum = (a: TensorLike, b: TensorLike, name = "Minimum"): Tensor => binaryOp(Minimum, a, b, name);
/** (a − b)², broadcasting. float32. */
export const squaredDifference = (a: TensorLike, b: TensorLike, name = "SquaredDifference"): Tensor =>
  binaryOp(SquaredDifference, a, b, name);
/** −x. float32. */
export const negative = (x: TensorLike, name = "Neg"): Tensor => unaryOp(Neg, x, name);
/** 1 / √x. float32. */
export const rsqrt = (x: TensorLike, name = "Rsqrt"): Tensor => unaryOp(Rsqrt, x, name);
/** √x. float32. */
export const sqrt = (x: TensorLike, name = "Sqrt"): Tensor => unaryOp(Sqrt, x, name);
/** x². float32. */
export const square = (x: TensorLike, name = "Square"): Tensor => unaryOp(Square, x, name);
/** |x|. float32. */
export const abs = (x: TensorLike, name = "Abs"): Tensor => unaryOp(Abs, x, name);
/** 1 / x. float32. */
export const reciprocal = (x: TensorLike, name = "Reciprocal"): Tensor => unaryOp(Reciprocal, x, name);
/** max(x, 0). float32. */
export const relu = (x: TensorLike, name = "Relu"): Tensor => unaryOp(Relu, x, name);
/** min(max(x, 0), 6). float32. */
export const relu6 = (x: TensorLike, name = "Relu6"): Tensor => unaryOp(Relu6, x, name);
