/** Reference variables and their updates: VariableV2, Assign, AssignAdd, AssignSub (tensorflow/core/ops/state_ops.cc). */
import { attr } from "../graph/attr.ts";
import type { DType } from "../graph/dtype.ts";
import { InvalidArgumentError, UnimplementedError } from "../graph/errors.ts";
import type { Tensor } from "../graph/operation.ts";
import { formatShape, mergeShapes, sameShape, sizeOf, type Shape } from "../graph/shape.ts";
import { Variable as VariableObject } from "../graph/variable.ts";
import { convertToTensor, createOp, type TensorLike } from "./build.ts";
import { notDifferentiable, type KernelContext, type OpDefinition } from "./definition.ts";

export const VariableV2: OpDefinition = {
  type: "VariableV2",
  outputs: ({ op }) => [op.dtype("dtype").ref],
  shape: ({ op }) => [op.shape("shape")],
  plan: { kind: "source" },
  gradient: notDifferentiable("a variable is where gradients end"),
};

/** The older form of VariableV2. */
export const Variable: OpDefinition = { ...VariableV2, type: "Variable" };

export const Assign: OpDefinition = {
  type: "Assign",
  outputs: (node) => [node.inputDtype(0).ref],
  shape: (node) => [
    node.op.bool("validate_shape", true) ? mergeShapes(node.inputShape(0), node.inputShape(1)) : node.inputShape(1),
  ],
  updates: [{ ref: 0, replaces: true }],
  gradient: notDifferentiable("an assignment is no function of its inputs"),
  plan: {
    kind: "kernel",
    emit(k) {
      const [shape, given] = [k.inputShape(0), k.inputShape(1)];
      if (!sameShape(shape, given)) {
        throw new UnimplementedError(
          `'${k.op.name}' (op: 'Assign') cannot give a variable of shape ${formatShape(shape)} a value of shape ${formatShape(given)}: variables keep their shape.`,
        );
      }
      k.call("copyBytes", k.input(0), k.input(1), sizeOf(k.inputShape(1)) * k.inputDtype(1).size);
    },
  },
};

type UpdateKernel = "assignAdd" | "assignSub" | "assignAddInt32" | "assignSubInt32" | "assignAddInt64";

function accumulating(type: string, kernels: Readonly<Record<string, UpdateKernel>>): OpDefinition {
  return {
    type,
    outputs: (node) => [node.inputDtype(0).ref],
    shape: (node) => [mergeShapes(node.inputShape(0), node.inputShape(1))],
    updates: [{ ref: 0, replaces: false }],
    gradient: notDifferentiable("an assignment is no function of its inputs"),
    plan: { kind: "kernel", emit: (k) => emitAccumulate(k, kernels) },
  };
}

export const AssignAdd: OpDefinition = accumulating("AssignAdd", {
  float32: "assignAdd",
  int32: "assignAddInt32",
  int64: "assignAddInt64",
});
export const AssignSub: OpDefinition = accumulating("AssignSub", { float32: "assignSub", int32: "assignSubInt32" });

function emitAccumulate(k: KernelContext, kernels: Readonly<Record<string, UpdateKernel>>): void {
  const kernel = kernels[k.inputDtype(1).name];
  if (!kernel) {
    throw new UnimplementedError(
      `'${k.op.name}' (op: '${k.op.type}') is not supported for ${k.inputDtype(1).name}; supported: ${Object.keys(kernels).join(", ")}.`,
    );
  }
  k.call(kernel, k.input(0), k.input(1), sizeOf(k.inputShape(1)));
}

/** The VariableV2 operation alone; `getVariable` (variableScope.ts) makes whole variables. `name` may end in "/". */
export function variableOp(shape: Shape, dtype: DType, name: string): Tensor {
  const attrs = {
    shape: attr.shape(shape),
    dtype: attr.type(dtype),
    container: attr.string(""),
    shared_name: attr.string(""),
  };
  return createOp(VariableV2, [], attrs, name).outputs[0];
}

function reference(ref: Tensor | VariableObject, what: string): Tensor {
  const tensor = ref instanceof VariableObject ? ref.ref : ref;
  if (!tensor.dtype.isRef)
    throw new InvalidArgumentError(`${what} needs a variable, '${tensor.name}' is a plain tensor.`);
  return tensor;
}

/** Sets the variable; gives its reference, which has the new value. */
export function assign(
  ref: Tensor | VariableObject,
  value: TensorLike,
  options: { name?: string; validateShape?: boolean } = {},
): Tensor {
  const target = reference(ref, "assign");
  const given = convertToTensor(value, { dtype: target.dtype.base });
  const attrs = {
    T: attr.type(target.dtype),
    validate_shape: attr.bool(options.validateShape ?? true),
    use_locking: attr.bool(true),
  };
  return createOp(Assign, [target, given], attrs, options.name ?? "Assign").outputs[0];
}

function accumulate(definition: OpDefinition, ref: Tensor | VariableObject, value: TensorLike, name: string): Tensor {
  const target = reference(ref, definition.type);
  const given = convertToTensor(value, { dtype: target.dtype.base });
  return createOp(definition, [target, given], { T: attr.type(target.dtype), use_locking: attr.bool(false) }, name)
    .outputs[0];
}

/** Adds to the variable; gives its reference. float32, int32, int64. */
export function assignAdd(ref: Tensor | VariableObject, value: TensorLike, name = "AssignAdd"): Tensor {
  return accumulate(AssignAdd, ref, value, name);
}

/** Subtracts from the variable; gives its reference. float32, int32. */
export function assignSub(ref: Tensor | VariableObject, value: TensorLike, name = "AssignSub"): Tensor {
  return accumulate(AssignSub, ref, value, name);
}
