// MNIST in this process and at the edge: the same bits, and a Durable Object that keeps within its memory.
import { afterAll, beforeAll, expect, test } from "vitest";
import { startServer, type Server } from "../../scripts/server.ts";
import { connect } from "../../worker/client/node.ts";
import hashes from "../golden/hashes.json" with { type: "json" };
import { readDigits } from "./files.ts";
import { Inspector } from "./heap.ts";
import { firstLosses, mnistSubject } from "./losses.ts";

const timeout = 240_000;
const mebibyte = 1024 ** 2;

/** Of the 128 MiB that an isolate has on Cloudflare. */
const maxBytes = 96 * mebibyte;

const digits = readDigits();
let server: Server;

beforeAll(async () => {
  server = await startServer(0, { inspector: true });
}, timeout);

afterAll(() => server?.dispose());

test("in this process", { timeout }, async () => {
  const trainlet = await connect("in-process");
  const { hash, first, last } = await firstLosses(trainlet, digits);
  expect(last).toBeLessThan(first / 2);
  expect(hash).toBe(hashes[mnistSubject].hash);
  await trainlet.disconnect();
});

test("at the edge, with the memory of its isolate", { timeout }, async () => {
  const trainlet = await connect(server.url);
  const inspector = await Inspector.open(server.inspectorUrl!);
  const measured: number[] = [];
  const ledger: number[] = [];
  const { hash } = await firstLosses(trainlet, digits, async (session) => {
    const { memoryBytes } = await session.info();
    ledger.push(memoryBytes);
    // V8 does not count WebAssembly memories. Theirs is what our ledger counts, and a page or two.
    measured.push((await inspector.memoryBytes()) + memoryBytes);
  });
  expect(hash).toBe(hashes[mnistSubject].hash);
  const mib = (bytes: number): string => (bytes / mebibyte).toFixed(1);
  const most = Math.max(...measured);
  console.info(`MiB of the isolate, at most: ${mib(Math.max(...ledger))} by our ledger, ${mib(most)} measured`);
  expect(Math.max(...ledger)).toBeLessThan(maxBytes);
  expect(most).toBeLessThan(maxBytes);
  inspector.close();
  await trainlet.disconnect();
});
