import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import fc from "fast-check";
import { decodeSafetensors, encodeSafetensors, type StoredTensor } from "../../src/formats/safetensors.ts";
import { InvalidArgumentError } from "../../src/graph/errors.ts";

const goldenUrl = new URL("../golden/", import.meta.url);

function refusal(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof InvalidArgumentError) return error.message;
    throw error;
  }
  throw new Error("Nothing was thrown.");
}

/** A file of the header as given, text or object, and `dataLength` zeros. */
function file(header: unknown, dataLength: number): Uint8Array {
  const text = new TextEncoder().encode(typeof header === "string" ? header : JSON.stringify(header));
  const bytes = new Uint8Array(8 + text.length + dataLength);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(text.length), true);
  bytes.set(text, 8);
  return bytes;
}

function entry(dtype: unknown, shape: unknown, begin: unknown, end: unknown): object {
  return { dtype, shape, data_offsets: [begin, end] };
}

const float = (...values: number[]): StoredTensor => ({
  dtype: "float32",
  shape: [values.length],
  data: new Float32Array(values),
});

describe("golden files", () => {
  const names = readdirSync(goldenUrl, { recursive: true, encoding: "utf8" }).filter((name) =>
    name.endsWith(".safetensors"),
  );

  it("are there", () => expect(names.length).toBeGreaterThan(50));

  it.each(names)("%s", (name) => {
    const bytes = new Uint8Array(readFileSync(new URL(name, goldenUrl)));
    const { tensors } = decodeSafetensors(bytes);
    expect(tensors.size).toBeGreaterThan(0);
    expect(new Map(decodeSafetensors(encodeSafetensors(tensors)).tensors)).toEqual(
      new Map([...tensors].map(([key, value]) => [key, { ...value }])),
    );
  });

  it("give TensorFlow's numbers", () => {
    const bytes = new Uint8Array(readFileSync(new URL("metagraph/tutorial/io.safetensors", goldenUrl)));
    const { tensors } = decodeSafetensors(bytes);
    const mean = tensors.get("final/bn/moving_mean");
    expect(mean).toMatchObject({ dtype: "float32", shape: [32] });
    expect(mean?.data[0]).toBeCloseTo(-18.41957, 5);
  });
});

