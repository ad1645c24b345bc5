// Activations and gradient kernels against float64: sizes around the vector, in place and apart, edges.
import { expect, test } from "vitest";
import { Arena, createRandom, expectClose, expectSame, kernels, uniform } from "./harness.ts";

const sizes = [0, 1, 2, 3, 4, 5, 7, 15, 16, 17, 35, 131];
const edges = [0, -0, 6, -6, 7, 1e-40, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN, 100, -100];
/** Results are within three units of the last place; those of products are at most denormal numbers off. */
const close = (want: Float32Array) => (i: number) => 3 * 2 ** -23 * Math.abs(want[i]!) + 2 ** -149;

const [scale, scaleAlpha] = [1.0507009873554805, 1.7580993408473768];
const sigmoid = (x: number): number => (x < 0 ? Math.exp(x) / (1 + Math.exp(x)) : 1 / (1 + Math.exp(-x)));
const third = Math.fround(1 / 3);

type Unary = (y: number, x: number, n: number) => void;
const unaries: Record<string, [Unary, (x: number) => number]> = {
  leakyRelu: [(y, x, n) => kernels.leakyRelu(y, x, third, n), (x) => (x > 0 ? x : x * third)],
  elu: [kernels.elu, (x) => (x < 0 ? Math.expm1(x) : x)],
  selu: [kernels.selu, (x) => (x < 0 ? scaleAlpha * Math.expm1(x) : scale * x)],
  sigmoid: [kernels.sigmoid, sigmoid],
  tanh: [kernels.tanh, Math.tanh],
  softplus: [kernels.softplus, (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)))],
  softsign: [kernels.softsign, (x) => (Math.abs(x) === Infinity ? Number.NaN : x / (1 + Math.abs(x)))],
};

test.each(Object.entries(unaries))("%s", (name, [kernel, f]) => {
  const random = createRandom(21);
  for (const n of sizes) {
    const x = uniform(random, n, -9, 9).map((value, i) => (n > 16 ? (edges[i] ?? value) : value));
    const want = x.map(f);
    for (const inPlace of [false, true]) {
      const arena = new Arena();
      const input = inPlace ? arena.variable(x) : arena.inputAtEnd(x);
      const y = inPlace ? input : arena.output(n);
      kernel(y.pointer, input.pointer, n);
      arena.check();
      expectClose(y.values, want, close(want), `${name}, n = ${n}`);
    }
  }
  expect.assertions(sizes.length * 2);
});

type Gradient = (dx: number, dy: number, x: number, n: number) => void;
/** With the range of what the kernel takes beside dy. */
const gradients: Record<string, [Gradient, (dy: number, x: number) => number, low: number, high: number]> = {
  reluGrad: [kernels.reluGrad, (dy, x) => (x > 0 ? dy : 0), -9, 9],
  relu6Grad: [kernels.relu6Grad, (dy, x) => (x > 0 && x < 6 ? dy : 0), -9, 9],
  leakyReluGrad: [
    (dx, dy, x, n) => kernels.leakyReluGrad(dx, dy, x, third, n),
    (dy, x) => (x > 0 ? dy : dy * third),
    -9,
    9,
  ],
  eluGrad: [kernels.eluGrad, (dy, y) => (y < 0 ? Math.fround(y + 1) * dy : dy), -1, 9],
  seluGrad: [kernels.seluGrad, (dy, y) => dy * (y < 0 ? Math.fround(y + Math.fround(scaleAlpha)) : scale), -1.75, 9],
  sigmoidGrad: [kernels.sigmoidGrad, (dy, y) => dy * y * Math.fround(1 - y), 0, 1],
  tanhGrad: [kernels.tanhGrad, (dy, y) => dy * Math.fround(1 - Math.fround(y * y)), -1, 1],
  softplusGrad: [kernels.softplusGrad, (dy, x) => dy * sigmoid(x), -9, 9],
  softsignGrad: [kernels.softsignGrad, (dy, x) => dy / (1 + Math.abs(x)) ** 2, -9, 9],
  sqrtGrad: [kernels.sqrtGrad, (dy, y) => (dy * 0.5) / y, 0.1, 9],
  rsqrtGrad: [kernels.rsqrtGrad, (dy, y) => dy * -0.5 * y ** 3, 0.1, 9],
  reciprocalGrad: [kernels.reciprocalGrad, (dy, y) => -dy * y * y, -9, 9],
};

test.each(Object.entries(gradients))("%s", (name, [kernel, f, low, high]) => {
  const random = createRandom(22);
  for (const n of sizes) {
    const dy = uniform(random, n, -9, 9);
    const x = uniform(random, n, low, high);
    if (n > 16 && low < 0) x.set([0, -0]);
    if (n > 16 && high === 9) x[2] = 6;
    const want = dy.map((value, i) => f(value, x[i]!));
    for (const place of ["apart", "dy", "x"]) {
      const arena = new Arena();
      const first = place === "dy" ? arena.variable(dy) : arena.input(dy);
      const second = place === "x" ? arena.variable(x) : arena.inputAtEnd(x);
      const dx = place === "dy" ? first : place === "x" ? second : arena.output(n);
      kernel(dx.pointer, first.pointer, second.pointer, n);
      arena.check();
      expectClose(dx.values, want, close(want), `${name}, n = ${n}, dx in place of ${place}`);
    }
  }
  expect.assertions(sizes.length * 3);
});

test("addReluGrad gives the bits of an addition and reluGrad", () => {
  const random = createRandom(23);
  for (const n of sizes) {
    const [dy0, dy1, y] = [uniform(random, n, -9, 9), uniform(random, n, -9, 9), uniform(random, n, -9, 9)];
    if (n > 16) y.set([0, -0, Number.NaN, Number.POSITIVE_INFINITY]);
    const want = dy0.map((value, i) => (y[i]! > 0 ? value + dy1[i]! : 0));
    for (const place of ["apart", "dy0", "dy1"]) {
      const arena = new Arena();
      const first = place === "dy0" ? arena.variable(dy0) : arena.input(dy0);
      const second = place === "dy1" ? arena.variable(dy1) : arena.input(dy1);
      const dx = place === "dy0" ? first : place === "dy1" ? second : arena.output(n);
      kernels.addReluGrad(dx.pointer, first.pointer, second.pointer, arena.inputAtEnd(y).pointer, n);
      arena.check();
      expectSame(dx.values, want, `n = ${n}, dx in place of ${place}`);
    }
  }
});
