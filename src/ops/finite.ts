/** IsNan, IsInf, IsFinite and CheckNumerics (tensorflow/core/ops/math_ops.cc, array_ops.cc). */
import { attr } from "../graph/attr.ts";
import { bool } from "../graph/dtype.ts";
import { InvalidArgumentError, UnimplementedError } from "../graph/errors.ts";
import { getDefaultGraph } from "../graph/graph.ts";
import type { Operation, Tensor } from "../graph/operation.ts";
import { sizeOf } from "../graph/shape.ts";
import { convertToTensor, createOp, type TensorLike } from "./build.ts";
import { notDifferentiable, type KernelContext, type OpDefinition } from "./definition.ts";
import { group } from "./identity.ts";

function testing(type: string, nan: 0 | 1, infinite: 0 | 1, inverted: 0 | 1): OpDefinition {
  return {
    type,
    inputs: "T",
    outputs: () => [bool],
    shape: (node) => [node.inputShape(0)],
    gradient: notDifferentiable("truth values have no gradient"),
    plan: {
      kind: "kernel",
      emit(k) {
        requireFloat(k);
        k.call("classify", k.output(0), k.input(0), sizeOf(k.outputShape(0)), nan, infinite, inverted);
      },
    },
  };
}

export const IsNan: OpDefinition = testing("IsNan", 1, 0, 0);
export const IsInf: OpDefinition = testing("IsInf", 0, 1, 0);
export const IsFinite: OpDefinition = testing("IsFinite", 1, 1, 1);

/** What the codes of `checkFinite` mean. */
const found = ["", "NaN", "Inf", "Inf and NaN"];

export const CheckNumerics: OpDefinition = {
  type: "CheckNumerics",
  inputs: "T",
  outputs: (node) => [node.inputDtype(0).base],
  shape: (node) => [node.inputShape(0)],
  stateful: true,
  plan: {
    kind: "kernel",
    inPlace: [0],
    emit(k) {
      requireFloat(k);
      const n = sizeOf(k.outputShape(0));
      const x = k.input(0);
      const message = k.op.string("message", "");
      k.check(
        "checkFinite",
        (code) =>
          new InvalidArgumentError(
            `${message} : Tensor had ${found[code]} values for '${k.op.name}' (op: 'CheckNumerics').`,
          ),
        [],
        x,
        n,
      );
      if (!k.isNeeded(0)) return;
      const y = k.output(0);
      if (y !== x) k.call("copyBytes", y, x, n * 4);
    },
  },
  gradient: (op, [dy]) => [
    checkNumerics(dy, `Not a number (NaN) or infinity (Inf) values detected in gradient. ${op.string("message", "")}`),
  ],
};

function requireFloat(k: KernelContext): void {
  const { name } = k.inputDtype(0);
  if (name !== "float32")
    throw new UnimplementedError(
      `'${k.op.name}' (op: '${k.op.type}') is not supported for ${name}; supported: float32.`,
    );
}

function test(definition: OpDefinition, x: TensorLike, name: string): Tensor {
  const value = convertToTensor(x);
  return createOp(definition, [value], { T: attr.type(value.dtype) }, name).outputs[0];
}

/** Where x is NaN. float32 to bool. */
export const isNan = (x: TensorLike, name = "IsNan"): Tensor => test(IsNan, x, name);
/** Where x is an infinity. float32 to bool. */
export const isInf = (x: TensorLike, name = "IsInf"): Tensor => test(IsInf, x, name);
/** Where x is neither. float32 to bool. */
export const isFinite = (x: TensorLike, name = "IsFinite"): Tensor => test(IsFinite, x, name);

/** x itself, float32; a run in which it holds a NaN or an infinity is refused with `message`, and variables keep their values.
 * Only what is made of the result, or depends on it, is guarded. */
export function checkNumerics(x: TensorLike, message: string, name = "CheckNumerics"): Tensor {
  const value = convertToTensor(x);
  const attrs = { T: attr.type(value.dtype), message: attr.string(message) };
  return createOp(CheckNumerics, [value], attrs, name).outputs[0];
}

/** An operation that checks every float32 tensor made so far and names the first that holds a NaN or an infinity.
 * @throws InvalidArgumentError where the graph has branches, of which only one has values. */
export function addCheckNumericsOps(): Operation {
  const graph = getDefaultGraph();
  let checks: Operation[] = [];
  for (const op of graph.operations.slice()) {
    for (const output of op.outputs) {
      if (output.dtype.base.name !== "float32") continue;
      if (op.type === "Switch" || op.type === "RefSwitch")
        throw new InvalidArgumentError(
          "addCheckNumericsOps is not compatible with control flow such as cond; use checkNumerics in the branches.",
        );
      checks = graph.controlDependencies(checks, () => [checkNumerics(output, output.name).op]);
    }
  }
  return group(checks);
}
