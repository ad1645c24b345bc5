/** Precise statistics against mean and variance of all that the layers saw, in float64. */
import { readFileSync } from "node:fs";
import { afterEach, describe, expect, test } from "vitest";
import * as tf from "../../src/entry/node.ts";
import { decodeSafetensors } from "../../src/formats/safetensors.ts";

const open: tf.Session[] = [];
afterEach(() => {
  for (const session of open.splice(0)) session.close();
});

async function sessionOf(graph: tf.Graph): Promise<tf.Session> {
  const session = await tf.Session.create({ graph, seed: 1, onWarning: () => {} });
  open.push(session);
  return session;
}

/** A fused layer behind a convolution, then a composed one behind a matrix product. */
async function netSession(offset = 0): Promise<tf.Session> {
  const graph = new tf.Graph();
  graph.asDefault(() => {
    tf.setRandomSeed(7);
    const x = tf.placeholder(tf.float32, [null, 5, 5, 2], "x");
    const training = tf.placeholderWithDefault(false, [], "training");
    const conv = tf.add(tf.layers.conv2d(x, 4, 3, { name: "conv" }), offset, "seen_by_fused");
    const net = tf.nn.relu(tf.layers.batchNormalization(conv, { training, name: "fused" }));
    const dense = tf.identity(tf.layers.dense(tf.reduceMean(net, [1, 2]), 3, { name: "dense" }), "seen_by_composed");
    tf.layers.batchNormalization(dense, { training, name: "composed", momentum: 0.9 });
  });
  const session = await sessionOf(graph);
  await session.run(graph.asDefault(() => tf.globalVariablesInitializer()));
  return session;
}

const valuesOf = (tensor: tf.FetchedTensor | undefined): number[] => [...tensor!.data].map(Number);

const rows = 11;
const data = Float32Array.from({ length: rows * 50 }, (_, i) => ((i * 2654435761) % 1000) / 500 - 1);
const batch = (from: number, to: number) => ({ data: data.slice(from * 50, to * 50), shape: [to - from, 5, 5, 2] });
const training = { "training:0": true };
const sizes = [
  [0, 4],
  [4, 8],
  [8, rows],
] as const;

/** Mean and variance of every channel, in float64, with two passes. */
function moments(
  values: readonly number[],
  channels: number,
  correction: number,
): { mean: number[]; variance: number[] } {
  const count = values.length / channels;
  const of = (f: (channel: number, value: number) => number): number[] =>
    Array.from({ length: channels }, (_, c) =>
      values.reduce((sum, value, i) => (i % channels === c ? sum + f(c, value) : sum), 0),
    );
  const mean = of((_, value) => value).map((sum) => sum / count);
  return { mean, variance: of((c, value) => (value - mean[c]) ** 2).map((sum) => sum / (count - correction)) };
}

/** Everything that a layer sees, each batch normalised by itself before it. */
async function seen(session: tf.Session, tensor: string): Promise<number[]> {
  const values: number[] = [];
  for (const [from, to] of sizes) {
    const [value] = await session.run([tensor], { "x:0": batch(from, to), ...training });
    values.push(...valuesOf(value));
  }
  return values;
}

/** The batch's own statistics are rounded to float32: by half a unit of the largest of what is summed. */
function expectClose(got: tf.FetchedTensor, want: readonly number[], scale: number): void {
  expect(got.data).toHaveLength(want.length);
  const off = want.map((value, i) => Math.abs(Number(got.data[i]) - value));
  expect(Math.max(...off)).toBeLessThan(scale * 1e-6);
}

