/** Floating-point operations by operation type, from shapes. As is usual, a multiplication and an addition count as two, those
 * with the zeros of a padding are counted, and so are those that a faster algorithm (Winograd) does not do. */
import type { Operation, Tensor } from "../graph/operation.ts";
import { sizeOf } from "../graph/shape.ts";

type ShapeOf = (tensor: Tensor) => readonly number[];

/** Where a convolution or one of its gradients has the side of y, and the filter. */
type Place = (op: Operation) => Tensor;
const input =
  (index: number): Place =>
  (op) =>
    op.inputs[index];
const output: Place = (op) => op.outputs[0];

/** Every element of y is a sum over the window and the channels of x: over all of the filter but its last dimension. */
function convolution(y: Place, filter: Place) {
  return (op: Operation, shapeOf: ShapeOf): number =>
    2 * sizeOf(shapeOf(y(op))) * sizeOf(shapeOf(filter(op)).slice(0, 3));
}

/** Every element of y is a sum over the window. */
function depthwise(y: Place, filter: Place) {
  return (op: Operation, shapeOf: ShapeOf): number =>
    2 * sizeOf(shapeOf(y(op))) * sizeOf(shapeOf(filter(op)).slice(0, 2));
}

function product(transposeA: string) {
  return (op: Operation, shapeOf: ShapeOf): number =>
    2 * sizeOf(shapeOf(op.outputs[0])) * shapeOf(op.inputs[0]).at(op.bool(transposeA, false) ? -2 : -1)!;
}

const rules: Readonly<Record<string, (op: Operation, shapeOf: ShapeOf) => number>> = {
  Conv2D: convolution(output, input(1)),
  Conv2DBackpropInput: convolution(input(2), input(1)),
  Conv2DBackpropFilter: convolution(input(2), output),
  DepthwiseConv2dNative: depthwise(output, input(1)),
  DepthwiseConv2dNativeBackpropInput: depthwise(input(2), input(1)),
  DepthwiseConv2dNativeBackpropFilter: depthwise(input(2), output),
  MatMul: product("transpose_a"),
  BatchMatMul: product("adj_x"),
  BatchMatMulV2: product("adj_x"),
};

/** Null for types whose time memory decides. */
export function flopsOf(op: Operation, shapeOf: ShapeOf): number | null {
  return rules[op.type]?.(op, shapeOf) ?? null;
}
