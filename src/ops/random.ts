/** Random numbers with TensorFlow's bits: uniform, uniform integers, normal, truncated normal
 * (tensorflow/core/kernels/random_op.cc). */
import { attr, type Attrs } from "../graph/attr.ts";
import { float32, int32, int64, type DType } from "../graph/dtype.ts";
import { InvalidArgumentError, UnimplementedError } from "../graph/errors.ts";
import { Tensor } from "../graph/operation.ts";
import { sizeOf } from "../graph/shape.ts";
import { toNumbers } from "../graph/tensorValue.ts";
import { constant, convertToTensor, createOp, opScope, type TensorLike } from "./build.ts";
import { noGradient, notDifferentiable, type NodeView, type OpDefinition } from "./definition.ts";
import { add, multiply, subtract } from "./elementwise.ts";

function shapeFromInput(node: NodeView): (readonly (number | null)[] | null)[] {
  const shape = node.constant(0);
  return [shape ? toNumbers(shape) : null];
}

const gradient = notDifferentiable("random numbers do not depend on their inputs");

function randomFloats(
  type: string,
  kernel: "randomUniform" | "randomStandardNormal" | "truncatedNormal",
): OpDefinition {
  return {
    type,
    inputs: "T:int",
    outputs: ({ op }) => [op.dtype("dtype")],
    shape: shapeFromInput,
    stateful: true,
    gradient,
    plan: {
      kind: "kernel",
      emit(k) {
        const dtype = k.op.dtype("dtype").name;
        if (dtype !== "float32")
          throw new UnimplementedError(
            `'${k.op.name}' (op: '${type}') is not supported for ${dtype}; supported: float32.`,
          );
        k.call(kernel, k.output(0), k.generator(), sizeOf(k.outputShape(0)));
      },
    },
  };
}

export const RandomUniform: OpDefinition = randomFloats("RandomUniform", "randomUniform");
export const RandomStandardNormal: OpDefinition = randomFloats("RandomStandardNormal", "randomStandardNormal");
export const TruncatedNormal: OpDefinition = randomFloats("TruncatedNormal", "truncatedNormal");

export const RandomUniformInt: OpDefinition = {
  type: "RandomUniformInt",
  inputs: "T:int Tout Tout",
  outputs: ({ op }) => [op.dtype("Tout")],
  shape: shapeFromInput,
  stateful: true,
  gradient,
  plan: {
    kind: "kernel",
    emit(k) {
      const dtype = k.op.dtype("Tout").name;
      if (dtype !== "int32" && dtype !== "int64")
        throw new UnimplementedError(
          `'${k.op.name}' (op: 'RandomUniformInt') is not supported for ${dtype}; supported: int32, int64.`,
        );
      const [minval, maxval] = [1, 2].map((i) => k.constant(i).data[0] as number | bigint);
      if (minval >= maxval)
        throw new InvalidArgumentError(
          `Need minval < maxval, got ${minval} >= ${maxval} for '${k.op.name}' (op: 'RandomUniformInt').`,
        );
      const n = sizeOf(k.outputShape(0));
      if (dtype === "int64") {
        const [minLow, minHigh, maxLow, maxHigh] = [minval, maxval].flatMap((value) => words(BigInt(value)));
        k.call("randomUniformInt64", k.output(0), k.generator(), n, minLow, minHigh, maxLow, maxHigh);
      } else k.call("randomUniformInt32", k.output(0), k.generator(), n, Number(minval), Number(maxval));
    },
  },
};

/** The rows of input 0 in a random order. */
export const RandomShuffle: OpDefinition = {
  type: "RandomShuffle",
  inputs: "T",
  outputs: (node) => [node.inputDtype(0).base],
  shape: (node) => [node.inputShape(0)],
  stateful: true,
  gradient: noGradient("TensorFlow has none either"),
  plan: {
    kind: "kernel",
    emit(k) {
      const [rows = 1, ...inner] = k.inputShape(0);
      const bytes = sizeOf(inner) * k.inputDtype(0).size;
      const shuffled = rows > 1 && bytes > 0;
      if (!shuffled) return k.call("copyBytes", k.output(0), k.input(0), rows * bytes);
      const [order, words] = [k.scratch(rows * 4), k.scratch(rows * 4)];
      k.call("randomPermutation", order, words, k.generator(), rows);
      k.call("gather", k.output(0), k.input(0), order, 1, rows, rows, bytes, 4);
    },
  },
};

