/** The smaller kernels: the same bits for what they hold, one sentence for what they do not. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import * as tf from "../../src/entry/node.ts";
import { lenetMomentum } from "../helpers/nets.ts";
import { buildTutorial, readPhoto } from "../helpers/tutorial.ts";

const [forward, training] = ["forward", "training"].map((name) =>
  WebAssembly.compile(readFileSync(new URL(`../../dist/kernels.${name}.wasm`, import.meta.url))),
);

test("the tutorial gives the same bits on the kernels for inference", async () => {
  const { graph, init, trainOp, net } = buildTutorial();
  const feeds = { "input_node:0": readPhoto() };
  const results = await Promise.all(
    [forward, undefined].map(async (kernels) => {
      const session = await tf.Session.create({ graph, kernels });
      await session.run(init);
      await session.run(trainOp, feeds, { repeat: 10 });
      const result = await session.run(net, { ...feeds, "training:0": false });
      return [result, session.movingStatistics()];
    }),
  );
  expect(results[0]).toEqual(results[1]);
});

test("a net trains to the same bits on the kernels for training", async () => {
  const { graph, init, loss, trainOp } = lenetMomentum();
  const pixels = Float32Array.from({ length: 4 * 64 }, (_, i) => Math.sin(i));
  const feeds = { "input:0": { data: pixels, shape: [4, 8, 8, 1] }, "labels:0": [1, 0, 2, 1] };
  const results = await Promise.all(
    [training, undefined].map(async (kernels) => {
      const session = await tf.Session.create({ graph, kernels });
      await session.run(init);
      const losses = [];
      for (let i = 0; i < 5; i++) losses.push((await session.run([loss, trainOp], feeds))[0].item());
      return [losses, session.variables()];
    }),
  );
  expect(results[0]).toEqual(results[1]);
});

test("training a net needs more than the kernels for inference", async () => {
  const { graph, init, loss, trainOp } = lenetMomentum();
  const session = await tf.Session.create({ graph, kernels: forward, onWarning: () => {} });
  await session.run(init);
  const feeds = { "input:0": { data: new Float32Array(64), shape: [1, 8, 8, 1] }, "labels:0": [1] };
  await expect(session.run([loss, trainOp], feeds)).rejects.toThrow(
    /^'\S+' \(op: '\w+'\) needs the kernel '\w+', which the session's kernels do not have\. Create the session with trainlet\/kernels\.wasm, the default\.$/,
  );
  expect(session.variables().size).toBeGreaterThan(0);
});
