/** Joining and dividing: ConcatV2, Pack, Unpack, Split, SplitV (tensorflow/core/ops/array_ops.cc). */
import { attr } from "../graph/attr.ts";
import { int32, type DType } from "../graph/dtype.ts";
import { InvalidArgumentError } from "../graph/errors.ts";
import { Tensor } from "../graph/operation.ts";
import { formatShape, mergeShapes, type Shape } from "../graph/shape.ts";
import { toNumbers } from "../graph/tensorValue.ts";
import { constant, convertToTensor, createOp, opScope, type TensorLike } from "./build.ts";
import type { NodeView, OpDefinition } from "./definition.ts";
import { shape as shapeOf } from "./shape.ts";
import { slice } from "./slice.ts";
import { moving, rowMajor, type ConcreteNode, type Move } from "./strided.ts";

/** An axis counted from the front. */
export function axisFromFront(axis: number, rank: number, what: string): number {
  if (axis >= -rank && axis < rank) return axis < 0 ? axis + rank : axis;
  throw new InvalidArgumentError(`${what} must be in the range [${-rank}, ${rank}), but got ${axis}`);
}

const parts = (node: { readonly inputCount: number }): number[] =>
  Array.from({ length: node.inputCount - 1 }, (_, i) => i);

/** Copies the inputs one behind the other along `axis`, or the other way round. */
function joined(
  shapes: readonly (readonly number[])[],
  axis: number,
  whole: readonly number[],
  direction: (i: number, offset: number, dims: readonly number[]) => Move,
): Move[] {
  const strides = rowMajor(whole);
  let at = 0;
  return shapes.map((shape, i) => {
    const move = direction(i, at * (strides[axis] ?? 1), shape);
    at += shape[axis] ?? 1;
    return move;
  });
}

/** `first`: the axis comes before what is joined, as in the older form. */
function concatenation(type: string, first: boolean): OpDefinition {
  const axisAt = (node: { readonly inputCount: number }): number => (first ? 0 : node.inputCount - 1);
  const operandsAt = (node: { readonly inputCount: number }): number[] => parts(node).map((i) => (first ? i + 1 : i));
  return moving({
    type,
    inputs: first ? "int32 T*" : "T* Tidx:int",
    outputs: (node) => [node.inputDtype(operandsAt(node)[0]).base],
    shape(node) {
      const given = node.constant(axisAt(node));
      const shapes = operandsAt(node).map((i) => node.inputShape(i));
      const known = shapes.find((shape) => shape !== null);
      if (!known) return [null];
      if (!given) return [known.map(() => null)];
      if (known.length === 0) throw new InvalidArgumentError("Can't concatenate scalars (use tf.stack instead)");
      const axis = axisFromFront(toNumbers(given)[0], known.length, "ConcatOp : Expected concatenating dimensions");
      let rest: Shape = null;
      let total: number | null = 0;
      for (const shape of shapes) {
        total = total === null || shape === null || shape[axis] === null ? null : total + (shape[axis] ?? 0);
        rest = mergeShapes(rest, shape && shape.map((size, i) => (i === axis ? null : size)));
      }
      return [rest!.map((size, i) => (i === axis ? total : size))];
    },
    moves(node) {
      const operands = operandsAt(node);
      const shapes = operands.map((i) => node.inputShape(i));
      const axis = axisFromFront(node.numbers(axisAt(node))[0], shapes[0].length, "axis");
      const whole = shapes[0].map((size, i) => (i === axis ? shapes.reduce((sum, shape) => sum + shape[i], 0) : size));
      return joined(shapes, axis, whole, (i, offset, dims) => ({
        input: operands[i],
        dims,
        x: { strides: rowMajor(dims) },
        y: { offset, strides: rowMajor(whole) },
      }));
    },
    // Each operand's gradient is the slice of dy at its place.
    gradient(op, [dy]) {
      const node = { inputCount: op.inputs.length };
      const operands = operandsAt(node).map((i) => op.inputs[i]);
      const places = createOp(
        ConcatOffset,
        [op.inputs[axisAt(node)], ...operands.map((operand) => shapeOf(operand))],
        { N: attr.int(operands.length) },
        "ConcatOffset",
      ).outputs;
      const slices = operands.map((operand, i) => slice(dy, places[i], shapeOf(operand)));
      return first ? [null, ...slices] : [...slices, null];
    },
  });
}

