// LeNet with batch normalization, for 28×28 images of one channel.
import * as tf from "../../dist/src/index.js";
import { classes, norm, program, type Net } from "./net.ts";

export function lenet(): Net {
  return program("LeNet-BN", [28, 28, 1], (images) => {
    let net = images;
    for (const [i, filters] of [32, 64].entries()) {
      net = tf.layers.conv2d(net, filters, 5, { padding: "same", name: `conv_${i + 1}` });
      net = tf.nn.relu(norm(net, `bn_${i + 1}`));
      net = tf.nn.maxPool(net, 2, { strides: 2, padding: "VALID" });
    }
    return tf.layers.dense(tf.reshape(net, [-1, 7 * 7 * 64]), classes, { name: "dense" });
  });
}
