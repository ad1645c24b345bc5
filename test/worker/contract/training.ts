/** The contract: the tutorial, runs, statistics and what the doctor says. */
import { describe, expect, test } from "vitest";
import * as tf from "../../../src/index.ts";
import type { RunResult } from "../../../worker/api.ts";
import { bitsHash } from "../../helpers/bitsHash.ts";
import { entries, kernel, mean, net, program, readText, variance, type Fixture } from "./fixture.ts";

export function testTraining(f: Fixture): void {
  describe("the tutorial", () => {
    test("100 runs with the update ops give TensorFlow's statistics and result", async () => {
      const session = await f.initialized();
      const trained = await session.run({ fetches: ["train_op"], feeds: f.feeds, repeat: 100 });
      expect(trained).toEqual({ fetches: { train_op: null }, series: {}, warnings: [] });
      const values = await f.look(session);
      expect(f.mismatch(values[net], "eval/net")).toBeNull();
      expect(f.mismatch(values[mean], "eval/mm")).toBeNull();
      expect(f.mismatch(values[variance], "eval/mv")).toBeNull();
      expect(f.mismatch(values[kernel], "init/conv_1/kernel")).toBeNull();
      await session.close();
    });

    test("without them the statistics stay 0 and 1, and the first run says so", async () => {
      const session = await f.initialized("tutorial-forgotten");
      const first = await session.run({ fetches: ["train_op"], feeds: f.feeds });
      expect(first.warnings).toHaveLength(1);
      expect(first.warnings[0]).toMatchObject({ id: "BN001", severity: "warning" });
      expect(first.warnings[0].ops).toContain("bn/AssignMovingAvg");
      const more = await session.run({ fetches: ["train_op"], feeds: f.feeds, repeat: 9 });
      expect(more.warnings).toEqual([]);
      const values = await f.look(session);
      expect(Array.from(values[mean]!.data, Number)).toEqual(new Array(32).fill(0));
      expect(Array.from(values[variance]!.data, Number)).toEqual(new Array(32).fill(1));
      await session.close();
    });

    test("TensorFlow's own files, binary and JSON, start from TensorFlow's bits", async () => {
      const json = await readText(f.read, `${program}/graph.json`);
      const sources = [await f.read(`${program}/graph.meta`), json, JSON.parse(json) as object];
      for (const metaGraph of sources) {
        const session = await f.trainlet.create({ metaGraph });
        await session.run({ fetches: ["init"] });
        const { fetches } = await session.run({ fetches: [kernel] });
        expect(f.mismatch(fetches[kernel], "init/conv_1/kernel")).toBeNull();
        await session.close();
      }
    });
  });

  describe("run", () => {
    test("repeat and collect give what single runs give, bit for bit", async () => {
      const [one, many] = [await f.initialized(), await f.initialized()];
      const collect = [mean, "train_op:0"];
      const series = await many.run({ fetches: [variance], feeds: f.feeds, repeat: 5, collect });
      const rows: RunResult["fetches"][] = [];
      for (let i = 0; i < 5; i++)
        rows.push((await one.run({ fetches: [variance, ...collect], feeds: f.feeds })).fetches);
      for (const name of collect) {
        const { dtype, shape, data } = rows[0][name]!;
        const stacked = new Float32Array(5 * data.length);
        rows.forEach((row, i) => stacked.set(row[name]!.data as Float32Array, i * data.length));
        expect(series.series[name]).toEqual({ dtype, shape: [5, ...shape], data: stacked });
      }
      expect(series.fetches).toEqual({ [variance]: rows[4][variance] });
      expect(await bitsHash(entries(await f.look(many)))).toBe(await bitsHash(entries(await f.look(one))));
      await Promise.all([one.close(), many.close()]);
    });

    test("calls made without awaiting are executed in order", async () => {
      const session = await f.trainlet.create({ example: "tutorial" });
      const early = session.movingStatistics().catch((error: unknown) => error);
      const init = session.run({ fetches: ["init"] });
      const train = session.run({ fetches: ["train_op"], feeds: f.feeds, repeat: 3 });
      const third = session.movingStatistics();
      const checkpoint = session.checkpoint();
      const more = session.run({ fetches: ["train_op"], feeds: f.feeds, repeat: 2 });
      const fifth = session.movingStatistics();
      expect(await early).toBeInstanceOf(tf.errors.FailedPreconditionError);
      await Promise.all([init, train, more]);
      expect((await third)[0].updates).toBe(3);
      expect((await fifth)[0].updates).toBe(5);
      await session.restore(await checkpoint);
      expect((await session.movingStatistics())[0].updates).toBe(3);
      await session.close();
    });

    test("what is written to a fed array after the call does not matter", async () => {
      const [one, other] = [await f.initialized(), await f.initialized()];
      const photo = f.golden.photo.slice();
      const busy = one.run({ fetches: ["train_op"], feeds: f.feeds, repeat: 2 });
      const training = one.run({ fetches: ["train_op"], feeds: { "input_node:0": photo } });
      photo.fill(0);
      await Promise.all([busy, training]);
      await other.run({ fetches: ["train_op"], feeds: f.feeds, repeat: 3 });
      expect(await bitsHash(entries(await f.look(one)))).toBe(await bitsHash(entries(await f.look(other))));
      await Promise.all([one.close(), other.close()]);
    });

    test("feeds come in every form", async () => {
      const session = await f.initialized();
      const { photo } = f.golden;
      const shape = [1, 100, 100, 3];
      const pool = new Float32Array(photo.length + 10);
      pool.set(photo, 5);
      const nested = Array.from({ length: 100 }, (_, y) =>
        Array.from({ length: 100 }, (_, x) => Array.from(photo.subarray((y * 100 + x) * 3, (y * 100 + x) * 3 + 3))),
      );
      const forms: tf.FeedValue[] = [
        photo,
        pool.subarray(5, -5),
        Float64Array.from(photo),
        Uint8Array.from(photo),
        Uint8ClampedArray.from(photo),
        { data: Int32Array.from(photo), shape },
        { data: photo, shape, dtype: "float32" },
        { data: Array.from(photo), shape },
        [nested],
      ];
      const hashes = new Set<string>();
      for (const form of forms) {
        const { fetches } = await session.run({ fetches: [net], feeds: { "input_node:0": form, "training:0": false } });
        hashes.add(await bitsHash(entries(fetches)));
      }
      expect(hashes.size).toBe(1);
      await session.close();
    });

    test("NaN, infinities and -0 survive", async () => {
      const session = await f.trainlet.create({ example: "tutorial" });
      const values = [NaN, Infinity, -Infinity, -0, 1e-45, 0.1, 16_777_217, ...new Array<number>(25).fill(0)];
      for (const value of [Float32Array.from(values), values]) {
        const { fetches } = await session.run({
          fetches: ["conv_1/bias/read:0"],
          feeds: { "conv_1/bias/read:0": value },
        });
        expect(fetches["conv_1/bias/read:0"]).toEqual({
          dtype: "float32",
          shape: [32],
          data: Float32Array.from(values),
        });
      }
      await session.close();
    });
  });

  describe("moving statistics", () => {
    test("tell momentum, updates and what is left of the initial values", async () => {
      const session = await f.initialized();
      await session.run({ fetches: ["train_op"], feeds: f.feeds, repeat: 10 });
      await f.look(session);
      const [layer, ...others] = await session.movingStatistics();
      expect(others).toEqual([]);
      expect(layer).toMatchObject({ layer: "bn", momentum: 0.99, updates: 10, residual: 0.99 ** 10 });
      const values = await f.look(session);
      expect(layer.mean).toEqual(values[mean]);
      expect(layer.variance).toEqual(values[variance]);
      await session.close();
    });
  });

  describe("doctor", () => {
    test("finds BN001 where the update ops are forgotten, and nothing else", async () => {
      const [right, forgotten] = [await f.initialized(), await f.initialized("tutorial-forgotten")];
      const train = { fetches: ["train_op"], feeds: f.feeds };
      expect(await right.doctor(train)).toEqual([]);
      const suggestions = await right.doctor({ ...train, severity: "info" });
      expect(suggestions).toMatchObject([{ id: "BN013", severity: "info", layers: ["bn"] }]);
      const [finding, ...others] = await forgotten.doctor(train);
      expect(others).toEqual([]);
      expect(finding.id).toBe("BN001");
      expect(finding.message).toContain("'bn'");
      expect(finding.fix).toContain("UPDATE_OPS");
      expect(await forgotten.doctor({ fetches: [net], feeds: { ...f.feeds, "training:0": false } })).toEqual([]);
      // Nothing ran.
      expect((await right.movingStatistics())[0].updates).toBe(0);
      await Promise.all([right.close(), forgotten.close()]);
    });
  });
}
