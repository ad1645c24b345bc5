/** Slice, StridedSlice and their gradients (tensorflow/core/ops/array_ops.cc, core/util/strided_slice_op.cc). */
import { attr } from "../graph/attr.ts";
import { InvalidArgumentError } from "../graph/errors.ts";
import type { Tensor } from "../graph/operation.ts";
import { toNumbers } from "../graph/tensorValue.ts";
import { reshape } from "./array.ts";
import { convertToTensor, createOp, opScope, type TensorLike } from "./build.ts";
import { cast } from "./cast.ts";
import { stack } from "./concat.ts";
import type { NodeView, OpDefinition } from "./definition.ts";
import { subtract } from "./elementwise.ts";
import { pad } from "./pad.ts";
import { shape as shapeOf } from "./shape.ts";
import { moving, rowMajor } from "./strided.ts";
import { vector } from "./broadcastTo.ts";

export const Slice: OpDefinition = moving({
  type: "Slice",
  inputs: "T Index:int Index:int",
  outputs: (node) => [node.inputDtype(0).base],
  shape(node) {
    const [shape, begin, size] = [node.inputShape(0), node.constant(1), node.constant(2)];
    if (!begin || !size) return [shape && shape.map(() => null)];
    const [from, sizes] = [toNumbers(begin), toNumbers(size)];
    const rank = shape?.length ?? from.length;
    if (from.length !== rank || sizes.length !== rank)
      throw new InvalidArgumentError(`Shape must be rank ${from.length} but is rank ${rank}`);
    return [
      sizes.map((wanted, i) => {
        const whole = shape ? shape[i] : null;
        if (wanted < -1 || from[i] < 0 || (whole !== null && from[i] + Math.max(wanted, 0) > whole)) {
          throw new InvalidArgumentError(
            `Expected size[${i}] in [0, ${whole === null ? "?" : whole - from[i]}], but got ${wanted} at begin ${from[i]}`,
          );
        }
        return wanted === -1 ? whole && whole - from[i] : wanted;
      }),
    ];
  },
  moves(node) {
    const [shape, begin, size] = [node.inputShape(0), node.numbers(1), node.numbers(2)];
    const dims = size.map((wanted, i) => (wanted === -1 ? shape[i] - begin[i] : wanted));
    const strides = rowMajor(shape);
    const offset = begin.reduce((sum, at, i) => sum + at * strides[i], 0);
    return [{ input: 0, dims, x: { offset, strides }, y: { strides: rowMajor(dims) } }];
  },
  // dy with zeros around it: [[begin, size of x − begin − size of y]] for each dimension.
  gradient(op, [dy]) {
    const [x, begin] = op.inputs;
    const [shape, size] = [shapeOf(x), shapeOf(op.outputs[0])];
    const before = reshape(begin, [-1]);
    const paddings = stack([before, subtract(subtract(shape, size), before)], 1);
    return [pad(dy, paddings), null, null];
  },
});

/** What begin, end, strides and the masks come to, dimension by dimension of the input, and the result's shape. */
interface Resolved {
  readonly begin: readonly number[];
  readonly strides: readonly number[];
  /** Elements taken along each dimension of the input. */
  readonly sizes: readonly (number | null)[];
  /** The result's shape: -1 stands for a new dimension of size 1, others are dimensions of the input. */
  readonly final: readonly number[];
}

const newAxis = -1;

interface Masks {
  readonly begin: number;
  readonly end: number;
  readonly ellipsis: number;
  readonly newAxis: number;
  readonly shrink: number;
}

function masksOf(op: NodeView["op"]): Masks {
  return {
    begin: op.int("begin_mask", 0),
    end: op.int("end_mask", 0),
    ellipsis: op.int("ellipsis_mask", 0),
    newAxis: op.int("new_axis_mask", 0),
    shrink: op.int("shrink_axis_mask", 0),
  };
}

