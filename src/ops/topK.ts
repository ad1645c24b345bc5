/** TopKV2 and InTopK (tensorflow/core/ops/nn_ops.cc). */
import { attr } from "../graph/attr.ts";
import { bool, int32 } from "../graph/dtype.ts";
import { InvalidArgumentError, UnimplementedError } from "../graph/errors.ts";
import type { Tensor } from "../graph/operation.ts";
import { sizeOf, type Shape } from "../graph/shape.ts";
import { toNumbers } from "../graph/tensorValue.ts";
import { reshape } from "./array.ts";
import { constant, convertToTensor, createOp, opScope, type TensorLike } from "./build.ts";
import { notDifferentiable, type KernelContext, type OpDefinition } from "./definition.ts";
import { concat } from "./concat.ts";
import { add } from "./elementwise.ts";
import { expandDims } from "./expandDims.ts";
import { unsortedSegmentSum } from "./gather.ts";
import { range } from "./range.ts";
import { shape as shapeOf, size as sizeOfTensor } from "./shape.ts";
import { stridedSlice } from "./slice.ts";

function requireFloat(k: KernelContext): void {
  if (k.inputDtype(0).name !== "float32") {
    throw new UnimplementedError(
      `'${k.op.name}' (op: '${k.op.type}') is not supported for ${k.inputDtype(0)}; supported: float32.`,
    );
  }
}

export const TopKV2: OpDefinition = {
  type: "TopKV2",
  inputs: "T int32",
  outputs: (node) => [node.inputDtype(0).base, int32],
  shape(node): Shape[] {
    const [shape, given] = [node.inputShape(0), node.constant(1)];
    if (shape === null) return [null, null];
    if (shape.length === 0) throw new InvalidArgumentError("input must have at least 1 dimension");
    const n = shape[shape.length - 1];
    const k = given ? toNumbers(given)[0] : null;
    if (k !== null && k < 0) throw new InvalidArgumentError(`Need k >= 0, got ${k}`);
    if (k !== null && n !== null && k > n)
      throw new InvalidArgumentError(`input must have last dimension >= k = ${k} but is ${n}`);
    const out = [...shape.slice(0, -1), k];
    return [out, out];
  },
  plan: {
    kind: "kernel",
    emit(k) {
      requireFloat(k);
      const shape = k.inputShape(0);
      const n = shape[shape.length - 1];
      const count = k.outputShape(0)[shape.length - 1];
      k.call("topK", k.output(0), k.output(1), k.input(0), sizeOf(shape.slice(0, -1)), n, count);
    },
  },
  // dy goes to the places that were taken: place i of row r is r · n + i of all.
  gradient(op, [dy]) {
    const [x] = op.inputs;
    const [shape, total] = [shapeOf(x), sizeOfTensor(x)];
    const last = stridedSlice(shape, [-1], [0], [1], { endMask: 1, shrinkAxisMask: 1 });
    const count = stridedSlice(shapeOf(op.outputs[1]), [-1], [0], [1], { endMask: 1 });
    const indices = reshape(op.outputs[1], concat([constant([-1], { dtype: int32 }), count], 0));
    const flat = reshape(add(indices, expandDims(range(0, total, last), 1)), [-1]);
    return [reshape(unsortedSegmentSum(reshape(dy, [-1]), flat, total), shape), null];
  },
};

/** Inputs: predictions [rows, classes], targets [rows], and k for InTopKV2. */
function inTop(type: "InTopK" | "InTopKV2"): OpDefinition {
  return {
    type,
    inputs: type === "InTopK" ? "float32 T:int" : "float32 T:int T:int",
    outputs: () => [bool],
    shape(node): Shape[] {
      const [predictions, targets] = [node.inputShape(0), node.inputShape(1)];
      if (predictions && predictions.length !== 2)
        throw new InvalidArgumentError(`Shape must be rank 2 but is rank ${predictions.length}`);
      if (targets && targets.length !== 1)
        throw new InvalidArgumentError(`Shape must be rank 1 but is rank ${targets.length}`);
      const [rows, count] = [predictions?.[0] ?? null, targets?.[0] ?? null];
      if (rows !== null && count !== null && rows !== count) {
        throw new InvalidArgumentError(`First dimension of predictions ${rows} must match length of targets ${count}`);
      }
      return [[rows ?? count]];
    },
    gradient: notDifferentiable("truth values have no gradient"),
    plan: {
      kind: "kernel",
      emit(k) {
        requireFloat(k);
        const [rows, n] = k.inputShape(0);
        const count = type === "InTopK" ? k.op.int("k") : toNumbers(k.constant(2))[0];
        k.call("inTopK", k.output(0), k.input(0), k.input(1), rows, n, count, k.inputDtype(1).size);
      },
    },
  };
}

export const InTopK: OpDefinition = inTop("InTopK");
export const InTopKV2: OpDefinition = inTop("InTopKV2");

/** The `k` largest elements of each row (of the last dimension), largest first, and their places (int32); of equals the
 * first. float32. They are sorted whatever `sorted` says. */
export function topK(
  input: TensorLike,
  k = 1,
  options: { sorted?: boolean; name?: string } = {},
): { values: Tensor; indices: Tensor } {
  return opScope(options.name ?? "TopKV2", [input], (scope) => {
    const x = convertToTensor(input, { name: "input" });
    const count = constant(k, { dtype: int32, name: "k" });
    const attrs = { T: attr.type(x.dtype), sorted: attr.bool(options.sorted ?? true) };
    const [values, indices] = createOp(TopKV2, [x, count], attrs, scope).outputs;
    return { values, indices };
  });
}

/** For each row of `predictions` [rows, classes], whether fewer than `k` are larger than that of its target; targets
 * [rows] int32 or int64. bool; false where the prediction is not finite or the target no class. */
export function inTopK(predictions: TensorLike, targets: TensorLike, k: number, name = "InTopK"): Tensor {
  const [x, classes] = [convertToTensor(predictions), convertToTensor(targets)];
  return createOp(InTopK, [x, classes], { T: attr.type(classes.dtype), k: attr.int(k) }, name).outputs[0];
}
