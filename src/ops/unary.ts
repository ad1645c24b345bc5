/** Functions of one operand, element by element (tensorflow/core/ops/math_ops.cc), and the gradient operations that TensorFlow
 * has for some of them. Gradients: python/ops/math_grad.py. */
import { attr } from "../graph/attr.ts";
import type { Operation, Tensor } from "../graph/operation.ts";
import { mergeShapes, sizeOf } from "../graph/shape.ts";
import { convertToTensor, createOp, type TensorLike } from "./build.ts";
import type { GradientRule, KernelContext, OpDefinition } from "./definition.ts";
import { add, broadcastBlock, divide, kernelFor, multiply } from "./elementwise.ts";
import { foldUnary } from "./folding.ts";
import { sign } from "./rounding.ts";

type UnaryKernel =
  | "asin"
  | "acos"
  | "atan"
  | "sinh"
  | "cosh"
  | "asinh"
  | "acosh"
  | "atanh"
  | "negate"
  | "abs"
  | "square"
  | "sqrt"
  | "rsqrt"
  | "reciprocal"
  | "exp"
  | "expm1"
  | "log"
  | "log1p"
  | "erf"
  | "sin"
  | "cos"
  | "tan"
  | "relu"
  | "relu6"
  | "elu"
  | "selu"
  | "sigmoid"
  | "tanh"
  | "softplus"
  | "softsign";
type GradientKernel =
  | "sqrtGrad"
  | "rsqrtGrad"
  | "reciprocalGrad"
  | "sigmoidGrad"
  | "tanhGrad"
  | "reluGrad"
  | "relu6Grad"
  | "eluGrad"
  | "seluGrad"
  | "softplusGrad"
  | "softsignGrad";

/** A function of one float32, by a kernel `kernel(y, x, n)`. */
export function unary(
  type: string,
  kernel: UnaryKernel,
  gradient: (dy: Tensor, op: Operation) => Tensor,
  fold?: (x: number) => number,
  integers?: (k: KernelContext) => boolean,
): OpDefinition {
  return {
    type,
    inputs: "T",
    gradient: (op, [dy]) => [gradient(dy, op)],
    outputs: (node) => [node.inputDtype(0).base],
    shape: (node) => [node.inputShape(0)],
    fold: fold && foldUnary(fold),
    plan: {
      kind: "kernel",
      inPlace: [0],
      emit(k) {
        if (integers?.(k)) return;
        const name = kernelFor(k, { float32: kernel });
        const x = k.input(0);
        k.call(name, k.output(0), x, sizeOf(k.outputShape(0)));
      },
    },
  };
}

const integerKernels = {
  int32: { subtract: "subtractInt32", multiply: "multiplyInt32", maximum: "maximumInt32" },
  int64: { subtract: "subtractInt64", multiply: "multiplyInt64", maximum: "maximumInt64" },
} as const;

/** −x, |x|, x² of counters, put together from the arithmetic of two operands. False for another type. */
const ofIntegers =
  (function_: "negate" | "abs" | "square") =>
  (k: KernelContext): boolean => {
    const { name, size } = k.inputDtype(0);
    if (name !== "int32" && name !== "int64") return false;
    const { subtract, multiply: times, maximum } = integerKernels[name];
    const shape = k.outputShape(0);
    const block = k.attributes(broadcastBlock(shape, shape, shape));
    const [x, y] = [k.input(0), k.output(0)];
    if (function_ === "square") k.call(times, y, x, x, block);
    else {
      const zero = k.scratch(size);
      const negated = function_ === "abs" ? k.scratch(sizeOf(shape) * size) : y;
      k.call("fillBytes", zero, 0, size);
      k.call(subtract, negated, zero, x, k.attributes(broadcastBlock([], shape, shape)));
      if (function_ === "abs") k.call(maximum, y, x, negated, block);
    }
    return true;
  };

/** An operation that TensorFlow has for the gradient of another, by a kernel `kernel(dx, dy, value, n)`, float32. `dy` is the
 * operation's input of that index, the other the function's input or output. */
export function gradientOf(type: string, kernel: GradientKernel, dy: 0 | 1, gradient: GradientRule): OpDefinition {
  return {
    type,
    inputs: "T T",
    gradient,
    outputs: (node) => [node.inputDtype(0).base],
    shape: (node) => [mergeShapes(node.inputShape(0), node.inputShape(1))],
    plan: {
      kind: "kernel",
      inPlace: [0, 1],
      emit(k) {
        const name = kernelFor(k, { float32: kernel });
        const [incoming, value] = [k.input(dy), k.input(1 - dy)];
        k.call(name, k.output(0), incoming, value, sizeOf(k.outputShape(0)));
      },
    },
  };
}

