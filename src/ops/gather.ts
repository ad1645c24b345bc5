/** Picking by number: GatherV2, Gather, UnsortedSegmentSum, OneHot (tensorflow/core/ops/array_ops.cc, math_ops.cc). */
import { attr } from "../graph/attr.ts";
import { bool, float32, int32, type DType } from "../graph/dtype.ts";
import { InvalidArgumentError, UnimplementedError } from "../graph/errors.ts";
import { Tensor } from "../graph/operation.ts";
import { sizeOf, type Shape } from "../graph/shape.ts";
import { elementAt, toNumbers, type TensorValue } from "../graph/tensorValue.ts";
import { reshape } from "./array.ts";
import { constant, constantValue, convertToTensor, createOp, opScope, type TensorLike } from "./build.ts";
import { axisFromFront, concat } from "./concat.ts";
import { notDifferentiable, type OpDefinition } from "./definition.ts";
import { foldable, folded, maxFolded } from "./folding.ts";
import { shape as shapeOf } from "./shape.ts";
import { stridedSlice } from "./slice.ts";
import { transpose } from "./transpose.ts";

/** The gathered axis from the front: input 2 of GatherV2; Gather has none. */
function gatherAxis(node: { readonly inputCount: number }, axis: TensorValue | undefined, rank: number): number | null {
  if (node.inputCount < 3) return 0;
  return axis ? axisFromFront(toNumbers(axis)[0], rank, "Expected axis") : null;
}

function gathering(type: "Gather" | "GatherV2", gradient: OpDefinition["gradient"]): OpDefinition {
  return {
    type,
    inputs: type === "Gather" ? "Tparams Tindices:int" : "Tparams Tindices:int Taxis:int",
    outputs: (node) => [node.inputDtype(0).base],
    gradient,
    mayRefuse: () => true,
    shape(node): Shape[] {
      if (node.op.int("batch_dims", 0) !== 0) throw new UnimplementedError("batch_dims is not supported");
      const [shape, indices] = [node.inputShape(0), node.inputShape(1)];
      if (shape === null || indices === null) return [null];
      if (shape.length === 0) throw new InvalidArgumentError("Shape must be at least rank 1 but is rank 0");
      const axis = gatherAxis(node, node.constant(2), shape.length);
      if (axis === null) return [new Array<null>(shape.length - 1 + indices.length).fill(null)];
      return [[...shape.slice(0, axis), ...indices, ...shape.slice(axis + 1)]];
    },
    plan: {
      kind: "kernel",
      emit(k) {
        const [shape, indices] = [k.inputShape(0), k.inputShape(1)];
        const { inputs } = k.op;
        const axis = gatherAxis({ inputCount: inputs.length }, inputs[2] && k.constant(2), shape.length)!;
        const bytes = sizeOf(shape.slice(axis + 1)) * k.inputDtype(0).size;
        const outer = sizeOf(shape.slice(0, axis));
        const count = sizeOf(indices);
        const indexBytes = k.inputDtype(1).size;
        const picks = k.input(1);
        // TensorFlow's GPU kernel gives zeros for a bad index, its CPU kernel this error.
        k.check(
          "checkIndices",
          (code, read) => {
            const value = read(picks, inputs[1].dtype.base)[code - 1];
            return new InvalidArgumentError(
              `indices[${code - 1}] = ${value} is not in [0, ${shape[axis]}) for '${k.op.name}' (op: '${type}').`,
            );
          },
          [picks],
          picks,
          count,
          shape[axis],
          indexBytes,
        );
        k.call("gather", k.output(0), k.input(0), picks, outer, shape[axis], count, bytes, indexBytes);
      },
    },
    fold(node) {
      if (!foldable(node.inputDtype(0))) return undefined;
      const [value, indices] = [node.constant(0), node.constant(1)];
      if (!value || !indices || sizeOf(value.shape) > maxFolded) return undefined;
      const axis = gatherAxis(node, node.constant(2), value.shape.length);
      if (axis === null) return undefined;
      const rows = toNumbers(indices);
      const { shape } = value;
      const [outer, inner] = [sizeOf(shape.slice(0, axis)), sizeOf(shape.slice(axis + 1))];
      const bad = rows.findIndex((row) => row < 0 || row >= shape[axis]);
      if (bad >= 0) throw new InvalidArgumentError(`indices[${bad}] = ${rows[bad]} is not in [0, ${shape[axis]})`);
      const results: number[] = [];
      for (let o = 0; o < outer; o++) {
        for (const row of rows)
          for (let j = 0; j < inner; j++) results.push(elementAt(value, (o * shape[axis] + row) * inner + j));
      }
      if (results.length > maxFolded) return undefined;
      const out = [...shape.slice(0, axis), ...indices.shape, ...shape.slice(axis + 1)];
      return [folded(node.inputDtype(0).base, out, results)];
    },
  };
}

