/** Placeholder and PlaceholderWithDefault: where values enter a run. */
import { attr } from "../graph/attr.ts";
import type { DType } from "../graph/dtype.ts";
import { InvalidArgumentError } from "../graph/errors.ts";
import type { Tensor } from "../graph/operation.ts";
import { checkShape, formatShape, mergeShapes, type Shape } from "../graph/shape.ts";
import { convertToTensor, createOp, opScope, type TensorLike } from "./build.ts";
import { notDifferentiable, type OpDefinition } from "./definition.ts";

export const Placeholder: OpDefinition = {
  type: "Placeholder",
  inputs: "",
  outputs: ({ op }) => [op.dtype("dtype")],
  shape: ({ op }) => [op.hasAttr("shape") ? op.shape("shape") : null],
  plan: { kind: "source" },
  gradient: notDifferentiable("it has no inputs"),
};

export const PlaceholderWithDefault: OpDefinition = {
  type: "PlaceholderWithDefault",
  inputs: "dtype",
  outputs: ({ op }) => [op.dtype("dtype")],
  shape: ({ op }) => [op.shape("shape")],
  plan: { kind: "view", of: 0 },
  gradient: (_op, [dy]) => [dy],
};

/** A tensor that every run must feed. `shape`: dimensions, null where any size will do; null alone for any rank. */
export function placeholder(dtype: DType, shape: Shape = null, name = "Placeholder"): Tensor {
  if (!dtype?.base?.array)
    throw new InvalidArgumentError(`placeholder '${name}' cannot have the dtype ${String(dtype)}.`);
  const attrs = { dtype: attr.type(dtype), shape: attr.shape(checkShape(shape, `placeholder '${name}'`)) };
  return createOp(Placeholder, [], attrs, name).outputs[0];
}

/** A tensor that is `input` unless a run feeds it. */
export function placeholderWithDefault(input: TensorLike, shape: Shape, name = "PlaceholderWithDefault"): Tensor {
  return opScope(name, [input], (scope) => {
    const value = convertToTensor(input, { name: "input" });
    const checked = checkShape(shape, `placeholderWithDefault '${name}'`);
    try {
      mergeShapes(value.shape, checked);
    } catch {
      throw new InvalidArgumentError(
        `The default of placeholderWithDefault '${name}' has the shape ${formatShape(value.shape)}, which is not ${formatShape(checked)}.`,
      );
    }
    const attrs = { dtype: attr.type(value.dtype), shape: attr.shape(checked) };
    return createOp(PlaceholderWithDefault, [value], attrs, scope).outputs[0];
  });
}
