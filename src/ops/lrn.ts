/** Local response normalization: LRN and LRNGrad (tensorflow/core/ops/nn_ops.cc). */
import { attr } from "../graph/attr.ts";
import { InvalidArgumentError, UnimplementedError } from "../graph/errors.ts";
import type { Tensor } from "../graph/operation.ts";
import { sizeOf, type Shape } from "../graph/shape.ts";
import { convertToTensor, createOp, type TensorLike } from "./build.ts";
import { noGradient, type KernelContext, type NodeView, type OpDefinition } from "./definition.ts";

function imageShape(node: NodeView): Shape[] {
  const shape = node.inputShape(0);
  if (shape !== null && shape.length !== 4)
    throw new InvalidArgumentError(`Shape must be rank 4 but is rank ${shape.length}`);
  return [shape];
}

interface Parameters {
  readonly rows: number;
  readonly channels: number;
  readonly radius: number;
  readonly bias: number;
  readonly alpha: number;
  readonly beta: number;
}

function parameters(k: KernelContext): Parameters {
  if (k.inputDtype(0).name !== "float32") {
    throw new UnimplementedError(
      `'${k.op.name}' (op: '${k.op.type}') is not supported for ${k.inputDtype(0)}; supported: float32.`,
    );
  }
  const shape = k.inputShape(0);
  const { op } = k;
  return {
    rows: sizeOf(shape.slice(0, -1)),
    channels: shape[3],
    radius: op.int("depth_radius", 5),
    bias: op.float("bias", 1),
    alpha: op.float("alpha", 1),
    beta: op.float("beta", 0.5),
  };
}

export const LRN: OpDefinition = {
  type: "LRN",
  inputs: "T",
  outputs: (node) => [node.inputDtype(0).base],
  shape: imageShape,
  gradient(op, [dy]) {
    const attrs = {
      T: attr.type(dy.dtype),
      depth_radius: attr.int(op.int("depth_radius", 5)),
      bias: attr.float(op.float("bias", 1)),
      alpha: attr.float(op.float("alpha", 1)),
      beta: attr.float(op.float("beta", 0.5)),
    };
    return [createOp(LRNGrad, [dy, op.inputs[0], op.outputs[0]], attrs, "LRNGrad").outputs[0]];
  },
  plan: {
    kind: "kernel",
    emit(k) {
      const { rows, channels, radius, bias, alpha, beta } = parameters(k);
      const scratch = k.scratch(k.query("lrnScratchBytes", channels));
      k.call("lrn", k.output(0), k.input(0), scratch, rows, channels, radius, bias, alpha, beta);
    },
  },
};

/** Inputs: dy, x, y. */
export const LRNGrad: OpDefinition = {
  type: "LRNGrad",
  inputs: "T T T",
  outputs: (node) => [node.inputDtype(0).base],
  shape: imageShape,
  gradient: noGradient("second derivatives of local response normalization are not here"),
  plan: {
    kind: "kernel",
    emit(k) {
      const { rows, channels, radius, bias, alpha, beta } = parameters(k);
      const scratch = k.scratch(k.query("lrnScratchBytes", channels));
      const [dy, x, y] = [k.input(0), k.input(1), k.input(2)];
      k.call("lrnGrad", k.output(0), dy, x, y, scratch, rows, channels, radius, bias, alpha, beta);
    },
  },
};

export interface LrnOptions {
  /** Channels on either side. Default 5. */
  depthRadius?: number;
  /** Default 1. */
  bias?: number;
  /** Default 1. */
  alpha?: number;
  /** Default 0.5. */
  beta?: number;
  name?: string;
}

/** x / (bias + alpha · Σ x²)^beta, the sum over the channels within `depthRadius`. [N,H,W,C] float32. */
export function localResponseNormalization(input: TensorLike, options: LrnOptions = {}): Tensor {
  const x = convertToTensor(input);
  const attrs = {
    T: attr.type(x.dtype),
    depth_radius: attr.int(options.depthRadius ?? 5),
    bias: attr.float(options.bias ?? 1),
    alpha: attr.float(options.alpha ?? 1),
    beta: attr.float(options.beta ?? 0.5),
  };
  return createOp(LRN, [x], attrs, options.name ?? "LRN").outputs[0];
}
