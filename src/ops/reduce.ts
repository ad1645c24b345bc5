/** Sum and Mean over axes (tensorflow/core/ops/math_ops.cc), and the moments made of them. */
import { attr } from "../graph/attr.ts";
import { int32 } from "../graph/dtype.ts";
import { InvalidArgumentError, UnimplementedError } from "../graph/errors.ts";
import { Tensor } from "../graph/operation.ts";
import { sizeOf, type Shape } from "../graph/shape.ts";
import { toNumbers } from "../graph/tensorValue.ts";
import { squeeze } from "./array.ts";
import { constant, convertToTensor, createOp, opScope, type TensorLike } from "./build.ts";
import type { GradientRule, NodeView, OpDefinition } from "./definition.ts";
import { squaredDifference } from "./elementwise.ts";
import { emitReduction, foldReduction } from "./reduction.ts";
import { stopGradient } from "./identity.ts";
import { range } from "./range.ts";
import { meanGradient, sumGradient } from "./reduceGradient.ts";
import { rank } from "./shape.ts";

function reducing(
  type: string,
  kernel: "sum" | "mean",
  gradient: GradientRule,
  integers?: NonNullable<OpDefinition["fold"]>,
): OpDefinition {
  return {
    type,
    inputs: "T Tidx:int",
    outputs: (node) => [node.inputDtype(0).base],
    shape: reducedShape,
    gradient,
    ...(integers ? { fold: integers } : {}),
    plan: {
      kind: "kernel",
      // Where nothing is added up, as in the gradients of additions that turn out not to broadcast: see `emit`.
      inPlace: [0],
      emit(k) {
        const { name, size } = k.inputDtype(0);
        const isInteger = integers && ["int32", "int64", "uint8"].includes(name);
        if (name !== "float32" && !isInteger) {
          throw new UnimplementedError(
            `'${k.op.name}' (op: '${type}') is not supported for ${name}; supported: float32${integers ? ", int32, int64, uint8" : ""}.`,
          );
        }
        const shape = k.inputShape(0);
        if (sizeOf(k.outputShape(0)) === sizeOf(shape)) {
          const [output, input] = [k.output(0), k.input(0)];
          if (output !== input) k.call("copyBytes", output, input, size * sizeOf(shape));
          return;
        }
        if (isInteger) {
          emitReduction(k, "reduceSumInteger");
          return;
        }
        const groups = alternatingGroups(shape, normalizeAxes(toNumbers(k.constant(1)), shape.length));
        const block = k.attributes([groups.sizes.length, ...groups.sizes, groups.firstIsReduced ? 1 : 0]);
        k.call(kernel, k.output(0), k.input(0), k.scratch(k.query("reduceScratchBytes", block)), block);
      },
    },
  };
}

export const Sum: OpDefinition = reducing(
  "Sum",
  "sum",
  (op, [dy]) => [sumGradient(op, dy), null],
  (node) => foldReduction(0, (a, b) => a + b)(node),
);
export const Mean: OpDefinition = reducing("Mean", "mean", (op, [dy]) => [meanGradient(op, dy), null]);

/** The shape of a reduction over the axes in input 1. */
export function reducedShape(node: NodeView): Shape[] {
  const shape = node.inputShape(0);
  const axesValue = node.constant(1);
  const keep = node.op.bool("keep_dims", false);
  if (shape === null) return [null];
  if (!axesValue) return [keep ? shape.map(() => null) : null];
  const axes = new Set(normalizeAxes(toNumbers(axesValue), shape.length));
  return [keep ? shape.map((size, i) => (axes.has(i) ? 1 : size)) : shape.filter((_, i) => !axes.has(i))];
}

