/** The contract: errors keep their classes and sentences on every way. */
import { describe, expect, test } from "vitest";
import type { SessionApi } from "../../../worker/api.ts";
import { bitsHash } from "../../helpers/bitsHash.ts";
import { entries, expectError, mean, net, type Fixture } from "./fixture.ts";

export function testErrors(f: Fixture): void {
  describe("errors", () => {
    const cases: [name: string, request: () => Parameters<SessionApi["run"]>[0], error: string, sentence: string][] = [
      [
        "missing feed",
        () => ({ fetches: ["train_op"] }),
        "InvalidArgumentError",
        "You must feed a value for placeholder tensor 'input_node' with dtype float and shape [?,100,100,3].",
      ],
      [
        "wrong shape",
        () => ({
          fetches: ["train_op"],
          feeds: { "input_node:0": { data: new Float32Array(300), shape: [1, 10, 10, 3] } },
        }),
        "InvalidArgumentError",
        "Cannot feed value of shape [1,10,10,3] for Tensor 'input_node:0', which has shape [?,100,100,3].",
      ],
      [
        "wrong dtype",
        () => ({ fetches: ["train_op"], feeds: { ...f.feeds, "training:0": 3 } }),
        "InvalidArgumentError",
        "Cannot feed the number 3 for Tensor 'training:0', which has dtype bool.",
      ],
      [
        "unknown fetch",
        () => ({ fetches: ["nope:0"] }),
        "NotFoundError",
        "Fetch argument 'nope:0' cannot be interpreted",
      ],
      ["unknown feed", () => ({ fetches: [net], feeds: { "nope:0": 1 } }), "NotFoundError", "Feed argument 'nope:0'"],
      [
        "collected operation",
        () => ({ fetches: [], collect: ["init"] }),
        "InvalidArgumentError",
        "'init' is an operation",
      ],
      [
        "no repetition",
        () => ({ fetches: ["init"], repeat: 0 }),
        "InvalidArgumentError",
        "repeat must be an integer of at least 1",
      ],
    ];

    test.each(cases)("%s: its class and sentence, and the session goes on", async (_name, request, error, sentence) => {
      const session = await f.initialized();
      await session.run({ fetches: ["train_op"], feeds: f.feeds });
      const before = await bitsHash(entries(await f.look(session)));
      await expectError(session.run(request()), error, sentence);
      expect(await bitsHash(entries(await f.look(session)))).toBe(before);
      await session.close();
    });

    test("uninitialised variables", async () => {
      const session = await f.trainlet.create({ example: "tutorial" });
      await expectError(
        session.run({ fetches: [mean] }),
        "FailedPreconditionError",
        "Attempting to use uninitialized value 'bn/moving_mean'.",
      );
      await session.close();
    });

    test("graphs that are none, and too little memory", async () => {
      await expectError(f.trainlet.create({ metaGraph: new Uint8Array() }), "InvalidArgumentError", "");
      await expectError(f.trainlet.create({ metaGraph: { nothing: 1 } }), "InvalidArgumentError", "");
      const unknown = "unknown" as "tutorial";
      await expectError(
        f.trainlet.create({ example: unknown }),
        "InvalidArgumentError",
        "There is no example 'unknown'.",
      );
      const small = await f.trainlet.create({ example: "tutorial" }, { maxMemoryBytes: 100_000 });
      await small.run({ fetches: ["init"] });
      await expectError(
        small.run({ fetches: ["train_op"], feeds: f.feeds }),
        "ResourceExhaustedError",
        "This step needs",
      );
      await small.close();
    });
  });
}
