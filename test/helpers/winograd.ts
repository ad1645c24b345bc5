/** How far Winograd's kernels may be from the exact sums: the first-order bound of their rounding errors, from the transforms' own
 * matrices with magnitudes in place of values. Written from the points, apart from the kernels (assembly/winogradTransform.ts). */
import type { Geometry } from "./convolution.ts";

const epsilon = 2 ** -24;

type Matrix = readonly (readonly number[])[];

/** By the filter's taps: the points but infinity, and |B'|. Where the kernels add multiples of one element, there stand the sums of
 * magnitudes: in the rows of 1 and -1 for three taps 3/2 d2 to -d2 and 3/2 d3 to -d3. */
const transforms: Readonly<Record<number, { readonly points: readonly number[]; readonly input: Matrix }>> = {
  3: {
    points: [0, 1, -1, 0.5, -2],
    input: [
      [1, 1.5, 2, 1.5, 1, 0],
      [0, 1, 2.5, 2.5, 1, 0],
      [0, 1, 2.5, 2.5, 1, 0],
      [0, 2, 1, 2, 1, 0],
      [0, 0.5, 1, 0.5, 1, 0],
      [0, 1, 1.5, 2, 1.5, 1],
    ],
  },
  5: {
    points: [0, 1, -1, 2, -2, 0.5, -0.5],
    input: [
      [1, 0, 5.25, 0, 5.25, 0, 1, 0],
      [0, 1, 1, 4.25, 4.25, 1, 1, 0],
      [0, 1, 1, 4.25, 4.25, 1, 1, 0],
      [0, 0.5, 0.25, 2.5, 1.25, 2, 1, 0],
      [0, 0.5, 0.25, 2.5, 1.25, 2, 1, 0],
      [0, 2, 4, 2.5, 5, 0.5, 1, 0],
      [0, 2, 4, 2.5, 5, 0.5, 1, 0],
      [0, 1, 0, 5.25, 0, 5.25, 0, 1],
    ],
  },
};

/** Rows of powers of the points, `columns` each, and infinity. */
function powers(points: readonly number[], columns: number, scale: (point: number) => number): Matrix {
  const finite = points.map((p) => Array.from({ length: columns }, (_, i) => Math.abs(p ** i / scale(p))));
  return [...finite, Array.from({ length: columns }, (_, i) => (i === columns - 1 ? 1 : 0))];
}

const transposed = (m: Matrix): Matrix => m[0].map((_, j) => m.map((row) => row[j]));
const times = (a: Matrix, b: Matrix): Matrix =>
  a.map((row) => b[0].map((_, j) => row.reduce((sum, value, i) => sum + value * b[i][j], 0)));
/** m X m'. */
const around = (m: Matrix, x: Matrix): Matrix => times(times(m, x), transposed(m));

const square = (size: number, at: (i: number, j: number) => number): Matrix =>
  Array.from({ length: size }, (_, i) => Array.from({ length: size }, (_, j) => Math.abs(at(i, j))));

/** Bounds of |error| of y and dw, by element. dx is the y of another geometry. */
export function errorBounds(
  g: Geometry,
  x: ArrayLike<number>,
  filter: ArrayLike<number>,
  dy: ArrayLike<number>,
): { y: Float64Array; dw: Float64Array } {
  const taps = g.filter[0];
  const m = 4;
  const { points, input } = transforms[taps];
  const distances = (point: number): number =>
    points.filter((other) => other !== point).reduce((product, other) => product * (point - other), 1);
  const [A, G] = [powers(points, m, () => 1), powers(points, taps, distances)];
  const size = points.length + 1;
  const [y, dw] = [new Float64Array(dy.length), new Float64Array(filter.length)];
  const rows = Math.ceil(g.output[0] / m);
  const columns = Math.ceil(g.output[1] / m);
  const tileCount = g.N * rows * columns;
  // Roundings on the way of an element: two lines of input, filter and output, the products' sum, the bias.
  const [inputSteps, filterSteps, outputSteps] = [10, 12, 12];
  const forward = (inputSteps + filterSteps + outputSteps + g.C + 2) * epsilon;
  const backward = (inputSteps + filterSteps + outputSteps + tileCount + 2) * epsilon;
  const elementOf = (n: number, i: number, j: number, [h, w]: readonly number[]): number =>
    i >= 0 && i < h && j >= 0 && j < w ? (n * h + i) * w + j : -1;
  const filters = Array.from({ length: g.C * g.K }, (_, ck) =>
    around(
      G,
      square(taps, (u, v) => filter[(u * taps + v) * g.C * g.K + ck]),
    ),
  );
  const sums = filters.map(() => square(size, () => 0) as number[][]);
  for (let tile = 0; tile < tileCount; tile++) {
    const n = Math.floor(tile / (rows * columns));
    const top = (Math.floor(tile / columns) % rows) * m;
    const left = (tile % columns) * m;
    const inputs = Array.from({ length: g.C }, (_, c) =>
      around(
        input,
        square(size, (i, j) => {
          const pixel = elementOf(n, top - g.pads[0] + i, left - g.pads[1] + j, [g.H, g.W]);
          return pixel < 0 ? 0 : x[pixel * g.C + c];
        }),
      ),
    );
    for (let k = 0; k < g.K; k++) {
      const at = (i: number, j: number): number => elementOf(n, top + i, left + j, g.output);
      const product = square(size, (i, j) =>
        inputs.reduce((sum, d, c) => sum + d[i][j] * filters[c * g.K + k][i][j], 0),
      );
      const outputs = around(transposed(A), product);
      const gradient = around(
        A,
        square(m, (i, j) => (at(i, j) < 0 ? 0 : dy[at(i, j) * g.K + k])),
      );
      for (let i = 0; i < m; i++)
        for (let j = 0; j < m; j++) if (at(i, j) >= 0) y[at(i, j) * g.K + k] = forward * outputs[i][j];
      for (let c = 0; c < g.C; c++)
        for (let i = 0; i < size; i++)
          for (let j = 0; j < size; j++) sums[c * g.K + k][i][j] += inputs[c][i][j] * gradient[i][j];
    }
  }
  sums.forEach((sum, ck) =>
    around(transposed(G), sum).forEach((row, u) =>
      row.forEach((value, v) => (dw[(u * taps + v) * g.C * g.K + ck] = backward * value)),
    ),
  );
  return { y, dw };
}

/** The filter as the convolution that gives dx has it: rotated, its channels exchanged. */
export function rotated(g: Geometry, filter: Float32Array): Float32Array {
  const taps = g.filter[0] * g.filter[1];
  const result = new Float32Array(filter.length);
  for (let tap = 0; tap < taps; tap++)
    for (let c = 0; c < g.C; c++)
      for (let k = 0; k < g.K; k++) result[((taps - 1 - tap) * g.K + k) * g.C + c] = filter[(tap * g.C + c) * g.K + k];
  return result;
}
