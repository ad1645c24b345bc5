/** Running sums and products: Cumsum, Cumprod (tensorflow/core/ops/math_ops.cc). */
import { attr } from "../graph/attr.ts";
import { int32 } from "../graph/dtype.ts";
import { UnimplementedError } from "../graph/errors.ts";
import type { Tensor } from "../graph/operation.ts";
import { sizeOf } from "../graph/shape.ts";
import { toNumbers } from "../graph/tensorValue.ts";
import { constant, convertToTensor, createOp, opScope, type TensorLike } from "./build.ts";
import { axisFromFront } from "./concat.ts";
import type { GradientRule, OpDefinition } from "./definition.ts";
import { divide, multiply } from "./elementwise.ts";

export interface CumulateOptions {
  /** Element i combines those before it, without itself. Default false. */
  exclusive?: boolean;
  /** From the end. Default false. */
  reverse?: boolean;
  name?: string;
}

/** The operation's code in assembly/extrema.ts. */
const codes = { product: 2, sum: 3 } as const;

function running(type: string, operation: keyof typeof codes, gradient: GradientRule): OpDefinition {
  return {
    type,
    inputs: "T Tidx:int",
    outputs: (node) => [node.inputDtype(0).base],
    shape: (node) => [node.inputShape(0)],
    gradient,
    plan: {
      kind: "kernel",
      emit(k) {
        if (k.inputDtype(0).name !== "float32") {
          throw new UnimplementedError(
            `'${k.op.name}' (op: '${type}') is not supported for ${k.inputDtype(0)}; supported: float32.`,
          );
        }
        const shape = k.inputShape(0);
        const axis = axisFromFront(toNumbers(k.constant(1))[0], shape.length, "axis");
        const flag = (name: string): number => (k.op.bool(name, false) ? 1 : 0);
        k.call(
          "cumulate",
          k.output(0),
          k.input(0),
          sizeOf(shape.slice(0, axis)),
          shape[axis],
          sizeOf(shape.slice(axis + 1)),
          codes[operation],
          flag("exclusive"),
          flag("reverse"),
        );
      },
    },
  };
}

function optionsOf(op: { bool(name: string, fallback: boolean): boolean }): { exclusive: boolean; reverse: boolean } {
  return { exclusive: op.bool("exclusive", false), reverse: op.bool("reverse", false) };
}

// dx_i sums dy_j over every j whose sum holds x_i: the same sum the other way.
export const Cumsum: OpDefinition = running("Cumsum", "sum", (op, [dy]) => {
  const { exclusive, reverse } = optionsOf(op);
  return [cumulated(Cumsum, dy, op.inputs[1], { exclusive, reverse: !reverse }, "Cumsum"), null];
});

// dx_i = Σ_j dy_j · y_j / x_i, as TensorFlow: NaN where x is 0.
export const Cumprod: OpDefinition = running("Cumprod", "product", (op, [dy]) => {
  const [x, axis] = op.inputs;
  const { exclusive, reverse } = optionsOf(op);
  const product = cumulated(Cumprod, x, axis, { exclusive, reverse }, "Cumprod");
  const sums = cumulated(Cumsum, multiply(product, dy), axis, { exclusive, reverse: !reverse }, "Cumsum");
  return [divide(sums, x), null];
});

function cumulated(
  definition: OpDefinition,
  x: Tensor,
  axis: Tensor,
  { exclusive = false, reverse = false }: CumulateOptions,
  name: string,
): Tensor {
  const attrs = {
    T: attr.type(x.dtype),
    Tidx: attr.type(axis.dtype),
    exclusive: attr.bool(exclusive),
    reverse: attr.bool(reverse),
  };
  return createOp(definition, [x, axis], attrs, name).outputs[0];
}

function cumulate(definition: OpDefinition, input: TensorLike, axis: number, options: CumulateOptions): Tensor {
  return opScope(options.name ?? definition.type, [input], (scope) => {
    const x = convertToTensor(input, { name: "x" });
    return cumulated(definition, x, constant(axis, { dtype: int32, name: "axis" }), options, scope);
  });
}

/** Running sums along `axis`. float32. */
export const cumsum = (input: TensorLike, axis = 0, options: CumulateOptions = {}): Tensor =>
  cumulate(Cumsum, input, axis, options);

/** Running products along `axis`. float32. */
export const cumprod = (input: TensorLike, axis = 0, options: CumulateOptions = {}): Tensor =>
  cumulate(Cumprod, input, axis, options);
