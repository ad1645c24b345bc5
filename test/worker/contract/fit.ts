/** The contract: data next to the kernels, and fits over them. */
import { describe, expect, test } from "vitest";
import * as tf from "../../../src/index.ts";
import type { FitRequest, SessionApi } from "../../../worker/api.ts";
import { bitsHash } from "../../helpers/bitsHash.ts";
import { decodeSafetensors } from "../../../src/formats/safetensors.ts";
import { fitData, fitNet, fitRequest } from "../../helpers/fitNet.ts";
import type { Fixture } from "./fixture.ts";

const rows = 100;

/** What an uninterrupted fit in this realm ends in. */
async function expected(): Promise<{ readonly losses: readonly number[]; readonly hash: string }> {
  const graph = await tf.importMetaGraph(await fitNet());
  const session = await tf.Session.create({ graph, seed: 5 });
  await session.run("init");
  const { x, y } = fitData(rows);
  const { feeds: _names, validation: _none, resume: _no, ...rest } = fitRequest;
  const losses: number[] = [];
  await tf.fit(session, {
    ...rest,
    feeds: { "x:0": x, "y:0": y },
    onProgress: (step) => void losses.push(step.fetches.loss),
  });
  const { tensors } = decodeSafetensors(await session.checkpoint());
  session.close();
  return { losses, hash: await bitsHash(tensors) };
}

