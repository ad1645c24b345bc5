/** Checkpoints in sessions: TensorFlow's own, parts of one, other names, metadata; and what does not fit. */
import { readFileSync } from "node:fs";
import { afterEach, describe, expect, test } from "vitest";
import * as tf from "../../src/entry/node.ts";
import { decodeSafetensors, encodeSafetensors, type StoredTensor } from "../../src/formats/safetensors.ts";
import { compare } from "../conformance/compare.ts";
import { toleranceOf } from "../conformance/goldenCase.ts";
import type { ProgramManifest } from "../conformance/metagraph.ts";
import { lenetMomentum } from "../helpers/nets.ts";
import { writeTensorBundle } from "../helpers/tensorBundle.ts";

const golden = (program: string, file: string): Uint8Array<ArrayBuffer> =>
  new Uint8Array(readFileSync(new URL(`../golden/metagraph/${program}/${file}`, import.meta.url)));
const saved = (program: string): tf.TensorFlowCheckpoint => ({
  index: golden(program, "ckpt.index"),
  data: golden(program, "ckpt.data-00000-of-00001"),
});

const open: tf.Session[] = [];
async function sessionOf(graph: tf.Graph): Promise<tf.Session> {
  const session = await tf.Session.create({ graph, seed: 1 });
  open.push(session);
  return session;
}
afterEach(() => {
  for (const session of open.splice(0)) session.close();
});

async function imported(program: string): Promise<tf.Session> {
  return sessionOf(await tf.importMetaGraph(golden(program, "graph.meta")));
}

const valuesOf = (session: tf.Session): Record<string, number[]> =>
  Object.fromEntries([...session.variables()].map(([name, { data }]) => [name, Array.from(data, Number)]));

const expectError = (promise: Promise<unknown>, message: string | RegExp, name = "InvalidArgumentError") =>
  expect(promise).rejects.toMatchObject({ name, message: expect.stringMatching(message) as string });

describe("TensorFlow's checkpoints", () => {
  test.each(["tutorial", "lenet_momentum", "lenet_resource", "resnet_adam_schedule"])(
    "%s evaluates as TensorFlow did after saving",
    async (program) => {
      const session = await imported(program);
      await session.restore(saved(program));
      const manifest = JSON.parse(new TextDecoder().decode(golden(program, "case.json"))) as ProgramManifest;
      const { tensors } = decodeSafetensors(golden(program, "io.safetensors"));
      const feeds = new Map<string, tf.FeedValue>([["training:0", false]]);
      for (const [name, value] of tensors)
        if (name.startsWith("feed0/") && name !== "feed0/training:0") feeds.set(name.slice("feed0/".length), value);
      const values = await session.run(manifest.eval_fetches, feeds);
      for (const [key, value] of Object.entries(values)) {
        const tolerance = toleranceOf(manifest.tolerance[`eval/${key}`]);
        expect(compare(value!, tensors.get(`eval/${key}`)!, tolerance).mismatch).toBeNull();
      }
    },
  );

  test("nobody knows how often its statistics were updated, and the session keeps its seed", async () => {
    const session = await imported("tutorial");
    await session.restore(saved("tutorial"));
    expect(session.movingStatistics().map(({ updates }) => updates)).toEqual([null]);
    expect(session.seed).toBe(1);
  });

  test("goes on as a checkpoint of ours: the same bits from both", async () => {
    const [first, second] = [await imported("lenet_momentum"), await imported("lenet_momentum")];
    await first.restore(saved("lenet_momentum"));
    await second.restore(await first.checkpoint());
    expect(valuesOf(second)).toEqual(valuesOf(first));
  });

  test("of another graph: what is missing, extra, of another shape", async () => {
    const session = await imported("tutorial");
    await session.run("init");
    const before = valuesOf(session);
    await expectError(
      session.restore(saved("lenet_momentum")),
      /^The checkpoint does not fit the graph: it lacks 'bn\/gamma', 'bn\/beta', 'bn\/moving_mean', 'bn\/moving_variance'; the graph has no variable 'bn_1\/beta', .* and 18 more; 'conv_1\/kernel' is \[3,3,1,8\] float32 in it and \[3,3,3,32\] float32 in the graph; 'conv_1\/bias' is \[8\] float32 in it and \[32\] float32 in the graph\.$/,
    );
    expect(valuesOf(session)).toEqual(before);
  });

  test("damaged data leave every variable as it was", async () => {
    const session = await imported("tutorial");
    await session.run("init");
    const before = valuesOf(session);
    const { index, data } = saved("tutorial");
    const damaged = (data as Uint8Array).slice();
    damaged[damaged.length - 1] ^= 1;
    await expectError(session.restore({ index, data: damaged }), /^The tensor 'conv_1\/kernel' has the checksum/);
    expect(valuesOf(session)).toEqual(before);
  });

  test("the index alone, and what is no checkpoint", async () => {
    const session = await imported("tutorial");
    await expectError(session.restore(saved("tutorial").index), "give both as { index, data }.");
    for (const wrong of [null, undefined, {}, { index: saved("tutorial").index }, { index: "a", data: "b" }])
      await expectError(
        session.restore(wrong as never),
        /^A checkpoint is a Uint8Array .* or, from TensorFlow, \{ index, data \}/,
      );
  });

  test("a session that was closed meanwhile", async () => {
    const session = await imported("tutorial");
    const restored = session.restore(saved("tutorial"));
    session.close();
    await expectError(restored, "closed Session", "FailedPreconditionError");
  });
});

