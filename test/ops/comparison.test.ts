// Comparisons and logic: every broadcasting, NaN, other types, folds and mistakes.
import { describe, expect, test } from "vitest";
import * as tf from "../../src/entry/node.ts";
import { constantValue } from "../../src/ops/build.ts";
import { broadcastWalk, Equal, LogicalAnd } from "../../src/ops/comparison.ts";
import { broadcast, evaluate, expectMistake, expectShapes, sizeOf, sizes, type Values } from "../helpers/ops.ts";
import { createRandom } from "../assembly/harness.ts";

type Comparison = (a: tf.TensorLike, b: tf.TensorLike) => tf.Tensor;

const comparisons: [string, Comparison, (a: number, b: number) => boolean][] = [
  ["Less", tf.less, (a, b) => a < b],
  ["LessEqual", tf.lessEqual, (a, b) => a <= b],
  ["Greater", tf.greater, (a, b) => a > b],
  ["GreaterEqual", tf.greaterEqual, (a, b) => a >= b],
  ["Equal", tf.equal, (a, b) => a === b],
  ["NotEqual", tf.notEqual, (a, b) => a !== b],
];

const pairs: [number[], number[]][] = [
  ...[...sizes, 33].flatMap((n): [number[], number[]][] => [[[n], [n]], [[n], []], [[], [n]], [[3, n], [n]], [[n, 1], [3, 1, 2]], [[2, n, 3], [n, 1]]]), // prettier-ignore
  [[0], [1]],
  [[], []],
];

const random = createRandom(7);
const few = (shape: readonly number[], whole: boolean): Values => {
  const choices = whole ? [0, 1, 2, -5] : [0, -0, 1.5, NaN, Infinity, -Infinity];
  const data = Array.from({ length: sizeOf(shape) }, () => choices[Math.floor(random() * choices.length)]);
  return { data: whole ? Int32Array.from(data) : Float32Array.from(data), shape };
};

describe.each(comparisons)("%s", (type, op, f) => {
  test.each([false, true])("every broadcasting, integers %s", async (whole) => {
    const cases = pairs.map((shapes) => shapes.map((shape) => few(shape, whole)) as [Values, Values]);
    const { results } = await evaluate((input) => cases.map(([a, b]) => op(input(a), input(b))));
    results.forEach(({ data, dtype }, i) => {
      expect(dtype).toBe("bool");
      const want = broadcast((a, b) => Number(f(a, b)), ...cases[i]);
      expect(Array.from(data as Uint8Array), JSON.stringify(pairs[i])).toEqual(want);
    });
  });

  test("int64 and uint8, and a fold", async () => {
    const graph = new tf.Graph();
    const [a, b] = [[1, 5, 3], [1, 3, 5]]; // prettier-ignore
    const fetches = graph.asDefault(() =>
      [tf.int64, tf.uint8].map((dtype) => op(tf.placeholder(dtype, [3], "a"), tf.placeholder(dtype, [3], "b"))),
    );
    const session = await tf.Session.create({ graph });
    const results = await session.run(fetches, { "a:0": a, "b:0": b, "a_1:0": a, "b_1:0": b });
    const want = a.map((x, i) => Number(f(x, b[i])));
    for (const { data } of results) expect(Array.from(data as Uint8Array)).toEqual(want);
    graph.asDefault(() =>
      expect(Array.from(constantValue(op(tf.constant(a), tf.constant(b)))!.data as Uint8Array)).toEqual(want),
    );
    expect(fetches[0].op.type).toBe(type);
    session.close();
  });
});

test("logic", async () => {
  const [a, b] = [{ data: Int32Array.of(0, 0, 1, 1), shape: [4] }, { data: Int32Array.of(0, 1), shape: [2, 1] }]; // prettier-ignore
  const { results } = await evaluate((input) => {
    const [x, y] = [tf.cast(input(a), tf.bool), tf.cast(input(b), tf.bool)];
    return [tf.logicalAnd(x, y), tf.logicalOr(x, y), tf.logicalNot(x)];
  });
  expect(results.map(({ data }) => Array.from(data as Uint8Array))).toEqual([
    [0, 0, 0, 0, 0, 0, 1, 1],
    [0, 0, 1, 1, 1, 1, 1, 1],
    [1, 1, 0, 0],
  ]);
  new tf.Graph().asDefault(() => {
    const folded = tf.logicalNot(tf.logicalOr(tf.logicalAnd(true, [true, false]), [false, false]));
    expect(constantValue(folded)?.data).toEqual(Uint8Array.of(0, 1));
  });
});

test("broadcastWalk merges what all operands walk as one", () => {
  expect(broadcastWalk([[2, 3, 4], [2, 3, 4]], [2, 3, 4])).toEqual([1, 24, 1, 1]); // prettier-ignore
  expect(broadcastWalk([[2, 3, 4], [4]], [2, 3, 4])).toEqual([2, 6, 4, 4, 1, 0, 1]); // prettier-ignore
  expect(broadcastWalk([[], [1, 5]], [1, 5])).toEqual([1, 5, 0, 1]);
});

test("shapes and mistakes", async () => {
  expectShapes(Equal, [
    ["[2,1];[3]", "[2,3]"],
    ["[2];[3]", "Dimensions must be equal, but are 2 and 3"],
  ]);
  expectShapes(LogicalAnd, [["[?];[]", "[?]"]]);
  const graph = new tf.Graph();
  const [x, flag] = graph.asDefault(() => [tf.placeholder(tf.float32, [1]), tf.placeholder(tf.bool, [1], "flag")]);
  await expectMistake(() => tf.less(x, flag), "InvalidArgumentError: Input 'y' of 'Less' has the dtype bool that does not match float32 of 'x'."); // prettier-ignore
  const session = await tf.Session.create({ graph });
  const order = graph.asDefault(() => tf.less(flag, flag, "order"));
  await expectMistake(() => session.run(order, { "flag:0": [true] }), "UnimplementedError: 'order' (op: 'Less') is not supported for bool; supported: float32, int32, int64, uint8."); // prettier-ignore
  session.close();
});
