/** tf.layers.conv2d_transpose: a kernel, a bias, a transposed convolution (tensorflow/python/layers/convolutional.py). */
import { InvalidArgumentError, UnimplementedError } from "../graph/errors.ts";
import type { Tensor } from "../graph/operation.ts";
import { formatShape } from "../graph/shape.ts";
import type { TensorLike } from "../ops/build.ts";
import { stack } from "../ops/concat.ts";
import { biasAdd } from "../ops/conv2d.ts";
import { conv2dTranspose as transpose } from "../ops/conv2dGradient.ts";
import { add, multiply } from "../ops/elementwise.ts";
import { zerosInitializer } from "../ops/initializers.ts";
import { shape as shapeOf } from "../ops/shape.ts";
import { stridedSlice } from "../ops/slice.ts";
import { getVariable } from "../ops/variables.ts";
import { addActivityLoss, type Conv2dLayerOptions } from "./conv2d.ts";
import { layerScope, paddingOf, pairOf } from "./layer.ts";

export type Conv2dTransposeLayerOptions = Omit<Conv2dLayerOptions, "dilationRate">;

/** Transposed 2-D convolution layer: a convolution with these strides leads from its output's sizes to its input's.
 * @param inputs float32 [N, H, W, C], C known
 * @param filters number of output channels
 * @param kernelSize height and width
 * @param options as of `conv2d`, padding "valid" and strides 1 by default
 * @returns float32 [N, H · stride, W · stride, filters] for "same"; max(size − stride, 0) more for "valid"
 * @throws InvalidArgumentError for sizes that do not fit; UnimplementedError for channels_first. */
export function conv2dTranspose(
  inputs: Tensor,
  filters: number,
  kernelSize: number | readonly [number, number],
  options: Conv2dTransposeLayerOptions = {},
): Tensor {
  const what = "layers.conv2dTranspose";
  if (!Number.isInteger(filters) || filters < 1)
    throw new InvalidArgumentError(`${what}: filters must be an integer of at least 1, got ${filters}.`);
  if (options.dataFormat !== undefined && options.dataFormat !== "channels_last")
    throw new UnimplementedError(`${what}: dataFormat must be "channels_last".`);
  const size = pairOf(kernelSize, `${what}: kernelSize`);
  const strides = pairOf(options.strides ?? 1, `${what}: strides`);
  const padding = paddingOf(options.padding ?? "valid", `${what}: padding`);
  const shape = inputs.shape;
  const channels = shape?.[3];
  if (shape?.length !== 4 || channels === null || channels === undefined)
    throw new InvalidArgumentError(`${what} needs an input of rank 4 with known channels, got ${formatShape(shape)}.`);
  return layerScope("conv2d_transpose", inputs, options, () => {
    const trainable = options.trainable ?? true;
    const dtype = inputs.dtype.base;
    const kernel = getVariable("kernel", [size[0], size[1], filters, channels], {
      dtype,
      initializer: options.kernelInitializer,
      regularizer: options.kernelRegularizer,
      trainable,
    });
    const bias =
      (options.useBias ?? true)
        ? getVariable("bias", [filters], {
            dtype,
            initializer: options.biasInitializer ?? zerosInitializer(),
            regularizer: options.biasRegularizer,
            trainable,
          })
        : null;
    const more = ([0, 1] as const).map((i) => (padding === "VALID" ? Math.max(size[i] - strides[i], 0) : 0));
    const known = ([0, 1] as const).map((i) => {
      const own = shape[1 + i];
      return own === null ? null : own * strides[i] + more[i];
    });
    // The sizes that only a run knows come from the input's shape.
    const sizes = shapeOf(inputs);
    const sizeOfAxis = (axis: number): Tensor =>
      stridedSlice(sizes, [axis], [axis + 1], [1], { shrinkAxisMask: 1, name: "strided_slice" });
    const axis = (i: 0 | 1): TensorLike => {
      const own = known[i];
      if (own !== null) return own;
      const scaled = multiply(sizeOfAxis(1 + i), strides[i]);
      return more[i] ? add(scaled, more[i]) : scaled;
    };
    const outputShape = stack([sizeOfAxis(0), axis(0), axis(1), filters]);
    let outputs = transpose(inputs, kernel, outputShape, { strides, padding });
    outputs.setShape([shape[0], known[0], known[1], filters]);
    if (bias) outputs = biasAdd(outputs, bias);
    if (options.activation) outputs = options.activation(outputs);
    addActivityLoss(outputs, options.activityRegularizer);
    return outputs;
  });
}