describe("a part of the variables", () => {
  /** A trunk and a head; the checkpoint's head has another size. */
  function net(classes: number): tf.Graph {
    const graph = new tf.Graph();
    graph.asDefault(() => {
      const x = tf.placeholder(tf.float32, [null, 4, 4, 2], "x");
      let y = tf.layers.conv2d(x, 3, 3, { name: "trunk/conv" });
      y = tf.layers.batchNormalization(y, { training: true, name: "trunk/bn" });
      tf.controlDependencies(tf.getCollection(tf.GraphKeys.UPDATE_OPS), () => tf.noOp("train"));
      tf.layers.dense(tf.reduceMean(y, [1, 2]), classes, { name: "head" });
    });
    return graph;
  }
  const x = Float32Array.from({ length: 32 }, (_, i) => (i * 7) % 5);

  async function trained(classes: number): Promise<tf.Session> {
    const session = await sessionOf(net(classes));
    await session.run(session.graph.asDefault(() => tf.globalVariablesInitializer()));
    for (let i = 0; i < 3; i++) await session.run("train", { "x:0": x });
    return session;
  }

  test.each<[string, tf.RestoreOptions["only"]]>([
    ["a pattern", "trunk/*"],
    ["a regular expression", /^trunk\//g],
    ["a function", (name) => name.startsWith("trunk/")],
  ])("chosen by %s", async (_, only) => {
    const from = await trained(10);
    const to = await sessionOf(net(3));
    await to.run(to.graph.asDefault(() => tf.globalVariablesInitializer()));
    const before = valuesOf(to);
    await to.restore(await from.checkpoint(), { only });
    const after = valuesOf(to);
    const stored = valuesOf(from);
    for (const name of Object.keys(after))
      expect(after[name]).toEqual(name.startsWith("head/") ? before[name] : stored[name]);
    // Its statistics are whole, so that their number of updates is known.
    expect(to.movingStatistics()[0].updates).toBe(3);
  });

  test("half of a layer's statistics: nobody knows its updates", async () => {
    const from = await trained(3);
    const to = await trained(3);
    await to.restore(await from.checkpoint(), { only: "trunk/bn/moving_mean" });
    expect(to.movingStatistics()[0].updates).toBeNull();
  });

  test("generators and the seed stay the session's own", async () => {
    const from = await tf.Session.create({ graph: net(3), seed: 77 });
    open.push(from);
    await from.run(from.graph.asDefault(() => tf.globalVariablesInitializer()));
    const to = await trained(3);
    await to.restore(await from.checkpoint(), { only: "*" });
    expect(to.seed).toBe(1);
    await to.restore(await from.checkpoint());
    expect(to.seed).toBe(77);
  });

  test("what it lacks of the chosen ones, and a pattern that matches nothing", async () => {
    const from = await trained(10);
    const to = await sessionOf(net(3));
    const checkpoint = await from.checkpoint();
    await expectError(
      to.restore(checkpoint, { only: "head/*" }),
      /^The checkpoint does not fit the graph: 'head\/kernel' is \[3,10\] float32 in it and \[3,3\] float32 in the graph; 'head\/bias' is \[10\] float32 in it and \[3\] float32 in the graph\.$/,
    );
    await expectError(
      to.restore(checkpoint, { only: "tail/*" }),
      /^only \(tail\/\*\) matches no variable of the graph: it has 'trunk\/conv\/kernel', 'trunk\/conv\/bias', 'trunk\/bn\/gamma', 'trunk\/bn\/beta', 'trunk\/bn\/moving_mean' and 3 more\.$/,
    );
    // A dot is a dot.
    await expectError(to.restore(checkpoint, { only: "trunk.conv*" }), "matches no variable");
    expect(valuesOf(to)).toEqual({});
  });

  test("under other names", async () => {
    const from = await trained(3);
    const { tensors } = decodeSafetensors(await from.checkpoint());
    const renamed = Object.fromEntries([...tensors].map(([name, value]) => [name.replace("trunk", "backbone"), value]));
    const want = valuesOf(from);

    const byFunction = await sessionOf(net(3));
    await byFunction.restore(writeTensorBundle(renamed), { rename: (name) => name.replace("trunk", "backbone") });
    expect(valuesOf(byFunction)).toEqual(want);
    expect(byFunction.movingStatistics()[0].updates).toBeNull();

    const byTable = await sessionOf(net(3));
    const rename = { "trunk/conv/kernel": "backbone/conv/kernel" };
    await byTable.restore(encodeSafetensors(Object.entries(renamed)), { only: "trunk/conv/kernel", rename });
    expect(valuesOf(byTable)).toEqual({ "trunk/conv/kernel": want["trunk/conv/kernel"] });
    await expectError(
      byTable.restore(encodeSafetensors(Object.entries(renamed)), {
        only: "trunk/conv/*",
        rename: { "trunk/conv/kernel": "nothing" },
      }),
      "it lacks 'nothing' for 'trunk/conv/kernel', 'trunk/conv/bias'.",
    );
  });
});

test("local variables may be missing, as TensorFlow's Saver leaves them out", async () => {
  const graph = new tf.Graph();
  graph.asDefault(() => {
    tf.getVariable("w", [2], { initializer: tf.onesInitializer() });
    tf.variable([0], { name: "count", collections: [tf.GraphKeys.LOCAL_VARIABLES] });
  });
  const session = await sessionOf(graph);
  await session.restore(writeTensorBundle({ w: { dtype: "float32", shape: [2], data: new Float32Array([3, 4]) } }));
  expect(valuesOf(session)).toEqual({ w: [3, 4] });
  expect(Object.fromEntries(session.takeChanges().variables)).toHaveProperty("w");
});

describe("metadata", () => {
  test("what is kept with a checkpoint comes back, beside what the numbers mean", async () => {
    const { graph, init } = lenetMomentum();
    const session = await sessionOf(graph);
    await session.run(init);
    const checkpoint = await session.checkpoint({ metadata: { fit: '{"step":3}', "für mich": "ä" } });
    expect(tf.readCheckpointMetadata(checkpoint)).toEqual({
      fit: '{"step":3}',
      "für mich": "ä",
      format: "trainlet-checkpoint-1",
      generators: expect.any(String) as string,
      updates: '{"bn_1":0,"bn_2":0}',
      seed: "1",
      batch_norm_momentum: expect.stringContaining("moving * momentum") as string,
      batch_norm_variance: expect.stringContaining("n / (n - 1)") as string,
    });
    await session.restore(checkpoint);
  });

  test("every slot and the step are in the file", async () => {
    const { graph, init } = lenetMomentum();
    const session = await sessionOf(graph);
    await session.run(init);
    const { tensors } = decodeSafetensors(await session.checkpoint());
    expect([...tensors.keys()]).toEqual(expect.arrayContaining(["global_step", "fc/kernel", "fc/kernel/Momentum"]));
    expect(tensors.size).toBe(25);
  });

  test("our own keys, and what is no string, are refused", async () => {
    const { graph, init } = lenetMomentum();
    const session = await sessionOf(graph);
    await session.run(init);
    await expectError(
      session.checkpoint({ metadata: { seed: "2" } }),
      "The metadata 'seed' of a checkpoint is trainlet's own: choose another key.",
    );
    await expectError(session.checkpoint({ metadata: { fit: 3 } as never }), "The metadata 'fit' must be a string.");
  });

  test("a foreign file has its own", () => {
    const tensors: [string, StoredTensor][] = [];
    expect(tf.readCheckpointMetadata(encodeSafetensors(tensors, { made: "elsewhere" }))).toEqual({ made: "elsewhere" });
    expect(() => tf.readCheckpointMetadata(new Uint8Array(4))).toThrow("too few for the length of its header");
  });
});
