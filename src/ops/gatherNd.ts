/** Picking and adding rows by several coordinates: GatherNd, ScatterNd (tensorflow/core/ops/array_ops.cc). */
import { attr } from "../graph/attr.ts";
import { InvalidArgumentError, UnimplementedError } from "../graph/errors.ts";
import type { Tensor } from "../graph/operation.ts";
import { formatShape, sizeOf, type Shape } from "../graph/shape.ts";
import { toNumbers } from "../graph/tensorValue.ts";
import { convertToTensor, createOp, type TensorLike } from "./build.ts";
import type { BufferRef, KernelContext, NodeView, OpDefinition } from "./definition.ts";
import { shape as shapeOf } from "./shape.ts";
import { vector } from "./broadcastTo.ts";

/** How many coordinates name a row: the last dimension of the indices. */
function depthOf(indices: Shape, rank: number | null): number | null {
  if (indices === null) return null;
  const depth = indices.at(-1);
  if (depth === undefined) throw new InvalidArgumentError("Shape must be at least rank 1 but is rank 0");
  if (depth !== null && rank !== null && depth > rank)
    throw new InvalidArgumentError(
      `indices.shape[-1] must be <= params.rank, but saw indices.shape[-1] = ${depth} and params.rank = ${rank}`,
    );
  return depth;
}

/** The rows' numbers, checked: scratch memory of `count` int32. */
function flatRows(k: KernelContext, input: number, shape: readonly number[]): { flat: BufferRef; count: number } {
  const given = k.inputShape(input);
  const depth = given.at(-1)!;
  const count = sizeOf(given.slice(0, -1));
  const flat = k.scratch(Math.max(4, count * 4));
  const indices = k.input(input);
  const dtype = k.inputDtype(input);
  const { op } = k;
  k.call("flattenIndices", flat, indices, k.attributes([...shape.slice(0, depth), 0]), count, depth, dtype.size);
  k.check(
    "checkIndices",
    (code, read) => {
      const row = Array.from(read(indices, dtype) as Int32Array, String).slice((code - 1) * depth, code * depth);
      return new InvalidArgumentError(
        `indices[${code - 1}] = [${row.join(", ")}] does not index into shape ${formatShape(shape)} for '${op.name}' (op: '${op.type}').`,
      );
    },
    [indices],
    flat,
    count,
    sizeOf(shape.slice(0, depth)),
    4,
  );
  return { flat, count };
}

/** Inputs: what is picked from, coordinates [..., depth]. */
export const GatherNd: OpDefinition = {
  type: "GatherNd",
  inputs: "Tparams Tindices:int",
  outputs: (node) => [node.inputDtype(0).base],
  shape(node): Shape[] {
    const [shape, indices] = [node.inputShape(0), node.inputShape(1)];
    const depth = depthOf(indices, shape?.length ?? null);
    return [shape && indices && depth !== null ? [...indices.slice(0, -1), ...shape.slice(depth)] : null];
  },
  gradient(op, [dy]) {
    const [x, indices] = op.inputs;
    const size = shapeOf(x);
    return [scatterNd(indices, dy, size), null];
  },
  mayRefuse: () => true,
  plan: {
    kind: "kernel",
    emit(k) {
      const shape = k.inputShape(0);
      const depth = k.inputShape(1).at(-1)!;
      const { flat, count } = flatRows(k, 1, shape);
      const [rows, inner] = [sizeOf(shape.slice(0, depth)), sizeOf(shape.slice(depth))];
      k.call("gather", k.output(0), k.input(0), flat, 1, rows, count, inner * k.inputDtype(0).size, 4);
    },
  },
};

/** Inputs: coordinates [..., depth], rows, the shape of the result. */
export const ScatterNd: OpDefinition = {
  type: "ScatterNd",
  inputs: "Tindices:int T Tindices:int",
  outputs: (node) => [node.inputDtype(1).base],
  shape(node: NodeView): Shape[] {
    const [indices, updates, size] = [node.inputShape(0), node.inputShape(1), node.constant(2)];
    if (!size) return [null];
    const shape = toNumbers(size);
    const depth = depthOf(indices, shape.length);
    if (indices && updates && depth !== null) {
      const want = [...indices.slice(0, -1), ...shape.slice(depth)];
      const fits = (dim: number | null, i: number): boolean => dim === null || want[i] === null || dim === want[i];
      if (updates.length !== want.length || !updates.every(fits))
        throw new InvalidArgumentError(`Must have updates.shape = ${formatShape(want)}, got ${formatShape(updates)}`);
    }
    return [shape];
  },
  gradient: (op, [dy]) => [null, gatherNd(dy, op.inputs[0]), null],
  mayRefuse: () => true,
  plan: {
    kind: "kernel",
    emit(k) {
      if (k.inputDtype(1).name !== "float32") {
        throw new UnimplementedError(
          `'${k.op.name}' (op: 'ScatterNd') is not supported for ${k.inputDtype(1)}; supported: float32.`,
        );
      }
      const shape = k.outputShape(0);
      const depth = k.inputShape(0).at(-1)!;
      const { flat, count } = flatRows(k, 0, shape);
      const [rows, inner] = [sizeOf(shape.slice(0, depth)), sizeOf(shape.slice(depth))];
      k.call("unsortedSegmentSum", k.output(0), k.input(1), flat, rows, count, inner, 4);
    },
  },
};

/** The elements or slices of `params` that the last dimension of `indices` names; shape indices.shape[:-1] + params.shape[depth:].
 * Any dtype; int32 or int64 indices. */
export function gatherNd(params: TensorLike, indices: TensorLike, name = "GatherNd"): Tensor {
  const [x, picks] = [convertToTensor(params, { name: "params" }), convertToTensor(indices, { name: "indices" })];
  const attrs = { Tparams: attr.type(x.dtype), Tindices: attr.type(picks.dtype) };
  return createOp(GatherNd, [x, picks], attrs, name).outputs[0];
}

/** Zeros of `shape`, to which each slice of `updates` is added where its row of `indices` says. float32. */
export function scatterNd(
  indices: TensorLike,
  updates: TensorLike,
  shape: readonly number[] | Tensor,
  name = "ScatterNd",
): Tensor {
  const [picks, rows] = [convertToTensor(indices, { name: "indices" }), convertToTensor(updates, { name: "updates" })];
  const size = vector(shape, "shape", picks.dtype.base);
  const attrs = { T: attr.type(rows.dtype), Tindices: attr.type(picks.dtype) };
  return createOp(ScatterNd, [picks, rows, size], attrs, name).outputs[0];
}
