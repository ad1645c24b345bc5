// Rows picked and added by number, one-hot rows, row numbers from coordinates, checks of integers: sizes around the vector, int32
// and int64 numbers, numbers out of range.
import { expect, test } from "vitest";
import { Arena, createRandom, expectSame, kernels, uniform } from "./harness.ts";

const widths = [0, 1, 3, 4, 5, 8, 17];
const kinds = [
  ["int32", 4, (values: number[]) => Int32Array.from(values)],
  ["int64", 8, (values: number[]) => BigInt64Array.from(values, BigInt)],
] as const;

test.each(kinds)("gather and unsortedSegmentSum by %s", (_, bytes, numbers) => {
  const random = createRandom(3);
  const [outer, rows] = [2, 5];
  for (const width of widths) {
    for (const picks of [[], [4], [0, 2, 2, 4], [1, -1, 5, 3, 0]]) {
      const arena = new Arena();
      const x = uniform(random, outer * rows * width);
      const indices = arena.input(numbers(picks));
      const y = arena.output(outer * picks.length * width);
      kernels.gather(y.pointer, arena.input(x).pointer, indices.pointer, outer, rows, picks.length, width * 4, bytes);
      arena.check();
      const want = [0, 1].flatMap((o) =>
        picks.flatMap((row) =>
          Array.from({ length: width }, (_x, j) => (row in [0, 1, 2, 3, 4] ? x[(o * rows + row) * width + j] : 0)),
        ),
      );
      expectSame(y.values, want, `rows of ${width}, ${picks.length} of them`);

      const other = new Arena();
      const given = uniform(random, picks.length * width);
      const sums = other.output(rows * width);
      const ids = other.input(numbers(picks));
      kernels.unsortedSegmentSum(
        sums.pointer,
        other.input(given).pointer,
        ids.pointer,
        rows,
        picks.length,
        width,
        bytes,
      );
      other.check();
      const total = new Float32Array(rows * width);
      picks.forEach((row, i) => {
        if (row < 0 || row >= rows) return;
        for (let j = 0; j < width; j++) total[row * width + j] += given[i * width + j];
      });
      expectSame(sums.values, total, `sums of rows of ${width}`);
    }
  }
});

test.each(kinds)("flattenIndices and the checks by %s", (_, bytes, numbers) => {
  const dims = [2, 3, 4];
  for (const depth of [0, 1, 2, 3]) {
    const rows = [[1, 2, 3], [0, 0, 0], [1, 3, 0], [2, 0, 0], [-1, 0, 0], [0, 2, -1], [0, 2, 4]].map((row) => row.slice(0, depth)); // prettier-ignore
    const arena = new Arena();
    const flat = arena.outputInt32(rows.length);
    const attributes = arena.attributes(...dims.slice(0, depth), 99);
    const indices = arena.input(numbers(rows.flat()));
    kernels.flattenIndices(flat.pointer, indices.pointer, attributes.pointer, rows.length, depth, bytes);
    arena.check();
    const want = rows.map((row) =>
      row.some((index, d) => index < 0 || index >= dims[d])
        ? -1
        : row.reduce((at, index, d) => at * dims[d] + index, 0),
    );
    expectSame(flat.values, want, `depth ${depth}`);
  }
  const arena = new Arena();
  for (const [values, index, zero] of [
    [[], 0, 0],
    [[1, 4, 3], 0, 0],
    [[1, 5], 2, 0],
    [[0, 1], 0, 1],
    [[4, -1, 0], 2, 1],
  ] as const) {
    // prettier-ignore
    const x = arena.input(numbers([...values]));
    expect(kernels.checkIndices(x.pointer, values.length, 5, bytes)).toBe(index);
    expect(kernels.checkNonZero(x.pointer, values.length, bytes)).toBe(zero);
  }
  arena.check();
});

test("oneHot of elements of 1, 4 and 8 bytes", () => {
  for (const size of [1, 4, 8]) {
    const arena = new Arena();
    const type = { 1: Uint8Array, 4: Int32Array, 8: BigInt64Array }[size as 1];
    const number = (value: number): number => (size === 8 ? BigInt(value) : value) as number;
    const [on, off] = [arena.input(type.of(number(7))), arena.input(type.of(number(9)))];
    const indices = arena.input(Int32Array.of(0, 2, 3, -1, 1, 0));
    const y = arena.variable(new type(2 * 3 * 3).fill(number(255)));
    kernels.oneHot(y.pointer, indices.pointer, on.pointer, off.pointer, 2, 3, 3, size, 4);
    arena.check();
    const rows = [[0, 2, 3], [-1, 1, 0]]; // prettier-ignore
    const want = rows.flatMap((row) => [0, 1, 2].flatMap((depth) => row.map((index) => (index === depth ? 7 : 9))));
    expect(Array.from(y.values, Number)).toEqual(want);
  }
});

test("a random permutation holds every number once, and is that of the generator's words", () => {
  for (const n of [0, 1, 2, 3, 5, 17, 100]) {
    const arena = new Arena();
    const state = arena.variable(Int32Array.of(0, 0, 2, 0, 1, 0));
    const [order, words] = [arena.outputInt32(n), arena.scratch(n * 4)];
    kernels.randomPermutation(order.pointer, words.pointer, state.pointer, n);
    arena.check();
    expect(order.values.toSorted()).toEqual(Int32Array.from({ length: n }, (_, i) => i));
    // Word i modulo (n - i) says with which of the places behind it place i is exchanged; RandomUniformInt gives such a word.
    const want = Int32Array.from({ length: n }, (_, i) => i);
    const drawn = arena.outputInt32(Math.max(n, 1));
    for (let i = 0; i < n - 1; i++) {
      const again = arena.variable(Int32Array.of(0, 0, 2, 0, 1, 0));
      kernels.randomUniformInt32(drawn.pointer, again.pointer, n, 0, n - i);
      const j = i + drawn.values[i];
      [want[i], want[j]] = [want[j], want[i]];
    }
    expect(order.values).toEqual(want);
    expect(state.values[0]).toBe(n > 1 ? Math.ceil((n - 1) / 4) : 0);
  }
});
