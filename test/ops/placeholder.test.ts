// Placeholder and PlaceholderWithDefault.
import { describe, expect, test } from "vitest";
import { attr } from "../../src/graph/attr.ts";
import { Placeholder, PlaceholderWithDefault } from "../../src/ops/placeholder.ts";
import * as tf from "../../src/entry/node.ts";
import { checkGradient } from "../helpers/gradientCheck.ts";
import { expectMistake, inferred, sizes, values } from "../helpers/ops.ts";

async function sessionOn<T>(build: () => T): Promise<{ session: tf.Session; made: T }> {
  const graph = new tf.Graph();
  const made = graph.asDefault(build);
  return { session: await tf.Session.create({ graph }), made };
}

test("shapes come from the attribute", () => {
  expect(inferred(Placeholder, "", { attrs: { shape: attr.shape([null, 3]) } })).toBe("[?,3]");
  expect(inferred(Placeholder, "", { attrs: { shape: attr.shape(null) } })).toBe("?");
  expect(inferred(Placeholder, "")).toBe("?");
  expect(inferred(PlaceholderWithDefault, "[2]", { attrs: { shape: attr.shape([null]) } })).toBe("[?]");
});

test("a placeholder gives what it is fed, in any shape it declares", async () => {
  const { session, made } = await sessionOn(() => [
    tf.placeholder(tf.float32, [null, 2]),
    tf.placeholder(tf.float32),
    tf.placeholder(tf.bool, []),
  ]);
  expect(made.map(({ name, shape }) => [name, shape])).toEqual([
    ["Placeholder:0", [null, 2]],
    ["Placeholder_1:0", null],
    ["Placeholder_2:0", []],
  ]);
  for (const n of sizes) {
    const data = Float32Array.from({ length: 2 * n }, (_, i) => i / 3);
    const [pairs, any, flag] = made;
    const feeds = new Map<tf.Tensor, tf.FeedValue>([
      [pairs, data],
      [any, { data, shape: [2, n] }],
      [flag, true],
    ]);
    const [a, b, c] = await session.run([pairs, any, flag], feeds);
    expect([a.shape, b.shape, c.item()]).toEqual([[n, 2], [2, n], true]);
    expect([a.data, b.data]).toEqual([data, data]);
  }
});

test("a default is used unless something is fed, for that run", async () => {
  const { session, made } = await sessionOn(() => tf.placeholderWithDefault([1.5, 2.5], [null], "rate"));
  expect(made.graph.operations.map((op) => [op.name, op.type])).toEqual([
    ["rate/input", "Const"],
    ["rate", "PlaceholderWithDefault"],
  ]);
  expect((await session.run(made)).toNested()).toEqual([1.5, 2.5]);
  expect((await session.run(made, { "rate:0": [1, 2, 3] })).toNested()).toEqual([1, 2, 3]);
  expect((await session.run(made)).toNested()).toEqual([1.5, 2.5]);
});

test("a default may be a variable", async () => {
  const { session, made } = await sessionOn(() => {
    const rate = tf.variable(0.5, { name: "rate" });
    return { doubled: tf.multiply(tf.placeholderWithDefault(rate, [], "given"), 2), init: rate.initializer };
  });
  await session.run(made.init);
  expect((await session.run(made.doubled)).item()).toBe(1);
  expect((await session.run(made.doubled, { "given:0": 4 })).item()).toBe(8);
});

describe("mistakes", () => {
  test.each<[string, () => unknown, string]>([
    [
      "no dtype",
      () => tf.placeholder(undefined as never, [2], "x"),
      "placeholder 'x' cannot have the dtype undefined.",
    ],
    [
      "a dtype without memory",
      () => tf.placeholder(tf.string),
      "placeholder 'Placeholder' cannot have the dtype string.",
    ],
    [
      "a shape that is none",
      () => tf.placeholder(tf.float32, 3 as never, "x"),
      "The shape of placeholder 'x' must be an array or null, got 3.",
    ],
    [
      "a negative size",
      () => tf.placeholder(tf.float32, [-1, 3], "x"),
      "The shape of placeholder 'x' has the dimension -1; use an integer of at least 0, or null for unknown.",
    ],
    [
      "a default of another shape",
      () => tf.placeholderWithDefault([1, 2], [null, 2], "x"),
      "The default of placeholderWithDefault 'x' has the shape [2], which is not [?,2].",
    ],
    [
      "a default of another size",
      () => tf.placeholderWithDefault([1, 2], [3], "x"),
      "The default of placeholderWithDefault 'x' has the shape [2], which is not [3].",
    ],
    [
      "no feed",
      async () => {
        const { session, made } = await sessionOn(() => tf.negative(tf.placeholder(tf.float32, [null, 2], "x")));
        await session.run(made);
      },
      "You must feed a value for placeholder tensor 'x' with dtype float and shape [?,2].",
    ],
    [
      "a default replaced by another shape",
      async () => {
        const { session, made } = await sessionOn(() => tf.placeholderWithDefault(1.5, [], "x"));
        await session.run(made, { "x:0": [1, 2] });
      },
      "Cannot feed value of shape [2] for Tensor 'x:0', which has shape [].",
    ],
  ])("%s", (_, body, message) => expectMistake(body, `InvalidArgumentError: ${message}`));
});

test("PlaceholderWithDefault: gradient", () =>
  checkGradient(
    ([x]) => tf.square(tf.placeholderWithDefault(x, [5])),
    [values([5])],
    ([x]) => x.map((value) => value * value),
  ));
