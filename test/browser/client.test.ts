import { expect, test } from "vitest";
import { connect, errors, startBrowserWorker, transfer } from "../../worker/client/browser.ts";

const example = { example: "tutorial" } as const;

test("in the page itself", async () => {
  const trainlet = await connect("in-process");
  const session = await trainlet.create(example);
  expect((await session.run({ fetches: ["init"] })).fetches).toEqual({ init: null });
  await trainlet.disconnect();
});

test("a worker of the caller's lives on after disconnect, with its sessions", async () => {
  const worker = startBrowserWorker();
  const first = await connect(worker);
  const { id } = await (await first.create(example)).info();
  await first.disconnect();
  const second = await connect(worker);
  expect((await (await second.open(id)).info()).steps).toBe(0);
  await second.disconnect();
  worker.terminate();
});

test("feeds are copied unless they are marked", async () => {
  const trainlet = await connect("worker");
  const session = await trainlet.create(example);
  await session.run({ fetches: ["init"] });
  const photo = new Float32Array(30_000).fill(7);
  await session.run({ fetches: ["train_op"], feeds: { "input_node:0": photo } });
  expect(photo.length).toBe(30_000);
  await session.run({ fetches: ["train_op"], feeds: { "input_node:0": transfer(photo, [photo.buffer]) } });
  expect(photo.length).toBe(0);
  await trainlet.disconnect();
});

test("shared memory is copied, too", async () => {
  const trainlet = await connect("worker");
  const session = await trainlet.create(example);
  const bias = new Float32Array(new SharedArrayBuffer(128)).fill(3);
  const name = "conv_1/bias/read:0";
  const { fetches } = await session.run({ fetches: [name], feeds: { [name]: bias } });
  expect(fetches[name]).toEqual({ dtype: "float32", shape: [32], data: new Float32Array(32).fill(3) });
  await trainlet.disconnect();
});

test("a worker that does not start is AbortedError", async () => {
  const connecting = connect(new Worker("/no/such/script.js"));
  await expect(connecting).rejects.toThrow(errors.AbortedError);
  await expect(connecting).rejects.toThrow("could not be started");
});
