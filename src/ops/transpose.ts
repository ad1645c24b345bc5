/** Reordering: Transpose, ReverseV2, and the moves between space, depth and batch (tensorflow/core/ops/array_ops.cc). */
import { attr } from "../graph/attr.ts";
import { int32 } from "../graph/dtype.ts";
import { InvalidArgumentError, UnimplementedError } from "../graph/errors.ts";
import { Tensor } from "../graph/operation.ts";
import { toNumbers } from "../graph/tensorValue.ts";
import { constant, convertToTensor, createOp, opScope, type TensorLike } from "./build.ts";
import { axisFromFront } from "./concat.ts";
import type { NodeView, OpDefinition } from "./definition.ts";
import { folded, foldInputs } from "./folding.ts";
import { moving, rowMajor } from "./strided.ts";
import { vector } from "./broadcastTo.ts";

function checkPermutation(order: readonly number[], rank: number): void {
  if (order.length !== rank)
    throw new InvalidArgumentError(
      `Dimension must be ${rank} but is ${order.length}: the permutation [${order.join(",")}] is for rank ${order.length}`,
    );
  if (order.some((axis) => axis < 0 || axis >= rank) || new Set(order).size !== rank)
    throw new InvalidArgumentError(
      `[${order.join(",")}] is no permutation of the dimensions of a tensor of rank ${rank}`,
    );
}

export const Transpose: OpDefinition = moving({
  type: "Transpose",
  inputs: "T Tperm:int",
  outputs: (node) => [node.inputDtype(0).base],
  shape(node) {
    const [shape, given] = [node.inputShape(0), node.constant(1)];
    if (!given) return [shape && shape.map(() => null)];
    const order = toNumbers(given).map((axis) => (axis < 0 && shape ? axis + shape.length : axis));
    if (shape === null) return [order.map(() => null)];
    checkPermutation(order, shape.length);
    return [order.map((axis) => shape[axis])];
  },
  moves(node) {
    const shape = node.inputShape(0);
    const order = node.numbers(1).map((axis) => (axis < 0 ? axis + shape.length : axis));
    const dims = order.map((axis) => shape[axis]);
    const strides = rowMajor(shape);
    return [{ input: 0, dims, x: { strides: order.map((axis) => strides[axis]) }, y: { strides: rowMajor(dims) } }];
  },
  gradient: (op, [dy]) => [transpose(dy, invertPermutation(op.inputs[1])), null],
});

export const InvertPermutation: OpDefinition = {
  type: "InvertPermutation",
  inputs: "T:int",
  outputs: (node) => [node.inputDtype(0).base],
  shape: (node) => [node.inputShape(0)],
  plan: { kind: "fold" },
  gradient: { none: "an order is no function of values", silent: true },
  fold(node) {
    const values = foldInputs(node);
    if (!values) return undefined;
    const order = toNumbers(values[0]);
    checkPermutation(order, order.length);
    return [
      folded(
        node.inputDtype(0).base,
        values[0].shape,
        order.map((_, i) => order.indexOf(i)),
      ),
    ];
  },
};

export function invertPermutation(order: Tensor, name = "InvertPermutation"): Tensor {
  return createOp(InvertPermutation, [order], { T: attr.type(order.dtype) }, name).outputs[0];
}

export const ReverseV2: OpDefinition = moving({
  type: "ReverseV2",
  inputs: "T Tidx:int",
  outputs: (node) => [node.inputDtype(0).base],
  shape(node) {
    const [shape, axes] = [node.inputShape(0), node.constant(1)];
    if (shape && axes) for (const axis of toNumbers(axes)) axisFromFront(axis, shape.length, "Reverse axis");
    return [shape];
  },
  moves(node) {
    const dims = node.inputShape(0);
    const axes = node.numbers(1).map((axis) => (axis < 0 ? axis + dims.length : axis));
    const strides = rowMajor(dims);
    const offset = axes.reduce((sum, axis) => sum + Math.max(0, dims[axis] - 1) * strides[axis], 0);
    const reversed = strides.map((stride, axis) => (axes.includes(axis) ? -stride : stride));
    return [{ input: 0, dims, x: { offset, strides: reversed }, y: { strides } }];
  },
  gradient: (op, [dy]) => [reverse(dy, op.inputs[1]), null],
});

function blockSize(node: NodeView): number {
  if (node.op.string("data_format", "NHWC") !== "NHWC")
    throw new UnimplementedError("only the data format NHWC is supported");
  return node.op.int("block_size");
}

