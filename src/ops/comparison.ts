/** Comparisons and logic, with broadcasting; the results are bool (tensorflow/core/ops/math_ops.cc). */
import { attr } from "../graph/attr.ts";
import { bool } from "../graph/dtype.ts";
import { InvalidArgumentError, UnimplementedError } from "../graph/errors.ts";
import { Tensor } from "../graph/operation.ts";
import { broadcastShapes, sizeOf } from "../graph/shape.ts";
import { Variable } from "../graph/variable.ts";
import { convertToTensor, createOp, opScope, type TensorLike } from "./build.ts";
import { notDifferentiable, type KernelContext, type OpDefinition } from "./definition.ts";
import { foldBinary, foldUnary } from "./folding.ts";
import { rowMajor } from "./strided.ts";

type ComparisonKernel = "less" | "lessEqual" | "equal" | "notEqual";

const gradient = notDifferentiable("truth values have no gradient");

/** The attribute block of kernels that walk operands together (assembly/compare.ts): rank, dimensions, a step in each operand
 * for each dimension; neighbours that all operands walk as one are one. */
export function broadcastWalk(shapes: readonly (readonly number[])[], out: readonly number[]): number[] {
  const all = shapes.map((shape) => {
    const missing = out.length - shape.length;
    const strides = rowMajor(shape);
    return out.map((_, i) => (i < missing || shape[i - missing] === 1 ? 0 : strides[i - missing]));
  });
  const dims: { n: number; strides: number[] }[] = [];
  out.forEach((n, i) => {
    if (n === 1) return;
    const strides = all.map((operand) => operand[i]);
    const before = dims.at(-1);
    if (before?.strides.every((stride, o) => stride === strides[o] * n))
      dims[dims.length - 1] = { n: before.n * n, strides };
    else dims.push({ n, strides });
  });
  return [
    dims.length,
    ...dims.map(({ n }) => n),
    ...shapes.flatMap((_, operand) => dims.map(({ strides }) => strides[operand])),
  ];
}

function comparing(
  type: string,
  kernel: ComparisonKernel,
  swapped: boolean,
  compare: (a: number, b: number) => boolean,
): OpDefinition {
  const ordered = kernel.startsWith("less");
  return {
    type,
    inputs: "T T",
    outputs: () => [bool],
    shape: (node) => [broadcastShapes(node.inputShape(0), node.inputShape(1))],
    gradient,
    plan: {
      kind: "kernel",
      emit(k) {
        const dtype = k.inputDtype(0);
        const supported = ["float32", "int32", "int64", "uint8", ...(ordered ? [] : ["bool"])];
        if (!supported.includes(dtype.name)) {
          throw new UnimplementedError(
            `'${k.op.name}' (op: '${type}') is not supported for ${dtype}; supported: ${supported.join(", ")}.`,
          );
        }
        if (sizeOf(k.outputShape(0)) === 0) return;
        const [a, b] = swapped ? [1, 0] : [0, 1];
        const block = k.attributes(broadcastWalk([k.inputShape(a), k.inputShape(b)], k.outputShape(0)));
        k.call(kernel, k.output(0), k.input(a), k.input(b), block, dtype.enumValue);
      },
    },
    fold: foldBinary(compare, () => bool),
  };
}

export const Less: OpDefinition = comparing("Less", "less", false, (a, b) => a < b);
export const LessEqual: OpDefinition = comparing("LessEqual", "lessEqual", false, (a, b) => a <= b);
export const Greater: OpDefinition = comparing("Greater", "less", true, (a, b) => a > b);
export const GreaterEqual: OpDefinition = comparing("GreaterEqual", "lessEqual", true, (a, b) => a >= b);
export const Equal: OpDefinition = comparing("Equal", "equal", false, (a, b) => a === b);
export const NotEqual: OpDefinition = comparing("NotEqual", "notEqual", false, (a, b) => a !== b);

