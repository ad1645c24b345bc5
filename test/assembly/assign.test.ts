// Assignments, copies and fills: exact.
import { expect, test } from "vitest";
import { Arena, createRandom, expectSame, kernels, uniform } from "./harness.ts";

const sizes = [0, 1, 3, 4, 5, 15, 16, 17, 35];

test("assignAdd and assignSub", () => {
  const random = createRandom(21);
  for (const n of sizes) {
    const ref = uniform(random, n);
    const value = uniform(random, n);
    for (const [kernel, sign] of [
      [kernels.assignAdd, 1],
      [kernels.assignSub, -1],
    ] as const) {
      const arena = new Arena();
      const variable = arena.variable(ref);
      kernel(variable.pointer, arena.inputAtEnd(value).pointer, n);
      arena.check();
      expectSame(
        variable.values,
        ref.map((x, i) => x + sign * value[i]!),
        `n = ${n}`,
      );
    }
  }
});

test("a variable assigned to itself", () => {
  const arena = new Arena();
  const variable = arena.variable(Float32Array.of(1, 2, 3, 4, 5, 6));
  kernels.assignAdd(variable.pointer, variable.pointer, 6);
  expect([...variable.values]).toEqual([2, 4, 6, 8, 10, 12]);
  kernels.assignSub(variable.pointer, variable.pointer, 6);
  expect([...variable.values]).toEqual([0, 0, 0, 0, 0, 0]);
});

test("integers wrap around", () => {
  for (const n of sizes) {
    const ref = Int32Array.from({ length: n }, (_, i) => 2 ** 31 - 3 + i);
    const value = Int32Array.from({ length: n }, (_, i) => i + 1);
    for (const [kernel, sign] of [
      [kernels.assignAddInt32, 1],
      [kernels.assignSubInt32, -1],
    ] as const) {
      const arena = new Arena();
      const variable = arena.variable(ref);
      kernel(variable.pointer, arena.inputAtEnd(value).pointer, n);
      arena.check();
      expectSame(
        variable.values,
        ref.map((x, i) => x + sign * value[i]!),
        `n = ${n}`,
      );
    }
  }
});

test("assignAddInt64 carries", () => {
  for (const n of sizes) {
    const ref = BigInt64Array.from({ length: n }, (_, i) => 2n ** 32n - 1n + BigInt(i));
    const arena = new Arena();
    const variable = arena.variable(ref);
    kernels.assignAddInt64(variable.pointer, arena.input(new BigInt64Array(n).fill(1n)).pointer, n);
    arena.check();
    expect(variable.values).toEqual(ref.map((x) => x + 1n));
  }
});

test("copyBytes", () => {
  for (const n of sizes) {
    const bytes = Uint8Array.from({ length: n }, (_, i) => i + 1);
    const arena = new Arena();
    const dst = arena.scratch(n);
    kernels.copyBytes(dst.pointer, arena.inputAtEnd(bytes).pointer, n);
    arena.check();
    expect(dst.values).toEqual(bytes);
  }
});

test("fills", () => {
  for (const n of sizes) {
    const arena = new Arena();
    const floats = arena.output(n);
    const ints = arena.outputInt32(n);
    kernels.fillFloat32(floats.pointer, 0.1, n);
    kernels.fillInt32(ints.pointer, -7, n);
    arena.check();
    expectSame(floats.values, new Float32Array(n).fill(0.1), `n = ${n}`);
    expectSame(ints.values, new Int32Array(n).fill(-7), `n = ${n}`);
  }
});
