// The generator against TensorFlow: exact, over three consecutive runs.
import { describe, expect, test } from "vitest";
import { Arena, type Buffer, expectGolden, expectSame, kernels, readGolden } from "./harness.ts";

/** { counter: u32[4], key: u32[2] } as TensorFlow's kernels set it up for non-negative seeds. */
function state(arena: Arena, seed: number, seed2: number): Buffer<Int32Array> {
  return arena.variable(Int32Array.of(0, 0, seed2, 0, seed, 0));
}

test("Philox 4x32-10 with counter 0 and key 0", () => {
  // The known answer of the authors' Random123 distribution.
  const words = [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8];
  const arena = new Arena();
  const y = arena.outputInt32(4);
  kernels.randomUniformInt32(y.pointer, state(arena, 0, 0).pointer, 4, -(2 ** 31), 2 ** 31 - 1);
  arena.check();
  const range = 2 ** 32 - 1;
  expect([...y.values]).toEqual(words.map((word) => (word % range) - 2 ** 31));
});

describe.each([0, 1, 2])("TensorFlow, case %i", (number) => {
  test.each(["RandomUniform", "RandomUniformInt"])("%s", (op) => {
    const { attrs, tensors } = readGolden(`random/${op}_${number}`);
    const arena = new Arena();
    const generator = state(arena, attrs.seed as number, attrs.seed2 as number);
    for (const runName of ["run0", "run1", "run2"]) {
      const want = tensors[runName]!.data;
      const n = want.length;
      const y = op === "RandomUniform" ? arena.output(n) : arena.outputInt32(n);
      if (op === "RandomUniform") kernels.randomUniform(y.pointer, generator.pointer, n);
      else {
        const { minval, maxval } = attrs as { minval: number; maxval: number };
        kernels.randomUniformInt32(y.pointer, generator.pointer, n, minval, maxval);
      }
      arena.check();
      expectSame(y.values, want, runName);
    }
  });
});

test("every count writes its own elements only, and the same ones", () => {
  const reference = new Arena();
  const all = reference.output(40);
  kernels.randomUniform(all.pointer, state(reference, 5, 6).pointer, 40);
  const want = all.values;
  for (const n of [0, 1, 2, 3, 4, 5, 15, 16, 17, 35]) {
    const arena = new Arena(1);
    const y = arena.output(n);
    const generator = state(arena, 5, 6);
    kernels.randomUniform(y.pointer, generator.pointer, n);
    arena.check();
    expectSame(y.values, want.slice(0, n), `n = ${n}`);
    expect([...generator.values]).toEqual([256 * n, 0, 6, 0, 5, 0]);
  }
});

test("the counter carries through all of its words", () => {
  const arena = new Arena();
  const generator = arena.variable(Int32Array.of(-1, -1, -1, 7, 1, 2));
  kernels.randomUniform(arena.output(9).pointer, generator.pointer, 9);
  expect([...generator.values]).toEqual([9 * 256 - 1, 0, 0, 8, 1, 2]);
  // The second block of a run over the carry is the first block after it.
  const over = arena.variable(Int32Array.of(-1, -1, -1, 7, 1, 2));
  const after = arena.variable(Int32Array.of(0, 0, 0, 8, 1, 2));
  const long = arena.output(8);
  const short = arena.output(4);
  kernels.randomUniform(long.pointer, over.pointer, 8);
  kernels.randomUniform(short.pointer, after.pointer, 4);
  expectSame(long.values.slice(4), short.values, "after the carry");
});

test("groups of blocks are the same as single blocks, also over a carry", () => {
  for (const start of [0, -1, -2, -3, -4, -5, -6, -20]) {
    const arena = new Arena();
    const together = arena.output(4 * 11);
    kernels.randomUniform(together.pointer, arena.variable(Int32Array.of(start, 3, 9, 7, 1, 2)).pointer, 4 * 11);
    for (let block = 0; block < 11; block++) {
      const low = (start + block) | 0;
      const carry = start < 0 && low >= 0 ? 1 : 0;
      const single = arena.output(4);
      kernels.randomUniform(single.pointer, arena.variable(Int32Array.of(low, 3 + carry, 9, 7, 1, 2)).pointer, 4);
      expectSame(together.values.slice(4 * block, 4 * block + 4), single.values, `start ${start}, block ${block}`);
    }
    arena.check();
  }
});

