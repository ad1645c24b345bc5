/** The order of rows: TensorFlow's Philox, permutations without a bias, one an epoch. */
import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { EpochOrder } from "../../src/fit/order.ts";
import { Philox } from "../../src/fit/philox.ts";
import { instantiateKernels } from "../../src/runtime/kernels.ts";

const wasm = new URL("../../dist/kernels.wasm", import.meta.url);

test("words of Random123's known answers", () => {
  // Salmon et al., kat_vectors: philox4x32 10, counter and key all zeros, and all ones.
  const zeros = new Philox(0, 0);
  expect(Array.from({ length: 4 }, () => zeros.word())).toEqual([0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]);
});

test.each([
  [0, 0],
  [1, 7],
  [-5, 123],
  [2 ** 40 + 3, 2 ** 33],
])("words of the kernel for the seeds %i, %i", async (seed, seed2) => {
  const { kernels, memory } = instantiateKernels(await WebAssembly.compile(await readFile(wasm)));
  const state = kernels.heapBase();
  const words = new BigInt64Array(memory.buffer, state, 3);
  words.set([0n, BigInt(seed2), BigInt(seed)]);
  const y = state + 32;
  const n = 1000;
  // y = minval + word modulo (maxval − minval), here all of int32 but its largest.
  kernels.randomUniformInt32(y, state, n, -(2 ** 31), 2 ** 31 - 1);
  const philox = new Philox(seed, seed2);
  const expected = Array.from({ length: n }, () => (philox.word() % (2 ** 32 - 1)) - 2 ** 31);
  expect(Array.from(new Int32Array(memory.buffer, y, n))).toEqual(expected);
});

test("numbers below a limit are fair where the limit does not divide 2^32", () => {
  // With 3 · 2^30 a modulo would give the first third twice as often.
  const philox = new Philox(1, 1);
  const limit = 3 * 2 ** 30;
  const n = 30_000;
  let low = 0;
  for (let i = 0; i < n; i++) {
    const number = philox.below(limit);
    expect(number).toBeLessThan(limit);
    if (number < 2 ** 30) low++;
  }
  // Five standard deviations around a third.
  expect(Math.abs(low / n - 1 / 3)).toBeLessThan(5 * Math.sqrt(2 / 9 / n));
});

test("an epoch is a permutation, of its own, whatever came before", () => {
  const order = new EpochOrder(11, 500);
  const first = order.of(0).slice();
  const second = order.of(1).slice();
  const sorted = Int32Array.from({ length: 500 }, (_, i) => i);
  for (const epoch of [first, second]) expect(epoch.slice().sort()).toEqual(sorted);
  expect(second).not.toEqual(first);
  expect(order.of(0)).toEqual(first);
  expect(new EpochOrder(11, 500).of(1)).toEqual(second);
  expect(new EpochOrder(12, 500).of(0)).not.toEqual(first);
});

test("every row comes to every place as often", () => {
  const rows = 5;
  const epochs = 5000;
  const counts = new Float64Array(rows * rows);
  const order = new EpochOrder(1, rows);
  for (let epoch = 0; epoch < epochs; epoch++) order.of(epoch).forEach((row, place) => counts[place * rows + row]++);
  // Chi-squared with 16 degrees of freedom: 42.3 is passed once in 10,000 times by a fair one. The seed is fixed.
  const expected = epochs / rows;
  const chi = counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
  expect(chi).toBeLessThan(42.3);
});
