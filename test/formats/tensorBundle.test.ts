/** TensorFlow's checkpoints: its own files value for value, layouts that those do not have, and every way to be damaged. */
import { readFileSync } from "node:fs";
import { isDeepStrictEqual } from "node:util";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeSafetensors, type StoredTensor } from "../../src/formats/safetensors.ts";
import { crc32c, maskedCrc32c } from "../../src/formats/tensorBundle/crc32c.ts";
import { decodeSnappy } from "../../src/formats/tensorBundle/snappy.ts";
import { openTensorBundle, type TensorFlowCheckpoint } from "../../src/formats/tensorBundle.ts";
import { TrainletError } from "../../src/graph/errors.ts";
import { writeTable, writeTensorBundle } from "../helpers/tensorBundle.ts";

const golden = (program: string, file: string): Uint8Array<ArrayBuffer> =>
  new Uint8Array(readFileSync(new URL(`../golden/metagraph/${program}/${file}`, import.meta.url)));
const checkpoint = (program: string) => ({
  index: golden(program, "ckpt.index"),
  data: golden(program, "ckpt.data-00000-of-00001"),
});

const float = (values: readonly number[], shape: readonly number[] = [values.length]): StoredTensor => ({
  dtype: "float32",
  shape,
  data: new Float32Array(values),
});

function readTensorBundle(files: TensorFlowCheckpoint): Map<string, StoredTensor> {
  const bundle = openTensorBundle(files);
  return new Map([...bundle.tensors.keys()].map((name) => [name, bundle.read(name)]));
}

const tensors: Record<string, StoredTensor> = {
  "block_1/conv/bias": float([1, 2]),
  "block_1/conv/kernel": float([1, 2, 3, 4, 5, 6], [2, 3]),
  "block_1/conv/kernel/Momentum": float([7], []),
  "block_2/conv/bias": float([]),
  global_step: { dtype: "int64", shape: [], data: new BigInt64Array([-5n]) },
  mask: { dtype: "bool", shape: [3], data: new Uint8Array([1, 0, 1]) },
};

/** What `body` gives or throws. */
function outcome(body: () => unknown): unknown {
  try {
    return body();
  } catch (error) {
    return error;
  }
}
const expectError = (body: () => unknown, name: string, message: string | RegExp): void => {
  expect(body).toThrowError(expect.objectContaining({ name, message: expect.stringMatching(message) as string }));
};
const expectDamage = (body: () => unknown, message: string | RegExp) =>
  expectError(body, "InvalidArgumentError", message);

test.each(["tutorial", "lenet_momentum", "lenet_resource", "resnet_adam_schedule"])(
  "the checkpoint of %s has the values that TensorFlow printed",
  (program) => {
    const read = readTensorBundle(checkpoint(program));
    const printed = [...decodeSafetensors(golden(program, "io.safetensors")).tensors].filter(([name]) =>
      name.startsWith("final/"),
    );
    expect([...read.keys()].sort()).toEqual(printed.map(([name]) => name.slice("final/".length)).sort());
    for (const [name, { shape, data }] of printed) {
      const got = read.get(name.slice("final/".length))!;
      expect(got.shape).toEqual(shape);
      // global_step is int64 in the checkpoint and printed as int32.
      expect(Array.from(got.data, Number)).toEqual(Array.from(data, Number));
    }
    expect(read.get("global_step")?.dtype).toBe(program === "tutorial" ? undefined : "int64");
  },
);

describe("layouts", () => {
  test.each([
    ["one block", {}],
    ["a block an entry", { blockEntries: 1 }],
    ["keys whole every second time", { restartInterval: 2, blockEntries: 5 }],
    ["three files of data", { shards: 3 }],
    ["snappy's literals", { compress: literalSnappy }],
  ])("%s", (_, options) => {
    const files = writeTensorBundle(tensors, options);
    expect(Object.fromEntries(readTensorBundle(files))).toEqual(tensors);
  });

  test("strings and parts of partitioned variables are passed over", () => {
    // BundleEntryProto { dtype: DT_STRING }.
    const extra = { _CHECKPOINTABLE_OBJECT_GRAPH: new Uint8Array([8, 7]), "\0w": new Uint8Array([8, 1]) };
    expect([...openTensorBundle(writeTensorBundle(tensors, { extra })).tensors.keys()]).toEqual(Object.keys(tensors));
  });

  test("what is not read is not checked", () => {
    const files = writeTensorBundle(tensors);
    files.data[0][0] ^= 1;
    const bundle = openTensorBundle(files);
    expect(bundle.read("mask")).toEqual(tensors.mask);
    expectDamage(() => bundle.read("block_1/conv/bias"), "'block_1/conv/bias' has the checksum");
  });

  test("a dtype that nothing holds is refused when it is read", () => {
    // BundleEntryProto { dtype: DT_HALF, shape: {} }.
    const bundle = openTensorBundle(writeTensorBundle(tensors, { extra: { half: new Uint8Array([8, 19, 18, 0]) } }));
    expect(bundle.tensors.get("half")).toEqual({ dtype: "unknown", shape: [] });
    expectError(
      () => bundle.read("half"),
      "UnimplementedError",
      /^The tensor 'half' of the checkpoint has TensorFlow's dtype 19/,
    );
  });

  test("a partitioned variable is refused when it is read", () => {
    const bundle = openTensorBundle(
      writeTensorBundle(tensors, { extra: { parts: new Uint8Array([8, 1, 58, 0, 58, 0]) } }),
    );
    expectError(() => bundle.read("parts"), "UnimplementedError", "is stored in 2 parts");
  });
});