// Rows of dy are added where they were taken from. TensorFlow hands them on as IndexedSlices; made dense, as whatever reads
// them does at last, that is UnsortedSegmentSum. Another axis than 0 is brought to the front for it.
function gatherGradient(x: Tensor, indices: Tensor, dy: Tensor, axis: number): Tensor {
  const flat = reshape(indices, [-1]);
  const shape = shapeOf(x);
  if (axis === 0) {
    const rest = stridedSlice(shape, [1], [0], [1], { endMask: 1 });
    const rows = reshape(dy, concat([constant([-1], { dtype: int32 }), rest], 0));
    return unsortedSegmentSum(rows, flat, stridedSlice(shape, [0], [1], [1], { shrinkAxisMask: 1 }));
  }
  const rank = x.shape!.length;
  const others = Array.from({ length: rank }, (_, i) => i).filter((i) => i !== axis);
  const back = Array.from({ length: rank }, (_, i) => (i === axis ? 0 : i < axis ? i + 1 : i));
  const before = stridedSlice(shape, [0], [axis], [1]);
  const behind = stridedSlice(shape, [axis + 1], [0], [1], { endMask: 1 });
  const rows = reshape(dy, concat([before, constant([-1], { dtype: int32 }), behind], 0));
  const front = transpose(rows, [axis, ...others]);
  const size = stridedSlice(shape, [axis], [axis + 1], [1], { shrinkAxisMask: 1 });
  return transpose(unsortedSegmentSum(front, flat, size), back);
}

export const GatherV2: OpDefinition = gathering("GatherV2", (op, [dy]) => {
  const [x, indices, axisTensor] = op.inputs;
  const value = constantValue(axisTensor);
  const rank = x.shape?.length ?? 0;
  const axis = value ? toNumbers(value)[0] : 0;
  return [gatherGradient(x, indices, dy, axis < 0 ? axis + rank : axis), null, null];
});

export const Gather: OpDefinition = gathering("Gather", (op, [dy]) => [
  gatherGradient(op.inputs[0], op.inputs[1], dy, 0),
  null,
]);

/** Inputs: rows, a number for each, how many outputs. */
export const UnsortedSegmentSum: OpDefinition = {
  type: "UnsortedSegmentSum",
  inputs: "T Tindices:int Tnumsegments:int",
  outputs: (node) => [node.inputDtype(0).base],
  shape(node) {
    const [shape, ids, count] = [node.inputShape(0), node.inputShape(1), node.constant(2)];
    if (shape === null || ids === null) return [null];
    return [[count ? toNumbers(count)[0] : null, ...shape.slice(ids.length)]];
  },
  gradient: (op, [dy]) => [gather(dy, op.inputs[1]), null, null],
  plan: {
    kind: "kernel",
    emit(k) {
      if (k.inputDtype(0).name !== "float32") {
        throw new UnimplementedError(
          `'${k.op.name}' (op: 'UnsortedSegmentSum') is not supported for ${k.inputDtype(0)}; supported: float32.`,
        );
      }
      const count = sizeOf(k.inputShape(1));
      const [rows, ...inner] = k.outputShape(0);
      const indexBytes = k.inputDtype(1).size;
      k.call("unsortedSegmentSum", k.output(0), k.input(0), k.input(1), rows, count, sizeOf(inner), indexBytes);
    },
  },
};