export const ConcatV2: OpDefinition = concatenation("ConcatV2", false);
/** The older form of ConcatV2. */
export const Concat: OpDefinition = concatenation("Concat", true);

/** Where each operand of a concatenation begins: input 0 is the axis, the others are shapes. */
export const ConcatOffset: OpDefinition = {
  type: "ConcatOffset",
  inputs: "int32 int32*",
  outputs: (node) => parts(node).map(() => int32),
  shape: (node) => parts(node).map((i) => node.inputShape(i + 1)),
  plan: { kind: "fold" },
  gradient: { none: "places are no function of values", silent: true },
  fold(node) {
    const values = Array.from({ length: node.inputCount }, (_, i) => node.constant(i));
    if (!values.every((value) => value !== undefined)) return undefined;
    const [[axis], ...shapes] = values.map(toNumbers);
    const along = axisFromFront(axis, shapes[0].length, "axis");
    let at = 0;
    return shapes.map((shape) => {
      const offsets = Int32Array.from(shape, (_, i) => (i === along ? at : 0));
      at += shape[along];
      return { dtype: int32, shape: [shape.length], data: offsets };
    });
  },
};

/** The shape of a stack: `count` at `axis` among the others' dimensions. */
function stacked(shape: Shape, axis: number, count: number): Shape {
  if (shape === null) return null;
  const at = axisFromFront(axis, shape.length + 1, "axis");
  return [...shape.slice(0, at), count, ...shape.slice(at)];
}

export const Pack: OpDefinition = moving({
  type: "Pack",
  inputs: "T*",
  outputs: (node) => [node.inputDtype(0).base],
  shape(node) {
    let shape: Shape = null;
    for (let i = 0; i < node.inputCount; i++) shape = mergeShapes(shape, node.inputShape(i));
    return [stacked(shape, node.op.int("axis", 0), node.inputCount)];
  },
  moves(node) {
    const shapes = Array.from({ length: node.inputCount }, (_, i) => node.inputShape(i));
    const rank = shapes[0].length;
    const axis = axisFromFront(node.op.int("axis", 0), rank + 1, "axis");
    const whole = stacked(shapes[0], axis, node.inputCount) as number[];
    const strides = rowMajor(whole);
    return shapes.map((dims, input) => ({
      input,
      dims,
      x: { strides: rowMajor(dims) },
      y: { offset: input * strides[axis], strides: strides.filter((_, i) => i !== axis) },
    }));
  },
  gradient: (op, [dy]) => unstack(dy, { num: op.inputs.length, axis: op.int("axis", 0) }),
});

export const Unpack: OpDefinition = moving({
  type: "Unpack",
  inputs: "T",
  outputs: (node) => Array.from({ length: node.op.int("num") }, () => node.inputDtype(0).base),
  shape(node) {
    const num = node.op.int("num");
    const shape = node.inputShape(0);
    if (shape === null) return new Array<Shape>(num).fill(null);
    const axis = axisFromFront(node.op.int("axis", 0), shape.length, "axis");
    if (shape[axis] !== null && shape[axis] !== num)
      throw new InvalidArgumentError(`Dimension must be ${num} but is ${shape[axis]}`);
    return new Array<Shape>(num).fill(shape.filter((_, i) => i !== axis));
  },
  moves(node) {
    const shape = node.inputShape(0);
    const axis = axisFromFront(node.op.int("axis", 0), shape.length, "axis");
    const strides = rowMajor(shape);
    const dims = shape.filter((_, i) => i !== axis);
    return Array.from({ length: node.op.int("num") }, (_, output) => ({
      input: 0,
      output,
      dims,
      x: { offset: output * strides[axis], strides: strides.filter((_s, i) => i !== axis) },
      y: { strides: rowMajor(dims) },
    }));
  },
  gradient: (op, dys) => [stack(dys, op.int("axis", 0))],
});

