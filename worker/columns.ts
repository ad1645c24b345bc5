/** Columns of training data next to a session: rows of one tensor under a name, which a fit reads batch by batch. */
import { column as columnOf, type Column } from "../src/data/column.ts";
import type { TypedArray } from "../src/graph/dtype.ts";
import { InvalidArgumentError, NotFoundError } from "../src/graph/errors.ts";
import { formatShape, sizeOf } from "../src/graph/shape.ts";
import type { ColumnInfo, TensorData } from "./api.ts";

/** Where a host keeps columns. */
export interface ColumnStore {
  list(): ColumnInfo[];
  /** As `tf.fit` takes it. */
  get(name: string): Column;
  /** Writes rows from row `at` on. At 0 the column is made anew; later parts follow without a gap, or replace what is there. */
  write(name: string, rows: TensorData, at: number): ColumnInfo;
  delete(name: string): void;
}

/** Checks that `rows` can be written at row `at` of a column that is `existing` so far; gives what it is afterwards. */
export function columnAfter(name: string, rows: TensorData, at: number, existing: ColumnInfo | undefined): ColumnInfo {
  const { dtype } = rows;
  const [count, ...shape] = rows.shape;
  if (count === undefined) {
    throw new InvalidArgumentError(`The column '${name}' must have rows, the value given is a scalar.`);
  }
  if (sizeOf(rows.shape) !== rows.data.length) {
    throw new InvalidArgumentError(
      `The column '${name}' has ${rows.data.length} elements, its shape ${formatShape(rows.shape)} needs ${sizeOf(rows.shape)}.`,
    );
  }
  if (at === 0) return { name, dtype, shape, rows: count };
  if (!existing) throw columnNotFound(name);
  if (existing.dtype !== dtype || formatShape(existing.shape) !== formatShape(shape)) {
    throw new InvalidArgumentError(
      `The rows given for column '${name}' are ${formatShape(shape)} ${dtype}, its rows are ${formatShape(existing.shape)} ${existing.dtype}.`,
    );
  }
  if (!Number.isSafeInteger(at) || at < 0 || at > existing.rows) {
    throw new InvalidArgumentError(
      `Rows of column '${name}' cannot begin at row ${at}: it has ${existing.rows}, and parts follow without a gap.`,
    );
  }
  return { ...existing, rows: Math.max(existing.rows, at + count) };
}

export function columnNotFound(name: string): Error {
  return new NotFoundError(`The session has no data called '${name}'. Put it there first.`);
}

/** Columns in memory: in a process or a worker. */
export class MemoryColumns implements ColumnStore {
  /** `data` may be longer than its rows: it is doubled when it is full. */
  readonly #columns = new Map<string, { info: ColumnInfo; data: TypedArray }>();

  list(): ColumnInfo[] {
    return [...this.#columns.values()].map(({ info }) => info);
  }

  get(name: string): Column {
    const column = this.#columns.get(name);
    if (!column) throw columnNotFound(name);
    const { info, data } = column;
    const { dtype, shape, rows } = info;
    return columnOf({ dtype, shape: [rows, ...shape], data: data.subarray(0, rows * sizeOf(shape)) });
  }

  write(name: string, rows: TensorData, at: number): ColumnInfo {
    const before = this.#columns.get(name);
    const info = columnAfter(name, rows, at, before?.info);
    let { data } = rows;
    if (at > 0) {
      const size = sizeOf(info.shape);
      data = before!.data;
      if (data.length < info.rows * size) {
        const Array = data.constructor as new (length: number) => Float32Array;
        const larger = new Array(Math.max(info.rows * size, 2 * data.length));
        larger.set(data as Float32Array);
        data = larger;
      }
      (data as Float32Array).set(rows.data as Float32Array, at * size);
    }
    this.#columns.set(name, { info, data });
    return info;
  }

  delete(name: string): void {
    if (!this.#columns.delete(name)) throw columnNotFound(name);
  }
}