describe("checksums", () => {
  const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

  test("CRC-32C has the values of RFC 3720", () => {
    expect(crc32c(bytes("123456789"))).toBe(0xe3069283);
    expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa);
    expect(crc32c(new Uint8Array(32).fill(255))).toBe(0x62a8ab43);
    expect(crc32c(Uint8Array.from({ length: 32 }, (_, i) => i))).toBe(0x46dd794e);
    expect(crc32c(new Uint8Array(0))).toBe(0);
  });

  test("masking is rotating and adding", () => {
    expect(maskedCrc32c(bytes("123456789"))).toBe((((0xe3069283 >>> 15) | (0xe3069283 << 17)) + 0xa282ead8) >>> 0);
    expect(maskedCrc32c(new Uint8Array(0))).toBe(0xa282ead8);
  });
});

describe("snappy", () => {
  const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
  const decode = (...parts: (number | string)[]): string =>
    text(
      decodeSnappy(
        Buffer.concat(parts.map((part) => (typeof part === "number" ? Buffer.of(part) : Buffer.from(part)))),
      ),
    );

  test.each([
    ["nothing", [0], ""],
    ["a literal", [5, 4 << 2, "hello"], "hello"],
    ["a literal with its length in one byte", [70, 60 << 2, 69, "x".repeat(70)], "x".repeat(70)],
    ["a copy of one byte's offset", [8, 3 << 2, "abcd", 1, 4], "abcdabcd"],
    ["a copy that overlaps itself", [9, 0, "a", (4 << 2) | 1, 1], "aaaaaaaaa"],
    ["a copy of two bytes' offset", [7, 4 << 2, "hello", (1 << 2) | 2, 5, 0], "hellohe"],
    ["a copy of four bytes' offset", [7, 4 << 2, "hello", (1 << 2) | 3, 4, 0, 0, 0], "helloel"],
  ])("%s", (_, bytes, want) => {
    expect(decode(...bytes)).toBe(want);
  });

  test.each([
    ["a length that is cut", [0x80], "its length is cut"],
    ["too long a length", [255, 255, 255, 255, 15], "it would have"],
    ["a literal that is cut", [5, 4 << 2, "hel"], "a literal passes its end"],
    ["more than its length", [2, 4 << 2, "hello"], "a literal passes its end"],
    ["less than its length", [9, 4 << 2, "hello"], "it has 5 of 9 bytes"],
    ["a copy from before the start", [8, 3 << 2, "abcd", 1, 5], "a copy points outside"],
    ["a copy of offset 0", [8, 3 << 2, "abcd", 1, 0], "a copy points outside"],
    ["an offset that is cut", [8, 3 << 2, "abcd", 2, 1], "it is cut short"],
  ])("%s is refused", (_, bytes, why) => {
    expectDamage(() => decode(...bytes), why);
  });
});