/** Slices of `x` along `axis`, one for each output. */
function divide(node: ConcreteNode, input: number, axis: number, sizes: readonly number[]): Move[] {
  const whole = node.inputShape(input);
  const pieces = sizes.map((size) => whole.map((all, i) => (i === axis ? size : all)));
  return joined(pieces, axis, whole, (output, offset, dims) => ({
    input,
    output,
    dims,
    x: { offset, strides: rowMajor(whole) },
    y: { strides: rowMajor(dims) },
  }));
}

const outputsOf =
  (attribute: string, input: number) =>
  (node: NodeView): DType[] =>
    Array.from({ length: node.op.int(attribute) }, () => node.inputDtype(input).base);

/** Into equal parts; input 0 is the axis. */
export const Split: OpDefinition = moving({
  type: "Split",
  inputs: "int32 T",
  outputs: outputsOf("num_split", 1),
  shape(node) {
    const count = node.op.int("num_split");
    const [given, shape] = [node.constant(0), node.inputShape(1)];
    if (shape === null) return new Array<Shape>(count).fill(null);
    if (!given) return new Array<Shape>(count).fill(shape.map(() => null));
    const axis = axisFromFront(
      toNumbers(given)[0],
      shape.length,
      "-input rank(-rank) <= split_dim < input rank (rank)",
    );
    const size = shape[axis];
    if (size !== null && size % count !== 0) {
      throw new InvalidArgumentError(
        `Number of ways to split should evenly divide the split dimension, but got split_dim ${axis} (size = ${size}) and num_split ${count}`,
      );
    }
    return new Array<Shape>(count).fill(shape.map((all, i) => (i === axis ? size && size / count : all)));
  },
  moves(node) {
    const shape = node.inputShape(1);
    const axis = axisFromFront(node.numbers(0)[0], shape.length, "axis");
    const count = node.op.int("num_split");
    return divide(node, 1, axis, new Array<number>(count).fill(shape[axis] / count));
  },
  gradient: (op, dys) => [null, concatAlong(dys, op.inputs[0])],
});

/** Into parts of given sizes, one of which may be -1; inputs are value, sizes, axis. */
export const SplitV: OpDefinition = moving({
  type: "SplitV",
  inputs: "T Tlen:int int32",
  outputs: outputsOf("num_split", 0),
  shape(node) {
    const count = node.op.int("num_split");
    const [shape, sizes, axis] = [node.inputShape(0), node.constant(1), node.constant(2)];
    if (shape === null) return new Array<Shape>(count).fill(null);
    if (!sizes || !axis) return new Array<Shape>(count).fill(shape.map(() => null));
    const along = axisFromFront(toNumbers(axis)[0], shape.length, "axis");
    const lengths = partSizes(toNumbers(sizes), shape[along]);
    return lengths.map((size) => shape.map((all, i) => (i === along ? size : all)));
  },
  moves(node) {
    const shape = node.inputShape(0);
    const axis = axisFromFront(node.numbers(2)[0], shape.length, "axis");
    return divide(node, 0, axis, partSizes(node.numbers(1), shape[axis]) as number[]);
  },
  gradient: (op, dys) => [concatAlong(dys, op.inputs[2]), null, null],
});

