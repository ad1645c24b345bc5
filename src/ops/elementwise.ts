/** Binary operations with NumPy broadcasting (tensorflow/core/ops/math_ops.cc). Gradients: python/ops/math_grad.py. */
import { attr } from "../graph/attr.ts";
import { InvalidArgumentError, UnimplementedError } from "../graph/errors.ts";
import { Tensor, type Operation } from "../graph/operation.ts";
import { broadcastShapes, isFullyDefined, sameShape, sizeOf } from "../graph/shape.ts";
import { toNumbers } from "../graph/tensorValue.ts";
import { Variable } from "../graph/variable.ts";
import { zerosLike } from "./addN.ts";
import { reshape, zeros } from "./array.ts";
import { constantValue, convertToTensor, createOp, opScope, type TensorLike } from "./build.ts";
import { greater, greaterEqual, lessEqual } from "./comparison.ts";
import {
  noGradient,
  notDifferentiable,
  type GradientRule,
  type KernelContext,
  type OpDefinition,
} from "./definition.ts";
import { arithmeticFold } from "./folding.ts";
import { reduceSum } from "./reduce.ts";
import { select } from "./select.ts";
import { broadcastGradientArgs, shape as shapeOf } from "./shape.ts";
import { log, negative } from "./unary.ts";

/** How two operands meet: the first word of the attribute block of the binary kernels (assembly/lib/map.ts). */
const pattern = { same: 0, scalarA: 1, scalarB: 2, rowB: 3, rowA: 4, general: 5 } as const;

type BinaryKernel =
  | "add"
  | "addInt32"
  | "addInt64"
  | "subtract"
  | "subtractInt32"
  | "subtractInt64"
  | "multiply"
  | "multiplyInt32"
  | "multiplyInt64"
  | "divide"
  | "divideNoNan"
  | "truncateDivInt32"
  | "truncateDivInt64"
  | "floorDiv"
  | "floorDivInt32"
  | "floorDivInt64"
  | "truncateMod"
  | "truncateModInt32"
  | "truncateModInt64"
  | "floorMod"
  | "floorModInt32"
  | "floorModInt64"
  | "maximum"
  | "maximumInt32"
  | "maximumInt64"
  | "minimum"
  | "minimumInt32"
  | "minimumInt64"
  | "squaredDifference"
  | "pow"
  | "atan2"
  | "multiplyNoNan"
  | "xdivy"
  | "xlogy"
  | "xlog1py";

type BinaryGradient = (dy: Tensor, x: Tensor, y: Tensor, op: Operation) => readonly [Tensor, Tensor];
interface NoGradient {
  readonly rule: GradientRule;
}

/** Operations that an integer divisor of 0 makes refuse the run. */
const divisions: ReadonlySet<string> = new Set(["Div", "TruncateDiv", "FloorDiv", "Mod", "TruncateMod", "FloorMod"]);

/** True for a division of integers whose divisor may be 0. */
function mayDivideByZero(op: Operation): boolean {
  if (!divisions.has(op.type) || !op.inputs[1].dtype.base.isInteger) return false;
  const divisor = constantValue(op.inputs[1]);
  return !divisor || toNumbers(divisor).includes(0);
}

function checkDivisor(k: KernelContext): void {
  if (!mayDivideByZero(k.op)) return;
  const error = (): Error =>
    new InvalidArgumentError(`Integer division by zero for '${k.op.name}' (op: '${k.op.type}').`);
  k.check("checkNonZero", error, [], k.input(1), sizeOf(k.inputShape(1)), k.inputDtype(1).size);
}

export function binary(
  type: string,
  kernels: Readonly<Record<string, BinaryKernel>>,
  gradient: BinaryGradient | NoGradient,
): OpDefinition {
  return {
    type,
    inputs: "T T",
    gradient:
      "rule" in gradient
        ? gradient.rule
        : (op, [dy]) => {
            const [x, y] = op.inputs;
            return unbroadcast(gradient(dy, x, y, op), x, y);
          },
    outputs: (node) => [node.inputDtype(0).base],
    shape: (node) => [broadcastShapes(node.inputShape(0), node.inputShape(1))],
    fold: arithmeticFold(type),
    mayRefuse: mayDivideByZero,
    plan: {
      kind: "kernel",
      inPlace: [0, 1],
      emit(k) {
        const kernel = kernelFor(k, kernels);
        checkDivisor(k);
        const block = k.attributes(broadcastBlock(k.inputShape(0), k.inputShape(1), k.outputShape(0)));
        const [a, b] = [k.input(0), k.input(1)];
        k.call(kernel, k.output(0), a, b, block);
      },
    },
  };
}

