/** Identity, StopGradient and NoOp: values passed on, and operations that only order others. */
import { attr } from "../graph/attr.ts";
import { string } from "../graph/dtype.ts";
import { InvalidArgumentError, NotFoundError } from "../graph/errors.ts";
import { Tensor, type Operation } from "../graph/operation.ts";
import { formatShape, mergeShapes } from "../graph/shape.ts";
import { Variable } from "../graph/variable.ts";
import { convertToTensor, createOp, graphOf, type TensorLike } from "./build.ts";
import { altered, noGradient, notDifferentiable, type GradientRule, type OpDefinition } from "./definition.ts";

function passing(type: string, gradient: GradientRule, rules: Partial<OpDefinition> = {}): OpDefinition {
  return {
    type,
    inputs: "T",
    outputs: (node) => [node.inputDtype(0).base],
    shape: (node) => [node.inputShape(0)],
    plan: { kind: "view", of: 0 },
    gradient,
    ...rules,
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

/** Any number of values, each passed on. */
export const IdentityN: OpDefinition = {
  type: "IdentityN",
  inputs: "any*",
  outputs: (node) => Array.from({ length: node.inputCount }, (_, i) => node.inputDtype(i).base),
  shape: (node) => Array.from({ length: node.inputCount }, (_, i) => node.inputShape(i)),
  plan: { kind: "view", of: "each" },
  gradient: (_op, dy) => dy.map((gradient) => gradient ?? null),
};

/** A reference passed on. */
export const RefIdentity: OpDefinition = passing("RefIdentity", (_op, [dy]) => [dy], {
  inputs: "&T",
  outputs: (node) => [node.inputDtype(0).ref],
});
export const Snapshot: OpDefinition = passing("Snapshot", (_op, [dy]) => [dy]);
/** A promise that the value never changes, which nothing here depends on. */
export const GuaranteeConst: OpDefinition = passing(
  "GuaranteeConst",
  noGradient("TensorFlow has none either, as what is constant is not trained"),
);
/** Where TensorFlow 1 prints its further inputs to the log. Nothing is printed here. */
export const Print: OpDefinition = passing("Print", (op, [dy]) => op.inputs.map((_, i) => (i === 0 ? dy : null)), {
  inputs: "T any*",
});

/** The input, of which attribute `shape` says what is known of its shape. */
export const EnsureShape: OpDefinition = passing("EnsureShape", (_op, [dy]) => [dy], {
  shape(node) {
    const [given, expected] = [node.inputShape(0), node.op.shape("shape")];
    const fits = (size: number | null, i: number): boolean =>
      size === null || expected![i] === null || size === expected![i];
    if (given && expected && !(given.length === expected.length && given.every(fits))) {
      throw new InvalidArgumentError(
        `Shape of the tensor ${formatShape(given)} is not compatible with expected shape ${formatShape(expected)}`,
      );
    }
    return [mergeShapes(given, expected)];
  },
});

export const NoOp: OpDefinition = {
  type: "NoOp",
  inputs: "",
  outputs: () => [],
  shape: () => [],
  plan: { kind: "none" },
  gradient: notDifferentiable("it computes nothing"),
};

/** NoOp's relative, which also ran where its inputs did not. */
export const ControlTrigger: OpDefinition = altered(NoOp, { type: "ControlTrigger" });

/** What TensorFlow prints to the log, and the text that it prints. Nothing is printed here, and no text is made. */
export const PrintV2: OpDefinition = altered(NoOp, { type: "PrintV2", inputs: "string" });
export const StringFormat: OpDefinition = altered(NoOp, {
  type: "StringFormat",
  inputs: "any*",
  outputs: () => [string],
  shape: () => [[]],
});

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
