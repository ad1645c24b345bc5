// Variables and their updates: TensorFlow's order where it has one, the project's where it has none.
import { describe, expect, test } from "vitest";
import { attr } from "../../src/graph/attr.ts";
import { Assign, AssignAdd, VariableV2 } from "../../src/ops/state.ts";
import * as tf from "../../src/entry/node.ts";
import { expectMistake, expectShapes, inferred, sizes, values } from "../helpers/ops.ts";

const planners = [false, true].flatMap((reuse) => [false, true].map((inPlace) => ({ reuse, inPlace, poison: true })));

/** Variables with these values; `build` adds fetches. */
async function fresh<T>(
  initial: readonly tf.FeedValue[],
  build: (...variables: tf.Variable[]) => T,
  planner = planners[3],
): Promise<{ session: tf.Session; variables: tf.Variable[]; made: T }> {
  const graph = new tf.Graph();
  const { variables, made, init } = graph.asDefault(() => {
    const variables = initial.map((value) => tf.variable(value));
    return { variables, made: build(...variables), init: tf.globalVariablesInitializer() };
  });
  const session = await tf.Session.create({ graph, planner });
  await session.run(init);
  return { session, variables, made };
}

const numbers = (fetched: readonly (tf.FetchedTensor | undefined)[]): unknown[] =>
  fetched.map((value) => (value?.shape.length ? [...value.data] : value?.item()));

test("shapes", () => {
  expect(inferred(VariableV2, "", { attrs: { shape: attr.shape([2, 3]) } })).toBe("[2,3]");
  for (const definition of [Assign, AssignAdd]) {
    expectShapes(definition, [
      ["[2,3];[2,3]", "[2,3]"],
      ["[2];[?]", "[2]"],
      ["[2];?", "[2]"],
      ["[2];[3]", "Dimension 0 in both shapes must be equal, but are 2 and 3. Shapes are [2] and [3]."],
      ["[2];[]", "Shapes must be equal rank, but are 1 and 0"],
    ]);
  }
  expect(inferred(Assign, "[2];[3]", { attrs: { validate_shape: attr.bool(false) } })).toBe("[3]");
});

test("assign, assignAdd, assignSub against plain numbers", async () => {
  for (const n of sizes) {
    const [before, given] = [values([n]), values([n])];
    for (const [update, f] of [
      [tf.assign, (_: number, item: number) => item],
      [tf.assignAdd, (old: number, item: number) => old + item],
      [tf.assignSub, (old: number, item: number) => old - item],
    ] as const) {
      const { session, variables, made } = await fresh([before.data], (v) => update(v, given.data));
      const [reference, after] = await session.run([made, variables[0]]);
      const wanted = before.data.map((old, i) => f(old, given.data[i]));
      expect([reference.data, after.data], `${update.name} of ${n}`).toEqual([wanted, wanted]);
    }
  }
});

test("integers", async () => {
  const { session, made } = await fresh([[1, 2 ** 31 - 1], 2n ** 40n, true], (a, b, c) => [
    tf.assignAdd(a, [1, 1]),
    tf.assignAdd(b, 1n),
    tf.assign(c, false),
  ]);
  expect(numbers(await session.run(made))).toEqual([[2, -(2 ** 31)], 2n ** 40n + 1n, false]);
  const other = await fresh([5], (v) => tf.assignSub(v, 7));
  expect((await other.session.run(other.made)).item()).toBe(-2);
});

