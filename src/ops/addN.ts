/** AddN, ZerosLike, OnesLike: what backpropagation is put together with (tensorflow/core/ops/math_ops.cc, array_ops.cc). */
import { attr } from "../graph/attr.ts";
import { float32 } from "../graph/dtype.ts";
import { UnimplementedError } from "../graph/errors.ts";
import type { Tensor } from "../graph/operation.ts";
import { isFullyDefined, mergeShapes, sizeOf } from "../graph/shape.ts";
import { convertToTensor, createOp, type TensorLike } from "./build.ts";
import { altered, notDifferentiable, type KernelContext, type OpDefinition } from "./definition.ts";
import { broadcastBlock } from "./elementwise.ts";
import { foldable, folded, maxFolded } from "./folding.ts";

export const AddN: OpDefinition = {
  type: "AddN",
  inputs: "T*",
  outputs: (node) => [node.inputDtype(0).base],
  shape(node) {
    let shape = node.inputShape(0);
    for (let i = 1; i < node.inputCount; i++) shape = mergeShapes(shape, node.inputShape(i));
    return [shape];
  },
  plan: {
    kind: "kernel",
    inPlace: [0],
    // What arrives at a Relu from several sides.
    absorbs: (op, consumer, index) =>
      consumer.type === "ReluGrad" && index === 0 && op.inputs.length === 2 && op.inputs[0].dtype.base === float32,
    emit(k) {
      const add = addKernel(k);
      const shape = k.outputShape(0);
      const [first, second, ...rest] = k.op.inputs.map((_, i) => k.input(i));
      const sum = k.output(0);
      const [gate] = k.absorbed;
      if (gate) {
        k.call("addReluGrad", sum, first, second, k.tensor(gate, 1), sizeOf(shape));
        return;
      }
      if (!second) k.call("copyBytes", sum, first, sizeOf(shape) * k.inputDtype(0).size);
      else k.call(add, sum, first, second, k.attributes(broadcastBlock(shape, shape, shape)));
      // From left to right, as the operands are named.
      for (const operand of rest) k.call(add, sum, sum, operand, k.attributes(broadcastBlock(shape, shape, shape)));
    },
  },
  gradient: (op, [dy]) => op.inputs.map(() => dy),
};

/** The same, whose shape an attribute tells. */
export const AccumulateNV2: OpDefinition = altered(AddN, { type: "AccumulateNV2" });

type FillKernel = "fillFloat32" | "fillInt32";
const fillKernels: Readonly<Record<string, FillKernel>> = { float32: "fillFloat32", int32: "fillInt32" };

function filling(type: string, value: 0 | 1): OpDefinition {
  return {
    type,
    inputs: "T",
    outputs: (node) => [node.inputDtype(0).base],
    shape: (node) => [node.inputShape(0)],
    plan: {
      kind: "kernel",
      emit(k) {
        const dtype = k.inputDtype(0);
        const n = sizeOf(k.outputShape(0));
        if (value === 0 || dtype.size === 1) {
          k.call("fillBytes", k.output(0), value, n * dtype.size);
          return;
        }
        const kernel = fillKernels[dtype.name];
        if (!kernel) throw new UnimplementedError(`'${k.op.name}' (op: '${type}') is not supported for ${dtype.name}.`);
        k.call(kernel, k.output(0), value, n);
      },
    },
    gradient: notDifferentiable("its value does not depend on its input's"),
    fold(node) {
      const [shape, dtype] = [node.inputShape(0), node.inputDtype(0).base];
      if (!foldable(dtype) || !isFullyDefined(shape) || sizeOf(shape) > maxFolded) return undefined;
      return [folded(dtype, shape, new Array<number>(sizeOf(shape)).fill(value))];
    },
  };
}

export const ZerosLike: OpDefinition = filling("ZerosLike", 0);
export const OnesLike: OpDefinition = filling("OnesLike", 1);

function addKernel(k: KernelContext): "add" | "addInt32" | "addInt64" {
  const { name } = k.inputDtype(0);
  const kernel = ({ float32: "add", int32: "addInt32", int64: "addInt64" } as const)[name as "float32"];
  if (kernel) return kernel;
  throw new UnimplementedError(
    `'${k.op.name}' (op: '${k.op.type}') is not supported for ${name}; supported: float32, int32, int64.`,
  );
}

/** The sum of tensors of one shape, from left to right. float32, int32, int64. */
export function addN(inputs: readonly TensorLike[], name = "AddN"): Tensor {
  const tensors = inputs.map((input) => convertToTensor(input));
  return createOp(AddN, tensors, { T: attr.type(tensors[0].dtype), N: attr.int(tensors.length) }, name).outputs[0];
}

/** Zeros of the type and shape of `input`. Any dtype. */
export function zerosLike(input: TensorLike, name = "zeros_like"): Tensor {
  const x = convertToTensor(input);
  return createOp(ZerosLike, [x], { T: attr.type(x.dtype) }, name).outputs[0];
}

/** Ones of the type and shape of `input`. float32, int32, uint8, bool. */
export function onesLike(input: TensorLike, name = "ones_like"): Tensor {
  const x = convertToTensor(input);
  return createOp(OnesLike, [x], { T: attr.type(x.dtype) }, name).outputs[0];
}
