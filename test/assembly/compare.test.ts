// Comparisons, logic, choices, roundings and casts at sizes around the vector and the block: guards and values.
import { expect, test } from "vitest";
import { broadcastWalk } from "../../src/ops/comparison.ts";
import { Arena, createRandom, kernels } from "./harness.ts";

const sizes = [1, 3, 4, 5, 15, 16, 17, 35];
const random = createRandom(11);
const few = (n: number): number[] => Array.from({ length: n }, () => Math.floor(random() * 3) - 1);

const comparisons = {
  less: (a: number, b: number) => a < b,
  lessEqual: (a: number, b: number) => a <= b,
  equal: (a: number, b: number) => a === b,
  notEqual: (a: number, b: number) => a !== b,
};
const float = (values: number[]): Float32Array => Float32Array.from(values, (value) => (value < 0 ? NaN : value));
const types = [
  [1, float],
  [3, (values: number[]) => Int32Array.from(values)],
  [4, (values: number[]) => Uint8Array.from(values)],
  [9, (values: number[]) => BigInt64Array.from(values, BigInt)],
] as const;

test.each(sizes)("comparisons of %i", (n) => {
  for (const [dtype, make] of types) {
    for (const [name, f] of Object.entries(comparisons)) {
      for (const shapes of [[[n], [n]], [[n], []], [[2, 1], [n]]]) {
        const [a, b] = shapes.map((shape) => make(few(shape.reduce((x, y) => x * y, 1))));
        const out = shapes[0].length === 2 ? [2, n] : [n];
        const arena = new Arena();
        const [left, right] = [arena.input(a), arena.input(b)];
        const y = arena.variable(new Uint8Array(out.reduce((x, z) => x * z)).fill(7));
        const block = arena.attributes(...broadcastWalk(shapes, out));
        kernels[name as "less"](y.pointer, left.pointer, right.pointer, block.pointer, dtype);
        arena.check();
        const at = (operand: ArrayLike<number | bigint>, shape: number[], i: number): number =>
          Number(operand[operand.length === 1 ? 0 : shape.length === 2 ? Math.floor(i / n) : i % n]);
        const want = Array.from({ length: y.length }, (_, i) => Number(f(at(a, shapes[0], i), at(b, shapes[1], i))));
        expect(Array.from(y.values), `${name} ${dtype} ${JSON.stringify(shapes)}`).toEqual(want);
      }
    }
  }
}); // prettier-ignore

test.each(sizes)("logic and choices of %i", (n) => {
  const bits = (): Uint8Array => Uint8Array.from({ length: n }, () => Math.floor(random() * 2));
  const [a, b] = [bits(), bits()];
  const arena = new Arena();
  const [left, right] = [arena.input(a), arena.input(b)];
  const outputs = Array.from({ length: 3 }, () => arena.variable(new Uint8Array(n).fill(7)));
  const block = arena.attributes(...broadcastWalk([[n], [n]], [n])).pointer;
  kernels.logical(outputs[0].pointer, left.pointer, right.pointer, block, 0);
  kernels.logical(outputs[1].pointer, left.pointer, right.pointer, block, 1);
  kernels.logicalNot(outputs[2].pointer, left.pointer, n);
  const [x, z] = [Float32Array.from(few(n)), Float32Array.of(9)];
  const [choice, other] = [arena.input(x), arena.input(z)];
  const picked = arena.output(n);
  const walk = arena.attributes(...broadcastWalk([[n], [n], []], [n])).pointer;
  kernels.select(picked.pointer, left.pointer, choice.pointer, other.pointer, walk, 4);
  arena.check();
  expect(outputs.map((output) => Array.from(output.values))).toEqual([
    Array.from(a, (value, i) => value & b[i]),
    Array.from(a, (value, i) => value | b[i]),
    Array.from(a, (value) => 1 - value),
  ]);
  expect(Array.from(picked.values)).toEqual(Array.from(a, (bit, i) => (bit ? x[i] : 9)));
});

test.each(sizes)("roundings and casts of %i", (n) => {
  const x = Float32Array.from({ length: n }, (_, i) => [2.5, -0.5, -7.25, 3][i % 4]);
  const arena = new Arena();
  const input = arena.input(x);
  const kernelsOf = ["sign", "round", "floor", "ceil"] as const;
  const rounded = kernelsOf.map((name) => {
    const y = arena.output(n);
    kernels[name](y.pointer, input.pointer, n);
    return y;
  });
  const [whole, bytes] = [arena.outputInt32(n), arena.variable(new Uint8Array(n))];
  kernels.cast(whole.pointer, input.pointer, 3, 1, n);
  kernels.cast(bytes.pointer, input.pointer, 10, 1, n);
  const wide = arena.variable(new BigInt64Array(n));
  kernels.cast(wide.pointer, whole.pointer, 9, 3, n);
  arena.check();
  const expected = [[1, -1, -1, 1], [2, 0, -7, 3], [2, -1, -8, 3], [3, 0, -7, 3], [2, 0, -7, 3]]; // prettier-ignore
  [...rounded, whole, wide].forEach((y, k) =>
    expect(Array.from(y.values as ArrayLike<number>, (value) => Number(value) + 0)).toEqual(
      Array.from(x, (_, i) => expected[Math.min(k, 4)][i % 4]),
    ),
  );
  expect(Array.from(bytes.values)).toEqual(Array.from(x, () => 1));
});

test.each(sizes)("checks of %i", (n) => {
  const arena = new Arena();
  const truths = arena.variable(new Uint8Array(n).fill(1));
  const indices = arena.variable(new Int32Array(n));
  expect(kernels.checkAll(truths.pointer, n)).toBe(0);
  expect(kernels.checkIndices(indices.pointer, n, 1, 4)).toBe(0);
  truths.view[n - 1] = 0;
  indices.view[n - 1] = -1;
  expect(kernels.checkAll(truths.pointer, n)).toBe(1);
  expect(kernels.checkIndices(indices.pointer, n, 1, 4)).toBe(n);
  arena.check();
});
