/** Reductions besides Sum and Mean: Max, Min, Prod, All, Any, ArgMax, ArgMin, L2Loss (tensorflow/core/ops/math_ops.cc). */
import { attr } from "../graph/attr.ts";
import { bool, int32, int64, type DType } from "../graph/dtype.ts";
import { InvalidArgumentError, UnimplementedError } from "../graph/errors.ts";
import type { Tensor } from "../graph/operation.ts";
import { sizeOf, type Shape } from "../graph/shape.ts";
import { toNumbers } from "../graph/tensorValue.ts";
import { constant, convertToTensor, createOp, opScope, type TensorLike } from "./build.ts";
import { axisFromFront } from "./concat.ts";
import { notDifferentiable, type GradientRule, type NodeView, type OpDefinition } from "./definition.ts";
import { multiply } from "./elementwise.ts";
import { reducedShape, reduceOp, type ReduceAxis, type ReduceOptions } from "./reduce.ts";
import { extremumGradient, productGradient } from "./extremaGradient.ts";
import { emitReduction, foldReduction, type ReductionKernel } from "./reduction.ts";

function reducing(
  type: string,
  kernel: ReductionKernel,
  supported: readonly string[],
  fold: NonNullable<OpDefinition["fold"]>,
  gradient: GradientRule,
): OpDefinition {
  return {
    type,
    inputs: "T Tidx:int",
    outputs: (node) => [node.inputDtype(0).base],
    shape: reducedShape,
    gradient,
    plan: {
      kind: "kernel",
      emit(k) {
        const { name } = k.inputDtype(0);
        if (!supported.includes(name)) {
          throw new UnimplementedError(
            `'${k.op.name}' (op: '${type}') is not supported for ${name}; supported: ${supported.join(", ")}.`,
          );
        }
        emitReduction(k, kernel);
      },
    },
    fold,
  };
}

const numeric = ["float32", "int32", "int64", "uint8"];
const logic = notDifferentiable("truth values have no gradient");
const extremum: GradientRule = (op, [dy]) => [extremumGradient(op, dy), null];

export const Max: OpDefinition = reducing("Max", "reduceMax", numeric, foldReduction(-Infinity, Math.max), extremum);
export const Min: OpDefinition = reducing("Min", "reduceMin", numeric, foldReduction(Infinity, Math.min), extremum);
export const Prod: OpDefinition = reducing(
  "Prod",
  "reduceProd",
  numeric,
  foldReduction(1, (a, b) => a * b),
  (op, [dy]) => [productGradient(op, dy), null],
);
export const All: OpDefinition = reducing(
  "All",
  "reduceAll",
  ["bool"],
  foldReduction(1, (a, b) => a & b),
  logic,
);
export const Any: OpDefinition = reducing(
  "Any",
  "reduceAny",
  ["bool"],
  foldReduction(0, (a, b) => a | b),
  logic,
);

function place(type: string, smallest: 0 | 1): OpDefinition {
  const outputType = (op: NodeView["op"]): DType => (op.hasAttr("output_type") ? op.dtype("output_type") : int64);
  return {
    type,
    inputs: "T Tidx:int",
    outputs: (node) => [outputType(node.op)],
    shape(node): Shape[] {
      const [shape, given] = [node.inputShape(0), node.constant(1)];
      if (shape === null) return [null];
      if (!given) return [new Array<null>(Math.max(shape.length - 1, 0)).fill(null)];
      const axis = toNumbers(given)[0];
      if (axis < -shape.length || axis >= shape.length) {
        throw new InvalidArgumentError(
          `Dimension (${axis}) must be in the range [${-shape.length}, ${shape.length}), where ${shape.length} is the number of dimensions in the input`,
        );
      }
      const along = axisFromFront(axis, shape.length, "dimension");
      if (shape[along] === 0)
        throw new InvalidArgumentError(`Reduction axis ${axis} is empty in shape [${shape.join(",")}]`);
      return [shape.filter((_, i) => i !== along)];
    },
    gradient: notDifferentiable("a place is no differentiable function of values"),
    plan: {
      kind: "kernel",
      emit(k) {
        const dtype = k.inputDtype(0);
        if (![...numeric, "bool"].includes(dtype.name)) {
          throw new UnimplementedError(
            `'${k.op.name}' (op: '${type}') is not supported for ${dtype}; supported: ${numeric.join(", ")}, bool.`,
          );
        }
        const shape = k.inputShape(0);
        const axis = axisFromFront(toNumbers(k.constant(1))[0], shape.length, "dimension");
        k.call(
          "argExtremum",
          k.output(0),
          k.input(0),
          sizeOf(shape.slice(0, axis)),
          shape[axis],
          sizeOf(shape.slice(axis + 1)),
          dtype.enumValue,
          smallest,
          outputType(k.op).size,
        );
      },
    },
  };
}

