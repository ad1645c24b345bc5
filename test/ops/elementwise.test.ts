// Elementwise operations: broadcasting, in place and apart, against float64 (one rounding each).
import { describe, expect, test } from "vitest";
import { AddV2, broadcastBlock, Maximum } from "../../src/ops/elementwise.ts";
import * as tf from "../../src/entry/node.ts";
import { createRandom, expectClose, expectSame } from "../assembly/harness.ts";
import { checkGradient } from "../helpers/gradientCheck.ts";
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

/** Operation type, builder, default name, float64 reference. */
const binaries: [string, Binary, string, (a: number, b: number) => number][] = [
  ["AddV2", tf.add, "add", (a, b) => a + b],
  ["Sub", tf.subtract, "sub", (a, b) => a - b],
  ["Mul", tf.multiply, "mul", (a, b) => a * b],
  ["RealDiv", tf.divide, "truediv", (a, b) => a / b],
  ["Maximum", tf.maximum, "Maximum", Math.max],
  ["Minimum", tf.minimum, "Minimum", Math.min],
  ["SquaredDifference", tf.squaredDifference, "SquaredDifference", (a, b) => Math.fround(a - b) ** 2],
  ["DivNoNan", tf.divNoNan, "div_no_nan", (a, b) => (b === 0 ? 0 : a / b)],
  ["FloorDiv", tf.floordiv, "floordiv", (a, b) => Math.floor(Math.fround(a / b))],
  ["TruncateMod", tf.truncatemod, "TruncateMod", (a, b) => a % b],
  ["FloorMod", tf.floormod, "FloorMod", floorMod],
];

function floorMod(a: number, b: number): number {
  const rest = a % b;
  return rest !== 0 && rest < 0 !== b < 0 ? rest + b : rest;
}