/** [N, H, W, C] seen as [N, H/b, b, W/b, b, C]: the blocks' rows and columns become channels, or the other way round. */
export const SpaceToDepth: OpDefinition = moving({
  type: "SpaceToDepth",
  inputs: "T",
  outputs: (node) => [node.inputDtype(0).base],
  shape(node) {
    const b = blockSize(node);
    const shape = node.inputShape(0);
    if (shape === null) return [[null, null, null, null]];
    for (const size of shape.slice(1, 3)) {
      if (size !== null && size % b !== 0)
        throw new InvalidArgumentError(`Dimension size must be evenly divisible by ${b} but is ${size}`);
    }
    const [n, h, w, c] = shape;
    return [[n, h && h / b, w && w / b, c && c * b * b]];
  },
  moves(node) {
    const b = node.op.int("block_size");
    const [n, h, w, c] = node.inputShape(0);
    const dims = [n, h / b, b, w / b, b, c];
    const out = rowMajor([n, h / b, w / b, b, b, c]);
    return [
      {
        input: 0,
        dims,
        x: { strides: rowMajor(dims) },
        y: { strides: [out[0], out[1], out[3], out[2], out[4], out[5]] },
      },
    ];
  },
  gradient: (op, [dy]) => [depthToSpace(dy, op.int("block_size"))],
});

export const DepthToSpace: OpDefinition = moving({
  type: "DepthToSpace",
  inputs: "T",
  outputs: (node) => [node.inputDtype(0).base],
  shape(node) {
    const b = blockSize(node);
    const shape = node.inputShape(0);
    if (shape === null) return [[null, null, null, null]];
    const [n, h, w, c] = shape;
    if (c !== null && c % (b * b) !== 0)
      throw new InvalidArgumentError(`Dimension size must be evenly divisible by ${b * b} but is ${c}`);
    return [[n, h && h * b, w && w * b, c && c / (b * b)]];
  },
  moves(node) {
    const b = node.op.int("block_size");
    const [n, h, w, depth] = node.inputShape(0);
    const dims = [n, h, w, b, b, depth / (b * b)];
    const out = rowMajor([n, h, b, w, b, depth / (b * b)]);
    return [
      {
        input: 0,
        dims,
        x: { strides: rowMajor(dims) },
        y: { strides: [out[0], out[1], out[3], out[2], out[4], out[5]] },
      },
    ];
  },
  gradient: (op, [dy]) => [spaceToDepth(dy, op.int("block_size"))],
});

/** Dimension i of the result is dimension `order[i]` of the input; without an order they are reversed. Any dtype. */
export function transpose(input: TensorLike, order?: readonly number[] | Tensor, name = "transpose"): Tensor {
  return opScope(name, [input], (scope) => {
    const x = convertToTensor(input, { name: "a" });
    if (order === undefined && x.shape === null)
      throw new InvalidArgumentError(`transpose of '${x.name}' needs a permutation, its rank is unknown.`);
    const perm = vector(order ?? x.shape!.map((_, i) => x.shape!.length - 1 - i), "perm");
    return createOp(Transpose, [x, perm], { T: attr.type(x.dtype), Tperm: attr.type(perm.dtype) }, scope).outputs[0];
  });
}

/** The elements in reverse order along the axes. Any dtype. */
export function reverse(input: TensorLike, axes: readonly number[] | Tensor, name = "ReverseV2"): Tensor {
  return opScope(name, [input], (scope) => {
    const x = convertToTensor(input, { name: "tensor" });
    const along =
      axes instanceof Tensor ? axes : constant(axes as number[], { dtype: int32, shape: [axes.length], name: "axis" });
    return createOp(ReverseV2, [x, along], { T: attr.type(x.dtype), Tidx: attr.type(along.dtype) }, scope).outputs[0];
  });
}

function blocks(definition: OpDefinition, input: TensorLike, block: number, name: string): Tensor {
  const x = convertToTensor(input);
  const attrs = { T: attr.type(x.dtype), block_size: attr.int(block), data_format: attr.string("NHWC") };
  return createOp(definition, [x], attrs, name).outputs[0];
}

/** Blocks of `block` × `block` pixels become one with all their channels: [N,H,W,C] → [N,H/b,W/b,C·b²]. Any dtype. */
export const spaceToDepth = (input: TensorLike, block: number, name = "SpaceToDepth"): Tensor =>
  blocks(SpaceToDepth, input, block, name);

/** The inverse of `spaceToDepth`: [N,H,W,C] → [N,H·b,W·b,C/b²]. Any dtype. */
export const depthToSpace = (input: TensorLike, block: number, name = "DepthToSpace"): Tensor =>
  blocks(DepthToSpace, input, block, name);