/** Builds what `body` gives once `dy` is there, as TensorFlow does, so that it takes no memory during the forward pass. */
export function after(dy: Tensor, body: () => Tensor): Tensor {
  return dy.graph.controlDependencies([dy], body);
}

export const Neg: OpDefinition = unary(
  "Neg",
  "negate",
  (dy) => negative(dy),
  (x) => -x,
  ofIntegers("negate"),
);
export const Abs: OpDefinition = unary(
  "Abs",
  "abs",
  (dy, { inputs: [x] }) => multiply(dy, sign(x)),
  Math.abs,
  ofIntegers("abs"),
);
export const Square: OpDefinition = unary(
  "Square",
  "square",
  (dy, { inputs: [x] }) => after(dy, () => multiply(dy, multiply(x, 2))),
  (x) => x * x,
  ofIntegers("square"),
);

// d √x = dx / (2 √x)
export const Sqrt: OpDefinition = unary("Sqrt", "sqrt", (dy, { outputs: [y] }) => gradientOp(SqrtGrad, y, dy));
// dx = dy / (2 y): its own derivative is −dx / y by y, 1 / (2 y) by dy
export const SqrtGrad: OpDefinition = gradientOf("SqrtGrad", "sqrtGrad", 1, ({ inputs: [y], outputs: [dx] }, [d]) => {
  const quotient = divide(d, y);
  return [multiply(negative(quotient), dx), multiply(0.5, quotient)];
});

// d x^(−1/2) = −1/2 · y³ · dx
export const Rsqrt: OpDefinition = unary("Rsqrt", "rsqrt", (dy, { outputs: [y] }) => gradientOp(RsqrtGrad, y, dy));
// dx = −1/2 y³ dy
export const RsqrtGrad: OpDefinition = gradientOf("RsqrtGrad", "rsqrtGrad", 1, ({ inputs: [y, dy] }, [d]) => [
  multiply(multiply(multiply(-1.5, d), dy), square(y)),
  gradientOp(RsqrtGrad, y, d),
]);

const reciprocalGradient = (dy: Tensor, { outputs: [y] }: Operation): Tensor => gradientOp(ReciprocalGrad, y, dy);
// d(1/x) = −y² · dx
export const Reciprocal: OpDefinition = unary("Reciprocal", "reciprocal", reciprocalGradient);
/** The older name of Reciprocal. */
export const Inv: OpDefinition = unary("Inv", "reciprocal", reciprocalGradient);
// dx = −y² dy
const reciprocalGradGradient: GradientRule = ({ inputs: [y, dy] }, [d]) => [
  multiply(multiply(multiply(d, -2), dy), y),
  gradientOp(ReciprocalGrad, y, d),
];
export const ReciprocalGrad: OpDefinition = gradientOf("ReciprocalGrad", "reciprocalGrad", 1, reciprocalGradGradient);
export const InvGrad: OpDefinition = gradientOf("InvGrad", "reciprocalGrad", 1, reciprocalGradGradient);

export const Exp: OpDefinition = unary("Exp", "exp", (dy, { outputs: [y] }) => after(dy, () => multiply(dy, y)));
export const Expm1: OpDefinition = unary("Expm1", "expm1", (dy, { inputs: [x] }) =>
  after(dy, () => multiply(dy, exp(x))),
);
export const Log: OpDefinition = unary("Log", "log", (dy, { inputs: [x] }) =>
  after(dy, () => multiply(dy, reciprocal(x))),
);
export const Log1p: OpDefinition = unary("Log1p", "log1p", (dy, { inputs: [x] }) =>
  after(dy, () => multiply(dy, reciprocal(add(1, x)))),
);
export const Sin: OpDefinition = unary("Sin", "sin", (dy, { inputs: [x] }) => after(dy, () => multiply(dy, cos(x))));
export const Cos: OpDefinition = unary("Cos", "cos", (dy, { inputs: [x] }) =>
  after(dy, () => multiply(negative(dy), sin(x))),
);
// d tan(x) = dx / cos²(x)
export const Tan: OpDefinition = unary("Tan", "tan", (dy, { inputs: [x] }) =>
  after(dy, () => multiply(square(reciprocal(cos(x))), dy)),
);
// d erf(x) = 2 / √π · e^(−x²) dx
export const Erf: OpDefinition = unary("Erf", "erf", (dy, { inputs: [x] }) =>
  after(dy, () => multiply(multiply(2 / Math.sqrt(Math.PI), exp(negative(square(x)))), dy)),
);