function resolve(
  shape: readonly (number | null)[],
  begin: readonly number[],
  end: readonly number[],
  strides: readonly number[],
  masks: Masks,
): Resolved {
  const bit = (mask: number, i: number): boolean => (mask & (1 << i)) !== 0;
  const count = begin.length;
  let ellipsisAt = begin.findIndex((_, i) => bit(masks.ellipsis, i));
  if (begin.filter((_, i) => bit(masks.ellipsis, i)).length > 1)
    throw new InvalidArgumentError("Multiple ellipses in slice spec not allowed");
  const named = begin.filter((_, i) => i !== ellipsisAt && !bit(masks.newAxis, i)).length;
  if (named > shape.length) {
    throw new InvalidArgumentError(
      `Index out of range using input dim ${named - 1}; input has only ${shape.length} dims`,
    );
  }
  if (ellipsisAt < 0) ellipsisAt = count;
  const result = {
    begin: [] as number[],
    strides: [] as number[],
    sizes: [] as (number | null)[],
    final: [] as number[],
  };
  const whole = (axis: number): void => {
    result.begin.push(0);
    result.strides.push(1);
    result.sizes.push(shape[axis]);
    result.final.push(axis);
  };
  for (let i = 0; i <= count; i++) {
    const axis = result.begin.length;
    if (i === ellipsisAt) {
      for (let rest = shape.length - named; rest > 0; rest--) whole(result.begin.length);
      continue;
    }
    if (i === count) break;
    if (bit(masks.newAxis, i)) {
      result.final.push(newAxis);
      continue;
    }
    const size = shape[axis];
    const stride = strides[i];
    if (stride === 0) throw new InvalidArgumentError(`strides[${i}] must be non-zero`);
    const shrinks = bit(masks.shrink, i);
    if (shrinks && stride <= 0) throw new InvalidArgumentError("only stride 1 allowed on non-range indexing.");
    result.strides.push(stride);
    if (size === null) {
      result.begin.push(begin[i]);
      result.sizes.push(shrinks ? 1 : null);
    } else if (shrinks) {
      const at = begin[i] < 0 ? begin[i] + size : begin[i];
      if (at < 0 || at >= size)
        throw new InvalidArgumentError(`slice index ${begin[i]} of dimension ${axis} out of bounds.`);
      result.begin.push(at);
      result.sizes.push(1);
    } else {
      const [low, high] = stride > 0 ? [0, size] : [-1, size - 1];
      const clamp = (value: number): number => Math.min(high, Math.max(low, value < 0 ? value + size : value));
      const from = bit(masks.begin, i) ? (stride > 0 ? low : high) : clamp(begin[i]);
      const to = bit(masks.end, i) ? (stride > 0 ? high : low) : clamp(end[i]);
      result.begin.push(from);
      result.sizes.push(Math.max(0, Math.ceil((to - from) / stride)));
    }
    if (!shrinks) result.final.push(axis);
  }
  return result;
}

function finalShape({ sizes, final }: Resolved): (number | null)[] {
  return final.map((axis) => (axis === newAxis ? 1 : sizes[axis]));
}

/** The places in the whole tensor that a strided slice takes. */
function taken(shape: readonly number[], { begin, strides }: Resolved): { offset: number; strides: number[] } {
  const steps = rowMajor(shape);
  return {
    offset: begin.reduce((sum, at, i) => sum + at * steps[i], 0),
    strides: strides.map((stride, i) => stride * steps[i]),
  };
}

export const StridedSlice: OpDefinition = moving({
  type: "StridedSlice",
  inputs: "T Index:int Index:int Index:int",
  outputs: (node) => [node.inputDtype(0).base],
  shape(node) {
    const shape = node.inputShape(0);
    const bounds = [1, 2, 3].map((i) => node.constant(i));
    if (shape === null || !bounds.every((value) => value !== undefined)) return [null];
    const [begin, end, strides] = bounds.map(toNumbers);
    return [finalShape(resolve(shape, begin, end, strides, masksOf(node.op)))];
  },
  moves(node) {
    const shape = node.inputShape(0);
    const resolved = resolve(shape, node.numbers(1), node.numbers(2), node.numbers(3), masksOf(node.op));
    const dims = resolved.sizes as number[];
    return [{ input: 0, dims, x: taken(shape, resolved), y: { strides: rowMajor(dims) } }];
  },
  gradient(op, [dy]) {
    const [x, begin, end, strides] = op.inputs;
    const attrs = {
      T: attr.type(dy.dtype),
      Index: attr.type(begin.dtype),
      ...maskAttrs(masksOf(op)),
    };
    const { outputs } = createOp(
      StridedSliceGrad,
      [cast(shapeOf(x), begin.dtype.base), begin, end, strides, dy],
      attrs,
      "StridedSliceGrad",
    );
    return [outputs[0], null, null, null];
  },
});

