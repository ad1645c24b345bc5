/** tf.layers.dense and tf.layers.flatten (tensorflow/python/layers/core.py). */
import { InvalidArgumentError, UnimplementedError } from "../graph/errors.ts";
import type { Tensor } from "../graph/operation.ts";
import { formatShape, isFullyDefined, sizeOf } from "../graph/shape.ts";
import { reshape } from "../ops/array.ts";
import { opScope } from "../ops/build.ts";
import { biasAdd } from "../ops/conv2d.ts";
import { zerosInitializer } from "../ops/initializers.ts";
import { matmul } from "../ops/matMul.ts";
import { getVariable, type Initializer, type Regularizer } from "../ops/variables.ts";
import { addActivityLoss } from "./conv2d.ts";
import { layerScope } from "./layer.ts";

export interface DenseOptions {
  /** Applied to the result. Default: none. */
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
  /** Not supported: projections after a step. */
  kernelConstraint?: null;
  /** Not supported. */
  biasConstraint?: null;
  /** Default true. */
  trainable?: boolean;
  name?: string;
  reuse?: boolean | "auto";
}

/** Fully connected layer: activation(inputs · kernel + bias).
 * @param inputs float32 [..., C] of rank 2 or more, C known; of higher rank, the last dimension is multiplied
 * @param units size of the last dimension of the result
 * @returns float32 [..., units]
 * @throws InvalidArgumentError for sizes that are not known. */
export function dense(inputs: Tensor, units: number, options: DenseOptions = {}): Tensor {
  if (!Number.isInteger(units) || units < 1)
    throw new InvalidArgumentError(`layers.dense: units must be an integer of at least 1, got ${units}.`);
  for (const name of ["kernelConstraint", "biasConstraint"] as const) {
    if (options[name]) throw new UnimplementedError(`layers.dense: ${name} is not supported.`);
  }
  const { shape } = inputs;
  if (shape === null || shape.length < 2) {
    throw new InvalidArgumentError(
      `layers.dense needs an input of known rank of at least 2, got ${formatShape(shape)}.`,
    );
  }
  const channels = shape[shape.length - 1];
  if (channels === null) {
    throw new InvalidArgumentError(
      `The last dimension of the inputs to layers.dense should be defined, got ${formatShape(shape)}.`,
    );
  }
  return layerScope("dense", inputs, options, () => {
    const dtype = inputs.dtype.base;
    const trainable = options.trainable ?? true;
    const kernel = getVariable("kernel", [channels, units], {
      dtype,
      initializer: options.kernelInitializer,
      regularizer: options.kernelRegularizer,
      trainable,
    });
    const bias =
      (options.useBias ?? true)
        ? getVariable("bias", [units], {
            dtype,
            initializer: options.biasInitializer ?? zerosInitializer(),
            regularizer: options.biasRegularizer,
            trainable,
          })
        : null;
    let outputs = shape.length === 2 ? matmul(inputs, kernel) : tensordot(inputs, kernel.value(), units);
    if (bias) outputs = biasAdd(outputs, bias);
    if (options.activation) outputs = options.activation(outputs);
    addActivityLoss(outputs, options.activityRegularizer);
    return outputs;
  });
}

/** The last dimension of `x` times a matrix: one product of matrices where the shape allows it, a batch of them elsewhere. */
function tensordot(x: Tensor, kernel: Tensor, units: number): Tensor {
  const shape = x.shape!;
  const leading = shape.slice(0, -1);
  if (leading.filter((size) => size === null).length > 1) return matmul(x, kernel);
  return opScope("Tensordot", [x], (scope) => {
    const rows = isFullyDefined(leading) ? sizeOf(leading) : -1;
    const product = matmul(reshape(x, [rows, shape[shape.length - 1]!]), kernel);
    return reshape(product, [...leading.map((size) => size ?? -1), units], scope);
  });
}

/** The inputs as [N, everything else].
 * @param inputs of rank 1 or more; N or all the other sizes known */
export function flatten(inputs: Tensor, options: { name?: string } = {}): Tensor {
  const { shape } = inputs;
  const rest = shape?.slice(1) ?? null;
  const size = isFullyDefined(rest) ? sizeOf(rest) : null;
  if (shape === null || shape.length === 0 || (shape[0] === null && size === null)) {
    throw new InvalidArgumentError(
      `layers.flatten needs an input of known rank with the batch or all other sizes known, got ${formatShape(shape)}.`,
    );
  }
  return layerScope("flatten", inputs, options, () => reshape(inputs, [shape[0] ?? -1, size ?? -1]));
}
