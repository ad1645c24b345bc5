// Range and DynamicStitch: values, shapes and mistakes.
import { expect, test } from "vitest";
import { toNumbers } from "../../src/graph/tensorValue.ts";
import * as tf from "../../src/entry/node.ts";
import { constantValue, createOp } from "../../src/ops/build.ts";
import { DynamicStitch, LinSpace, Range } from "../../src/ops/range.ts";
import { evaluate, expectMistake, expectShapes } from "../helpers/ops.ts";

test("range: values in a run", async () => {
  const { results } = await evaluate(() => [tf.range(4), tf.range(3, -3, -2), tf.range(0, 1, 0.25), tf.range(2, 2)]);
  expect(results.map(({ dtype, data }) => `${dtype} ${Array.from(data as Int32Array).join(" ")}`)).toEqual([
    "int32 0 1 2 3",
    "int32 3 1 -1",
    "float32 0 0.25 0.5 0.75",
    "int32 ",
  ]);
});

test("dynamicStitch puts rows where the indices say, the last wins", () => {
  new tf.Graph().asDefault(() => {
    const rank = tf.rank(tf.placeholder(tf.float32, [2, 3, 4]));
    const axes = tf.constant([1], { shape: [1] });
    const kept = tf.dynamicStitch(
      [tf.range(0, rank), axes],
      [tf.constant([2, 3, 4]), tf.constant([1], { shape: [1] })],
    );
    expect(toNumbers(constantValue(kept)!)).toEqual([2, 1, 4]);
    const rows = tf.dynamicStitch([tf.constant(2), tf.constant([0, 1])], [tf.constant([5, 6]), tf.constant([[1, 2], [3, 4]])]); // prettier-ignore
    expect(constantValue(rows)).toMatchObject({ shape: [3, 2], data: Int32Array.of(1, 2, 3, 4, 5, 6) });
  });
});

test("shapes and mistakes", async () => {
  const bounds = (start: number, limit: number, delta: number) => ({
    constants: { 0: [start], 1: [limit], 2: [delta] },
  });
  expectShapes(Range, [["[];[];[]", "[?]"]]);
  expectShapes(Range, [["[];[];[]", "[3]"]], bounds(0, 5, 2));
  expectShapes(Range, [["[];[];[]", "Requires delta != 0: 0"]], bounds(0, 5, 0));
  expectShapes(Range, [["[];[];[]", "Requires start <= limit when delta > 0: 5/0"]], bounds(5, 0, 1));
  expectShapes(DynamicStitch, [["[2];[2,?]", "[4,?]"]], { constants: { 0: [3, 0] } });
  const graph = new tf.Graph();
  const fetch = graph.asDefault(() => tf.range(tf.cast(tf.placeholder(tf.float32, [], "x"), tf.int32)));
  const session = await tf.Session.create({ graph });
  await expectMistake(() => session.run(fetch, { "x:0": 3 }), "InvalidArgumentError: The shape of 'range:0' (op: 'Range') is not known before the run: [?]. Feed or declare full shapes."); // prettier-ignore
  session.close();
});

test("a range of floats adds up in float32, as TensorFlow's does", async () => {
  const { results } = await evaluate(() => [tf.range(0, 1, 0.1)]);
  const want: number[] = [];
  for (let value = 0; want.length < 10; value = Math.fround(value + Math.fround(0.1))) want.push(value);
  expect(Array.from(results[0].data, Number)).toEqual(want);
});

test("LinSpace: both ends exact, one number, mistakes", async () => {
  const spaced = (start: number, stop: number, count: number): tf.Tensor =>
    createOp(
      LinSpace,
      [tf.constant(start, { dtype: tf.float32 }), tf.constant(stop, { dtype: tf.float32 }), tf.constant(count)],
      {},
      "LinSpace",
    ).outputs[0];
  const { results } = await evaluate(() => [spaced(1, 2, 5), spaced(-1, 0.3, 3), spaced(4, 9, 1)]);
  expect(results.map(({ data }) => Array.from(data, Number))).toEqual([
    [1, 1.25, 1.5, 1.75, 2],
    [-1, Math.fround(-1 + Math.fround(Math.fround(Math.fround(0.3) + 1) / 2)), Math.fround(0.3)],
    [4],
  ]);
  expectShapes(LinSpace, [["[];[];[]", "Requires num > 0: 0"]], { constants: { 0: [1], 1: [2], 2: [0] } });
  expectShapes(LinSpace, [["[];[];[]", "[?]"]]);
});
