// TopKV2 and InTopK: order, ties, NaN, gradient, shapes and mistakes.
import { expect, test } from "vitest";
import { attr } from "../../src/graph/attr.ts";
import * as tf from "../../src/entry/node.ts";
import { InTopK, TopKV2 } from "../../src/ops/topK.ts";
import { checkGradient } from "../helpers/gradientCheck.ts";
import { evaluate, expectShapes, sizes, values } from "../helpers/ops.ts";

function best(row: readonly number[], k: number): { values: number[]; indices: number[] } {
  const indices = row.map((_, i) => i).sort((a, b) => row[b] - row[a] || a - b);
  return { values: indices.slice(0, k).map((i) => row[i]), indices: indices.slice(0, k) };
}

test.each(sizes)("rows of %i: every k", async (n) => {
  // Few different values: many ties.
  const data = values([3, n]).data.map((value) => Math.round(value * 2));
  const rows = [0, 1, 2].map((i) => Array.from(data).slice(i * n, (i + 1) * n));
  const counts = [...new Set([1, Math.ceil(n / 2), n])];
  const { results } = await evaluate((input) => {
    const x = input({ data, shape: [3, n] });
    return counts.flatMap((k) => Object.values(tf.nn.topK(x, k)));
  });
  counts.forEach((k, i) => {
    const want = rows.map((row) => best(row, k));
    expect(Array.from(results[2 * i].data as Float32Array)).toEqual(want.flatMap((row) => row.values));
    expect(Array.from(results[2 * i + 1].data as Int32Array)).toEqual(want.flatMap((row) => row.indices));
  });
});

test("NaN comes last", async () => {
  const x = { data: Float32Array.of(NaN, 1, Infinity, -Infinity), shape: [4] };
  const { results } = await evaluate((input) => [tf.nn.topK(input(x), 4).indices]);
  expect(Array.from(results[0].data as Int32Array)).toEqual([2, 1, 3, 0]);
});

test("gradient", () =>
  checkGradient(
    ([x]) => tf.nn.topK(x, 2).values,
    [values([3, 5])],
    ([x]) => [0, 1, 2].flatMap((i) => best(Array.from(x.slice(i * 5, i * 5 + 5)), 2).values),
  ));

test("inTopK: ties count for the target; not for what is not finite or no class", async () => {
  const x = { data: Float32Array.of(1, 2, 2, 0, NaN, 1, 5, 4, 3, 5, 4, 3), shape: [4, 3] };
  const targets = { data: Int32Array.of(1, 2, 2, 3), shape: [4] };
  const { results } = await evaluate((input) => {
    const [given, classes] = [input(x), input(targets)];
    return [tf.nn.inTopK(given, classes, 1), tf.nn.inTopK(given, tf.cast(classes, tf.int64), 3)];
  });
  expect(results.map(({ data }) => Array.from(data as Uint8Array))).toEqual([[1, 0, 0, 0], [1, 0, 1, 0]]); // prettier-ignore
});

test("shapes", () => {
  expectShapes(TopKV2, [["[?,5];[]", "[?,3];[?,3]"], ["[2];[]", "input must have last dimension >= k = 3 but is 2"], ["[];[]", "input must have at least 1 dimension"]], { constants: { 1: [3] } }); // prettier-ignore
  const attrs = { k: attr.int(1) };
  expectShapes(InTopK, [["[?,5];[4]", "[4]"], ["[2,5];[4]", "First dimension of predictions 2 must match length of targets 4"], ["[2];[2]", "Shape must be rank 2 but is rank 1"]], { attrs }); // prettier-ignore
});

test("gradient where only the feed tells the shape", async () => {
  const graph = new tf.Graph();
  const dx = graph.asDefault(() => {
    const x = tf.placeholder(tf.float32, null, "x");
    return tf.gradients(tf.nn.topK(x, 2).values, [x], { gradYs: [tf.constant([[1, 2], [3, 4]], { dtype: tf.float32 })] })[0]!; // prettier-ignore
  });
  const session = await tf.Session.create({ graph });
  const { data } = await session.run(dx, { "x:0": [[5, 9, 7], [1, 0, 2]] }); // prettier-ignore
  expect(Array.from(data, Number)).toEqual([0, 1, 2, 4, 0, 3]);
  session.close();
});
