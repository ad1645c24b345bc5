// Inverse and hyperbolic functions: values against float64, gradients against central differences, edges.
import { expect, test } from "vitest";
import * as tf from "../../src/entry/node.ts";
import { Atan2 } from "../../src/ops/inverse.ts";
import { expectClose } from "../assembly/harness.ts";
import { checkGradient } from "../helpers/gradientCheck.ts";
import { broadcast, evaluate, expectShapes, sizes, values } from "../helpers/ops.ts";

type Row = [type: string, op: (x: tf.Tensor) => tf.Tensor, f: (x: number) => number, low: number, high: number];
const rows: Row[] = [
  ["Asin", tf.asin, Math.asin, -0.9, 0.9],
  ["Acos", tf.acos, Math.acos, -0.9, 0.9],
  ["Atan", tf.atan, Math.atan, -9, 9],
  ["Sinh", tf.sinh, Math.sinh, -3, 3],
  ["Cosh", tf.cosh, Math.cosh, -3, 3],
  ["Asinh", tf.asinh, Math.asinh, -9, 9],
  ["Acosh", tf.acosh, Math.acosh, 1.2, 9],
  ["Atanh", tf.atanh, Math.atanh, -0.8, 0.8],
];

test.each(rows)("%s: values and gradients", async (type, op, f, low, high) => {
  for (const shape of [[], [0], ...sizes.map((n) => [n]), [2, 17]]) {
    await checkGradient(
      ([input]) => {
        const y = op(input);
        expect([y.op.name, y.op.type]).toEqual([type, type]);
        return y;
      },
      [values(shape, low, high)],
      ([data]) => data.map(f),
    );
  }
});

/** One rounding of a float64 result that is itself some 1e-16 from exact. */
const ulp = 2 ** -24 * 1.001;

test.each(rows)("%s at the edges", async (_type, op, f) => {
  const edges = [0, -0, Infinity, -Infinity, NaN, 1e-40, -1e-40, 1, -1, 0.99999994, -0.99999994, 1.0000001, 88, -88, 90, 3e38]; // prettier-ignore
  const x = Float32Array.from(edges);
  const { results } = await evaluate((input) => [op(input({ data: x, shape: [x.length] }))]);
  const got = results[0].data as Float32Array;
  const want = x.map(f);
  expectClose(got, want, (i) => ulp * 2 * Math.abs(want[i]) + 2 ** -149, "edges");
  expect([Object.is(got[0], -0), Object.is(got[1], -0)]).toEqual([Object.is(want[0], -0), Object.is(want[1], -0)]);
});

test("Atan2: values and gradients, broadcasting", async () => {
  for (const [a, b] of [
    [[5], [5]],
    [[3, 17], [17]],
    [
      [2, 1, 4],
      [3, 1],
    ],
    [[], [4]],
  ]) {
    const [y, x] = [values(a, 0.2, 2), values(b, -2, -0.2)];
    await checkGradient(
      ([first, second]) => tf.atan2(first, second),
      [y, x],
      ([first, second]) => broadcast(Math.atan2, { ...y, data: first as never }, { ...x, data: second as never }),
    );
  }
  const edges = [0, -0, 1, -1, Infinity, -Infinity, NaN];
  const pairs = edges.flatMap((y) => edges.map((x) => [y, x]));
  const [y, x] = [0, 1].map((k) => ({ data: Float32Array.from(pairs, (pair) => pair[k]), shape: [pairs.length] }));
  const { results } = await evaluate((input) => [tf.atan2(input(y), input(x))]);
  expect(Array.from(results[0].data, Number)).toEqual(pairs.map(([a, b]) => Math.fround(Math.atan2(a, b))));
  expectShapes(Atan2, [["[2,1];[3]", "[2,3]"]]);
});
