/** Augmentation within a fit: what a picture becomes depends on seed, epoch and row alone, and validation only cuts. */
import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import * as tf from "../../src/entry/node.ts";
import { expectMistake } from "../helpers/ops.ts";

/** A graph whose "training" keeps the sum of the pixels by position, so that tests see what was fed. */
function sums(dtype: tf.Tensor["dtype"], shape: readonly number[]) {
  const graph = new tf.Graph();
  return graph.asDefault(() => {
    const x = tf.placeholder(dtype, [null, ...shape], "x");
    const pixels = dtype === tf.float32 ? x : tf.cast(x, tf.float32);
    const total = tf.variable(tf.zeros([...shape]), { name: "total" });
    const train = tf.assignAdd(total, tf.reduceSum(pixels, 0));
    const mean = tf.reduceMean(pixels, null, { name: "mean" });
    return { graph, x, train, mean, init: tf.globalVariablesInitializer() };
  });
}

/** Eleven pictures [6, 5, 2] with pixels of their own. */
const pictures = Uint8Array.from({ length: 11 * 60 }, (_, i) => (i * 13) % 256);
const column = (): tf.data.Column => tf.data.column(pictures, { shape: [6, 5, 2] });

async function totalOf(
  net: ReturnType<typeof sums>,
  more: Partial<tf.FitOptions> & Pick<tf.FitOptions, "augment">,
): Promise<readonly number[]> {
  const session = await tf.Session.create({ graph: net.graph });
  await session.run(net.init);
  const { usedBytes } = session.memory;
  const feeds = new Map([[net.x, column()]]);
  await tf.fit(session, { feeds, train: net.train, batchSize: 4, epochs: 3, seed: 9, ...more });
  const total = Array.from(session.variables().get("total")!.data as Float32Array);
  // What it took of the session's memory for pictures it gave back; plans stay.
  expect(session.memory.usedBytes - session.memory.arenaBytes - usedBytes).toBeLessThan(20_000);
  session.close();
  return total;
}

test("batches do not matter, nor the type that pictures are fed as", async () => {
  const augment = { "x:0": { shift: 2, flip: true, crop: [5, 4] as const } };
  const floats = sums(tf.float32, [5, 4, 2]);
  const expected = await totalOf(floats, { augment });
  expect(await totalOf(floats, { augment, batchSize: 11 })).toEqual(expected);
  expect(await totalOf(floats, { augment, batchSize: 3 })).toEqual(expected);
  expect(await totalOf(sums(tf.uint8, [5, 4, 2]), { augment })).toEqual(expected);
});

test("seed and epoch matter", async () => {
  const net = sums(tf.float32, [6, 5, 2]);
  const augment = { "x:0": { shift: 1, flip: true } };
  const one = await totalOf(net, { augment, epochs: 1 });
  expect(await totalOf(net, { augment, epochs: 1, seed: 10 })).not.toEqual(one);
  // With the same picture in both epochs the sum of two would be twice the first.
  expect(await totalOf(net, { augment, epochs: 2 })).not.toEqual(one.map((value) => 2 * value));
  expect(await totalOf(net, { augment: {}, epochs: 2 })).toEqual(
    (await totalOf(net, { augment: {}, epochs: 1 })).map((value) => 2 * value),
  );
});

test("validation cuts from the middle", async () => {
  const net = sums(tf.float32, [2, 3, 2]);
  const session = await tf.Session.create({ graph: net.graph });
  await session.run(net.init);
  const feeds = new Map([[net.x, column()]]);
  const augment = new Map([[net.x, { shift: 2, flip: true, crop: [2, 3] as const }]]);
  const validation = { feeds, fetches: { mean: net.mean } };
  const fitted = await tf.fit(session, { feeds, train: net.train, batchSize: 4, epochs: 1, augment, validation });
  let sum = 0;
  for (let picture = 0; picture < 11; picture++)
    for (const line of [2, 3]) for (let i = 2; i < 8; i++) sum += pictures[picture * 60 + line * 10 + i];
  expect(fitted.validation!.mean).toBeCloseTo(sum / (11 * 12), 4);
  expect(await tf.evaluate(session, { ...validation, augment, batchSize: 11 })).toEqual({
    mean: expect.closeTo(sum / (11 * 12), 4),
  });
});

test.each<[tf.Augmentations, string]>([
  [
    { "x:0": { crop: [7, 5] } },
    "InvalidArgumentError: [7,5] cannot be cut out of the pictures of 'x:0', which have the shape [6,5,2].",
  ],
  [
    { "x:0": { shift: 6 } },
    "InvalidArgumentError: The pictures of 'x:0', of shape [6,5,2], cannot be shifted by up to 6 pixels; give an integer from 0 to their size.",
  ],
  [{ "mean:0": { shift: 1 } }, "InvalidArgumentError: 'mean:0' is to be augmented, but no column feeds it."],
])("%j", async (augment, sentence) => {
  const net = sums(tf.float32, [6, 5, 2]);
  const session = await tf.Session.create({ graph: net.graph });
  await session.run(net.init);
  const feeds = { "x:0": column() };
  await expectMistake(() => tf.fit(session, { feeds, train: net.train, batchSize: 4, epochs: 1, augment }), sentence);
});

test("only pictures can be augmented", async () => {
  const net = sums(tf.float32, [60]);
  const session = await tf.Session.create({ graph: net.graph });
  await session.run(net.init);
  const feeds = { "x:0": tf.data.reshape(column(), [60]) };
  await expectMistake(
    () => tf.fit(session, { feeds, train: net.train, batchSize: 4, epochs: 1, augment: { "x:0": { flip: true } } }),
    "InvalidArgumentError: Only pictures can be augmented, rows of [height, width] or [height, width, channels]; those of 'x:0' have the shape [60].",
  );
});

test("kernels without it are told so", async () => {
  const graph = new tf.Graph();
  const net = graph.asDefault(() => {
    const x = tf.placeholder(tf.float32, [null, 6, 5, 2], "x");
    return { x, train: tf.identity(x) };
  });
  const kernels = await WebAssembly.compile(
    await readFile(new URL("../../dist/kernels.forward.wasm", import.meta.url)),
  );
  const session = await tf.Session.create({ graph, kernels });
  const feeds = { "x:0": column() };
  await expectMistake(
    () => tf.fit(session, { feeds, train: net.train, batchSize: 4, epochs: 1, augment: { "x:0": { flip: true } } }),
    "FailedPreconditionError: Augmentation needs the kernel 'augment', which the session's kernels do not have. Create the session with trainlet/kernels.wasm, the default. This was at step 1. Variables are as they were.",
  );
});
