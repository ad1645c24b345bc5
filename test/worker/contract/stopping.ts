/** The contract: runs that are stopped, by a signal or by a timeout. */
import { describe, expect, test } from "vitest";
import * as tf from "../../../src/index.ts";
import { bitsHash } from "../../helpers/bitsHash.ts";
import { entries, expectError, mean, type Fixture } from "./fixture.ts";

/** More than any of these tests waits for. */
const repeat = 1_000_000;

export function testStopping(f: Fixture): void {
  const train = (steps: number) => ({ fetches: ["train_op"], feeds: f.feeds, repeat: steps });

  /** Where the error says that the session stands. */
  async function stepIn(run: Promise<unknown>): Promise<number> {
    const { message } = await run.then(
      () => new Error("it ended"),
      (error: Error) => error,
    );
    expect(message).toMatch(/the run ended after \d+ of 1000000 steps; the session stands at step \d+\.$/);
    return Number(/step (\d+)\.$/.exec(message)?.[1]);
  }

  describe("a run is stopped", () => {
    test("by its signal: what the steps before changed stays, and the error says where", async () => {
      const session = await f.initialized();
      const controller = new AbortController();
      const run = session.run(train(repeat), { signal: controller.signal });
      setTimeout(() => controller.abort(), 100);
      await expectError(run, "AbortedError", "The call was stopped by its signal: the run ended after");
      const steps = await stepIn(run);
      expect(steps).toBeLessThan(repeat);
      expect((await session.info()).steps).toBe(steps);
      // Step 1 was init.
      const twin = await f.initialized();
      if (steps > 1) await twin.run(train(steps - 1));
      const [ours, theirs] = await Promise.all([f.look(session), f.look(twin)]);
      expect(await bitsHash(entries(ours))).toBe(await bitsHash(entries(theirs)));
      await Promise.all([session.close(), twin.close()]);
    });

    test("by its timeout", async () => {
      const session = await f.initialized();
      const run = session.run(train(repeat), { timeoutMs: 100 });
      await expectError(run, "DeadlineExceededError", "The call took longer than 100 ms: the run ended after");
      expect((await session.info()).steps).toBe(await stepIn(run));
      await session.close();
    });

    test("while it waits for its turn: it never begins", async () => {
      const session = await f.initialized();
      const [first, second] = [new AbortController(), new AbortController()];
      const before = session.run(train(repeat), { signal: first.signal });
      const waiting = session.run({ fetches: ["init"] }, { signal: second.signal });
      second.abort();
      await expectError(waiting, "AbortedError", "The call was stopped by its signal");
      first.abort();
      const steps = await stepIn(before);
      expect((await session.info()).steps).toBe(steps);
      await session.close();
    });

    test("before it is sent", async () => {
      const session = await f.initialized();
      const signal = AbortSignal.abort();
      await expectError(session.run(train(1), { signal }), "AbortedError", "before it was sent");
      await expectError(session.info({ signal }), "AbortedError", "before it was sent");
      await expectError(f.trainlet.create({ example: "tutorial" }, { signal }), "AbortedError", "");
      expect((await session.info()).steps).toBe(1);
      await session.close();
    });

    test("by disconnect", async () => {
      const connection = await f.connect();
      const session = await connection.create({ example: "tutorial" });
      await session.run({ fetches: ["init"] });
      const run = session.run(train(repeat)).catch((error: unknown) => error);
      await connection.disconnect();
      expect(await run).toBeInstanceOf(tf.errors.AbortedError);
    });
  });

  describe("a run in slices", () => {
    test("lets other sessions answer meanwhile, and keeps its own in order", async () => {
      const [long, other] = [await f.initialized(), await f.initialized()];
      const controller = new AbortController();
      const run = long.run(train(repeat), { signal: controller.signal });
      const after = long.run({ fetches: [mean] });
      expect((await other.info()).steps).toBe(1);
      await other.run(train(3));
      controller.abort();
      const steps = await stepIn(run);
      await after;
      expect((await long.info()).steps).toBe(steps + 1);
      await Promise.all([long.close(), other.close()]);
    });

    test("gives every row of its series", async () => {
      const [whole, single] = [await f.initialized(), await f.initialized()];
      const { series } = await whole.run({ ...train(300), collect: [mean] });
      expect(series[mean].shape).toEqual([300, 32]);
      await single.run(train(123));
      const { fetches } = await single.run({ ...train(1), fetches: ["train_op", mean] });
      expect(series[mean].data.slice(123 * 32, 124 * 32)).toEqual(fetches[mean]!.data);
      await Promise.all([whole.close(), single.close()]);
    });
  });

  test("a timeout must be one", async () => {
    for (const timeoutMs of [0, -1, Number.NaN, 2 ** 31])
      await expectError(f.trainlet.open("x", { timeoutMs }), "InvalidArgumentError", "timeoutMs must be");
  });
}
