// Functions of one operand: values against float64, gradients against central differences, second derivatives, edges.
import { describe, expect, test } from "vitest";
import * as tf from "../../src/entry/node.ts";
import { createOp } from "../../src/ops/build.ts";
import { Exp, Inv, InvGrad, RsqrtGrad } from "../../src/ops/unary.ts";
import { expectClose } from "../assembly/harness.ts";
import { checkGradient } from "../helpers/gradientCheck.ts";
import { evaluate, expectMistake, expectShapes, sizes, values } from "../helpers/ops.ts";

/** The error function by its Taylor series; enough for |x| < 3. */
function erf(x: number): number {
  if (x === 0) return x;
  let [sum, term] = [0, x];
  for (let n = 0; n < 60; n++) {
    sum += term / (2 * n + 1);
    term *= (-x * x) / (n + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * sum;
}

type Row = [type: string, op: (x: tf.Tensor) => tf.Tensor, f: (x: number) => number, low: number, high: number];
/** With the range where values and gradients are compared: no kinks, no poles. */
const rows: Row[] = [
  ["Neg", tf.negative, (x) => -x, -9, 9],
  ["Abs", tf.abs, Math.abs, 0.1, 9],
  ["Square", tf.square, (x) => x * x, -3, 3],
  ["Sqrt", tf.sqrt, Math.sqrt, 0.5, 9],
  ["Rsqrt", tf.rsqrt, (x) => 1 / Math.sqrt(x), 0.5, 9],
  ["Reciprocal", tf.reciprocal, (x) => 1 / x, 0.5, 9],
  ["Exp", tf.exp, Math.exp, -3, 2],
  ["Expm1", tf.expm1, Math.expm1, -3, 2],
  ["Log", tf.log, Math.log, 0.5, 9],
  ["Log1p", tf.log1p, Math.log1p, -0.5, 3],
  ["Sin", tf.sin, Math.sin, -9, 9],
  ["Cos", tf.cos, Math.cos, -9, 9],
  ["Tan", tf.tan, Math.tan, -1, 1],
  ["Erf", tf.erf, erf, -2.5, 2.5],
  ["Sigmoid", tf.sigmoid, (x) => 1 / (1 + Math.exp(-x)), -9, 9],
  ["Tanh", tf.tanh, Math.tanh, -4, 4],
];

test.each(rows)("%s: values and gradients", async (type, op, f, low, high) => {
  for (const shape of [[], [0], ...sizes.map((n) => [n]), [2, 17]]) {
    const x = values(shape, low, high);
    await checkGradient(
      ([input]) => {
        const y = op(input);
        expect([y.op.name, y.op.type]).toEqual([type, type]);
        return y;
      },
      [x],
      ([data]) => data.map(f),
    );
  }
});

// Gradients of gradients go through SqrtGrad, RsqrtGrad, ReciprocalGrad, SigmoidGrad, TanhGrad.
const slopes: Row[] = [
  ["Sqrt", tf.sqrt, (x) => 0.5 / Math.sqrt(x), 0.5, 4],
  ["Rsqrt", tf.rsqrt, (x) => -0.5 * x ** -1.5, 0.5, 4],
  ["Reciprocal", tf.reciprocal, (x) => -1 / (x * x), 0.5, 4],
  ["Sigmoid", tf.sigmoid, (x) => 1 / (2 + Math.exp(x) + Math.exp(-x)), -4, 4],
  ["Tanh", tf.tanh, (x) => 1 / Math.cosh(x) ** 2, -3, 3],
];

test.each(slopes)("second derivative of %s", (type, op, slope, low, high) =>
  checkGradient(
    ([x, dy]) => {
      const dx = tf.gradients(op(x), [x], { gradYs: [dy] })[0]!;
      expect(dx.op.type).toBe(`${type}Grad`);
      return dx;
    },
    [values([5], low, high), values([5])],
    ([x, dy]) => x.map((value, i) => slope(value) * dy[i]),
  ),
);

/** A rounding of the result and a few of what it is made of, in units of the last place (2^-23). */
const ulps = 3 * 2 ** -23;

test.each(rows)("%s at the edges", async (_type, op, f) => {
  const edges = [0, -0, Infinity, -Infinity, NaN, 1e-40, -1e-40, 88.7, -88.7, 88.8, -104, 3e38, -3e38, -1, 1];
  const x = Float32Array.from(edges);
  const { results } = await evaluate((input) => [op(input({ data: x, shape: [x.length] }))]);
  const want = x.map((value) => (f === erf ? (Number.isNaN(value) ? NaN : erfEdge(value)) : f(value)));
  const got = results[0].data as Float32Array;
  expectClose(got, want, (i) => ulps * Math.abs(want[i]) + 2 ** -149, "edges");
  // The sign of a zero as well: -0 stays where the function is odd.
  expect([Object.is(got[0], -0), Object.is(got[1], -0)]).toEqual([Object.is(want[0], -0), Object.is(want[1], -0)]);
});

function erfEdge(x: number): number {
  return Math.abs(x) > 10 ? Math.sign(x) : erf(x);
}

test("the gradient of abs at 0 is 0, of sqrt infinite", async () => {
  const x = { data: Float32Array.of(0, -0, 2, -2), shape: [4] };
  const { results } = await evaluate((input) => {
    const tensor = input(x);
    return [tf.abs, tf.sqrt].map((op) => tf.gradients(op(tensor), [tensor])[0]!);
  });
  expect([...results[0].data]).toEqual([0, 0, 1, -1]);
  expect([...results[1].data].slice(0, 2)).toEqual([Infinity, -Infinity]);
});

describe("rules", () => {
  test("shapes", () => {
    expectShapes(Exp, [
      ["?", "?"],
      ["[?,2]", "[?,2]"],
    ]);
    expectShapes(RsqrtGrad, [
      ["[?,2];[3,2]", "[3,2]"],
      ["[2];[3]", "Dimension 0 in both shapes must be equal, but are 2 and 3. Shapes are [2] and [3]."],
    ]);
  });

  test("a type without a kernel", async () => {
    const graph = new tf.Graph();
    const i = graph.asDefault(() => tf.placeholder(tf.int32, [3], "i"));
    await expectMistake(
      async () => (await tf.Session.create({ graph })).run(tf.exp(i, "power"), { "i:0": [1, 2, 3] }),
      "UnimplementedError: 'power' (op: 'Exp') is not supported for int32; supported: float32.",
    );
  });
});

test("Inv, the older name of Reciprocal, and InvGrad: gradients", async () => {
  const inverse = (x: tf.Tensor): tf.Tensor => createOp(Inv, [x], {}, "Inv").outputs[0];
  await checkGradient(([x]) => inverse(x), [values([5], 0.5, 4)], ([x]) => x.map((value) => 1 / value)); // prettier-ignore
  // InvGrad takes y and dy: −y² dy.
  await checkGradient(
    ([y, dy]) => createOp(InvGrad, [y, dy], {}, "InvGrad").outputs[0],
    [values([5], 0.5, 4), values([5])],
    ([y, dy]) => y.map((value, i) => -value * value * dy[i]),
  );
});

test.each([tf.int32, tf.int64])("Neg, Abs, Square of %s, in place or not, wrapping around", async (dtype) => {
  const { name } = dtype;
  const smallest = name === "int32" ? -(2n ** 31n) : -(2n ** 63n);
  const wrap = (value: bigint): bigint => BigInt.asIntN(name === "int32" ? 32 : 64, value);
  const numbers = [0n, 1n, -1n, 7n, -5n, smallest];
  const graph = new tf.Graph();
  const fetches = graph.asDefault(() => {
    const x = tf.placeholder(dtype, [null], "x");
    const copy = tf.add(x, tf.zerosLike(x));
    return [tf.negative(x), tf.abs(x), tf.square(x), tf.negative(copy), tf.abs(tf.square(tf.negative(x)))];
  });
  const want = [
    (x: bigint) => -x,
    (x: bigint) => (x < 0n ? -x : x),
    (x: bigint) => x * x,
    (x: bigint) => -x,
    (x: bigint) => wrap(x * x) * (wrap(x * x) < 0n ? -1n : 1n),
  ];
  for (const inPlace of [true, false]) {
    const session = await tf.Session.create({ graph, planner: { inPlace, poison: true } });
    for (const n of [0, 1, 3, 4, 5, 6]) {
      const given =
        name === "int32" ? Int32Array.from(numbers.slice(0, n), Number) : BigInt64Array.from(numbers.slice(0, n));
      const results = await session.run(fetches, { "x:0": given });
      expect(results.map(({ data }) => Array.from(data as Int32Array, BigInt))).toEqual(
        want.map((f) => numbers.slice(0, n).map((value) => wrap(f(value)))),
      );
    }
    session.close();
  }
});
