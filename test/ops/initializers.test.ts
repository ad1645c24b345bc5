// Initial values of variables; Glorot's limit and bits are TensorFlow's.
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { decodeSafetensors } from "../../src/formats/safetensors.ts";
import * as tf from "../../src/entry/node.ts";
import { evaluate, expectMistake, sizes } from "../helpers/ops.ts";

test.each<[string, tf.Initializer, (n: number) => number[]]>([
  ["zeros", tf.zerosInitializer(), (n) => new Array<number>(n).fill(0)],
  ["ones", tf.onesInitializer(), (n) => new Array<number>(n).fill(1)],
  ["a constant", tf.constantInitializer(2.5), (n) => new Array<number>(n).fill(2.5)],
])("%s", async (_, initializer, expected) => {
  for (const n of [...sizes, 1001]) {
    const { results } = await evaluate(() => [
      tf.getVariable("v", [n], { initializer }).value(),
      tf.getVariable("matrix", [n, 2], { initializer }).value(),
    ]);
    expect(results.map(({ data }) => Array.from(data as Float32Array))).toEqual([expected(n), expected(2 * n)]);
  }
});

test("a constant for each element", async () => {
  const { results } = await evaluate(() => [
    tf.getVariable("v", [2, 2], { initializer: tf.constantInitializer([1, 2, 3, 4]), dtype: tf.int32 }).value(),
  ]);
  expect(results[0].toNested()).toEqual([
    [1, 2],
    [3, 4],
  ]);
});

test("large constants are a Fill", () => {
  const graph = new tf.Graph();
  graph.asDefault(() => tf.getVariable("v", [10, 100], { initializer: tf.zerosInitializer() }));
  expect(graph.operations.map((op) => op.name)).toEqual([
    "v/Initializer/zeros/shape_as_tensor",
    "v/Initializer/zeros/Const",
    "v/Initializer/zeros",
    "v",
    "v/Assign",
    "v/read",
  ]);
});

/** The bounds that an initializer gives its uniform numbers. */
function bounds(initializer: tf.Initializer, shape: number[]): number[] {
  const graph = new tf.Graph();
  graph.asDefault(() => initializer(shape, tf.float32));
  return ["min", "max"].map(
    (name) => graph.getOperationByName(`random_uniform/${name}`).tensor("value").data[0] as number,
  );
}

test("uniform: its bounds, and its own seed", () => {
  expect(bounds(tf.randomUniformInitializer(), [2])).toEqual([-0.05, 0.05].map(Math.fround));
  expect(bounds(tf.randomUniformInitializer(-1, 3), [2])).toEqual([-1, 3]);
  const graph = new tf.Graph();
  graph.asDefault(() => {
    tf.randomUniformInitializer(0, 1, 5)([2], tf.float32);
    tf.glorotUniformInitializer(6)([2], tf.float32);
  });
  const seeds = graph.operations.filter((op) => op.type === "RandomUniform").map((op) => op.int("seed2"));
  expect(seeds).toEqual([5, 6]);
});

test.each<[number[], number]>([
  [[3, 3, 3, 32], 0.138013112],
  [[2, 4], 1],
  [[6], Math.SQRT1_2],
  [[], Math.sqrt(3)],
  [[1, 1, 1, 1], Math.sqrt(3)],
])("Glorot's limit for [%s]: √(6 / (fan in + fan out))", (shape, limit) => {
  expect(bounds(tf.glorotUniformInitializer(), shape)).toEqual([Math.fround(-limit), Math.fround(limit)]);
});

test("Glorot of no elements", () =>
  expectMistake(
    () => tf.glorotUniformInitializer()([3, 0], tf.float32),
    "InvalidArgumentError: An initializer that scales by fans cannot fill the shape [3,0].",
  ));

/** Mean and standard deviation that an initializer gives its normal numbers, and their operation. */
function normal(initializer: tf.Initializer, shape: number[]): [type: string, mean: number, stddev: number] {
  const graph = new tf.Graph();
  graph.asDefault(() => initializer(shape, tf.float32));
  const op = graph.operations.find(({ type }) => type.endsWith("Normal"))!;
  const scope = op.name.split("/")[0];
  const [mean, stddev] = ["mean", "stddev"].map(
    (name) => graph.getOperationByName(`${scope}/${name}`).tensor("value").data[0] as number,
  );
  return [op.type, mean, stddev];
}

/** The deviation of a normal distribution that is cut off at two deviations: √(1 − 4 φ(2) / (2 Φ(2) − 1)). */
const cut = 0.8796256610342398;

test.each<[string, tf.Initializer, string, number, number]>([
  ["randomNormal", tf.randomNormalInitializer(1, 2), "RandomStandardNormal", 1, 2],
  ["truncatedNormal", tf.truncatedNormalInitializer(0, 0.05), "TruncatedNormal", 0, 0.05],
  // Fans of [3, 3, 4, 8]: 36 in, 72 out.
  ["heNormal", tf.heNormalInitializer(), "TruncatedNormal", 0, Math.sqrt(2 / 36) / cut],
  ["lecunNormal", tf.lecunNormalInitializer(), "TruncatedNormal", 0, Math.sqrt(1 / 36) / cut],
  ["glorotNormal", tf.glorotNormalInitializer(), "TruncatedNormal", 0, Math.sqrt(2 / 108) / cut],
  [
    "fan_out, untruncated",
    tf.varianceScalingInitializer({ scale: 3, mode: "fan_out", distribution: "untruncated_normal" }),
    "RandomStandardNormal",
    0,
    Math.sqrt(3 / 72),
  ],
])("%s", (_, initializer, type, mean, stddev) => {
  expect(normal(initializer, [3, 3, 4, 8])).toEqual([type, mean, Math.fround(stddev)]);
});

test.each<[string, tf.Initializer, number]>([
  ["heUniform", tf.heUniformInitializer(), Math.sqrt(6 / 36)],
  ["lecunUniform", tf.lecunUniformInitializer(), Math.sqrt(3 / 36)],
])("%s", (_, initializer, limit) => {
  expect(bounds(initializer, [3, 3, 4, 8])).toEqual([Math.fround(-limit), Math.fround(limit)]);
});

test.each<[tf.VarianceScalingOptions, string]>([
  [{ scale: 0 }, "InvalidArgumentError: The scale of an initializer must be above 0, got 0."],
  [
    { mode: "fan" as "fan_in" },
    "InvalidArgumentError: The mode of an initializer must be fan_in, fan_out or fan_avg, got fan.",
  ],
  [
    { distribution: "cauchy" as "normal" },
    "InvalidArgumentError: The distribution of an initializer must be truncated_normal, untruncated_normal or uniform, got cauchy.",
  ],
])("scaling by %j", (options, sentence) => expectMistake(() => tf.varianceScalingInitializer(options), sentence));

test("the tutorial's kernel has TensorFlow's bits", async () => {
  const file = readFileSync(new URL("../golden/metagraph/tutorial/io.safetensors", import.meta.url));
  const golden = decodeSafetensors(file).tensors.get("init/conv_1/kernel")!;
  const { results } = await evaluate(() => {
    tf.setRandomSeed(20191001);
    tf.layers.conv2d(tf.placeholder(tf.float32, [null, 100, 100, 3]), 32, 3, { name: "conv_1" });
    return [tf.globalVariables()[0].value()];
  });
  expect(results[0].shape).toEqual(golden.shape);
  expect(results[0].data).toEqual(golden.data);
});
