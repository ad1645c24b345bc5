/** Family pool: maximum, average, global average; with gradients. */
import * as tf from "../../../src/index.ts";
import { Unsupported, type GoldenCase } from "../goldenCase.ts";
import { evaluate, type Adapter } from "./adapter.ts";
import { gradientsOf } from "./gradients.ts";

function pooled({ op, attrs }: GoldenCase, x: tf.Tensor): tf.Tensor {
  if (op.startsWith("reduce_mean"))
    return tf.reduceMean(x, attrs.numbers("axes"), { keepDims: attrs.has("keepdims") && attrs.boolean("keepdims") });
  const [size, strides] = [attrs.pair("ksize"), attrs.pair("strides")];
  const padding = attrs.string("padding");
  if (op === "MaxPool") {
    const pads = padding === "EXPLICIT" ? attrs.pairs("pads") : (padding as "SAME" | "VALID");
    return tf.nn.maxPool(x, size, { strides, padding: pads });
  }
  if (op === "AvgPool" && padding !== "EXPLICIT")
    return tf.nn.avgPool(x, size, { strides, padding: padding as "SAME" | "VALID" });
  throw new Unsupported(`${op} ${padding}`);
}

export const pool: Adapter = (golden) =>
  evaluate(golden, (input) => {
    const y = pooled(golden, input("x"));
    return { y, ...gradientsOf(golden, y, input) };
  });
