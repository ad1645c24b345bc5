/** Range and DynamicStitch: integer vectors that shapes and axes are made of (tensorflow/core/ops/math_ops.cc, data_flow_ops.cc). */
import { attr } from "../graph/attr.ts";
import { float32, int32, type DType } from "../graph/dtype.ts";
import { InvalidArgumentError } from "../graph/errors.ts";
import { Tensor } from "../graph/operation.ts";
import { sizeOf } from "../graph/shape.ts";
import { elementAt, toNumbers } from "../graph/tensorValue.ts";
import { convertToTensor, createOp, opScope, type TensorLike } from "./build.ts";
import { noGradient, notDifferentiable, type NodeView, type OpDefinition } from "./definition.ts";
import { folded, foldInputs } from "./folding.ts";

function rangeSize(node: NodeView): number | null {
  const bounds = [0, 1, 2].map((i) => node.constant(i));
  if (!bounds.every((value) => value !== undefined)) return null;
  const [start, limit, delta] = bounds.map((value) => toNumbers(value)[0]);
  if (delta === 0) throw new InvalidArgumentError(`Requires delta != 0: ${delta}`);
  if (delta > 0 ? start > limit : start < limit) {
    throw new InvalidArgumentError(
      `Requires start ${delta > 0 ? "<=" : ">="} limit when delta ${delta > 0 ? ">" : "<"} 0: ${start}/${limit}`,
    );
  }
  return Math.ceil((limit - start) / delta);
}

export const Range: OpDefinition = {
  type: "Range",
  inputs: "Tidx Tidx Tidx",
  outputs: (node) => [node.inputDtype(0).base],
  shape: (node) => [[rangeSize(node)]],
  plan: { kind: "fold" },
  gradient: notDifferentiable("a range is no function of values that are trained"),
  fold(node) {
    const size = rangeSize(node);
    const dtype = node.inputDtype(0).base;
    if (size === null || !(dtype.isInteger || dtype === float32)) return undefined;
    const [start, delta] = [toNumbers(node.constant(0)!)[0], toNumbers(node.constant(2)!)[0]];
    // TensorFlow adds up in the type of the range.
    const round = dtype === float32 ? Math.fround : (value: number): number => value;
    const values = new Array<number>(size);
    for (let i = 0, value = start; i < size; i++, value = round(value + delta)) values[i] = value;
    return [folded(dtype, [size], values)];
  },
};

/** Inputs: start, stop, how many. float32. */
export const LinSpace: OpDefinition = {
  type: "LinSpace",
  inputs: "T T Tidx:int",
  outputs: (node) => [node.inputDtype(0).base],
  shape(node) {
    const count = node.constant(2);
    if (!count) return [[null]];
    const [size] = toNumbers(count);
    if (size <= 0) throw new InvalidArgumentError(`Requires num > 0: ${size}`);
    return [[size]];
  },
  plan: { kind: "fold" },
  gradient: noGradient("TensorFlow has none either"),
  fold(node) {
    const bounds = [0, 1, 2].map((i) => node.constant(i));
    if (!bounds.every((value) => value !== undefined) || node.inputDtype(0).base !== float32) return undefined;
    const [start, stop, size] = bounds.map((value) => toNumbers(value)[0]);
    const step = Math.fround(Math.fround(stop - start) / (size - 1));
    const values = Array.from({ length: size }, (_, i) => Math.fround(start + Math.fround(step * i)));
    values[size - 1] = size > 1 ? stop : start;
    return [folded(float32, [size], values)];
  },
};

/** Inputs: n index tensors, then n data tensors. Row indices[i] of the result is row i of the data; the last wins. */
export const DynamicStitch: OpDefinition = {
  type: "DynamicStitch",
  inputs: "int32* T*",
  outputs: (node) => [node.inputDtype(node.inputCount - 1).base],
  shape(node) {
    const n = node.inputCount / 2;
    let rows = 0;
    for (let i = 0; i < n; i++) {
      const indices = node.constant(i);
      if (!indices) return [null];
      rows = Math.max(rows, ...toNumbers(indices).map((index) => index + 1));
    }
    const [data, indices] = [node.inputShape(n), node.inputShape(0)];
    return [data && indices ? [rows, ...data.slice(indices.length)] : null];
  },
  plan: { kind: "fold" },
  gradient: notDifferentiable("only integers are stitched here"),
  fold(node) {
    const inputs = foldInputs(node);
    if (!inputs) return undefined;
    const n = inputs.length / 2;
    const rows = Math.max(0, ...inputs.slice(0, n).flatMap((value) => toNumbers(value).map((index) => index + 1)));
    const inner = inputs[n].shape.slice(inputs[0].shape.length);
    const length = sizeOf(inner);
    const result = new Array<number>(rows * length).fill(0);
    for (let i = 0; i < n; i++) {
      toNumbers(inputs[i]).forEach((row, k) => {
        for (let j = 0; j < length; j++) result[row * length + j] = elementAt(inputs[n + i], k * length + j);
      });
    }
    return [folded(node.inputDtype(n).base, [rows, ...inner], result)];
  },
};

/** start, start + delta, … below `limit` (above it where delta is negative); with one number, from 0. The bounds must be known
 * before the run. int32, int64, float32. */
export function range(
  start: TensorLike,
  limit?: TensorLike,
  delta: TensorLike = 1,
  options: { dtype?: DType; name?: string } = {},
): Tensor {
  const [from, to] = limit === undefined ? [0, start] : [start, limit];
  return opScope(options.name ?? "range", [from, to, delta], (scope) => {
    const given = [from, to, delta].find((value) => value instanceof Tensor)?.dtype.base;
    const whole = [from, to, delta].every((value) => value instanceof Tensor || Number.isInteger(value));
    const dtype = options.dtype ?? given ?? (whole ? int32 : float32);
    const tensor = (value: TensorLike, name: string): Tensor =>
      convertToTensor(value, value instanceof Tensor ? { name } : { dtype, name });
    const inputs = [tensor(from, "start"), tensor(to, "limit"), tensor(delta, "delta")];
    return createOp(Range, inputs, { Tidx: attr.type(inputs[0].dtype) }, scope).outputs[0];
  });
}

/** See DynamicStitch. The indices and the data must be known before the run. int32, int64. */
export function dynamicStitch(indices: readonly Tensor[], data: readonly Tensor[], name = "DynamicStitch"): Tensor {
  const attrs = { T: attr.type(data[0].dtype), N: attr.int(indices.length) };
  return createOp(DynamicStitch, [...indices, ...data], attrs, name).outputs[0];
}
