import { Worker } from "node:worker_threads";
import { describe, expect, test } from "vitest";
import "../../src/entry/node.ts";
import { listGolden, readGolden } from "../helpers/golden.node.ts";
import { bitsOf, type Bits } from "../helpers/sameBits.ts";
import { testSameBits } from "../helpers/sameBitsSuite.ts";
import { bitsHash } from "../helpers/bitsHash.ts";

describe("Node", () => {
  testSameBits((subject) => bitsOf(subject, readGolden, listGolden));
});

describe("a worker thread", () => {
  testSameBits((subject) => {
    const worker = new Worker(new URL("../helpers/sameBitsThread.node.ts", import.meta.url), { workerData: subject });
    return new Promise<Bits>((resolve, reject) => {
      worker.once("message", resolve);
      worker.once("error", reject);
      worker.once("exit", (code) => reject(new Error(`The thread ended with exit code ${code}.`)));
    });
  });
});

describe("the hash", () => {
  const tensor = { dtype: "float32", shape: [2], data: new Float32Array([0, 1]) };

  test("does not depend on the order", async () => {
    const other = { dtype: "int32", shape: [], data: new Int32Array([7]) };
    const forth = await bitsHash([
      ["a", tensor],
      ["b", other],
    ]);
    const back = await bitsHash([
      ["b", other],
      ["a", tensor],
    ]);
    expect(back).toBe(forth);
  });

  test("takes all NaNs as one, whose payload is the machine's", async () => {
    const nan = (word: number) => ({ ...tensor, data: new Float32Array(Uint32Array.of(word, 0x3f800000).buffer) });
    const hashes = await Promise.all([0x7fc00000, 0xffc00000, 0x7f800001].map((word) => bitsHash([["a", nan(word)]])));
    expect(new Set(hashes).size).toBe(1);
    expect(await bitsHash([["a", nan(0x7f800000)]])).not.toBe(hashes[0]);
  });

  test("depends on every bit, and on names and shapes", async () => {
    const minusZero = { ...tensor, data: new Float32Array([-0, 1]) };
    const variants = [
      [["a", tensor]],
      [["a", minusZero]],
      [["b", tensor]],
      [["a", { ...tensor, shape: [2, 1] }]],
    ] as const;
    const hashes = await Promise.all(variants.map((variant) => bitsHash(variant)));
    expect(new Set(hashes).size).toBe(variants.length);
  });
});
