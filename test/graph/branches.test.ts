// Which predicate decides a Merge: found by structure, in graphs that were built, imported, or made by tf.gradients.
import { expect, test } from "vitest";
import { predicateOfMerge } from "../../src/graph/branches.ts";
import { exportMetaGraph, importMetaGraph } from "../../src/formats/index.ts";
import * as tf from "../../src/entry/node.ts";

const mergesOf = (graph: tf.Graph): tf.Operation[] => graph.operations.filter(({ type }) => type === "Merge");

/** A cond in each branch of a cond, branches of constants too. */
function nested(): { graph: tf.Graph; y: tf.Tensor } {
  const graph = new tf.Graph();
  const y = graph.asDefault(() => {
    const [p, q] = ["p", "q"].map((name) => tf.placeholder(tf.bool, [], name));
    const x = tf.placeholder(tf.float32, [2], "x");
    return tf.cond(
      p,
      () => tf.cond(q, () => tf.multiply(tf.square(x), x), () => tf.constant([1, 1], { dtype: tf.float32 })), // prettier-ignore
      () => tf.cond(q, () => tf.square(x), () => tf.negative(x)), // prettier-ignore
    );
  });
  return { graph, y };
}

const placeholderOf = (predicate: tf.Tensor | null): string | undefined => {
  let at = predicate ?? undefined;
  while (at && at.op.type !== "Placeholder") [at] = at.op.inputs;
  return at?.op.name;
};

test("conds in conds", async () => {
  const { graph } = nested();
  const names = (all: tf.Graph): unknown[] => mergesOf(all).map((merge) => placeholderOf(predicateOfMerge(merge)));
  expect(names(graph)).toEqual(["q", "q", "p"]);
  expect(names(await importMetaGraph(await exportMetaGraph(graph)))).toEqual(["q", "q", "p"]);
});

test("what is the result of no cond has no predicate", async () => {
  const graph = await tf.importMetaGraph({
    graphDef: {
      node: [
        ...["a", "b"].map((name) => ({
          name,
          op: "Placeholder",
          attr: { dtype: { type: "DT_FLOAT" }, shape: { shape: { dim: [{ size: "1" }] } } },
        })),
        { name: "m", op: "Merge", input: ["a", "b"], attr: { T: { type: "DT_FLOAT" }, N: { i: "2" } } },
      ],
    },
  });
  expect(predicateOfMerge(graph.getOperationByName("m"))).toBeNull();
  expect(() => tf.gradients(graph.getTensorByName("m:0"), [graph.getTensorByName("a:0")])).toThrow(
    "No gradient through 'm' (op: 'Merge'): it is not the result of a cond.",
  );
});

test.each([
  [true, true, (x: number) => [x ** 3, 3 * x * x, 6 * x]],
  [true, false, () => [1, 0, 0]],
  [false, true, (x: number) => [x * x, 2 * x, 2]],
  [false, false, (x: number) => [-x, -1, 0]],
] as const)("first and second derivatives through conds, p %s, q %s", async (p, q, f) => {
  const { graph, y } = nested();
  for (const program of [graph, await importMetaGraph(await exportMetaGraph(graph))]) {
    const fetches = program.asDefault(() => {
      const x = program.getTensorByName("x:0");
      const value = program.getTensorByName(y.name);
      const dx = tf.gradients(value, [x])[0]!;
      return [value, dx, tf.gradients(dx, [x])[0]!];
    });
    const session = await tf.Session.create({ graph: program });
    const results = await session.run(fetches, { "x:0": [2, -3], "p:0": p, "q:0": q });
    const want = [2, -3].map(f);
    expect(results.map(({ data }) => Array.from(data as Float32Array, (value) => value + 0))).toEqual(
      [0, 1, 2].map((order) => want.map((row) => row[order] + 0)),
    );
    session.close();
  }
});

test("a chain of operations may be long", () => {
  const graph = new tf.Graph();
  const y = graph.asDefault(() => {
    const p = tf.placeholder(tf.bool, [], "p");
    const x = tf.placeholder(tf.float32, [1], "x");
    const deep = (): tf.Tensor => {
      let net = tf.identity(x);
      for (let i = 0; i < 20_000; i++) net = tf.identity(net, "i");
      return net;
    };
    return tf.cond(p, deep, () => tf.negative(x));
  });
  expect(placeholderOf(predicateOfMerge(y.op))).toBe("p");
});
