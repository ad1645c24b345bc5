/** The families of single operations: what the library has of them, by the manifest's name of the operation. */
import * as tf from "../../../src/index.ts";
import { Unsupported, type GoldenCase } from "../goldenCase.ts";
import { evaluate, type Adapter, type Inputs } from "./adapter.ts";

type Builder = (input: Inputs, golden: GoldenCase) => { readonly [output: string]: tf.Tensor };

const unary =
  (op: (x: tf.Tensor) => tf.Tensor): Builder =>
  (input) => ({ y: op(input("x")) });

const binary =
  (op: (a: tf.Tensor, b: tf.Tensor) => tf.Tensor): Builder =>
  (input) => ({ y: op(input("a"), input("b")) });

const reduction =
  (op: (x: tf.Tensor, axes: readonly number[] | null, options: tf.ReduceOptions) => tf.Tensor): Builder =>
  (input, { attrs }) => {
    const axes = attrs.has("axes") ? attrs.numbers("axes") : null;
    return { y: op(input("x"), axes, { keepDims: attrs.has("keepdims") && attrs.boolean("keepdims") }) };
  };

const builders: { readonly [op: string]: Builder | undefined } = {
  abs: unary(tf.abs),
  add: binary(tf.add),
  div: binary(tf.divide),
  maximum: binary(tf.maximum),
  minimum: binary(tf.minimum),
  mul: binary(tf.multiply),
  neg: unary(tf.negative),
  reciprocal: unary(tf.reciprocal),
  rsqrt: unary(tf.rsqrt),
  sqrt: unary(tf.sqrt),
  square: unary(tf.square),
  squared_difference: binary(tf.squaredDifference),
  sub: binary(tf.subtract),
  Relu: unary(tf.nn.relu),
  Relu6: unary(tf.nn.relu6),
  BiasAdd: (input) => ({ y: tf.nn.biasAdd(input("x"), input("bias")) }),
  Reshape: (input, { attrs }) => ({ y: tf.reshape(input("x"), attrs.numbers("shape")) }),
  reduce_mean: reduction(tf.reduceMean),
  reduce_sum: reduction(tf.reduceSum),
  moments: (input, { attrs }) => {
    const { mean, variance } = tf.nn.moments(input("x"), attrs.numbers("axes"));
    return { y: mean, variance };
  },
};

export const operation: Adapter = (golden) => {
  // "reduce_mean[1,2]" is reduce_mean: the axes are in the attributes.
  const build = builders[golden.op.replace(/\[.*\]$/, "")];
  if (!build) throw new Unsupported(golden.op);
  return evaluate(golden, (input) => build(input, golden));
};
