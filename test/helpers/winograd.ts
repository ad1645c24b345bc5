/** How far Winograd's kernels may be from the exact sums: the first-order bound of their rounding errors, from the transforms' own
 * matrices with magnitudes in place of values. Written from the points, apart from the kernels (assembly/winogradTransform.ts). */
import { gradientGeometry, type Geometry, type Pair } from "./convolution.ts";

const epsilon = 2 ** -24;

type Matrix = readonly (readonly number[])[];

/** The magnitudes of the transforms of a line: a row for each product. */
interface Scheme {
  readonly input: Matrix;
  readonly filter: Matrix;
  /** Transposed: what of a product goes into each output. */
  readonly output: Matrix;
  /** How far apart tiles are, on the input and on the output. */
  readonly steps: Pair;
}

/** Rows of powers of the points, `columns` each, and infinity. */
function powers(points: readonly number[], columns: number, scale: (point: number) => number): Matrix {
  const finite = points.map((p) => Array.from({ length: columns }, (_, i) => Math.abs(p ** i / scale(p))));
  return [...finite, Array.from({ length: columns }, (_, i) => (i === columns - 1 ? 1 : 0))];
}

/** 4 outputs of a filter at these points and infinity, with |B'|. Where the kernels add multiples of one element, there stand the sums
 * of magnitudes: in the rows of 1 and -1 for three taps 3/2 d2 to -d2 and 3/2 d3 to -d3. */
function schemeOf(points: readonly number[], input: Matrix): Scheme {
  const distances = (point: number): number =>
    points.filter((other) => other !== point).reduce((product, other) => product * (point - other), 1);
  const taps = points.length - 2;
  return { input, filter: powers(points, taps, distances), output: powers(points, 4, () => 1), steps: [4, 4] };
}

/** Two taps, of which convolutions of stride 2 are made. */
const pair = schemeOf(
  [0, 1, -1, 0.5],
  [
    [0.5, 1, 0.5, 1, 0],
    [0, 0.5, 0.5, 1, 0],
    [0, 0.5, 1.5, 1, 0],
    [0, 1, 0, 1, 0],
    [0, 0.5, 1, 0.5, 1],
  ],
);

/** `values` at every second place, from `first` on. */
const spread = (values: readonly number[], length: number, first: number): number[] =>
  Array.from({ length }, (_, i) => ((i - first) % 2 === 0 ? (values[(i - first) / 2] ?? 0) : 0));
const tap = (scale: number): number[] => [0, scale, 0];

/** Stride 2: F(4, 2) of the even inputs, and a single tap of the odd ones at the points 0, 1, -1 and infinity. */
const strided: Scheme = {
  input: [
    ...pair.input.map((row) => spread(row, 9, 0)),
    ...[
      [1, 0, 1, 0],
      [0, 1, 1, 0],
      [0, 1, 1, 0],
      [0, 1, 0, 1],
    ].map((row) => spread(row, 9, 1)),
  ],
  filter: [...pair.filter.map((row) => spread(row, 3, 0)), tap(1), tap(0.5), tap(0.5), tap(1)],
  output: [...pair.output, ...[0, 1, 2, 4].map((i) => pair.output[i]!)],
  steps: [8, 4],
};

/** Its gradient by the input: F(4, 2) for the even elements, and for the odd ones the same without 0 or, where they come first in a
 * tile because the padding is odd, without infinity. */
function stridedBack(pad: number): Scheme {
  const isOdd = pad % 2 === 1;
  const without = (rows: Matrix): Matrix => rows.filter((_, i) => i !== (isOdd ? 4 : 0));
  return {
    input: [...pair.input, ...without(pair.input)],
    filter: [
      ...pair.filter.map((row) => spread(row, 3, 0)),
      ...without(pair.filter).map((row) => tap(row[isOdd ? 0 : 1]!)),
    ],
    output: [
      ...pair.output.map((row) => spread(row, 8, isOdd ? 1 : 0)),
      ...without(pair.output).map((row) => spread(row, 8, isOdd ? 0 : 1)),
    ],
    steps: [4, 8],
  };
}

