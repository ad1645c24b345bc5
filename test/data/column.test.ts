/** Columns of arrays: rows, types, shapes, and what cannot be one. */
import { describe, expect, test } from "vitest";
import * as tf from "../../src/entry/node.ts";
import { feedsInto } from "../../src/data/column.ts";
import { expectMistake } from "../helpers/ops.ts";

/** All rows, in the order given, as numbers. */
function rowsOf(column: tf.data.Column, indices: readonly number[]): number[] {
  const size = column.shape.reduce((a, b) => a * b, 1);
  const into = new Float32Array(indices.length * size + 2).fill(-1);
  column.gather(Int32Array.from([99, ...indices]), 1, indices.length, into, 1);
  expect(into[0]).toBe(-1);
  expect(into.at(-1)).toBe(-1);
  return Array.from(into.subarray(1, -1));
}

describe("column", () => {
  test("of a typed array, which is not copied", () => {
    const data = new Uint8Array([1, 2, 3, 4, 5, 6]);
    const column = tf.data.column(data, { shape: [2] });
    expect(column).toMatchObject({ dtype: "uint8", shape: [2], rows: 3 });
    data[5] = 60;
    expect(rowsOf(column, [2, 0, 2])).toEqual([5, 60, 1, 2, 5, 60]);
  });

  test.each<[tf.FeedValue, tf.data.ColumnOptions, object]>([
    [[1, 2, 3], {}, { dtype: "int32", shape: [], rows: 3 }],
    [[1, 2, 3], { dtype: "float32" }, { dtype: "float32", shape: [], rows: 3 }],
    [[1.5, 2], {}, { dtype: "float32", shape: [], rows: 2 }],
    [
      [
        [1, 2],
        [3, 4],
      ],
      {},
      { dtype: "int32", shape: [2], rows: 2 },
    ],
    [
      [
        [1, 2],
        [3, 4],
      ],
      { shape: [2, 1] },
      { dtype: "int32", shape: [2, 1], rows: 2 },
    ],
    [[true, false], {}, { dtype: "bool", shape: [], rows: 2 }],
    [new Float64Array(6), { shape: [3] }, { dtype: "float64", shape: [3], rows: 2 }],
    [new Float64Array(6), { dtype: "float32" }, { dtype: "float32", shape: [], rows: 6 }],
    [new Uint8ClampedArray(4), {}, { dtype: "uint8", shape: [], rows: 4 }],
    [new BigInt64Array(4), {}, { dtype: "int64", shape: [], rows: 4 }],
    [{ data: new Int16Array(12), shape: [2, 3, 2] }, {}, { dtype: "int16", shape: [3, 2], rows: 2 }],
    [{ data: new Uint8Array(2), shape: [2], dtype: "bool" }, {}, { dtype: "bool", shape: [], rows: 2 }],
    [{ data: [1, 2, 3, 4], shape: [2, 2] }, {}, { dtype: "float32", shape: [2], rows: 2 }],
  ])("case %#", (value, options, expected) => {
    expect(tf.data.column(value, options)).toMatchObject(expected);
  });

  test.each<[tf.FeedValue, tf.data.ColumnOptions, string]>([
    [
      new Uint8Array(10),
      { shape: [3] },
      "10 elements cannot be cut into rows of shape [3]; give the column the shape of one row.",
    ],
    [new Uint8Array(0), {}, "0 elements cannot be cut into rows of shape []; give the column the shape of one row."],
    [[1, 2], { shape: [0] }, "2 elements cannot be cut into rows of shape [0]; give the column the shape of one row."],
    [{ data: new Uint8Array(5), shape: [2, 3] }, {}, "The column has 5 elements, its shape [2,3] needs 6."],
    [7, {}, "A column has one row a sample; got a single value."],
    [[[1, 2], [3]], {}, "The nested array for the column is ragged: its rows differ in length."],
    [[1.5], { dtype: "int32" }, "Expected int32, got 1.5 of type number for the column."],
  ])("refused, case %#", (value, options, sentence) =>
    expectMistake(() => tf.data.column(value, options), `InvalidArgumentError: ${sentence}`),
  );

  test("writes what the target holds", () => {
    const column = tf.data.column(Int32Array.of(-3, 7));
    const into = new BigInt64Array(2);
    column.gather(Int32Array.of(1, 0), 0, 2, into, 0);
    expect(into).toEqual(BigInt64Array.of(7n, -3n));
  });
});

test("which types feed which: without loss, or as TensorFlow casts them silently", () => {
  expect(feedsInto("uint8", "float32")).toBe(true);
  expect(feedsInto("uint8", "int64")).toBe(true);
  expect(feedsInto("float64", "float32")).toBe(true);
  expect(feedsInto("float32", "int32")).toBe(false);
  expect(feedsInto("int64", "int32")).toBe(false);
  expect(feedsInto("int32", "uint8")).toBe(false);
  expect(feedsInto("bool", "float32")).toBe(false);
});

describe("slice and reshape", () => {
  const column = tf.data.column(
    Float32Array.from({ length: 12 }, (_, i) => i),
    { shape: [2] },
  );

  test("give the rows that they name", () => {
    const part = tf.data.slice(column, 2, 5);
    expect(part).toMatchObject({ rows: 3, shape: [2], dtype: "float32" });
    expect(rowsOf(part, [2, 0])).toEqual([8, 9, 4, 5]);
    expect(rowsOf(tf.data.slice(part, 1), [0])).toEqual([6, 7]);
    expect(rowsOf(tf.data.reshape(part, [1, 2, 1]), [1])).toEqual([6, 7]);
  });

  test("select takes rows in any order, and more than once", () => {
    const chosen = tf.data.select(column, [5, 0, 5]);
    expect(chosen).toMatchObject({ rows: 3, shape: [2] });
    expect(rowsOf(chosen, [0, 1, 2])).toEqual([10, 11, 0, 1, 10, 11]);
  });

  test.each<[number[], string]>([
    [[0, 6], "Row 6 is not among the 6 rows of the column."],
    [[-1], "Row -1 is not among the 6 rows of the column."],
    [[], "A column needs at least one row; none was selected."],
  ])("select refuses %j", (rows, sentence) =>
    expectMistake(() => tf.data.select(column, rows), `InvalidArgumentError: ${sentence}`),
  );

  test("ask the column for those rows", async () => {
    const asked: number[][] = [];
    const slow: tf.data.Column = {
      dtype: column.dtype,
      shape: column.shape,
      rows: column.rows,
      gather: (...rest) => column.gather(...rest),
      prefetch: async (indices, from, count) => void asked.push(Array.from(indices.slice(from, from + count))),
    };
    await tf.data.reshape(tf.data.slice(slow, 3), [2, 1]).prefetch!(Int32Array.of(9, 2, 0), 1, 2);
    expect(asked).toEqual([[5, 3]]);
  });

  test.each([
    [0, 7],
    [-1, 2],
    [3, 3],
    [0.5, 2],
  ])("no rows %d to %d", (start, end) =>
    expectMistake(
      () => tf.data.slice(column, start, end),
      `InvalidArgumentError: Rows ${start} to ${end} are not among the 6 rows of the column.`,
    ),
  );

  test("another number of elements", () =>
    expectMistake(
      () => tf.data.reshape(column, [3]),
      "InvalidArgumentError: Rows of shape [2] have 2 elements, the shape [3] needs 3.",
    ));
});
