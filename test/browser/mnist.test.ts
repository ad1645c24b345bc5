// MNIST in Chromium's Web Worker: the same bits as elsewhere. The digits come as the page gets them.
import { expect, test } from "vitest";
import { connect } from "../../worker/client/browser.ts";
import hashes from "../golden/hashes.json" with { type: "json" };
import { digitsOf, firstLosses, mnistSubject } from "../mnist/losses.ts";

async function digits(name: string): Promise<Uint8Array> {
  const { body } = await fetch(`/digits/${name}.idx.gz`);
  const inflated = body!.pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(inflated).arrayBuffer());
}

test("the first 200 losses", { timeout: 240_000 }, async () => {
  const trainlet = await connect("worker");
  const { hash } = await firstLosses(trainlet, digitsOf(await digits("train-images"), await digits("train-labels")));
  expect(hash).toBe(hashes[mnistSubject].hash);
  await trainlet.disconnect();
});
