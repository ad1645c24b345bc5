/** Inverse and hyperbolic functions, and the angle of two numbers (tensorflow/core/ops/math_ops.cc). Gradients:
 * python/ops/math_grad.py. */
import type { Tensor } from "../graph/operation.ts";
import type { TensorLike } from "./build.ts";
import type { OpDefinition } from "./definition.ts";
import { add, binary, binaryOp, divide, multiply, subtract } from "./elementwise.ts";
import { after, negative, reciprocal, sqrt, square, unary, unaryOp } from "./unary.ts";

// d asin(x) = dx / √(1 − x²), of acos the negative
const inverseRoot = (x: Tensor): Tensor => reciprocal(sqrt(subtract(1, square(x))));
export const Asin: OpDefinition = unary("Asin", "asin", (dy, { inputs: [x] }) =>
  after(dy, () => multiply(dy, inverseRoot(x))),
);
export const Acos: OpDefinition = unary("Acos", "acos", (dy, { inputs: [x] }) =>
  after(dy, () => multiply(negative(dy), inverseRoot(x))),
);
// d atan(x) = dx / (1 + x²)
export const Atan: OpDefinition = unary("Atan", "atan", (dy, { inputs: [x] }) =>
  after(dy, () => multiply(dy, reciprocal(add(1, square(x))))),
);
export const Sinh: OpDefinition = unary("Sinh", "sinh", (dy, { inputs: [x] }) =>
  after(dy, () => multiply(dy, cosh(x))),
);
export const Cosh: OpDefinition = unary("Cosh", "cosh", (dy, { inputs: [x] }) =>
  after(dy, () => multiply(dy, sinh(x))),
);
// Of y = asinh(x): dx / cosh(y); of acosh: dx / sinh(y); d atanh(x) = dx / (1 − x²)
export const Asinh: OpDefinition = unary("Asinh", "asinh", (dy, { outputs: [y] }) =>
  after(dy, () => divide(dy, cosh(y))),
);
export const Acosh: OpDefinition = unary("Acosh", "acosh", (dy, { outputs: [y] }) =>
  after(dy, () => divide(dy, sinh(y))),
);
export const Atanh: OpDefinition = unary("Atanh", "atanh", (dy, { inputs: [x] }) =>
  after(dy, () => multiply(dy, reciprocal(subtract(1, square(x))))),
);

// Of the angle of (x, y): by y x / (x² + y²), by x −y / (x² + y²)
export const Atan2: OpDefinition = binary("Atan2", { float32: "atan2" }, (dy, y, x) => {
  const part = divide(dy, add(square(x), square(y)));
  return [multiply(x, part), multiply(negative(y), part)];
});

/** The angle of which x is the sine, −π/2 … π/2; NaN outside −1 … 1. float32. */
export const asin = (x: TensorLike, name = "Asin"): Tensor => unaryOp(Asin, x, name);
/** The angle of which x is the cosine, 0 … π; NaN outside −1 … 1. float32. */
export const acos = (x: TensorLike, name = "Acos"): Tensor => unaryOp(Acos, x, name);
/** The angle of which x is the tangent, −π/2 … π/2. float32. */
export const atan = (x: TensorLike, name = "Atan"): Tensor => unaryOp(Atan, x, name);
/** float32. */
export const sinh = (x: TensorLike, name = "Sinh"): Tensor => unaryOp(Sinh, x, name);
/** float32. */
export const cosh = (x: TensorLike, name = "Cosh"): Tensor => unaryOp(Cosh, x, name);
/** float32. */
export const asinh = (x: TensorLike, name = "Asinh"): Tensor => unaryOp(Asinh, x, name);
/** NaN below 1. float32. */
export const acosh = (x: TensorLike, name = "Acosh"): Tensor => unaryOp(Acosh, x, name);
/** Infinite at −1 and 1, NaN beyond. float32. */
export const atanh = (x: TensorLike, name = "Atanh"): Tensor => unaryOp(Atanh, x, name);
/** The angle of the point (x, y), −π … π, broadcasting. float32. */
export const atan2 = (y: TensorLike, x: TensorLike, name = "Atan2"): Tensor => binaryOp(Atan2, y, x, name);
