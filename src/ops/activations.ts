/** Activation functions (tensorflow/core/ops/nn_ops.cc). Gradients: python/ops/nn_grad.py. */
import { attr } from "../graph/attr.ts";
import type { Tensor } from "../graph/operation.ts";
import { mergeShapes, sizeOf } from "../graph/shape.ts";
import { zerosLike } from "./addN.ts";
import { convertToTensor, createOp, opScope, type TensorLike } from "./build.ts";
import { less } from "./comparison.ts";
import { requireFloat } from "./conv2d.ts";
import { noGradient, type OpDefinition } from "./definition.ts";
import { add, divide, multiply, pow } from "./elementwise.ts";
import { select } from "./select.ts";
import { erf, exp, gradientOf, gradientOp, negative, sigmoid, tanh, unary, unaryOp } from "./unary.ts";

/** Passes where the output, and so the input, is above 0. */
export const Relu: OpDefinition = unary("Relu", "relu", (dy, { outputs: [y] }) => gradientOp(ReluGrad, dy, y));
export const ReluGrad: OpDefinition = gradientOf("ReluGrad", "reluGrad", 0, ({ inputs: [, y] }, [d]) => [
  gradientOp(ReluGrad, d, y),
  zerosLike(y),
]);

/** Passes where the output is above 0 and below 6. */
export const Relu6: OpDefinition = unary("Relu6", "relu6", (dy, { outputs: [y] }) => gradientOp(Relu6Grad, dy, y));
export const Relu6Grad: OpDefinition = gradientOf("Relu6Grad", "relu6Grad", 0, ({ inputs: [, y] }, [d]) => [
  gradientOp(Relu6Grad, d, y),
  zerosLike(y),
]);

export const LeakyRelu: OpDefinition = {
  type: "LeakyRelu",
  inputs: "T",
  outputs: (node) => [node.inputDtype(0).base],
  shape: (node) => [node.inputShape(0)],
  plan: {
    kind: "kernel",
    inPlace: [0],
    emit(k) {
      requireFloat(k, 0);
      const x = k.input(0);
      k.call("leakyRelu", k.output(0), x, k.op.float("alpha", 0.2), sizeOf(k.outputShape(0)));
    },
  },
  gradient: (op, [dy]) => [leakyReluGrad(dy, op.inputs[0], op.float("alpha", 0.2))],
};

/** Its slope at 0 is alpha. */
export const LeakyReluGrad: OpDefinition = {
  type: "LeakyReluGrad",
  inputs: "T T",
  outputs: (node) => [node.inputDtype(0).base],
  shape: (node) => [mergeShapes(node.inputShape(0), node.inputShape(1))],
  plan: {
    kind: "kernel",
    inPlace: [0, 1],
    emit(k) {
      requireFloat(k, 0);
      const [dy, x] = [k.input(0), k.input(1)];
      k.call("leakyReluGrad", k.output(0), dy, x, k.op.float("alpha", 0.2), sizeOf(k.outputShape(0)));
    },
  },
  gradient: (op, [d]) => [leakyReluGrad(d, op.inputs[1], op.float("alpha", 0.2)), zerosLike(op.inputs[1])],
};

function leakyReluGrad(dy: Tensor, x: Tensor, alpha: number): Tensor {
  const attrs = { T: attr.type(x.dtype), alpha: attr.float(alpha) };
  return createOp(LeakyReluGrad, [dy, x], attrs, "LeakyReluGrad").outputs[0];
}

// y = e^x − 1 for x < 0, so dy/dx = e^x = y + 1; d²y/dx² = e^x as well, which by y is 1.
export const Elu: OpDefinition = unary("Elu", "elu", (dy, { outputs: [y] }) => gradientOp(EluGrad, dy, y));
export const EluGrad: OpDefinition = gradientOf("EluGrad", "eluGrad", 0, ({ inputs: [dy, y] }, [d]) => [
  gradientOp(EluGrad, d, y),
  select(less(y, 0), multiply(d, dy), zerosLike(y)),
]);

