// Random numbers: TensorFlow's seeds and bits, and how generators advance.
import { describe, expect, test } from "vitest";
import { attr } from "../../src/graph/attr.ts";
import { createOp } from "../../src/ops/build.ts";
import {
  RandomShuffle,
  RandomStandardNormal,
  RandomUniform,
  RandomUniformInt,
  TruncatedNormal,
} from "../../src/ops/random.ts";
import * as tf from "../../src/entry/node.ts";
import { expectGolden, readGolden } from "../assembly/harness.ts";
import { expectMistake, inferred, sizes } from "../helpers/ops.ts";

function build<T>(seed: number | null, make: () => T): { graph: tf.Graph; made: T } {
  const graph = new tf.Graph();
  const made = graph.asDefault(() => {
    if (seed !== null) tf.setRandomSeed(seed);
    return make();
  });
  return { graph, made };
}

/** The seed pairs of a graph's random operations. */
const seedsOf = (graph: tf.Graph): number[][] =>
  graph.operations.filter((op) => op.type.startsWith("Random")).map((op) => [op.int("seed"), op.int("seed2")]);

async function draw(graph: tf.Graph, tensor: tf.Tensor, options: tf.SessionOptions = {}, runs = 1): Promise<unknown[]> {
  const session = await tf.Session.create({ graph, ...options });
  const results = [];
  for (let i = 0; i < runs; i++) results.push((await session.run(tensor)).data);
  return results;
}

test("shapes", () => {
  for (const definition of [RandomUniform, RandomUniformInt, RandomStandardNormal, TruncatedNormal]) {
    expect(inferred(definition, "[2];[];[]", { constants: { 0: [3, 4] } })).toBe("[3,4]");
    expect(inferred(definition, "[0];[];[]", { constants: { 0: [] } })).toBe("[]");
    expect(inferred(definition, "[2];[];[]")).toBe("?");
  }
});

describe("the pair of seeds", () => {
  const largest = 2 ** 31 - 1;
  test.each<[string, number | null, (number | null)[], number[][]]>([
    [
      "a graph seed counts the operations",
      20191001,
      [null, null, null],
      [
        [20191001, 0],
        [20191001, 1],
        [20191001, 2],
      ],
    ],
    [
      "an operation's own seed does not count",
      7,
      [null, 5, null],
      [
        [7, 0],
        [7, 5],
        [7, 1],
      ],
    ],
    [
      "without a graph seed, an operation's own",
      null,
      [5, 0],
      [
        [87654321, 5],
        [87654321, 0],
      ],
    ],
    [
      "none at all",
      null,
      [null, null],
      [
        [0, 0],
        [0, 0],
      ],
    ],
    [
      "0 and 0 would mean none",
      0,
      [null, null, 0],
      [
        [0, largest],
        [0, 1],
        [0, largest],
      ],
    ],
    [
      "seeds are taken modulo 2**31 - 1",
      -1,
      [-2, 2 ** 31, largest],
      [
        [largest - 1, largest - 2],
        [largest - 1, 1],
        [largest - 1, 0],
      ],
    ],
    ["large ones too", 2 ** 40, [2 ** 40], [[512, 512]]],
  ])("%s", (_, graphSeed, opSeeds, expected) => {
    const { graph } = build(graphSeed, () => {
      for (const seed of opSeeds) tf.randomUniform([2], { seed });
    });
    expect(seedsOf(graph)).toEqual(expected);
  });

  test("the counter is the graph's", () => {
    for (let i = 0; i < 2; i++) expect(seedsOf(build(3, () => tf.randomUniform([1])).graph)).toEqual([[3, 0]]);
  });
});

describe("TensorFlow's bits", () => {
  test("seed 20191001 and 0: the first operation of a graph with that seed", async () => {
    const golden = readGolden("random/RandomUniform_0");
    const { graph, made } = build(20191001, () => tf.randomUniform([5]));
    const runs = await draw(graph, made, {}, 3);
    expect(runs).toEqual([golden.tensors.run0.data, golden.tensors.run1.data, golden.tensors.run2.data]);
  });

  test.each([
    ["RandomUniformInt_0", 20191001, null],
    ["RandomUniformInt_1", 1, 2],
    ["RandomUniformInt_2", 0, 5],
    ["RandomUniform_1", 1, 2],
    ["RandomUniform_2", 0, 5],
  ] as const)("%s", async (id, graphSeed, seed) => {
    const { attrs, tensors } = readGolden(`random/${id}`);
    const shape = attrs.shape as number[];
    const bounds = id.includes("Int") ? { minval: -3, maxval: 1000, dtype: tf.int32 } : {};
    const { graph, made } = build(graphSeed, () => tf.randomUniform(shape, { ...bounds, seed }));
    expect(await draw(graph, made, {}, 3)).toEqual([tensors.run0.data, tensors.run1.data, tensors.run2.data]);
  });
});

