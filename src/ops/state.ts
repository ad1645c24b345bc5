/** Reference variables and their updates: VariableV2, Assign, AssignAdd, AssignSub (tensorflow/core/ops/state_ops.cc). */
import { attr, type Attrs } from "../graph/attr.ts";
import type { DType } from "../graph/dtype.ts";
import { InvalidArgumentError, UnimplementedError } from "../graph/errors.ts";
import type { Operation, Tensor } from "../graph/operation.ts";
import { formatShape, mergeShapes, sameShape, sizeOf, type Shape } from "../graph/shape.ts";
import { Variable as VariableObject } from "../graph/variable.ts";
import { isResource, variableType } from "../graph/variableOps.ts";
import { convertToTensor, createOp, type TensorLike } from "./build.ts";
import { altered, notDifferentiable, type KernelContext, type OpDefinition } from "./definition.ts";
import { AssignAddVariableOp, AssignSubVariableOp, AssignVariableOp, readResource } from "./resource.ts";

export const VariableV2: OpDefinition = {
  type: "VariableV2",
  inputs: "",
  outputs: ({ op }) => [op.dtype("dtype").ref],
  shape: ({ op }) => [op.shape("shape")],
  plan: { kind: "source" },
  gradient: notDifferentiable("a variable is where gradients end"),
};

/** The older form of VariableV2. */
export const Variable: OpDefinition = altered(VariableV2, { type: "Variable" });

export const Assign: OpDefinition = {
  type: "Assign",
  inputs: "&T T",
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
    inputs: "&T T",
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

type Target = Tensor | VariableObject;

function reference(ref: Target, what: string): { target: Tensor; dtype: DType } {
  const target = ref instanceof VariableObject ? ref.ref : ref;
  if (isResource(target)) return { target, dtype: variableType(target.op).dtype };
  if (target.dtype.isRef) return { target, dtype: target.dtype.base };
  throw new InvalidArgumentError(`${what} needs a variable, '${target.name}' is a plain tensor.`);
}

/** Adds the operation that writes `value`; over a resource the form of that, whose name does not depend on `name` unless it is
 * to be taken as it is. */
function writeOp(
  forms: { readonly reference: OpDefinition; readonly resource: OpDefinition },
  ref: Target,
  value: TensorLike,
  name: string,
  attrs: Attrs,
): Operation {
  const { target, dtype } = reference(ref, forms.reference.type);
  const given = convertToTensor(value, { dtype });
  if (!isResource(target)) return createOp(forms.reference, [target, given], { T: attr.type(dtype), ...attrs }, name);
  return createOp(forms.resource, [target, given], { dtype: attr.type(dtype) }, name);
}

const setting = { reference: Assign, resource: AssignVariableOp };
const adding = { reference: AssignAdd, resource: AssignAddVariableOp };
const subtracting = { reference: AssignSub, resource: AssignSubVariableOp };

/** The operation that sets a variable. */
export function assignOp(
  ref: Target,
  value: TensorLike,
  options: { name?: string; validateShape?: boolean; useLocking?: boolean } = {},
): Operation {
  const attrs = {
    validate_shape: attr.bool(options.validateShape ?? true),
    use_locking: attr.bool(options.useLocking ?? true),
  };
  return writeOp(setting, ref, value, options.name ?? "Assign", attrs);
}

/** The operation that adds to a variable. */
export function assignAddOp(ref: Target, value: TensorLike, name = "AssignAdd"): Operation {
  return writeOp(adding, ref, value, name, { use_locking: attr.bool(false) });
}

/** What an assignment gives: the reference, or a read of the resource behind the assignment. */
function written(op: Operation, ref: Target): Tensor {
  if (op.outputs.length > 0) return op.outputs[0];
  return op.graph.controlDependencies([op], () => readResource(ref instanceof VariableObject ? ref.ref : ref));
}

/** The operation that wrote what an assignment gave. */
export function assignmentOf({ op }: Tensor): Operation {
  return op.type === "ReadVariableOp" ? op.controlInputs[op.controlInputs.length - 1] : op;
}

/** The name of the operation over a resource is that of its type, in the scope. */
function nameOver(ref: Target, definition: OpDefinition, name: string): string {
  return isResource(ref) ? definition.type : name;
}

/** Sets the variable; gives its reference, or a read of the resource, which has the new value. */
export function assign(
  ref: Target,
  value: TensorLike,
  options: { name?: string; validateShape?: boolean } = {},
): Tensor {
  const name = nameOver(ref, AssignVariableOp, options.name ?? "Assign");
  return written(assignOp(ref, value, { ...options, name }), ref);
}

/** Adds to the variable; gives what `assign` gives. float32, int32, int64. */
export function assignAdd(ref: Target, value: TensorLike, name = "AssignAdd"): Tensor {
  return written(assignAddOp(ref, value, nameOver(ref, AssignAddVariableOp, name)), ref);
}

/** Subtracts from the variable; gives what `assign` gives. float32, int32. */
export function assignSub(ref: Target, value: TensorLike, name = "AssignSub"): Tensor {
  const attrs = { use_locking: attr.bool(false) };
  return written(writeOp(subtracting, ref, value, nameOver(ref, AssignSubVariableOp, name), attrs), ref);
}
