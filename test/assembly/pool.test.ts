// Pooling kernels against plain loops: channels around the vector and the block of four, windows that overlap, gaps, padding.
import { describe, expect, test } from "vitest";
import { Arena, createRandom, expectClose, expectSame, kernels, uniform } from "./harness.ts";

interface Geometry {
  input: [n: number, h: number, w: number, c: number];
  out: [number, number];
  size: [number, number];
  strides: [number, number];
  before: [number, number];
}

const channels = [1, 2, 3, 4, 5, 8, 9, 15, 16, 17, 20, 35];
const geometries: Omit<Geometry, "input">[] = [
  { out: [3, 3], size: [2, 2], strides: [2, 2], before: [0, 0] },
  { out: [3, 4], size: [3, 3], strides: [2, 2], before: [1, 0] },
  { out: [5, 7], size: [3, 3], strides: [1, 1], before: [1, 1] },
  { out: [4, 3], size: [2, 3], strides: [1, 2], before: [0, 0] },
  { out: [3, 4], size: [1, 1], strides: [2, 2], before: [0, 0] },
  { out: [1, 1], size: [5, 7], strides: [5, 7], before: [0, 0] },
  // Windows that share no cell: cut at the end, cut at the beginning, with a column left out, with gaps.
  { out: [3, 4], size: [2, 2], strides: [2, 2], before: [0, 0] },
  { out: [3, 4], size: [2, 2], strides: [2, 2], before: [1, 1] },
  { out: [2, 2], size: [2, 3], strides: [2, 3], before: [0, 0] },
  { out: [2, 3], size: [2, 1], strides: [3, 3], before: [0, 0] },
  { out: [2, 2], size: [4, 5], strides: [3, 3], before: [3, 1] },
];
const cases = [
  ...geometries.flatMap((rest) =>
    channels.map((c): Geometry => Object.assign({ input: [2, 5, 7, c] as Geometry["input"] }, rest)),
  ),
  // One channel, four windows of 2 x 2 side by side: with a rest, cut at an end, rows that overlap or are left out.
  ...[0, 1].flatMap((before) =>
    [1, 2, 3].flatMap((strideY) =>
      [7, 8, 9, 10, 19].map((width): Geometry => ({
        input: [2, 6, width, 1],
        out: [Math.ceil((6 + before) / strideY), Math.ceil((width + before) / 2)],
        size: [2, 2],
        strides: [strideY, 2],
        before: [before, before],
      })),
    ),
  ),
];

/** For each element of the result, the indices of its cells. */
function windows({ input: [n, h, w, c], out, size, strides, before }: Geometry): number[][] {
  const list: number[][] = [];
  for (let b = 0; b < n; b++)
    for (let i = 0; i < out[0]; i++)
      for (let j = 0; j < out[1]; j++)
        for (let k = 0; k < c; k++) {
          const cells: number[] = [];
          for (let u = 0; u < size[0]; u++)
            for (let v = 0; v < size[1]; v++) {
              const [y, x] = [i * strides[0] - before[0] + u, j * strides[1] - before[1] + v];
              if (y >= 0 && y < h && x >= 0 && x < w) cells.push(((b * h + y) * w + x) * c + k);
            }
          list.push(cells);
        }
  return list;
}

function block(arena: Arena, { input, out, size, strides, before }: Geometry): number {
  return arena.attributes(...input, ...out, ...size, ...strides, ...before).pointer;
}

const random = createRandom(61);
const product = (sizes: number[]): number => sizes.reduce((n, size) => n * size, 1);

describe.each(cases.map((item) => [JSON.stringify(item), item] as const))("%s", (label, geometry) => {
  const cells = windows(geometry);
  // Few different values, so that maxima are tied; no -0.
  const x = uniform(random, product(geometry.input)).map((value) => Math.round(value * 4) / 4 + 0);
  const dy = uniform(random, cells.length);
  const largest = Float32Array.from(cells, (list) => Math.max(...list.map((i) => x[i]!)));

  test("maximum and its gradient", () => {
    const arena = new Arena();
    const y = arena.output(cells.length);
    const input = arena.inputAtEnd(x);
    kernels.maxPool(y.pointer, input.pointer, block(arena, geometry));
    arena.check();
    expectSame(y.values, largest, label);

    const backward = new Arena();
    const dx = backward.output(x.length);
    const [a, b, d] = [backward.inputAtEnd(x), backward.input(largest), backward.input(dy)];
    const attributes = block(backward, geometry);
    for (const positiveOnly of [0, 1]) {
      kernels.maxPoolGrad(dx.pointer, a.pointer, b.pointer, d.pointer, attributes, positiveOnly);
      backward.check();
      const want = new Float32Array(x.length);
      cells.forEach((list, i) => {
        if (positiveOnly && !(largest[i]! > 0)) return;
        want[list.find((cell) => x[cell] === largest[i])!]! += dy[i]!;
      });
      // At most 20 windows share a cell: as many roundings of sums below 4, in another order.
      expectClose(dx.values, want, 20 * 2 ** -23, label);
    }
  });

  test("average and its gradient", () => {
    const arena = new Arena();
    const y = arena.output(cells.length);
    kernels.averagePool(y.pointer, arena.inputAtEnd(x).pointer, block(arena, geometry));
    arena.check();
    const mean = cells.map((list) => list.reduce((sum, i) => sum + x[i]!, 0) / list.length);
    // Sums of quarters are exact; one division.
    expectClose(y.values, mean, 2 ** -24, label);

    const backward = new Arena();
    const dx = backward.output(x.length);
    kernels.averagePoolGrad(dx.pointer, backward.inputAtEnd(dy).pointer, block(backward, geometry));
    backward.check();
    const want = new Float64Array(x.length);
    cells.forEach((list, i) => list.forEach((cell) => (want[cell]! += dy[i]! / list.length)));
    // As above.
    expectClose(dx.values, want, 20 * 2 ** -23, label);
  });
});

test("NaN is passed over, as in TensorFlow; a window without numbers gives -infinity", () => {
  const geometry: Geometry = { input: [1, 1, 4, 1], out: [1, 2], size: [1, 2], strides: [1, 2], before: [0, 0] };
  const arena = new Arena();
  const y = arena.output(2);
  const x = arena.input(Float32Array.of(NaN, 3, -Infinity, NaN));
  kernels.maxPool(y.pointer, x.pointer, block(arena, geometry));
  arena.check();
  expect([...y.values]).toEqual([3, -Infinity]);
});