describe.each([
  ["columns", { feeds: { "x:0": { data, shape: [rows, 5, 5, 2] } }, batchSize: 4, constants: training }],
  ["batches", { batches: sizes.map(([from, to]) => ({ "x:0": batch(from, to), ...training })) }],
  ["batches that come one by one", { batches: oneByOne(), constants: training }],
])("from %s", (_, options) => {
  test("as one batch of them all would have, of either kind of layer", async () => {
    const session = await netSession();
    const fused = moments(await seen(session, "seen_by_fused:0"), 4, 1);
    const composed = moments(await seen(session, "seen_by_composed:0"), 3, 0);
    const layers = await tf.recalibrate(session, options);
    expect(layers.map(({ layer, count }) => [layer, count])).toEqual([
      ["fused", rows * 9],
      ["composed", rows],
    ]);
    for (const [{ mean, variance }, want] of [
      [layers[0], fused],
      [layers[1], composed],
    ] as const) {
      expectClose(mean, want.mean, 1);
      expectClose(variance, want.variance, 1);
    }
    const values = session.variables();
    expect(values.get("fused/moving_mean")).toEqual(layers[0].mean);
    expect(values.get("composed/moving_variance")).toEqual(layers[1].variance);
    expect(session.movingStatistics().map(({ updates }) => updates)).toEqual([null, null]);
  });
});

async function* oneByOne(): AsyncGenerator<tf.Feeds> {
  for (const [from, to] of sizes) yield { "x:0": batch(from, to) };
}

test("a large mean costs no digits of the variance", async () => {
  const session = await netSession(1e4);
  const want = moments(await seen(session, "seen_by_fused:0"), 4, 1);
  const [{ mean, variance }] = await tf.recalibrate(session, {
    batches: sizes.map(([from, to]) => ({ "x:0": batch(from, to) })),
    constants: training,
  });
  expectClose(mean, want.mean, 1e4);
  // The means of batches are rounded at 1e4, by 5e-4; naively the variance would be off by 32.
  expect(Math.max(...want.variance.map((value, i) => Math.abs(value - Number(variance.data[i]))))).toBeLessThan(2e-3);
});

test("nothing else changes", async () => {
  const session = await netSession();
  const others = () => Object.fromEntries([...session.variables()].filter(([name]) => !name.includes("moving")));
  const before = others();
  await tf.recalibrate(session, { batches: [{ "x:0": batch(0, 4) }], constants: training });
  expect(others()).toEqual(before);
});

test("some of the batches, some of the layers", async () => {
  const [some, all] = [await netSession(), await netSession()];
  const feeds = { "x:0": { data, shape: [rows, 5, 5, 2] } };
  const [layer, ...more] = await tf.recalibrate(some, {
    feeds,
    batchSize: 3,
    batches: 2,
    constants: training,
    layers: ["composed"],
  });
  expect(more).toEqual([]);
  expect(layer).toMatchObject({ layer: "composed", count: 6 });
  const [, same] = await tf.recalibrate(all, {
    batches: [
      [0, 3],
      [3, 6],
    ].map(([from, to]) => ({ "x:0": batch(from, to) })),
    constants: training,
  });
  expect(layer).toEqual(same);
  expect(some.variables().get("fused/moving_mean")!.data).toEqual(new Float32Array(4));
});

test("a layer over two inputs counts both", async () => {
  const graph = new tf.Graph();
  graph.asDefault(() => {
    const inputs = ["a", "b"].map((name) => tf.placeholder(tf.float32, [null, 2, 2, 1], name));
    const [first, second] = inputs;
    tf.layers.batchNormalization(first, { training: true, name: "bn" });
    tf.layers.batchNormalization(second, { training: true, name: "bn", reuse: true });
  });
  const session = await sessionOf(graph);
  await session.run(graph.asDefault(() => tf.globalVariablesInitializer()));
  const [a, b] = [
    [1, 2, 3, 4, 9, 9, 9, 9],
    [-1, -2, -3, -5],
  ];
  const feeds = { "a:0": { data: a, shape: [2, 2, 2, 1] }, "b:0": { data: b, shape: [1, 2, 2, 1] } };
  const [layer] = await tf.recalibrate(session, { batches: [feeds] });
  const want = moments([...a, ...b], 1, 1);
  expect(layer.count).toBe(12);
  expectClose(layer.mean, want.mean, 10);
  expectClose(layer.variance, want.variance, 100);
});

