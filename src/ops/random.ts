/** Random numbers with TensorFlow's bits: RandomUniform and RandomUniformInt (tensorflow/core/kernels/random_op.cc). */
import { attr } from "../graph/attr.ts";
import { float32, int32, type DType } from "../graph/dtype.ts";
import { InvalidArgumentError, UnimplementedError } from "../graph/errors.ts";
import { getDefaultGraph } from "../graph/graph.ts";
import type { Tensor } from "../graph/operation.ts";
import { sizeOf } from "../graph/shape.ts";
import { elementAt, toNumbers } from "../graph/tensorValue.ts";
import { constant, createOp, opScope } from "./build.ts";
import { notDifferentiable, type NodeView, type OpDefinition } from "./definition.ts";
import { add, multiply, subtract } from "./elementwise.ts";

function shapeFromInput(node: NodeView): (readonly (number | null)[] | null)[] {
  const shape = node.constant(0);
  return [shape ? toNumbers(shape) : null];
}

export const RandomUniform: OpDefinition = {
  type: "RandomUniform",
  outputs: ({ op }) => [op.dtype("dtype")],
  shape: shapeFromInput,
  stateful: true,
  gradient: notDifferentiable("random numbers do not depend on their inputs"),
  plan: {
    kind: "kernel",
    emit(k) {
      const dtype = k.op.dtype("dtype").name;
      if (dtype !== "float32")
        throw new UnimplementedError(
          `'${k.op.name}' (op: 'RandomUniform') is not supported for ${dtype}; supported: float32.`,
        );
      k.call("randomUniform", k.output(0), k.generator(), sizeOf(k.outputShape(0)));
    },
  },
};

export const RandomUniformInt: OpDefinition = {
  type: "RandomUniformInt",
  outputs: ({ op }) => [op.dtype("Tout")],
  shape: shapeFromInput,
  stateful: true,
  gradient: notDifferentiable("random numbers do not depend on their inputs"),
  plan: {
    kind: "kernel",
    emit(k) {
      const dtype = k.op.dtype("Tout").name;
      if (dtype !== "int32")
        throw new UnimplementedError(
          `'${k.op.name}' (op: 'RandomUniformInt') is not supported for ${dtype}; supported: int32.`,
        );
      const [minval, maxval] = [elementAt(k.constant(1), 0), elementAt(k.constant(2), 0)];
      if (minval >= maxval)
        throw new InvalidArgumentError(
          `Need minval < maxval, got ${minval} >= ${maxval} for '${k.op.name}' (op: 'RandomUniformInt').`,
        );
      k.call("randomUniformInt32", k.output(0), k.generator(), sizeOf(k.outputShape(0)), minval, maxval);
    },
  },
};

export interface RandomOptions {
  minval?: number;
  maxval?: number;
  /** float32 (default) or int32. */
  dtype?: DType;
  /** Seed of this operation; with neither it nor the graph's seed, the session draws one. */
  seed?: number | null;
  name?: string;
}

/** Uniform numbers in [minval, maxval): by default float32 in [0, 1). int32 needs maxval. */
export function randomUniform(shape: readonly number[], options: RandomOptions = {}): Tensor {
  const dtype = options.dtype ?? float32;
  return opScope(options.name ?? "random_uniform", [], (scope) => {
    const dims = constant(shape as number[], { dtype: int32, shape: [shape.length], name: "shape" });
    const minval = options.minval ?? 0;
    if (dtype === int32 && options.maxval === undefined)
      throw new InvalidArgumentError("randomUniform of int32 needs maxval.");
    const minimum = constant(minval, { dtype, name: "min" });
    const maximum = constant(options.maxval ?? 1, { dtype, name: "max" });
    const [seed, seed2] = getDefaultGraph().nextSeeds(options.seed ?? null);
    const seeds = { seed: attr.int(seed), seed2: attr.int(seed2), T: attr.type(int32) };
    if (dtype === int32) {
      return createOp(RandomUniformInt, [dims, minimum, maximum], { ...seeds, Tout: attr.type(dtype) }, scope)
        .outputs[0];
    }
    const uniform = createOp(RandomUniform, [dims], { ...seeds, dtype: attr.type(dtype) }, "RandomUniform").outputs[0];
    return add(multiply(uniform, subtract(maximum, minimum)), minimum, scope);
  });
}
