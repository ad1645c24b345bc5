// The Apply operations: shapes, what they update, and that references and resources give the same bits. The formulas are
// tested with the kernels, and by the optimizers' golden cases.
import { expect, test } from "vitest";
import { attr } from "../../src/graph/attr.ts";
import type { Tensor } from "../../src/graph/operation.ts";
import { createOp } from "../../src/ops/build.ts";
import type { OpDefinition } from "../../src/ops/definition.ts";
import * as optimizer from "../../src/ops/optimizer.ts";
import { AssignVariableOp, VarHandleOp } from "../../src/ops/resource.ts";
import * as tf from "../../src/entry/node.ts";
import { expectMistake, expectShapes } from "../helpers/ops.ts";

/** Operation over references and over resources; variables, then where the gradient is among the inputs, of how many. */
const kinds: [string, OpDefinition, OpDefinition, variables: number, gradient: number, inputs: number][] = [
  ["GradientDescent", optimizer.ApplyGradientDescent, optimizer.ResourceApplyGradientDescent, 1, 2, 3],
  ["Momentum", optimizer.ApplyMomentum, optimizer.ResourceApplyMomentum, 2, 3, 5],
  ["Adagrad", optimizer.ApplyAdagrad, optimizer.ResourceApplyAdagrad, 2, 3, 4],
  ["AdagradV2", optimizer.ApplyAdagradV2, optimizer.ResourceApplyAdagradV2, 2, 4, 5],
  ["Adadelta", optimizer.ApplyAdadelta, optimizer.ResourceApplyAdadelta, 3, 6, 7],
  ["RMSProp", optimizer.ApplyRMSProp, optimizer.ResourceApplyRMSProp, 3, 7, 8],
  ["CenteredRMSProp", optimizer.ApplyCenteredRMSProp, optimizer.ResourceApplyCenteredRMSProp, 4, 8, 9],
  ["Adam", optimizer.ApplyAdam, optimizer.ResourceApplyAdam, 3, 9, 10],
];

/** First values of the variables and the scalars, by input: all below 1, and no two the same. */
const startOf = (input: number): number => 0.9 - 0.07 * input;
const gradientValues = [0.5, -1, 0.25, 2, -0.125];

test.each(kinds)("%s: shapes", (_, definition, resource, variables, gradient, inputs) => {
  const shapes = (shape: string, scalar: string, given: string): string =>
    Array.from({ length: inputs }, (_, i) => (i < variables ? shape : i === gradient ? given : scalar)).join(";");
  const rows = [
    [shapes("[2,3]", "[]", "[2,3]"), "[2,3]"],
    [shapes("[2,3]", "[]", "[?,3]"), "[2,3]"],
    [shapes("[2,3]", "[]", "?"), "[2,3]"],
    [shapes("[2,3]", "[1]", "[2,3]"), "Shape must be rank 0 but is rank 1"],
    [shapes("[2]", "[]", "[3]"), "Dimension 0 in both shapes must be equal, but are 2 and 3. Shapes are [2] and [3]."],
  ] as const;
  expectShapes(definition, rows);
  expectShapes(
    resource,
    rows.map(([given, expected]) => [given, expected === "[2,3]" ? "" : expected]),
  );
});

/** Two runs of the operation over variables that are references, or resources; what the variables hold then. */
async function run(
  definition: OpDefinition,
  [variables, gradient, inputs]: number[],
  resource: boolean,
): Promise<unknown[]> {
  const graph = new tf.Graph();
  const { update, reads, init } = graph.asDefault(() => {
    const initializers: tf.Operation[] = [];
    const shape = [gradientValues.length];
    const handles = Array.from({ length: variables }, (_, i): Tensor => {
      const value = tf.constant(startOf(i), { dtype: tf.float32, shape });
      if (!resource) {
        const made = tf.variable(value);
        initializers.push(made.initializer);
        return made.ref;
      }
      const attrs = { dtype: attr.type(tf.float32), shape: attr.shape(shape) };
      const [handle] = createOp(VarHandleOp, [], { ...attrs, shared_name: attr.string(`v${i}`) }, `v${i}`).outputs;
      initializers.push(createOp(AssignVariableOp, [handle, value], { dtype: attrs.dtype }, "assign"));
      return handle;
    });
    const operands = Array.from({ length: inputs }, (_, i) => {
      if (i < variables) return handles[i];
      return tf.constant(i === gradient ? gradientValues : startOf(i), { dtype: tf.float32 });
    });
    const update = createOp(definition, operands, { T: attr.type(tf.float32) }, definition.type);
    return { update, reads: handles.map(({ op }) => op.name), init: tf.group(initializers) };
  });
  const session = await tf.Session.create({ graph, planner: { poison: true } });
  await session.run(init);
  for (let i = 0; i < 2; i++) await session.run(update);
  const held = session.variables();
  return reads.map((name) => Array.from(held.get(name)!.data as Float32Array));
}

test.each(kinds)("%s: the variable and its slots change, alike for references and resources", async (...kind) => {
  const [, definition, resource, ...counts] = kind;
  const values = (await run(definition, counts, false)) as number[][];
  expect(await run(resource, counts, true)).toEqual(values);
  values.forEach((elements, i) => {
    expect(elements.every(Number.isFinite), `variable ${i}`).toBe(true);
    expect(elements).not.toEqual(elements.map(() => Math.fround(startOf(i))));
  });
});

test("other types are refused", () =>
  expectMistake(async () => {
    const graph = new tf.Graph();
    const update = graph.asDefault(() => {
      const variable = tf.variable([1, 2], { dtype: tf.int32 });
      const inputs = [variable.ref, tf.constant(1), tf.constant([1, 2])];
      return createOp(optimizer.ApplyGradientDescent, inputs, { T: attr.type(tf.int32) }, "step");
    });
    await (await tf.Session.create({ graph })).run(update);
  }, "UnimplementedError: 'step' (op: 'ApplyGradientDescent') is not supported for int32; supported: float32."));
