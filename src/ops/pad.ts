/** Pad, PadV2, MirrorPad and MirrorPadGrad (tensorflow/core/ops/array_ops.cc). */
import { attr } from "../graph/attr.ts";
import { int32 } from "../graph/dtype.ts";
import { InvalidArgumentError, UnimplementedError } from "../graph/errors.ts";
import { Tensor } from "../graph/operation.ts";
import type { Shape } from "../graph/shape.ts";
import { toNumbers } from "../graph/tensorValue.ts";
import { constant, convertToTensor, createOp, opScope, type TensorLike } from "./build.ts";
import { notDifferentiable, type NodeView, type OpDefinition } from "./definition.ts";
import { reshape } from "./array.ts";
import { shape as shapeOf } from "./shape.ts";
import { slice } from "./slice.ts";
import { moving, rowMajor, type ConcreteNode, type Move } from "./strided.ts";

type Pairs = readonly (readonly [before: number, after: number])[];

function pairs(numbers: readonly number[]): Pairs {
  return Array.from({ length: numbers.length / 2 }, (_, i) => [numbers[2 * i], numbers[2 * i + 1]] as const);
}

/** The padded shape; `sign` -1 takes the padding away. */
function padded(node: NodeView, sign: 1 | -1): Shape[] {
  const [shape, given] = [node.inputShape(0), node.constant(1)];
  if (!given) return [shape && shape.map(() => null)];
  const paddings = pairs(toNumbers(given));
  if (shape === null) return [paddings.map(() => null)];
  if (paddings.length !== shape.length)
    throw new InvalidArgumentError(`Shape must be rank ${paddings.length} but is rank ${shape.length}`);
  return [
    shape.map((size, i) => {
      const [before, after] = paddings[i];
      if (before < 0 || after < 0) throw new InvalidArgumentError(`Paddings must be non-negative: ${before} ${after}`);
      return size === null ? null : size + sign * (before + after);
    }),
  ];
}

/** The input in the middle of the output. */
function middle(node: ConcreteNode): Move {
  const dims = node.inputShape(0);
  const paddings = pairs(node.numbers(1));
  const strides = rowMajor(dims.map((size, i) => size + paddings[i][0] + paddings[i][1]));
  const offset = strides.reduce((sum, stride, i) => sum + stride * paddings[i][0], 0);
  return { input: 0, dims, x: { strides: rowMajor(dims) }, y: { offset, strides } };
}

// dx is the middle of dy.
const gradient: OpDefinition["gradient"] = (op, [dy]) => {
  const [x, paddings] = op.inputs;
  const rank = x.shape?.length ?? paddings.shape![0]!;
  const before = reshape(slice(paddings, [0, 0], [rank, 1]), [-1]);
  const dx = slice(dy, before, shapeOf(x));
  return op.type === "Pad" ? [dx, null] : [dx, null, null];
};

export const Pad: OpDefinition = moving({
  type: "Pad",
  inputs: "T Tpaddings:int",
  outputs: (node) => [node.inputDtype(0).base],
  shape: (node) => padded(node, 1),
  zeros: true,
  moves: (node) => [middle(node)],
  gradient,
});

export const PadV2: OpDefinition = moving({
  type: "PadV2",
  inputs: "T Tpaddings:int T",
  outputs: (node) => [node.inputDtype(0).base],
  shape: (node) => padded(node, 1),
  // The value everywhere, then the input over it.
  moves(node) {
    const paddings = pairs(node.numbers(1));
    const dims = node.inputShape(0).map((size, i) => size + paddings[i][0] + paddings[i][1]);
    return [{ input: 2, dims, x: { strides: dims.map(() => 0) }, y: { strides: rowMajor(dims) } }, middle(node)];
  },
  gradient,
});

/** A run of elements along one dimension: `n` of them, from `small` of the smaller tensor and from `large` of the larger, one
 * after the other or mirrored in the smaller one. */
interface Run {
  readonly n: number;
  readonly small: number;
  readonly large: number;
  readonly step: 1 | -1;
}

/** Along a dimension of `size`: what lies before it mirrored, itself, what lies behind it. `skip` is 1 where the border is not
 * repeated (REFLECT), 0 where it is (SYMMETRIC). */
function mirrorRuns(size: number, [before, after]: readonly [number, number], skip: number): Run[] {
  const runs: Run[] = [
    { n: size, small: 0, large: before, step: 1 },
    { n: before, small: before - 1 + skip, large: 0, step: -1 },
    { n: after, small: size - 1 - skip, large: before + size, step: -1 },
  ];
  return runs.filter(({ n }) => n > 0);
}

