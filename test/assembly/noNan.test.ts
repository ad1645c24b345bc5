// a log(b) and a log(1 + b): accuracy in every broadcasting pattern, zeros that win over NaN. Elementwise.test.ts has the others.
import { expect, test } from "vitest";
import { Arena, createRandom, expectClose, kernels, uniform } from "./harness.ts";

const cases = [
  ["xlogy", kernels.xlogy, Math.log],
  ["xlog1py", kernels.xlog1py, Math.log1p],
] as const;

test.each(cases)("%s", (_, kernel, log) => {
  const random = createRandom(5);
  for (const n of [0, 1, 3, 4, 5, 8, 17]) {
    for (const [pattern, sizeA, sizeB] of [
      [0, n, n],
      [1, 1, n],
      [2, n, 1],
    ] as const) {
      // prettier-ignore
      const arena = new Arena();
      const [a, b] = [uniform(random, sizeA, -2, 2), uniform(random, sizeB, 0.1, 5)];
      const [bufferA, bufferB, y] = [arena.input(a), arena.input(b), arena.output(n)];
      const strides = [sizeA, sizeB].map((size) => (size === 1 ? 0 : 1));
      kernel(y.pointer, bufferA.pointer, bufferB.pointer, arena.attributes(pattern, n, 1, n, ...strides).pointer);
      arena.check();
      const want = Array.from({ length: n }, (_x, i) => a[i * strides[0]] * log(b[i * strides[1]]));
      // The logarithm is good to 2 units of the last place, the product rounds once.
      expectClose(y.values, want, (i) => 3 * 2 ** -23 * Math.abs(want[i]), `n = ${n}, pattern ${pattern}`);
    }
  }
  const arena = new Arena();
  const edges = Float32Array.of(NaN, Infinity, -3, 0, -1);
  const [zeros, b, y] = [arena.input(new Float32Array(5)), arena.input(edges), arena.output(5)];
  kernel(y.pointer, zeros.pointer, b.pointer, arena.attributes(0, 5, 1, 5, 1, 1).pointer);
  arena.check();
  expect(Array.from(y.values)).toEqual([0, 0, 0, 0, 0]);
});
