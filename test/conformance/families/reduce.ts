/** Family reduce: reductions over axes, places of extrema, moments, l2_loss; with gradients. */
import { dtypeFromName } from "../../../src/graph/dtype.ts";
import * as tf from "../../../src/index.ts";
import { Unsupported, type GoldenCase } from "../goldenCase.ts";
import { evaluate, type Adapter, type Inputs } from "./adapter.ts";
import { gradientsOf } from "./gradients.ts";

type Builder = (input: Inputs, golden: GoldenCase) => { readonly [output: string]: tf.Tensor };

const reduction =
  (op: (x: tf.Tensor, axes: readonly number[] | null, options: tf.ReduceOptions) => tf.Tensor): Builder =>
  (input, { attrs }) => {
    const axes = attrs.has("axes") ? attrs.numbers("axes") : null;
    return { y: op(input("x"), axes, { keepDims: attrs.has("keepdims") && attrs.boolean("keepdims") }) };
  };

/** The places of the largest and the smallest, in the types that the case holds them in. */
const places: Builder = (input, { attrs, outputs }) => {
  const axis = attrs.number("axis");
  const outputType = (name: string): tf.DType => dtypeFromName(outputs.get(name)!.value.dtype);
  return {
    y: tf.argmax(input("x"), axis, { outputType: outputType("y") }),
    ...(outputs.has("argmin") ? { argmin: tf.argmin(input("x"), axis, { outputType: outputType("argmin") }) } : {}),
  };
};

const builders: { readonly [op: string]: Builder | undefined } = {
  reduce_sum: reduction(tf.reduceSum),
  reduce_mean: reduction(tf.reduceMean),
  reduce_max: reduction(tf.reduceMax),
  reduce_min: reduction(tf.reduceMin),
  reduce_prod: reduction(tf.reduceProd),
  argmax: places,
  argmin: (input, { attrs, outputs }) => ({
    y: tf.argmin(input("x"), attrs.number("axis"), {
      outputType: dtypeFromName(outputs.get("y")!.value.dtype),
    }),
  }),
  reduce_all: reduction(tf.reduceAll),
  reduce_any: reduction(tf.reduceAny),
  moments: (input, { attrs }) => {
    const x = input("x");
    const axes = attrs.has("axes") ? attrs.numbers("axes") : x.shape!.map((_, i) => i);
    const { mean, variance } = tf.nn.moments(x, axes, { keepDims: attrs.has("keepdims") && attrs.boolean("keepdims") });
    return { y: mean, variance };
  },
  L2Loss: (input) => ({ y: tf.nn.l2Loss(input("x")) }),
};

export const reduce: Adapter = (golden) => {
  // "reduce_mean[1,2]" is reduce_mean: the axes are in the attributes.
  const build = builders[golden.op.replace(/\[.*\]$/, "")];
  if (!build) throw new Unsupported(golden.op);
  return evaluate(golden, (input) => {
    const outputs = build(input, golden);
    return { ...outputs, ...gradientsOf(golden, outputs.y, input) };
  });
};
