import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import "../../src/entry/node.ts";
import { errors } from "../../src/index.ts";
import type { SessionApi } from "../../worker/api.ts";
import { connect, type ConnectOptions } from "../../worker/client/node.ts";
import { createApp } from "../../worker/http/app.ts";
import { LocalHost } from "../../worker/localHost.ts";

const app = createApp(new LocalHost());

/** A session behind a network of which `fail` says how a request fails: null lets it through. */
async function behind(fail: (tries: number) => Response | Error | null, options: ConnectOptions = {}) {
  let tries = 0;
  let failing = false;
  const trainlet = await connect("http://localhost", {
    ...options,
    async fetch(request) {
      const failure = failing ? fail(++tries) : null;
      if (failure instanceof Error) throw failure;
      return failure ?? app.fetch(request);
    },
  });
  const session = await trainlet.create({ example: "tutorial" });
  await session.run({ fetches: ["init"] });
  const checkpoint = await session.checkpoint();
  failing = true;
  return { session, trainlet, checkpoint, tries: () => tries };
}

const network = (): Error => new TypeError("fetch failed");
const unavailable = (): Response => new Response("", { status: 503 });

const doctor = { fetches: ["train_op"], feeds: { "input_node:0": new Float32Array(30_000) } };

const safe: [string, (session: SessionApi) => Promise<unknown>][] = [
  ["info", (session) => session.info()],
  ["movingStatistics", (session) => session.movingStatistics()],
  ["checkpoint", (session) => session.checkpoint()],
  ["doctor", (session) => session.doctor(doctor)],
];

describe.each([
  ["no answer", network],
  ["503", unavailable],
])("%s", (_what, failure) => {
  test.each(safe)("%s is sent again", async (_name, call) => {
    const { session, tries } = await behind((n) => (n < 3 ? failure() : null));
    await call(session);
    expect(tries()).toBe(3);
  });

  test("and after two more tries is UnavailableError", async () => {
    const { session, tries } = await behind(failure);
    await expect(session.info()).rejects.toThrow(errors.UnavailableError);
    expect(tries()).toBe(3);
  });

  test("what changes something is never sent again", async () => {
    const { session, trainlet, checkpoint, tries } = await behind(failure);
    const calls = [
      () => session.run({ fetches: ["init"] }),
      () => session.restore(checkpoint),
      () => trainlet.create({ example: "tutorial" }),
      () => session.close(),
    ];
    for (const call of calls) await expect(call()).rejects.toThrow(errors.UnavailableError);
    expect(tries()).toBe(calls.length);
  });
});

test("no other refusal is a reason to try again", async () => {
  const { session, tries } = await behind(() => new Response("{}", { status: 500 }));
  await expect(session.info()).rejects.toThrow(errors.AbortedError);
  expect(tries()).toBe(1);
});

test("retries: 0 tries once, and nothing else is a number of retries", async () => {
  const { session, tries } = await behind(network, { retries: 0 });
  await expect(session.info()).rejects.toThrow(errors.UnavailableError);
  expect(tries()).toBe(1);
  for (const retries of [-1, 1.5])
    await expect(connect("http://localhost", { retries })).rejects.toThrow("retries must");
});

test("a signal ends the waiting between tries", async () => {
  const { session, tries } = await behind(() => new Response("", { status: 503, headers: { "retry-after": "10" } }));
  const controller = new AbortController();
  const call = session.info({ signal: controller.signal });
  setTimeout(() => controller.abort(), 20);
  await expect(call).rejects.toThrow(errors.AbortedError);
  expect(tries()).toBe(1);
});

test("a timeout ends a request that is never answered", async () => {
  const trainlet = await connect("http://localhost", {
    timeoutMs: 50,
    fetch: ({ signal }) =>
      new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason as Error))),
  });
  await expect(trainlet.open("x")).rejects.toThrow(errors.DeadlineExceededError);
});

describe("a service that is not there yet", () => {
  let server: Server | null = null;
  afterEach(() => void server?.close());

  test("gets a run, since nothing of it had been sent", async () => {
    const probe = createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => probe.once("listening", resolve));
    const { port } = probe.address() as AddressInfo;
    await new Promise((resolve) => probe.close(resolve));
    let requests = 0;
    setTimeout(() => {
      server = createServer((_request, response) => {
        requests++;
        response.writeHead(201, { "content-type": "application/json" }).end('{"id":"made"}');
      }).listen(port, "127.0.0.1");
    }, 100);
    const trainlet = await connect(`http://127.0.0.1:${port}`, { retries: 5 });
    await trainlet.create({ example: "tutorial" });
    expect(requests).toBe(1);
  });
});