test.each(["lenet_momentum", "lenet_resource"])("TensorFlow's %s, and inference with it", async (program) => {
  const read = (file: string): Uint8Array =>
    readFileSync(new URL(`../golden/metagraph/${program}/${file}`, import.meta.url));
  const session = await sessionOf(await tf.importMetaGraph(read("graph.meta")));
  await session.restore({ index: read("ckpt.index"), data: read("ckpt.data-00000-of-00001") });
  const { tensors } = decodeSafetensors(read("io.safetensors"));
  const input = tensors.get("feed0/input:0")!;
  const layers = await tf.recalibrate(session, {
    feeds: { "input:0": input },
    batchSize: input.shape[0],
    constants: training,
  });
  expect(layers.map(({ layer, count }) => [layer, count])).toEqual([
    ["bn_1", input.shape[0] * 64],
    ["bn_2", input.shape[0] * 16],
  ]);
  // Over the very batch that the statistics are of, inference is training, but for n and n − 1 in the variance.
  const [trained] = await session.run(["logits:0"], { "input:0": input, ...training });
  const [inferred] = await session.run(["logits:0"], { "input:0": input, "training:0": false });
  const [was, is] = [valuesOf(trained), valuesOf(inferred)];
  const largest = Math.max(...was.map(Math.abs));
  const off = Math.max(...was.map((value, i) => Math.abs(value - is[i])));
  expect(off / largest).toBeLessThan(2 / (input.shape[0] * 16));
});

const saying = (message: string | RegExp): unknown =>
  typeof message === "string" ? message : expect.stringMatching(message);

describe("mistakes leave the statistics as they were:", () => {
  const feeds = { "x:0": { data, shape: [rows, 5, 5, 2] } };
  test.each<[string, tf.RecalibrateOptions, string | RegExp]>([
    [
      "inference",
      { batches: [{ "x:0": batch(0, 4) }] },
      /^recalibrate needs batch statistics, and with these feeds not all of 'fused', 'composed' compute them: feed what decides it, as in constants: \{ "training:0": true \}\.$/,
    ],
    ["nothing", {}, "recalibrate needs feeds (columns, with a batchSize) or batches (feeds of runs)."],
    ["no batch", { batches: [] }, "recalibrate got no batches: give at least one."],
    ["columns without a batch size", { feeds }, "batchSize must be an integer of at least 1, got NaN."],
    [
      "columns and batches",
      { feeds, batchSize: 4, batches: [{}] },
      "recalibrate takes feeds (columns) or batches (feeds of runs), not both.",
    ],
    [
      "a layer that does not exist",
      { batches: [], layers: ["bn"] },
      "The graph has no batch-norm layer 'bn' with update ops. It has 'fused', 'composed'.",
    ],
    [
      "rows of another shape",
      { batches: [{ "x:0": [[1]], ...training }] },
      /^Cannot feed value of shape \[1,1\] for Tensor 'x:0'/,
    ],
    [
      "a second batch that does not fit",
      {
        batches: [
          { "x:0": batch(0, 4), ...training },
          { "x:0": [[1]], ...training },
        ],
      },
      /^Cannot feed value/,
    ],
  ])("%s", async (_, options, message) => {
    const session = await netSession();
    const before = session.variables();
    await expect(tf.recalibrate(session, options)).rejects.toMatchObject({
      name: "InvalidArgumentError",
      message: saying(message),
    });
    expect(session.variables()).toEqual(before);
  });

  test("a graph without batch norm", async () => {
    const graph = new tf.Graph();
    graph.asDefault(() => tf.placeholder(tf.float32, [], "x"));
    await expect(tf.recalibrate(await sessionOf(graph), { batches: [] })).rejects.toThrow(
      "recalibrate found no batch-norm layer with update ops in the graph.",
    );
  });
});
