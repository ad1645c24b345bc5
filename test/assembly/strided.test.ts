// Strided copies against an index loop: every element size, transpositions, repeats, reversals, additions.
import { describe, expect, test } from "vitest";
import { walkBlock } from "../../src/ops/strided.ts";
import { Arena, createRandom, expectSame, kernels, uniform } from "./harness.ts";

interface Case {
  label: string;
  dims: number[];
  x: { offset?: number; strides: number[] };
  y: { offset?: number; strides: number[] };
}

const sizes = [1, 3, 4, 5, 8, 17, 67];
const cases: Case[] = [
  ...sizes.flatMap((n): Case[] => [
    { label: "run", dims: [n], x: { strides: [1] }, y: { strides: [1] } },
    { label: "repeat", dims: [3, n], x: { strides: [0, 1] }, y: { strides: [n, 1] } },
    { label: "splat", dims: [n], x: { strides: [0] }, y: { strides: [1] } },
    { label: "reverse", dims: [n], x: { offset: n - 1, strides: [-1] }, y: { strides: [1] } },
    { label: "transpose", dims: [n, 5], x: { strides: [1, n] }, y: { strides: [5, 1] } },
    { label: "transpose", dims: [6, n], x: { strides: [1, 6] }, y: { strides: [n, 1] } },
    { label: "window", dims: [3, n], x: { offset: 2, strides: [n + 3, 1] }, y: { offset: 1, strides: [n + 1, 1] } },
    { label: "every other", dims: [n], x: { strides: [2] }, y: { strides: [3] } },
    { label: "NHWC to NCHW", dims: [2, 3, n, 5], x: { strides: [15 * n, 1, 15, 3] }, y: { strides: [15 * n, 5 * n, 5, 1] } }, // prettier-ignore
  ]),
  { label: "one element", dims: [], x: { offset: 3, strides: [] }, y: { offset: 2, strides: [] } },
];

/** Places that a case touches on one side, in the order of the indices. */
function places({ dims }: Case, side: Case["x"]): number[] {
  let all = [side.offset ?? 0];
  dims.forEach((n, axis) => {
    all = all.flatMap((place) => Array.from({ length: n }, (_, i) => place + i * side.strides[axis]));
  });
  return all;
}

const arrays = { 1: Uint8Array, 4: Int32Array, 8: BigInt64Array } as const;
const random = createRandom(3);

describe.each([1, 4, 8] as const)("copyStrided of %i bytes", (size) => {
  test.each(cases)("$label $dims", (item) => {
    const [from, to] = [places(item, item.x), places(item, item.y)];
    const number = (): number => Math.floor(random() * 200);
    const x = Array.from({ length: Math.max(...from) + 1 }, number);
    const y = Array.from({ length: Math.max(...to) + 1 }, number);
    const fill = (values: number[]): Int32Array => {
      const array = new arrays[size](values.length) as unknown as Int32Array;
      values.forEach((value, i) => (array[i] = (size === 8 ? BigInt(value) : value) as number));
      return array;
    };
    const arena = new Arena();
    const input = arena.input(fill(x));
    const output = arena.variable(fill(y));
    kernels.copyStrided(output.pointer, input.pointer, arena.attributes(...walkBlock(item, size)).pointer);
    arena.check();
    from.forEach((place, i) => (y[to[i]] = x[place]));
    expect(Array.from(output.values, Number)).toEqual(y);
  });
});

test.each(cases)("addStrided: $label $dims, there and back", (item) => {
  const [from, to] = [places(item, item.x), places(item, item.y)];
  // Whole numbers add without rounding in any order.
  const whole = (n: number): Float32Array => uniform(random, n, -50, 50).map(Math.round);
  const [x, y] = [whole(Math.max(...to) + 1), whole(Math.max(...from) + 1)];
  const arena = new Arena();
  const [input, output] = [arena.input(x), arena.variable(y)];
  const block = walkBlock({ dims: item.dims, x: item.y, y: item.x }, 4);
  kernels.addStrided(output.pointer, input.pointer, arena.attributes(...block).pointer);
  arena.check();
  const want = y.slice();
  from.forEach((place, i) => (want[place] += x[to[i]]));
  expectSame(output.values, want, item.label);
});

test("fillBytes", () => {
  const arena = new Arena();
  const output = arena.variable(new Uint8Array(7));
  kernels.fillBytes(output.pointer, 1, 7);
  arena.check();
  expect(Array.from(output.values)).toEqual([1, 1, 1, 1, 1, 1, 1]);
});
