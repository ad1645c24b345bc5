/** Columns: what a fit is fed from. One row is one sample; rows are gathered by index, straight into the memory of a step. */
import { dtypeFromName, type DType, type DTypeName, type TypedArray } from "../graph/dtype.ts";
import { InvalidArgumentError } from "../graph/errors.ts";
import { sizeOf } from "../graph/shape.ts";
import { dtypeOfArray, toTensorValue, type FeedValue } from "../graph/tensorValue.ts";

export interface Column {
  readonly dtype: DTypeName;
  /** Shape of a row: [] for labels, [28, 28, 1] for pictures. */
  readonly shape: readonly number[];
  readonly rows: number;
  /** Writes the rows `indices[from]` to `indices[from + count - 1]`, one after the other, to `into` from element `at` on;
   * elements are converted to what `into` holds. */
  gather(indices: Int32Array, from: number, count: number, into: TypedArray, at: number): void;
  /** Makes these rows ready to be gathered, where the column does not have them at hand. Awaited before the step; `indices` are
   * read before it returns. */
  prefetch?(indices: Int32Array, from: number, count: number): Promise<void> | undefined;
}

export interface ColumnOptions {
  /** Shape of a row. Default: what the value's own shape leaves behind the first dimension. */
  shape?: readonly number[];
  /** What the elements become. Default: what they are. */
  dtype?: DType | DTypeName;
}

/** Rows of an array in memory: a typed array (which is not copied), nested arrays, or `{ data, shape }`. */
export function column(value: FeedValue, { shape, dtype }: ColumnOptions = {}): Column {
  const { dtype: own, shape: whole, data } = wholeOf(value, typeof dtype === "string" ? dtypeFromName(dtype) : dtype);
  if (whole.length === 0) throw new InvalidArgumentError("A column has one row a sample; got a single value.");
  return new ArrayColumn(own, shape ?? whole.slice(1), data);
}

interface Whole {
  readonly dtype: DTypeName;
  readonly shape: readonly number[];
  readonly data: TypedArray;
}

function wholeOf(value: FeedValue, dtype: DType | undefined): Whole {
  const described = typeof value === "object" && "data" in value ? value : null;
  const data = described?.data ?? value;
  if (ArrayBuffer.isView(data)) {
    const array = data as TypedArray | Uint8ClampedArray;
    const shape = described?.shape ?? [array.length];
    if (sizeOf(shape) !== array.length)
      throw new InvalidArgumentError(
        `The column has ${array.length} elements, its shape [${shape.join(",")}] needs ${sizeOf(shape)}.`,
      );
    const named = described?.dtype;
    const own = named === undefined ? dtypeOfArray(array) : typeof named === "string" ? dtypeFromName(named) : named;
    // A clamped array holds what one without clamping holds.
    const plain =
      array instanceof Uint8ClampedArray ? new Uint8Array(array.buffer, array.byteOffset, array.length) : array;
    if (dtype === undefined || dtype.base === own.base) return { dtype: own.name, shape, data: plain };
  }
  const { dtype: natural, shape, data: elements } = toTensorValue(value, dtype, undefined, "the column");
  return { dtype: natural.name, shape, data: elements as TypedArray };
}

class ArrayColumn implements Column {
  readonly dtype: DTypeName;
  readonly shape: readonly number[];
  readonly rows: number;
  readonly #data: TypedArray;
  readonly #rowSize: number;

  constructor(dtype: DTypeName, shape: readonly number[], data: TypedArray) {
    this.#rowSize = sizeOf(shape);
    const rows = data.length / this.#rowSize;
    if (!shape.every((size) => Number.isInteger(size) && size > 0) || !Number.isInteger(rows) || rows === 0) {
      throw new InvalidArgumentError(
        `${data.length} elements cannot be cut into rows of shape [${shape.join(",")}]; give the column the shape of one row.`,
      );
    }
    this.dtype = dtype;
    this.shape = shape;
    this.rows = rows;
    this.#data = data;
  }

