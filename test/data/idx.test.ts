/** IDX: every type, in whatever pieces it comes, gzipped or not; and files that are none. */
import { describe, expect, test } from "vitest";
import * as tf from "../../src/entry/node.ts";
import { expectMistake } from "../helpers/ops.ts";
import { gzip, streamOf } from "./bytes.ts";

/** Big-endian, as the format has it. */
function file(code: number, shape: readonly number[], values: readonly number[]): Uint8Array {
  const writers: Record<number, [number, (view: DataView, at: number, value: number) => void]> = {
    0x08: [1, (view, at, value) => view.setUint8(at, value)],
    0x09: [1, (view, at, value) => view.setInt8(at, value)],
    0x0b: [2, (view, at, value) => view.setInt16(at, value)],
    0x0c: [4, (view, at, value) => view.setInt32(at, value)],
    0x0d: [4, (view, at, value) => view.setFloat32(at, value)],
    0x0e: [8, (view, at, value) => view.setFloat64(at, value)],
  };
  const [size, write] = writers[code];
  const bytes = new Uint8Array(4 + 4 * shape.length + size * values.length);
  const view = new DataView(bytes.buffer);
  bytes.set([0, 0, code, shape.length]);
  shape.forEach((length, i) => view.setUint32(4 + 4 * i, length));
  values.forEach((value, i) => write(view, 4 + 4 * shape.length + size * i, value));
  return bytes;
}

function valuesOf(column: tf.data.Column): number[] {
  const into = new Float64Array(column.rows * column.shape.reduce((a, b) => a * b, 1));
  column.gather(
    Int32Array.from({ length: column.rows }, (_, i) => i),
    0,
    column.rows,
    into,
    0,
  );
  return Array.from(into);
}

describe.each<[number, string, number[]]>([
  [0x08, "uint8", [0, 1, 127, 128, 254, 255]],
  [0x09, "int8", [-128, -1, 0, 1, 126, 127]],
  [0x0b, "int16", [-32768, -1, 0, 258, 4660, 32767]],
  [0x0c, "int32", [-(2 ** 31), -1, 0, 16909060, 5, 2 ** 31 - 1]],
  [0x0d, "float32", [-1.5, 0, 0.25, 3, 1e20, -(2 ** -20)].map(Math.fround)],
  [0x0e, "float64", [-1.1, 0, 1e300, 3, 1e-300, Math.PI]],
])("type %i", (code, dtype, values) => {
  const bytes = file(code, [3, 2], values);

  test("from memory, and gzipped", async () => {
    for (const source of [bytes, bytes.buffer as ArrayBuffer, new Blob([Uint8Array.from(bytes)]), await gzip(bytes)]) {
      const column = await tf.data.idx(source);
      expect(column).toMatchObject({ dtype, shape: [2], rows: 3 });
      expect(valuesOf(column)).toEqual(values);
    }
  });

  test.each([1, 2, 3, 5, 7, 1000])("from a stream in pieces of %i bytes, and gzipped", async (size) => {
    expect(valuesOf(await tf.data.idx(streamOf(bytes, size)))).toEqual(values);
    expect(valuesOf(await tf.data.idx(streamOf(await gzip(bytes), size)))).toEqual(values);
  });
});

test("rows may be given another shape", async () => {
  const bytes = file(
    0x08,
    [2, 2, 3],
    Array.from({ length: 12 }, (_, i) => i),
  );
  expect(await tf.data.idx(bytes, { shape: [2, 3, 1] })).toMatchObject({ shape: [2, 3, 1], rows: 2 });
});

test("an answer of a server", async () => {
  const bytes = Uint8Array.from(file(0x08, [2], [4, 5]));
  expect(valuesOf(await tf.data.idx(new Response(bytes)))).toEqual([4, 5]);
  await expectMistake(
    () => tf.data.idx(new Response("no", { status: 404 })),
    "InvalidArgumentError: The data did not arrive:  was answered 404.",
  );
});

describe("no IDX file", () => {
  const good = file(0x08, [3, 2], [1, 2, 3, 4, 5, 6]);
  const change = (at: number, byte: number): Uint8Array => good.with(at, byte);

  test.each<[string, Uint8Array, string]>([
    ["empty", new Uint8Array(0), "The IDX file ends after 0 bytes, within its header."],
    ["two bytes", good.slice(0, 2), "The IDX file ends after 2 bytes, within its header."],
    ["half a header", good.slice(0, 9), "The IDX file ends after 9 bytes, within its header."],
    [
      "another magic number",
      change(0, 0x89),
      "No IDX file: it begins with 89 00 08 02; two zero bytes, a type (08, 09, 0b, 0c, 0d, 0e) and a number of dimensions were expected.",
    ],
    [
      "an unknown type",
      change(2, 0x0a),
      "No IDX file: it begins with 00 00 0a 02; two zero bytes, a type (08, 09, 0b, 0c, 0d, 0e) and a number of dimensions were expected.",
    ],
    [
      "no dimensions",
      change(3, 0),
      "No IDX file: it begins with 00 00 08 00; two zero bytes, a type (08, 09, 0b, 0c, 0d, 0e) and a number of dimensions were expected.",
    ],
    [
      "cut short",
      good.slice(0, -1),
      "The IDX file is cut short: its header promises [3,2] elements of uint8, 6 bytes, 5 came.",
    ],
    [
      "longer than it says",
      Uint8Array.from([...good, 0]),
      "The IDX file has more than the 6 bytes that its header promises, [3,2] elements of uint8.",
    ],
    ["no rows", change(7, 0), "The IDX file has the shape [0,2]: no elements."],
    [
      "larger than any memory",
      file(0x0e, [2 ** 32 - 1, 2 ** 32 - 1, 2 ** 32 - 1], []),
      "The IDX file promises [4294967295,4294967295,4294967295] elements of float64: more than there is memory for.",
    ],
  ])("%s", async (_, bytes, sentence) => {
    await expectMistake(() => tf.data.idx(bytes), `InvalidArgumentError: ${sentence}`);
    await expectMistake(() => tf.data.idx(streamOf(bytes, 3)), `InvalidArgumentError: ${sentence}`);
  });

  test("damaged gzip", async () => {
    const bytes = await gzip(good);
    await expect(tf.data.idx(bytes.slice(0, -4))).rejects.toThrow("The gzip data are damaged or cut short.");
    await expect(tf.data.idx(bytes.with(bytes.length - 6, 0x55))).rejects.toThrow(
      "The gzip data are damaged or cut short.",
    );
  });

  test("a stream that breaks says so itself", async () => {
    const broken = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.error(new Error("connection reset")),
    });
    await expect(tf.data.idx(broken)).rejects.toThrow("connection reset");
  });
});
