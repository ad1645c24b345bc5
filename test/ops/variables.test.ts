// Making variables: names, scopes, reuse, collections.
import { beforeEach, describe, expect, test } from "vitest";
import * as tf from "../../src/entry/node.ts";
import { expectMistake } from "../helpers/ops.ts";

beforeEach(() => tf.resetDefaultGraph());

const zeros = { initializer: tf.zerosInitializer() };
const nodes = (): string[] => tf.getDefaultGraph().operations.map((op) => op.name);

describe("getVariable", () => {
  test("its nodes, colocated with it", () => {
    tf.getVariable("w", [2], zeros);
    expect(nodes()).toEqual(["w/Initializer/zeros", "w", "w/Assign", "w/read"]);
    for (const op of tf.getDefaultGraph().operations) expect(op.colocationGroups).toEqual(["loc:@w"]);
  });

  test("the default initializer: Glorot uniform", () => {
    tf.getVariable("w", [2, 3]);
    const names = ["shape", "min", "max", "RandomUniform", "sub", "mul"].map((name) => `random_uniform/${name}`);
    const initializer = [...names, "random_uniform"].map((name) => `w/Initializer/${name}`);
    expect(nodes()).toEqual([...initializer, "w", "w/Assign", "w/read"]);
  });

  test("the object", () => {
    const w = tf.getVariable("w", [2], { ...zeros, dtype: tf.int32 });
    expect([w.name, w.shape, w.dtype, w.trainable]).toEqual(["w:0", [2], tf.int32, true]);
    expect([w.ref.name, w.value().name, w.initializer.name, w.initialValue.name]).toEqual([
      "w:0",
      "w/read:0",
      "w/Assign",
      "w/Initializer/zeros:0",
    ]);
    expect(w.ref.dtype).toBe(tf.int32.ref);
    expect(w.graph).toBe(tf.getDefaultGraph());
  });

  test("collections", () => {
    const a = tf.getVariable("a", [1], zeros);
    const b = tf.getVariable("b", [1], { ...zeros, trainable: false });
    const c = tf.getVariable("c", [1], { ...zeros, collections: ["mine"], trainable: false });
    expect(tf.globalVariables()).toEqual([a, b]);
    expect(tf.trainableVariables()).toEqual([a]);
    expect(tf.getCollection("mine")).toEqual([c]);
  });

  test("a regularizer's loss is collected, once", () => {
    const regularizer = (weights: tf.Tensor): tf.Tensor => tf.reduceSum(tf.square(weights));
    const make = (): tf.Variable => tf.getVariable("w", [2], { ...zeros, regularizer });
    tf.variableScope("layer", make);
    tf.variableScope("layer", make, { reuse: true });
    tf.getVariable("free", [2], { ...zeros, regularizer: () => null });
    const losses = tf.getCollection<tf.Tensor>(tf.GraphKeys.REGULARIZATION_LOSSES);
    expect(losses.map(({ name }) => name)).toEqual(["layer/w/Regularizer/Sum:0"]);
  });

  test("made inside cond or control dependencies it belongs to neither", async () => {
    const before = tf.noOp("before");
    const flag = tf.placeholder(tf.bool, [], "flag");
    const get = (): tf.Variable => tf.getVariable("w", [1], zeros);
    tf.controlDependencies([before], () => tf.cond(flag, get, () => tf.zeros([1])));
    const made = tf.getDefaultGraph().operations.filter((op) => op.name.startsWith("w"));
    expect(made.flatMap((op) => op.controlInputs)).toEqual([]);
    const session = await tf.Session.create();
    await session.run(tf.globalVariablesInitializer());
    expect((await session.run("w:0")).toNested()).toEqual([0]);
  });
});

