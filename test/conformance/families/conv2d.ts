/** Family conv2d: nn.conv2d with a bias. */
import * as tf from "../../../src/index.ts";
import { Unsupported } from "../goldenCase.ts";
import { evaluate, type Adapter } from "./adapter.ts";

export const conv2d: Adapter = (golden) => {
  const { attrs } = golden;
  for (const [name, layout] of [
    ["data_format", "NHWC"],
    ["filter_format", "HWIO"],
  ] as const) {
    if (attrs.has(name) && attrs.string(name) !== layout) throw new Unsupported(`Conv2D ${attrs.string(name)}`);
  }
  return evaluate(golden, (input) => {
    const padding = attrs.string("padding");
    const convolved = tf.nn.conv2d(input("x"), input("filter"), {
      strides: attrs.pair("strides"),
      padding: padding === "EXPLICIT" ? attrs.pairs("pads") : (padding as "SAME" | "VALID"),
      dilations: attrs.has("dilations") ? attrs.pair("dilations") : 1,
    });
    const y = golden.inputs.has("bias") ? tf.nn.biasAdd(convolved, input("bias")) : convolved;
    // Cases with both strides and dilations hold y twice: TensorFlow has two ways to it, we have one.
    return { y, y_direct: y };
  });
};
