// Reshape, Squeeze, Fill, and the choice between Const and Fill.
import { describe, expect, test } from "vitest";
import { attr } from "../../src/graph/attr.ts";
import { Fill, Reshape, Squeeze } from "../../src/ops/array.ts";
import * as tf from "../../src/entry/node.ts";
import { checkGradient } from "../helpers/gradientCheck.ts";
import { evaluate, expectMistake, expectShapes, inferred, sizes, values } from "../helpers/ops.ts";

const { fill } = tf;

test("Reshape: shapes", () => {
  const rows: [string, number[], string][] = [
    ["[2,3]", [3, 2], "[3,2]"],
    ["[2,3]", [-1], "[6]"],
    ["[2,3]", [3, -1, 1], "[3,2,1]"],
    ["[]", [1, 1], "[1,1]"],
    ["[1]", [], "[]"],
    ["[0,3]", [3, 0], "[3,0]"],
    ["[?,3]", [-1, 3], "[?,3]"],
    ["?", [4], "[4]"],
    ["[2,3]", [-1, -1], "Only one dimension of a new shape may be -1"],
    ["[2,3]", [4, 2], "Cannot reshape a tensor with 6 elements to shape [4,2] (8 elements)"],
    ["[2,3]", [4, -1], "Cannot reshape a tensor with 6 elements to shape [4,-1] (4 elements)"],
    ["[2,3]", [0, -1], "Cannot reshape a tensor with 6 elements to shape [0,-1] (0 elements)"],
  ];
  for (const [given, shape, expected] of rows) {
    const constants = { 1: shape };
    expect(inferred(Reshape, `${given};[${shape.length}]`, { constants }), `${given} to ${shape.join()}`).toBe(
      expected,
    );
  }
  expect(inferred(Reshape, "[2,3];[2]")).toBe("?");
});

test("Squeeze: shapes", () => {
  expectShapes(Squeeze, [
    ["[1,2,1]", "[2]"],
    ["[1,1]", "[]"],
    ["[?,1]", "?"],
    ["?", "?"],
  ]);
  const attrs = { squeeze_dims: attr.ints([0, -1]) };
  const rows = [
    ["[1,2,1]", "[2]"],
    ["[?,2,1]", "[2]"],
    ["[3,2,1]", "Can not squeeze dim[0], expected a dimension of 1, got 3"],
    ["[]", "Squeeze dimension 0 is not in the range of rank 0"],
  ] as const;
  expectShapes(Squeeze, rows, { attrs });
});

test("Fill: shapes", () => {
  expect(inferred(Fill, "[2];[]", { constants: { 0: [4, 5] } })).toBe("[4,5]");
  expect(inferred(Fill, "[2];[]")).toBe("?");
});

test("reshape and squeeze are views: the same elements, no step", async () => {
  for (const n of sizes) {
    const x = values([1, n, 2]);
    const { results } = await evaluate((input) => {
      const tensor = input(x);
      return [tf.reshape(tensor, [2, -1]), tf.squeeze(tensor), tf.squeeze(tensor, [0]), tf.reshape(tensor, [n * 2])];
    });
    expect(results.map(({ shape }) => shape)).toEqual([[2, n], n === 1 ? [2] : [n, 2], [n, 2], [n * 2]]);
    for (const { data } of results) expect(data).toEqual(x.data);
  }
  const graph = new tf.Graph();
  const x = graph.asDefault(() => tf.reshape(tf.squeeze(tf.zeros([1, 4])), [2, 2]));
  const session = await tf.Session.create({ graph });
  expect(session.plan(x).parts.steps).toEqual([]);
});

test("fill, zeros, ones", async () => {
  for (const n of [0, ...sizes, 1000]) {
    const { results } = await evaluate(() => [
      fill([n], 2.5),
      fill([2, n], -7, { dtype: tf.int32 }),
      tf.zeros([n]),
      tf.ones([n, 2]),
      tf.ones([n], tf.int32),
    ]);
    expect(results.map(({ data }) => data)).toEqual([
      new Float32Array(n).fill(2.5),
      new Int32Array(2 * n).fill(-7),
      new Float32Array(n),
      new Float32Array(2 * n).fill(1),
      new Int32Array(n).fill(1),
    ]);
  }
});

test.each([
  ["zeros", tf.zeros],
  ["ones", tf.ones],
] as const)("%s: a Const below 1000 elements, a Fill from there", (name, make) => {
  const nodes = (shape: number[]): string[][] => {
    const graph = new tf.Graph();
    graph.asDefault(() => make(shape));
    return graph.operations.map((op) => [op.name, op.type]);
  };
  expect(nodes([999])).toEqual([[name, "Const"]]);
  expect(nodes([10, 100])).toEqual([
    [`${name}/shape_as_tensor`, "Const"],
    [`${name}/Const`, "Const"],
    [name, "Fill"],
  ]);
});

test("names of composed nodes", () => {
  const graph = new tf.Graph();
  graph.asDefault(() => {
    tf.reshape(tf.placeholder(tf.float32, [4], "x"), [2, 2]);
    fill([2], 1);
  });
  const names = ["x", "Reshape/shape", "Reshape", "Fill/dims", "Fill/value", "Fill"];
  expect(graph.operations.map((op) => op.name)).toEqual(names);
});

describe("mistakes", () => {
  const graph = new tf.Graph();
  const x = graph.asDefault(() => tf.placeholder(tf.float32, [2, 3], "x"));
  const open = graph.asDefault(() => tf.placeholder(tf.float32, [null, 3], "open"));

  test.each<[string, () => unknown, string]>([
    [
      "elements that do not fit, at build",
      () => tf.reshape(x, [4, 2], "flat"),
      "InvalidArgumentError: Cannot reshape a tensor with 6 elements to shape [4,2] (8 elements) for 'flat' (op: 'Reshape') with input shapes: [2,3], [2].",
    ],
    [
      "elements that do not fit, when fed",
      async () =>
        (await tf.Session.create({ graph })).run(tf.reshape(open, [-1, 2], "even"), {
          "open:0": { data: new Float32Array(9), shape: [3, 3] },
        }),
      "InvalidArgumentError: Cannot reshape a tensor with 9 elements to shape [-1,2] (2 elements) for 'even' (op: 'Reshape') with input shapes: [3,3], [2].",
    ],
    [
      "a dimension that is not 1",
      () => tf.squeeze(x, [1], "less"),
      "InvalidArgumentError: Can not squeeze dim[1], expected a dimension of 1, got 3 for 'less' (op: 'Squeeze') with input shapes: [2,3].",
    ],
    [
      "a fraction in int32",
      () => fill([2], 0.5, { dtype: tf.int32 }),
      "InvalidArgumentError: Expected int32, got 0.5 of type number for the constant.",
    ],
  ])("%s", (_, body, message) => expectMistake(body, message));
});

test.each(sizes)("Reshape, Squeeze, Fill of %i: gradients", async (n) => {
  const x = values([2, 1, n]);
  await checkGradient(
    ([input]) => tf.reshape(tf.square(input), [n, 2]),
    [x],
    ([data]) => data.map((v) => v * v),
  );
  await checkGradient(
    ([input]) => tf.squeeze(tf.square(input), [1]),
    [x],
    ([data]) => data.map((v) => v * v),
  );
  await checkGradient(
    ([input]) => fill([3, n], input),
    [values([])],
    ([data]) => new Float64Array(3 * n).fill(data[0]),
  );
});