describe("normal numbers", () => {
  test.each([
    ["RandomStandardNormal_0", tf.randomNormal, 20191001, 0],
    ["RandomStandardNormal_1", tf.randomNormal, 1, 2],
    ["TruncatedNormal_1", tf.truncatedNormal, 1, 2],
    ["TruncatedNormal_2", tf.truncatedNormal, 0, 5],
  ] as const)("%s", async (id, make, graphSeed, seed) => {
    const { attrs, tensors } = readGolden(`random/${id}`);
    const { graph, made } = build(graphSeed, () => make(attrs.shape as number[], { seed }));
    const runs = await draw(graph, made, {}, 3);
    runs.forEach((run, i) => expectGolden(run as Float32Array, tensors[`run${i}`], `run ${i}`));
  });

  test.each([
    ["random_normal", tf.randomNormal, "RandomStandardNormal"],
    ["truncated_normal", tf.truncatedNormal, "TruncatedNormal"],
  ] as const)("%s: nodes, mean and deviation", async (name, make, type) => {
    const { graph, made } = build(3, () => [make([17]), make([17], { mean: 10, stddev: 0.5, seed: 0 })]);
    const names = ["shape", "mean", "stddev", type, "mul"].map((node) => `${name}/${node}`);
    expect(graph.operations.slice(0, 6).map((op) => op.name)).toEqual([...names, name]);
    const session = await tf.Session.create({ graph });
    const [plain, scaled] = await session.run(made);
    expect(scaled.data).toEqual((plain.data as Float32Array).map((value) => Math.fround(value * 0.5) + 10));
  });
});

test("int64 uses two words a number", async () => {
  const { graph, made } = build(5, () => tf.randomUniform([40], { minval: -5, maxval: 2 ** 52, dtype: tf.int64 }));
  const [first, second] = (await draw(graph, made, {}, 2)) as BigInt64Array[];
  expect(first).not.toEqual(second);
  for (const value of first) expect(value >= -5n && value < 2n ** 52n).toBe(true);
  expect(first.some((value) => value > 2n ** 48n)).toBe(true);
});

describe("generators", () => {
  test("differ between operations and go on between runs; another session begins again", async () => {
    const { graph, made } = build(1, () => [tf.randomUniform([4]), tf.randomUniform([4])]);
    const [first, second] = [await draw(graph, made[0], {}, 2), await draw(graph, made[1], {}, 2)];
    expect(new Set([...first, ...second].map(String)).size).toBe(4);
    expect(await draw(graph, made[0], {}, 2)).toEqual(first);
  });

  test("one operation read twice in a run is drawn once", async () => {
    const { graph, made } = build(1, () => {
      const x = tf.randomUniform([17]);
      return tf.subtract(x, tf.identity(x));
    });
    expect(await draw(graph, made, {}, 2)).toEqual([new Float32Array(17), new Float32Array(17)]);
  });

  test("without seeds the session's decides", async () => {
    const { graph, made } = build(null, () => [tf.randomUniform([4]), tf.randomUniform([4])]);
    const seven = await draw(graph, made[0], { seed: 7 }, 2);
    expect(await draw(graph, made[0], { seed: 7 }, 2)).toEqual(seven);
    expect(await draw(graph, made[0], { seed: 8 })).not.toEqual(seven.slice(0, 1));
    expect(await draw(graph, made[1], { seed: 7 })).not.toEqual(seven.slice(0, 1));
    const session = await tf.Session.create({ graph });
    const value = await session.run(made[0]);
    expect(await draw(graph, made[0], { seed: session.seed })).toEqual([value.data]);
  });

  test("the session's seed does not touch operations with seeds", async () => {
    const { graph, made } = build(1, () => tf.randomUniform([4]));
    expect(await draw(graph, made, { seed: 7 })).toEqual(await draw(graph, made, { seed: 8 }));
  });
});