describe("what a run sees", () => {
  type Build = (...variables: tf.Variable[]) => readonly (tf.Tensor | tf.Operation | tf.Variable)[];
  const update = (v: tf.Variable): tf.Tensor => tf.assignAdd(v, 1);
  const inside = <T>(v: tf.Variable, body: () => T): T => tf.controlDependencies([update(v)], body);

  /** Initial values, what to fetch, the answer, the variables after the run. */
  const rows: [string, number[], Build, (number | undefined)[], number[]][] = [
    ["the variable fetched with its update", [0.5], (v) => [update(v), v], [1.5, 1.5], [1.5]],
    ["and in the other order", [0.5], (v) => [v, update(v)], [1.5, 1.5], [1.5]],
    ["the variable fetched with the operation", [0.5], (v) => [v, update(v).op], [1.5, undefined], [1.5]],
    ["an identity of it: an alias too", [0.5], (v) => [tf.identity(v), update(v)], [1.5, 1.5], [1.5]],
    ["computed from it: the old value", [0.5], (v) => [tf.multiply(v, 2), update(v)], [1, 1.5], [1.5]],
    [
      "computed from it, made after the update",
      [0.5],
      (v) => {
        const updated = update(v);
        return [updated, tf.multiply(v, 2)];
      },
      [1.5, 1],
      [1.5],
    ],
    ["computed from the update", [0.5], (v) => [tf.multiply(update(v), 2), v], [3, 1.5], [1.5]],
    ["an identity made inside", [0.5], (v) => [inside(v, () => tf.identity(v))], [1.5], [1.5]],
    ["a sum made inside, of a read made before", [0.5], (v) => [inside(v, () => tf.add(v, 0))], [1.5], [1.5]],
    ["a noOp made inside", [0.5], (v) => [inside(v, () => tf.noOp())], [undefined], [1.5]],
    ["a tensor made before, only named inside", [0.5], (v) => [inside(v, () => v.value())], [0.5], [0.5]],
    [
      "a tensor computed before, only named inside",
      [0.5],
      (v) => {
        const before = tf.multiply(v, 2);
        return [inside(v, () => before)];
      },
      [1],
      [0.5],
    ],
    [
      "an identity made inside of a tensor computed before: old value, update runs",
      [0.5],
      (v) => {
        const before = tf.multiply(v, 2);
        return [inside(v, () => tf.identity(before))];
      },
      [1],
      [1.5],
    ],
    [
      "before and after, by edges",
      [0.5],
      (v) => [tf.multiply(v, 2), inside(v, () => tf.multiply(v, 2))],
      [1, 3],
      [1.5],
    ],
    ["a swap", [1, 2], (a, b) => [tf.assign(a, b), tf.assign(b, a)], [2, 1], [2, 1]],
    [
      "a rotation",
      [1, 2, 3],
      (a, b, c) => [tf.assign(a, b).op, tf.assign(b, c).op, tf.assign(c, a).op],
      [undefined, undefined, undefined],
      [2, 3, 1],
    ],
    ["a swap by sums", [1, 2], (a, b) => [tf.assignAdd(a, b), tf.assignSub(b, a)], [3, 1], [3, 1]],
    ["Fibonacci", [2, 1], (a, b) => [tf.assign(a, tf.add(a, b)), tf.assign(b, a)], [3, 2], [3, 2]],
    ["a variable assigned to itself", [4], (v) => [tf.assign(v, v)], [4], [4]],
    ["a variable added to itself", [4], (v) => [tf.assignAdd(v, v)], [8], [8]],
    ["unordered updates: in order of creation", [1], (v) => [tf.assign(v, 10), tf.assignAdd(v, 2)], [12, 12], [12]],
    ["the other way round", [1], (v) => [tf.assignAdd(v, 2), tf.assign(v, 10)], [10, 10], [10]],
    ["fetched the other way round", [1], (v) => [tf.assign(v, 10), tf.assignAdd(v, 2)].reverse(), [12, 12], [12]],
    // At 2²⁴ one more is lost in rounding: 1 and then 2 is not 2 and then 1.
    [
      "two sums",
      [2 ** 24],
      (v) => [tf.assignAdd(v, 1).op, tf.assignAdd(v, 2)],
      [undefined, 2 ** 24 + 2],
      [2 ** 24 + 2],
    ],
    [
      "two sums reversed",
      [2 ** 24],
      (v) => [tf.assignAdd(v, 2), tf.assignAdd(v, 1)],
      [2 ** 24 + 4, 2 ** 24 + 4],
      [2 ** 24 + 4],
    ],
    [
      "an edge outweighs the order of creation",
      [1],
      (v) => {
        const first = tf.assignAdd(v, 2);
        const reset = tf.assign(v, 10);
        first.op.addControlInput(reset.op);
        return [first];
      },
      [12],
      [12],
    ],
    ["an update of an update", [1], (v) => [tf.assignAdd(update(v), 10)], [12], [12]],
    ["an update nobody asks for", [1], (v) => [(update(v), tf.multiply(v, 3))], [3], [1]],
  ];

  test.each(rows)("%s", async (_, initial, build, answer, after) => {
    for (const planner of planners) {
      const floats = initial.map((value) => Float32Array.of(value));
      const squeezed = floats.map((data) => ({ data, shape: [] }));
      const { session, variables, made } = await fresh(squeezed, build, planner);
      expect(numbers(await session.run(made)), JSON.stringify(planner)).toEqual(answer);
      expect(numbers(await session.run(variables)), JSON.stringify(planner)).toEqual(after);
    }
  });
});