// y = s α (e^x − 1) for x < 0, so dy/dx = s α e^x = y + s α, which by y is 1.
export const Selu: OpDefinition = unary("Selu", "selu", (dy, { outputs: [y] }) => gradientOp(SeluGrad, dy, y));
export const SeluGrad: OpDefinition = gradientOf("SeluGrad", "seluGrad", 0, ({ inputs: [dy, y] }, [d]) => [
  gradientOp(SeluGrad, d, y),
  select(less(y, 0), multiply(d, dy), zerosLike(y)),
]);

// d log(1 + e^x) = dx / (1 + e^−x), and the derivative of that is dx / (e^−x + 2 + e^x)
export const Softplus: OpDefinition = unary("Softplus", "softplus", (dy, { inputs: [x] }) =>
  gradientOp(SoftplusGrad, dy, x),
);
export const SoftplusGrad: OpDefinition = gradientOf("SoftplusGrad", "softplusGrad", 0, ({ inputs: [dy, x] }, [d]) => [
  gradientOp(SoftplusGrad, d, x),
  divide(multiply(d, dy), add(add(exp(negative(x)), 2), exp(x))),
]);

// d(x / (1 + |x|)) = dx / (1 + |x|)²
export const Softsign: OpDefinition = unary("Softsign", "softsign", (dy, { inputs: [x] }) =>
  gradientOp(SoftsignGrad, dy, x),
);
export const SoftsignGrad: OpDefinition = gradientOf(
  "SoftsignGrad",
  "softsignGrad",
  0,
  noGradient("TensorFlow has none either"),
);

/** max(x, 0). float32; the gradient at 0 is 0. */
export const relu = (x: TensorLike, name = "Relu"): Tensor => unaryOp(Relu, x, name);
/** min(max(x, 0), 6). float32; the gradient at 0 and at 6 is 0. */
export const relu6 = (x: TensorLike, name = "Relu6"): Tensor => unaryOp(Relu6, x, name);
/** x for x > 0, e^x − 1 below. float32. */
export const elu = (x: TensorLike, name = "Elu"): Tensor => unaryOp(Elu, x, name);
/** 1.0507 x for x > 0, 1.7581 (e^x − 1) below (Klambauer et al., 2017). float32. */
export const selu = (x: TensorLike, name = "Selu"): Tensor => unaryOp(Selu, x, name);
/** log(1 + e^x). float32. */
export const softplus = (x: TensorLike, name = "Softplus"): Tensor => unaryOp(Softplus, x, name);
/** x / (1 + |x|). float32. */
export const softsign = (x: TensorLike, name = "Softsign"): Tensor => unaryOp(Softsign, x, name);

/** x for x > 0, alpha · x below. float32; the gradient at 0 is alpha. */
export function leakyRelu(x: TensorLike, alpha = 0.2, name = "LeakyRelu"): Tensor {
  const value = convertToTensor(x, { name: "features" });
  return createOp(LeakyRelu, [value], { T: attr.type(value.dtype), alpha: attr.float(alpha) }, name).outputs[0];
}

/** x · sigmoid(x). float32. */
export function swish(x: TensorLike, name = "swish"): Tensor {
  return opScope(name, [x], () => {
    const value = convertToTensor(x, { name: "features" });
    return multiply(value, sigmoid(value));
  });
}

/** x · Φ(x), Φ the normal distribution: by the error function, or its approximation by tanh. float32. */
export function gelu(x: TensorLike, approximate = false, name = "Gelu"): Tensor {
  return opScope(name, [x], () => {
    const value = convertToTensor(x, { name: "features" });
    if (!approximate) return multiply(multiply(0.5, value), add(1, erf(divide(value, Math.SQRT2))));
    const cubic = add(value, multiply(0.044715, pow(value, 3)));
    return multiply(multiply(0.5, value), add(1, tanh(multiply(Math.sqrt(2 / Math.PI), cubic))));
  });
}