const integers: [string, Binary, (a: number, b: number) => number][] = [
  ["AddV2", tf.add, (a, b) => (a + b) | 0],
  ["Sub", tf.subtract, (a, b) => (a - b) | 0],
  ["Mul", tf.multiply, Math.imul],
  ["Maximum", tf.maximum, Math.max],
  ["Minimum", tf.minimum, Math.min],
  ["TruncateDiv", tf.truncatediv, (a, b) => Math.trunc(a / b) | 0],
  ["TruncateMod", tf.truncatemod, (a, b) => (a % b) | 0],
  ["FloorDiv", tf.floordiv, (a, b) => Math.floor(a / b) | 0],
  ["FloorMod", tf.floormod, (a, b) => floorMod(a, b) | 0],
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

test("int64", async () => {
  const [a, b] = [
    [7n, -7n, 7n, -7n, 2n ** 40n],
    [2n, 2n, -2n, -2n, 3n],
  ].map((item) => BigInt64Array.from(item));
  const graph = new tf.Graph();
  const { x, y, results } = graph.asDefault(() => {
    const [x, y] = [tf.placeholder(tf.int64, [5]), tf.placeholder(tf.int64, [5])];
    const ops = [tf.add, tf.subtract, tf.multiply, tf.maximum, tf.minimum, tf.truncatediv, tf.truncatemod];
    return { x, y, results: [...ops, tf.floordiv, tf.floormod].map((op) => op(x, y)) };
  });
  const session = await tf.Session.create({ graph });
  const run = await session.run(results, new Map([[x, a], [y, b]])); // prettier-ignore
  session.close();
  expect(run.map(({ data }) => Array.from<number | bigint>(data))).toEqual([
    [9n, -5n, 5n, -9n, 2n ** 40n + 3n],
    [5n, -9n, 9n, -5n, 2n ** 40n - 3n],
    [14n, -14n, -14n, 14n, 3n * 2n ** 40n],
    [7n, 2n, 7n, -2n, 2n ** 40n],
    [2n, -7n, -2n, -7n, 3n],
    [3n, -3n, -3n, 3n, 2n ** 40n / 3n],
    [1n, -1n, 1n, -1n, 1n],
    [3n, -4n, -4n, 3n, 2n ** 40n / 3n],
    [1n, 1n, -1n, -1n, 1n],
  ]);
});

test.each([tf.int32, tf.int64])(
  "%s: division by zero refuses the run, of the smallest number by −1 it wraps around",
  async (dtype) => {
    const ops = {
      FloorDiv: tf.floordiv,
      TruncateDiv: tf.truncatediv,
      FloorMod: tf.floormod,
      TruncateMod: tf.truncatemod,
    };
    for (const [type, op] of Object.entries(ops)) {
      const graph = new tf.Graph();
      const [quotient, count, init] = graph.asDefault(() => {
        const counter = tf.variable(1, { name: "count" });
        const a = tf.placeholder(dtype, [3], "a");
        const y = op(a, tf.placeholder(dtype, [3], "b"), "quotient");
        return [tf.group([tf.assignAdd(counter, 1).op, y]), counter, tf.globalVariablesInitializer()];
      });
      const session = await tf.Session.create({ graph });
      await session.run(init);
      // It is only a control input of the group, as a check often is.
      await expectMistake(
        () => session.run(quotient, { "a:0": [5, -5, 1], "b:0": [1, 0, 2] }),
        `InvalidArgumentError: Integer division by zero for 'quotient' (op: '${type}').`,
      );
      expect((await session.run(count)).item()).toBe(1);
      const smallest = dtype === tf.int32 ? -(2 ** 31) : -(2n ** 63n);
      const feeds = { "a:0": [5, -5, smallest] as number[], "b:0": [2, 2, -1] };
      const { data } = await session.run("quotient:0", feeds);
      expect(String(data[2])).toBe(type.endsWith("Mod") ? "0" : String(smallest));
      session.close();
    }
  },
);

test("a divisor that is a constant without zeros is not checked", async () => {
  const graph = new tf.Graph();
  const y = graph.asDefault(() => tf.floordiv(tf.placeholder(tf.int32, [2000], "a"), 7));
  const session = await tf.Session.create({ graph });
  expect(session.plan(y, { "a:0": new Int32Array(2000) }).parts.steps.map((step) => step.kernel)).toEqual([
    "floorDivInt32",
  ]);
  session.close();
});

test("div is RealDiv of floats and FloorDiv of integers", () => {
  const types = [1.5, 3].map((x) => tf.div(tf.constant(x), 2).op.type);
  expect(types).toEqual(["RealDiv", "FloorDiv"]);
  expect(tf.mod(tf.constant(3), 2).op.type).toBe("FloorMod");
});

test("arithmetic of integer constants folds", () => {
  const folded = new tf.Graph().asDefault(() => {
    const shape = tf.shape(tf.placeholder(tf.float32, [6, 4]));
    return tf.fill(tf.floordiv(tf.add(tf.multiply(shape, 2), tf.maximum(shape, 5)), 3), 0);
  });
  expect(folded.shape).toEqual([6, 4]);
});

// Away from the kinks: the operands of maximum and minimum are apart, no quotient is near a whole number.
const smooth: [string, (a: tf.Tensor, b: tf.Tensor) => tf.Tensor, (a: number, b: number) => number, number, number][] =
  [
    ["add", tf.add, (a, b) => a + b, -1, 1],
    ["subtract", tf.subtract, (a, b) => a - b, -1, 1],
    ["multiply", tf.multiply, (a, b) => a * b, -1, 1],
    ["divide", tf.divide, (a, b) => a / b, 0.5, 2],
    ["divNoNan", tf.divNoNan, (a, b) => a / b, 0.5, 2],
    ["squaredDifference", tf.squaredDifference, (a, b) => (a - b) ** 2, -1, 1],
    ["maximum", (a, b) => tf.maximum(a, tf.subtract(1, b)), (a, b) => Math.max(a, 1 - b), -3, 0],
    ["minimum", (a, b) => tf.minimum(a, tf.subtract(b, 7)), (a, b) => Math.min(a, b - 7), -3, 0],
    ["floormod", (a, b) => tf.floormod(a, tf.add(b, 8)), (a, b) => floorMod(a, b + 8), 0.5, 3],
    ["pow", tf.pow, (a, b) => a ** b, 0.5, 2],
  ];
const gradientPairs = "1|1 3|3 4|4 5|5 17|17 2,5|5 2,5|2,1 |5 4,1,3|5,1".split(" ");

test.each(smooth)("gradient of %s", async (_name, op, f, low, high) => {
  for (const pair of gradientPairs) {
    const [a, b] = pair.split("|").map((shape) => values(shape === "" ? [] : shape.split(",").map(Number), low, high));
    await checkGradient(
      ([x, y]) => op(x, y),
      [a, b],
      ([x, y]) => {
        const [wideA, wideB] = [a, b].map(({ shape }, i) => ({ data: [x, y][i] as unknown as Float32Array, shape }));
        return broadcast(f, wideA, wideB);
      },
    );
  }
});

test("gradients where the slope jumps", async () => {
  const a = { data: Float32Array.of(1, 2, 3, NaN), shape: [4] };
  const b = { data: Float32Array.of(1, 3, 2, 0), shape: [4] };
  const { results } = await evaluate((input) => {
    const [x, y] = [input(a), input(b)];
    return [tf.maximum, tf.minimum].flatMap((op) => tf.gradients(op(x, y), [x, y]) as tf.Tensor[]);
  });
  // Of equal operands the first; beside NaN the second, as the comparison is false.
  expect(results.map(({ data }) => Array.from<number | bigint>(data))).toEqual([
    [1, 0, 1, 0],
    [0, 1, 0, 1],
    [1, 1, 0, 0],
    [0, 0, 1, 1],
  ]);
  const base = { data: Float32Array.of(0, 0, 2, -2), shape: [4] };
  const power = { data: Float32Array.of(2, 1, 3, 3), shape: [4] };
  const { results: slopes } = await evaluate((input) => {
    const [x, y] = [input(base), input(power)];
    return tf.gradients(tf.pow(x, y), [x, y]) as tf.Tensor[];
  });
  expect([...slopes[0].data]).toEqual([0, 1, 12, 12]);
  expect([...slopes[1].data]).toEqual([0, 0, Math.fround(8 * Math.fround(Math.LN2)), -0]);
});

test("pow as C's powf", async () => {
  const edges = [0, -0, 1, -1, 2, -2, 0.5, -0.5, 3, -3, 2.5, -2.5, 1e30, -1e30, 1e-40, Infinity, -Infinity, NaN];
  const x = Float32Array.from(edges.flatMap((value) => edges.map(() => value)));
  const y = Float32Array.from(edges.flatMap(() => edges));
  const shape = [x.length];
  const { results } = await evaluate((input) => [tf.pow(input({ data: x, shape }), input({ data: y, shape }))]);
  const want = x.map((base, i) => {
    // JavaScript has NaN for 1^NaN and (±1)^±∞.
    if (base === 1 || (base === -1 && Math.abs(y[i]) === Infinity)) return 1;
    return base ** y[i];
  });
  expectClose(results[0].data as Float32Array, want, (i) => Math.abs(want[i]) * 1.2e-7, "pow");
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
  expectShapes(Maximum, [["[2,1];[1,3]", "[2,3]"]]);
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
      "a quotient of integers",
      async () => (await tf.Session.create({ graph })).run(tf.divide(i, i, "ratio"), { "i:0": [1, 2, 3] }),
      "UnimplementedError: 'ratio' (op: 'RealDiv') is not supported for int32; supported: float32.",
    ],
    [
      "a gradient that TensorFlow has not either",
      () => tf.gradients(tf.truncatemod(x, 2, "rest"), [x]),
      "NotFoundError: No gradient is defined for operation 'rest' (op type: TruncateMod): TensorFlow has none either.",
    ],
  ])("%s", (_, body, message) => expectMistake(body, message));
});
