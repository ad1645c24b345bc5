// Elementwise kernels against float64 (one rounding: equal to the float32 nearest to it) for every broadcasting pattern.
import { describe, expect, test } from "vitest";
import { Arena, createRandom, expectSame, kernels, uniform } from "./harness.ts";

const sizes = [0, 1, 2, 3, 4, 5, 7, 15, 16, 17, 35, 131];

type Binary = (y: number, a: number, b: number, attributes: number) => void;
/** Exact in float64 up to its own rounding, which a second rounding to float32 does not change for these operations. */
const binaries: Record<string, [Binary, (a: number, b: number) => number]> = {
  add: [kernels.add, (a, b) => a + b],
  subtract: [kernels.subtract, (a, b) => a - b],
  multiply: [kernels.multiply, (a, b) => a * b],
  divide: [kernels.divide, (a, b) => a / b],
  squaredDifference: [kernels.squaredDifference, (a, b) => Math.fround(a - b) ** 2],
  maximum: [kernels.maximum, (a, b) => Math.max(a, b)],
  minimum: [kernels.minimum, (a, b) => Math.min(a, b)],
  divideNoNan: [kernels.divideNoNan, (a, b) => (b === 0 ? 0 : a / b)],
  multiplyNoNan: [kernels.multiplyNoNan, (a, b) => (b === 0 ? 0 : a * b)],
  xdivy: [kernels.xdivy, (a, b) => (a === 0 ? 0 : a / b)],
};
const integers: Record<string, [Binary, (a: number, b: number) => number]> = {
  addInt32: [kernels.addInt32, (a, b) => (a + b) | 0],
  subtractInt32: [kernels.subtractInt32, (a, b) => (a - b) | 0],
  multiplyInt32: [kernels.multiplyInt32, Math.imul],
  maximumInt32: [kernels.maximumInt32, Math.max],
  minimumInt32: [kernels.minimumInt32, Math.min],
};

type Data = Float32Array | Int32Array;
interface Call {
  pattern: number;
  dims: number[];
  stridesA: number[];
  stridesB: number[];
}

function product(dims: number[]): number {
  return dims.reduce((n, size) => n * size, 1);
}

/** Strides of a dense tensor whose dimensions of size 1 are broadcast. */
function denseStrides(dims: number[]): number[] {
  return dims.map((size, d) => (size === 1 ? 0 : product(dims.slice(d + 1))));
}

function reference(call: Call, a: Data, b: Data, f: (a: number, b: number) => number): number[] {
  return Array.from({ length: product(call.dims) }, (_, index) => {
    let rest = index;
    let indexA = 0;
    let indexB = 0;
    for (let d = call.dims.length - 1; d >= 0; d--) {
      const position = rest % call.dims[d]!;
      rest = (rest - position) / call.dims[d]!;
      indexA += position * call.stridesA[d]!;
      indexB += position * call.stridesB[d]!;
    }
    return f(a[indexA]!, b[indexB]!);
  });
}

function poison<T extends Data>(values: T): T {
  return values.slice().fill(values instanceof Float32Array ? Number.NaN : -1) as T;
}

/** The kernel with y apart, and in place of either operand that has y's size. */
function run<T extends Data>(kernel: Binary, call: Call, a: T, b: T, label: string, expected: T): void {
  const n = product(call.dims);
  for (const place of ["apart", "a", "b"]) {
    if ((place === "a" && a.length !== n) || (place === "b" && b.length !== n)) continue;
    const arena = new Arena();
    const bufferA = place === "a" ? arena.variable(a) : arena.input(a);
    const bufferB = place === "b" ? arena.variable(b) : arena.input(b);
    const y = place === "a" ? bufferA : place === "b" ? bufferB : arena.variable(poison(expected));
    const attributes = arena.attributes(
      call.pattern,
      n,
      call.dims.length,
      ...call.dims,
      ...call.stridesA,
      ...call.stridesB,
    );
    kernel(y.pointer, bufferA.pointer, bufferB.pointer, attributes.pointer);
    arena.check();
    expectSame(y.values, expected, `${label}, y in place of ${place}`);
  }
}

