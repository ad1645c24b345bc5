/** Families conv2d, depthwise_conv2d, conv2d_transpose: a convolution with a bias, and the gradients of all three inputs. */
import * as tf from "../../../src/index.ts";
import { Unsupported, type Attributes } from "../goldenCase.ts";
import { evaluate, type Adapter } from "./adapter.ts";
import { gradientsOf } from "./gradients.ts";

type Convolution = (x: tf.Tensor, filter: tf.Tensor, attrs: Attributes) => tf.Tensor;

function family(filterFormat: string, convolution: Convolution): Adapter {
  return (golden) => {
    const { attrs } = golden;
    for (const [name, layout] of [
      ["data_format", "NHWC"],
      ["filter_format", filterFormat],
    ] as const) {
      if (attrs.has(name) && attrs.string(name) !== layout)
        throw new Unsupported(`${golden.op} with ${attrs.string(name)}`);
    }
    return evaluate(golden, (input) => {
      const convolved = convolution(input("x"), input("filter"), attrs);
      const y = golden.inputs.has("bias") ? tf.nn.biasAdd(convolved, input("bias")) : convolved;
      // Cases with both strides and dilations hold y twice: TensorFlow has two ways to it, we have one.
      return { y, y_direct: y, ...gradientsOf(golden, y, input) };
    });
  };
}

function options(attrs: Attributes): tf.nn.Conv2dOptions {
  const padding = attrs.string("padding");
  return {
    strides: attrs.pair("strides"),
    padding: padding === "EXPLICIT" ? attrs.pairs("pads") : (padding as "SAME" | "VALID"),
    dilations: attrs.has("dilations") ? attrs.pair("dilations") : 1,
  };
}

export const conv2d = family("HWIO", (x, filter, attrs) => tf.nn.conv2d(x, filter, options(attrs)));

export const depthwiseConv2d = family("HWCM", (x, filter, attrs) => tf.nn.depthwiseConv2d(x, filter, options(attrs)));

export const conv2dTranspose = family("HWOI", (x, filter, attrs) =>
  tf.nn.conv2dTranspose(x, filter, attrs.numbers("output_shape"), {
    strides: attrs.pair("strides"),
    padding: attrs.string("padding") as "SAME" | "VALID",
    dilations: attrs.has("dilations") ? attrs.pair("dilations") : 1,
  }),
);
