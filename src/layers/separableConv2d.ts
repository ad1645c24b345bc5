/** tf.layers.separable_conv2d: a depthwise and a pointwise kernel, a bias (tensorflow/python/layers/convolutional.py). */
import { InvalidArgumentError, UnimplementedError } from "../graph/errors.ts";
import type { Tensor } from "../graph/operation.ts";
import { formatShape } from "../graph/shape.ts";
import { biasAdd } from "../ops/conv2d.ts";
import { separableConv2d as convolve } from "../ops/depthwiseConv2d.ts";
import { zerosInitializer } from "../ops/initializers.ts";
import { getVariable, type Initializer, type Regularizer } from "../ops/variables.ts";
import { addActivityLoss, type Conv2dLayerOptions } from "./conv2d.ts";
import { layerScope, paddingOf, pairOf } from "./layer.ts";

export interface SeparableConv2dLayerOptions extends Omit<
  Conv2dLayerOptions,
  "kernelInitializer" | "kernelRegularizer"
> {
  /** Depthwise filters for each input channel. Default 1. */
  depthMultiplier?: number;
  /** Default: Glorot uniform. */
  depthwiseInitializer?: Initializer;
  /** Default: Glorot uniform. */
  pointwiseInitializer?: Initializer;
  depthwiseRegularizer?: Regularizer | null;
  pointwiseRegularizer?: Regularizer | null;
}

/** Separable 2-D convolution layer: each channel by filters of its own, then a mixture of all of them.
 * @param inputs float32 [N, H, W, C], C known
 * @param filters number of output channels
 * @param kernelSize height and width of the depthwise filters
 * @returns float32 [N, H', W', filters]
 * @throws InvalidArgumentError for sizes that do not fit; UnimplementedError for channels_first. */
export function separableConv2d(
  inputs: Tensor,
  filters: number,
  kernelSize: number | readonly [number, number],
  options: SeparableConv2dLayerOptions = {},
): Tensor {
  const what = "layers.separableConv2d";
  const depthMultiplier = options.depthMultiplier ?? 1;
  for (const [name, value] of [
    ["filters", filters],
    ["depthMultiplier", depthMultiplier],
  ] as const) {
    if (!Number.isInteger(value) || value < 1)
      throw new InvalidArgumentError(`${what}: ${name} must be an integer of at least 1, got ${value}.`);
  }
  if (options.dataFormat !== undefined && options.dataFormat !== "channels_last")
    throw new UnimplementedError(`${what}: dataFormat must be "channels_last".`);
  const size = pairOf(kernelSize, `${what}: kernelSize`);
  const strides = pairOf(options.strides ?? 1, `${what}: strides`);
  const dilations = pairOf(options.dilationRate ?? 1, `${what}: dilationRate`);
  if (Math.max(...strides) > 1 && Math.max(...dilations) > 1)
    throw new InvalidArgumentError(`${what}: strides > 1 cannot be combined with dilationRate > 1.`);
  const padding = paddingOf(options.padding ?? "valid", `${what}: padding`);
  const channels = inputs.shape?.[3];
  if (inputs.shape?.length !== 4 || channels === null || channels === undefined)
    throw new InvalidArgumentError(
      `${what} needs an input of rank 4 with known channels, got ${formatShape(inputs.shape)}.`,
    );
  return layerScope("separable_conv2d", inputs, options, () => {
    const common = { dtype: inputs.dtype.base, trainable: options.trainable ?? true };
    const depthwise = getVariable("depthwise_kernel", [size[0], size[1], channels, depthMultiplier], {
      ...common,
      initializer: options.depthwiseInitializer,
      regularizer: options.depthwiseRegularizer,
    });
    const pointwise = getVariable("pointwise_kernel", [1, 1, channels * depthMultiplier, filters], {
      ...common,
      initializer: options.pointwiseInitializer,
      regularizer: options.pointwiseRegularizer,
    });
    const bias =
      (options.useBias ?? true)
        ? getVariable("bias", [filters], {
            ...common,
            initializer: options.biasInitializer ?? zerosInitializer(),
            regularizer: options.biasRegularizer,
          })
        : null;
    let outputs = convolve(inputs, depthwise, pointwise, { strides, padding, dilations });
    if (bias) outputs = biasAdd(outputs, bias);
    if (options.activation) outputs = options.activation(outputs);
    addActivityLoss(outputs, options.activityRegularizer);
    return outputs;
  });
}