export const Sigmoid: OpDefinition = unary("Sigmoid", "sigmoid", (dy, { outputs: [y] }) =>
  after(dy, () => gradientOp(SigmoidGrad, y, dy)),
);
// dx = dy y (1 − y): its own derivative is dy (1 − 2 y) by y
export const SigmoidGrad: OpDefinition = gradientOf("SigmoidGrad", "sigmoidGrad", 1, ({ inputs: [y, dy] }, [d]) => {
  const product = multiply(d, dy);
  return [add(product, multiply(multiply(-2, product), y)), gradientOp(SigmoidGrad, y, d)];
});
export const Tanh: OpDefinition = unary("Tanh", "tanh", (dy, { outputs: [y] }) =>
  after(dy, () => gradientOp(TanhGrad, y, dy)),
);
// dx = dy (1 − y²): its own derivative is −2 dy y by y
export const TanhGrad: OpDefinition = gradientOf("TanhGrad", "tanhGrad", 1, ({ inputs: [y, dy] }, [d]) => [
  multiply(multiply(multiply(d, -2), dy), y),
  gradientOp(TanhGrad, y, d),
]);

/** A gradient operation over its two inputs, in TensorFlow's order, under the name of its type. */
export function gradientOp(definition: OpDefinition, first: Tensor, second: Tensor): Tensor {
  return createOp(definition, [first, second], { T: attr.type(first.dtype) }, definition.type).outputs[0];
}

/** Adds a unary operation. */
export function unaryOp(definition: OpDefinition, x: TensorLike, name: string): Tensor {
  const value = convertToTensor(x);
  return createOp(definition, [value], { T: attr.type(value.dtype) }, name).outputs[0];
}

/** −x. float32, int32, int64. */
export const negative = (x: TensorLike, name = "Neg"): Tensor => unaryOp(Neg, x, name);
/** |x|. float32, int32, int64; the gradient at 0 is 0. */
export const abs = (x: TensorLike, name = "Abs"): Tensor => unaryOp(Abs, x, name);
/** x². float32, int32, int64. */
export const square = (x: TensorLike, name = "Square"): Tensor => unaryOp(Square, x, name);
/** √x. float32. */
export const sqrt = (x: TensorLike, name = "Sqrt"): Tensor => unaryOp(Sqrt, x, name);
/** 1 / √x. float32. */
export const rsqrt = (x: TensorLike, name = "Rsqrt"): Tensor => unaryOp(Rsqrt, x, name);
/** 1 / x. float32. */
export const reciprocal = (x: TensorLike, name = "Reciprocal"): Tensor => unaryOp(Reciprocal, x, name);
/** e^x. float32. */
export const exp = (x: TensorLike, name = "Exp"): Tensor => unaryOp(Exp, x, name);
/** e^x − 1, exact near 0. float32. */
export const expm1 = (x: TensorLike, name = "Expm1"): Tensor => unaryOp(Expm1, x, name);
/** The natural logarithm; −∞ at 0, NaN below. float32. */
export const log = (x: TensorLike, name = "Log"): Tensor => unaryOp(Log, x, name);
/** log(1 + x), exact near 0. float32. */
export const log1p = (x: TensorLike, name = "Log1p"): Tensor => unaryOp(Log1p, x, name);
/** float32. */
export const sin = (x: TensorLike, name = "Sin"): Tensor => unaryOp(Sin, x, name);
/** float32. */
export const cos = (x: TensorLike, name = "Cos"): Tensor => unaryOp(Cos, x, name);
/** float32. */
export const tan = (x: TensorLike, name = "Tan"): Tensor => unaryOp(Tan, x, name);
/** The error function. float32. */
export const erf = (x: TensorLike, name = "Erf"): Tensor => unaryOp(Erf, x, name);
/** 1 / (1 + e^−x). float32. */
export const sigmoid = (x: TensorLike, name = "Sigmoid"): Tensor => unaryOp(Sigmoid, x, name);
/** float32. */
export const tanh = (x: TensorLike, name = "Tanh"): Tensor => unaryOp(Tanh, x, name);
