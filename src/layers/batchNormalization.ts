/** tf.layers.batch_normalization (tensorflow/python/keras/layers/normalization.py of TF 1.15, BatchNormalizationV1). */
import { GraphKeys } from "../graph/collections.ts";
import { InvalidArgumentError, UnimplementedError } from "../graph/errors.ts";
import { Tensor, type Operation } from "../graph/operation.ts";
import { formatShape } from "../graph/shape.ts";
import type { Variable } from "../graph/variable.ts";
import { reshape } from "../ops/array.ts";
import { batchNormalization as normalize, fusedBatchNorm } from "../ops/batchNorm.ts";
import { constant, convertToTensor, opScope, type TensorLike } from "../ops/build.ts";
import { condMany, constantPredicate, smartCond } from "../ops/controlFlow.ts";
import { multiply, subtract } from "../ops/elementwise.ts";
import { onesInitializer, zerosInitializer } from "../ops/initializers.ts";
import { moments } from "../ops/reduce.ts";
import { transpose } from "../ops/transpose.ts";
import { assignmentOf, assignSub } from "../ops/state.ts";
import { getVariable, type Initializer, type Regularizer } from "../ops/variables.ts";
import { layerScope } from "./layer.ts";

export interface BatchNormalizationOptions {
  /** The axis that keeps its statistics, usually the channels. Default -1. */
  axis?: number;
  /** Decay of the moving averages. Default 0.99. */
  momentum?: number;
  /** Added to the variance. Default 0.001. */
  epsilon?: number;
  /** Use beta. Default true. */
  center?: boolean;
  /** Use gamma. Default true. */
  scale?: boolean;
  betaInitializer?: Initializer;
  gammaInitializer?: Initializer;
  movingMeanInitializer?: Initializer;
  movingVarianceInitializer?: Initializer;
  betaRegularizer?: Regularizer | null;
  gammaRegularizer?: Regularizer | null;
  /** True: normalise with the batch's statistics and make the update ops; a boolean, or a scalar bool tensor. Default false. */
  training?: boolean | Tensor;
  /** Default true: gamma and beta are trainable. The moving statistics never are. */
  trainable?: boolean;
  name?: string;
  reuse?: boolean | "auto";
  /** Not supported: batch renormalization. */
  renorm?: false;
  /** Default: the fused kernel for rank 4 with axis 1 or 3, elementwise operations otherwise. They move the variance towards
   * different values: the fused one towards the unbiased variance of the batch, the others towards the biased one. */
  fused?: boolean | null;
  /** Not supported: ghost batches. */
  virtualBatchSize?: null;
  /** Not supported: per-example adjustment. */
  adjustment?: null;
}

/** Batch normalization layer. The operations that move the statistics are only collected in UPDATE_OPS: nothing runs
 * them unless the training step depends on them.
 * @param inputs float32 of rank 2 or more, the size of `axis` known
 * @returns the same shape */
export function batchNormalization(inputs: Tensor, options: BatchNormalizationOptions = {}): Tensor {
  for (const name of ["renorm", "virtualBatchSize", "adjustment"] as const) {
    if (options[name]) throw new UnimplementedError(`layers.batchNormalization: ${name} is not supported.`);
  }
  const shape = inputs.shape;
  if (shape === null || shape.length < 2) {
    throw new InvalidArgumentError(
      `layers.batchNormalization needs an input of known rank of at least 2, got ${formatShape(shape)}.`,
    );
  }
  const rank = shape.length;
  const given = options.axis ?? -1;
  if (!Number.isInteger(given) || given < -rank || given >= rank)
    throw new InvalidArgumentError(`layers.batchNormalization: axis must be in [${-rank}, ${rank}), got ${given}.`);
  const axis = given < 0 ? given + rank : given;
  const channels = shape[axis];
  if (channels === null)
    throw new InvalidArgumentError(
      `layers.batchNormalization needs a known size of axis ${axis}, got ${formatShape(shape)}.`,
    );
  const momentum = options.momentum ?? 0.99;
  if (!(momentum >= 0 && momentum <= 1))
    throw new InvalidArgumentError(`layers.batchNormalization: momentum must be in [0, 1], got ${momentum}.`);
  const canFuse = shape.length === 4 && (axis === 3 || axis === 1);
  if (options.fused && !canFuse) {
    throw new InvalidArgumentError(
      `layers.batchNormalization: fused needs rank 4 with axis 1 or 3, got ${formatShape(shape)} with axis ${axis}.`,
    );
  }
  return layerScope("batch_normalization", inputs, options, () => {
    const trainable = options.trainable ?? true;
    const dtype = inputs.dtype.base;
    const parameter = (
      name: string,
      initializer: Initializer,
      more: { trainable: boolean; regularizer?: Regularizer | null },
    ): Variable => getVariable(name, [channels], { dtype, initializer, ...more });
    const gamma =
      (options.scale ?? true)
        ? parameter("gamma", options.gammaInitializer ?? onesInitializer(), {
            trainable,
            regularizer: options.gammaRegularizer,
          })
        : null;
    const beta =
      (options.center ?? true)
        ? parameter("beta", options.betaInitializer ?? zerosInitializer(), {
            trainable,
            regularizer: options.betaRegularizer,
          })
        : null;
    const movingMean = parameter("moving_mean", options.movingMeanInitializer ?? zerosInitializer(), {
      trainable: false,
    });
    const movingVariance = parameter("moving_variance", options.movingVarianceInitializer ?? onesInitializer(), {
      trainable: false,
    });
    const layer: Layer = {
      inputs,
      axis,
      channels,
      momentum,
      epsilon: options.epsilon ?? 1e-3,
      training: options.training ?? false,
      gamma,
      beta,
      movingMean,
      movingVariance,
    };
    if (!(options.fused ?? canFuse)) return composedLayer(layer);
    if (axis === 3) return fusedLayer(layer);
    // The kernel has the channels last; TensorFlow gives its own the data format NCHW.
    const last = fusedLayer({ ...layer, inputs: transpose(inputs, [0, 2, 3, 1]) });
    return transpose(last, [0, 3, 1, 2]);
  });
}

