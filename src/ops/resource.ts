/** Resource variables: VarHandleOp and what reads and writes through it (tensorflow/core/ops/resource_variable_ops.cc).
 * A resource tensor is given the shape of the value it holds, not TensorFlow's scalar, so that it passes through Switch. */
import { attr } from "../graph/attr.ts";
import { bool, int32, resource, type DType } from "../graph/dtype.ts";
import { UnimplementedError } from "../graph/errors.ts";
import type { Tensor } from "../graph/operation.ts";
import { isFullyDefined, mergeShapes, sizeOf, type Shape } from "../graph/shape.ts";
import { variableType } from "../graph/variableOps.ts";
import { createOp } from "./build.ts";
import { altered, notDifferentiable, type OpDefinition } from "./definition.ts";
import { integers } from "./shape.ts";

export const VarHandleOp: OpDefinition = {
  type: "VarHandleOp",
  inputs: "",
  outputs: () => [resource],
  shape: ({ op }) => [op.shape("shape")],
  plan: { kind: "source" },
  gradient: notDifferentiable("a variable is where gradients end"),
};

export const ReadVariableOp: OpDefinition = {
  type: "ReadVariableOp",
  inputs: "@dtype",
  outputs: ({ op }) => [op.dtype("dtype")],
  shape: (node) => [node.inputShape(0)],
  plan: { kind: "view", of: 0 },
  gradient: (_op, [dy]) => [dy],
};

export const VariableShape: OpDefinition = {
  type: "VariableShape",
  inputs: "resource",
  outputs: ({ op }) => [op.hasAttr("out_type") ? op.dtype("out_type") : int32],
  shape: (node) => [[node.inputShape(0)?.length ?? null]],
  plan: { kind: "fold" },
  gradient: notDifferentiable("a shape is no function of values"),
  fold(node) {
    const shape = node.inputShape(0);
    return isFullyDefined(shape)
      ? [integers(shape, node.op.hasAttr("out_type") ? node.op.dtype("out_type") : int32)]
      : undefined;
  },
};

/** Whether the variable has a value when the run begins. */
export const VarIsInitializedOp: OpDefinition = {
  type: "VarIsInitializedOp",
  inputs: "resource",
  outputs: () => [bool],
  shape: () => [[]],
  plan: { kind: "initialized" },
  gradient: notDifferentiable("truth values have no gradient"),
};
/** The same for references. */
export const IsVariableInitialized: OpDefinition = altered(VarIsInitializedOp, {
  type: "IsVariableInitialized",
  inputs: "&dtype",
});

/** The VarHandleOp operation alone; `getVariable` makes whole variables. `name` may end in "/". */
export function resourceOp(shape: Shape, dtype: DType, name: string): Tensor {
  const attrs = {
    dtype: attr.type(dtype),
    shape: attr.shape(shape),
    container: attr.string(""),
    shared_name: attr.string(name.replace(/\/$/, "")),
  };
  return createOp(VarHandleOp, [], attrs, name).outputs[0];
}

/** The value of the variable behind a resource. */
export function readResource(handle: Tensor, name = "ReadVariableOp"): Tensor {
  return createOp(ReadVariableOp, [handle], { dtype: attr.type(variableType(handle.op).dtype) }, name).outputs[0];
}

/** Whether the variable behind a resource has a value when the run begins. */
export function hasValue(handle: Tensor, name = "VarIsInitializedOp"): Tensor {
  return createOp(VarIsInitializedOp, [handle], {}, name).outputs[0];
}

type UpdateKernel = "assignAdd" | "assignAddInt32" | "assignAddInt64" | "assignSub" | "assignSubInt32";

function updating(type: string, kernels: Readonly<Record<string, UpdateKernel>> | null): OpDefinition {
  return {
    type,
    inputs: "@dtype dtype",
    outputs: () => [],
    shape(node) {
      mergeShapes(node.inputShape(0), node.inputShape(1));
      return [];
    },
    updates: [{ ref: 0, replaces: kernels === null }],
    gradient: notDifferentiable("an assignment is no function of its inputs"),
    plan: {
      kind: "kernel",
      emit(k) {
        const dtype = k.inputDtype(1);
        const count = sizeOf(k.inputShape(1));
        if (kernels === null) return k.call("copyBytes", k.input(0), k.input(1), count * dtype.size);
        const kernel = kernels[dtype.name];
        if (!kernel) {
          throw new UnimplementedError(
            `'${k.op.name}' (op: '${type}') is not supported for ${dtype.name}; supported: ${Object.keys(kernels).join(", ")}.`,
          );
        }
        k.call(kernel, k.input(0), k.input(1), count);
      },
    },
  };
}

export const AssignVariableOp: OpDefinition = updating("AssignVariableOp", null);
export const AssignAddVariableOp: OpDefinition = updating("AssignAddVariableOp", {
  float32: "assignAdd",
  int32: "assignAddInt32",
  int64: "assignAddInt64",
});
export const AssignSubVariableOp: OpDefinition = updating("AssignSubVariableOp", {
  float32: "assignSub",
  int32: "assignSubInt32",
});