describe("damaged files", () => {
  const files = writeTensorBundle(tensors, { blockEntries: 2 });
  const data = files.data[0];

  test("an index that is cut short", () => {
    const { index } = checkpoint("tutorial");
    expectDamage(
      () => openTensorBundle({ index: index.subarray(0, 20), data }),
      /^This is no checkpoint index \(\.index\): it has 20 bytes, the footer alone would have 48\. It is cut short or something else\.$/,
    );
    expectDamage(
      () => openTensorBundle({ index: index.subarray(0, 200), data }),
      /^This is no checkpoint index \(\.index\): it ends in [0-9a-f]{16}, a table ends in 57fb808b247547db\./,
    );
    expectDamage(() => openTensorBundle({ index: index.subarray(100), data }), "Get it whole");
  });

  test("another file in its place", () => {
    expectDamage(
      () => openTensorBundle({ index: golden("tutorial", "io.safetensors"), data }),
      "It is a safetensors file.",
    );
  });

  test("every bit of the index that is turned", () => {
    for (let at = 0; at < files.index.length; at++) {
      const index = files.index.slice();
      index[at] ^= 1 << (at % 8);
      // Padding of the footer and the metaindex block mean nothing.
      expect(outcome(() => Object.fromEntries(readTensorBundle({ index, data })))).toSatisfy((got) =>
        got instanceof TrainletError ? /^[A-Z][^\n]*\.$/.test(got.message) : isDeepStrictEqual(got, tensors),
      );
    }
  });

  // oxlint-disable-next-line vitest/expect-expect -- fc.assert is the assertion
  test("blocks with right checksums and wrong contents", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), fc.constantFrom(0, 1), (bytes, type) => {
        const index = writeTable([["", new Uint8Array([8, 1])]], { compress: () => ({ type, bytes }) });
        const got = outcome(() => openTensorBundle({ index, data }));
        return !(got instanceof Error) || got instanceof TrainletError;
      }),
      { seed: 6, numRuns: 500 },
    );
  });

  test("a checksum of a block, with both values", () => {
    const index = files.index.slice();
    index[3] ^= 255;
    expectDamage(
      () => openTensorBundle({ index, data }),
      /^The block at byte 0 of the checkpoint index \(\.index\) has the checksum 0x[0-9a-f]{8}, the file says 0x[0-9a-f]{8}: it is damaged\. Get it whole\.$/,
    );
  });

  test("data that are cut short", () => {
    expectDamage(
      () => readTensorBundle({ index: files.index, data: data.subarray(0, data.length - 1) }),
      /^The tensor 'mask' ends at byte 47 of the checkpoint's data, which have 46: the file is cut short\. Get it whole\.$/,
    );
  });

  test("data of another checkpoint", () => {
    expectDamage(
      () => readTensorBundle({ index: files.index, data: new Uint8Array(data.length) }),
      /^The tensor 'block_1\/conv\/bias' has the checksum 0x[0-9a-f]{8}, the checkpoint's index says 0x[0-9a-f]{8}: its data are damaged or belong to another checkpoint\./,
    );
  });

  test("too few or too many files of data", () => {
    const two = writeTensorBundle(tensors, { shards: 2 });
    expectDamage(
      () => openTensorBundle({ index: two.index, data: two.data[0] }),
      /^The checkpoint has 2 files of data \(\.data-00000-of-00002 and so on\), 1 file was given\. Give all of them in order\.$/,
    );
    expectDamage(() => openTensorBundle({ index: files.index, data: [data, data] }), "1 file of data");
  });

  test("files in another order", () => {
    const two = writeTensorBundle(tensors, { shards: 2 });
    expectDamage(() => readTensorBundle({ index: two.index, data: two.data.toReversed() }), /checksum|cut short/);
  });

  test("a compression that nobody knows", () => {
    const index = writeTable([["", new Uint8Array([8, 1])]], { compress: (bytes) => ({ type: 7, bytes }) });
    expectDamage(
      () => openTensorBundle({ index, data }),
      "has the compression 7. Known: 0 (none), 1 (snappy).".replace(/[().]/g, "\\$&"),
    );
  });

  test("no header, no files, another byte order, a later version", () => {
    expectDamage(() => openTensorBundle({ index: writeTable([["a", new Uint8Array(0)]]), data }), "it has no header");
    expectDamage(() => openTensorBundle({ index: writeTable([["", new Uint8Array(0)]]), data: [] }), "counts 0 files");
    const header = (options: object) => () => openTensorBundle(writeTensorBundle(tensors, { header: options }));
    expectError(header({ bigEndian: true }), "UnimplementedError", "big-endian");
    expectError(header({ minConsumer: 2 }), "UnimplementedError", "needs a reader of version 2");
  });

  test("an entry that contradicts itself", () => {
    const wrong = (value: number[]) => () =>
      readTensorBundle(writeTensorBundle({}, { extra: { w: new Uint8Array(value) } }));
    // dtype float32, shape [2], size 4.
    expectDamage(wrong([8, 1, 18, 4, 18, 2, 8, 2, 40, 4]), "'w' has 4 bytes, its shape \\[2\\] of float32 needs 8");
    // A scalar in file 3.
    expectDamage(wrong([8, 1, 18, 0, 24, 3, 40, 4]), "'w' would be in file 3 of the data, there are 1");
    // shape [-1].
    expectDamage(
      wrong([8, 1, 18, 13, 18, 11, 8, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1, 40, 4]),
      "the shape of 'w' has the dimension -1",
    );
    // A field whose length passes the end.
    expectDamage(wrong([8, 1, 18, 100]), "its entry of 'w' cannot be read");
  });
});

/** Snappy without any compression: literals only. */
function literalSnappy(block: Uint8Array): { type: number; bytes: Uint8Array } {
  const out: number[] = [];
  for (let rest = block.length; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) {
      out.push(rest);
      break;
    }
    out.push((rest % 128) + 128);
  }
  for (let at = 0; at < block.length; at += 60) {
    const part = block.subarray(at, at + 60);
    out.push((part.length - 1) << 2, ...part);
  }
  return { type: 1, bytes: new Uint8Array(out) };
}
