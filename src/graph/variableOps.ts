/** Operations that hold a variable: a reference (VariableV2) or a resource (VarHandleOp). */
import type { DType } from "./dtype.ts";
import type { Operation } from "./operation.ts";
import type { Shape } from "./shape.ts";

const variableTypes = new Set(["VariableV2", "Variable", "VarHandleOp"]);

export function isVariable(op: Operation): boolean {
  return variableTypes.has(op.type);
}

/** True for a variable behind a resource. */
export function isResource({ op }: { readonly op: Operation }): boolean {
  return op.type === "VarHandleOp";
}

/** Type and shape of the value that the variable holds. */
export function variableType(op: Operation): { dtype: DType; shape: Shape } {
  return { dtype: op.dtype("dtype").base, shape: op.shape("shape") };
}