/** Calls by the shapes of the operands, with the pattern that the host would choose and with the general one. */
function calls(): { call: Call; sizeA: number; sizeB: number }[] {
  const list: { call: Call; sizeA: number; sizeB: number }[] = [];
  const put = (pattern: number, dims: number[], shapeA: number[], shapeB: number[]) => {
    const stridesA = denseStrides(shapeA);
    const stridesB = denseStrides(shapeB);
    for (const p of new Set([pattern, 5])) {
      if (p === 5 && dims.length === 0) continue;
      list.push({ call: { pattern: p, dims, stridesA, stridesB }, sizeA: product(shapeA), sizeB: product(shapeB) });
    }
  };
  for (const n of sizes) {
    put(0, [n], [n], [n]);
    put(1, [n], [1], [n]);
    put(2, [n], [n], [1]);
  }
  for (const length of [1, 2, 3, 4, 5, 6, 8, 13, 16, 33, 63, 64, 65, 130]) {
    for (const rows of [1, 2, 3, 4, 5, 9, 37]) {
      put(3, [rows, length], [rows, length], [1, length]);
      put(4, [rows, length], [1, length], [rows, length]);
    }
  }
  for (const length of [3, 4, 16]) put(3, [700, length], [700, length], [1, length]);
  put(5, [5, 3], [5, 3], [5, 1]);
  put(5, [5, 3], [5, 1], [1, 3]);
  put(5, [2, 3, 4, 5], [2, 1, 4, 5], [1, 3, 1, 5]);
  put(5, [2, 3, 4, 5], [1, 1, 1, 1], [2, 3, 4, 1]);
  put(5, [4, 1, 3, 7], [4, 1, 1, 7], [1, 1, 3, 1]);
  put(5, [2, 2, 2, 2, 2, 2, 2, 3], [2, 1, 2, 1, 2, 1, 2, 1], [1, 2, 1, 2, 1, 2, 1, 3]);
  put(5, [1, 1, 1], [1, 1, 1], [1, 1, 1]);
  return list;
}

describe.each(Object.entries(binaries))("%s", (name, [kernel, f]) => {
  test("every broadcasting pattern", () => {
    const random = createRandom(11);
    for (const { call, sizeA, sizeB } of calls()) {
      const a = uniform(random, sizeA, -9, 9);
      const b = uniform(random, sizeB, -9, 9);
      run(kernel, call, a, b, `${name} ${JSON.stringify(call)}`, Float32Array.from(reference(call, a, b, f)));
    }
  });

  test("zeros, infinities and NaN", () => {
    const edges = [0, -0, 1, -1, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN];
    const a = Float32Array.from(edges.flatMap((value) => edges.map(() => value)));
    const b = Float32Array.from(edges.flatMap(() => edges));
    const call = { pattern: 0, dims: [a.length], stridesA: [1], stridesB: [1] };
    // Of two zeros maximum and minimum give the first.
    const g = name.endsWith("imum") ? (p: number, q: number) => (p === q ? p : f(p, q)) : f;
    run(kernel, call, a, b, name, Float32Array.from(reference(call, a, b, g)));
  });
});

describe.each(Object.entries(integers))("%s", (name, [kernel, f]) => {
  test("every broadcasting pattern", () => {
    const random = createRandom(12);
    for (const { call, sizeA, sizeB } of calls()) {
      const a = Int32Array.from({ length: sizeA }, () => random() * 2 ** 32 - 2 ** 31);
      const b = Int32Array.from({ length: sizeB }, () => random() * 2 ** 32 - 2 ** 31);
      run(kernel, call, a, b, `${name} ${JSON.stringify(call)}`, Int32Array.from(reference(call, a, b, f)));
    }
  });
});

