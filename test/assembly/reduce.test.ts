// Sums and means against float64.
import { describe, expect, test } from "vitest";
import { Arena, createRandom, EPSILON, expectClose, expectSame, kernels, uniform } from "./harness.ts";

interface Shape {
  groups: number[];
  firstIsReduced: boolean;
}

function product(sizes: number[]): number {
  return sizes.reduce((n, size) => n * size, 1);
}

function split({ groups, firstIsReduced }: Shape): { kept: number[]; reduced: number[] } {
  const isReduced = groups.map((_, i) => (i % 2 === 0) === firstIsReduced);
  return { kept: groups.filter((_, i) => !isReduced[i]), reduced: groups.filter((_, i) => isReduced[i]) };
}

function reference(shape: Shape, x: Float32Array) {
  const y = new Float64Array(product(split(shape).kept));
  const scale = new Float64Array(y.length);
  x.forEach((value, index) => {
    let rest = index;
    let out = 0;
    let stride = 1;
    for (let group = shape.groups.length - 1; group >= 0; group--) {
      const size = shape.groups[group]!;
      if ((group % 2 === 0) !== shape.firstIsReduced) {
        out += (rest % size) * stride;
        stride *= size;
      }
      rest = Math.floor(rest / size);
    }
    y[out]! += value;
    scale[out]! += Math.abs(value);
  });
  return { y, scale };
}

function run(kernel: typeof kernels.sum, shape: Shape, x: Float32Array, shift = 0): Float32Array {
  const arena = new Arena(shift);
  const attributes = arena.attributes(shape.groups.length, ...shape.groups, shape.firstIsReduced ? 1 : 0).pointer;
  const y = arena.output(product(split(shape).kept));
  const scratch = arena.scratch(kernels.reduceScratchBytes(attributes));
  kernel(y.pointer, arena.inputAtEnd(x).pointer, scratch.pointer, attributes);
  arena.check();
  return y.values;
}

/** Float32 lanes add at most 128 terms, float64 the rest: far below the 2 sqrt(128) roundings allowed for a long sum. */
function check(groups: number[], firstIsReduced: boolean): void {
  const shape = { groups, firstIsReduced };
  const x = uniform(createRandom(31 + groups.length), product(groups), -1, 2);
  const count = product(split(shape).reduced);
  const { y, scale } = reference(shape, x);
  const roundings = 2 * Math.sqrt(Math.min(count, 128)) + 1;
  const label = JSON.stringify(shape);
  expectClose(run(kernels.sum, shape, x), y, (i) => roundings * EPSILON * scale[i]!, `sum ${label}`);
  const means = y.map((value) => value / count);
  expectClose(run(kernels.mean, shape, x), means, (i) => (roundings * EPSILON * scale[i]!) / count, `mean ${label}`);
}

const runs = [1, 2, 3, 4, 5, 31, 32, 33, 1023, 1024, 1025, 2051];
const rows = [1, 3, 4, 5, 127, 128, 129, 259];
const columns = [1, 2, 3, 4, 5, 8, 15, 16, 17, 33, 67];

describe("shapes", () => {
  test("all of it", () => runs.forEach((n) => check([n], true)));
  test("none of it", () => runs.forEach((n) => check([n], false)));
  test("a scalar", () => check([], false));
  test("columns over rows", () => rows.forEach((m) => columns.forEach((n) => check([m, n], true))));
  test("rows over columns", () => {
    for (const m of [1, 3, 7]) for (const n of runs) check([m, n], false);
  });
  test("keep, reduce, keep", () => {
    for (const m of [1, 3]) for (const n of rows) for (const c of [1, 4, 5, 17]) check([m, n, c], false);
  });
  test("more groups", () => {
    check([3, 4, 5], true);
    check([5, 1, 1], true);
    check([2, 3, 4, 5], true);
    check([2, 3, 4, 5], false);
    check([3, 2, 5, 4, 3], true);
    check([3, 2, 5, 4, 3], false);
    check([2, 3, 2, 3, 2, 3, 2, 3], true);
    check([2, 3, 2, 3, 2, 3, 2, 3], false);
    check([150, 3, 9], true);
  });
});

test("an empty sum is 0, an empty mean NaN", () => {
  for (const [groups, firstIsReduced] of [
    [[0], true],
    [[0, 3], true],
    [[3, 0], false],
    [[2, 0, 3], false],
    [[0, 3, 2], true],
    [[2, 3, 0], true],
  ] as [number[], boolean][]) {
    const shape = { groups, firstIsReduced };
    const n = product(split(shape).kept);
    expectSame(run(kernels.sum, shape, new Float32Array(0)), new Float32Array(n), JSON.stringify(shape));
    expectSame(
      run(kernels.mean, shape, new Float32Array(0)),
      new Float32Array(n).fill(Number.NaN),
      JSON.stringify(shape),
    );
  }
  expect(run(kernels.sum, { groups: [0, 3], firstIsReduced: false }, new Float32Array(0)).length).toBe(0);
});

test("the sum of 2^20 equal numbers, where float32 alone would stop growing", () => {
  const n = 2 ** 20;
  const x = new Float32Array(n).fill(0.1);
  const want = Math.fround(0.1) * n;
  const one = { groups: [n], firstIsReduced: true };
  expectClose(run(kernels.sum, one, x), [want], 8 * EPSILON * want, "sum");
});

test("the same bits at every address", () => {
  const x = uniform(createRandom(32), 37 * 21);
  const shape = { groups: [37, 21], firstIsReduced: true };
  expectSame(run(kernels.sum, shape, x, 3), run(kernels.sum, shape, x), "sum");
});
