/** ExpandDims: a new dimension of size 1 (tensorflow/core/ops/array_ops.cc). */
import { attr } from "../graph/attr.ts";
import { int32 } from "../graph/dtype.ts";
import { InvalidArgumentError } from "../graph/errors.ts";
import type { Tensor } from "../graph/operation.ts";
import { toNumbers } from "../graph/tensorValue.ts";
import { reshape } from "./array.ts";
import { constant, convertToTensor, createOp, opScope, type TensorLike } from "./build.ts";
import type { OpDefinition } from "./definition.ts";
import { shape as shapeOf } from "./shape.ts";

export const ExpandDims: OpDefinition = {
  type: "ExpandDims",
  inputs: "T Tdim:int",
  outputs: (node) => [node.inputDtype(0).base],
  shape(node) {
    const [shape, given] = [node.inputShape(0), node.constant(1)];
    if (shape === null) return [null];
    if (!given) return [[...shape.map(() => null), null]];
    const [axis] = toNumbers(given);
    if (axis < -shape.length - 1 || axis > shape.length) {
      throw new InvalidArgumentError(`dim ${axis} not in the interval [${-shape.length - 1}, ${shape.length}].`);
    }
    const at = axis < 0 ? axis + shape.length + 1 : axis;
    return [[...shape.slice(0, at), 1, ...shape.slice(at)]];
  },
  plan: { kind: "view", of: 0 },
  gradient: (op, [dy]) => [reshape(dy, shapeOf(op.inputs[0])), null],
};

/** `input` with a dimension of size 1 at `axis`; a negative axis counts from behind the last. Any dtype. */
export function expandDims(input: TensorLike, axis: number, name = "ExpandDims"): Tensor {
  return opScope(name, [input], (scope) => {
    const x = convertToTensor(input, { name: "input" });
    const dim = constant(axis, { dtype: int32, name: "dim" });
    return createOp(ExpandDims, [x, dim], { T: attr.type(x.dtype), Tdim: attr.type(int32) }, scope).outputs[0];
  });
}
