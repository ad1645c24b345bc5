/** Shapes as values: Shape, ShapeN, Size, Rank, BroadcastGradientArgs. They fold where the shapes are known, which in a plan
 * they always are (tensorflow/core/ops/array_ops.cc). */
import { attr } from "../graph/attr.ts";
import { int32, int64, type DType } from "../graph/dtype.ts";
import type { Tensor } from "../graph/operation.ts";
import { isFullyDefined, sizeOf, type Shape as StaticShape } from "../graph/shape.ts";
import { toNumbers, toTensorValue, type TensorValue } from "../graph/tensorValue.ts";
import { convertToTensor, createOp, type TensorLike } from "./build.ts";
import { notDifferentiable, type NodeView, type OpDefinition } from "./definition.ts";

/** Integers as a constant of `dtype` (int32 or int64). */
export function integers(
  values: readonly number[],
  dtype: DType,
  shape: readonly number[] = [values.length],
): TensorValue {
  return toTensorValue(dtype === int64 ? values.map(BigInt) : [...values], dtype, shape);
}

const fromShapes = { kind: "fold" } as const;
const gradient = notDifferentiable("a shape is no function of values");

function outType(node: NodeView): DType {
  return node.op.hasAttr("out_type") ? node.op.dtype("out_type") : int32;
}

function describing(
  type: string,
  describe: (shape: readonly number[]) => TensorValueParts,
  rank: (shape: StaticShape) => StaticShape,
): OpDefinition {
  return {
    type,
    inputs: type === "ShapeN" ? "T*" : "T",
    outputs: (node) => Array.from({ length: node.inputCount }, () => outType(node)),
    shape: (node) => Array.from({ length: node.inputCount }, (_, i) => rank(node.inputShape(i))),
    plan: fromShapes,
    gradient,
    fold(node) {
      const shapes = Array.from({ length: node.inputCount }, (_, i) => node.inputShape(i));
      if (!shapes.every(isFullyDefined)) return undefined;
      return shapes.map((shape) => {
        const { values, shape: own } = describe(shape);
        return integers(values, outType(node), own);
      });
    },
  };
}

interface TensorValueParts {
  readonly values: readonly number[];
  readonly shape: readonly number[];
}

const vectorOfRank = (shape: StaticShape): StaticShape => [shape === null ? null : shape.length];

export const Shape: OpDefinition = describing(
  "Shape",
  (shape) => ({ values: shape, shape: [shape.length] }),
  vectorOfRank,
);
export const ShapeN: OpDefinition = describing(
  "ShapeN",
  (shape) => ({ values: shape, shape: [shape.length] }),
  vectorOfRank,
);
export const Size: OpDefinition = describing(
  "Size",
  (shape) => ({ values: [sizeOf(shape)], shape: [] }),
  () => [],
);
export const Rank: OpDefinition = describing(
  "Rank",
  (shape) => ({ values: [shape.length], shape: [] }),
  () => [],
);

/** For two shapes that broadcast: the axes along which each one's gradient is summed. */
export const BroadcastGradientArgs: OpDefinition = {
  type: "BroadcastGradientArgs",
  inputs: "T:int T:int",
  outputs: (node) => [node.inputDtype(0).base, node.inputDtype(1).base],
  shape: () => [[null], [null]],
  plan: fromShapes,
  gradient,
  fold(node) {
    const [a, b] = [node.constant(0), node.constant(1)];
    if (!a || !b) return undefined;
    const axes = gradientAxes(toNumbers(a), toNumbers(b));
    return axes.map((values) => integers(values, node.inputDtype(0).base));
  },
};

/** Axes of the broadcast shape along which `a`, and `b`, was repeated. Where both are 1, TensorFlow names it for both. */
export function gradientAxes(a: readonly number[], b: readonly number[]): [number[], number[]] {
  const rank = Math.max(a.length, b.length);
  const axes: [number[], number[]] = [[], []];
  const [x, y] = [a, b].map((shape) => new Array<number>(rank - shape.length).fill(1).concat(shape));
  for (let i = 0; i < rank; i++) {
    const both = x[i] === 1 && y[i] === 1;
    if (x[i] === 1 && (both || y[i] !== 1)) axes[0].push(i);
    if (y[i] === 1 && (both || x[i] !== 1)) axes[1].push(i);
  }
  return axes;
}

function describe(definition: OpDefinition, input: TensorLike, name: string): Tensor {
  const x = convertToTensor(input);
  return createOp(definition, [x], { T: attr.type(x.dtype), out_type: attr.type(int32) }, name).outputs[0];
}

/** The shape of `input` as an int32 vector. */
export const shape = (input: TensorLike, name = "Shape"): Tensor => describe(Shape, input, name);
/** Its number of elements, an int32 scalar. */
export const size = (input: TensorLike, name = "Size"): Tensor => describe(Size, input, name);
/** Its number of dimensions, an int32 scalar. */
export const rank = (input: TensorLike, name = "Rank"): Tensor => {
  const x = convertToTensor(input);
  return createOp(Rank, [x], { T: attr.type(x.dtype) }, name).outputs[0];
};

/** Shapes of several tensors. */
export function shapeN(inputs: readonly Tensor[], name = "ShapeN"): readonly Tensor[] {
  const attrs = { T: attr.type(inputs[0].dtype), out_type: attr.type(int32), N: attr.int(inputs.length) };
  return createOp(ShapeN, inputs, attrs, name).outputs;
}

export function broadcastGradientArgs(a: Tensor, b: Tensor, name = "BroadcastGradientArgs"): readonly Tensor[] {
  return createOp(BroadcastGradientArgs, [a, b], { T: attr.type(a.dtype) }, name).outputs;
}
