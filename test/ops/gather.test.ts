// GatherV2, Gather, UnsortedSegmentSum, OneHot: values, gradients, indices out of range, folds and mistakes.
import { expect, test } from "vitest";
import { attr } from "../../src/graph/attr.ts";
import { toNumbers } from "../../src/graph/tensorValue.ts";
import * as tf from "../../src/entry/node.ts";
import { constantValue } from "../../src/ops/build.ts";
import { GatherV2, OneHot, UnsortedSegmentSum } from "../../src/ops/gather.ts";
import { checkGradient } from "../helpers/gradientCheck.ts";
import { evaluate, expectMistake, expectShapes, sizes, values } from "../helpers/ops.ts";

const picks = { data: Int32Array.of(4, 0, 4, 2), shape: [2, 2] };

test.each(sizes)("rows of %i: values and gradient", (n) =>
  checkGradient(
    ([x, indices]) => tf.gather(x, indices),
    [values([5, n]), picks],
    ([x]) => Array.from(picks.data).flatMap((row) => Array.from({ length: n }, (_, j) => x[row * n + j])),
  ),
);

test.each([1, -1])("along axis %i: values and gradient", (axis) =>
  checkGradient(
    ([x, indices]) => tf.gather(x, indices, { axis }),
    [values(axis === 1 ? [2, 5, 3] : [2, 3, 5]), picks],
    ([x]) =>
      axis === 1
        ? [0, 1].flatMap((o) => Array.from(picks.data).flatMap((row) => [0, 1, 2].map((j) => x[(o * 5 + row) * 3 + j])))
        : Array.from({ length: 6 }, (_, o) => Array.from(picks.data, (row) => x[o * 5 + row])).flat(),
  ),
);

test("an index out of range is refused, int64 too, and variables keep their values", async () => {
  const graph = new tf.Graph();
  const { init, fetch, count } = graph.asDefault(() => {
    const counter = tf.variable(0, { dtype: tf.float32, name: "count" });
    const indices = tf.placeholder(tf.int64, [2], "indices");
    const picked = tf.controlDependencies([tf.assignAdd(counter, 1)], () => tf.gather([[1], [2]], indices, { name: "picked" })); // prettier-ignore
    return { init: tf.globalVariablesInitializer(), fetch: picked, count: counter };
  });
  const session = await tf.Session.create({ graph });
  await session.run(init);
  for (const [bad, indices] of [[2, [0, 2]], [-1, [0, -1]]] as const) // prettier-ignore
    await expectMistake(() => session.run(fetch, { "indices:0": indices }), `InvalidArgumentError: indices[1] = ${bad} is not in [0, 2) for 'picked' (op: 'GatherV2').`); // prettier-ignore
  expect((await session.run(count)).item()).toBe(0);
  expect((await session.run(fetch, { "indices:0": [1, 0] })).toNested()).toEqual([[2], [1]]);
  session.close();
});

test("unsortedSegmentSum: values, gradient, negative numbers left out", async () => {
  const ids = { data: Int32Array.of(2, 0, 2, 1), shape: [4] };
  await checkGradient(
    ([x, segments]) => tf.unsortedSegmentSum(x, segments, 4),
    [values([4, 5]), ids],
    ([x]) =>
      Array.from({ length: 20 }, (_, i) =>
        Array.from(ids.data).reduce((sum, id, row) => (id === Math.floor(i / 5) ? sum + x[row * 5 + (i % 5)] : sum), 0),
      ),
  );
  const x = { data: Float32Array.of(1, 2, 3), shape: [3] };
  const { results } = await evaluate((input) => [
    tf.unsortedSegmentSum(input(x), input({ data: Int32Array.of(-1, 0, 0), shape: [3] }), 2),
  ]);
  expect(Array.from(results[0].data as Float32Array)).toEqual([5, 0]);
});

test("oneHot: any axis, values, types; nothing for an index out of range", async () => {
  const { results } = await evaluate((input) => {
    const indices = input({ data: Int32Array.of(0, 2, -1, 3), shape: [4] });
    return [
      tf.oneHot(indices, 3),
      tf.oneHot(indices, 3, { axis: 0, onValue: 5, offValue: -1, dtype: tf.int32 }),
      tf.oneHot(tf.cast(indices, tf.int64), 2, { dtype: tf.bool }),
    ];
  });
  expect(results[0].toNested()).toEqual([[1, 0, 0], [0, 0, 1], [0, 0, 0], [0, 0, 0]]); // prettier-ignore
  expect(results[1].toNested()).toEqual([[5, -1, -1, -1], [-1, -1, -1, -1], [-1, 5, -1, -1]]); // prettier-ignore
  expect(results[2].toNested()).toEqual([[true, false], [false, false], [false, false], [false, false]]); // prettier-ignore
});

test("shapes, folds and mistakes", async () => {
  const integers = [tf.float32, tf.int32, tf.int32];
  expectShapes(GatherV2, [["[2,3];[4,?];[]", "[2,4,?]"], ["?;[4];[]", "?"], ["[];[1];[]", "Shape must be at least rank 1 but is rank 0"]], { constants: { 2: [1] }, dtypes: integers }); // prettier-ignore
  expectShapes(UnsortedSegmentSum, [["[4,?];[4];[]", "[7,?]"]], { constants: { 2: [7] }, dtypes: integers });
  expectShapes(OneHot, [["[2,?];[];[];[]", "[2,5,?]"]], { constants: { 1: [5] }, attrs: { axis: attr.int(1) } });
  new tf.Graph().asDefault(() => {
    const sizes2 = tf.shape(tf.placeholder(tf.float32, [5, 6, 7]));
    expect(toNumbers(constantValue(tf.gather(sizes2, [2, 0]))!)).toEqual([7, 5]);
  });
  await expectMistake(
    () => new tf.Graph().asDefault(() => tf.gather([1, 2], tf.constant([0.5]))),
    "InvalidArgumentError: Input 1 of node 'GatherV2' (op: 'GatherV2') was passed float32 from 'Const:0'; it must be int32 or int64.",
  );
});