/** dx of the shape in input 0: dy at the places that were taken, zeros elsewhere. */
export const StridedSliceGrad: OpDefinition = moving({
  type: "StridedSliceGrad",
  inputs: "Index:int Index:int Index:int Index:int T",
  outputs: (node) => [node.inputDtype(4).base],
  shape(node) {
    const shape = node.constant(0);
    return [shape ? toNumbers(shape) : null];
  },
  zeros: true,
  moves(node) {
    const shape = node.numbers(0);
    const resolved = resolve(shape, node.numbers(1), node.numbers(2), node.numbers(3), masksOf(node.op));
    const dims = resolved.sizes as number[];
    return [{ input: 4, dims, x: { strides: rowMajor(dims) }, y: taken(shape, resolved) }];
  },
  gradient(op, [dy]) {
    const [, begin, end, strides] = op.inputs;
    return [null, null, null, null, strided(dy, begin, end, strides, masksOf(op), "StridedSlice")];
  },
});

function maskAttrs(masks: Masks): Record<string, { i: bigint }> {
  return {
    begin_mask: { i: BigInt(masks.begin) },
    end_mask: { i: BigInt(masks.end) },
    ellipsis_mask: { i: BigInt(masks.ellipsis) },
    new_axis_mask: { i: BigInt(masks.newAxis) },
    shrink_axis_mask: { i: BigInt(masks.shrink) },
  };
}

function strided(x: Tensor, begin: Tensor, end: Tensor, strides: Tensor, masks: Masks, name: string): Tensor {
  const attrs = { T: attr.type(x.dtype), Index: attr.type(begin.dtype), ...maskAttrs(masks) };
  return createOp(StridedSlice, [x, begin, end, strides], attrs, name).outputs[0];
}

/** `size` elements from `begin` on, along every dimension; a size of -1 takes all that remain. Any dtype. */
export function slice(
  input: TensorLike,
  begin: readonly number[] | Tensor,
  size: readonly number[] | Tensor,
  name = "Slice",
): Tensor {
  return opScope(name, [input], (scope) => {
    const x = convertToTensor(input, { name: "input" });
    const [from, sizes] = [vector(begin, "begin"), vector(size, "size")];
    return createOp(Slice, [x, from, sizes], { T: attr.type(x.dtype), Index: attr.type(from.dtype) }, scope).outputs[0];
  });
}

export interface StridedSliceOptions {
  /** Bit i: begin[i] (end[i]) is ignored, the slice is as long as possible there. */
  beginMask?: number;
  endMask?: number;
  /** Bit i: this entry stands for as many whole dimensions as are left. */
  ellipsisMask?: number;
  /** Bit i: a new dimension of size 1. */
  newAxisMask?: number;
  /** Bit i: the element begin[i] alone, and the dimension goes away. */
  shrinkAxisMask?: number;
  name?: string;
}

/** Python's x[begin:end:strides] with TensorFlow's masks; strides default to 1. Any dtype. */
export function stridedSlice(
  input: TensorLike,
  begin: readonly number[] | Tensor,
  end: readonly number[] | Tensor,
  strides?: readonly number[] | Tensor,
  options: StridedSliceOptions = {},
): Tensor {
  return opScope(options.name ?? "StridedSlice", [input], (scope) => {
    const x = convertToTensor(input, { name: "input" });
    const [from, to] = [vector(begin, "begin"), vector(end, "end")];
    const count = Array.isArray(begin) ? begin.length : (from.shape?.[0] ?? 0);
    const steps = vector(strides ?? new Array<number>(count).fill(1), "strides");
    const masks = {
      begin: options.beginMask ?? 0,
      end: options.endMask ?? 0,
      ellipsis: options.ellipsisMask ?? 0,
      newAxis: options.newAxisMask ?? 0,
      shrink: options.shrinkAxisMask ?? 0,
    };
    return strided(x, from, to, steps, masks, scope);
  });
}
