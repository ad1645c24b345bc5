/** Cast: conversion between element types (tensorflow/core/kernels/cast_op.cc). */
import { attr } from "../graph/attr.ts";
import { float32, type DType } from "../graph/dtype.ts";
import { UnimplementedError } from "../graph/errors.ts";
import type { Tensor } from "../graph/operation.ts";
import { sizeOf } from "../graph/shape.ts";
import { toNumbers } from "../graph/tensorValue.ts";
import { convertToTensor, createOp, type TensorLike } from "./build.ts";
import type { OpDefinition } from "./definition.ts";
import { foldable, folded, foldInputs } from "./folding.ts";

const supported = ["float32", "int32", "int64", "uint8", "bool"];

export const Cast: OpDefinition = {
  type: "Cast",
  inputs: "SrcT",
  outputs: (node) => [node.op.dtype("DstT").base],
  shape: (node) => [node.inputShape(0)],
  plan: {
    kind: "kernel",
    emit(k) {
      const [from, to] = [k.inputDtype(0), k.op.outputs[0].dtype.base];
      for (const dtype of [from, to]) {
        if (!supported.includes(dtype.name)) {
          throw new UnimplementedError(
            `'${k.op.name}' (op: 'Cast') is not supported from ${from} to ${to}; supported: ${supported.join(", ")}.`,
          );
        }
      }
      const n = sizeOf(k.outputShape(0));
      if (from === to) k.call("copyBytes", k.output(0), k.input(0), n * from.size);
      else k.call("cast", k.output(0), k.input(0), to.enumValue, from.enumValue, n);
    },
  },
  gradient: (op, [dy]) => {
    const from = op.inputs[0].dtype.base;
    return [from.isFloating && dy ? cast(dy, from) : null];
  },
  fold(node) {
    const values = foldInputs(node);
    const dtype = node.op.dtype("DstT").base;
    if (!values || !(foldable(dtype) || dtype === float32)) return undefined;
    const [value] = values;
    const numbers = toNumbers(value);
    // Integers beyond 2^53 are left to the kernel: numbers do not hold them.
    if (!numbers.every(Number.isSafeInteger)) return undefined;
    return [folded(dtype, value.shape, dtype.name === "bool" ? numbers.map(Boolean) : numbers)];
  },
};

/** `input` converted to `dtype`; the input itself where it has that type. Numbers become integers by truncation, anything but
 * 0 becomes true. float32, int32, int64, uint8, bool. */
export function cast(input: TensorLike, dtype: DType, name = "Cast"): Tensor {
  const x = convertToTensor(input);
  if (x.dtype.base === dtype.base) return x;
  const attrs = { SrcT: attr.type(x.dtype), DstT: attr.type(dtype), Truncate: attr.bool(false) };
  return createOp(Cast, [x], attrs, name).outputs[0];
}
