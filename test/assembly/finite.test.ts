// checkFinite and classify at sizes around the vector width, a special value at every place.
import { expect, test } from "vitest";
import { Arena, kernels } from "./harness.ts";

test.each([0, 1, 3, 4, 5, 8, 11])("%i elements", (n) => {
  const specials = [NaN, Infinity, -Infinity, -NaN];
  const codes = [1, 2, 2, 1];
  const plain = Float32Array.from({ length: n }, (_, i) => [3.4e38, -0, 1e-45, -1][i % 4]);
  const cases = [{ values: plain, code: 0 }];
  for (let i = 0; i < n; i++)
    specials.forEach((special, k) => {
      const values = plain.slice();
      values[i] = special;
      cases.push({ values, code: codes[k] });
    });
  if (n > 1) cases.push({ values: Float32Array.from([...plain.subarray(2), NaN, Infinity]), code: 3 });
  for (const { values, code } of cases) {
    const arena = new Arena();
    const x = arena.input(values);
    const outputs = [0, 1, 2].map(() => arena.scratch(n));
    expect(kernels.checkFinite(x.pointer, n)).toBe(code);
    kernels.classify(outputs[0].pointer, x.pointer, n, 1, 0, 0);
    kernels.classify(outputs[1].pointer, x.pointer, n, 0, 1, 0);
    kernels.classify(outputs[2].pointer, x.pointer, n, 1, 1, 1);
    arena.check();
    const numbers = Array.from(values);
    expect(outputs.map((y) => Array.from(y.values, Boolean))).toEqual([
      numbers.map(Number.isNaN),
      numbers.map((value) => Math.abs(value) === Infinity),
      numbers.map(Number.isFinite),
    ]);
  }
});
