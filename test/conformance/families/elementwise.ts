/** Families elementwise and activation: functions of one and two tensors, clipping; with gradients. */
import * as tf from "../../../src/index.ts";
import { Unsupported, type GoldenCase } from "../goldenCase.ts";
import { evaluate, type Adapter, type Inputs } from "./adapter.ts";
import { gradientsOf } from "./gradients.ts";

type Unary = (x: tf.Tensor, golden: GoldenCase) => tf.Tensor;
type Binary = (a: tf.Tensor, b: tf.Tensor) => tf.Tensor;

const axisOf = ({ attrs }: GoldenCase): number => (attrs.has("axis") ? attrs.number("axis") : -1);

const unaries: { readonly [op: string]: Unary | undefined } = {
  abs: (x) => tf.abs(x),
  acos: (x) => tf.acos(x),
  acosh: (x) => tf.acosh(x),
  asin: (x) => tf.asin(x),
  asinh: (x) => tf.asinh(x),
  atan: (x) => tf.atan(x),
  atanh: (x) => tf.atanh(x),
  ceil: (x) => tf.ceil(x),
  clip_by_value: (x, { attrs }) => tf.clipByValue(x, attrs.number("min"), attrs.number("max")),
  cos: (x) => tf.cos(x),
  cosh: (x) => tf.cosh(x),
  erf: (x) => tf.erf(x),
  exp: (x) => tf.exp(x),
  expm1: (x) => tf.expm1(x),
  floor: (x) => tf.floor(x),
  log: (x) => tf.log(x),
  log1p: (x) => tf.log1p(x),
  neg: (x) => tf.negative(x),
  pow: (x, { attrs }) => tf.pow(x, attrs.number("exponent")),
  reciprocal: (x) => tf.reciprocal(x),
  round: (x) => tf.round(x),
  rsqrt: (x) => tf.rsqrt(x),
  sigmoid: (x) => tf.sigmoid(x),
  sign: (x) => tf.sign(x),
  sin: (x) => tf.sin(x),
  sinh: (x) => tf.sinh(x),
  sqrt: (x) => tf.sqrt(x),
  square: (x) => tf.square(x),
  tan: (x) => tf.tan(x),
  tanh: (x) => tf.tanh(x),
  Elu: (x) => tf.nn.elu(x),
  Gelu: (x, { attrs }) => tf.nn.gelu(x, attrs.boolean("approximate")),
  LeakyRelu: (x, { attrs }) => tf.nn.leakyRelu(x, attrs.number("alpha")),
  Relu: (x) => tf.nn.relu(x),
  Relu6: (x) => tf.nn.relu6(x),
  Selu: (x) => tf.nn.selu(x),
  Sigmoid: (x) => tf.nn.sigmoid(x),
  Softplus: (x) => tf.nn.softplus(x),
  Softsign: (x) => tf.nn.softsign(x),
  Tanh: (x) => tf.nn.tanh(x),
  log_softmax: (x, golden) => tf.nn.logSoftmax(x, axisOf(golden)),
  softmax: (x, golden) => tf.nn.softmax(x, axisOf(golden)),
  "x*sigmoid(x)": (x) => tf.nn.swish(x),
};

const binaries: { readonly [op: string]: Binary | undefined } = {
  add: (a, b) => tf.add(a, b),
  atan2: (a, b) => tf.atan2(a, b),
  div: (a, b) => tf.divide(a, b),
  div_no_nan: (a, b) => tf.divNoNan(a, b),
  floordiv: (a, b) => tf.floordiv(a, b),
  floormod: (a, b) => tf.floormod(a, b),
  maximum: (a, b) => tf.maximum(a, b),
  minimum: (a, b) => tf.minimum(a, b),
  mul: (a, b) => tf.multiply(a, b),
  pow: (a, b) => tf.pow(a, b),
  squared_difference: (a, b) => tf.squaredDifference(a, b),
  mod: (a, b) => tf.mod(a, b),
  sub: (a, b) => tf.subtract(a, b),
  xdivy: (a, b) => tf.xdivy(a, b),
  xlogy: (a, b) => tf.xlogy(a, b),
};

/** Two tensors clipped by their common norm, and the first by its own. */
function clipped({ attrs }: GoldenCase, input: Inputs): { [output: string]: tf.Tensor } {
  const limit = attrs.number("clip_norm");
  const global = tf.clipByGlobalNorm([input("t"), input("u")], limit);
  const [y, y2] = global.clipped as tf.Tensor[];
  return { y, y2, global_norm: global.globalNorm, clip_by_norm: tf.clipByNorm(input("t"), limit) };
}

export const elementwise: Adapter = (golden) =>
  evaluate(golden, (input) => {
    const { op, inputs } = golden;
    if (op === "clip_by_global_norm") return clipped(golden, input);
    const [one, two] = [unaries[op], binaries[op]];
    if (two && inputs.has("a")) {
      const y = two(input("a"), input("b"));
      return { y, ...gradientsOf(golden, y, input) };
    }
    if (!one) throw new Unsupported(op);
    const y = one(input("x"), golden);
    return { y, ...gradientsOf(golden, y, input) };
  });