/** Axes counted from the front; each may occur once. */
export function normalizeAxes(axes: readonly number[], rank: number): number[] {
  const seen = new Set<number>();
  return axes.map((axis) => {
    if (axis < -rank || axis >= rank) {
      throw new InvalidArgumentError(`Invalid reduction dimension ${axis} for input with ${rank} dimension(s)`);
    }
    const fromFront = axis < 0 ? axis + rank : axis;
    if (seen.has(fromFront)) {
      throw new InvalidArgumentError(`Invalid reduction arguments: Axes contains duplicate dimension: ${fromFront}`);
    }
    seen.add(fromFront);
    return fromFront;
  });
}

/** The shape as alternating groups of reduced and kept dimensions: [8,5,7,3] over 0, 1, 2 is [280 reduced, 3 kept]. */
export function alternatingGroups(
  shape: readonly number[],
  axes: readonly number[],
): { sizes: number[]; firstIsReduced: boolean } {
  const sizes: number[] = [];
  let firstIsReduced = false;
  let before: boolean | null = null;
  shape.forEach((size, i) => {
    if (size === 1) return;
    const reduced = axes.includes(i);
    if (reduced === before) sizes[sizes.length - 1] *= size;
    else sizes.push(size);
    if (before === null) firstIsReduced = reduced;
    before = reduced;
  });
  return sizes.length ? { sizes, firstIsReduced } : { sizes: [sizeOf(shape)], firstIsReduced: false };
}

/** Axes to reduce: one, several, all (null), or a constant tensor. */
export type ReduceAxis = number | readonly number[] | Tensor | null;

export interface ReduceOptions {
  /** Keep the reduced dimensions with size 1. Default false. */
  keepDims?: boolean;
  name?: string;
}

/** Builds a reduction; the axes become a Const. */
export function reduceOp(
  definition: OpDefinition,
  input: TensorLike,
  axis: ReduceAxis,
  options: ReduceOptions,
): Tensor {
  const name = options.name ?? definition.type;
  const x = convertToTensor(input);
  const axesConstant = (constantName: string): Tensor => {
    if (axis instanceof Tensor) return axis;
    const axes = axis === null ? x.shape!.map((_, i) => i) : typeof axis === "number" ? [axis] : [...axis];
    return constant(axes, { dtype: int32, shape: typeof axis === "number" ? [] : [axes.length], name: constantName });
  };
  // As in TensorFlow: the axes of a full reduction are a Const of their own, given ones belong to the operation's scope.
  const allAxes = (): Tensor => (x.shape ? axesConstant("Const") : range(0, rank(x)));
  const all = axis === null ? x.graph.asDefault(allAxes) : null;
  return opScope(name, [x], (scope) => {
    const indices = all ?? axesConstant("reduction_indices");
    const attrs = {
      T: attr.type(x.dtype),
      Tidx: attr.type(indices.dtype),
      keep_dims: attr.bool(options.keepDims ?? false),
    };
    return createOp(definition, [x, indices], attrs, scope).outputs[0];
  });
}

/** Sum over `axis` (null: all). float32 in a deterministic order; int32, int64, uint8. */
export function reduceSum(input: TensorLike, axis: ReduceAxis = null, options: ReduceOptions = {}): Tensor {
  return reduceOp(Sum, input, axis, options);
}

/** Mean over `axis` (null: all). float32, deterministic order. NaN over no elements. */
export function reduceMean(input: TensorLike, axis: ReduceAxis = null, options: ReduceOptions = {}): Tensor {
  return reduceOp(Mean, input, axis, options);
}

/** Mean and biased variance over `axes` (tensorflow/python/ops/nn_impl.py, moments). */
export function moments(
  input: TensorLike,
  axes: readonly number[],
  options: { keepDims?: boolean; name?: string } = {},
): { mean: Tensor; variance: Tensor } {
  return opScope(options.name ?? "moments", [input], () => {
    const x = convertToTensor(input);
    const mean = reduceMean(x, axes, { keepDims: true, name: "mean" });
    const deviation = squaredDifference(x, stopGradient(mean));
    const variance = reduceMean(deviation, axes, { keepDims: true, name: "variance" });
    if (options.keepDims) return { mean, variance };
    return { mean: squeeze(mean, axes), variance: squeeze(variance, axes) };
  });
}
