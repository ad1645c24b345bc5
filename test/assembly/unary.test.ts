// Functions of one float32 against float64: accuracy over many magnitudes, edges, the same bits in body and tail.
import { expect, test } from "vitest";
import { Arena, createRandom, expectSame, kernels, uniform } from "./harness.ts";

const sizes = [0, 1, 2, 3, 4, 5, 7, 15, 16, 17, 35, 131];
const edges = [0, -0, Infinity, -Infinity, NaN, 1e-45, -1e-45, 1e-40, -1e-40, 1.1754944e-38, 1, -1, 0.99999994];
const limits = [1.0000001, 88.7, 88.73, 89, -87.5, -103, -103.9, -104, -105, 3.4e38, -3.4e38, 2e8, 1e22, -1e22];

/** By its Taylor series near 0, by a continued fraction of 1 − erf beyond. */
function erf(x: number): number {
  const t = Math.abs(x);
  if (t === 0 || t > 6) return t === 0 ? x : Number.isNaN(x) ? x : Math.sign(x);
  let y = 0;
  if (t < 2.5) {
    let term = t;
    for (let n = 0; n < 80; n++) {
      y += term / (2 * n + 1);
      term *= (-t * t) / (n + 1);
    }
    y *= 2 / Math.sqrt(Math.PI);
  } else {
    let fraction = 0;
    for (let n = 120; n > 0; n--) fraction = n / 2 / (t + fraction);
    y = 1 - Math.exp(-t * t) / Math.sqrt(Math.PI) / (t + fraction);
  }
  return x < 0 ? -y : y;
}

type Unary = (y: number, x: number, n: number) => void;
/** Kernel, reference, and the largest error in units of the last place that lib/math states. */
const functions: Record<string, [Unary, (x: number) => number, number]> = {
  exp: [kernels.exp, Math.exp, 2],
  expm1: [kernels.expm1, Math.expm1, 2],
  log: [kernels.log, Math.log, 2],
  log1p: [kernels.log1p, Math.log1p, 2],
  erf: [kernels.erf, erf, 2],
  sin: [kernels.sin, Math.sin, 0.51],
  cos: [kernels.cos, Math.cos, 0.51],
  tan: [kernels.tan, Math.tan, 2],
  asin: [kernels.asin, Math.asin, 0.51],
  acos: [kernels.acos, Math.acos, 0.51],
  atan: [kernels.atan, Math.atan, 0.51],
  sinh: [kernels.sinh, Math.sinh, 0.51],
  cosh: [kernels.cosh, Math.cosh, 0.51],
  asinh: [kernels.asinh, Math.asinh, 0.51],
  acosh: [kernels.acosh, Math.acosh, 0.51],
  atanh: [kernels.atanh, Math.atanh, 0.51],
};

function run(kernel: Unary, x: Float32Array, inPlace = false): Float32Array {
  const arena = new Arena();
  const input = inPlace ? arena.variable(x) : arena.inputAtEnd(x);
  const y = inPlace ? input : arena.output(x.length);
  kernel(y.pointer, input.pointer, x.length);
  arena.check();
  return y.values;
}

/** The distance of float32 numbers around `value`. */
function unit(value: number): number {
  return 2 ** Math.max(Math.floor(Math.log2(Math.abs(value))) - 23, -149);
}

test.each(Object.entries(functions))("%s: accuracy", (name, [kernel, f, limit]) => {
  const random = createRandom(31);
  const anyBits = new Float32Array(Int32Array.from({ length: 20_000 }, () => random() * 2 ** 32 - 2 ** 31).buffer);
  for (const x of [
    Float32Array.of(...edges, ...limits),
    anyBits,
    uniform(random, 20_000, -100, 100),
    uniform(random, 20_000, -2, 2),
  ]) {
    // prettier-ignore
    const got = run(kernel, x);
    const wrong = x.findIndex((value, i) => {
      const want = f(value);
      const rounded = Math.fround(want);
      if (Object.is(got[i], rounded)) return false;
      return !Number.isFinite(rounded) || rounded === 0 || !(Math.abs(got[i]! - want) <= limit * unit(want));
    });
    const at = x[wrong] ?? 0;
    expect(wrong, `${name}(${at}) is ${got[wrong]}, not ${Math.fround(f(at))}`).toBe(-1);
  }
});

test.each(Object.entries(functions))("%s: an element's bits do not depend on its place", (name, [kernel]) => {
  const random = createRandom(32);
  for (const n of sizes) {
    const x = uniform(random, n, -9, 9).map((value, i) => (n > 16 ? (edges[i] ?? value) : value));
    const one = Float32Array.from(x, (value) => run(kernel, Float32Array.of(value))[0]!);
    for (const inPlace of [false, true]) expectSame(run(kernel, x, inPlace), one, `${name}, n = ${n}`);
  }
});