/** By taps and stride. */
const schemes: Readonly<Record<string, Scheme>> = {
  "3/1": schemeOf(
    [0, 1, -1, 0.5, -2],
    [
      [1, 1.5, 2, 1.5, 1, 0],
      [0, 1, 2.5, 2.5, 1, 0],
      [0, 1, 2.5, 2.5, 1, 0],
      [0, 2, 1, 2, 1, 0],
      [0, 0.5, 1, 0.5, 1, 0],
      [0, 1, 1.5, 2, 1.5, 1],
    ],
  ),
  "5/1": schemeOf(
    [0, 1, -1, 2, -2, 0.5, -0.5],
    [
      [1, 0, 5.25, 0, 5.25, 0, 1, 0],
      [0, 1, 1, 4.25, 4.25, 1, 1, 0],
      [0, 1, 1, 4.25, 4.25, 1, 1, 0],
      [0, 0.5, 0.25, 2.5, 1.25, 2, 1, 0],
      [0, 0.5, 0.25, 2.5, 1.25, 2, 1, 0],
      [0, 2, 4, 2.5, 5, 0.5, 1, 0],
      [0, 2, 4, 2.5, 5, 0.5, 1, 0],
      [0, 1, 0, 5.25, 0, 5.25, 0, 1],
    ],
  ),
  "3/2": strided,
};

const transposed = (m: Matrix): Matrix => m[0].map((_, j) => m.map((row) => row[j]));
const times = (a: Matrix, b: Matrix): Matrix =>
  a.map((row) => b[0].map((_, j) => row.reduce((sum, value, i) => sum + value * b[i][j], 0)));
/** m X n'. */
const around = (m: Matrix, x: Matrix, n: Matrix = m): Matrix => times(times(m, x), transposed(n));

const square = (size: number, at: (i: number, j: number) => number): Matrix =>
  Array.from({ length: size }, (_, i) => Array.from({ length: size }, (_, j) => Math.abs(at(i, j))));

/** An image's elements at a tile: 0 outside. */
function tileOf(
  values: ArrayLike<number>,
  [height, width]: Pair,
  channels: number,
  [n, top, left]: readonly number[],
  channel: number,
  size: number,
): Matrix {
  return square(size, (i, j) => {
    const [row, column] = [top + i, left + j];
    const isInside = row >= 0 && row < height && column >= 0 && column < width;
    return isInside ? values[((n * height + row) * width + column) * channels + channel] : 0;
  });
}

interface Bounds {
  readonly y: Float64Array;
  readonly dw: Float64Array;
}

/** Of a convolution as `scheme` computes its lines, and `across` its columns, whose tiles begin at `from` on the input and at `to` on the
 * output. */
