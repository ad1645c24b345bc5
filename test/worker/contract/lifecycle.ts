/** The contract: what is known of a session, how it is kept and how it ends. */
import { describe, expect, test } from "vitest";
import { decodeSafetensors, encodeSafetensors, type StoredTensor } from "../../../src/formats/safetensors.ts";
import * as tf from "../../../src/index.ts";
import { bitsHash } from "../../helpers/bitsHash.ts";
import { writeTensorBundle } from "../../helpers/tensorBundle.ts";
import { entries, expectError, kernel, mean, type Fixture } from "./fixture.ts";

export function testLifecycle(f: Fixture): void {
  describe("info", () => {
    test("tells nodes, seed, steps and variables", async () => {
      const session = await f.trainlet.create({ example: "tutorial" }, { seed: 7 });
      const before = await session.info();
      expect(before).toMatchObject({ seed: 7, steps: 0 });
      expect(before.nodes).toBeGreaterThan(50);
      expect(before.variables).toContainEqual({
        name: "conv_1/kernel",
        dtype: "float32",
        shape: [3, 3, 3, 32],
        initialized: false,
      });
      await session.run({ fetches: ["init"] });
      await session.run({ fetches: ["train_op"], feeds: f.feeds, repeat: 4 });
      const after = await session.info();
      expect(after.steps).toBe(5);
      expect(after.variables.every((variable) => variable.initialized)).toBe(true);
      expect(after.memoryBytes).toBeGreaterThan(0);
      expect(after.id).toBe(before.id);
      await session.close();
    });

    test("a session is found again by its id", async () => {
      const session = await f.initialized();
      await session.run({ fetches: ["train_op"], feeds: f.feeds, repeat: 3 });
      const again = await f.trainlet.open((await session.info()).id);
      expect((await again.movingStatistics())[0].updates).toBe(3);
      await again.close();
      await expect(session.info()).rejects.toThrow(tf.errors.NotFoundError);
    });
  });

  describe("checkpoints", () => {
    test("another session goes on with the same bits, generators included", async () => {
      const [first, second] = [await f.initialized(), await f.trainlet.create({ example: "tutorial" })];
      await first.run({ fetches: ["train_op"], feeds: f.feeds, repeat: 5 });
      await second.restore(await first.checkpoint());
      for (const session of [first, second]) await session.run({ fetches: ["train_op"], feeds: f.feeds, repeat: 5 });
      const hashes = await Promise.all(
        [first, second].map(async (session) => bitsHash(entries(await f.look(session)))),
      );
      expect(hashes[1]).toBe(hashes[0]);
      expect((await second.movingStatistics())[0].updates).toBe(10);
      // The kernel's next random values continue where the first session's generator stood.
      const kernels = [first, second].map(async (session) => {
        await session.run({ fetches: ["init"] });
        return (await session.run({ fetches: [kernel] })).fetches[kernel];
      });
      expect(await kernels[1]).toEqual(await kernels[0]);
      expect(await kernels[0]).not.toEqual(f.golden.tensors.get("init/conv_1/kernel"));
      await Promise.all([first.close(), second.close()]);
    });

    test("TensorFlow's own are taken by the same call", async () => {
      const [first, second] = [await f.initialized(), await f.trainlet.create({ example: "tutorial" })];
      await first.run({ fetches: ["train_op"], feeds: f.feeds, repeat: 2 });
      const { tensors } = decodeSafetensors(await first.checkpoint());
      const files = writeTensorBundle(Object.fromEntries(tensors));
      await second.restore(files);
      expect(decodeSafetensors(await second.checkpoint()).tensors).toEqual(tensors);
      expect((await second.movingStatistics())[0].updates).toBeNull();
      files.data[0][0] ^= 1;
      await expectError(second.restore(files), "InvalidArgumentError", "has the checksum");
      expect(decodeSafetensors(await second.checkpoint()).tensors).toEqual(tensors);
      await Promise.all([first.close(), second.close()]);
    });

    test("a file that does not fit is refused, and nothing is lost", async () => {
      const session = await f.initialized();
      await session.run({ fetches: ["train_op"], feeds: f.feeds, repeat: 2 });
      const before = await bitsHash(entries(await f.look(session)));
      const { tensors } = decodeSafetensors(await session.checkpoint());
      const changed = (change: (map: Map<string, StoredTensor>) => void): Uint8Array => {
        const map = new Map(tensors);
        change(map);
        return encodeSafetensors(map);
      };
      const wrong = { dtype: "float32", shape: [5], data: new Float32Array(5) } as const;
      const refused: [file: Uint8Array, why: string][] = [
        [changed((map) => map.delete("bn/gamma")), "it lacks 'bn/gamma'"],
        [changed((map) => map.set("other", wrong)), "the graph has no variable 'other'"],
        [changed((map) => map.set("bn/beta", wrong)), "'bn/beta' is [5] float32 in it and [32] float32 in the graph"],
        [encodeSafetensors(tensors).subarray(0, 100), "The safetensors header would have"],
      ];
      for (const [file, why] of refused) await expectError(session.restore(file), "InvalidArgumentError", why);
      expect(await bitsHash(entries(await f.look(session)))).toBe(before);
      await session.close();
    });
  });

  describe("close", () => {
    test("later calls, and sessions that never were, are NotFoundError", async () => {
      const session = await f.initialized();
      const { id } = await session.info();
      const closing = session.close();
      await expectError(session.run({ fetches: [mean] }), "NotFoundError", id);
      await closing;
      await expectError(session.info(), "NotFoundError", id);
      await expectError(session.close(), "NotFoundError", id);
      await expectError(f.trainlet.open(id), "NotFoundError", id);
      await expectError(f.trainlet.open("no such id"), "NotFoundError", "no such id");
    });

    test("sessions share nothing", async () => {
      const [one, other] = [await f.initialized(), await f.initialized()];
      await one.run({ fetches: ["train_op"], feeds: f.feeds, repeat: 3 });
      expect((await other.movingStatistics())[0].updates).toBe(0);
      await one.close();
      expect((await other.info()).steps).toBe(1);
      await other.close();
    });

    test("after disconnect every call is AbortedError", async () => {
      const connection = await f.connect();
      const session = await connection.create({ example: "tutorial" });
      const pending = session.run({ fetches: ["init"] }).catch((error: unknown) => error);
      await connection.disconnect();
      await connection.disconnect();
      expect(await pending).toBeInstanceOf(tf.errors.AbortedError);
      await expectError(session.info(), "AbortedError", "The connection was closed by disconnect().");
    });
  });
}
