// Softmax kernels against float64: row lengths around the vector, in place and apart.
import { expect, test } from "vitest";
import { Arena, createRandom, expectClose, kernels, uniform } from "./harness.ts";

const lengths = [1, 2, 3, 4, 5, 7, 8, 10, 16, 17, 131, 1001];

function reference(x: Float32Array, n: number, logarithm: boolean): Float32Array {
  return x.map((value, i) => {
    const row = x.subarray(i - (i % n), i - (i % n) + n);
    const largest = Math.max(...row);
    const sum = row.reduce((total, item) => total + Math.exp(item - largest), 0);
    return logarithm ? value - largest - Math.log(sum) : Math.exp(value - largest) / sum;
  });
}

test.each(["softmax", "logSoftmax"] as const)("%s", (name) => {
  const random = createRandom(51);
  for (const n of lengths) {
    for (const rows of [0, 1, 3]) {
      const x = uniform(random, rows * n, -20, 20);
      const want = reference(x, n, name === "logSoftmax");
      for (const inPlace of [false, true]) {
        const arena = new Arena();
        const input = inPlace ? arena.variable(x) : arena.inputAtEnd(x);
        const y = inPlace ? input : arena.output(x.length);
        kernels[name](y.pointer, input.pointer, rows, n);
        arena.check();
        // The difference to the largest, up to 40, is rounded before its power is taken; the rest are roundings of the result.
        expectClose(y.values, want, (i) => (40 + 4) * 2 ** -24 * Math.abs(want[i]!) + 2e-7, `${rows} x ${n}`);
      }
    }
  }
});

test("rows without elements are left alone", () => {
  const arena = new Arena();
  const y = arena.output(4);
  kernels.softmax(y.pointer, y.pointer, 3, 0);
  kernels.logSoftmax(y.pointer, y.pointer, 3, 0);
  arena.check();
  expect([...y.values]).toEqual([NaN, NaN, NaN, NaN]);
});
