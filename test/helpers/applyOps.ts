/** What the tests of Apply operations share: shapes, what they update, and that references and resources give the same bits. */
import { expect, test } from "vitest";
import { attr } from "../../src/graph/attr.ts";
import type { Tensor } from "../../src/graph/operation.ts";
import { createOp } from "../../src/ops/build.ts";
import type { OpDefinition } from "../../src/ops/definition.ts";
import { AssignVariableOp, VarHandleOp } from "../../src/ops/resource.ts";
import * as tf from "../../src/entry/node.ts";
import { expectShapes } from "./ops.ts";

/** Operation over references (null: only over resources) and over resources; variables, then where the gradient is among the
 * inputs, of how many. */
export type ApplyKind = readonly [
  name: string,
  definition: OpDefinition | null,
  resource: OpDefinition,
  variables: number,
  gradient: number,
  inputs: number,
];

/** First values of the variables and the scalars, by input: all below 1, and no two the same. */
const startOf = (input: number): number => 0.9 - 0.07 * input;
const gradientValues = [0.5, -1, 0.25, 2, -0.125];

export function testApplyOps(kinds: readonly ApplyKind[]): void {
  test.each(kinds)("%s: shapes", (_, definition, resource, variables, gradient, inputs) => {
    const shapes = (shape: string, scalar: string, given: string): string =>
      Array.from({ length: inputs }, (_, i) => (i < variables ? shape : i === gradient ? given : scalar)).join(";");
    const rows = [
      [shapes("[2,3]", "[]", "[2,3]"), "[2,3]"],
      [shapes("[2,3]", "[]", "[?,3]"), "[2,3]"],
      [shapes("[2,3]", "[]", "?"), "[2,3]"],
      [shapes("[2,3]", "[1]", "[2,3]"), "Shape must be rank 0 but is rank 1"],
      [
        shapes("[2]", "[]", "[3]"),
        "Dimension 0 in both shapes must be equal, but are 2 and 3. Shapes are [2] and [3].",
      ],
    ] as const;
    if (definition) expectShapes(definition, rows);
    expectShapes(
      resource,
      rows.map(([given, expected]) => [given, expected === "[2,3]" ? "" : expected]),
    );
  });

  test.each(kinds)("%s: the variable and its slots change, alike for references and resources", async (...kind) => {
    const [, definition, resource, ...counts] = kind;
    const values = (await run(resource, counts, true)) as number[][];
    expect(definition ? await run(definition, counts, false) : values).toEqual(values);
    values.forEach((elements, i) => {
      expect(elements.every(Number.isFinite), `variable ${i}`).toBe(true);
      expect(elements).not.toEqual(elements.map(() => Math.fround(startOf(i))));
    });
  });
}

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
      // The only whole number among the scalars: AdagradDA's step.
      if (definition.type.endsWith("AdagradDA") && i === inputs - 1) return tf.constant(2n, { dtype: tf.int64 });
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
