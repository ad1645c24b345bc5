import { evictDurableObject, listDurableObjectIds, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env, exports } from "cloudflare:workers";
import { afterAll, beforeAll, expect, test } from "vitest";
import { errors } from "../../src/index.ts";
import type { SessionApi, Trainlet } from "../../worker/api.ts";
import { connect } from "../../worker/cloudflare/client.ts";
import { IdleAlarm } from "../../worker/cloudflare/idle.ts";

const week = 7 * 24 * 60 * 60 * 1000;
let trainlet: Trainlet;

beforeAll(async () => {
  trainlet = await connect("https://trainlet.test", { fetch: (request) => exports.default.fetch(request) });
});

afterAll(() => trainlet.disconnect());

async function made(): Promise<{ session: SessionApi; stub: DurableObjectStub }> {
  const session = await trainlet.create({ example: "tutorial" });
  const { id } = await session.info();
  return { session, stub: env.SESSIONS.get(env.SESSIONS.idFromString(id)) };
}

function alarmOf(stub: DurableObjectStub): Promise<number | null> {
  return runInDurableObject(stub, (_instance, { storage }) => storage.getAlarm());
}

function tablesOf(stub: DurableObjectStub): Promise<unknown[]> {
  return runInDurableObject(stub, (_instance, { storage: { sql } }) =>
    sql.exec("SELECT name FROM sqlite_master WHERE name NOT LIKE '\\_cf%' ESCAPE '\\'").toArray(),
  );
}

test("a session that nobody uses is deleted when its alarm comes, and a second alarm finds nothing to do", async () => {
  const { session, stub } = await made();
  await session.run({ fetches: ["init"] });
  await evictDurableObject(stub);
  expect(await runDurableObjectAlarm(stub)).toBe(true);
  expect(await tablesOf(stub)).toEqual([]);
  expect(await alarmOf(stub)).toBeNull();
  await expect(session.info()).rejects.toThrow(errors.NotFoundError);
  // At least once: it may come again.
  await runInDurableObject(stub, (instance) => instance.alarm!());
  expect(await tablesOf(stub)).toEqual([]);
});

test("the alarm stands a week after the last use at the earliest, and calls do not move it each time", async () => {
  const { session, stub } = await made();
  const first = await alarmOf(stub);
  expect(first! - Date.now()).toBeGreaterThan(week);
  expect(first! - Date.now()).toBeLessThanOrEqual(1.25 * week);
  await session.run({ fetches: ["init"] });
  await evictDurableObject(stub);
  await session.info();
  expect(await alarmOf(stub)).toBe(first);
  // It came near: the next use moves it.
  await runInDurableObject(stub, (_instance, { storage }) => storage.setAlarm(Date.now() + 0.9 * week));
  await evictDurableObject(stub);
  await session.info();
  expect((await alarmOf(stub))! - Date.now()).toBeGreaterThan(week);
  await session.close();
  expect(await alarmOf(stub)).toBeNull();
});

test("an alarm that a call has overtaken does nothing", async () => {
  const { session, stub } = await made();
  await runInDurableObject(stub, async (instance, { storage }) => {
    // A call has set the next alarm while this one waited for its turn.
    await storage.setAlarm(Date.now() + week);
    await instance.alarm!();
  });
  expect((await session.info()).steps).toBe(0);
  await session.close();
});

test("the time is configurable; 0 is never; no number is a mistake", async () => {
  const { session, stub } = await made();
  await runInDurableObject(stub, async (_instance, { storage }) => {
    await storage.deleteAlarm();
    await new IdleAlarm(storage, "60").touch();
    const at = await storage.getAlarm();
    expect(at! - Date.now()).toBeGreaterThan(59_000);
    expect(at! - Date.now()).toBeLessThanOrEqual(75_000);
    await storage.deleteAlarm();
    await new IdleAlarm(storage, "0").touch();
    expect(await storage.getAlarm()).toBeNull();
    expect(() => new IdleAlarm(storage, "soon")).toThrow("TRAINLET_IDLE_SECONDS must be a number of seconds");
  });
  await session.close();
});

test("what is not there leaves nothing behind: refused graphs, and questions to ids of no session", async () => {
  const before = new Set((await listDurableObjectIds(env.SESSIONS)).map(String));
  const post = (body: string, query = ""): Promise<Response> =>
    exports.default.fetch(
      new Request(`https://trainlet.test/v1/sessions${query}`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body,
      }),
    );
  expect((await post("{}")).status).toBe(400);
  expect((await post("[")).status).toBe(400);
  expect((await post('{"example":"none"}')).status).toBe(400);
  expect((await post('{"example":"tutorial"}', "?maxMemoryBytes=10")).status).toBe(413);
  await expect(trainlet.open(String(env.SESSIONS.newUniqueId()))).rejects.toThrow(errors.NotFoundError);
  for (const id of await listDurableObjectIds(env.SESSIONS)) {
    if (before.has(String(id))) continue;
    const stub = env.SESSIONS.get(id);
    expect(await tablesOf(stub)).toEqual([]);
    expect(await alarmOf(stub)).toBeNull();
  }
});
