/** tf.layers.conv2d: a kernel, a bias, a convolution (tensorflow/python/layers/convolutional.py). */
import { InvalidArgumentError, UnimplementedError } from "../graph/errors.ts";
import type { Tensor } from "../graph/operation.ts";
import { formatShape } from "../graph/shape.ts";
import { biasAdd, conv2d as convolve } from "../ops/conv2d.ts";
import { zerosInitializer } from "../ops/initializers.ts";
import { getVariable, type Initializer, type Regularizer } from "../ops/variables.ts";
import { layerScope, paddingOf, pairOf } from "./layer.ts";

export interface Conv2dLayerOptions {
  /** Default 1. */
  strides?: number | readonly [number, number];
  /** Default "valid". */
  padding?: "valid" | "same";
  /** Only "channels_last" is supported. */
  dataFormat?: "channels_last";
  /** Default 1; cannot be combined with strides. */
  dilationRate?: number | readonly [number, number];
  activation?: ((x: Tensor) => Tensor) | null;
  /** Default true. */
  useBias?: boolean;
  /** Default: Glorot uniform. */
  kernelInitializer?: Initializer;
  /** Default: zeros. */
  biasInitializer?: Initializer;
  kernelRegularizer?: Regularizer | null;
  biasRegularizer?: Regularizer | null;
  activityRegularizer?: Regularizer | null;
  /** Default true. */
  trainable?: boolean;
  name?: string;
  reuse?: boolean | "auto";
}

/** 2-D convolution layer.
 * @param inputs float32 [N, H, W, C], C known
 * @param filters number of output channels
 * @param kernelSize height and width
 * @returns float32 [N, H', W', filters]
 * @throws InvalidArgumentError for sizes that do not fit; UnimplementedError for channels_first. */
export function conv2d(
  inputs: Tensor,
  filters: number,
  kernelSize: number | readonly [number, number],
  options: Conv2dLayerOptions = {},
): Tensor {
  if (!Number.isInteger(filters) || filters < 1)
    throw new InvalidArgumentError(`layers.conv2d: filters must be an integer of at least 1, got ${filters}.`);
  if (options.dataFormat !== undefined && options.dataFormat !== "channels_last") {
    throw new UnimplementedError('layers.conv2d: dataFormat must be "channels_last".');
  }
  const size = pairOf(kernelSize, "layers.conv2d: kernelSize");
  const strides = pairOf(options.strides ?? 1, "layers.conv2d: strides");
  const dilations = pairOf(options.dilationRate ?? 1, "layers.conv2d: dilationRate");
  if (Math.max(...strides) > 1 && Math.max(...dilations) > 1)
    throw new InvalidArgumentError("layers.conv2d: strides > 1 cannot be combined with dilationRate > 1.");
  const padding = paddingOf(options.padding ?? "valid", "layers.conv2d: padding");
  const shape = inputs.shape;
  const channels = shape?.[3];
  if (shape?.length !== 4 || channels === null || channels === undefined) {
    throw new InvalidArgumentError(
      `layers.conv2d needs an input of rank 4 with known channels, got ${formatShape(shape)}.`,
    );
  }
  return layerScope("conv2d", inputs, options, () => {
    const trainable = options.trainable ?? true;
    const kernel = getVariable("kernel", [size[0], size[1], channels, filters], {
      dtype: inputs.dtype.base,
      initializer: options.kernelInitializer,
      regularizer: options.kernelRegularizer,
      trainable,
    });
    const bias =
      (options.useBias ?? true)
        ? getVariable("bias", [filters], {
            dtype: inputs.dtype.base,
            initializer: options.biasInitializer ?? zerosInitializer(),
            regularizer: options.biasRegularizer,
            trainable,
          })
        : null;
    let outputs = convolve(inputs, kernel, { strides, padding, dilations });
    if (bias) outputs = biasAdd(outputs, bias);
    if (options.activation) outputs = options.activation(outputs);
    addActivityLoss(outputs, options.activityRegularizer);
    return outputs;
  });
}

/** Collects the loss that a regularizer makes of a layer's outputs. */
export function addActivityLoss(outputs: Tensor, regularizer: Regularizer | null | undefined): void {
  const loss = regularizer?.(outputs);
  if (loss) outputs.graph.addToCollection("regularization_losses", loss);
}
