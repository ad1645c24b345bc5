/** The readers of data, the order of rows and augmentation on whatever host: the same rows and bits on all. The host's entry has been
 * imported. */
import { expect, test } from "vitest";
import * as tf from "../../src/index.ts";
import { encodeSafetensors } from "../../src/formats/safetensors.ts";
import { EpochOrder } from "../../src/fit/order.ts";
import { bitsHash } from "./bitsHash.ts";
import { gzip, streamOf, text } from "../data/bytes.ts";

/** A PNG of 2 × 2 pixels: red, green, blue and (200, 100, 50). */
const png = "iVBORw0KGgoAAAANSUhEUgAAAAIAAAACCAIAAAD91JpzAAAAFElEQVR42mP4z8DAAMIM/0+kGAEAHUYEXPCCZU8AAAAASUVORK5CYII=";

function valuesOf(column: tf.data.Column): number[] {
  const into = new Float64Array(column.rows * column.shape.reduce((a, b) => a * b, 1));
  const all = Int32Array.from({ length: column.rows }, (_, i) => i);
  column.gather(all, 0, column.rows, into, 0);
  return Array.from(into);
}

export function testData(): void {
  test("IDX, gzipped, as a stream", async () => {
    const bytes = Uint8Array.of(0, 0, 0x0b, 2, 0, 0, 0, 2, 0, 0, 0, 3, 0, 1, 0xff, 0xfe, 0, 3, 1, 0, 0, 5, 0x80, 0);
    for (const size of [1, 5, 100]) {
      const column = await tf.data.idx(streamOf(await gzip(bytes), size));
      expect(valuesOf(column)).toEqual([1, -2, 3, 256, 5, -32768]);
    }
    await expect(tf.data.idx((await gzip(bytes)).slice(0, -5))).rejects.toThrow(
      "The gzip data are damaged or cut short.",
    );
  });

  test("CSV, as a stream", async () => {
    const source = streamOf(text('a,"b, c"\n1,"2"\n3.5,-4\n'), 3);
    const { x } = await tf.data.csv(source, { columns: { x: { fields: ["b, c", "a"] } } });
    expect(valuesOf(x)).toEqual([2, 1, -4, 3.5]);
  });

  test("safetensors", async () => {
    const bytes = encodeSafetensors([["x", { dtype: "int32", shape: [3], data: Int32Array.of(4, 5, -6) }]]);
    expect(valuesOf((await tf.data.safetensors(streamOf(bytes, 9))).x)).toEqual([4, 5, -6]);
  });

  test("pictures", async () => {
    const bytes = Uint8Array.from(atob(png), (letter) => letter.charCodeAt(0));
    const column = await tf.data.images([bytes, new Blob([bytes])]);
    expect(column).toMatchObject({ dtype: "uint8", shape: [2, 2, 3], rows: 2 });
    const picture = [255, 0, 0, 0, 255, 0, 0, 0, 255, 200, 100, 50];
    expect(valuesOf(column)).toEqual([...picture, ...picture]);
    await expect(tf.data.images([bytes, bytes.slice(0, 40)])).rejects.toThrow(/^Picture 1 cannot be decoded: .+\.$/);
  });

  test("rows come in the same order, and pictures are moved alike", async () => {
    const order = new EpochOrder(2 ** 40 + 7, 1000);
    const graph = new tf.Graph();
    const net = graph.asDefault(() => {
      const pixels = tf.placeholder(tf.uint8, [null, 6, 5, 2], "pixels");
      const total = tf.variable(tf.zeros([6, 5, 2]), { name: "total" });
      // Not a sum, so that the order of the pictures matters.
      const batch = tf.reduceSum(tf.cast(pixels, tf.float32), 0);
      const train = tf.assign(total, tf.floormod(tf.add(tf.multiply(total.value(), 3), batch), 65521));
      return { pixels, train, init: tf.globalVariablesInitializer() };
    });
    const data = Uint8Array.from({ length: 50 * 60 }, (_, i) => (i * 31 + (i >> 3)) % 256);
    const session = await tf.Session.create({ graph, onWarning: () => {} });
    await session.run(net.init);
    await tf.fit(session, {
      feeds: new Map([[net.pixels, tf.data.column(data, { shape: [6, 5, 2] })]]),
      augment: new Map([[net.pixels, { shift: 2, flip: true }]]),
      train: net.train,
      batchSize: 7,
      epochs: 3,
      seed: 11,
    });
    const total = session.variables().get("total")!;
    session.close();
    const rows = { dtype: "int32", shape: [1000], data: order.of(5) };
    const hash = await bitsHash([
      ["total", total],
      ["order", rows],
    ]);
    expect(hash).toBe("840fa0ea841f1bdd3ab5c8fa3465c23845cae67cc4baed07088f1c6e3b4c7200");
  });
}
