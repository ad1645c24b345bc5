// Reductions, running sums, gathers, top k, resizing and normalization: guards around every buffer, plain loops as reference.
import { expect, test } from "vitest";
import { broadcastWalk } from "../../src/ops/comparison.ts";
import { Arena, createRandom, EPSILON, expectClose, expectSame, kernels, uniform } from "./harness.ts";

const sizes = [1, 3, 4, 5, 7, 8, 9, 33];
const random = createRandom(5);

test.each(sizes)("max, min, prod over rows and columns of %i", (n) => {
  const f = { reduceMax: Math.max, reduceMin: Math.min, reduceProd: (a: number, b: number) => Math.fround(a * b) };
  for (const [name, combine] of Object.entries(f)) {
    for (const kept of [
      [3, 1],
      [1, n],
    ]) {
      // prettier-ignore
      const x = uniform(random, 3 * n, 0.5, 1.5);
      const arena = new Arena();
      const input = arena.input(x);
      const y = arena.output(kept[0] * kept[1]);
      const block = arena.attributes(...broadcastWalk([kept], [3, n]));
      kernels[name as "reduceMax"](y.pointer, input.pointer, block.pointer, y.length, 1);
      arena.check();
      const rows = Array.from({ length: 3 }, (_, i) => Array.from(x.slice(i * n, (i + 1) * n)));
      const want =
        kept[0] === 3
          ? rows.map((row) => row.reduce((a, b) => combine(a, b)))
          : rows[0].map((_, j) => rows.map((row) => row[j]).reduce((a, b) => combine(a, b)));
      // Products of floats round once for each factor, here in the order of the reference.
      expectSame(y.values, want, `${name} ${kept}`);
    }
  }
});

test.each(sizes)("argExtremum, cumulate, l2Loss of %i", (n) => {
  const x = uniform(random, 2 * n * 3);
  const arena = new Arena();
  const input = arena.input(x);
  const places = arena.outputInt32(6);
  kernels.argExtremum(places.pointer, input.pointer, 2, n, 3, 1, 0, 4);
  const sums = arena.output(x.length);
  kernels.cumulate(sums.pointer, input.pointer, 2, n, 3, 3, 0, 0);
  const loss = arena.output(1);
  kernels.l2Loss(loss.pointer, input.pointer, x.length);
  arena.check();
  for (let o = 0; o < 2; o++) {
    for (let j = 0; j < 3; j++) {
      const line = Array.from({ length: n }, (_, i) => x[(o * n + i) * 3 + j]);
      expect(places.values[o * 3 + j]).toBe(line.indexOf(Math.max(...line)));
      let sum = 0;
      line.forEach((value, i) => {
        sum = Math.fround(sum + value);
        expect(sums.values[(o * n + i) * 3 + j]).toBe(sum);
      });
    }
  }
  // Float64 inside: one rounding at the end.
  const want = x.reduce((sum, value) => sum + value * value, 0) / 2;
  expectClose(loss.values, [want], 2 * EPSILON * want, "l2Loss");
});

test.each(sizes)("gather, unsortedSegmentSum, oneHot, rows of %i", (n) => {
  const x = uniform(random, 4 * n).map((value) => Math.round(value * 9) + 0);
  const indices = Int32Array.of(3, -1, 0, 3, 4);
  const arena = new Arena();
  const [input, picks] = [arena.input(x), arena.input(indices)];
  const rows = arena.output(5 * n);
  kernels.gather(rows.pointer, input.pointer, picks.pointer, 1, 4, 5, 4 * n, 4);
  const sums = arena.output(4 * n);
  kernels.unsortedSegmentSum(sums.pointer, rows.pointer, picks.pointer, 4, 5, n, 4);
  const [on, off] = [arena.input(Float32Array.of(1)), arena.input(Float32Array.of(0))];
  const hot = arena.output(5 * n);
  kernels.oneHot(hot.pointer, picks.pointer, on.pointer, off.pointer, 5, n, 1, 4, 4);
  arena.check();
  const row = (i: number): number[] => Array.from({ length: n }, (_, j) => (i >= 0 && i < 4 ? x[i * n + j] : 0));
  expectSame(rows.values, Array.from(indices).flatMap(row), "gather");
  expectSame(sums.values.map((value) => value + 0), [0, -1, -1, 3].flatMap((i) => row(i).map((value) => (i === 3 ? 2 * value : value))), "sums"); // prettier-ignore
  expectSame(hot.values, Array.from(indices).flatMap((index) => Array.from({ length: n }, (_, j) => Number(j === index))), "oneHot"); // prettier-ignore
});

test.each(sizes)("topK and inTopK of rows of %i", (n) => {
  const x = uniform(random, 2 * n);
  const k = Math.ceil(n / 2);
  const arena = new Arena();
  const [input, targets] = [arena.input(x), arena.input(Int32Array.of(0, n - 1))];
  const [values, indices] = [arena.output(2 * k), arena.outputInt32(2 * k)];
  const inTop = arena.variable(new Uint8Array(2).fill(7));
  kernels.topK(values.pointer, indices.pointer, input.pointer, 2, n, k);
  kernels.inTopK(inTop.pointer, input.pointer, targets.pointer, 2, n, k, 4);
  arena.check();
  for (const i of [0, 1]) {
    const line = Array.from(x.slice(i * n, (i + 1) * n));
    const order = line.map((_, j) => j).sort((a, b) => line[b] - line[a] || a - b);
    expect(Array.from(indices.values.slice(i * k, (i + 1) * k))).toEqual(order.slice(0, k));
    expect(Array.from(values.values.slice(i * k, (i + 1) * k))).toEqual(order.slice(0, k).map((j) => line[j]));
    expect(inTop.values[i]).toBe(Number(order.indexOf(i ? n - 1 : 0) < k));
  }
});

test.each(sizes)("resizing and normalization, %i channels, stay inside their buffers", (channels) => {
  const arena = new Arena();
  const half = new Int32Array(Float32Array.of(0.5).buffer)[0];
  const block = arena.attributes(1, 2, 2, channels, 4, 4, half, half, 0, 0).pointer;
  const [small, large] = [arena.input(uniform(random, 4 * channels)), arena.input(uniform(random, 16 * channels))];
  const outputs = [16, 16, 4, 4].map((pixels) => arena.output(pixels * channels));
  kernels.resizeBilinear(outputs[0].pointer, small.pointer, block);
  kernels.resizeNearest(outputs[1].pointer, small.pointer, block);
  kernels.resizeBilinearGrad(outputs[2].pointer, large.pointer, block);
  kernels.resizeNearestGrad(outputs[3].pointer, large.pointer, block);
  const scratch = arena.scratch(kernels.lrnScratchBytes(channels));
  const [y, dx] = [arena.output(4 * channels), arena.output(4 * channels)];
  kernels.lrn(y.pointer, small.pointer, scratch.pointer, 4, channels, 2, 1, 0.5, 0.75);
  kernels.lrnGrad(dx.pointer, small.pointer, small.pointer, y.pointer, scratch.pointer, 4, channels, 2, 1, 0.5, 0.75);
  arena.check();
  for (const output of [...outputs, y, dx]) expect(output.values.every(Number.isFinite)).toBe(true);
  // Weights add up to 1: gradients keep the sum. 64 roundings at most, of numbers up to 4.
  const total = (values: Float32Array): number => values.reduce((sum, value) => sum + value, 0);
  for (const i of [2, 3]) expect(Math.abs(total(outputs[i].values) - total(large.values))).toBeLessThan(64 * channels * 4 * EPSILON); // prettier-ignore
});
