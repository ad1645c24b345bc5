// The page's experiment without a page: the same program in Node gives the bits that the page compares itself with.
import { readFileSync } from "node:fs";
import { afterEach, describe, expect, test } from "vitest";
import { nodeBits } from "../../app/compute/expected.ts";
import { Experiment } from "../../app/compute/experiment.ts";
import { bgrFromRgb, decodePng } from "../../app/compute/photo.ts";
import { Runner } from "../../app/compute/runner.ts";
import type { RunSettings, WorkerMessage } from "../../app/compute/protocol.ts";
import "../../src/entry/node.ts";
import { decodeSafetensors } from "../../src/formats/safetensors.ts";
import { exportMetaGraphJson } from "../../src/index.ts";
import type { Trainlet } from "../../worker/api.ts";
import { connectOn } from "../../worker/client/connect.ts";
import { connect } from "../../worker/client/node.ts";
import { buildExample } from "../../worker/examples/index.ts";
import { createApp } from "../../worker/http/app.ts";
import { LocalHost } from "../../worker/localHost.ts";

const photo = new URL("../../app/assets/photo.png", import.meta.url);
const golden = new URL("../golden/tutorial/default_with_update.safetensors", import.meta.url);

const readPhoto = async (): Promise<Uint8Array> => bgrFromRgb((await decodePng(readFileSync(photo))).rgb);

const open: Trainlet[] = [];
afterEach(async () => {
  for (const trainlet of open.splice(0)) await trainlet.disconnect();
});

async function experimentOn(trainlet: Trainlet): Promise<Experiment> {
  open.push(trainlet);
  const sources = {
    with: { metaGraph: await exportMetaGraphJson(buildExample("tutorial")) },
    without: { metaGraph: await exportMetaGraphJson(buildExample("tutorial-forgotten")) },
  };
  return new Experiment({ trainlet, sources, image: await readPhoto(), clock: () => performance.now() });
}

/** An edge that can fail: `broken` says whether the request, or its answer, is lost. */
async function fragileEdge(broken: (count: number) => "request" | "answer" | null): Promise<Trainlet> {
  const app = createApp(new LocalHost());
  let count = 0;
  return connectOn({})("http://edge.test/", {
    retries: 0,
    async fetch(request) {
      const lost = broken(++count);
      if (lost === "request") throw new TypeError("fetch failed");
      const response = await app.fetch(request);
      if (lost === "answer") throw new TypeError("fetch failed");
      return response;
    },
  });
}

async function finish(experiment: Experiment, settings: RunSettings): Promise<WorkerMessage[]> {
  const messages: WorkerMessage[] = [];
  const runner = new Runner({ experiment, settings, emit: (message) => messages.push(message) });
  const { signal } = new AbortController();
  const hurry = setInterval(() => runner.retryNow(), 10);
  await runner.prepare(signal);
  await runner.go(signal);
  clearInterval(hurry);
  return messages;
}

test("the photograph's 30,000 bytes are those of the golden run", async () => {
  const bytes = await readPhoto();
  const expected = decodeSafetensors(readFileSync(golden)).tensors.get("image_bgr")!.data;
  expect(bytes).toHaveLength(30_000);
  expect(Buffer.compare(bytes, Buffer.from(expected.buffer, expected.byteOffset, expected.byteLength))).toBe(0);
});

describe("100 steps of both runs", () => {
  const settings: RunSettings = { host: "worker", steps: nodeBits.steps, pace: "full" };

  test("in process", async () => {
    const messages = await finish(await experimentOn(await connect("in-process")), settings);
    const end = messages.at(-1)!;
    expect(end).toMatchObject({ type: "finished", step: 100 });
    if (end.type !== "finished" || !end.facts) throw new Error("no facts");
    expect(end.facts.bits).toBe(nodeBits.bits);
    expect(end.facts.updates).toEqual({ with: 100, without: 0 });
    const last = messages.findLast((message) => message.type === "batch")!;
    const at = (last.count - 1) * 32;
    expect(last.mean.with[at]).toBeCloseTo(-18.41958, 5);
    expect(last.variance.with[at]).toBeCloseTo(261.113, 3);
    expect([last.mean.without[at], last.variance.without[at]]).toEqual([0, 1]);
  });

  test.each(["request", "answer"] as const)("at an edge that loses every 31st %s", async (lost) => {
    const trainlet = await fragileEdge((count) => (count % 31 === 0 ? lost : null));
    const messages = await finish(await experimentOn(trainlet), { ...settings, host: "edge" });
    expect(messages.some(({ type }) => type === "waiting")).toBe(true);
    const end = messages.at(-1)!;
    if (end.type !== "finished" || !end.facts) throw new Error("no facts");
    expect(end.facts.bits).toBe(nodeBits.bits);
    const steps = messages.flatMap((message) =>
      message.type === "batch" ? Array.from({ length: message.count }, (_, i) => message.from + i) : [],
    );
    expect(steps).toEqual(Array.from({ length: 101 }, (_, k) => k));
  });
});

test("an edge that never answers is given up after five tries", async () => {
  let tries = 0;
  const trainlet = await fragileEdge(() => {
    tries++;
    return "request";
  });
  const experiment = await experimentOn(trainlet);
  await expect(finish(experiment, { host: "edge", steps: 5, pace: "full" })).rejects.toThrow(/cannot be reached/);
  // Both sessions are asked for at once.
  expect(tries).toBe(10);
});