describe("mistakes", () => {
  const graph = new tf.Graph();
  const { v, x } = graph.asDefault(() => ({
    v: tf.variable([1.5, 2.5], { name: "v" }),
    x: tf.placeholder(tf.float32, [2], "x"),
  }));
  const run = async (build: () => tf.Tensor | tf.Variable): Promise<unknown> =>
    (await tf.Session.create({ graph })).run(graph.asDefault(build));

  test.each<[string, () => unknown, string]>([
    [
      "no variable",
      () => tf.assign(x, [1, 2]),
      "InvalidArgumentError: Assign needs a variable, 'x:0' is a plain tensor.",
    ],
    [
      "the read of a variable",
      () => tf.assignAdd(v.value(), [1, 2]),
      "InvalidArgumentError: AssignAdd needs a variable, 'v/read:0' is a plain tensor.",
    ],
    [
      "another shape",
      () => tf.assignSub(v, [1, 2, 3], "minus"),
      "InvalidArgumentError: Dimension 0 in both shapes must be equal, but are 2 and 3. Shapes are [2] and [3] for 'minus' (op: 'AssignSub') with input shapes: [2], [3].",
    ],
    [
      "another rank",
      () => tf.assign(v, 1, { name: "set" }),
      "InvalidArgumentError: Shapes must be equal rank, but are 1 and 0 for 'set' (op: 'Assign') with input shapes: [2], [].",
    ],
    [
      "another dtype",
      () =>
        tf.assign(
          v,
          tf.reshape(
            graph.asDefault(() => tf.constant([1, 2])),
            [2],
          ),
        ),
      "InvalidArgumentError: Tensor 'Reshape:0' has the dtype int32, float32 is needed.",
    ],
    [
      "another shape without validation: the memory of a variable is its own",
      () => run(() => tf.assign(v, [1, 2, 3], { validateShape: false, name: "grow" })),
      "UnimplementedError: 'grow' (op: 'Assign') cannot give a variable of shape [2] a value of shape [3]: variables keep their shape.",
    ],
    [
      "a dtype without a kernel",
      () => run(() => tf.assignSub(tf.variable(1n), 1n, "less")),
      "UnimplementedError: 'less' (op: 'AssignSub') is not supported for int64; supported: float32, int32.",
    ],
    [
      "a variable without a value",
      () => run(() => v),
      "FailedPreconditionError: Attempting to use uninitialized value 'v'. Run globalVariablesInitializer() or restore a checkpoint first.",
    ],
    [
      "a sum onto a variable without a value",
      () => run(() => tf.assignAdd(v, [1, 2])),
      "FailedPreconditionError: Attempting to use uninitialized value 'v'. Run globalVariablesInitializer() or restore a checkpoint first.",
    ],
  ])("%s", (_, body, message) => expectMistake(body, message));
});
