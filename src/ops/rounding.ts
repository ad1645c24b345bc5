/** Sign, Round, Rint, Floor, Ceil (tensorflow/core/ops/math_ops.cc). */
import { attr } from "../graph/attr.ts";
import { UnimplementedError } from "../graph/errors.ts";
import type { Tensor } from "../graph/operation.ts";
import { sizeOf } from "../graph/shape.ts";
import { zerosLike } from "./addN.ts";
import { convertToTensor, createOp, type TensorLike } from "./build.ts";
import { notDifferentiable, type GradientRule, type OpDefinition } from "./definition.ts";
import { foldUnary } from "./folding.ts";

type RoundingKernel = "sign" | "round" | "floor" | "ceil";

function rounding(
  type: string,
  kernel: RoundingKernel,
  f: (x: number) => number,
  gradient: GradientRule = notDifferentiable("it is constant almost everywhere"),
): OpDefinition {
  return {
    type,
    inputs: "T",
    outputs: (node) => [node.inputDtype(0).base],
    shape: (node) => [node.inputShape(0)],
    plan: {
      kind: "kernel",
      inPlace: [0],
      emit(k) {
        if (k.inputDtype(0).name !== "float32") {
          throw new UnimplementedError(
            `'${k.op.name}' (op: '${type}') is not supported for ${k.inputDtype(0)}; supported: float32.`,
          );
        }
        const x = k.input(0);
        k.call(kernel, k.output(0), x, sizeOf(k.outputShape(0)));
      },
    },
    gradient,
    fold: foldUnary(f),
  };
}

const unchanged = (x: number): number => x;

export const Sign: OpDefinition = rounding("Sign", "sign", Math.sign, (op) => [zerosLike(op.inputs[0])]);
export const Round: OpDefinition = rounding("Round", "round", unchanged);
export const Rint: OpDefinition = rounding("Rint", "round", unchanged);
export const Floor: OpDefinition = rounding("Floor", "floor", unchanged);
export const Ceil: OpDefinition = rounding("Ceil", "ceil", unchanged);

function roundingOp(definition: OpDefinition, x: TensorLike, name: string): Tensor {
  const value = convertToTensor(x);
  return createOp(definition, [value], { T: attr.type(value.dtype) }, name).outputs[0];
}

/** 1, 0 or −1; NaN stays NaN. float32; its gradient is zero. */
export const sign = (x: TensorLike, name = "Sign"): Tensor => roundingOp(Sign, x, name);
/** The nearest whole number, of a half the even one. float32. */
export const round = (x: TensorLike, name = "Round"): Tensor => roundingOp(Round, x, name);
/** The same as `round`, under TensorFlow's other name. float32. */
export const rint = (x: TensorLike, name = "Rint"): Tensor => roundingOp(Rint, x, name);
/** float32. */
export const floor = (x: TensorLike, name = "Floor"): Tensor => roundingOp(Floor, x, name);
/** float32. */
export const ceil = (x: TensorLike, name = "Ceil"): Tensor => roundingOp(Ceil, x, name);
