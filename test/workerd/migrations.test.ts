// Sessions stored by earlier versions go on with the same bits.
import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { env, exports } from "cloudflare:workers";
import { afterAll, beforeAll, expect, test } from "vitest";
import { decodeSafetensors } from "../../src/formats/safetensors.ts";
import { errors } from "../../src/index.ts";
import type { SessionApi, Trainlet } from "../../worker/api.ts";
import { connect } from "../../worker/cloudflare/client.ts";
import { readGolden } from "./golden.ts";

let trainlet: Trainlet;
let feeds: { "input_node:0": Float32Array };

beforeAll(async () => {
  trainlet = await connect("https://trainlet.test", { fetch: (request) => exports.default.fetch(request) });
  const { tensors } = decodeSafetensors(await readGolden("metagraph/tutorial/io.safetensors"));
  feeds = { "input_node:0": Float32Array.from(tensors.get("feed0/input_node:0")!.data as Float32Array) };
});

afterAll(() => trainlet.disconnect());

async function trained(): Promise<{ session: SessionApi; stub: DurableObjectStub }> {
  const session = await trainlet.create({ example: "tutorial" }, { seed: 5 });
  await session.run({ fetches: ["init"] });
  await session.run({ fetches: ["train_op"], feeds, repeat: 3 });
  const { id } = await session.info();
  return { session, stub: env.SESSIONS.get(env.SESSIONS.idFromString(id)) };
}

/** Turns what is stored into what version 2 had stored: no data, no fits. */
function toVersion2(sql: SqlStorage): void {
  sql.exec("UPDATE schema SET version = 2");
  sql.exec("ALTER TABLE session DROP COLUMN fit");
  for (const table of ["columns", "column_groups"]) sql.exec(`DROP TABLE ${table}`);
}

/** Turns what is stored into what version 1 had stored: its tables, a built-in graph by its name, and no alarm. */
async function asVersion1(stub: DurableObjectStub, example: string | null): Promise<void> {
  await runInDurableObject(stub, async (_instance, { storage }) => {
    const { sql } = storage;
    storage.transactionSync(() => {
      toVersion2(sql);
      sql.exec("UPDATE schema SET version = 1");
      sql.exec("CREATE TABLE v1 (name TEXT PRIMARY KEY, dtype TEXT NOT NULL, shape TEXT NOT NULL)");
      sql.exec("INSERT INTO v1 SELECT name, dtype, shape FROM variables");
      sql.exec("DROP TABLE variables");
      sql.exec("ALTER TABLE v1 RENAME TO variables");
      if (example === null) return;
      sql.exec("UPDATE session SET source = 'example'");
      sql.exec("DELETE FROM chunks WHERE key = 'graph'");
      sql.exec("INSERT INTO chunks VALUES ('graph', 0, ?)", new TextEncoder().encode(example).buffer);
    });
    await storage.deleteAlarm();
  });
  await evictDurableObject(stub);
}

function versionOf(stub: DurableObjectStub): Promise<number> {
  return runInDurableObject(
    stub,
    (_instance, { storage: { sql } }) => sql.exec<{ version: number }>("SELECT version FROM schema").one().version,
  );
}

/** One more step, a new draw of the generator, and everything that is then there. */
async function goOn(session: SessionApi): Promise<unknown> {
  await session.run({ fetches: ["train_op"], feeds });
  await session.run({ fetches: ["conv_1/kernel/Assign"] });
  const { steps, seed } = await session.info();
  return { checkpoint: await session.checkpoint(), steps, seed };
}

test.each(["tutorial", null])("version 1, graph as %j", async (example) => {
  const [now, { session, stub }] = [await trained(), await trained()];
  const expected = await goOn(now.session);
  await asVersion1(stub, example);
  expect(await goOn(session)).toEqual(expected);
  expect(await versionOf(stub)).toBe(3);
  // Whoever comes from version 1 has no alarm: the first use sets it.
  expect(await runInDurableObject(stub, (_instance, { storage }) => storage.getAlarm())).not.toBeNull();
  await evictDurableObject(stub);
  expect((await session.info()).steps).toBe(6);
  await Promise.all([session.close(), now.session.close()]);
});

test("version 2", async () => {
  const [now, { session, stub }] = [await trained(), await trained()];
  const expected = await goOn(now.session);
  await runInDurableObject(stub, (_instance, { storage }) => storage.transactionSync(() => toVersion2(storage.sql)));
  await evictDurableObject(stub);
  expect(await goOn(session)).toEqual(expected);
  expect(await versionOf(stub)).toBe(3);
  expect(await session.listData()).toEqual([]);
  await Promise.all([session.close(), now.session.close()]);
});

test("a migration that fails changes nothing", async () => {
  const { session, stub } = await trained();
  await asVersion1(stub, "tutorial");
  await runInDurableObject(stub, (_instance, { storage: { sql } }) => {
    sql.exec("CREATE TRIGGER full BEFORE UPDATE ON schema BEGIN SELECT RAISE(ABORT, 'full'); END");
  });
  await expect(session.info()).rejects.toThrow(errors.InternalError);
  expect(await versionOf(stub)).toBe(1);
  await runInDurableObject(stub, (_instance, { storage: { sql } }) => void sql.exec("DROP TRIGGER full"));
  expect((await session.info()).steps).toBe(4);
  await session.close();
});

test("a version that is not known yet is refused, and left alone", async () => {
  const { session, stub } = await trained();
  await runInDurableObject(stub, (_instance, { storage: { sql } }) => void sql.exec("UPDATE schema SET version = 99"));
  await evictDurableObject(stub);
  await expect(session.info()).rejects.toThrow("The session is stored in version 99, known is 3.");
  await expect(session.info()).rejects.toThrow(errors.UnimplementedError);
  expect(await versionOf(stub)).toBe(99);
  await session.close();
});