describe("encodeSafetensors", () => {
  it("writes the format", () => {
    const bytes = encodeSafetensors(
      [
        ["b", { dtype: "uint8", shape: [3], data: new Uint8Array([1, 2, 3]) }],
        ["a", { dtype: "bool", shape: [], data: new Uint8Array([1]) }],
        ["w", float(1)],
        ["step", { dtype: "int64", shape: [1], data: new BigInt64Array([-1n]) }],
      ],
      { format: "tf" },
    );
    const length = Number(new DataView(bytes.buffer).getBigUint64(0, true));
    expect(length % 8).toBe(0);
    expect(new TextDecoder().decode(bytes.subarray(8, 8 + length)).trimEnd()).toBe(
      '{"__metadata__":{"format":"tf"},"step":{"dtype":"I64","shape":[1],"data_offsets":[0,8]},' +
        '"w":{"dtype":"F32","shape":[1],"data_offsets":[8,12]},"a":{"dtype":"BOOL","shape":[],"data_offsets":[12,13]},' +
        '"b":{"dtype":"U8","shape":[3],"data_offsets":[13,16]}}',
    );
    expect([...bytes.subarray(8 + length)]).toEqual([
      255, 255, 255, 255, 255, 255, 255, 255, 0, 0, 128, 63, 1, 1, 2, 3,
    ]);
  });

  it("gives the same bytes in whatever order the tensors come", () => {
    const tensors: [string, StoredTensor][] = [
      ["x", float(1, 2)],
      ["10", float(3)],
      ["9", float()],
    ];
    expect(encodeSafetensors(tensors)).toEqual(encodeSafetensors(tensors.toReversed()));
  });

  it("writes an empty file", () => {
    expect(decodeSafetensors(encodeSafetensors([]))).toEqual({ tensors: new Map(), metadata: {} });
  });

  it("keeps __proto__ and other odd names", () => {
    const names = ["__proto__", "constructor", "1", "", '\ud83d\ude00"\\\u0000'];
    const metadata = Object.fromEntries(names.map((name) => [name, name]));
    const read = decodeSafetensors(
      encodeSafetensors(
        names.map((name) => [name, float(1)]),
        metadata,
      ),
    );
    expect([...read.tensors.keys()].sort()).toEqual(names.sort());
    expect(Object.entries(read.metadata).sort()).toEqual(Object.entries(metadata).sort());
    expect(Object.getPrototypeOf(read.metadata)).toBe(Object.prototype);
  });

  it.each<[string, [string, unknown][], string]>([
    [
      "a repeated name",
      [
        ["x", float(1)],
        ["x", float(2)],
      ],
      "The tensor 'x' is given twice.",
    ],
    [
      "the metadata's name",
      [["__metadata__", float(1)]],
      "A tensor cannot be called '__metadata__' in a safetensors file.",
    ],
    [
      "a dtype without a code",
      [["x", { ...float(1), dtype: "string" }]],
      "The tensor 'x' has the dtype string, which a safetensors file cannot hold.",
    ],
    [
      "another array",
      [["x", { ...float(1), dtype: "int32" }]],
      "The tensor 'x' of dtype int32 needs a Int32Array, not a Float32Array.",
    ],
    [
      "another shape",
      [["x", { ...float(1), shape: [2, 3] }]],
      "The tensor 'x' has 1 elements, its shape [2,3] needs 6.",
    ],
  ])("refuses %s", (_, tensors, message) => {
    expect(refusal(() => encodeSafetensors(tensors as [string, StoredTensor][]))).toBe(message);
  });
});