/** Inputs: indices, depth, on value, off value. */
export const OneHot: OpDefinition = {
  type: "OneHot",
  inputs: "TI:int int32 T T",
  outputs: (node) => [node.inputDtype(2).base],
  shape(node) {
    const [shape, depth] = [node.inputShape(0), node.constant(1)];
    if (shape === null) return [null];
    const axis = node.op.int("axis", -1);
    const at = axis === -1 ? shape.length : axisFromFront(axis, shape.length + 1, "Expected axis");
    const size = depth ? toNumbers(depth)[0] : null;
    if (size !== null && size < 0) throw new InvalidArgumentError(`depth must be non-negative, got: ${size}`);
    return [[...shape.slice(0, at), size, ...shape.slice(at)]];
  },
  gradient: notDifferentiable("a one-hot row is no differentiable function of a number"),
  plan: {
    kind: "kernel",
    emit(k) {
      const shape = k.inputShape(0);
      const axis = k.op.int("axis", -1);
      const at = axis === -1 ? shape.length : axisFromFront(axis, shape.length + 1, "Expected axis");
      const [outer, inner] = [sizeOf(shape.slice(0, at)), sizeOf(shape.slice(at))];
      const [size, indexBytes] = [k.inputDtype(2).size, k.inputDtype(0).size];
      const [on, off] = [k.input(2), k.input(3)];
      k.call("oneHot", k.output(0), k.input(0), on, off, outer, k.outputShape(0)[at], inner, size, indexBytes);
    },
  },
};

/** x[indices] along `axis`: the shape of x with the axis replaced by that of the indices. Any dtype; int32 or int64 indices. */
export function gather(
  params: TensorLike,
  indices: TensorLike,
  options: { axis?: number; name?: string } = {},
): Tensor {
  return opScope(options.name ?? "GatherV2", [params], (scope) => {
    const x = convertToTensor(params, { name: "params" });
    const picks = convertToTensor(indices, { name: "indices" });
    const axis = constant(options.axis ?? 0, { dtype: int32, name: "axis" });
    const attrs = {
      Tparams: attr.type(x.dtype),
      Tindices: attr.type(picks.dtype),
      Taxis: attr.type(int32),
      batch_dims: attr.int(0),
    };
    return createOp(GatherV2, [x, picks, axis], attrs, scope).outputs[0];
  });
}

/** Row i of the result is the sum of the rows of `data` that `segmentIds` numbers i. float32. */
export function unsortedSegmentSum(
  data: TensorLike,
  segmentIds: TensorLike,
  numSegments: number | Tensor,
  name = "UnsortedSegmentSum",
): Tensor {
  return opScope(name, [data], (scope) => {
    const x = convertToTensor(data, { name: "data" });
    const ids = convertToTensor(segmentIds, { name: "segment_ids" });
    const count =
      numSegments instanceof Tensor ? numSegments : constant(numSegments, { dtype: int32, name: "num_segments" });
    const attrs = { T: attr.type(x.dtype), Tindices: attr.type(ids.dtype), Tnumsegments: attr.type(count.dtype) };
    return createOp(UnsortedSegmentSum, [x, ids, count], attrs, scope).outputs[0];
  });
}

export interface OneHotOptions {
  /** Default 1 and 0 (true and false), of dtype float32. */
  onValue?: number | boolean;
  offValue?: number | boolean;
  dtype?: DType;
  /** The new dimension; default -1, the last. */
  axis?: number;
  name?: string;
}

/** `depth` elements for each index: the on value at its place, the off value elsewhere; all off for an index out of range.
 * Indices: int32, int64, uint8. */
export function oneHot(indices: TensorLike, depth: number, options: OneHotOptions = {}): Tensor {
  return opScope(options.name ?? "one_hot", [indices], (scope) => {
    const x = convertToTensor(indices, { name: "indices" });
    const dtype = options.dtype ?? float32;
    const on = constant(options.onValue ?? (dtype === bool || 1), { dtype, name: "on_value" });
    const off = constant(options.offValue ?? (dtype === bool ? false : 0), { dtype, name: "off_value" });
    const size = constant(depth, { dtype: int32, name: "depth" });
    const attrs = { T: attr.type(dtype), TI: attr.type(x.dtype), axis: attr.int(options.axis ?? -1) };
    return createOp(OneHot, [x, size, on, off], attrs, scope).outputs[0];
  });
}
