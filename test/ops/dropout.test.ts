// nn.dropout: what is kept and how it is scaled, the gradient's mask, noise shapes, seeds, names, mistakes.
import { expect, test } from "vitest";
import * as tf from "../../src/entry/node.ts";
import { expectMistake, sizes } from "../helpers/ops.ts";

type Build = (x: tf.Tensor) => tf.Tensor;

/** y and dy/dx (for a gradient of ones) of several runs. */
async function run(build: Build, shape: number[], runs = 1): Promise<{ y: number[]; dx: number[] }[]> {
  const graph = new tf.Graph();
  const { x, fetches } = graph.asDefault(() => {
    const x = tf.placeholder(
      tf.float32,
      shape.map(() => null),
    );
    const y = build(x);
    return { x, fetches: { y, dx: tf.gradients(y, [x])[0]! } };
  });
  const session = await tf.Session.create({ graph });
  const feeds = new Map([[x, { data: new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(3), shape }]]);
  const results: { y: number[]; dx: number[] }[] = [];
  for (let i = 0; i < runs; i++) {
    const { y, dx } = await session.run(fetches, feeds);
    expect(y.shape).toEqual(shape);
    results.push({ y: Array.from(y.data, Number), dx: Array.from(dx.data, Number) });
  }
  session.close();
  return results;
}

test.each(sizes)("[3, %i]: kept and scaled or 0, and the gradient takes the same mask", async (n) => {
  const [{ y, dx }] = await run((x) => tf.nn.dropout(x, 0.25, { seed: 4 }), [3, n]);
  for (const [i, value] of y.entries()) {
    expect([0, 12]).toContain(value);
    expect(dx[i]).toBe(value / 3);
  }
});

test("the fraction that is kept, and a new mask each run", async () => {
  const runs = await run((x) => tf.nn.dropout(x, 0.9, { seed: 1 }), [100, 100], 3);
  for (const { y } of runs) {
    const kept = y.filter(Boolean).length / y.length;
    // Five standard deviations of the mean of 10,000 draws.
    expect(Math.abs(kept - 0.9)).toBeLessThan(5 * Math.sqrt((0.9 * 0.1) / 1e4));
    expect(new Set(y)).toEqual(new Set([0, Math.fround(3 * Math.fround(1 / (1 - Math.fround(0.1))))]));
  }
  expect(runs[0].y).not.toEqual(runs[1].y);
});

test("the mask is where TensorFlow's uniform numbers reach the rate", async () => {
  const graph = new tf.Graph();
  const y = graph.asDefault(() => tf.nn.dropout(tf.ones([7, 50]), null, { rate: 0.3, seed: 11 }));
  const uniform = graph.operations.find(({ type }) => type === "RandomUniform")!.outputs[0];
  const [dropped, numbers] = await (await tf.Session.create({ graph })).run([y, uniform]);
  const [kept, drawn] = [dropped, numbers].map(({ data }) => Array.from(data as Float32Array));
  expect(kept.map(Boolean)).toEqual(drawn.map((u) => u >= Math.fround(0.3)));
});

test("noise shapes: whole rows or columns, with sizes taken from x", async () => {
  for (const [noiseShape, group] of [
    [[4, 1], (i: number): number => Math.floor(i / 6)],
    [[null, 1], (i: number): number => Math.floor(i / 6)],
    [[1, null], (i: number): number => i % 6],
  ] as const) {
    const [{ y }] = await run((x) => tf.nn.dropout(x, 0.5, { noiseShape, seed: 3 }), [4, 6]);
    const groups = Map.groupBy(y.keys(), group);
    for (const members of groups.values()) expect(new Set(members.map((i) => y[i])).size).toBe(1);
    expect(new Set(y)).toEqual(new Set([0, 6]));
  }
});

test("nothing to drop gives x itself", () => {
  new tf.Graph().asDefault(() => {
    const x = tf.placeholder(tf.float32, [2]);
    expect(tf.nn.dropout(x, 1)).toBe(x);
    expect(tf.nn.dropout(x, null, { rate: tf.constant(0, { dtype: tf.float32 }) })).toBe(x);
  });
});

test("the rate may come from the run", async () => {
  const graph = new tf.Graph();
  const { keep, y } = graph.asDefault(() => {
    const keep = tf.placeholder(tf.float32, []);
    return { keep, y: tf.nn.dropout(tf.ones([8]), keep, { seed: 1 }) };
  });
  const session = await tf.Session.create({ graph });
  const all = await session.run(y, new Map([[keep, 1]]));
  expect([...all.data]).toEqual(new Array(8).fill(1));
  const half = await session.run(y, new Map([[keep, 0.5]]));
  expect([...half.data].every((value) => value === 0 || value === 2)).toBe(true);
});

test("known sizes stay known; nodes carry TensorFlow's names", () => {
  const graph = new tf.Graph();
  const y = graph.asDefault(() => tf.nn.dropout(tf.placeholder(tf.float32, [null, 7], "x"), 0.5, { seed: 2 }));
  expect(y.shape).toEqual([null, 7]);
  const types = graph.operations.map(({ name, type }) => `${name} ${type}`);
  expect(types).toEqual(
    expect.arrayContaining([
      "dropout/Shape Shape",
      "dropout/random_uniform/RandomUniform RandomUniform",
      "dropout/GreaterEqual GreaterEqual",
      "dropout/mul Mul",
      "dropout/mul_1 Mul",
    ]),
  );
});

test("mistakes", async () => {
  const mistake = (body: (x: tf.Tensor) => unknown, sentence: string): Promise<void> =>
    expectMistake(() => new tf.Graph().asDefault(() => body(tf.placeholder(tf.float32, [2, 3]))), sentence);
  await mistake(
    (x) => tf.nn.dropout(x, 0),
    "InvalidArgumentError: rate must be a scalar tensor or a float in the range [0, 1), got 1 (keepProb is 1 - rate).",
  );
  await mistake((x) => tf.nn.dropout(x, null), "InvalidArgumentError: dropout needs keepProb or rate, and not both.");
  await mistake(
    (x) => tf.nn.dropout(x, 0.5, { noiseShape: [1] }),
    "InvalidArgumentError: noiseShape has 1 sizes, x is of rank 2.",
  );
  await mistake(
    () => tf.nn.dropout(tf.constant([1, 2], { dtype: tf.int32 }), 0.5),
    "InvalidArgumentError: x has to be a floating point tensor since it's going to be scaled. Got a int32 tensor instead.",
  );
});
