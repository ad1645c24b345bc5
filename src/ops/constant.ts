/** Const: a value that is part of the graph. The builder `constant` is in build.ts, where operands become tensors. */
import { notDifferentiable, type OpDefinition } from "./definition.ts";

export const Const: OpDefinition = {
  type: "Const",
  inputs: "",
  outputs: ({ op }) => [op.dtype("dtype")],
  shape: ({ op }) => [op.tensor("value").shape],
  plan: { kind: "source" },
  gradient: notDifferentiable("it has no inputs"),
};