/** Every combination of runs along the dimensions: copies between the smaller tensor and the larger. */
function mirrored(shape: readonly number[], paddings: Pairs, skip: number, backward: boolean): Move[] {
  const [small, large] = [rowMajor(shape), rowMajor(shape.map((size, i) => size + paddings[i][0] + paddings[i][1]))];
  const runs = shape.map((size, i) => mirrorRuns(size, paddings[i], skip));
  const combinations = runs.reduce<Run[][]>(
    (all, next) => all.flatMap((head) => next.map((run) => [...head, run])),
    [[]],
  );
  return combinations.map((combination) => {
    const inside = {
      offset: combination.reduce((sum, run, i) => sum + run.small * small[i], 0),
      strides: combination.map((run, i) => run.step * small[i]),
    };
    const outside = {
      offset: combination.reduce((sum, run, i) => sum + run.large * large[i], 0),
      strides: large,
    };
    const dims = combination.map((run) => run.n);
    return { input: 0, dims, x: backward ? outside : inside, y: backward ? inside : outside };
  });
}

function skipOf(op: NodeView["op"]): number {
  return op.string("mode") === "REFLECT" ? 1 : 0;
}

function checkMirror(shape: Shape, given: readonly number[], skip: number): void {
  shape?.forEach((size, i) => {
    const [before, after] = [given[2 * i], given[2 * i + 1]];
    if (size === null || Math.max(before, after) <= size - skip) return;
    throw new InvalidArgumentError(
      `paddings must be ${skip ? "less than" : "no greater than"} the dimension size: ${before}, ${after} ${skip ? "not less than" : "greater than"} ${size}`,
    );
  });
}

export const MirrorPad: OpDefinition = moving({
  type: "MirrorPad",
  inputs: "T Tpaddings:int",
  outputs: (node) => [node.inputDtype(0).base],
  shape(node) {
    const shapes = padded(node, 1);
    const given = node.constant(1);
    if (given) checkMirror(node.inputShape(0), toNumbers(given), skipOf(node.op));
    return shapes;
  },
  moves: (node) => mirrored(node.inputShape(0), pairs(node.numbers(1)), skipOf(node.op), false),
  gradient: (op, [dy]) => {
    const attrs = { T: attr.type(dy.dtype), Tpaddings: attr.type(op.inputs[1].dtype), mode: op.attrs.mode };
    return [createOp(MirrorPadGrad, [dy, op.inputs[1]], attrs, "MirrorPadGrad").outputs[0], null];
  },
});

/** The smaller tensor again: every element of dy is added where it was taken from. */
export const MirrorPadGrad: OpDefinition = moving({
  type: "MirrorPadGrad",
  inputs: "T Tpaddings:int",
  outputs: (node) => {
    if (node.inputDtype(0).name !== "float32") {
      throw new UnimplementedError(`MirrorPadGrad is not supported for ${node.inputDtype(0)}; supported: float32.`);
    }
    return [node.inputDtype(0).base];
  },
  shape: (node) => padded(node, -1),
  zeros: true,
  adds: true,
  moves(node) {
    const paddings = pairs(node.numbers(1));
    const shape = node.inputShape(0).map((size, i) => size - paddings[i][0] - paddings[i][1]);
    return mirrored(shape, paddings, skipOf(node.op), true);
  },
  gradient: notDifferentiable("second derivatives of mirrored padding are not needed by any layer"),
});

export type PadMode = "CONSTANT" | "REFLECT" | "SYMMETRIC";

/** `input` with `paddings[i]` = [before, after] elements around it along dimension i: of `constantValues` (default 0), or mirrored
 * without the border ("REFLECT") or with it ("SYMMETRIC"). Any dtype. */
export function pad(
  input: TensorLike,
  paddings: readonly (readonly number[])[] | Tensor,
  options: { mode?: PadMode; constantValues?: number; name?: string } = {},
): Tensor {
  const { mode = "CONSTANT", constantValues = 0 } = options;
  const type = mode === "CONSTANT" ? (constantValues === 0 ? Pad : PadV2) : MirrorPad;
  return opScope(options.name ?? type.type, [input], (scope) => {
    const x = convertToTensor(input, { name: "input" });
    const around =
      paddings instanceof Tensor
        ? paddings
        : constant(paddings.flat(), { dtype: int32, shape: [paddings.length, 2], name: "paddings" });
    const attrs = { T: attr.type(x.dtype), Tpaddings: attr.type(around.dtype) };
    if (type === MirrorPad) return createOp(type, [x, around], { ...attrs, mode: attr.string(mode) }, scope).outputs[0];
    if (type === Pad) return createOp(type, [x, around], attrs, scope).outputs[0];
    const value = constant(constantValues, { dtype: x.dtype.base, name: "constant_values" });
    return createOp(type, [x, around, value], attrs, scope).outputs[0];
  });
}