describe("decodeSafetensors", () => {
  it("gives views where they are aligned and copies elsewhere, the same values", () => {
    const bytes = encodeSafetensors([["x", float(1, 2, 3)]]);
    expect(decodeSafetensors(bytes).tensors.get("x")?.data.buffer).toBe(bytes.buffer);
    for (let shift = 0; shift < 8; shift++) {
      const moved = new Uint8Array(bytes.length + shift);
      moved.set(bytes, shift);
      expect(decodeSafetensors(moved.subarray(shift)).tensors.get("x")?.data).toEqual(new Float32Array([1, 2, 3]));
    }
  });

  it("reads shared memory", () => {
    const bytes = encodeSafetensors([["x", float(1, 2, 3)]]);
    const shared = new Uint8Array(new SharedArrayBuffer(bytes.length));
    shared.set(bytes);
    expect(decodeSafetensors(shared).tensors.get("x")?.data.join()).toBe("1,2,3");
  });

  it.each<[string, Uint8Array, string]>([
    ["nothing", new Uint8Array(), "The safetensors file has 0 bytes: too few for the length of its header."],
    [
      "a header beyond the file",
      file({}, 0).subarray(0, 9),
      "The safetensors header would have 2 bytes, the file has 1 behind the length: cut short or no such file.",
    ],
    [
      "a huge header",
      new Uint8Array(16).fill(255),
      "The safetensors header would have 18446744073709551615 bytes, the limit is 100000000: cut short or no such file.",
    ],
    ["an array", file([], 0), "The safetensors header must be a JSON object without anything before it."],
    ["null", file("null", 0), "The safetensors header must be a JSON object without anything before it."],
    ["space before", file(" {}", 0), "The safetensors header must be a JSON object without anything before it."],
    ["a number", file({ x: 1 }, 0), "The header of the tensor 'x' must be an object."],
    [
      "nothing of a tensor",
      file({ x: {} }, 0),
      "The header of the tensor 'x' lacks dtype, shape, data_offsets; it must have dtype, shape, data_offsets.",
    ],
    [
      "no dtype",
      file({ x: { shape: [], data_offsets: [0, 4] } }, 4),
      "The header of the tensor 'x' lacks dtype; it must have dtype, shape, data_offsets.",
    ],
    [
      "no shape",
      file({ x: { dtype: "F32", data_offsets: [0, 4] } }, 4),
      "The header of the tensor 'x' lacks shape; it must have dtype, shape, data_offsets.",
    ],
    [
      "a dtype that is null",
      file({ x: entry(null, [], 0, 4) }, 4),
      "The tensor 'x' has the dtype null. Known: F64, I64, F32, I32, U16, I16, U8, I8, BOOL.",
    ],
    [
      "bfloat16",
      file({ x: entry("BF16", [1], 0, 2) }, 2),
      `The tensor 'x' has the dtype "BF16". Known: F64, I64, F32, I32, U16, I16, U8, I8, BOOL.`,
    ],
    [
      "a shape that is a number",
      file({ x: entry("F32", 1, 0, 4) }, 4),
      "The shape of the tensor 'x' must be an array, it is 1.",
    ],
    ["a negative dimension", file({ x: entry("F32", [-1], 0, 4) }, 4), "The shape [-1] of the tensor 'x' is no shape."],
    ["a fraction", file({ x: entry("F32", [0.5], 0, 2) }, 2), "The shape [0.5] of the tensor 'x' is no shape."],
    [
      "a dimension as text",
      file({ x: entry("F32", ["1"], 0, 4) }, 4),
      `The shape ["1"] of the tensor 'x' is no shape.`,
    ],
    [
      "too many elements",
      file({ x: entry("F32", [2 ** 40, 2 ** 40], 0, 4) }, 4),
      "The shape [1099511627776,1099511627776] of the tensor 'x' is too large.",
    ],
    [
      "no offsets",
      file({ x: { dtype: "F32", shape: [] } }, 4),
      "The header of the tensor 'x' lacks data_offsets; it must have dtype, shape, data_offsets.",
    ],
    [
      "reversed offsets",
      file({ x: entry("F32", [], 4, 0) }, 4),
      "The data_offsets of the tensor 'x' must be [begin, end], they are [4,0].",
    ],
    [
      "negative offsets",
      file({ x: entry("F32", [], -4, 0) }, 4),
      "The data_offsets of the tensor 'x' must be [begin, end], they are [-4,0].",
    ],
    [
      "another size",
      file({ x: entry("F32", [2], 0, 4) }, 4),
      "The tensor 'x' has 4 bytes, its shape [2] of float32 needs 8.",
    ],
    [
      "an end beyond the file",
      file({ x: entry("F32", [2], 0, 8) }, 4),
      "The tensor 'x' ends at byte 8 of the data, which have 4: the file is cut short.",
    ],
    [
      "an overlap",
      file({ x: entry("F32", [2], 0, 8), y: entry("F32", [2], 4, 12) }, 12),
      "The data of the tensor 'y' overlap those of another one.",
    ],
    [
      "the same data twice",
      file({ x: entry("F32", [1], 0, 4), y: entry("F32", [1], 0, 4) }, 4),
      "The data of the tensor 'y' overlap those of another one.",
    ],
    [
      "a gap",
      file({ x: entry("F32", [1], 0, 4), y: entry("F32", [1], 8, 12) }, 12),
      "There are 4 bytes of no tensor before 'y'.",
    ],
    [
      "a repeated name",
      file(`{"x":${JSON.stringify(entry("U8", [1], 0, 1))},"x":${JSON.stringify(entry("U8", [1], 1, 2))}}`, 2),
      "There are 1 bytes of no tensor before 'x'.",
    ],
    [
      "trailing bytes",
      file({ x: entry("F32", [1], 0, 4) }, 5),
      "The safetensors file has 1 bytes behind its last tensor.",
    ],
    [
      "metadata of another kind",
      file({ __metadata__: [] }, 0),
      "'__metadata__' of the safetensors file must be an object.",
    ],
    [
      "metadata with a number",
      file({ __metadata__: { epoch: 3 } }, 0),
      "The metadata 'epoch' of the safetensors file must be a string.",
    ],
  ])("refuses %s", (_, bytes, message) => {
    expect(refusal(() => decodeSafetensors(bytes))).toBe(message);
  });

  it("refuses a header that is not JSON or not UTF-8, and a bool of 2", () => {
    expect(refusal(() => decodeSafetensors(file("{", 0)))).toMatch(/^The safetensors header is not JSON: /);
    const latin = file('{"é":1}', 0).with(10, 0xe9);
    expect(refusal(() => decodeSafetensors(latin))).toMatch(/^The safetensors header is not JSON: /);
    const bool = file({ x: entry("BOOL", [], 0, 1) }, 1);
    bool[bool.length - 1] = 2;
    expect(refusal(() => decodeSafetensors(bool))).toBe(
      "The tensor 'x' is bool and holds a byte that is neither 0 nor 1.",
    );
  });

  it("takes empty tensors at one place", () => {
    const bytes = file({ x: entry("F32", [0, 5], 0, 0), y: entry("U8", [2], 0, 2), z: entry("I64", [0], 2, 2) }, 2);
    expect([...decodeSafetensors(bytes).tensors.values()].map(({ data }) => data.length)).toEqual([0, 2, 0]);
  });
});