describe("variableScope", () => {
  test("prefixes variables, and opens a name scope of its own each time", () => {
    const body = (): string[] => [tf.noOp("op").name];
    const [first, second] = [
      tf.variableScope("a", (scope) => [scope.name, scope.nameScope, ...body(), tf.getVariable("v", [1], zeros).name]),
      tf.variableScope("a", (scope) => [scope.name, scope.nameScope, ...body(), tf.getVariable("w", [1], zeros).name]),
    ];
    expect(first).toEqual(["a", "a/", "a/op", "a/v:0"]);
    expect(second).toEqual(["a", "a_1/", "a_1/op", "a/w:0"]);
  });

  test("nests", () => {
    const v = tf.variableScope("a", () => tf.variableScope("b", () => tf.getVariable("v", [1], zeros)));
    expect([v.name, v.value().name]).toEqual(["a/b/v:0", "a/b/v/read:0"]);
  });

  test("a name scope does not prefix getVariable's variables", () => {
    expect(tf.nameScope("n", () => tf.getVariable("v", [1], zeros)).name).toBe("v:0");
  });

  test("reuse", () => {
    const get = (): tf.Variable => tf.getVariable("v", [1], zeros);
    const v = tf.variableScope("a", get);
    expect(tf.variableScope("a", get, { reuse: true })).toBe(v);
    expect(tf.variableScope("a", get, { reuse: "auto" })).toBe(v);
    const w = tf.variableScope("b", get, { reuse: "auto" });
    expect(w.name).toBe("b/v:0");
    const inner = (): tf.Variable => tf.variableScope("c", get, { reuse: false });
    const made = tf.variableScope("b", inner);
    expect(tf.variableScope("b", inner, { reuse: true }), "reuse is inherited").toBe(made);
  });

  test("each graph has its own", () => {
    const graphs = [new tf.Graph(), new tf.Graph()];
    const names = graphs.map((graph) => graph.asDefault(() => tf.getVariable("v", [1], zeros).name));
    expect(names).toEqual(["v:0", "v:0"]);
  });

  test.each<[string, () => unknown, string]>([
    [
      "twice without reuse",
      () => [1, 2].map(() => tf.variableScope("a", () => tf.getVariable("v", [1], zeros))),
      'Variable a/v already exists, disallowed. Did you mean to set reuse: true or reuse: "auto" in variableScope?',
    ],
    [
      "reuse of nothing",
      () => tf.variableScope("a", () => tf.getVariable("v", [1], zeros), { reuse: true }),
      'Variable a/v does not exist, or was not created with getVariable(). Did you mean to set reuse: "auto" in variableScope?',
    ],
    ["no shape", () => tf.getVariable("v"), "Shape of a new variable (v) must be fully defined, got none."],
    [
      "an open shape",
      () => tf.getVariable("v", [null, 2]),
      "Shape of a new variable (v) must be fully defined, got [null,2].",
    ],
    [
      "reuse with another shape",
      () => [1, 2].map((n) => tf.variableScope("a", () => tf.getVariable("v", [n], zeros), { reuse: "auto" })),
      "Trying to share variable a/v, but specified shape [2] and found shape [1].",
    ],
    [
      "reuse with another dtype",
      () =>
        [tf.float32, tf.int32].map((dtype) =>
          tf.variableScope("a", () => tf.getVariable("v", [1], { ...zeros, dtype }), { reuse: "auto" }),
        ),
      "Trying to share variable a/v, but specified dtype int32 and found dtype float32.",
    ],
  ])("%s", (_, body, message) => expectMistake(body, `InvalidArgumentError: ${message}`));
});

describe("variable", () => {
  test("its nodes", () => {
    const names = (name: string): string[] => [`${name}/initial_value`, name, `${name}/Assign`, `${name}/read`];
    tf.variable(1.5);
    tf.variable([1, 2], { name: "v" });
    tf.nameScope("s", () => tf.variable(1.5, { name: "v" }));
    tf.variable(tf.zeros([2]));
    expect(nodes()).toEqual([
      ...names("Variable"),
      ...names("v"),
      ...names("s/v"),
      "zeros",
      ...names("Variable_1").slice(1),
    ]);
  });

  test("shape and dtype are the value's", () => {
    const rows = [tf.variable([[1, 2]]), tf.variable(true), tf.variable(1, { dtype: tf.float32 }), tf.variable(2n)];
    expect(rows.map(({ shape, dtype }) => [shape, dtype.name])).toEqual([
      [[1, 2], "int32"],
      [[], "bool"],
      [[], "float32"],
      [[], "int64"],
    ]);
  });

  test("collections", () => {
    const [a, b] = [tf.variable(1.5), tf.variable(1.5, { trainable: false, collections: ["mine"] })];
    expect([tf.globalVariables(), tf.trainableVariables(), tf.getCollection("mine")]).toEqual([[a], [a], [b]]);
  });
});

test("globalVariablesInitializer sets all of them, again too", async () => {
  const [a, b] = [tf.variable([1.5, 2]), tf.getVariable("b", [2], { initializer: tf.onesInitializer() })];
  const update = tf.assignAdd(a, [1, 1]);
  const init = tf.globalVariablesInitializer();
  expect([init.name, init.type, init.controlInputs.map(({ name }) => name)]).toEqual([
    "init",
    "NoOp",
    ["Variable/Assign", "b/Assign"],
  ]);
  const session = await tf.Session.create();
  for (let i = 0; i < 2; i++) {
    await session.run(init);
    expect((await session.run([a, b])).map((value) => value.toNested())).toEqual([
      [1.5, 2],
      [1, 1],
    ]);
    await session.run(update);
  }
});
