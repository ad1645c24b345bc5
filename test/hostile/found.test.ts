// What hostile requests have found, as the smallest graphs that showed it.
import { describe, expect, test } from "vitest";
import * as tf from "../../src/entry/node.ts";

const float = { type: "DT_FLOAT" };
const int = { type: "DT_INT32" };

/** An int32 constant of one value, whatever its shape. */
function shapeConst(size: string): object {
  const tensor = { dtype: "DT_INT32", tensorShape: { dim: [{ size }] }, intVal: [4] };
  return { name: "shape", op: "Const", attr: { dtype: int, value: { tensor } } };
}

function importNodes(...node: object[]): Promise<tf.Graph> {
  return tf.importMetaGraph({ metaInfoDef: {}, graphDef: { node } });
}

async function sessionOf(...node: object[]): Promise<tf.Session> {
  return tf.Session.create({ graph: await importNodes(...node) });
}

describe("a node that lacks an input", () => {
  test("is refused where its shape rule asks for it", async () => {
    const random = { name: "r", op: "RandomUniform", input: ["^n"], attr: { T: int, dtype: float } };
    await expect(importNodes({ name: "n", op: "NoOp" }, random)).rejects.toThrow(
      "Node 'r' (op: 'RandomUniform') lacks its input 0",
    );
  });

  test("is refused where no rule asks for it", async () => {
    const node = { name: "p", op: "PlaceholderWithDefault", attr: { dtype: float, shape: { shape: {} } } };
    await expect(importNodes(node)).rejects.toThrow("Node 'p' (op: 'PlaceholderWithDefault') lacks its input 0.");
  });
});

test("a generator whose seed is none: the run is refused, and later runs are stored", async () => {
  const attr = { T: int, dtype: float, seed: { f: 1 }, seed2: { i: "0" } };
  const session = await sessionOf(shapeConst("1"), { name: "r", op: "RandomUniform", input: ["shape"], attr });
  await expect(session.run("r:0")).rejects.toThrow("needs an attribute 'seed' of kind i");
  await session.run("shape:0");
  expect(session.takeChanges().generators).toEqual({});
  session.close();
});

describe("a Merge", () => {
  const value = (name: string, dtype: string, of: object): object => ({
    name,
    op: "Const",
    attr: { dtype: { type: dtype }, value: { tensor: { dtype, ...of } } },
  });
  const x = value("x", "DT_FLOAT", { floatVal: [2] });
  const isTrue = { name: "flag", op: "Placeholder", attr: { dtype: { type: "DT_BOOL" }, shape: { shape: {} } } };
  const branches = { name: "switch", op: "Switch", input: ["x", "flag"], attr: { T: float } };
  const merge = (...input: string[]): object => ({
    name: "merge",
    op: "Merge",
    input,
    attr: { T: float, N: { i: "2" } },
  });

  test("behind an operation that is not supported: the other branch runs, this one is refused by name", async () => {
    const unknown = { name: "branch/op", op: "NoSuchOp", input: ["switch:0"], attr: { T: float } };
    const neg = { name: "branch/neg", op: "Neg", input: ["switch:1"], attr: { T: float } };
    const session = await sessionOf(x, isTrue, branches, unknown, neg, merge("branch/op", "branch/neg"));
    expect((await session.run("merge:0", { "flag:0": true })).item()).toBe(-2);
    await expect(session.run("merge:0", { "flag:0": false })).rejects.toThrow(
      "Operation 'branch/op' (op: 'NoSuchOp') cannot run: 'NoSuchOp' is not supported; FEATURES.md lists what is.",
    );
    session.close();
  });

  test("of two types is refused", async () => {
    const whole = value("n", "DT_INT64", { int64Val: ["3"] });
    await expect(importNodes(x, whole, merge("x", "n"))).rejects.toThrow(
      "Input 1 of node 'merge' (op: 'Merge') was passed int64 from 'n:0' incompatible with expected float32: cast it.",
    );
  });
});

describe("a shape of few bytes and many numbers", () => {
  const consumers: [op: string, node: object][] = [
    ["RandomUniform", { op: "RandomUniform", input: ["shape"], attr: { T: int, dtype: float } }],
    ["Reshape", { op: "Reshape", input: ["x", "shape"], attr: { T: float, Tshape: int } }],
    ["Fill", { op: "Fill", input: ["shape", "x"], attr: { T: float, index_type: int } }],
    ["Mean", { op: "Mean", input: ["x", "shape"], attr: { T: float, Tidx: int } }],
  ];
  const x = {
    name: "x",
    op: "Const",
    attr: { dtype: float, value: { tensor: { dtype: "DT_FLOAT", floatVal: [1] } } },
  };

  test.each(consumers.flatMap(([op, node]) => ["33554432", "1099511627776"].map((size) => [op, size, node] as const)))(
    "%s of %s dimensions is refused in one sentence",
    async (_op, size, node) => {
      const error = await importNodes(x, shapeConst(size), { name: "r", ...node }).then(
        async (graph) => {
          const session = await tf.Session.create({ graph });
          return session.run("r:0").catch((reason: unknown) => reason);
        },
        (reason: unknown) => reason,
      );
      expect(error).toBeInstanceOf(tf.errors.TrainletError);
      expect((error as Error).message.length).toBeLessThan(500);
    },
  );
});
