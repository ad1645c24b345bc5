// Fits at the edge: evicted at any moment they end in the same bits, and their data never are in memory as a whole.
import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { env, exports } from "cloudflare:workers";
import { afterAll, beforeAll, expect, test } from "vitest";
import { decodeSafetensors } from "../../src/formats/safetensors.ts";
import type { FitRequest, SessionApi, Trainlet } from "../../worker/api.ts";
import { connect } from "../../worker/cloudflare/client.ts";
import { StoredColumns } from "../../worker/cloudflare/columns.ts";
import { bitsHash } from "../helpers/bitsHash.ts";
import { fitData, fitNet, fitRequest } from "../helpers/fitNet.ts";

let trainlet: Trainlet;
let metaGraph: Uint8Array;

beforeAll(async () => {
  trainlet = await connect("https://trainlet.test", { fetch: (request) => exports.default.fetch(request) });
  metaGraph = await fitNet();
});

afterAll(() => trainlet.disconnect());

async function prepared(): Promise<{ session: SessionApi; stub: DurableObjectStub }> {
  const session = await trainlet.create({ metaGraph }, { seed: 5 });
  await session.run({ fetches: ["init"] });
  const { x, y } = fitData(100);
  await session.putData("pictures", x);
  await session.putData("labels", y);
  const { id } = await session.info();
  return { session, stub: env.SESSIONS.get(env.SESSIONS.idFromString(id)) };
}

async function everything(session: SessionApi): Promise<unknown> {
  const { tensors, metadata } = decodeSafetensors(await session.checkpoint());
  return { hash: await bitsHash(tensors), metadata, steps: (await session.info()).steps };
}

/** The requests that a client's fit is made of. */
async function send(id: string, method: string, path: string, body: object): Promise<unknown> {
  const response = await exports.default.fetch(
    new Request(`https://trainlet.test/v1/sessions/${id}${path}`, {
      method,
      body: JSON.stringify(body),
      headers: { "content-type": "application/json" },
    }),
  );
  expect(response.status).toBe(200);
  return response.json();
}

test("evicted before each of its requests: the same bits, nothing lost", async () => {
  const play = async (evicted: boolean): Promise<unknown> => {
    const { session, stub } = await prepared();
    const { id } = await session.info();
    await send(id, "PUT", "/fit", { ...fitRequest, steps: 43 });
    const losses: number[] = [];
    // 22 requests of two steps each, the last of one.
    for (let ended: unknown = null; ended === null;) {
      if (evicted) await evictDurableObject(stub);
      const answer = (await send(id, "POST", "/fit/steps", { count: 2 })) as {
        ended: unknown;
        progress: { fetches: { loss: number } }[];
      };
      losses.push(...answer.progress.map(({ fetches }) => fetches.loss));
      ({ ended } = answer);
    }
    const end = await everything(session);
    await session.close();
    return { losses, end };
  };
  const expected = await play(false);
  expect((expected as { losses: number[] }).losses).toHaveLength(43);
  expect(await play(true)).toEqual(expected);
});

test("evicted at 20 seeded moments: the same bits as a client's fit without", async () => {
  const request: FitRequest = { ...fitRequest, steps: 120 };
  const [calm, shaken] = [await prepared(), await prepared()];
  await calm.session.fit(request);
  let state = 20191001;
  const moments = new Set<number>();
  while (moments.size < 20) {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
    moments.add(1 + ((state >> 8) % 119));
  }
  const { id } = await shaken.session.info();
  await send(id, "PUT", "/fit", request);
  let step = 0;
  for (const moment of [...moments].sort((a, b) => a - b)) {
    await send(id, "POST", "/fit/steps", { count: moment - step });
    step = moment;
    await evictDurableObject(shaken.stub);
  }
  // The client's own fit would begin anew: what is left is asked for as it asks.
  expect(await send(id, "POST", "/fit/steps", { count: 1000 })).toMatchObject({ step: 120, ended: "finished" });
  expect(await everything(shaken.session)).toEqual(await everything(calm.session));
  await Promise.all([calm.session.close(), shaken.session.close()]);
});

test("data are stored in groups of rows, and gone with the session", async () => {
  const { session, stub } = await prepared();
  const rows = 1000;
  const { x } = fitData(rows);
  await session.putData("many", { ...x, shape: [rows, 64] });
  // A part in the middle replaces what is there.
  const data = new Uint8Array(300 * 64).fill(7);
  await session.putData("many", { dtype: "uint8", shape: [300, 64], data }, { row: 200 });
  await runInDurableObject(stub, (_instance, { storage }) => {
    const groups = storage.sql.exec<{ bytes: number }>("SELECT length(data) AS bytes FROM column_groups").toArray();
    expect(Math.max(...groups.map(({ bytes }) => bytes))).toBe(4 * 1024);
    const read = new Uint8Array(3 * 64);
    new StoredColumns(storage).get("many").gather(Int32Array.of(999, 0, 499), 0, 3, read, 0);
    expect(Array.from(read.subarray(0, 64))).toEqual(Array.from((x.data as Uint8Array).subarray(999 * 64)));
    expect(Array.from(read.subarray(64, 128))).toEqual(Array.from((x.data as Uint8Array).subarray(0, 64)));
    expect(Array.from(read.subarray(128))).toEqual(new Array(64).fill(7));
  });
  await session.close();
  await runInDurableObject(stub, (_instance, { storage: { sql } }) => {
    expect(sql.exec("SELECT name FROM sqlite_master WHERE name = 'column_groups'").toArray()).toEqual([]);
  });
});
