// Sign, Round, Rint, Floor, Ceil: values with halves, signs of zero, NaN and infinities; gradients.
import { expect, test } from "vitest";
import * as tf from "../../src/entry/node.ts";
import { checkGradient } from "../helpers/gradientCheck.ts";
import { evaluate, expectMistake, values } from "../helpers/ops.ts";

function halfToEven(x: number): number {
  const below = Math.floor(x);
  if (!Number.isFinite(x) || x === below) return x;
  if (x - below === 0.5) return below % 2 === 0 ? below : below + 1;
  return Math.round(x);
}

const functions: [string, (x: tf.TensorLike) => tf.Tensor, (x: number) => number][] = [
  ["Sign", tf.sign, Math.sign],
  ["Round", tf.round, halfToEven],
  ["Rint", tf.rint, halfToEven],
  ["Floor", tf.floor, Math.floor],
  ["Ceil", tf.ceil, Math.ceil],
];
const edges = [
  0,
  0.5,
  1.5,
  2.5,
  -0.5,
  -1.5,
  -2.5,
  0.49999997,
  8388609,
  1e20,
  -1e20,
  Infinity,
  -Infinity,
  NaN,
  3,
  -3,
  7.25,
];

test.each(functions)("%s", async (type, op, f) => {
  for (const n of [1, 3, 4, 5, 17]) {
    const x = { data: Float32Array.from(edges.slice(-n)), shape: [n] };
    const { results } = await evaluate((input) => [op(input(x))]);
    // -0 and 0 count as equal.
    expect(Array.from(results[0].data as Float32Array, (value) => value + 0)).toEqual(
      Array.from(x.data, (value) => f(value) + 0),
    );
  }
  const folded = new tf.Graph().asDefault(() => op(tf.cast(tf.placeholder(tf.float32, [1]), tf.int32)));
  expect(folded.op.type).toBe(type);
});

test("the gradient of Sign is zero, the others have none", async () => {
  await checkGradient(
    ([x]) => tf.sign(x),
    [values([5])],
    ([x]) => x.map(Math.sign),
  );
  new tf.Graph().asDefault(() => {
    const x = tf.placeholder(tf.float32, [1]);
    expect(tf.gradients(tf.floor(x), [x])).toEqual([null]);
  });
});

test("a dtype without a kernel", async () => {
  const graph = new tf.Graph();
  const x = graph.asDefault(() => tf.placeholder(tf.int32, [2000], "x"));
  const session = await tf.Session.create({ graph });
  const fetch = graph.asDefault(() => tf.floor(x, "whole"));
  await expectMistake(() => session.run(fetch, { "x:0": new Int32Array(2000) }), "UnimplementedError: 'whole' (op: 'Floor') is not supported for int32; supported: float32."); // prettier-ignore
  session.close();
});
