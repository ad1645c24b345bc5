/** Resource variables, as graphs of TensorFlow 2's compat.v1 have them: imported, since no builder makes them. */
import { expect, test } from "vitest";
import * as tf from "../../src/entry/node.ts";
import { values } from "../helpers/ops.ts";
import { checkGradient } from "../helpers/gradientCheck.ts";

const node = (name: string, op: string, input: string[] = [], attr: object = {}): object => ({ name, op, input, attr });
const float = { type: "DT_FLOAT" };
const vector = { shape: { dim: [{ size: "3" }] } };
const constant = (name: string, values: number[]): object =>
  node(name, "Const", [], {
    dtype: float,
    value: { tensor: { dtype: "DT_FLOAT", tensorShape: { dim: [{ size: String(values.length) }] }, floatVal: values } },
  });

async function open(...more: object[]): Promise<tf.Session> {
  const nodes = [
    node("v", "VarHandleOp", [], { dtype: float, shape: vector, container: { s: "" }, shared_name: { s: "dg==" } }),
    constant("first", [1, 2, 3]),
    node("v/Assign", "AssignVariableOp", ["v", "first"], { dtype: float }),
    node("v/Read/ReadVariableOp", "ReadVariableOp", ["v"], { dtype: float }),
    constant("delta", [0.5, 1, 2]),
    node("add", "AssignAddVariableOp", ["v", "delta"], { dtype: float }),
    node("sub", "AssignSubVariableOp", ["v", "delta"], { dtype: float }),
    ...more,
  ];
  const graph = await tf.importMetaGraph({ graphDef: { node: nodes } }, { partial: true });
  return tf.Session.create({ graph, planner: { poison: true } });
}

test("assigned, read, added to, subtracted from", async () => {
  const session = await open();
  await expect(session.run("v/Read/ReadVariableOp:0")).rejects.toThrow("Attempting to use uninitialized value 'v'");
  await session.run("v/Assign");
  expect((await session.run("v/Read/ReadVariableOp:0")).toNested()).toEqual([1, 2, 3]);
  await session.run("add", undefined, { repeat: 2 });
  expect((await session.run("v/Read/ReadVariableOp:0")).toNested()).toEqual([2, 4, 7]);
  await session.run("sub");
  expect(session.variables().get("v")).toMatchObject({
    shape: [3],
    dtype: "float32",
    data: new Float32Array([1.5, 3, 5]),
  });
});

test("what has no path from an update sees the old value, what reads after it the new one", async () => {
  const session = await open(
    node("before", "Neg", ["v/Read/ReadVariableOp"], { T: float }),
    node("read_after", "ReadVariableOp", ["v", "^add"], { dtype: float }),
    node("after", "Neg", ["read_after"], { T: float }),
  );
  await session.run("v/Assign");
  const [, before, after] = await session.run(["add", "before:0", "after:0"]);
  expect([before!.toNested(), after!.toNested()]).toEqual([
    [-1, -2, -3],
    [-1.5, -3, -5],
  ]);
});

test("its shape is a value; loading and checkpoints know it", async () => {
  const session = await open(node("shape", "VariableShape", ["v"], { out_type: { type: "DT_INT32" } }));
  expect((await session.run("shape:0")).toNested()).toEqual([3]);
  session.load({ v: [7, 8, 9] });
  const checkpoint = await session.checkpoint();
  const other = await open();
  await other.restore(checkpoint);
  expect((await other.run("v/Read/ReadVariableOp:0")).toNested()).toEqual([7, 8, 9]);
  expect(() => session.load({ v: [1] })).toThrow(
    "Cannot feed value of shape [1] for Tensor 'v:0', which has shape [3].",
  );
});

test("another shape or dtype is refused", async () => {
  await expect(
    open(constant("pair", [1, 2]), node("wrong", "AssignVariableOp", ["v", "pair"], { dtype: float })),
  ).rejects.toThrow(
    "Dimension 0 in both shapes must be equal, but are 3 and 2. Shapes are [3] and [2] for 'wrong' (op: 'AssignVariableOp')",
  );
});

test("VarIsInitializedOp tells whether a variable had a value when the run began", async () => {
  const session = await open(node("known", "VarIsInitializedOp", ["v"]));
  expect((await session.run("known:0")).item()).toBe(false);
  await session.run("v/Assign");
  expect((await session.run("known:0")).item()).toBe(true);
});

test("behind the operation that gives the variable a value the question is refused", async () => {
  const session = await open(node("known", "VarIsInitializedOp", ["v", "^v/Assign"]));
  await expect(session.run("known:0")).rejects.toThrow(
    "Operation 'known' (op: 'VarIsInitializedOp') cannot run: it is told whether 'v' has a value at the beginning of the run, but stands behind 'v/Assign', which gives it one; ask in a run of its own.",
  );
});

test("a variable's value or else its initial one, as initialized_value() builds it", async () => {
  const session = await open(
    node("cond/known", "VarIsInitializedOp", ["v"]),
    node("cond/Switch", "Switch", ["v/Read/ReadVariableOp", "cond/known"], { T: float }),
    node("cond/Switch_1", "Switch", ["other", "cond/known"], { T: float }),
    node("cond/Merge", "Merge", ["cond/Switch_1", "cond/Switch:1"], { T: float, N: { i: "2" } }),
    constant("other", [4, 5, 6]),
  );
  expect((await session.run("cond/Merge:0")).toNested()).toEqual([4, 5, 6]);
  await session.run("v/Assign");
  expect((await session.run("cond/Merge:0")).toNested()).toEqual([1, 2, 3]);
});

test("ReadVariableOp: gradient", () =>
  checkGradient(
    ([x]) => {
      const v = tf.variable([1, -2, 3, 0.5, 2], { dtype: tf.float32, useResource: true });
      return tf.multiply(tf.square(v), tf.add(x, tf.gradients(tf.square(v), [v])[0]!));
    },
    [values([5])],
    ([x]) => [1, -2, 3, 0.5, 2].map((value, i) => value * value * (x[i] + 2 * value)),
  ));
