import { MessageChannel, Worker } from "node:worker_threads";
import { afterEach, expect, test } from "vitest";
import "../../src/entry/node.ts";
import { errors } from "../../src/index.ts";
import type { Trainlet } from "../../worker/api.ts";
import { connect as connectAnywhere } from "../../worker/client.ts";
import { connect, startNodeWorker, transfer, type NodeWorker, type Where } from "../../worker/client/node.ts";
import { exposeSessions } from "../../worker/hosts/expose.ts";

const example = { example: "tutorial" } as const;
const open: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const close of open.splice(0)) await close();
});

async function connected(...args: Parameters<typeof connect>): Promise<Trainlet> {
  const trainlet = await connect(...args);
  open.push(() => trainlet.disconnect());
  return trainlet;
}

function worker(): Worker {
  const started = startNodeWorker();
  open.push(() => started.terminate());
  return started;
}

/** A worker thread that runs this code. */
function workerOf(code: string): Worker {
  const started = new Worker(code, { eval: true });
  open.push(() => started.terminate());
  return started;
}

test("a worker of the caller's lives on after disconnect, with its sessions", async () => {
  const mine = worker();
  const first = await connect(mine as NodeWorker);
  const second = await connected(mine as NodeWorker);
  const session = await first.create(example);
  const { id } = await session.info();
  await session.run({ fetches: ["init"] });
  await first.disconnect();
  expect((await (await second.open(id)).info()).steps).toBe(1);
  const third = await connected(mine as NodeWorker);
  expect((await (await third.open(id)).info()).steps).toBe(1);
});

test("a worker that connect started ends with the connection", async () => {
  const trainlet = await connect("worker");
  const before = process.getActiveResourcesInfo().filter((name) => name === "MessagePort").length;
  await trainlet.create(example);
  await trainlet.disconnect();
  const after = process.getActiveResourcesInfo().filter((name) => name === "MessagePort").length;
  expect(after).toBeLessThan(before);
});

test("a MessagePort connects, too", async () => {
  const { port1, port2 } = new MessageChannel();
  exposeSessions(port1 as unknown as Parameters<typeof exposeSessions>[0]);
  const trainlet = await connected(port2 as unknown as Where);
  const session = await trainlet.create(example);
  expect((await session.run({ fetches: ["init"] })).fetches).toEqual({ init: null });
});

test("calls on a worker that ends are AbortedError", async () => {
  const mine = worker();
  const trainlet = await connected(mine as NodeWorker);
  const session = await trainlet.create(example);
  await session.run({ fetches: ["init"] });
  const feeds = { "input_node:0": new Float32Array(30_000) };
  const pending = session.run({ fetches: ["train_op"], feeds, repeat: 1_000_000 });
  await mine.terminate();
  await expect(pending).rejects.toThrow(errors.AbortedError);
  await expect(session.info()).rejects.toThrow("The worker ended with exit code 1.");
});

test("a worker that does not start is AbortedError", async () => {
  const broken = workerOf("throw new Error('no luck')");
  await expect(connect(broken as NodeWorker)).rejects.toThrow(errors.AbortedError);
  await expect(connect(workerOf("process.exit(3)") as NodeWorker)).rejects.toThrow("exit code 3");
});

test.each(["in-process", "worker"])("%s: feeds are copied unless they are marked", async (where) => {
  const trainlet = await connected(where);
  const session = await trainlet.create(example);
  await session.run({ fetches: ["init"] });
  const photo = (): Float32Array => new Float32Array(30_000).fill(7);
  const run = (feed: Float32Array): Promise<unknown> =>
    session.run({ fetches: ["train_op"], feeds: { "input_node:0": feed } });
  const [copied, moved, ofRequest] = [photo(), photo(), photo()];
  await run(copied);
  expect(copied.length).toBe(30_000);
  await run(transfer(moved, [moved.buffer]));
  expect(moved.length).toBe(0);
  await session.run(transfer({ fetches: ["train_op"], feeds: { "input_node:0": ofRequest } }, [ofRequest.buffer]));
  expect(ofRequest.length).toBe(0);
  expect((await session.movingStatistics())[0].updates).toBe(3);
});

test("what cannot be sent is InvalidArgumentError", async () => {
  const session = await (await connected("worker")).create(example);
  const feeds = { "input_node:0": (() => 1) as unknown as number };
  await expect(session.run({ fetches: ["train_op"], feeds })).rejects.toThrow(errors.InvalidArgumentError);
});

test("a service that cannot be reached, or answers for want of it, is UnavailableError", async () => {
  // Nothing listens on port 9 of loopback.
  const nowhere = await connected("http://127.0.0.1:9/");
  const refused = nowhere.create(example);
  await expect(refused).rejects.toThrow("http://127.0.0.1:9 cannot be reached");
  await expect(refused).rejects.toThrow(errors.UnavailableError);
  const proxy = await connected("http://localhost", {
    fetch: async () => new Response("bad gateway", { status: 502 }),
  });
  await expect(proxy.create(example)).rejects.toThrow("answered 502 bad gateway");
  await expect(proxy.create(example)).rejects.toThrow(errors.UnavailableError);
});

test("where no host is known, connect says what is missing", async () => {
  await expect(connectAnywhere("in-process")).rejects.toThrow(errors.UnimplementedError);
  await expect(connectAnywhere("worker")).rejects.toThrow('connect("worker") needs a runtime or bundler');
});
