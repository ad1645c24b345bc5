/** Identity, StopGradient and NoOp: values passed on, and operations that only order others. */
import { attr } from "../graph/attr.ts";
import { NotFoundError } from "../graph/errors.ts";
import { Tensor, type Operation } from "../graph/operation.ts";
import { Variable } from "../graph/variable.ts";
import { convertToTensor, createOp, graphOf, type TensorLike } from "./build.ts";
import { notDifferentiable, type GradientRule, type OpDefinition } from "./definition.ts";

function passing(type: string, gradient: GradientRule): OpDefinition {
  return {
    type,
    outputs: (node) => [node.inputDtype(0).base],
    shape: (node) => [node.inputShape(0)],
    plan: { kind: "view", of: 0 },
    gradient,
  };
}

export const Identity: OpDefinition = passing("Identity", (_op, [dy]) => [dy]);
export const StopGradient: OpDefinition = passing("StopGradient", notDifferentiable("it is there to stop gradients"));
/** What TensorFlow 1's sparse cross entropy puts before its derivative, so that nobody takes a second one by mistake. */
export const PreventGradient: OpDefinition = passing("PreventGradient", (op) => {
  throw new NotFoundError(
    `Gradient explicitly disabled at '${op.name}' (op: 'PreventGradient'). Reason: ${op.string("message", "none given")}.`,
  );
});

export const NoOp: OpDefinition = {
  type: "NoOp",
  outputs: () => [],
  shape: () => [],
  plan: { kind: "none" },
  gradient: notDifferentiable("it computes nothing"),
};

/** The value of `input` under a name of its own. Made inside `controlDependencies`, it is what carries them. */
export function identity(input: TensorLike, name = "Identity"): Tensor {
  const value = convertToTensor(input);
  return createOp(Identity, [value], { T: attr.type(value.dtype) }, name).outputs[0];
}

/** `input`, through which no gradient passes. */
export function stopGradient(input: TensorLike, name = "StopGradient"): Tensor {
  const value = convertToTensor(input);
  return createOp(StopGradient, [value], { T: attr.type(value.dtype) }, name).outputs[0];
}

/** An operation that does nothing; its control inputs are what it is for. */
export function noOp(name = "NoOp"): Operation {
  return createOp(NoOp, [], {}, name);
}

/** One operation that has run when all of `inputs` have. */
export function group(inputs: readonly (Operation | Tensor | Variable)[], name = "group_deps"): Operation {
  const ops = inputs.map((input) =>
    input instanceof Variable ? input.value().op : input instanceof Tensor ? input.op : input,
  );
  const graph = ops.length ? ops[0].graph : graphOf([]);
  return graph.asDefault(() => graph.controlDependencies(ops, () => noOp(name)));
}
