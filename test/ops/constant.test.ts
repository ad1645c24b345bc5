// Const, and how plain values become tensors.
import { describe, expect, test } from "vitest";
import { attr } from "../../src/graph/attr.ts";
import { convertToTensor, createOp } from "../../src/ops/build.ts";
import { Const } from "../../src/ops/constant.ts";
import * as tf from "../../src/entry/node.ts";
import { expectMistake, inferred } from "../helpers/ops.ts";

async function fetch(build: () => tf.Tensor): Promise<tf.FetchedTensor> {
  const graph = new tf.Graph();
  const tensor = graph.asDefault(build);
  const session = await tf.Session.create({ graph });
  return session.run(tensor);
}

test.each<[string, tf.FeedValue, Parameters<typeof tf.constant>[1], tf.FetchedTensor]>([
  ["whole numbers are int32", [1, 2], {}, new tf.FetchedTensor(Int32Array.of(1, 2), [2], "int32")],
  ["others are float32", [1, 2.5], {}, new tf.FetchedTensor(Float32Array.of(1, 2.5), [2], "float32")],
  ["booleans", [[true], [false]], {}, new tf.FetchedTensor(Uint8Array.of(1, 0), [2, 1], "bool")],
  ["bigints are int64", 2n ** 40n, {}, new tf.FetchedTensor(BigInt64Array.of(2n ** 40n), [], "int64")],
  ["a dtype", 1, { dtype: tf.float32 }, new tf.FetchedTensor(Float32Array.of(1), [], "float32")],
  ["int64 of numbers", [-1], { dtype: tf.int64 }, new tf.FetchedTensor(BigInt64Array.of(-1n), [1], "int64")],
  ["float64", 0.1, { dtype: tf.float64 }, new tf.FetchedTensor(Float64Array.of(0.1), [], "float64")],
  ["one value fills", 7, { shape: [2, 2] }, new tf.FetchedTensor(Int32Array.of(7, 7, 7, 7), [2, 2], "int32")],
  ["a shape", [1, 2], { shape: [2, 1] }, new tf.FetchedTensor(Int32Array.of(1, 2), [2, 1], "int32")],
  ["nothing", [], {}, new tf.FetchedTensor(new Float32Array(0), [0], "float32")],
  [
    "not finite",
    [Number.NaN, -Infinity],
    {},
    new tf.FetchedTensor(Float32Array.of(Number.NaN, -Infinity), [2], "float32"),
  ],
  ["typed arrays", Uint8Array.of(255), {}, new tf.FetchedTensor(Uint8Array.of(255), [1], "uint8")],
  [
    "float64 rounds",
    Float64Array.of(0.1),
    { dtype: tf.float32 },
    new tf.FetchedTensor(Float32Array.of(0.1), [1], "float32"),
  ],
  [
    "data and shape",
    { data: [1, 2], shape: [1, 2] },
    {},
    new tf.FetchedTensor(Float32Array.of(1, 2), [1, 2], "float32"),
  ],
  [
    "a dtype by name",
    { data: [1, 0], shape: [2], dtype: "bool" },
    {},
    new tf.FetchedTensor(Uint8Array.of(1, 0), [2], "bool"),
  ],
])("%s", async (_, value, options, expected) => {
  expect(await fetch(() => tf.constant(value, options))).toEqual(expected);
});

test("the last element repeats where the data is short", async () => {
  const short = { dtype: tf.float32, shape: [5], data: Float32Array.of(1, 2) };
  const graph = new tf.Graph();
  const attrs = { dtype: attr.type(tf.float32), value: attr.tensor(short) };
  const op = graph.asDefault(() => createOp(Const, [], attrs, "short"));
  const session = await tf.Session.create({ graph });
  expect((await session.run(op.outputs[0])).data).toEqual(Float32Array.of(1, 2, 2, 2, 2));
  expect(inferred(Const, "", { attrs: op.attrs })).toBe("[5]");
});

test("names", () => {
  new tf.Graph().asDefault(() => {
    expect([tf.constant(1), tf.constant(1), tf.constant(1, { name: "one" })].map(({ name }) => name)).toEqual([
      "Const:0",
      "Const_1:0",
      "one:0",
    ]);
  });
});

test("convertToTensor: a tensor is itself, a variable its read, anything else a Const", () => {
  new tf.Graph().asDefault(() => {
    const tensor = tf.placeholder(tf.float32, []);
    const variable = tf.variable(1.5);
    expect(convertToTensor(tensor)).toBe(tensor);
    expect(convertToTensor(variable)).toBe(variable.value());
    expect(convertToTensor([1, 2]).op.type).toBe("Const");
  });
});

describe("mistakes", () => {
  const rows: [string, () => unknown, string][] = [
    ["a fraction in int32", () => tf.constant([1, 2.5], { dtype: tf.int32 }), "Expected int32, got 2.5 of type number"],
    ["NaN in int32", () => tf.constant(Number.NaN, { dtype: tf.int32 }), "Expected int32, got NaN of type number"],
    ["a fraction in int64", () => tf.constant(0.5, { dtype: tf.int64 }), "Expected int64, got 0.5 of type number"],
    ["out of range", () => tf.constant(256, { dtype: tf.uint8 }), "Expected uint8, got 256 of type number"],
    ["beyond int32", () => tf.constant(2 ** 31), "Expected int32, got 2147483648 of type number"],
    [
      "a boolean for a number",
      () => tf.constant(true, { dtype: tf.float32 }),
      "Expected float32, got true of type boolean",
    ],
    ["a number for a boolean", () => tf.constant(1, { dtype: tf.bool }), "Expected bool, got 1 of type number"],
    ["both", () => tf.constant([true, 2]), "Expected bool, got 2 of type number"],
    ["a string", () => tf.constant("one" as never, { dtype: tf.float32 }), "Expected float32, got one of type string"],
    ["undefined", () => tf.identity(undefined as never), "Expected float32, got undefined of type undefined"],
  ];
  test.each(rows)("%s", (_, body, message) =>
    expectMistake(body, `InvalidArgumentError: ${message} for the constant.`),
  );

  test.each<[string, () => unknown, string]>([
    [
      "ragged rows",
      () => tf.constant([[1, 2], [3]]),
      "The nested array for the constant is ragged: its rows differ in length.",
    ],
    [
      "ragged depths",
      () => tf.constant([1, [2]]),
      "The nested array for the constant is ragged: its rows differ in depth.",
    ],
    ["too few", () => tf.constant([1, 2], { shape: [3] }), "the constant has 2 elements, its shape [3] needs 3."],
    [
      "data and shape",
      () => tf.constant({ data: [1], shape: [2] }),
      "the constant has 1 elements, its shape [2] needs 2.",
    ],
    ["no such memory", () => tf.constant(1, { dtype: tf.string }), "the constant cannot have the dtype string."],
    [
      "another dtype",
      () =>
        convertToTensor(
          new tf.Graph().asDefault(() => tf.constant(1, { name: "c" })),
          { dtype: tf.float32 },
        ),
      "Tensor 'c:0' has the dtype int32, float32 is needed.",
    ],
  ])("%s", (_, body, message) => expectMistake(body, `InvalidArgumentError: ${message}`));
});
