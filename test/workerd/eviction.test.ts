import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { env, exports } from "cloudflare:workers";
import { afterAll, beforeAll, expect, test } from "vitest";
import { decodeSafetensors } from "../../src/formats/safetensors.ts";
import * as tf from "../../src/index.ts";
import type { SessionApi, TensorData, Trainlet } from "../../worker/api.ts";
import { connect } from "../../worker/cloudflare/client.ts";
import { bitsHash } from "../helpers/bitsHash.ts";
import { readGolden } from "./golden.ts";

let trainlet: Trainlet;
let feeds: { "input_node:0": Float32Array };

beforeAll(async () => {
  trainlet = await connect("https://trainlet.test", { fetch: (request) => exports.default.fetch(request) });
  const { tensors } = decodeSafetensors(await readGolden("metagraph/tutorial/io.safetensors"));
  feeds = { "input_node:0": Float32Array.from(tensors.get("feed0/input_node:0")!.data as Float32Array) };
});

afterAll(() => trainlet.disconnect());

async function stubOf(session: SessionApi): Promise<DurableObjectStub> {
  const { id } = await session.info();
  return env.SESSIONS.get(env.SESSIONS.idFromString(id));
}

async function evict(session: SessionApi): Promise<void> {
  await evictDurableObject(await stubOf(session));
}

/** Everything a session has: all variables, generators, counters and the seed. */
async function everything(session: SessionApi): Promise<unknown> {
  const { tensors, metadata } = decodeSafetensors(await session.checkpoint());
  const { steps, seed } = await session.info();
  return { hash: await bitsHash(tensors), metadata, steps, seed, statistics: await session.movingStatistics() };
}

const requests: readonly ((session: SessionApi) => Promise<unknown>)[] = [
  (session) => session.run({ fetches: ["init"] }),
  (session) => session.run({ fetches: ["train_op"], feeds }),
  (session) => session.run({ fetches: ["train_op"], feeds, repeat: 3, collect: ["bn/moving_mean/read:0"] }),
  (session) => session.run({ fetches: ["net:0"], feeds: { ...feeds, "training:0": false } }),
  // Draws the kernel's next random values.
  (session) => session.run({ fetches: ["conv_1/kernel/Assign"] }),
  (session) => session.run({ fetches: ["train_op"], feeds }),
  async (session) => session.restore(await session.checkpoint()),
  (session) => session.run({ fetches: ["train_op"], feeds, repeat: 2 }),
];

test("evicted between any two requests: the same bits as without", async () => {
  const play = async (evictBefore: (i: number) => boolean): Promise<unknown> => {
    const session = await trainlet.create({ example: "tutorial" }, { seed: 5 });
    for (const [i, request] of requests.entries()) {
      if (evictBefore(i)) await evict(session);
      await request(session);
    }
    if (evictBefore(requests.length)) await evict(session);
    const end = await everything(session);
    await session.close();
    return end;
  };
  const expected = await play(() => false);
  expect(await play(() => true)).toEqual(expected);
  for (let at = 0; at <= requests.length; at++) expect(await play((i) => i === at), `before ${at}`).toEqual(expected);
});

test("a session without any seed keeps the one that was drawn", async () => {
  const graph = new tf.Graph();
  graph.asDefault(() => {
    tf.randomUniform([4], { name: "draw" });
    tf.identity(tf.randomUniform([4]), "other");
  });
  const metaGraph = await tf.exportMetaGraph(graph);
  const session = await trainlet.create({ metaGraph });
  const { seed } = await session.info();
  const twin = await trainlet.create({ metaGraph }, { seed });
  const draws: [TensorData | null, TensorData | null][] = [];
  for (let i = 0; i < 3; i++) {
    await evict(session);
    const [a, b] = [await session.run({ fetches: ["other:0"] }), await twin.run({ fetches: ["other:0"] })];
    draws.push([a.fetches["other:0"], b.fetches["other:0"]]);
  }
  for (const [a, b] of draws) expect(a).toEqual(b);
  expect(draws[1][0]).not.toEqual(draws[0][0]);
  await Promise.all([session.close(), twin.close()]);
});

test("imported graphs and variables larger than a chunk come back", async () => {
  const graph = new tf.Graph();
  graph.asDefault(() => {
    const size = [3 * 2 ** 18 + 5]; // 3 MiB and a bit of float32
    tf.getVariable("large", size, { initializer: tf.randomUniformInitializer(-1, 1, 3) });
    tf.getVariable("small", [], { initializer: tf.onesInitializer() });
    tf.globalVariablesInitializer();
  });
  for (const metaGraph of [await tf.exportMetaGraph(graph), await tf.exportMetaGraphJson(graph)]) {
    const session = await trainlet.create({ metaGraph });
    await session.run({ fetches: ["init"] });
    const before = await everything(session);
    await evict(session);
    expect(await everything(session)).toEqual(before);
    await session.close();
  }
});

test("a run writes the variables that it changed, no others", async () => {
  const session = await trainlet.create({ example: "tutorial" });
  await session.run({ fetches: ["init"] });
  const stub = await stubOf(session);
  await runInDurableObject(stub, (_instance, { storage: { sql } }) => {
    sql.exec("CREATE TABLE log (key TEXT)");
    sql.exec("CREATE TRIGGER logged AFTER INSERT ON chunks BEGIN INSERT INTO log VALUES (new.key); END");
  });
  await session.run({ fetches: ["train_op"], feeds, repeat: 3 });
  await session.run({ fetches: ["net:0"], feeds: { ...feeds, "training:0": false } });
  await session.doctor({ fetches: ["train_op"], feeds });
  const keys = await runInDurableObject(stub, (_instance, { storage: { sql } }) =>
    sql.exec<{ key: string }>("SELECT key FROM log ORDER BY key").toArray(),
  );
  expect(keys.map(({ key }) => key)).toEqual(["variable/bn/moving_mean", "variable/bn/moving_variance"]);
  await session.close();
});

test("a step that cannot be stored is an InternalError, and the session is as before it", async () => {
  const session = await trainlet.create({ example: "tutorial" });
  await session.run({ fetches: ["init"] });
  await session.run({ fetches: ["train_op"], feeds });
  const before = await everything(session);
  const stub = await stubOf(session);
  await runInDurableObject(stub, (_instance, { storage: { sql } }) => {
    sql.exec(
      "CREATE TRIGGER full BEFORE INSERT ON chunks WHEN new.key LIKE '%variance' BEGIN SELECT RAISE(ABORT, 'full'); END",
    );
  });
  await expect(session.run({ fetches: ["train_op"], feeds })).rejects.toThrow(tf.errors.InternalError);
  expect(await everything(session)).toEqual(before);
  await runInDurableObject(stub, (_instance, { storage: { sql } }) => void sql.exec("DROP TRIGGER full"));
  await session.run({ fetches: ["train_op"], feeds });
  expect((await session.movingStatistics())[0].updates).toBe(2);
  await session.close();
});

test("close leaves nothing in storage", async () => {
  const session = await trainlet.create({ example: "tutorial" });
  const stub = await stubOf(session);
  await session.close();
  const tables = await runInDurableObject(stub, (_instance, { storage: { sql } }) =>
    sql.exec("SELECT name FROM sqlite_master WHERE name NOT LIKE '\\_cf%' ESCAPE '\\'").toArray(),
  );
  expect(tables).toEqual([]);
});