describe.each(["RandomStandardNormal", "TruncatedNormal"] as const)("%s", (op) => {
  const kernel = op === "RandomStandardNormal" ? kernels.randomStandardNormal : kernels.truncatedNormal;

  test.each([0, 1, 2])("TensorFlow, case %i", (number) => {
    const { attrs, tensors } = readGolden(`random/${op}_${number}`);
    const arena = new Arena();
    const generator = state(arena, attrs.seed as number, attrs.seed2 as number);
    for (const runName of ["run0", "run1", "run2"]) {
      const y = arena.output(tensors[runName]!.data.length);
      kernel(y.pointer, generator.pointer, y.length);
      arena.check();
      expectGolden(y.values, tensors[runName]!, runName);
    }
  });

  test("every count writes its own elements only, and the same ones, also over the counter's carries", () => {
    for (const start of [
      [0, 0, 6, 0],
      [-1, -1, 6, 0],
      [-3, 5, 6, 0],
    ]) {
      const arena = new Arena();
      const generator = (): Buffer<Int32Array> => arena.variable(Int32Array.of(...start, 5, 0));
      const all = arena.output(40);
      kernel(all.pointer, generator().pointer, 40);
      for (const n of [0, 1, 2, 3, 4, 5, 7, 16, 35]) {
        const y = arena.output(n);
        const advanced = generator();
        const skipped = generator();
        kernel(y.pointer, advanced.pointer, n);
        kernels.randomUniform(arena.output(n).pointer, skipped.pointer, n);
        arena.check();
        expectSame(y.values, all.values.slice(0, n), `n = ${n}`);
        expect(advanced.values).toEqual(skipped.values);
      }
    }
  });

  test("mean, deviation and limits", () => {
    const n = 100_000;
    const arena = new Arena();
    const y = arena.output(n);
    kernel(y.pointer, state(arena, 3, 4).pointer, n);
    const mean = y.values.reduce((sum, value) => sum + value, 0) / n;
    const variance = y.values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / n;
    const largest = y.values.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
    // Five deviations of the means of so many numbers; the seed is fixed.
    expect(Math.abs(mean)).toBeLessThan(5 / Math.sqrt(n));
    const truncated = op === "TruncatedNormal";
    expect(Math.abs(Math.sqrt(variance) - (truncated ? 0.8796 : 1))).toBeLessThan(5 / Math.sqrt(2 * n));
    expect(largest < 2).toBe(truncated);
    expect(largest < 3.5).toBe(truncated);
  });
});

test("int64: two words a number, the low one first", () => {
  for (const n of [0, 1, 2, 3, 7]) {
    const arena = new Arena();
    const y = arena.variable(new BigInt64Array(n).fill(-1n));
    const generator = state(arena, 1, 2);
    // From -(2^40) to 2^62: a range in which hardly a number repeats.
    kernels.randomUniformInt64(y.pointer, generator.pointer, n, 0, -256, 0, 2 ** 30);
    arena.check();
    expect(generator.values[0]).toBe(256 * n);
    const raw = arena.variable(new BigInt64Array(n));
    kernels.randomUniformInt64(raw.pointer, state(arena, 1, 2).pointer, n, 0, -(2 ** 31), -1, 2 ** 31 - 1);
    const range = 2n ** 64n - 1n;
    const bits = Array.from(raw.values, (value) => BigInt.asUintN(64, value + 2n ** 63n) % range);
    const span = 2n ** 62n + 2n ** 40n;
    expect(Array.from(y.values)).toEqual(bits.map((value) => (value % span) - 2n ** 40n));
  }
});