function partSizes(sizes: readonly number[], whole: number | null): (number | null)[] {
  const sum = sizes.reduce((total, size) => total + Math.max(size, 0), 0);
  const open = sizes.filter((size) => size === -1).length;
  if (open > 1) throw new InvalidArgumentError("There can only be one -1 in the input.");
  if (whole !== null && (open ? sum > whole : sum !== whole)) {
    throw new InvalidArgumentError(
      `Determined shape must either match input shape along split_dim exactly if fully specified, or be less than the size of the input along split_dim if not fully specified.  Got: ${sum}, the dimension is ${whole}`,
    );
  }
  return sizes.map((size) => (size === -1 ? whole && whole - sum : size));
}

function concatAlong(values: readonly Tensor[], axis: Tensor, name = "concat"): Tensor {
  const attrs = { T: attr.type(values[0].dtype), Tidx: attr.type(axis.dtype), N: attr.int(values.length) };
  return createOp(ConcatV2, [...values, axis], attrs, name).outputs[0];
}

/** Joins tensors along `axis`; their other dimensions are equal. Any dtype. */
export function concat(values: readonly TensorLike[], axis: number, name = "concat"): Tensor {
  if (values.length === 0) throw new InvalidArgumentError("concat needs at least one tensor.");
  return opScope(name, values, (scope) => {
    const tensors = values.map((value) => convertToTensor(value, { name: "values" }));
    return concatAlong(tensors, constant(axis, { dtype: int32, name: "axis" }), scope);
  });
}

/** Tensors of one shape as slices of a new dimension `axis`. Any dtype. */
export function stack(values: readonly TensorLike[], axis = 0, name = "stack"): Tensor {
  if (values.length === 0) throw new InvalidArgumentError("stack needs at least one tensor.");
  return opScope(name, values, (scope) => {
    const dtype = values.find((value) => value instanceof Tensor)?.dtype.base;
    const tensors = values.map((value) =>
      convertToTensor(value, { dtype: value instanceof Tensor ? undefined : dtype, name: "values" }),
    );
    const attrs = { T: attr.type(tensors[0].dtype), N: attr.int(tensors.length), axis: attr.int(axis) };
    return createOp(Pack, tensors, attrs, scope).outputs[0];
  });
}

/** The slices of `value` along `axis`, without that dimension. `num` is needed where its size is unknown. Any dtype. */
export function unstack(
  value: TensorLike,
  options: { num?: number; axis?: number; name?: string } = {},
): readonly Tensor[] {
  const x = convertToTensor(value);
  const axis = options.axis ?? 0;
  const num = options.num ?? (x.shape && x.shape[axisFromFront(axis, x.shape.length, "axis")]);
  if (num === null) {
    throw new InvalidArgumentError(
      `Cannot infer num from the shape ${formatShape(x.shape)} of '${x.name}'; pass num to unstack.`,
    );
  }
  const attrs = { T: attr.type(x.dtype), num: attr.int(num), axis: attr.int(axis) };
  return createOp(Unpack, [x], attrs, options.name ?? "unstack").outputs;
}

/** `value` in parts along `axis`: so many equal ones, or parts of these sizes (one may be -1). Any dtype. */
export function split(
  value: TensorLike,
  countOrSizes: number | readonly number[],
  axis = 0,
  name = "split",
): readonly Tensor[] {
  return opScope(name, [value], (scope) => {
    const x = convertToTensor(value, { name: "value" });
    if (typeof countOrSizes === "number") {
      const along = constant(axis, { dtype: int32, name: "split_dim" });
      const attrs = { T: attr.type(x.dtype), num_split: attr.int(countOrSizes) };
      return createOp(Split, [along, x], attrs, scope).outputs;
    }
    const sizes = constant(countOrSizes, { dtype: int32, shape: [countOrSizes.length], name: "Const" });
    const along = constant(axis, { dtype: int32, name: "split_dim" });
    const attrs = { T: attr.type(x.dtype), Tlen: attr.type(int32), num_split: attr.int(countOrSizes.length) };
    return createOp(SplitV, [x, sizes, along], attrs, scope).outputs;
  });
}
