/** FusedBatchNorm, V2 and V3 (tensorflow/core/kernels/fused_batch_norm_op.cc), and the composed batch normalization. */
import { attr } from "../graph/attr.ts";
import { float32, type DType } from "../graph/dtype.ts";
import { InvalidArgumentError, UnimplementedError } from "../graph/errors.ts";
import { Tensor, type Operation } from "../graph/operation.ts";
import { sameShape, sizeOf, type Shape } from "../graph/shape.ts";
import { convertToTensor, createOp, opScope, type TensorLike } from "./build.ts";
import { fusedBatchNormGradient } from "./batchNormGradient.ts";
import { activations } from "./conv2d.ts";
import type { BufferRef, KernelContext, NodeView, OpDefinition } from "./definition.ts";
import { add, broadcastBlock, multiply, subtract } from "./elementwise.ts";
import { negative, rsqrt } from "./unary.ts";

/** Outputs: y, batch_mean, batch_variance (unbiased when training), reserve_space_1 (mean), reserve_space_2 (biased
 * variance) and, in V3, reserve_space_3 (unused here, a scalar). */
function fused(type: string, outputs: 5 | 6): OpDefinition {
  return {
    type,
    inputs: type === "FusedBatchNorm" ? "T T T T T" : "T U U U U",
    outputs: (node) => [node.inputDtype(0).base, ...new Array<DType>(outputs - 1).fill(float32)],
    shape: (node) => fusedShape(node, outputs),
    gradient: (op, [dy]) => fusedBatchNormGradient(op, dy),
    plan: { kind: "kernel", emit: emitFused, inPlace: [0], absorbs },
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

const additions: Readonly<Record<string, true>> = { Add: true, AddV2: true };

/** The kernels add another tensor of the same shape, which a residual block does, and bound the result. */
function absorbs(op: Operation, consumer: Operation, index: number): boolean {
  if (consumer.type in activations) return index === 0 && !(op.type in activations);
  if (!(consumer.type in additions) || op.type in additions || op.type in activations) return false;
  const [x, other] = [consumer.inputs[index].shape, consumer.inputs[1 - index].shape];
  if (other?.length !== 4 || x?.length !== 4) return false;
  return other.every((size, i) => size === x[i] && (i === 0 || size !== null));
}

/** What follows the normalisation: the tensor that is added, if it has the same shape, and the activation. Otherwise the
 * normalised batch goes to `y`, and `finish` calls kernels that do the rest. */
function followUp(k: KernelContext): { y: BufferRef; addend: BufferRef | 0; activation: number; finish(): void } {
  const bounding = k.absorbed.find((op) => op.type in activations);
  const activation = bounding ? activations[bounding.type] : 0;
  const addition = k.absorbed.find((op) => op.type in additions);
  if (!addition) return { y: k.output(0), addend: 0, activation, finish: () => {} };
  const other = addition.inputs[0] === k.op.outputs[0] ? 1 : 0;
  const addend = k.tensor(addition, other);
  const [shape, added, out] = [k.inputShape(0), k.tensorShape(addition, other), k.outputShape(0)];
  if (sameShape(shape, added)) return { y: k.output(0), addend, activation, finish: () => {} };
  // One of the batches is 1, which the graph did not say.
  const y = sameShape(shape, out) ? k.output(0) : k.scratch(sizeOf(shape) * 4);
  const finish = (): void => {
    k.call("add", k.output(0), y, addend, k.attributes(broadcastBlock(shape, added, out)));
    if (activation) k.call(activation === 1 ? "relu" : "relu6", k.output(0), k.output(0), sizeOf(out));
  };
  return { y, addend: 0, activation: 0, finish };
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
  const { y, addend, activation, finish } = followUp(k);
  if (k.op.bool("is_training", true)) {
    const factor = k.op.float("exponential_avg_factor", 1);
    const [runningMean, runningVariance] = factor === 1 ? [0, 0] : [k.input(3), k.input(4)];
    const [mean, variance, savedMean, savedVariance] = [1, 2, 3, 4].map((i) => k.output(i));
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
      addend,
      scratch,
      rows,
      channels,
      epsilon,
      factor,
      activation,
    );
  } else {
    const [mean, variance] = [k.input(3), k.input(4)];
    const given = [scale, offset, mean, variance] as const;
    k.call("fusedBatchNormInference", y, x, ...given, addend, scratch, rows, channels, epsilon, activation);
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
  finish();
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
  const given = convertToTensor(x, { dtype: x instanceof Tensor ? undefined : float32 });
  return given.graph.asDefault(() => {
    const statistics = [scale, offset, options.mean ?? [], options.variance ?? []];
    const inputs = [given, ...statistics.map((value) => convertToTensor(value, { dtype: float32 }))];
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
