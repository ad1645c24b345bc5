// Residual nets for 32×32 images (He et al., Deep Residual Learning, 4.2): 6n + 2 layers, three stages of 16, 32 and 64 channels.
// Where a stage begins with a stride of 2, the shortcut is a 1×1 convolution without batch normalization.
import * as tf from "../../dist/src/index.js";
import { classes, norm, program, type Net } from "./net.ts";

export function resnet(depth: number): Net {
  const blocks = (depth - 2) / 6;
  if (!Number.isInteger(blocks) || blocks < 1) throw new RangeError(`A residual net of ${depth} layers: not 6n + 2.`);
  return program(`ResNet-${depth}`, [32, 32, 3], (images) => {
    let net = tf.nn.relu(norm(conv(images, 16, 3, 1, "stem"), "stem/bn"));
    for (const [stage, filters] of [16, 32, 64].entries()) {
      for (let block = 0; block < blocks; block++) {
        const name = `stage${stage + 1}_${block + 1}`;
        const strides = stage > 0 && block === 0 ? 2 : 1;
        let inner = tf.nn.relu(norm(conv(net, filters, 3, strides, `${name}/conv_1`), `${name}/bn_1`));
        inner = norm(conv(inner, filters, 3, 1, `${name}/conv_2`), `${name}/bn_2`);
        const shortcut = strides === 1 ? net : conv(net, filters, 1, strides, `${name}/shortcut`);
        net = tf.nn.relu(tf.add(inner, shortcut));
      }
    }
    return tf.layers.dense(tf.reduceMean(net, [1, 2]), classes, { name: "dense" });
  });
}

/** Padded alike on all sides, as PyTorch and TensorFlow's own residual nets do; SAME would pad strided ones at the end only. */
function conv(x: tf.Tensor, filters: number, size: number, strides: number, name: string): tf.Tensor {
  const pad = (size - 1) / 2;
  const kernel = tf.getVariable(`${name}/kernel`, [size, size, x.shape![3], filters]);
  return tf.nn.conv2d(x, kernel, {
    strides,
    padding: [
      [pad, pad],
      [pad, pad],
    ],
    name: `${name}/Conv2D`,
  });
}
