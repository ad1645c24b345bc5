// Activations: values and gradients against float64, slopes where they jump, second derivatives, names of the nodes.
import { expect, test } from "vitest";
import * as tf from "../../src/entry/node.ts";
import { LeakyReluGrad, Relu, ReluGrad } from "../../src/ops/activations.ts";
import { expectClose } from "../assembly/harness.ts";
import { checkGradient } from "../helpers/gradientCheck.ts";
import { evaluate, expectShapes, sizes, values, type Values } from "../helpers/ops.ts";

const [scale, alpha] = [1.0507009873554805, 1.6732632423543772];
const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));
/** By Simpson's rule. */
function erf(x: number): number {
  const f = (t: number): number => (2 / Math.sqrt(Math.PI)) * Math.exp(-t * t);
  const n = 400;
  let sum = f(0) + f(x);
  for (let i = 1; i < n; i++) sum += (i % 2 ? 4 : 2) * f((x * i) / n);
  return (sum * x) / n / 3;
}

type Row = [type: string, op: (x: tf.Tensor) => tf.Tensor, f: (x: number) => number];
const rows: Row[] = [
  ["Relu", tf.nn.relu, (x) => Math.max(x, 0)],
  ["Relu6", tf.nn.relu6, (x) => Math.min(Math.max(x, 0), 6)],
  ["LeakyRelu", tf.nn.leakyRelu, (x) => (x > 0 ? x : 0.2 * x)],
  ["Elu", tf.nn.elu, (x) => (x < 0 ? Math.expm1(x) : x)],
  ["Selu", tf.nn.selu, (x) => scale * (x < 0 ? alpha * Math.expm1(x) : x)],
  ["Softplus", tf.nn.softplus, (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)))],
  ["Softsign", tf.nn.softsign, (x) => x / (1 + Math.abs(x))],
  ["Sigmoid", tf.nn.sigmoid, sigmoid],
  ["Tanh", tf.nn.tanh, Math.tanh],
  ["swish", tf.nn.swish, (x) => x * sigmoid(x)],
  ["gelu, erf", (x) => tf.nn.gelu(x), (x) => 0.5 * x * (1 + erf(x / Math.SQRT2))],
  [
    "gelu, tanh",
    (x) => tf.nn.gelu(x, true),
    (x) => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3))),
  ],
];

/** Numbers in (-8, 8) of which none is within 0.01 of a kink, at 0 and 6. */
function apart(n: number): Values {
  const { data, shape } = values([n], -8, 8);
  return { data: data.map((x) => (Math.abs(x) < 0.01 || Math.abs(x - 6) < 0.01 ? x + 0.1 : x)), shape };
}

test.each(rows)("%s: values and gradients", async (_type, op, f) => {
  for (const n of [0, ...sizes]) {
    await checkGradient(
      ([x]) => op(x),
      [apart(n)],
      ([x]) => x.map(f),
    );
  }
});

test("gradients where the slope jumps, and of infinities", async () => {
  const x = { data: Float32Array.of(0, -0, 6, Infinity, -Infinity), shape: [5] };
  const ops = [tf.nn.relu, tf.nn.relu6, (y: tf.Tensor) => tf.nn.leakyRelu(y, 0.1), tf.nn.elu, tf.nn.selu];
  const smooth = [tf.nn.softplus, tf.nn.softsign, tf.nn.sigmoid, tf.nn.tanh];
  const { results } = await evaluate((input) => {
    const tensor = input(x);
    return [...ops, ...smooth].map((op) => tf.gradients(op(tensor), [tensor])[0]!);
  });
  const slope = Math.fround(0.1);
  const [small, unit] = [Math.fround(sigmoid(6)), Math.fround(scale)];
  const want = [
    [0, 0, 1, 1, 0],
    [0, 0, 0, 0, 0],
    [slope, slope, 1, 1, slope],
    [1, 1, 1, 1, 0],
    [unit, unit, unit, unit, 0],
    [0.5, 0.5, small, 1, 0],
    [1, 1, 1 / 49, 0, 0],
    [0.25, 0.25, 0.002466509291360048, 0, 0],
    [1, 1, 2.4576308e-5, 0, 0],
  ];
  // 1 − y² and y (1 − y) lose what is left of a rounding of y near 1: 2^-24 beside 1.
  results.forEach(({ data }, i) => expectClose(data as Float32Array, want[i], 2 ** -23, `row ${i}`));
});

test("NaN stays NaN", async () => {
  const x = { data: Float32Array.of(NaN), shape: [1] };
  const { results } = await evaluate((input) => rows.map(([, op]) => op(input(x))));
  for (const [i, { data }] of results.entries()) expect(data[0], rows[i][0]).toBeNaN();
});

/** Slopes as functions of x; a gradient operation's own gradients follow from them by central differences. */
const slopes: Row[] = [
  ["Relu", tf.nn.relu, (x) => (x > 0 ? 1 : 0)],
  ["Relu6", tf.nn.relu6, (x) => (x > 0 && x < 6 ? 1 : 0)],
  ["LeakyRelu", tf.nn.leakyRelu, (x) => (x > 0 ? 1 : 0.2)],
  ["Elu", tf.nn.elu, (x) => (x < 0 ? Math.exp(x) : 1)],
  ["Selu", tf.nn.selu, (x) => scale * (x < 0 ? alpha * Math.exp(x) : 1)],
  ["Softplus", tf.nn.softplus, sigmoid],
];

test.each(slopes)("second derivative of %s", (type, op, slope) =>
  checkGradient(
    ([x, dy]) => {
      const dx = tf.gradients(op(x), [x], { gradYs: [dy] })[0]!;
      expect(dx.op.type).toBe(`${type}Grad`);
      return dx;
    },
    [apart(9), values([9])],
    ([x, dy]) => x.map((value, i) => slope(value) * dy[i]),
  ),
);

test("leakyRelu with an alpha of its own", () =>
  checkGradient(
    ([x]) => tf.nn.leakyRelu(x, 0.3),
    [apart(7)],
    ([x]) => x.map((value) => (value > 0 ? value : 0.3 * value)),
  ));

test("names", () => {
  const graph = new tf.Graph();
  graph.asDefault(() => {
    const x = tf.placeholder(tf.float32, [2], "x");
    for (const [type, op] of rows.slice(0, 9)) expect([op(x).op.name, op(x).op.type]).toEqual([type, type]);
    expect([tf.nn.swish(x).name, tf.nn.gelu(x).name]).toEqual(["swish/mul:0", "Gelu/mul_1:0"]);
    tf.gradients(tf.nn.relu(x, "positive"), [x]);
  });
  expect(graph.getOperationByName("gradients/positive_grad/ReluGrad").inputs.map(({ name }) => name)).toEqual([
    "gradients/grad_ys_0:0",
    "positive:0",
  ]);
});

test("shapes", () => {
  expectShapes(Relu, [
    ["?", "?"],
    ["[?,2]", "[?,2]"],
  ]);
  for (const definition of [ReluGrad, LeakyReluGrad]) {
    expectShapes(definition, [
      ["[?,2];[3,2]", "[3,2]"],
      ["?;[3]", "[3]"],
    ]);
  }
});
