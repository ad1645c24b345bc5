/** Columns in SQLite, in groups of rows that a batch reads one by one: all of the data never is in memory. */
import { copyElements, type Column } from "../../src/data/column.ts";
import { dtypeFromName, type TypedArray } from "../../src/graph/dtype.ts";
import { sizeOf } from "../../src/graph/shape.ts";
import type { ColumnInfo, TensorData } from "../api.ts";
import { columnAfter, columnNotFound, type ColumnStore } from "../columns.ts";

/** A batch of random rows reads about one group for each, and what it reads is garbage soon: a page of SQLite. */
const groupBytes = 4 * 1024;

/** Groups kept in memory for each column; those of small columns fit all. */
const cachedGroups = 64;

/** A group's key is its column's number times this, plus its own. */
const groupsOfColumn = 2 ** 32;

export const columnTables = [
  `CREATE TABLE columns (id INTEGER PRIMARY KEY, name TEXT UNIQUE NOT NULL, dtype TEXT NOT NULL, shape TEXT NOT NULL,
    rows INTEGER NOT NULL)`,
  "CREATE TABLE column_groups (id INTEGER PRIMARY KEY, data BLOB NOT NULL)",
];

type ColumnRow = { id: number; name: string; dtype: ColumnInfo["dtype"]; shape: string; rows: number };

export class StoredColumns implements ColumnStore {
  readonly #storage: DurableObjectStorage;
  readonly #sql: SqlStorage;

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
    this.#sql = storage.sql;
  }

  list(): ColumnInfo[] {
    return this.#sql.exec<ColumnRow>("SELECT * FROM columns ORDER BY id").toArray().map(infoOf);
  }

  get(name: string): Column {
    const row = this.#find(name);
    if (!row) throw columnNotFound(name);
    const { dtype, shape, rows } = infoOf(row);
    const { array } = dtypeFromName(dtype);
    const Elements = array as unknown as new (buffer: ArrayBufferLike) => TypedArray;
    const size = sizeOf(shape);
    const perGroup = rowsOfGroup(rowBytes({ dtype, shape }));
    const groups = new Map<number, TypedArray>();
    const groupOf = (number: number): TypedArray => {
      let group = groups.get(number);
      if (group) return group;
      group = new Elements(this.#readGroup(row.id, number).buffer);
      // The oldest goes: a permutation comes back to none sooner than to another.
      if (groups.size >= cachedGroups) groups.delete(groups.keys().next().value!);
      groups.set(number, group);
      return group;
    };
    return {
      dtype,
      shape,
      rows,
      gather(indices, from, count, into, at) {
        for (let i = 0; i < count; i++) {
          const index = indices[from + i];
          const number = Math.floor(index / perGroup);
          copyElements(groupOf(number), (index - number * perGroup) * size, into, at + i * size, size);
        }
      },
    };
  }

  write(name: string, rows: TensorData, at: number): ColumnInfo {
    const before = this.#find(name);
    const info = columnAfter(name, rows, at, before && infoOf(before));
    this.#storage.transactionSync(() => {
      if (at === 0 && before) this.#delete(before.id);
      const id = at > 0 && before ? before.id : this.#insert(info);
      this.#sql.exec("UPDATE columns SET rows = ? WHERE id = ?", info.rows, id);
      this.#writeRows(id, rowBytes(info), bytesOf(rows), at);
    });
    return info;
  }

  delete(name: string): void {
    const row = this.#find(name);
    if (!row) throw columnNotFound(name);
    this.#storage.transactionSync(() => this.#delete(row.id));
  }

  #find(name: string): ColumnRow | undefined {
    return this.#sql.exec<ColumnRow>("SELECT * FROM columns WHERE name = ?", name).toArray()[0];
  }

  #insert({ name, dtype, shape, rows }: ColumnInfo): number {
    const insert = "INSERT INTO columns (name, dtype, shape, rows) VALUES (?, ?, ?, ?) RETURNING id";
    return this.#sql.exec<{ id: number }>(insert, name, dtype, JSON.stringify(shape), rows).one().id;
  }

  #delete(id: number): void {
    this.#sql.exec(
      "DELETE FROM column_groups WHERE id >= ? AND id < ?",
      id * groupsOfColumn,
      (id + 1) * groupsOfColumn,
    );
    this.#sql.exec("DELETE FROM columns WHERE id = ?", id);
  }

  /** Whole groups; the first and the last keep what they hold besides. */
  #writeRows(id: number, size: number, bytes: Uint8Array, at: number): void {
    const perGroup = rowsOfGroup(size);
    const count = size > 0 ? bytes.length / size : 0;
    for (let row = at; row < at + count;) {
      const number = Math.floor(row / perGroup);
      const begin = number * perGroup;
      const end = Math.min(begin + perGroup, at + count);
      const given = bytes.subarray((row - at) * size, (end - at) * size);
      let data = given;
      if (row > begin || end < begin + perGroup) {
        const old = this.#readGroup(id, number);
        data = new Uint8Array(Math.max(old.length, (end - begin) * size));
        data.set(old);
        data.set(given, (row - begin) * size);
      }
      this.#sql.exec(
        "INSERT OR REPLACE INTO column_groups VALUES (?, ?)",
        id * groupsOfColumn + number,
        data.slice().buffer,
      );
      row = end;
    }
  }

  #readGroup(id: number, number: number): Uint8Array {
    const [group] = this.#sql
      .exec<{ data: ArrayBuffer }>("SELECT data FROM column_groups WHERE id = ?", id * groupsOfColumn + number)
      .toArray();
    return new Uint8Array(group?.data ?? 0);
  }
}

function bytesOf({ data }: TensorData): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

function rowBytes({ dtype, shape }: Pick<ColumnInfo, "dtype" | "shape">): number {
  return sizeOf(shape) * dtypeFromName(dtype).size;
}

function infoOf({ name, dtype, shape, rows }: ColumnRow): ColumnInfo {
  return { name, dtype, shape: JSON.parse(shape) as number[], rows };
}

function rowsOfGroup(size: number): number {
  return Math.max(1, Math.floor(groupBytes / Math.max(1, size)));
}