test("pow: the float32 nearest to float64's, in every pattern", () => {
  const random = createRandom(15);
  for (const { call, sizeA, sizeB } of calls()) {
    const a = uniform(random, sizeA, 0, 9);
    const b = uniform(random, sizeB, -9, 9);
    run(kernels.pow, call, a, b, `pow ${JSON.stringify(call)}`, Float32Array.from(reference(call, a, b, Math.pow)));
  }
});

test("strides other than 0 and 1: a transposed operand", () => {
  const a = Float32Array.from({ length: 15 }, (_, i) => i);
  const b = Float32Array.from({ length: 15 }, (_, i) => 100 * i);
  const call = { pattern: 5, dims: [3, 5], stridesA: [5, 1], stridesB: [1, 3] };
  const expected = Float32Array.from(reference(call, a, b, (p, q) => p + q));
  const arena = new Arena();
  const y = arena.output(15);
  const attributes = arena.attributes(5, 15, 2, 3, 5, 5, 1, 1, 3);
  kernels.add(y.pointer, arena.input(a).pointer, arena.input(b).pointer, attributes.pointer);
  arena.check();
  expectSame(y.values, expected, "add");
});

test("binary kernels read nothing behind an operand", () => {
  for (const n of sizes) {
    for (const pattern of [0, 3, 4]) {
      const arena = new Arena();
      const y = arena.output(n);
      const a = arena.input(new Float32Array(n).fill(1));
      const b = arena.inputAtEnd(new Float32Array(n).fill(2));
      kernels.add(y.pointer, a.pointer, b.pointer, arena.attributes(pattern, n, 1, n, 1, 1).pointer);
      arena.check();
      expectSame(y.values, new Float32Array(n).fill(3), `n = ${n}, pattern ${pattern}`);
    }
  }
});

test("biasAdd", () => {
  const random = createRandom(13);
  for (const channels of [1, 2, 3, 4, 5, 16, 17, 33, 64, 65]) {
    for (const rows of [0, 1, 3, 4, 5, 70]) {
      const x = uniform(random, rows * channels);
      const bias = uniform(random, channels);
      const expected = x.map((value, i) => value + bias[i % channels]!);
      for (const inPlace of [false, true]) {
        const arena = new Arena();
        const input = inPlace ? arena.variable(x) : arena.input(x);
        const y = inPlace ? input : arena.output(x.length);
        kernels.biasAdd(y.pointer, input.pointer, arena.inputAtEnd(bias).pointer, rows, channels);
        arena.check();
        expectSame(y.values, expected, `${rows} x ${channels}`);
      }
    }
  }
});

const unaries: Record<string, [(y: number, x: number, n: number) => void, (x: number) => number]> = {
  negate: [kernels.negate, (x) => -x],
  abs: [kernels.abs, Math.abs],
  sqrt: [kernels.sqrt, Math.sqrt],
  square: [kernels.square, (x) => x * x],
  rsqrt: [kernels.rsqrt, (x) => 1 / Math.fround(Math.sqrt(x))],
  reciprocal: [kernels.reciprocal, (x) => 1 / x],
  relu: [kernels.relu, (x) => (x < 0 ? 0 : x)],
  relu6: [kernels.relu6, (x) => (x < 0 ? 0 : x > 6 ? 6 : x)],
};

test.each(Object.entries(unaries))("%s", (name, [kernel, f]) => {
  const random = createRandom(14);
  const edges = [0, -0, 6, 7, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN, 1e-40];
  for (const n of sizes) {
    const x = uniform(random, n, -9, 9).map((value, i) => (n > 16 && i < edges.length ? edges[i]! : value));
    for (const inPlace of [false, true]) {
      const arena = new Arena();
      const input = inPlace ? arena.variable(x) : arena.inputAtEnd(x);
      const y = inPlace ? input : arena.output(n);
      kernel(y.pointer, input.pointer, n);
      arena.check();
      expectSame(y.values, x.map(f), `${name}, n = ${n}`);
    }
  }
  expect.assertions(sizes.length * 2);
});