  gather(indices: Int32Array, from: number, count: number, into: TypedArray, at: number): void {
    const size = this.#rowSize;
    for (let i = 0; i < count; i++) copyElements(this.#data, indices[from + i] * size, into, at + i * size, size);
  }
}

/** Copies elements, converting them as an assignment does; the caller has checked that the types go together. */
export function copyElements(source: TypedArray, start: number, into: TypedArray, at: number, count: number): void {
  if (into instanceof BigInt64Array) {
    for (let i = 0; i < count; i++) into[at + i] = BigInt(source[start + i]);
  } else {
    const numbers = source as Float32Array;
    for (let i = 0; i < count; i++) into[at + i] = numbers[start + i];
  }
}

/** The same column with rows of another shape of as many elements. */
export function reshapeColumn(given: Column, shape: readonly number[]): Column {
  if (sizeOf(shape) !== sizeOf(given.shape))
    throw new InvalidArgumentError(
      `Rows of shape [${given.shape.join(",")}] have ${sizeOf(given.shape)} elements, the shape [${shape.join(",")}] needs ${sizeOf(shape)}.`,
    );
  return {
    dtype: given.dtype,
    shape,
    rows: given.rows,
    gather: (indices, from, count, into, at) => given.gather(indices, from, count, into, at),
    ...(given.prefetch && { prefetch: (indices, from, count) => given.prefetch!(indices, from, count) }),
  };
}

/** The rows from `start` up to `end`, as a column: to hold some back for validation. */
export function sliceColumn(given: Column, start: number, end: number = given.rows): Column {
  if (!Number.isInteger(start) || !Number.isInteger(end) || start < 0 || start >= end || end > given.rows)
    throw new InvalidArgumentError(`Rows ${start} to ${end} are not among the ${given.rows} rows of the column.`);
  return rowsOf(given, end - start, (row) => row + start);
}

/** The rows of these numbers, in their order; a row may come more than once. */
export function selectColumn(given: Column, rows: ArrayLike<number>): Column {
  for (let i = 0; i < rows.length; i++) {
    if (!Number.isInteger(rows[i]) || rows[i] < 0 || rows[i] >= given.rows)
      throw new InvalidArgumentError(`Row ${rows[i]} is not among the ${given.rows} rows of the column.`);
  }
  if (rows.length === 0) throw new InvalidArgumentError("A column needs at least one row; none was selected.");
  const chosen = Int32Array.from(rows);
  return rowsOf(given, chosen.length, (row) => chosen[row]);
}

/** A column whose row i is row `rowOf(i)` of another. */
function rowsOf(given: Column, count: number, rowOf: (row: number) => number): Column {
  let places = new Int32Array(0);
  const moved = (indices: Int32Array, from: number, count: number): Int32Array => {
    if (places.length < count) places = new Int32Array(count);
    for (let i = 0; i < count; i++) places[i] = rowOf(indices[from + i]);
    return places;
  };
  return {
    dtype: given.dtype,
    shape: given.shape,
    rows: count,
    gather: (indices, from, count, into, at) => given.gather(moved(indices, from, count), 0, count, into, at),
    ...(given.prefetch && {
      prefetch: (indices, from, count) => given.prefetch!(moved(indices, from, count), 0, count),
    }),
  };
}

export function isColumn(value: unknown): value is Column {
  return typeof value === "object" && value !== null && "gather" in value && typeof value.gather === "function";
}

/** Which types a tensor takes besides its own, without loss or as TensorFlow casts them silently. */
const accepted: Readonly<Record<string, readonly DTypeName[]>> = {
  float32: ["float64", "int32", "int16", "uint16", "int8", "uint8"],
  float64: ["float32", "int32", "int16", "uint16", "int8", "uint8"],
  int32: ["int16", "uint16", "int8", "uint8"],
  int64: ["int32", "int16", "uint16", "int8", "uint8"],
  int16: ["int8", "uint8"],
  uint16: ["uint8"],
  bool: ["uint8"],
};

/** True if rows of type `from` can be written into a tensor of type `to`. */
export function feedsInto(from: DTypeName, to: DTypeName): boolean {
  return from === to || (accepted[to]?.includes(from) ?? false);
}
