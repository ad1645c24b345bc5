/** FusedBatchNorm, V2 and V3 (tensorflow/core/kernels/fused_batch_norm_op.cc), and the composed batch normalization. */
import { attr } from "../graph/attr.ts";
import { float32, type DType } from "../graph/dtype.ts";
import { InvalidArgumentError, UnimplementedError } from "../graph/errors.ts";
import type { Tensor } from "../graph/operation.ts";
import { sizeOf, type Shape } from "../graph/shape.ts";
import { constant, convertToTensor, createOp, opScope, type TensorLike } from "./build.ts";
import { fusedBatchNormGradient } from "./batchNormGradient.ts";
import type { KernelContext, NodeView, OpDefinition } from "./definition.ts";
import { add, multiply, subtract } from "./elementwise.ts";
import { negative, rsqrt } from "./unary.ts";

/** Outputs: y, batch_mean, batch_variance (unbiased when training), reserve_space_1 (mean), reserve_space_2 (biased
 * variance) and, in V3, reserve_space_3 (unused here, a scalar). */
function fused(type: string, outputs: 5 | 6): OpDefinition {
  return {
    type,
    outputs: (node) => [node.inputDtype(0).base, ...new Array<DType>(outputs - 1).fill(float32)],
    shape: (node) => fusedShape(node, outputs),
    gradient: (op, [dy]) => fusedBatchNormGradient(op, dy),
    plan: { kind: "kernel", emit: emitFused, inPlace: [0] },
  };
}

export const FusedBatchNorm: OpDefinition = fused("FusedBatchNorm", 5);
export const FusedBatchNormV2: OpDefinition = fused("FusedBatchNormV2", 5);
export const FusedBatchNormV3: OpDefinition = fused("FusedBatchNormV3", 6);

function fusedShape(node: NodeView, outputs: number): Shape[] {
  const x = node.inputShape(0);
  const format = node.op.string("data_format", "NHWC");
  if (format !== "NHWC")
    throw new UnimplementedError(`data_format '${format}' is not supported, convert the graph to NHWC`);
  if (x !== null && x.length !== 4)
    throw new InvalidArgumentError(`The input must be of rank 4 but is of rank ${x.length}`);
  let channels = x ? x[3] : null;
  // While training, running statistics may be empty: they are read only for an exponential average factor other than 1.
  const ignoresStatistics = node.op.bool("is_training", true) && node.op.float("exponential_avg_factor", 1) === 1;
  const vectors = ignoresStatistics ? 3 : 5;
  for (let i = 1; i < vectors; i++) {
    const shape = node.inputShape(i);
    if (shape === null) continue;
    if (shape.length !== 1)
      throw new InvalidArgumentError(`Input ${i} must be of rank 1 but is of rank ${shape.length}`);
    if (channels !== null && shape[0] !== null && shape[0] !== channels) {
      throw new InvalidArgumentError(`Dimensions must be equal, but are ${channels} and ${shape[0]}`);
    }
    channels ??= shape[0];
  }
  const y: Shape = x === null ? [null, null, null, channels] : [x[0], x[1], x[2], channels];
  return [y, [channels], [channels], [channels], [channels], []].slice(0, outputs);
}

