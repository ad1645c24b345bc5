// Elementwise operations: broadcasting, in place and apart, against float64 (one rounding each).
import { describe, expect, test } from "vitest";
import { AddV2, broadcastBlock, Relu } from "../../src/ops/elementwise.ts";
import * as tf from "../../src/entry/node.ts";
import { createRandom, expectSame } from "../assembly/harness.ts";
import {
  broadcast,
  evaluate,
  expectMistake,
  expectShapes,
  sizeOf,
  sizes,
  values,
  type Values,
} from "../helpers/ops.ts";

type Binary = (a: tf.TensorLike, b: tf.TensorLike, name?: string) => tf.Tensor;
type Unary = (x: tf.TensorLike, name?: string) => tf.Tensor;

/** Operation type, builder, default name, float64 reference. */
const binaries: [string, Binary, string, (a: number, b: number) => number][] = [
  ["AddV2", tf.add, "add", (a, b) => a + b],
  ["Sub", tf.subtract, "sub", (a, b) => a - b],
  ["Mul", tf.multiply, "mul", (a, b) => a * b],
  ["RealDiv", tf.divide, "truediv", (a, b) => a / b],
  ["Maximum", tf.maximum, "Maximum", Math.max],
  ["Minimum", tf.minimum, "Minimum", Math.min],
  ["SquaredDifference", tf.squaredDifference, "SquaredDifference", (a, b) => Math.fround(a - b) ** 2],
];

const integers: [string, Binary, (a: number, b: number) => number][] = [
  ["AddV2", tf.add, (a, b) => (a + b) | 0],
  ["Sub", tf.subtract, (a, b) => (a - b) | 0],
  ["Mul", tf.multiply, Math.imul],
];

const unaries: [string, Unary, (x: number) => number][] = [
  ["Neg", tf.negative, (x) => -x],
  ["Rsqrt", tf.rsqrt, (x) => 1 / Math.fround(Math.sqrt(x))],
  ["Sqrt", tf.sqrt, Math.sqrt],
  ["Square", tf.square, (x) => x * x],
  ["Abs", tf.abs, Math.abs],
  ["Reciprocal", tf.reciprocal, (x) => 1 / x],
  ["Relu", tf.nn.relu, (x) => (x < 0 ? 0 : x)],
  ["Relu6", tf.nn.relu6, (x) => (x < 0 ? 0 : Math.min(x, 6))],
];

/** Pairs of shapes: every pattern of the kernels at every size n, and tensors without elements. */
const patterns =
  "n|n |n n| 2,n|1,1,1 3,n|n n|3,n 2,3,n|3,n n,3|n,1 n,1|1,n 2,1,n|1,3,1 n,1,2|1,3,1 2,3,1,1|n,1 | 0| 0,3|3 3,1|1,0";
const pairs = sizes.flatMap((n) =>
  patterns
    .replaceAll("n", String(n))
    .split(" ")
    .map((pair) => pair.split("|").map((shape) => (shape === "" ? [] : shape.split(",").map(Number)))),
);

function randomIntegers(shape: readonly number[], random: () => number): Values {
  return { data: Int32Array.from({ length: sizeOf(shape) }, () => random() * 2 ** 32 - 2 ** 31), shape };
}

async function checkBroadcasting(
  op: Binary,
  f: (a: number, b: number) => number,
  operand: (shape: readonly number[]) => Values,
): Promise<void> {
  const cases = pairs.map((shapes) => shapes.map(operand) as [Values, Values]);
  const { results } = await evaluate((input) => cases.map(([a, b]) => op(input(a), input(b))));
  results.forEach(({ data }, i) => {
    const [a, b] = cases[i];
    const want = broadcast(f, a, b);
    const rounded = a.data instanceof Int32Array ? want : want.map(Math.fround);
    expectSame(data as Float32Array, rounded, `${op.name} ${JSON.stringify(pairs[i])}`);
  });
}

test.each(binaries)("%s: every broadcasting pattern", (_type, op, _name, f) => checkBroadcasting(op, f, values));

test.each(integers)("%s of int32 wraps around", (_type, op, f) => {
  const random = createRandom(1);
  return checkBroadcasting(op, f, (shape) => randomIntegers(shape, random));
});

test.each(unaries)("%s", async (type, op, f) => {
  const cases = [[], [0], ...sizes.map((n) => [n]), [2, 17]].map((shape) => values(shape, -9, 9));
  const { results } = await evaluate((input) => cases.map((x) => op(input(x))));
  results.forEach(({ data, shape }, i) => {
    expect(shape).toEqual(cases[i].shape);
    expectSame(data as Float32Array, Float32Array.from(cases[i].data, f), `${type} [${cases[i].shape.join(",")}]`);
  });
});

test("names and types of the nodes", () => {
  for (const [type, op, name] of binaries) {
    const tensor = new tf.Graph().asDefault(() => op(tf.placeholder(tf.float32, [2]), 1.5));
    expect(tensor.op.graph.operations.map((node) => [node.name, node.type])).toEqual([
      ["Placeholder", "Placeholder"],
      [`${name}/y`, "Const"],
      [name, type],
    ]);
  }
  for (const [type, op] of unaries) {
    const tensor = new tf.Graph().asDefault(() => op(tf.placeholder(tf.float32, [2])));
    expect([tensor.op.name, tensor.op.type]).toEqual([type, type]);
  }
});

