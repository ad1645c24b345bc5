// Whole-number division, remainders and 64-bit integers: every broadcasting pattern, signs, division by zero.
import { test } from "vitest";
import { Arena, createRandom, expectSame, kernels } from "./harness.ts";

type Binary = (y: number, a: number, b: number, attributes: number) => void;
type Numbers = Float32Array | Int32Array | BigInt64Array;

const floorMod = (a: number, b: number): number => {
  const rest = a % b;
  return rest !== 0 && rest < 0 !== b < 0 ? rest + b : rest;
};
const divide = (round: (x: number) => number) => (a: number, b: number) => (b === 0 ? 0 : round(a / b) | 0);
const remain = (f: (a: number, b: number) => number) => (a: number, b: number) => (b === 0 ? 0 : f(a, b) | 0);
const wide = (f: (a: bigint, b: bigint) => bigint) => (a: bigint, b: bigint) => BigInt.asIntN(64, f(a, b));
const floorWide = (a: bigint, b: bigint): bigint => (b === 0n ? 0n : (a - modWide(a, b)) / b);
function modWide(a: bigint, b: bigint): bigint {
  if (b === 0n) return 0n;
  const rest = a % b;
  return rest !== 0n && rest < 0n !== b < 0n ? rest + b : rest;
}

const floats: Record<string, [Binary, (a: number, b: number) => number]> = {
  floorDiv: [kernels.floorDiv, (a, b) => Math.floor(Math.fround(a / b))],
  truncateMod: [kernels.truncateMod, (a, b) => a % b],
  floorMod: [kernels.floorMod, floorMod],
  atan2: [kernels.atan2, Math.atan2],
};
const integers: Record<string, [Binary, (a: number, b: number) => number]> = {
  truncateDivInt32: [kernels.truncateDivInt32, divide(Math.trunc)],
  floorDivInt32: [kernels.floorDivInt32, divide(Math.floor)],
  truncateModInt32: [kernels.truncateModInt32, remain((a, b) => a % b)],
  floorModInt32: [kernels.floorModInt32, remain(floorMod)],
};
const wides: Record<string, [Binary, (a: bigint, b: bigint) => bigint]> = {
  addInt64: [kernels.addInt64, (a, b) => a + b],
  subtractInt64: [kernels.subtractInt64, (a, b) => a - b],
  multiplyInt64: [kernels.multiplyInt64, (a, b) => a * b],
  maximumInt64: [kernels.maximumInt64, (a, b) => (a > b ? a : b)],
  minimumInt64: [kernels.minimumInt64, (a, b) => (a < b ? a : b)],
  truncateDivInt64: [kernels.truncateDivInt64, (a, b) => (b === 0n ? 0n : a / b)],
  truncateModInt64: [kernels.truncateModInt64, (a, b) => (b === 0n ? 0n : a % b)],
  floorDivInt64: [kernels.floorDivInt64, floorWide],
  floorModInt64: [kernels.floorModInt64, modWide],
};

/** [dims, shape of a, shape of b] */
const shapes: [number[], number[], number[]][] = [
  [[], [], []],
  ...[0, 1, 3, 4, 5, 17].map((n): [number[], number[], number[]] => [[n], [n], [n]]),
  [[5], [1], [5]],
  [[5], [5], [1]],
  [
    [3, 5],
    [3, 1],
    [1, 5],
  ],
  [
    [2, 3, 4, 5],
    [2, 1, 4, 5],
    [1, 3, 1, 5],
  ],
];
const product = (dims: number[]): number => dims.reduce((n, size) => n * size, 1);
const strides = (dims: number[]): number[] => dims.map((size, d) => (size === 1 ? 0 : product(dims.slice(d + 1))));

function check<T extends number | bigint>(kernel: Binary, f: (a: T, b: T) => T, make: (n: number) => Numbers): void {
  for (const [dims, shapeA, shapeB] of shapes) {
    const [a, b] = [make(product(shapeA)), make(product(shapeB))];
    const n = product(dims);
    const want = make(n);
    const [stepsA, stepsB] = [strides(shapeA), strides(shapeB)];
    for (let i = 0; i < n; i++) {
      let [rest, atA, atB] = [i, 0, 0];
      for (let d = dims.length - 1; d >= 0; d--) {
        const position = rest % dims[d]!;
        rest = (rest - position) / dims[d]!;
        atA += position * stepsA[d]!;
        atB += position * stepsB[d]!;
      }
      want[i] = f(a[atA] as T, b[atB] as T);
    }
    const arena = new Arena();
    const y = arena.variable(make(n));
    const block = arena.attributes(5, n, dims.length, ...dims, ...stepsA, ...stepsB);
    kernel(y.pointer, arena.input(a).pointer, arena.input(b).pointer, block.pointer);
    arena.check();
    // Exact as doubles, too: 2^63 and small numbers.
    expectSame(Array.from(y.values, Number), Array.from(want, Number), `[${dims}]`);
  }
}

const random = createRandom(41);
/** Small numbers of both signs, zeros among them, and the extremes. */
const small = (): number => Math.floor(random() * 13) - 6;

test.each(Object.entries(floats))("%s", (_name, [kernel, f]) =>
  check(kernel, f, (n) => Float32Array.from({ length: n }, () => small() / 2)),
);
test.each(Object.entries(integers))("%s", (_name, [kernel, f]) =>
  check(kernel, f, (n) => Int32Array.from({ length: n }, (_, i) => (i === 3 ? -(2 ** 31) : small()))),
);
test.each(Object.entries(wides))("%s", (_name, [kernel, f]) =>
  check(kernel, wide(f), (n) =>
    BigInt64Array.from({ length: n }, (_, i) => (i === 3 ? -(2n ** 63n) : BigInt(small()))),
  ),
);
