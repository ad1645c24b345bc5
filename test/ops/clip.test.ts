// Clipping by value and by norm, with gradients; names as TensorFlow's.
import { expect, test } from "vitest";
import * as tf from "../../src/entry/node.ts";
import { checkGradient } from "../helpers/gradientCheck.ts";
import { evaluate, expectMistake, values } from "../helpers/ops.ts";

const norm = (x: ArrayLike<number>): number => Math.hypot(...Array.from(x));

test("clipByValue passes gradients between the limits and at both", async () => {
  const x = { data: Float32Array.of(-2, -1, 0, 1, 3, NaN), shape: [6] };
  const { results } = await evaluate((input) => {
    const tensor = input(x);
    const y = tf.clipByValue(tensor, -1, 1);
    return [y, tf.gradients(y, [tensor])[0]!];
  });
  expect(results.map(({ data }) => Array.from(data as Float32Array))).toEqual([
    [-1, -1, 0, 1, 1, NaN],
    [0, 1, 1, 1, 0, 0],
  ]);
});

test("clipByValue with limits that broadcast", () =>
  checkGradient(
    ([x, low]) => tf.clipByValue(x, low, 5),
    [values([3, 5], 1, 9), values([5], -9, 0)],
    ([x, low]) => x.map((value, i) => Math.max(Math.min(value, 5), low[i % 5])),
  ));

test("clipByNorm scales what is too long", async () => {
  for (const limit of [0.5, 100]) {
    await checkGradient(
      ([x]) => tf.clipByNorm(x, limit),
      [values([3, 5])],
      ([x]) => x.map((value) => (value * limit) / Math.max(norm(x), limit)),
    );
  }
});

test("clipByNorm along axes, and of zeros", async () => {
  const x = { data: Float32Array.of(3, 4, 0, 0), shape: [2, 2] };
  const { results } = await evaluate((input) => {
    const tensor = input(x);
    const y = tf.clipByNorm(tensor, 1, { axes: [1] });
    return [y, tf.gradients(y, [tensor])[0]!];
  });
  const [three, four] = [Math.fround(0.6), Math.fround(0.8)];
  expect([...results[0].data]).toEqual([three, four, 0, 0]);
  expect([...results[1].data].slice(2)).toEqual([1, 1]);
});

test("clipByGlobalNorm scales all tensors by one factor; null stays null", async () => {
  const [a, b] = [values([3, 4]), values([5])];
  const length = norm([...a.data, ...b.data]);
  for (const limit of [1.5, 100]) {
    const { results } = await evaluate((input) => {
      const { clipped, globalNorm } = tf.clipByGlobalNorm([input(a), null, input(b)], limit);
      expect(clipped[1]).toBeNull();
      return [clipped[0]!, clipped[2]!, globalNorm];
    });
    // A sum of 17 squares, a root, three products.
    const near = (got: ArrayLike<number>, want: Float32Array): void =>
      want.forEach((value, i) => expect(Math.abs(got[i] - value)).toBeLessThan(1e-6 * Math.max(1, Math.abs(value))));
    const factor = Math.min(1, limit / length);
    near(
      results[0].data as Float32Array,
      (a.data as Float32Array).map((value) => value * factor),
    );
    near(
      results[1].data as Float32Array,
      (b.data as Float32Array).map((value) => value * factor),
    );
    near(results[2].data as Float32Array, Float32Array.of(length));
  }
});

test("a norm that is not finite makes everything NaN", async () => {
  const { results } = await evaluate((input) => {
    const given = [Float32Array.of(1, Infinity), Float32Array.of(2)].map((data) =>
      input({ data, shape: [data.length] }),
    );
    return tf.clipByGlobalNorm(given, 1).clipped as tf.Tensor[];
  });
  expect(results.map(({ data }) => Array.from(data as Float32Array))).toEqual([[NaN, NaN], [NaN]]);
});

test("names, and nothing to clip", async () => {
  const graph = new tf.Graph();
  const names = graph.asDefault(() => {
    const x = tf.placeholder(tf.float32, [2], "x");
    const { clipped, globalNorm } = tf.clipByGlobalNorm([x], 1);
    return [globalNorm, clipped[0]!, tf.clipByValue(x, 0, 1), tf.clipByNorm(x, 1)].map(({ op }) => op.name);
  });
  expect(names).toEqual([
    "global_norm/global_norm",
    "clip_by_global_norm/clip_by_global_norm/_0",
    "clip_by_value",
    "clip_by_norm",
  ]);
  await expectMistake(() => tf.globalNorm([null]), "InvalidArgumentError: globalNorm needs at least one tensor.");
});
