// Identity, StopGradient, NoOp and group.
import { describe, expect, test } from "vitest";
import { Identity, NoOp, StopGradient } from "../../src/ops/identity.ts";
import * as tf from "../../src/entry/node.ts";
import { evaluate, expectMistake, expectShapes, sizes, values } from "../helpers/ops.ts";

test("shapes", () => {
  for (const definition of [Identity, StopGradient])
    expectShapes(definition, [
      ["[?,2]", "[?,2]"],
      ["?", "?"],
    ]);
  expectShapes(NoOp, [["", ""]]);
});

test.each([
  ["Identity", tf.identity],
  ["StopGradient", tf.stopGradient],
] as const)("%s passes its input on without a step", async (type, op) => {
  for (const n of sizes) {
    const x = values([n]);
    const { results } = await evaluate((input) => [op(input(x)), op(op(tf.negative(input(x))))]);
    expect(results[0].data).toEqual(x.data);
    expect(results[1].data).toEqual(x.data.map((item) => -item));
  }
  const graph = new tf.Graph();
  const tensor = graph.asDefault(() => op(tf.constant([1, 2])));
  expect([tensor.op.type, tensor.name, tensor.dtype]).toEqual([type, `${type}:0`, tf.int32]);
  const session = await tf.Session.create({ graph });
  expect(session.plan(tensor).parts.steps).toEqual([]);
});

test("an identity of a variable is no reference", () => {
  new tf.Graph().asDefault(() => {
    const v = tf.variable(1);
    expect(v.ref.dtype).toBe(tf.int32.ref);
    expect(tf.identity(v).dtype).toBe(tf.int32);
  });
});

test("PreventGradient passes a value on, and no gradient", async () => {
  const node = (name: string, op: string, more: object): object => ({ name, op, ...more });
  const graph = await tf.importMetaGraph({
    graphDef: {
      node: [
        node("x", "Placeholder", { attr: { dtype: { type: "DT_FLOAT" }, shape: { shape: { dim: [{ size: "2" }] } } } }),
        node("y", "PreventGradient", {
          input: ["x"],
          attr: { T: { type: "DT_FLOAT" }, message: { s: "bm90IHR3aWNl" } },
        }),
      ],
    },
  });
  const session = await tf.Session.create({ graph });
  expect((await session.run("y:0", { "x:0": [1, 2] })).toNested()).toEqual([1, 2]);
  await expectMistake(
    () => tf.gradients(graph.getTensorByName("y:0"), [graph.getTensorByName("x:0")]),
    "NotFoundError: Gradient explicitly disabled at 'y' (op: 'PreventGradient'). Reason: not twice.",
  );
});

describe("group and noOp", () => {
  test("run what they depend on and give undefined", async () => {
    const graph = new tf.Graph();
    const { a, b, all, init } = graph.asDefault(() => {
      const a = tf.variable(1);
      const b = tf.variable(1);
      const all = tf.group([tf.assignAdd(a, 1).op, tf.assignAdd(b, 2), a]);
      return { a, b, all, init: tf.globalVariablesInitializer() };
    });
    expect([all.name, all.type]).toEqual(["group_deps", "NoOp"]);
    expect(all.controlInputs.map(({ name }) => name)).toEqual(["AssignAdd", "AssignAdd_1", "Variable/read"]);
    const session = await tf.Session.create({ graph });
    expect(await session.run(init)).toBeUndefined();
    expect(await session.run(all)).toBeUndefined();
    expect((await session.run([a, b])).map((value) => value.item())).toEqual([2, 3]);
  });

  test("of nothing, and with names", async () => {
    const graph = new tf.Graph();
    const ops = graph.asDefault(() => [tf.group([]), tf.noOp(), tf.noOp(), tf.noOp("nothing")]);
    expect(ops.map((op) => op.name)).toEqual(["group_deps", "NoOp", "NoOp_1", "nothing"]);
    const session = await tf.Session.create({ graph });
    expect(await session.run(ops)).toEqual([undefined, undefined, undefined, undefined]);
  });

  test("of another graph's operations are refused", () => {
    const other = new tf.Graph().asDefault(() => tf.noOp("there"));
    const here = new tf.Graph().asDefault(() => tf.noOp("here"));
    return expectMistake(
      () => tf.group([here, other]),
      "InvalidArgumentError: Control input <Operation 'there' type=NoOp> is not an element of this graph.",
    );
  });
});