describe("in place", () => {
  const chains: [string, (x: tf.Tensor, y: tf.Tensor) => tf.Tensor[], (x: number, y: number) => number[]][] = [
    ["a chain", (x, y) => [tf.square(tf.negative(tf.subtract(x, y)))], (x, y) => [Math.fround(x - y) ** 2]],
    ["both operands are one tensor", (x) => [tf.add(tf.negative(x), tf.negative(x))], (x) => [-x - x]],
    [
      "a tensor with two readers",
      (x, y) => {
        const sum = tf.add(x, y);
        return [tf.subtract(tf.abs(sum), sum)];
      },
      (x, y) => [Math.abs(Math.fround(x + y)) - Math.fround(x + y)],
    ],
    [
      "a fetched tensor",
      (x) => {
        const square = tf.square(x);
        return [tf.negative(square), square];
      },
      (x) => [-Math.fround(x * x), x * x],
    ],
    ["a fed tensor, fetched", (x) => [tf.negative(x), x], (x) => [-x, x]],
    [
      "through a view",
      (x) => {
        const square = tf.square(x);
        return [tf.negative(tf.reshape(square, [-1])), tf.abs(tf.identity(square))];
      },
      (x) => [-Math.fround(x * x), x * x],
    ],
  ];

  test.each(chains)("%s", async (name, build, f) => {
    for (const n of sizes) {
      const [x, y] = [values([n]), values([n])];
      const { results } = await evaluate((input) => build(input(x), input(y)));
      results.forEach(({ data }, output) => {
        const want = Float32Array.from(x.data, (item, i) => f(item, y.data[i])[output]);
        expectSame(data as Float32Array, want, `${name}, n = ${n}`);
      });
    }
  });

  test("never over a variable or a constant", async () => {
    const { results } = await evaluate((input) => {
      const [five, constant] = [input(values([5])), tf.constant([1, 2, 3, 4, 5], { dtype: tf.float32 })];
      const variable = tf.variable(constant);
      return [tf.add(variable, five), tf.subtract(constant, five), variable.value(), constant];
    });
    for (const { data } of results.slice(2)) expect(data).toEqual(Float32Array.of(1, 2, 3, 4, 5));
  });

  test("saves memory where it may", async () => {
    const { arenaBytes } = await evaluate((input) => [tf.negative(tf.square(tf.abs(input(values([64])))))]);
    const [nothing, inPlace, reuse, both] = arenaBytes;
    expect(inPlace).toBeLessThan(nothing);
    expect(reuse).toBeLessThan(nothing);
    expect(both).toBe(256);
  });
});

test("shapes", () => {
  expectShapes(AddV2, [
    ["[];[]", "[]"],
    ["[2,3];[3]", "[2,3]"],
    ["[?,3];[1,3]", "[?,3]"],
    ["[?];[?]", "[?]"],
    ["[?];[4]", "[4]"],
    ["[?];[1]", "[?]"],
    ["[2,1,4];[3,1]", "[2,3,4]"],
    ["?;[2]", "?"],
    ["[0];[1]", "[0]"],
    ["[2,3];[4]", "Dimensions must be equal, but are 3 and 4"],
    ["[0];[2]", "Dimensions must be equal, but are 0 and 2"],
  ]);
  expectShapes(Relu, [
    ["?", "?"],
    ["[?,2]", "[?,2]"],
  ]);
});

test("the attribute block: pattern, elements, rank, dimensions, strides", () => {
  expect(broadcastBlock([2, 3], [2, 3], [2, 3])).toEqual([0, 6, 2, 2, 3, 3, 1, 3, 1]);
  expect(broadcastBlock([], [3], [3])).toEqual([1, 3, 1, 3, 0, 1]);
  expect(broadcastBlock([3], [1], [3])).toEqual([2, 3, 1, 3, 1, 0]);
  expect(broadcastBlock([2, 3], [3], [2, 3])).toEqual([3, 6, 2, 2, 3, 3, 1, 0, 1]);
  expect(broadcastBlock([3], [2, 3], [2, 3])).toEqual([4, 6, 2, 2, 3, 0, 1, 3, 1]);
  expect(broadcastBlock([2, 1], [1, 3], [2, 3])).toEqual([5, 6, 2, 2, 3, 1, 0, 0, 1]);
});

describe("mistakes", () => {
  const graph = new tf.Graph();
  const x = graph.asDefault(() => tf.placeholder(tf.float32, [2, 3], "x"));
  const i = graph.asDefault(() => tf.placeholder(tf.int32, [3], "i"));

  test.each<[string, () => unknown, string]>([
    [
      "shapes that do not fit",
      () => tf.add(x, tf.reshape(x, [3, 2]), "sum"),
      "InvalidArgumentError: Dimensions must be equal, but are 2 and 3 for 'sum' (op: 'AddV2') with input shapes: [2,3], [3,2].",
    ],
    [
      "two dtypes",
      () => tf.multiply(x, i),
      "InvalidArgumentError: Input 'y' of 'Mul' has the dtype int32 that does not match float32 of 'x'.",
    ],
    [
      "a fraction beside int32",
      () => tf.add(i, 1.5),
      "InvalidArgumentError: Expected int32, got 1.5 of type number for the constant.",
    ],
    [
      "a boolean beside float32",
      () => tf.add(true, x),
      "InvalidArgumentError: Expected float32, got true of type boolean for the constant.",
    ],
    [
      "a unary operation of int32",
      async () => (await tf.Session.create({ graph })).run(tf.sqrt(i, "root"), { "i:0": [1, 2, 3] }),
      "UnimplementedError: 'root' (op: 'Sqrt') is not supported for int32; supported: float32.",
    ],
    [
      "a binary operation of int64",
      async () => (await tf.Session.create({ graph })).run(graph.asDefault(() => tf.add(1n, 2n, "long"))),
      "UnimplementedError: 'long' (op: 'AddV2') is not supported for int64; supported: float32, int32.",
    ],
  ])("%s", (_, body, message) => expectMistake(body, message));
});