/** The low and high word of a 64-bit integer, as int32. */
function words(value: bigint): [low: number, high: number] {
  return [Number(BigInt.asIntN(32, value)), Number(BigInt.asIntN(32, value >> 32n))];
}

export interface RandomOptions {
  minval?: number;
  maxval?: number;
  /** float32 (default), int32 or int64. */
  dtype?: DType;
  /** Seed of this operation; with neither it nor the graph's seed, the session draws one. */
  seed?: number | null;
  name?: string;
}

/** Uniform numbers in [minval, maxval): by default float32 in [0, 1). int32 and int64 need maxval. */
export function randomUniform(shape: readonly number[] | Tensor, options: RandomOptions = {}): Tensor {
  const dtype = options.dtype ?? float32;
  return opScope(options.name ?? "random_uniform", [shape], (scope) => {
    const dims = shapeTensor(shape);
    const minval = options.minval ?? 0;
    if (dtype.isInteger && options.maxval === undefined)
      throw new InvalidArgumentError(`randomUniform of ${dtype.name} needs maxval.`);
    const bound = (value: number, name: string): Tensor =>
      constant(dtype === int64 ? BigInt(value) : value, { dtype, name });
    const minimum = bound(minval, "min");
    const maximum = bound(options.maxval ?? 1, "max");
    const seeds = seedAttrs(dims, options.seed);
    if (dtype.isInteger) {
      return createOp(RandomUniformInt, [dims, minimum, maximum], { ...seeds, Tout: attr.type(dtype) }, scope)
        .outputs[0];
    }
    const uniform = createOp(RandomUniform, [dims], { ...seeds, dtype: attr.type(dtype) }, "RandomUniform").outputs[0];
    return add(multiply(uniform, subtract(maximum, minimum)), minimum, scope);
  });
}

export interface RandomNormalOptions {
  /** Default 0. */
  mean?: TensorLike;
  /** Standard deviation (before truncation, where there is one). Default 1. */
  stddev?: TensorLike;
  /** Only float32. */
  dtype?: DType;
  /** Seed of this operation; with neither it nor the graph's seed, the session draws one. */
  seed?: number | null;
  name?: string;
}

function normal(
  definition: OpDefinition,
  shape: readonly number[] | Tensor,
  options: RandomNormalOptions,
  defaultName: string,
): Tensor {
  const dtype = options.dtype ?? float32;
  return opScope(options.name ?? defaultName, [shape, options.mean, options.stddev], (scope) => {
    const dims = shapeTensor(shape);
    const mean = convertToTensor(options.mean ?? 0, { dtype, name: "mean" });
    const stddev = convertToTensor(options.stddev ?? 1, { dtype, name: "stddev" });
    const attrs = { ...seedAttrs(dims, options.seed), dtype: attr.type(dtype) };
    const numbers = createOp(definition, [dims], attrs, definition.type).outputs[0];
    return add(multiply(numbers, stddev), mean, scope);
  });
}

/** Normal numbers, float32. */
export function randomNormal(shape: readonly number[] | Tensor, options: RandomNormalOptions = {}): Tensor {
  return normal(RandomStandardNormal, shape, options, "random_normal");
}

/** Normal numbers without those two deviations or more from the mean, float32. */
export function truncatedNormal(shape: readonly number[] | Tensor, options: RandomNormalOptions = {}): Tensor {
  return normal(TruncatedNormal, shape, options, "truncated_normal");
}

function shapeTensor(shape: readonly number[] | Tensor): Tensor {
  if (shape instanceof Tensor) return shape;
  return constant(shape as number[], { dtype: int32, shape: [shape.length], name: "shape" });
}

function seedAttrs(dims: Tensor, given: number | null | undefined): Attrs {
  const [seed, seed2] = dims.graph.nextSeeds(given ?? null);
  return { seed: attr.int(seed), seed2: attr.int(seed2), T: attr.type(dims.dtype) };
}