test("ranges", async () => {
  const { graph, made } = build(11, () => [
    tf.randomUniform([1000], { minval: -2, maxval: 6 }),
    tf.randomUniform([1000], { minval: -2, maxval: 6, dtype: tf.int32 }),
    ...sizes.map((n) => tf.randomUniform([n])),
    tf.randomUniform([0, 3]),
    tf.randomUniform([]),
  ]);
  const session = await tf.Session.create({ graph });
  const [floats, integers, ...others] = await session.run(made);
  for (const { data } of [floats, integers]) {
    expect(data.every((item) => Number(item) >= -2 && Number(item) < 6)).toBe(true);
    expect(new Set(data as Float32Array).size).toBe(data === integers.data ? 8 : 1000);
  }
  expect(others.map(({ shape }) => shape)).toEqual([...sizes.map((n) => [n]), [0, 3], []]);
});

test("nodes of the float form", () => {
  const { graph } = build(1, () => tf.randomUniform([2, 3], { minval: -1, maxval: 1 }));
  const names = ["shape", "min", "max", "RandomUniform", "sub", "mul"].map((name) => `random_uniform/${name}`);
  expect(graph.operations.map((op) => op.name)).toEqual([...names, "random_uniform"]);
});

describe("mistakes", () => {
  test.each<[string, () => unknown, string]>([
    [
      "a seed that is no integer",
      () => tf.setRandomSeed(0.5),
      "InvalidArgumentError: The seed must be an integer, got 0.5.",
    ],
    [
      "a session's too",
      () => tf.Session.create({ graph: new tf.Graph(), seed: Number.NaN }),
      "InvalidArgumentError: seed must be an integer, got NaN.",
    ],
    [
      "int32 without an end",
      () => tf.randomUniform([2], { dtype: tf.int32 }),
      "InvalidArgumentError: randomUniform of int32 needs maxval.",
    ],
    [
      "a dtype without normal numbers",
      () => {
        const { graph, made } = build(1, () => tf.randomNormal([2], { dtype: tf.float64 }));
        return draw(graph, made);
      },
      "UnimplementedError: 'random_normal/RandomStandardNormal' (op: 'RandomStandardNormal') is not supported for float64; supported: float32.",
    ],
    [
      "an empty range",
      () => {
        const { graph, made } = build(1, () =>
          tf.randomUniform([2], { minval: 3, maxval: 3, dtype: tf.int32, name: "dice" }),
        );
        return draw(graph, made);
      },
      "InvalidArgumentError: Need minval < maxval, got 3 >= 3 for 'dice' (op: 'RandomUniformInt').",
    ],
    [
      "a dtype without a kernel",
      () => {
        const { graph, made } = build(1, () => tf.randomUniform([2], { dtype: tf.float64 }));
        return draw(graph, made);
      },
      "UnimplementedError: 'random_uniform/RandomUniform' (op: 'RandomUniform') is not supported for float64; supported: float32.",
    ],
  ])("%s", (_, body, message) => expectMistake(body, message));
});

test("RandomShuffle: rows in the order that the generator's words tell, another in the next run", async () => {
  const { graph, made } = build(20191001, () => {
    const rows = tf.reshape(tf.range(0, 24), [6, 4]);
    const attrs = { seed: attr.int(20191001), seed2: attr.int(7), T: attr.type(tf.int32) };
    return createOp(RandomShuffle, [rows], attrs, "RandomShuffle").outputs[0];
  });
  const [first, second] = (await draw(graph, made, {}, 2)).map((data) => Array.from(data as Int32Array));
  const order = (data: number[]): number[] => [0, 1, 2, 3, 4, 5].map((row) => data[row * 4] / 4);
  for (const data of [first, second]) {
    expect(order(data).toSorted()).toEqual([0, 1, 2, 3, 4, 5]);
    order(data).forEach((row, i) => expect(data.slice(i * 4, i * 4 + 4)).toEqual([0, 1, 2, 3].map((j) => row * 4 + j)));
  }
  expect(order(second)).not.toEqual(order(first));
  expect((await draw(graph, made, {}, 1))[0]).toEqual(Int32Array.from(first));
});