function emitFused(k: KernelContext): void {
  if (k.inputDtype(0).name !== "float32") {
    throw new UnimplementedError(
      `'${k.op.name}' (op: '${k.op.type}') is not supported for ${k.inputDtype(0).name}; supported: float32.`,
    );
  }
  const shape = k.inputShape(0);
  const channels = shape[3];
  const rows = channels ? sizeOf(shape) / channels : 0;
  const epsilon = k.op.float("epsilon", 1e-4);
  const scratch = k.scratch(k.query("fusedBatchNormScratchBytes", rows, channels));
  const [x, scale, offset] = [k.input(0), k.input(1), k.input(2)];
  if (k.op.bool("is_training", true)) {
    const factor = k.op.float("exponential_avg_factor", 1);
    const [runningMean, runningVariance] = factor === 1 ? [0, 0] : [k.input(3), k.input(4)];
    const [y, mean, variance, savedMean, savedVariance] = [0, 1, 2, 3, 4].map((i) => k.output(i));
    k.call(
      "fusedBatchNormTraining",
      y,
      mean,
      variance,
      savedMean,
      savedVariance,
      x,
      scale,
      offset,
      runningMean,
      runningVariance,
      scratch,
      rows,
      channels,
      epsilon,
      factor,
    );
  } else {
    const [mean, variance] = [k.input(3), k.input(4)];
    k.call("fusedBatchNormInference", k.output(0), x, scale, offset, mean, variance, scratch, rows, channels, epsilon);
    // The CPU kernel passes the given statistics on, as batch statistics and as reserves.
    for (const [output, source] of [
      [1, mean],
      [2, variance],
      [3, mean],
      [4, variance],
    ] as const) {
      if (k.isNeeded(output)) k.call("copyBytes", k.output(output), source, channels * 4);
    }
  }
  if (k.op.type === "FusedBatchNormV3" && k.isNeeded(5)) k.call("fillFloat32", k.output(5), 0, 1);
}

export interface FusedBatchNormOptions {
  /** Running statistics, [C] each: needed for inference. */
  mean?: TensorLike;
  variance?: TensorLike;
  /** Added to the variance. Default 0.001. */
  epsilon?: number;
  /** Default true: normalise with the batch's own statistics. */
  isTraining?: boolean;
  /** Weight of the batch in the statistics given back. Default 1. */
  exponentialAvgFactor?: number;
  name?: string;
}

/** Batch normalization of float32 [N, H, W, C] with scale and offset [C].
 * Training: normalises with the batch's mean and biased variance; gives y, the mean, and the variance with Bessel's
 * correction n / (n − 1), which is what moving averages take. Inference: normalises with the statistics given. */
export function fusedBatchNorm(
  x: TensorLike,
  scale: TensorLike,
  offset: TensorLike,
  options: FusedBatchNormOptions = {},
): { y: Tensor; mean: Tensor; variance: Tensor } {
  const isTraining = options.isTraining ?? true;
  if (!isTraining && (options.mean === undefined || options.variance === undefined)) {
    throw new InvalidArgumentError("fusedBatchNorm with isTraining false needs mean and variance.");
  }
  const given = convertToTensor(x);
  return given.graph.asDefault(() => {
    const mean = convertToTensor(options.mean ?? constant([], { dtype: float32 }));
    const variance = convertToTensor(options.variance ?? constant([], { dtype: float32 }));
    const inputs = [given, convertToTensor(scale), convertToTensor(offset), mean, variance];
    const attrs = {
      T: attr.type(given.dtype),
      U: attr.type(float32),
      epsilon: attr.float(options.epsilon ?? 1e-3),
      exponential_avg_factor: attr.float(options.exponentialAvgFactor ?? 1),
      data_format: attr.string("NHWC"),
      is_training: attr.bool(isTraining),
    };
    const op = createOp(FusedBatchNormV3, inputs, attrs, options.name ?? "FusedBatchNormV3");
    return { y: op.outputs[0], mean: op.outputs[1], variance: op.outputs[2] };
  });
}

/** (x − mean) / √(variance + epsilon) · scale + offset, made of elementwise operations in the order of
 * tf.nn.batch_normalization. Offset and scale may be null. */
export function batchNormalization(
  x: TensorLike,
  mean: TensorLike,
  variance: TensorLike,
  offset: TensorLike | null,
  scale: TensorLike | null,
  varianceEpsilon: number,
  name = "batchnorm",
): Tensor {
  return opScope(name, [x, mean, variance, scale, offset], () => {
    let inverse = rsqrt(add(variance, varianceEpsilon));
    if (scale !== null) inverse = multiply(inverse, scale);
    const scaled = multiply(x, inverse);
    const shift = offset === null ? multiply(negative(mean), inverse) : subtract(offset, multiply(mean, inverse));
    return add(scaled, shift);
  });
}
