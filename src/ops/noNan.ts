/** Products and quotients that are 0 where one operand is, whatever the other: MulNoNan, Xdivy, Xlogy, Xlog1py
 * (tensorflow/core/ops/math_ops.cc). Gradients: python/ops/math_grad.py. */
import { float32 } from "../graph/dtype.ts";
import type { Tensor } from "../graph/operation.ts";
import type { TensorLike } from "./build.ts";
import { cast } from "./cast.ts";
import { notEqual } from "./comparison.ts";
import type { OpDefinition } from "./definition.ts";
import { add, binary, binaryOp, multiply } from "./elementwise.ts";
import { negative, square } from "./unary.ts";

/** 1 where x is not 0, elsewhere 0. */
const notZero = (x: Tensor): Tensor => cast(notEqual(x, 0), float32);

export const MulNoNan: OpDefinition = binary("MulNoNan", { float32: "multiplyNoNan" }, (dy, x, y) => [
  mulNoNan(dy, y),
  mulNoNan(x, dy),
]);
// x / y: by x 1 / y, by y −x / y²; 0 where x is
export const Xdivy: OpDefinition = binary("Xdivy", { float32: "xdivy" }, (dy, x, y) => [
  multiply(xdivy(notZero(x), y), dy),
  multiply(xdivy(negative(x), square(y)), dy),
]);
// x log(y): by x log(y), by y x / y; 0 where x is
export const Xlogy: OpDefinition = binary("Xlogy", { float32: "xlogy" }, (dy, x, y) => [
  multiply(xlogy(notZero(x), y), dy),
  multiply(xdivy(x, y), dy),
]);
export const Xlog1py: OpDefinition = binary("Xlog1py", { float32: "xlog1py" }, (dy, x, y) => [
  multiply(xlog1py(notZero(x), y), dy),
  multiply(xdivy(x, add(y, 1)), dy),
]);

/** x · y, and 0 where y is 0, broadcasting. float32. */
export const mulNoNan = (x: TensorLike, y: TensorLike, name = "mul_no_nan"): Tensor => binaryOp(MulNoNan, x, y, name);
/** x / y, and 0 where x is 0, broadcasting. float32. */
export const xdivy = (x: TensorLike, y: TensorLike, name = "xdivy"): Tensor => binaryOp(Xdivy, x, y, name);
/** x · log(y), and 0 where x is 0, broadcasting. float32. */
export const xlogy = (x: TensorLike, y: TensorLike, name = "xlogy"): Tensor => binaryOp(Xlogy, x, y, name);
/** x · log(1 + y), and 0 where x is 0, broadcasting. float32. */
export const xlog1py = (x: TensorLike, y: TensorLike, name = "xlog1py"): Tensor => binaryOp(Xlog1py, x, y, name);
