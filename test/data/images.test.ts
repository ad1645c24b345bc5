/** Pictures in Node: PNG of every kind of sample, and what cannot be decoded. */
import { encode } from "fast-png";
import { describe, expect, test } from "vitest";
import * as tf from "../../src/entry/node.ts";
import { expectMistake } from "../helpers/ops.ts";
import { streamOf, text } from "./bytes.ts";

function valuesOf(column: tf.data.Column): number[] {
  const into = new Uint8Array(column.rows * column.shape.reduce((a, b) => a * b, 1));
  column.gather(
    Int32Array.from({ length: column.rows }, (_, i) => i),
    0,
    column.rows,
    into,
    0,
  );
  return Array.from(into);
}

const png = (channels: number, data: ArrayLike<number>, width = 2, depth: 8 | 16 = 8): Uint8Array =>
  encode({
    width,
    height: data.length / channels / width,
    channels,
    depth,
    data: depth === 16 ? Uint16Array.from(data) : Uint8Array.from(data),
  });

describe("channels", () => {
  const colour = [255, 0, 0, 0, 255, 0, 0, 0, 255, 200, 100, 50];

  test("of a colour picture", async () => {
    const picture = png(3, colour);
    const rgb = await tf.data.images([picture, streamOf(picture, 10)]);
    expect(rgb).toMatchObject({ dtype: "uint8", shape: [2, 2, 3], rows: 2 });
    expect(valuesOf(rgb)).toEqual([...colour, ...colour]);
    const grey = await tf.data.images([picture], { channels: 1 });
    expect(grey.shape).toEqual([2, 2, 1]);
    // Round(0.299 R + 0.587 G + 0.114 B).
    expect(valuesOf(grey)).toEqual([76, 150, 29, 124]);
    expect(valuesOf(await tf.data.images([picture], { channels: 4 })).slice(0, 8)).toEqual([
      255, 0, 0, 255, 0, 255, 0, 255,
    ]);
  });

  test("of grey ones, with and without opacity, of 16 bits", async () => {
    const grey = { channels: 1 } as const;
    expect(valuesOf(await tf.data.images([png(1, [0, 7, 128, 255])], grey))).toEqual([0, 7, 128, 255]);
    expect(valuesOf(await tf.data.images([png(2, [9, 255, 8, 0])], { channels: 4 }))).toEqual([
      9, 9, 9, 255, 8, 8, 8, 0,
    ]);
    expect(valuesOf(await tf.data.images([png(1, [0, 65535, 0x1234, 256], 2, 16)], grey))).toEqual([0, 255, 0x12, 1]);
  });

  test("of pictures of one bit a pixel, and of a palette", async () => {
    // 10 × 1, black and white alternating: written by hand, since the encoder knows 8 and 16 bits only.
    expect(valuesOf(await tf.data.images([await bits([0b10101010, 0b10000000])], { channels: 1 }))).toEqual([
      255, 0, 255, 0, 255, 0, 255, 0, 255, 0,
    ]);
    const palette = [10, 20, 30, 200, 100, 0];
    const values = valuesOf(await tf.data.images([await bits([0b01000000, 0b01000000], palette)]));
    expect(values.slice(0, 9)).toEqual([10, 20, 30, 200, 100, 0, 10, 20, 30]);
  });
});

describe("mistakes", () => {
  const good = png(
    1,
    Array.from({ length: 64 }, (_, i) => i),
    8,
  );

  test("other sizes", () =>
    expectMistake(
      () => tf.data.images([good, png(1, [1, 2, 3, 4, 5, 6])]),
      "InvalidArgumentError: Picture 1 has 2 × 3 pixels, picture 0 has 8 × 8; all must have one size.",
    ));

  test("none", () => expectMistake(() => tf.data.images([]), "InvalidArgumentError: There are no pictures."));

  test("another format", () =>
    expectMistake(
      () => tf.data.images([good, Uint8Array.of(0xff, 0xd8, 0xff, 0xe0, 0, 16)]),
      "InvalidArgumentError: Picture 1 cannot be decoded: it is no PNG, and this host decodes no other format.",
    ));

  test("every single byte that is changed, and every cut, is told or harmless", async () => {
    for (let at = 0; at < good.length; at++) {
      for (const bytes of [good.with(at, good[at] ^ 0x41), good.slice(0, at)]) {
        const error = await tf.data.images([bytes], { channels: 1 }).then(
          () => null,
          (reason: Error) => reason,
        );
        // Everything of this file is covered by a checksum.
        expect(error?.message, `byte ${at}`).toMatch(/^Picture 0 cannot be decoded: .+[^.]\.$/);
      }
    }
  });
});

/** A PNG of 10 × 1 with one bit a pixel: grey, or of a palette. */
async function bits(line: readonly number[], palette?: readonly number[]): Promise<Uint8Array> {
  const header = [0, 0, 0, 10, 0, 0, 0, 1, 1, palette ? 3 : 0, 0, 0, 0];
  const raw = new Blob([Uint8Array.of(0, ...line)]).stream().pipeThrough(new CompressionStream("deflate"));
  const data = new Uint8Array(await new Response(raw).arrayBuffer());
  return Uint8Array.from([
    0x89,
    ...text("PNG\r\n\u001a\n"),
    ...chunk("IHDR", header),
    ...(palette ? chunk("PLTE", palette) : []),
    ...chunk("IDAT", [...data]),
    ...chunk("IEND", []),
  ]);
}

function chunk(type: string, data: readonly number[]): number[] {
  const word = (value: number): number[] => [value >>> 24, (value >> 16) & 255, (value >> 8) & 255, value & 255];
  const body = [...new TextEncoder().encode(type), ...data];
  let crc = ~0;
  for (const byte of body) {
    crc ^= byte;
    for (let i = 0; i < 8; i++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return [...word(data.length), ...body, ...word(~crc)];
}