function boundsOf(
  scheme: Scheme,
  across: Scheme,
  g: Geometry,
  x: ArrayLike<number>,
  filter: ArrayLike<number>,
  dy: ArrayLike<number>,
  from: Pair,
  to: Pair,
): Bounds {
  const taps = g.filter[0];
  const { input, output, steps } = scheme;
  const [y, dw] = [new Float64Array(dy.length), new Float64Array(filter.length)];
  const [rows, columns] = ([0, 1] as const).map((axis) => Math.ceil((g.output[axis] - to[axis]) / steps[1]));
  const tileCount = g.N * rows * columns;
  // Roundings on the way of an element: two lines of input, filter and output, the products' sum, the bias.
  const [inputSteps, filterSteps, outputSteps] = [10, 12, 12];
  // With stride 2 up to four elements of the input's tile go into one product.
  const depth = scheme === strided ? 4 * g.C : g.C;
  const forward = (inputSteps + filterSteps + outputSteps + depth + 2) * epsilon;
  const backward = (inputSteps + filterSteps + outputSteps + tileCount + 2) * epsilon;
  const filters = Array.from({ length: g.C * g.K }, (_, ck) =>
    around(
      scheme.filter,
      square(taps, (u, v) => filter[(u * taps + v) * g.C * g.K + ck]),
      across.filter,
    ),
  );
  const size = input.length;
  const sums = filters.map(() => square(size, () => 0) as number[][]);
  for (let tile = 0; tile < tileCount; tile++) {
    const n = Math.floor(tile / (rows * columns));
    const [i, j] = [Math.floor(tile / columns) % rows, tile % columns];
    const seen = [n, i * steps[0] + from[0], j * steps[0] + from[1]];
    const given = [n, i * steps[1] + to[0], j * steps[1] + to[1]];
    const inputs = Array.from({ length: g.C }, (_, c) =>
      around(input, tileOf(x, [g.H, g.W], g.C, seen, c, input[0].length), across.input),
    );
    for (let k = 0; k < g.K; k++) {
      const product = square(size, (a, b) =>
        inputs.reduce((sum, d, c) => sum + d[a][b] * filters[c * g.K + k][a][b], 0),
      );
      around(transposed(output), product, transposed(across.output)).forEach((line, p) =>
        line.forEach((value, q) => {
          const [row, column] = [given[1] + p, given[2] + q];
          if (row < 0 || row >= g.output[0] || column < 0 || column >= g.output[1]) return;
          y[((n * g.output[0] + row) * g.output[1] + column) * g.K + k] = forward * value;
        }),
      );
      const gradient = around(output, tileOf(dy, g.output, g.K, given, k, output[0].length), across.output);
      for (let c = 0; c < g.C; c++)
        for (let a = 0; a < size; a++)
          for (let b = 0; b < size; b++) sums[c * g.K + k][a][b] += inputs[c][a][b] * gradient[a][b];
    }
  }
  sums.forEach((sum, ck) =>
    around(transposed(scheme.filter), sum, transposed(across.filter)).forEach((row, u) =>
      row.forEach((value, v) => (dw[(u * taps + v) * g.C * g.K + ck] = backward * value)),
    ),
  );
  return { y, dw };
}

/** Bounds of |error| of y, dx and dw, by element. */
export function errorBounds(
  g: Geometry,
  x: ArrayLike<number>,
  filter: Float32Array,
  dy: ArrayLike<number>,
): Bounds & { readonly dx: Float64Array } {
  const [taps, stride] = [g.filter[0], g.strides[0]];
  const scheme = schemes[`${taps}/${stride}`];
  const { y, dw } = boundsOf(scheme, scheme, g, x, filter, dy, [-g.pads[0], -g.pads[1]], [0, 0]);
  const back = gradientGeometry(g);
  const weights = rotated(g, filter);
  if (stride === 1) {
    const dx = boundsOf(scheme, scheme, back, dy, weights, x, [-back.pads[0], -back.pads[1]], [0, 0]);
    return { y, dx: dx.y, dw };
  }
  const [rows, columns] = g.pads.map(stridedBack);
  const [from, to] = [(pad: number) => (pad % 2) - 1, (pad: number) => (pad % 2) - pad];
  const [top, left] = g.pads;
  const dx = boundsOf(rows!, columns!, back, dy, weights, x, [from(top), from(left)], [to(top), to(left)]);
  return { y, dx: dx.y, dw };
}

/** The filter as the convolution that gives dx has it: rotated, its channels exchanged. */
function rotated(g: Geometry, filter: Float32Array): Float32Array {
  const taps = g.filter[0] * g.filter[1];
  const result = new Float32Array(filter.length);
  for (let tap = 0; tap < taps; tap++)
    for (let c = 0; c < g.C; c++)
      for (let k = 0; k < g.K; k++) result[((taps - 1 - tap) * g.K + k) * g.C + c] = filter[(tap * g.C + c) * g.K + k];
  return result;
}