function logic(type: string, operation: 0 | 1, f: (a: number, b: number) => boolean): OpDefinition {
  return {
    type,
    inputs: "bool bool",
    outputs: () => [bool],
    shape: (node) => [broadcastShapes(node.inputShape(0), node.inputShape(1))],
    gradient,
    plan: {
      kind: "kernel",
      emit(k) {
        if (sizeOf(k.outputShape(0)) === 0) return;
        const block = k.attributes(broadcastWalk([k.inputShape(0), k.inputShape(1)], k.outputShape(0)));
        k.call("logical", k.output(0), k.input(0), k.input(1), block, operation);
      },
    },
    fold: foldBinary(f, () => bool),
  };
}

export const LogicalAnd: OpDefinition = logic("LogicalAnd", 0, (a, b) => a !== 0 && b !== 0);
export const LogicalOr: OpDefinition = logic("LogicalOr", 1, (a, b) => a !== 0 || b !== 0);
export const LogicalNot: OpDefinition = {
  type: "LogicalNot",
  inputs: "bool",
  outputs: () => [bool],
  shape: (node) => [node.inputShape(0)],
  gradient,
  plan: {
    kind: "kernel",
    inPlace: [0],
    emit(k: KernelContext) {
      const x = k.input(0);
      k.call("logicalNot", k.output(0), x, sizeOf(k.outputShape(0)));
    },
  },
  fold: foldUnary((x) => x === 0),
};

/** Both operands as tensors of one dtype; a plain number takes the dtype of the tensor beside it. */
function compared(definition: OpDefinition, a: TensorLike, b: TensorLike, name: string): Tensor {
  return opScope(name, [a, b], (scope) => {
    const given = [a, b].find((value) => value instanceof Tensor || value instanceof Variable);
    const dtype = (given as Tensor | Variable | undefined)?.dtype.base;
    const x = convertToTensor(a, { dtype: a instanceof Tensor ? undefined : dtype, name: "x" });
    const y = convertToTensor(b, { dtype: b instanceof Tensor ? undefined : dtype, name: "y" });
    if (x.dtype.base !== y.dtype.base) {
      throw new InvalidArgumentError(
        `Input 'y' of '${definition.type}' has the dtype ${y.dtype.base} that does not match ${x.dtype.base} of 'x'.`,
      );
    }
    const logical = definition.type.startsWith("Logical");
    return createOp(definition, [x, y], logical ? {} : { T: attr.type(x.dtype) }, scope).outputs[0];
  });
}

/** a < b, broadcasting. float32, int32, int64, uint8. */
export const less = (a: TensorLike, b: TensorLike, name = "Less"): Tensor => compared(Less, a, b, name);
/** a ≤ b, broadcasting. float32, int32, int64, uint8. */
export const lessEqual = (a: TensorLike, b: TensorLike, name = "LessEqual"): Tensor => compared(LessEqual, a, b, name);
/** a > b, broadcasting. float32, int32, int64, uint8. */
export const greater = (a: TensorLike, b: TensorLike, name = "Greater"): Tensor => compared(Greater, a, b, name);
/** a ≥ b, broadcasting. float32, int32, int64, uint8. */
export const greaterEqual = (a: TensorLike, b: TensorLike, name = "GreaterEqual"): Tensor =>
  compared(GreaterEqual, a, b, name);
/** a = b, broadcasting. float32, int32, int64, uint8, bool. */
export const equal = (a: TensorLike, b: TensorLike, name = "Equal"): Tensor => compared(Equal, a, b, name);
/** a ≠ b, broadcasting; true where one is NaN. float32, int32, int64, uint8, bool. */
export const notEqual = (a: TensorLike, b: TensorLike, name = "NotEqual"): Tensor => compared(NotEqual, a, b, name);
/** a and b, broadcasting. bool. */
export const logicalAnd = (a: TensorLike, b: TensorLike, name = "LogicalAnd"): Tensor =>
  compared(LogicalAnd, a, b, name);
/** a or b, broadcasting. bool. */
export const logicalOr = (a: TensorLike, b: TensorLike, name = "LogicalOr"): Tensor => compared(LogicalOr, a, b, name);
/** Not x. bool. */
export const logicalNot = (x: TensorLike, name = "LogicalNot"): Tensor =>
  createOp(LogicalNot, [convertToTensor(x, { dtype: bool })], {}, name).outputs[0];
