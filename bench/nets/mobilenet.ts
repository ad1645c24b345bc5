// One block of MobileNet (Howard et al., 2017) as inside of a net: depthwise and pointwise convolution, each with batch
// normalization and ReLU, and its gradient by the input; a mean and a dense layer make a loss of it.
import * as tf from "../../dist/src/index.js";
import { classes, norm, program, type Net } from "./net.ts";

const channels = 128;

export function mobilenetBlock(): Net {
  return program(
    "MobileNet block",
    [28, 28, channels],
    (images) => {
      const depthwise = tf.getVariable("depthwise/kernel", [3, 3, channels, 1]);
      let net = tf.nn.relu(norm(tf.nn.depthwiseConv2d(images, depthwise), "depthwise/bn"));
      const pointwise = tf.getVariable("pointwise/kernel", [1, 1, channels, channels]);
      net = tf.nn.relu(norm(tf.nn.conv2d(net, pointwise), "pointwise/bn"));
      return tf.layers.dense(tf.reduceMean(net, [1, 2]), classes, { name: "dense" });
    },
    true,
  );
}