interface Layer {
  readonly inputs: Tensor;
  readonly axis: number;
  readonly channels: number;
  readonly momentum: number;
  readonly epsilon: number;
  readonly training: boolean | Tensor;
  readonly gamma: Variable | null;
  readonly beta: Variable | null;
  readonly movingMean: Variable;
  readonly movingVariance: Variable;
}

function fusedLayer(layer: Layer): Tensor {
  const { inputs, epsilon, training, movingMean, movingVariance, channels } = layer;
  const gamma = layer.gamma ?? constant(1, { dtype: inputs.dtype.base, shape: [channels] });
  const beta = layer.beta ?? constant(0, { dtype: inputs.dtype.base, shape: [channels] });
  const results = (isTraining: boolean): Tensor[] => {
    const statistics = isTraining ? {} : { mean: movingMean, variance: movingVariance };
    const { y, mean, variance } = fusedBatchNorm(inputs, gamma, beta, { ...statistics, epsilon, isTraining });
    return [y, mean, variance];
  };
  const known = constantPredicate(training);
  const [y, mean, variance] =
    known !== undefined
      ? results(known)
      : condMany(
          training as Tensor,
          () => results(true),
          () => results(false),
        );
  if (known === false) return y;
  // With training false the decay becomes 1 − 1: the update ops run and change nothing.
  const momentum = smartCond<Tensor>(
    training,
    () => constant(layer.momentum, { dtype: inputs.dtype.base }),
    () => constant(1, { dtype: inputs.dtype.base }),
  );
  addUpdate(moveAverage(movingMean, mean, momentum));
  addUpdate(moveAverage(movingVariance, variance, momentum));
  return y;
}

/** variable -= (variable − value) · (1 − momentum), as one AssignSub. */
function moveAverage(variable: Variable, value: TensorLike, momentum: number | Tensor): Tensor {
  return opScope("AssignMovingAvg", [variable], (scope) =>
    variable.graph.colocateWith(variable.op, () => {
      const decay =
        typeof momentum === "number"
          ? constant(1 - momentum, { dtype: variable.dtype, name: "decay" })
          : subtract(1, momentum);
      return assignSub(variable, multiply(subtract(variable, value), decay), scope);
    }),
  );
}

function addUpdate(update: Tensor | Operation): void {
  const op = update instanceof Tensor ? assignmentOf(update) : update;
  op.graph.addToCollection(GraphKeys.UPDATE_OPS, op);
}

function composedLayer(layer: Layer): Tensor {
  const { inputs, axis, channels, training, movingMean, movingVariance } = layer;
  const rank = inputs.shape!.length;
  const known = constantPredicate(training);
  let mean: TensorLike = movingMean;
  let variance: TensorLike = movingVariance;
  if (known !== false) {
    const axes = inputs.shape!.map((_, i) => i).filter((i) => i !== axis);
    const batch = moments(inputs, axes);
    mean = smartCond<Tensor>(
      training,
      () => batch.mean,
      () => convertToTensor(movingMean),
    );
    variance = smartCond<Tensor>(
      training,
      () => batch.variance,
      () => convertToTensor(movingVariance),
    );
    for (const [variable, value] of [
      [movingMean, mean],
      [movingVariance, variance],
    ] as const) {
      addUpdate(
        smartCond<Tensor>(
          training,
          () => moveAverage(variable, value, layer.momentum),
          () => convertToTensor(variable),
        ),
      );
    }
  }
  // Only an axis that is not the last needs its statistics spread out.
  const spread = (value: TensorLike | null): TensorLike | null =>
    value === null || axis === rank - 1
      ? value
      : reshape(
          value,
          inputs.shape!.map((_, i) => (i === axis ? channels : 1)),
        );
  const [scale, offset] = [spread(layer.gamma), spread(layer.beta)];
  return normalize(inputs, spread(mean)!, spread(variance)!, offset, scale, layer.epsilon);
}
