/** FusedBatchNormGrad, V2 and V3 (tensorflow/core/kernels/fused_batch_norm_op.cc, tensorflow/python/ops/nn_grad.py). */
import { attr } from "../graph/attr.ts";
import { float32 } from "../graph/dtype.ts";
import { InvalidArgumentError } from "../graph/errors.ts";
import type { Operation, Tensor } from "../graph/operation.ts";
import { mergeShapes, sizeOf, type Shape } from "../graph/shape.ts";
import { createOp } from "./build.ts";
import { requireFloat, requireNhwc } from "./conv2d.ts";
import { noGradient, type KernelContext, type NodeView, type OpDefinition } from "./definition.ts";

/** Inputs: y_backprop, x, scale, and the statistics that the forward pass used, mean and biased variance; V3 has a third reserve,
 * not used here. Outputs: x_backprop, scale_backprop, offset_backprop, and two empty reserves. */
function fusedGrad(type: string, inputs: string): OpDefinition {
  return {
    type,
    inputs,
    outputs: (node) => [node.inputDtype(0).base, float32, float32, float32, float32],
    shape: fusedGradShape,
    plan: { kind: "kernel", emit: emitFusedGrad, inPlace: [0, 1] },
    gradient: noGradient("second derivatives of fused batch normalization are not supported, use fused: false"),
  };
}

export const FusedBatchNormGrad: OpDefinition = fusedGrad("FusedBatchNormGrad", "T T T T T");
export const FusedBatchNormGradV2: OpDefinition = fusedGrad("FusedBatchNormGradV2", "T T float32 U U");
export const FusedBatchNormGradV3: OpDefinition = fusedGrad("FusedBatchNormGradV3", "T T float32 U U U");

function fusedGradShape(node: NodeView): Shape[] {
  requireNhwc(node.op);
  for (const [i, what] of [
    [0, "y_backprop"],
    [1, "x"],
  ] as const) {
    const shape = node.inputShape(i);
    if (shape !== null && shape.length !== 4)
      throw new InvalidArgumentError(`The ${what} must be of rank 4 but is of rank ${shape.length}`);
  }
  const x = mergeShapes(node.inputShape(0), node.inputShape(1));
  let channels = x?.[3] ?? null;
  for (let i = 2; i < 5; i++) {
    const shape = node.inputShape(i);
    if (shape === null) continue;
    if (shape.length !== 1)
      throw new InvalidArgumentError(`Input ${i} must be of rank 1 but is of rank ${shape.length}`);
    if (channels !== null && shape[0] !== null && shape[0] !== channels)
      throw new InvalidArgumentError(`Dimensions must be equal, but are ${channels} and ${shape[0]}`);
    channels ??= shape[0];
  }
  const dx: Shape = x === null ? [null, null, null, channels] : [x[0], x[1], x[2], channels];
  return [dx, [channels], [channels], [0], [0]];
}

function emitFusedGrad(k: KernelContext): void {
  requireFloat(k, 0);
  const shape = k.inputShape(1);
  const channels = shape[3];
  const rows = channels ? sizeOf(shape) / channels : 0;
  const [dy, x, scale, mean, variance] = [0, 1, 2, 3, 4].map((i) => k.input(i));
  const [dx, dscale, doffset] = [0, 1, 2].map((i) => k.output(i));
  k.call(
    "fusedBatchNormGrad",
    dx,
    dscale,
    doffset,
    dy,
    x,
    scale,
    mean,
    variance,
    k.scratch(k.query("fusedBatchNormGradScratchBytes", rows, channels)),
    rows,
    channels,
    k.op.float("epsilon", 1e-4),
    k.op.bool("is_training", true) ? 1 : 0,
  );
}

const gradientOf: Readonly<Record<string, OpDefinition>> = {
  FusedBatchNorm: FusedBatchNormGrad,
  FusedBatchNormV2: FusedBatchNormGradV2,
  FusedBatchNormV3: FusedBatchNormGradV3,
};

/** The rule of FusedBatchNorm, V2 and V3 (nn_grad.py, _BaseFusedBatchNormGrad): the statistics are the reserves of the forward
 * pass while training, the given ones otherwise; gradients arriving at any output but y are dropped. */
export function fusedBatchNormGradient(op: Operation, dy: Tensor): readonly (Tensor | null)[] {
  const isTraining = op.bool("is_training", true);
  const [x, scale] = op.inputs;
  const [mean, variance] = isTraining ? [op.outputs[3], op.outputs[4]] : [op.inputs[3], op.inputs[4]];
  const inputs = [dy, x, scale, mean, variance];
  if (op.type === "FusedBatchNormV3") inputs.push(op.outputs[5]);
  const attrs = {
    T: attr.type(dy.dtype),
    ...(op.type === "FusedBatchNorm" ? {} : { U: attr.type(float32) }),
    epsilon: attr.float(op.float("epsilon", 1e-4)),
    data_format: attr.string(op.string("data_format", "NHWC")),
    is_training: attr.bool(isTraining),
  };
  const definition = gradientOf[op.type];
  const [dx, dscale, doffset] = createOp(definition, inputs, attrs, definition.type).outputs;
  return [dx, dscale, doffset, null, null];
}
