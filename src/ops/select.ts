/** Select and SelectV2: one of two tensors, element by element (tensorflow/core/ops/math_ops.cc). */
import { attr } from "../graph/attr.ts";
import { InvalidArgumentError, UnimplementedError } from "../graph/errors.ts";
import { Tensor } from "../graph/operation.ts";
import {
  broadcastShapes,
  formatShape,
  isFullyDefined,
  mergeShapes,
  sameShape,
  sizeOf,
  type Shape,
} from "../graph/shape.ts";
import { elementAt } from "../graph/tensorValue.ts";
import { zerosLike } from "./addN.ts";
import { reshape, zeros } from "./array.ts";
import { convertToTensor, createOp, opScope, type TensorLike } from "./build.ts";
import { broadcastWalk } from "./comparison.ts";
import type { NodeView, OpDefinition } from "./definition.ts";
import { folded, foldInputs, indices, maxFolded } from "./folding.ts";
import { reduceSum } from "./reduce.ts";
import { broadcastGradientArgs, shape as shapeOf } from "./shape.ts";

function selecting(
  type: string,
  shape: (node: NodeView) => readonly Shape[],
  /** The condition's shape as it is broadcast. */
  conditionShape: (condition: readonly number[], out: readonly number[]) => readonly number[],
  gradient: OpDefinition["gradient"],
): OpDefinition {
  return {
    type,
    inputs: "bool T T",
    outputs: (node) => [node.inputDtype(1).base],
    shape,
    gradient,
    plan: {
      kind: "kernel",
      emit(k) {
        const { size } = k.inputDtype(1);
        if (![1, 4, 8].includes(size))
          throw new UnimplementedError(`'${k.op.name}' (op: '${type}') is not supported for ${k.inputDtype(1)}.`);
        const out = k.outputShape(0);
        if (sizeOf(out) === 0) return;
        const shapes = [conditionShape(k.inputShape(0), out), k.inputShape(1), k.inputShape(2)];
        const block = k.attributes(broadcastWalk(shapes, out));
        k.call("select", k.output(0), k.input(0), k.input(1), k.input(2), block, size);
      },
    },
    fold(node) {
      const values = foldInputs(node);
      const [out] = values ? shape(node) : [null];
      if (!values || !isFullyDefined(out) || sizeOf(out) > maxFolded) return undefined;
      const [condition, a, b] = values;
      const shapes = [conditionShape(condition.shape, out), a.shape, b.shape];
      const [atCondition, atA, atB] = shapes.map((operand) => indices(operand, out));
      const results = Array.from({ length: sizeOf(out) }, (_, i) =>
        elementAt(condition, atCondition(i)) !== 0 ? elementAt(a, atA(i)) : elementAt(b, atB(i)),
      );
      if (!results.every(Number.isSafeInteger)) return undefined;
      return [folded(node.inputDtype(1).base, out, results)];
    },
  };
}

/** The condition has the operands' shape, or is a scalar, or a vector that chooses rows. */
export const Select: OpDefinition = selecting(
  "Select",
  (node) => {
    const out = mergeShapes(node.inputShape(1), node.inputShape(2));
    const condition = node.inputShape(0);
    if (out === null || condition === null || condition.length === 0) return [out];
    if (condition.length === 1 && out.length !== 1) {
      const [rows] = out;
      if (out.length === 0 || (rows !== null && condition[0] !== null && rows !== condition[0])) {
        throw new InvalidArgumentError(
          `Number of batches of 'then' must match size of 'cond', but saw: ${rows ?? "?"} vs. ${condition[0] ?? "?"}, shapes ${formatShape(out)} and ${formatShape(condition)}`,
        );
      }
      return [out];
    }
    return [mergeShapes(out, condition)];
  },
  (condition, out) =>
    condition.length === 1 && out.length > 1 ? [condition[0], ...out.slice(1).map(() => 1)] : condition,
  (op, [dy]) => {
    const [condition, x] = op.inputs;
    const zero = zerosLike(x);
    return [null, select(condition, dy, zero), select(condition, zero, dy)];
  },
);

/** All three broadcast. */
export const SelectV2: OpDefinition = selecting(
  "SelectV2",
  (node) => [broadcastShapes(node.inputShape(0), broadcastShapes(node.inputShape(1), node.inputShape(2)))],
  (condition) => condition,
  (op, [dy]) => {
    const [condition, x, y] = op.inputs;
    const [out] = op.outputs;
    const zero = zeros([], dy.dtype.base);
    const masked = [selectV2(condition, dy, zero), selectV2(condition, zero, dy)];
    const back = [x, y].map((operand, i) => {
      const same = isFullyDefined(operand.shape) && isFullyDefined(out.shape) && sameShape(operand.shape, out.shape);
      if (same) return masked[i];
      const shape = shapeOf(operand);
      const [axes] = broadcastGradientArgs(shape, shapeOf(out));
      return reshape(reduceSum(masked[i], axes), shape);
    });
    return [null, ...back];
  },
);

function choose(definition: OpDefinition, inputs: readonly TensorLike[], name: string): Tensor {
  return opScope(name, inputs, (scope) => {
    const [condition, a, b] = inputs;
    const given = [a, b].find((value) => value instanceof Tensor);
    const dtype = given?.dtype.base;
    const t = convertToTensor(a, { dtype: a instanceof Tensor ? undefined : dtype, name: "t" });
    const e = convertToTensor(b, { dtype: b instanceof Tensor ? undefined : (dtype ?? t.dtype.base), name: "e" });
    if (t.dtype.base !== e.dtype.base) {
      throw new InvalidArgumentError(
        `Input 'e' of '${definition.type}' has the dtype ${e.dtype.base} that does not match ${t.dtype.base} of 't'.`,
      );
    }
    const tests = convertToTensor(condition, { name: "condition" });
    return createOp(definition, [tests, t, e], { T: attr.type(t.dtype) }, scope).outputs[0];
  });
}

/** Where `condition` holds the element of `x`, elsewhere that of `y`; x and y have one shape, a vector chooses rows (TF1's
 * tf.where with three arguments). Any dtype of one, four or eight bytes. */
export const select = (condition: TensorLike, x: TensorLike, y: TensorLike, name = "Select"): Tensor =>
  choose(Select, [condition, x, y], name);

/** The same with broadcasting of all three (tf.where_v2). */
export const selectV2 = (condition: TensorLike, x: TensorLike, y: TensorLike, name = "SelectV2"): Tensor =>
  choose(SelectV2, [condition, x, y], name);

/** tf.where: see `select`. Without x and y its shape would depend on values, which is not supported. */
export const where = (condition: TensorLike, x: TensorLike, y: TensorLike, name = "Select"): Tensor =>
  select(condition, x, y, name);
