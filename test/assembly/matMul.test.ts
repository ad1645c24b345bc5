// Products of matrices against float64, in all transposes, at sizes around the tile, the panel and the block of rows.
import { describe, expect, test } from "vitest";
import { Arena, type Buffer, createRandom, EPSILON, expectClose, expectSame, kernels, uniform } from "./harness.ts";

interface Product {
  readonly rows: number;
  readonly columns: number;
  readonly depth: number;
  readonly transposeA?: boolean;
  readonly transposeB?: boolean;
  readonly activation?: number;
  /** Index of the matrix in a and in b, for each product. */
  readonly batch?: readonly (readonly [number, number])[];
}

function attributes(arena: Arena, product: Product): Buffer<Int32Array> {
  const { rows, columns, depth, transposeA, transposeB, activation = 0, batch = [[0, 0]] } = product;
  return arena.attributes(
    batch.length,
    rows,
    columns,
    depth,
    Number(transposeA ?? false),
    Number(transposeB ?? false),
    activation,
    ...batch.flat(),
  );
}

function multiply(
  a: Float32Array,
  b: Float32Array,
  bias: Float32Array | null,
  product: Product,
  shift = 0,
): Float32Array {
  const arena = new Arena(shift);
  const block = attributes(arena, product);
  const [left, right] = [arena.input(a), arena.inputAtEnd(b)];
  const scratch = arena.scratch(kernels.matMulScratchBytes(block.pointer));
  const c = arena.output((product.batch?.length ?? 1) * product.rows * product.columns);
  const biasPointer = bias ? arena.input(bias).pointer : 0;
  kernels.matMul(c.pointer, left.pointer, right.pointer, biasPointer, scratch.pointer, block.pointer);
  arena.check();
  return c.values;
}

/** The exact result, and the sum of the magnitudes of what was added: the error is at most `depth` roundings of that. */
function reference(a: Float32Array, b: Float32Array, product: Product): { exact: number[]; bound: number[] } {
  const { rows, columns, depth, transposeA, transposeB, batch = [[0, 0]] } = product;
  const exact: number[] = [];
  const bound: number[] = [];
  for (const [indexA, indexB] of batch) {
    for (let i = 0; i < rows; i++) {
      for (let j = 0; j < columns; j++) {
        let sum = 0;
        let magnitude = 0;
        for (let k = 0; k < depth; k++) {
          const left = a[indexA * rows * depth + (transposeA ? k * rows + i : i * depth + k)];
          const right = b[indexB * depth * columns + (transposeB ? j * depth + k : k * columns + j)];
          sum += left * right;
          magnitude += Math.abs(left * right);
        }
        exact.push(sum);
        bound.push(magnitude * (depth + 2) * EPSILON);
      }
    }
  }
  return { exact, bound };
}

/** The transpose of a matrix [rows, columns]. */
function swap(matrix: Float32Array, rows: number, columns: number): Float32Array {
  return Float32Array.from(matrix, (_, i) => matrix[(i % rows) * columns + Math.floor(i / rows)]);
}

const sizes = [1, 3, 4, 5, 8, 9, 17];
/** Rows past one block and past two, deep and wide ones. */
const large = [
  [63, 5, 7],
  [64, 4, 3],
  [65, 9, 2],
  [131, 3, 1],
  [2, 33, 130],
];
const shapes = [...sizes.flatMap((m) => sizes.flatMap((n) => [1, 3, 4, 5, 9].map((k) => [m, n, k]))), ...large];

describe("shapes", () => {
  test.each([
    [false, false],
    [true, false],
    [false, true],
    [true, true],
  ])("transposed: a %s, b %s", (transposeA, transposeB) => {
    const random = createRandom(5);
    for (const [rows, columns, depth] of shapes) {
      const [a, b] = [uniform(random, rows * depth), uniform(random, depth * columns)];
      const product = { rows, columns, depth, transposeA, transposeB };
      const got = multiply(a, b, null, product, rows % 3);
      const { exact, bound } = reference(a, b, product);
      expectClose(got, exact, (i) => bound[i], `${rows} x ${columns}, depth ${depth}`);
      // However the operands lie, the sums are the same.
      const plainA = transposeA ? swap(a, depth, rows) : a;
      const plainB = transposeB ? swap(b, columns, depth) : b;
      expectSame(got, multiply(plainA, plainB, null, { rows, columns, depth }), "the same bits as not transposed");
    }
  });
});

test.each([1, 3, 5])("a batch takes its matrices by index, for %i rows", (rows) => {
  const random = createRandom(6);
  const batch = [
    [0, 1],
    [0, 1],
    [2, 0],
    [1, 2],
  ] as const;
  const [a, b] = [uniform(random, 3 * rows * 6), uniform(random, 3 * 6 * 7)];
  for (const [transposeA, transposeB] of [
    [false, false],
    [true, true],
  ]) {
    const product = { rows, columns: 7, depth: 6, transposeA, transposeB, batch };
    const { exact, bound } = reference(a, b, product);
    expectClose(multiply(a, b, null, product), exact, (i) => bound[i], "batch");
  }
});

test.each([1, 2, 3, 9])("bias and activation come last, for %i rows", (rows) => {
  const random = createRandom(7);
  const [columns, depth] = [11, 5];
  const [a, b, bias] = [
    uniform(random, rows * depth, 0, 3),
    uniform(random, depth * columns),
    uniform(random, columns),
  ];
  const size = { rows, columns, depth };
  const plain = multiply(a, b, null, size);
  const biased = plain.map((value, i) => value + bias[i % columns]);
  expectSame(multiply(a, b, bias, size), biased, "bias");
  const relu = biased.map((value) => Math.max(value, 0));
  expectSame(multiply(a, b, bias, { ...size, activation: 1 }), relu, "relu");
  expectSame(
    multiply(a, b, null, { ...size, activation: 1 }),
    plain.map((value) => Math.max(value, 0)),
    "relu without a bias",
  );
  // Four times as much, without another rounding.
  const relu6 = biased.map((value) => Math.min(Math.max(4 * value, 0), 6));
  const [more, moreBias] = [a, bias].map((values) => values.map((value) => 4 * value));
  expectSame(multiply(more, b, moreBias, { ...size, activation: 2 }), relu6, "relu6");
});

test("nothing to add is 0, plus the bias; no elements are no elements", () => {
  const empty = new Float32Array(0);
  for (const transposeA of [false, true]) {
    const product = { rows: 70, columns: 3, depth: 0, transposeA, transposeB: transposeA };
    expectSame(multiply(empty, empty, null, product), new Float32Array(210), "zeros");
    const bias = Float32Array.of(1, 2, 3);
    expectSame(multiply(empty, empty, bias, { ...product, rows: 2 }), [1, 2, 3, 1, 2, 3], "bias");
  }
  for (const product of [
    { rows: 0, columns: 3, depth: 2 },
    { rows: 3, columns: 0, depth: 2 },
    { rows: 3, columns: 3, depth: 2, batch: [] },
  ]) {
    expect(multiply(new Float32Array(6), new Float32Array(6), null, product).length).toBe(0);
  }
});

test("NaN and infinity spread along their row and column only", () => {
  const a = Float32Array.of(1, Number.NaN, 1, 1, Infinity, 1);
  const b = Float32Array.of(1, 2, 3, 4);
  const got = multiply(a, b, null, { rows: 3, columns: 2, depth: 2 });
  expectSame(got, [NaN, NaN, 4, 6, Infinity, Infinity], "rows");
});
