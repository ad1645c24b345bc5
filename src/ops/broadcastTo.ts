/** BroadcastTo: a tensor in a larger shape (tensorflow/core/ops/array_ops.cc). */
import { attr } from "../graph/attr.ts";
import { int32, type DType } from "../graph/dtype.ts";
import { InvalidArgumentError } from "../graph/errors.ts";
import { Tensor } from "../graph/operation.ts";
import { formatShape } from "../graph/shape.ts";
import { toNumbers } from "../graph/tensorValue.ts";
import { reshape } from "./array.ts";
import { constant, convertToTensor, createOp, opScope, type TensorLike } from "./build.ts";
import type { OpDefinition } from "./definition.ts";
import { reduceSum } from "./reduce.ts";
import { broadcastGradientArgs, shape as shapeOf } from "./shape.ts";
import { moving, rowMajor } from "./strided.ts";

export const BroadcastTo: OpDefinition = moving({
  type: "BroadcastTo",
  inputs: "T Tidx:int",
  outputs: (node) => [node.inputDtype(0).base],
  shape(node) {
    const [shape, given] = [node.inputShape(0), node.constant(1)];
    if (!given) return [null];
    const wanted = toNumbers(given);
    const missing = wanted.length - (shape?.length ?? 0);
    const fits =
      shape === null ||
      (missing >= 0 && shape.every((size, i) => size === null || size === 1 || size === wanted[missing + i]));
    if (!fits) {
      throw new InvalidArgumentError(
        `Incompatible shapes: ${formatShape(shape)} vs. ${formatShape(wanted)}; a shape can only be broadcast to a larger one`,
      );
    }
    return [wanted];
  },
  parameters: [1],
  moves(node) {
    const [shape, wanted] = [node.inputShape(0), node.numbers(1)];
    const missing = wanted.length - shape.length;
    const from = rowMajor(shape);
    const strides = wanted.map((_, i) => (i < missing || shape[i - missing] === 1 ? 0 : from[i - missing]));
    return [{ input: 0, dims: wanted, x: { strides }, y: { strides: rowMajor(wanted) } }];
  },
  gradient(op, [dy]) {
    const [x, wanted] = op.inputs;
    const shape = shapeOf(x);
    const [axes] = broadcastGradientArgs(shape, wanted);
    return [reshape(reduceSum(dy, axes), shape), null];
  },
});

/** `input` as NumPy broadcasts it to `shape`. Any dtype. */
export function broadcastTo(input: TensorLike, shape: readonly number[] | Tensor, name = "BroadcastTo"): Tensor {
  return opScope(name, [input], (scope) => {
    const x = convertToTensor(input, { name: "input" });
    const wanted = vector(shape, "shape");
    return createOp(BroadcastTo, [x, wanted], { T: attr.type(x.dtype), Tidx: attr.type(wanted.dtype) }, scope)
      .outputs[0];
  });
}

/** Sizes as an int32 vector. */
export function vector(values: readonly number[] | Tensor, name: string, dtype: DType = int32): Tensor {
  return values instanceof Tensor ? values : constant(values as number[], { dtype, shape: [values.length], name });
}