export function testFit(f: Fixture): void {
  const prepared = async (): Promise<SessionApi> => {
    const session = await f.trainlet.create({ metaGraph: await fitNet() }, { seed: 5 });
    await session.run({ fetches: ["init"] });
    const { x, y } = fitData(rows);
    await session.putData("pictures", x);
    await session.putData("labels", y);
    return session;
  };
  const hashOf = async (session: SessionApi): Promise<string> =>
    bitsHash(decodeSafetensors(await session.checkpoint()).tensors);

  describe("data", () => {
    test("come whole or in parts, are listed, replaced and deleted", async () => {
      const session = await f.trainlet.create({ example: "tutorial" });
      const { x } = fitData(10);
      const part = (from: number, to: number) =>
        ({ ...x, shape: [to - from, 8, 8, 1], data: x.data.slice(from * 64, to * 64) }) as const;
      await session.putData("x", part(0, 4));
      expect(await session.putData("x", part(4, 10), { row: 4 })).toEqual({
        name: "x",
        dtype: "uint8",
        shape: [8, 8, 1],
        rows: 10,
      });
      await session.putData("other", { dtype: "float32", shape: [2], data: Float32Array.of(1, 2) });
      expect((await session.listData()).map(({ name, rows: count }) => [name, count])).toEqual([
        ["x", 10],
        ["other", 2],
      ]);
      await session.putData("x", part(0, 3));
      expect((await session.listData()).find(({ name }) => name === "x")?.rows).toBe(3);
      await session.deleteData("x");
      expect((await session.listData()).map(({ name }) => name)).toEqual(["other"]);
      await session.close();
    });

    test("what does not fit is refused, and what was there stays", async () => {
      const session = await f.trainlet.create({ example: "tutorial" });
      await session.putData("y", { dtype: "int32", shape: [3], data: Int32Array.of(1, 2, 3) });
      const two = { dtype: "int32", shape: [2], data: Int32Array.of(4, 5) } as const;
      await expect(session.putData("y", two, { row: 5 })).rejects.toThrow(
        "Rows of column 'y' cannot begin at row 5: it has 3, and parts follow without a gap.",
      );
      await expect(
        session.putData("y", { dtype: "float32", shape: [1], data: Float32Array.of(4) }, { row: 3 }),
      ).rejects.toThrow("The rows given for column 'y' are [] float32, its rows are [] int32.");
      await expect(session.putData("z", two, { row: 2 })).rejects.toThrow("The session has no data called 'z'.");
      await expect(session.deleteData("z")).rejects.toBeInstanceOf(tf.errors.NotFoundError);
      await expect(session.putData("s", { dtype: "int32", shape: [], data: Int32Array.of(1) })).rejects.toThrow(
        "The column 's' must have rows, the value given is a scalar.",
      );
      expect((await session.listData()).map(({ name, rows: count }) => [name, count])).toEqual([["y", 3]]);
      await session.close();
    });
  });

  describe("fit", () => {
    test("ends in the bits of tf.fit, and tells every step", async () => {
      const wanted = await expected();
      const session = await prepared();
      const losses: number[] = [];
      const result = await session.fit(fitRequest, { onProgress: ({ fetches }) => void losses.push(fetches.loss) });
      expect(result).toMatchObject({ reason: "finished", step: 17, steps: 17, progress: { step: 17, epoch: 3 } });
      expect(losses).toEqual(wanted.losses);
      expect(await hashOf(session)).toBe(wanted.hash);
      expect((await session.movingStatistics())[0].updates).toBe(17);
      expect(await session.fitInfo()).toMatchObject({ step: 17, steps: 17, ended: "finished" });
      await session.close();
    });

    test("stopped, carried to another session and resumed there: the same bits", async () => {
      const wanted = await expected();
      const [one, other] = [await prepared(), await prepared()];
      const seen: number[] = [];
      for await (const { step } of one.fit(fitRequest)) {
        seen.push(step);
        if (step === 5) break;
      }
      // Leaving the loop stops it soon, not at once: steps already asked for are made.
      const { step, state, ended } = await one.fitInfo();
      expect(seen).toEqual([1, 2, 3, 4, 5]);
      expect(step).toBeGreaterThanOrEqual(5);
      expect(ended).toBe(step === 17 ? "finished" : null);
      await other.restore(await one.checkpoint());
      await expect(other.fitInfo()).rejects.toThrow("has no fit");
      const result = await other.fit({ ...fitRequest, resume: state });
      expect(result.step).toBe(17);
      expect(await hashOf(other)).toBe(wanted.hash);
      await Promise.all([one.close(), other.close()]);
    });

    test("validation and early stopping", async () => {
      const session = await prepared();
      const { x, y } = fitData(40, 9);
      await session.putData("held_out", x);
      await session.putData("held_out_labels", y);
      const request: FitRequest = {
        ...fitRequest,
        steps: 100,
        validation: {
          feeds: { "x:0": "held_out", "y:0": "held_out_labels" },
          fetches: { accuracy: "accuracy:0" },
          every: 5,
        },
        earlyStopping: { monitor: "accuracy", patience: 2, minDelta: 2 },
      };
      const validated: number[] = [];
      const result = await session.fit(request, {
        onProgress: ({ step, validation }) => void (validation && validated.push(step)),
      });
      // Nothing can be better by 2, so that the first value stays the best.
      expect(validated).toEqual([5, 10, 15]);
      expect(result).toMatchObject({ reason: "earlyStopping", step: 15 });
      expect(result.validation?.accuracy).toBeGreaterThan(0);
      await session.close();
    });

    test("what the doctor finds in its plans is told once, whatever runs in between", async () => {
      const session = await f.trainlet.create({ example: "mnist-forgotten" }, { seed: 5 });
      await session.run({ fetches: ["init"] });
      const picture = {
        dtype: "uint8",
        shape: [4, 28, 28, 1],
        data: new Uint8Array(4 * 784).map((_, i) => i),
      } as const;
      await session.putData("pixels", picture);
      await session.putData("labels", { dtype: "uint8", shape: [4], data: Uint8Array.of(0, 1, 2, 3) });
      const found: string[] = [];
      const fit = session.fit(
        {
          feeds: { "pixels:0": "pixels", "labels:0": "labels" },
          constants: { "training:0": true },
          train: "train_op",
          batchSize: 2,
          epochs: 2,
        },
        { onWarning: ({ id }) => found.push(id) },
      );
      await session.run({ fetches: ["probabilities:0"], feeds: { "pixels:0": picture } });
      await fit;
      expect(found).toEqual(["BN001"]);
      await session.close();
    });

    test("other calls have their turn between its steps", async () => {
      const session = await prepared();
      const fit = session.fit({ ...fitRequest, steps: 400 });
      const order: string[] = [];
      const ended = (async () => {
        await fit;
        order.push("fit");
      })();
      await session.movingStatistics();
      order.push("statistics");
      await ended;
      expect(order).toEqual(["statistics", "fit"]);
      await session.close();
    });

    test("mistakes are refused with a sentence, and change nothing", async () => {
      const session = await prepared();
      const before = await hashOf(session);
      const refused = async (change: Partial<FitRequest>, sentence: string): Promise<void> => {
        await expect(async () => await session.fit({ ...fitRequest, ...change })).rejects.toThrow(sentence);
      };
      await refused({ feeds: { "x:0": "pictures", "y:0": "absent" } }, "The session has no data called 'absent'.");
      await refused({ train: "no_such_op" }, "no_such_op");
      await refused({ epochs: 1 }, "give one of the two");
      await session.putData("labels", { dtype: "int32", shape: [99], data: new Int32Array(99) });
      await refused({}, "All columns of the fit must have as many rows: 'x:0' has 100, 'y:0' has 99.");
      await session.putData("labels", { dtype: "int32", shape: [rows], data: new Int32Array(rows).fill(3) });
      await refused({}, "Variables are as they were.");
      await expect(session.fitInfo()).resolves.toMatchObject({ step: 0, ended: null });
      expect(await hashOf(session)).toBe(before);
      await session.close();
    });
  });
}