export const ArgMax: OpDefinition = place("ArgMax", 0);
export const ArgMin: OpDefinition = place("ArgMin", 1);

export const L2Loss: OpDefinition = {
  type: "L2Loss",
  inputs: "T",
  outputs: (node) => [node.inputDtype(0).base],
  shape: () => [[]],
  gradient: (op, [dy]) => [multiply(op.inputs[0], dy)],
  plan: {
    kind: "kernel",
    emit(k) {
      if (k.inputDtype(0).name !== "float32") {
        throw new UnimplementedError(
          `'${k.op.name}' (op: 'L2Loss') is not supported for ${k.inputDtype(0)}; supported: float32.`,
        );
      }
      k.call("l2Loss", k.output(0), k.input(0), sizeOf(k.inputShape(0)));
    },
  },
};

/** Maximum over `axis` (null: all). float32, int32, int64, uint8. Elements that are equal share the gradient. */
export const reduceMax = (input: TensorLike, axis: ReduceAxis = null, options: ReduceOptions = {}): Tensor =>
  reduceOp(Max, input, axis, options);
/** Minimum over `axis` (null: all); see `reduceMax`. */
export const reduceMin = (input: TensorLike, axis: ReduceAxis = null, options: ReduceOptions = {}): Tensor =>
  reduceOp(Min, input, axis, options);
/** Product over `axis` (null: all). float32, int32, int64, uint8. */
export const reduceProd = (input: TensorLike, axis: ReduceAxis = null, options: ReduceOptions = {}): Tensor =>
  reduceOp(Prod, input, axis, options);
/** Whether all elements over `axis` (null: all axes) are true. bool. */
export const reduceAll = (input: TensorLike, axis: ReduceAxis = null, options: ReduceOptions = {}): Tensor =>
  reduceOp(All, convertToTensor(input, { dtype: bool }), axis, options);
/** Whether any is. bool. */
export const reduceAny = (input: TensorLike, axis: ReduceAxis = null, options: ReduceOptions = {}): Tensor =>
  reduceOp(Any, convertToTensor(input, { dtype: bool }), axis, options);

export interface ArgOptions {
  /** int64 (default) or int32. */
  outputType?: DType;
  name?: string;
}

function placeOp(definition: OpDefinition, input: TensorLike, axis: number, options: ArgOptions): Tensor {
  return opScope(options.name ?? definition.type, [input], (scope) => {
    const x = convertToTensor(input, { name: "input" });
    const dimension = constant(axis, { dtype: int32, name: "dimension" });
    const attrs = {
      T: attr.type(x.dtype),
      Tidx: attr.type(int32),
      output_type: attr.type(options.outputType ?? int64),
    };
    return createOp(definition, [x, dimension], attrs, scope).outputs[0];
  });
}

/** Place of the largest element along `axis`, the first of equals. float32, int32, int64, uint8, bool. */
export const argmax = (input: TensorLike, axis = 0, options: ArgOptions = {}): Tensor =>
  placeOp(ArgMax, input, axis, options);
/** Place of the smallest element along `axis`, the first of equals. */
export const argmin = (input: TensorLike, axis = 0, options: ArgOptions = {}): Tensor =>
  placeOp(ArgMin, input, axis, options);

/** Σ x² / 2, a scalar. float32. */
export function l2Loss(input: TensorLike, name = "L2Loss"): Tensor {
  const x = convertToTensor(input);
  return createOp(L2Loss, [x], { T: attr.type(x.dtype) }, name).outputs[0];
}