/** The kernel for the type of input 0.
 * @throws UnimplementedError where there is none. */
export function kernelFor<K extends string>(k: KernelContext, kernels: Readonly<Record<string, K>>): K {
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

const sum = { float32: "add", int32: "addInt32", int64: "addInt64" } as const;
export const Add: OpDefinition = binary("Add", sum, (dy) => [dy, dy]);
export const AddV2: OpDefinition = binary("AddV2", sum, (dy) => [dy, dy]);
export const Sub: OpDefinition = binary(
  "Sub",
  { float32: "subtract", int32: "subtractInt32", int64: "subtractInt64" },
  (dy) => [dy, negative(dy)],
);
export const Mul: OpDefinition = binary(
  "Mul",
  { float32: "multiply", int32: "multiplyInt32", int64: "multiplyInt64" },
  (dy, x, y) => [multiply(dy, y), multiply(x, dy)],
);

// d(x / y) = dx / y − (x / y) / y · dy
const quotient: BinaryGradient = (dy, x, y) => [divide(dy, y), multiply(dy, divide(divide(negative(x), y), y))];
export const RealDiv: OpDefinition = binary("RealDiv", { float32: "divide" }, quotient);
/** Python 2's division: of integers rounded towards 0. */
export const Div: OpDefinition = binary(
  "Div",
  { float32: "divide", int32: "truncateDivInt32", int64: "truncateDivInt64" },
  quotient,
);
export const DivNoNan: OpDefinition = binary("DivNoNan", { float32: "divideNoNan" }, (dy, x, y) => [
  divNoNan(dy, y),
  multiply(dy, divNoNan(divNoNan(negative(x), y), y)),
]);

const stepwise = { rule: notDifferentiable("it is constant almost everywhere") };
export const TruncateDiv: OpDefinition = binary(
  "TruncateDiv",
  { int32: "truncateDivInt32", int64: "truncateDivInt64" },
  stepwise,
);
export const FloorDiv: OpDefinition = binary(
  "FloorDiv",
  { float32: "floorDiv", int32: "floorDivInt32", int64: "floorDivInt64" },
  stepwise,
);
const remainder = { float32: "truncateMod", int32: "truncateModInt32", int64: "truncateModInt64" } as const;
const notThere = { rule: noGradient("TensorFlow has none either") };
export const Mod: OpDefinition = binary("Mod", remainder, notThere);
export const TruncateMod: OpDefinition = binary("TruncateMod", remainder, notThere);
// x mod y = x − ⌊x / y⌋ · y, and the quotient rounded down is constant almost everywhere
export const FloorMod: OpDefinition = binary(
  "FloorMod",
  { float32: "floorMod", int32: "floorModInt32", int64: "floorModInt64" },
  (dy, x, y) => [dy, multiply(dy, negative(floordiv(x, y)))],
);

// The gradient goes to the operand that was taken; of equal ones to the first.
const taken =
  (isFirst: (x: Tensor, y: Tensor) => Tensor): BinaryGradient =>
  (dy, x, y) => {
    const none = zeros(shapeOf(dy), dy.dtype.base);
    const first = isFirst(x, y);
    return [select(first, dy, none), select(first, none, dy)];
  };
export const Maximum: OpDefinition = binary(
  "Maximum",
  { float32: "maximum", int32: "maximumInt32", int64: "maximumInt64" },
  taken((x, y) => greaterEqual(x, y)),
);
export const Minimum: OpDefinition = binary(
  "Minimum",
  { float32: "minimum", int32: "minimumInt32", int64: "minimumInt64" },
  taken((x, y) => lessEqual(x, y)),
);

// d(x − y)² = 2 (x − y) (dx − dy)
export const SquaredDifference: OpDefinition = binary(
  "SquaredDifference",
  { float32: "squaredDifference" },
  (dy, x, y) => {
    const twice = multiply(multiply(2, dy), subtract(x, y));
    return [twice, negative(twice)];
  },
);

// d x^y = y x^(y − 1) dx + x^y log(x) dy. The logarithm is taken as 0 for x ≤ 0, where the power is no function of real y.
export const Pow: OpDefinition = binary("Pow", { float32: "pow" }, (dy, x, y, { outputs: [z] }) => {
  const logX = select(greater(x, 0), log(x), zerosLike(x));
  return [multiply(multiply(dy, y), pow(x, subtract(y, 1))), multiply(multiply(dy, z), logX)];
});

/** Both operands as tensors of one dtype; a plain number takes the dtype of the tensor beside it. */
export function binaryOp(definition: OpDefinition, a: TensorLike, b: TensorLike, name: string): Tensor {
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

/** a + b, broadcasting. float32, int32, int64. */
export const add = (a: TensorLike, b: TensorLike, name = "add"): Tensor => binaryOp(AddV2, a, b, name);
/** a − b, broadcasting. float32, int32, int64. */
export const subtract = (a: TensorLike, b: TensorLike, name = "sub"): Tensor => binaryOp(Sub, a, b, name);
/** a · b, broadcasting. float32, int32, int64. */
export const multiply = (a: TensorLike, b: TensorLike, name = "mul"): Tensor => binaryOp(Mul, a, b, name);
/** a / b, broadcasting. float32. */
export const divide = (a: TensorLike, b: TensorLike, name = "truediv"): Tensor => binaryOp(RealDiv, a, b, name);
/** Python 2's division: a / b for float32, `floordiv` for int32 and int64. */
export function div(a: TensorLike, b: TensorLike, name = "div"): Tensor {
  const isInteger = [a, b].some(
    (item) => (item instanceof Tensor || item instanceof Variable) && item.dtype.base.isInteger,
  );
  return binaryOp(isInteger ? FloorDiv : RealDiv, a, b, name);
}
/** a / b, and 0 where b is 0, broadcasting. float32. */
export const divNoNan = (a: TensorLike, b: TensorLike, name = "div_no_nan"): Tensor => binaryOp(DivNoNan, a, b, name);
/** The largest whole number that is at most a / b, broadcasting. float32, int32, int64 (a run with b = 0 is refused). */
export const floordiv = (a: TensorLike, b: TensorLike, name = "floordiv"): Tensor => binaryOp(FloorDiv, a, b, name);
/** The remainder of `floordiv`; it has the sign of b. Broadcasting. float32 (NaN for b = 0), int32, int64 (a run with b = 0 is refused). */
export const floormod = (a: TensorLike, b: TensorLike, name = "FloorMod"): Tensor => binaryOp(FloorMod, a, b, name);
/** TensorFlow's other name of `floormod`. */
export const mod = floormod;
/** a / b rounded towards 0, broadcasting. int32, int64 (a run with b = 0 is refused). */
export const truncatediv = (a: TensorLike, b: TensorLike, name = "TruncateDiv"): Tensor =>
  binaryOp(TruncateDiv, a, b, name);
/** The remainder of `truncatediv`; it has the sign of a. Broadcasting. float32 (NaN for b = 0), int32, int64 (a run with b = 0 is refused). */
export const truncatemod = (a: TensorLike, b: TensorLike, name = "TruncateMod"): Tensor =>
  binaryOp(TruncateMod, a, b, name);
/** The larger of a and b, broadcasting; NaN if one is. float32, int32, int64. */
export const maximum = (a: TensorLike, b: TensorLike, name = "Maximum"): Tensor => binaryOp(Maximum, a, b, name);
/** The smaller of a and b, broadcasting; NaN if one is. float32, int32, int64. */
export const minimum = (a: TensorLike, b: TensorLike, name = "Minimum"): Tensor => binaryOp(Minimum, a, b, name);
/** (a − b)², broadcasting. float32. */
export const squaredDifference = (a: TensorLike, b: TensorLike, name = "SquaredDifference"): Tensor =>
  binaryOp(SquaredDifference, a, b, name);
/** a to the power of b, broadcasting; NaN for a < 0 and b not whole. float32. */
export const pow = (a: TensorLike, b: TensorLike, name = "Pow"): Tensor => binaryOp(Pow, a, b, name);
