// What only the edge has: settings, a queue with an end, one memory for all sessions, rows in a database.
import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { env, exports } from "cloudflare:workers";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  errors,
  exportMetaGraph,
  Graph,
  globalVariablesInitializer,
  getVariable,
  zerosInitializer,
} from "../../src/index.ts";
import type { SessionApi, Trainlet } from "../../worker/api.ts";
import { connect } from "../../worker/cloudflare/client.ts";
import worker, { type Env } from "../../worker/cloudflare/index.ts";

const feeds = { "input_node:0": new Float32Array(30_000).fill(3) };
let trainlet: Trainlet;

beforeAll(async () => {
  trainlet = await connect("https://trainlet.test", { fetch: (request) => exports.default.fetch(request) });
});

afterAll(() => trainlet.disconnect());

async function stubOf(session: SessionApi): Promise<DurableObjectStub> {
  return env.SESSIONS.get(env.SESSIONS.idFromString((await session.info()).id));
}

test("the token and the origins are the environment's", async () => {
  const settings: Env = { ...env, TRAINLET_TOKEN: "s3cret", TRAINLET_CORS_ORIGINS: "https://page.test" };
  const ask = (path: string, headers: Record<string, string> = {}): Promise<Response> =>
    worker.fetch(new Request(`https://trainlet.test${path}`, { headers }), settings);
  const refused = await ask("/v1/openapi.json", { origin: "https://page.test" });
  expect(refused.status).toBe(401);
  expect(refused.headers.get("access-control-allow-origin")).toBe("https://page.test");
  expect((await ask("/healthz")).status).toBe(200);
  expect((await ask("/v1/docs", { authorization: "Bearer s3cret" })).status).toBe(200);
  const client = await connect("https://trainlet.test", {
    token: "s3cret",
    fetch: (request) => worker.fetch(request, settings),
  });
  const session = await client.create({ example: "tutorial" });
  await session.close();
});

test("more requests than may wait are 409, and those that wait are answered", async () => {
  const session = await trainlet.create({ example: "tutorial" });
  await session.run({ fetches: ["init"] });
  const { id } = await session.info();
  const controller = new AbortController();
  const run = session.run({ fetches: ["train_op"], feeds, repeat: 1_000_000 }, { signal: controller.signal });
  const ended = run.catch((error: Error) => error.message);
  const url = `https://trainlet.test/v1/sessions/${id}`;
  await new Promise((resolve) => setTimeout(resolve, 50));
  const asked = Array.from({ length: 40 }, () => exports.default.fetch(new Request(url)));
  await new Promise((resolve) => setTimeout(resolve, 200));
  controller.abort();
  const responses = await Promise.all(asked);
  expect(responses.filter(({ status }) => status === 200)).toHaveLength(31);
  const [refused, ...more] = responses.filter(({ status }) => status === 409);
  expect(more).toHaveLength(8);
  expect(refused.headers.get("retry-after")).toBe("1");
  expect(await refused.json()).toMatchObject({
    type: "urn:trainlet:AbortedError",
    detail: expect.stringContaining("The session is busy: 32 requests") as string,
  });
  expect(await ended).toContain("The call was stopped by its signal: the run ended after");
  await Promise.all([...more, ...responses].map((response) => (response.bodyUsed ? null : response.arrayBuffer())));
  await session.close();
});

test("a run is stopped by a request, and what it did is stored", async () => {
  const session = await trainlet.create({ example: "tutorial" });
  await session.run({ fetches: ["init"] });
  const stub = await stubOf(session);
  const run = session.run({ fetches: ["train_op"], feeds, repeat: 1_000_000 });
  await new Promise((resolve) => setTimeout(resolve, 100));
  const ended = run.catch((error: Error) => error.message);
  const stopped = await exports.default.fetch(
    new Request(`https://trainlet.test/v1/sessions/${stub.id.toString()}/run`, { method: "DELETE" }),
  );
  expect(stopped.status).toBe(204);
  expect(await ended).toMatch(
    /^The run was stopped by a request: the run ended after \d+ of 1000000 steps; the session stands at step \d+\.$/,
  );
  const before = await session.checkpoint();
  await evictDurableObject(stub);
  expect(await session.checkpoint()).toEqual(before);
  expect((await session.movingStatistics())[0].updates).toBe((await session.info()).steps - 1);
  await session.close();
});

test("a step of the tutorial writes three rows, a run that changes no variable one", async () => {
  const session = await trainlet.create({ example: "tutorial" });
  await session.run({ fetches: ["init"] });
  const stub = await stubOf(session);
  const changes = (): Promise<number> =>
    runInDurableObject(
      stub,
      (_instance, { storage: { sql } }) => sql.exec<{ n: number }>("SELECT total_changes() AS n").one().n,
    );
  const before = await changes();
  await session.run({ fetches: ["train_op"], feeds });
  const after = await changes();
  expect(after - before).toBe(3);
  await session.run({ fetches: ["net:0"], feeds: { ...feeds, "training:0": false } });
  expect((await changes()) - after).toBe(1);
  await session.close();
});

test("two sessions share nothing, whatever their objects do", async () => {
  const [one, other] = await Promise.all([
    trainlet.create({ example: "tutorial" }, { seed: 1 }),
    trainlet.create({ example: "tutorial" }, { seed: 1 }),
  ]);
  await Promise.all([one.run({ fetches: ["init"] }), other.run({ fetches: ["init"] })]);
  const untouched = await other.checkpoint();
  await one.run({ fetches: ["train_op"], feeds, repeat: 50 });
  await evictDurableObject(await stubOf(one));
  expect(await other.checkpoint()).toEqual(untouched);
  await one.close();
  expect(await other.checkpoint()).toEqual(untouched);
  await other.close();
});

test("a session that would pass the memory is refused with the figure, and nothing is stored", async () => {
  const graph = new Graph();
  graph.asDefault(() => {
    getVariable("huge", [20 * 2 ** 20], { initializer: zerosInitializer() });
    globalVariablesInitializer();
  });
  const refused = trainlet.create({ metaGraph: await exportMetaGraph(graph) });
  await expect(refused).rejects.toThrow(errors.ResourceExhaustedError);
  await expect(refused).rejects.toThrow("The variables of this graph need 80.0 MiB, the limit is");
});

test("a run that would pass it changes nothing", async () => {
  const session = await trainlet.create({ example: "tutorial" }, { maxMemoryBytes: 100_000 });
  await session.run({ fetches: ["init"] });
  const before = await session.checkpoint();
  const refused = session.run({ fetches: ["train_op"], feeds, repeat: 5 });
  await expect(refused).rejects.toThrow(/^This step needs [\d.]+ KiB of tensor memory, the limit is 97\.7 KiB/);
  expect(await session.checkpoint()).toEqual(before);
  expect((await session.info()).steps).toBe(1);
  await session.close();
});