describe("properties", () => {
  const dimensions = fc.array(fc.nat(4), { maxLength: 3 });
  const product = (shape: number[]): number => shape.reduce((a, b) => a * b, 1);
  const tensor: fc.Arbitrary<StoredTensor> = dimensions.chain((shape) => {
    const size = { minLength: product(shape), maxLength: product(shape) };
    const of = <T>(dtype: StoredTensor["dtype"], data: fc.Arbitrary<T>) => data.map((data) => ({ dtype, shape, data }));
    return fc.oneof(
      of("float32", fc.float32Array(size)),
      of("float64", fc.float64Array(size)),
      of("int32", fc.int32Array(size)),
      of("int64", fc.bigInt64Array(size)),
      of("uint8", fc.uint8Array(size)),
      of("int8", fc.int8Array(size)),
      of("int16", fc.int16Array(size)),
      of("uint16", fc.uint16Array(size)),
      of("bool", fc.uint8Array({ ...size, max: 1 })),
    ) as fc.Arbitrary<StoredTensor>;
  });
  const name = fc.string({ unit: "grapheme" }).filter((name) => name !== "__metadata__");
  const tensors = fc.uniqueArray(fc.tuple(name, tensor), { selector: ([name]) => name, maxLength: 6 });
  const metadata = fc.dictionary(fc.string({ unit: "grapheme" }), fc.string({ unit: "grapheme" }), {
    noNullPrototype: true,
  });

  it("come back as they were, and give the same bytes again", () => {
    fc.assert(
      fc.property(tensors, metadata, (tensors, metadata) => {
        const bytes = encodeSafetensors(tensors, metadata);
        const read = decodeSafetensors(bytes);
        expect(read.tensors).toEqual(new Map(tensors));
        expect(Object.entries(read.metadata)).toEqual(Object.entries(metadata));
        expect(encodeSafetensors(read.tensors, read.metadata)).toEqual(bytes);
      }),
      { seed: 4 },
    );
  });

  it("damaged bytes give InvalidArgumentError or tensors that fit their shapes, nothing else", () => {
    const damage = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(tensors, damage, fc.nat(), (tensors, damage, cut) => {
        const bytes = encodeSafetensors(tensors, { a: "b" });
        for (const [at, byte] of damage) bytes[at % bytes.length] = byte;
        for (const end of [bytes.length, cut % bytes.length]) {
          try {
            for (const { shape, data } of decodeSafetensors(bytes.subarray(0, end)).tensors.values()) {
              expect(data.length).toBe(product([...shape]));
            }
          } catch (error) {
            if (!(error instanceof InvalidArgumentError)) throw error;
          }
        }
      }),
      { seed: 5, numRuns: 1000 },
    );
  });
});
