/** CSV (RFC 4180) as columns of numbers, read as it comes; the lexer is web-csv-toolbox, loaded on first use. */
import { dtypeFromName, type DTypeName, type TypedArray } from "../graph/dtype.ts";
import { InvalidArgumentError } from "../graph/errors.ts";
import { sizeOf } from "../graph/shape.ts";
import { column, type Column } from "./column.ts";
import { chunksOf, type ByteSource } from "./source.ts";

/** A field: by the name in the header, or by its place, from 0. */
export type CsvField = string | number;

export interface CsvColumn {
  /** The fields that make a row, in order. `{ from, to }` are places, both included. */
  fields: CsvField | readonly CsvField[] | { readonly from: number; readonly to: number };
  /** Default: float32. */
  dtype?: Exclude<DTypeName, "int64" | "string" | "resource" | "variant" | "unknown">;
  /** Shape of a row. Default: [] for one field, [n] for n. */
  shape?: readonly number[];
  /** What a field may be, if it is text: it becomes its place in this list. */
  classes?: readonly string[];
}

export interface CsvOptions<Name extends string = string> {
  columns: { readonly [K in Name]: CsvColumn };
  /** Whether the first line names the fields. Default: true. */
  header?: boolean;
  /** Default: a comma. */
  delimiter?: string;
}

/** Reads columns of numbers.
 *
 * @example
 * const { x, y } = await tf.data.csv(file, {
 *   columns: { x: { fields: { from: 0, to: 3 } }, y: { fields: "species", classes: ["setosa", "versicolor"], dtype: "int32" } },
 * }); */
export async function csv<Name extends string>(
  source: ByteSource,
  { columns, header = true, delimiter = "," }: CsvOptions<Name>,
): Promise<Record<Name, Column>> {
  const { parseStringStream } = await import("web-csv-toolbox/slim");
  // Its types would infer the fields from options that are literals.
  const recordsOf = parseStringStream as unknown as Lexer;
  let builders: [Name, Builder][] | null = null;
  let width = 0;
  let row = 0;
  let empty = true;
  try {
    const options = { header: [], columnCountStrategy: "keep", outputFormat: "array", delimiter };
    for await (const cells of recordsOf(textOf(source), options)) {
      row++;
      // An empty line.
      if (cells.length === 0) continue;
      if (!builders) {
        width = cells.length;
        const names = header ? cells : null;
        const entries = Object.entries(columns) as [Name, CsvColumn][];
        builders = entries.map(([name, given]) => [name, new Builder(name, given, names, width)]);
        if (names) continue;
      }
      if (cells.length !== width)
        throw new InvalidArgumentError(`Row ${row} of the CSV has ${cells.length} fields, the first one has ${width}.`);
      for (const [, builder] of builders) builder.add(cells, row);
      empty = false;
    }
  } catch (error) {
    if (error instanceof InvalidArgumentError) throw error;
    const { message, position } = error as Error & { position?: { line: number; column: number } };
    const where = position ? `line ${position.line}, column ${position.column}` : `behind row ${row}`;
    throw new InvalidArgumentError(`The CSV is damaged at ${where}: ${message.replace(/\.$/, "")}.`, { cause: error });
  }
  if (!builders || empty) throw new InvalidArgumentError("The CSV has no rows.");
  return Object.fromEntries(builders.map(([name, builder]) => [name, builder.column()])) as Record<Name, Column>;
}

type Lexer = (text: ReadableStream<string>, options: object) => AsyncIterable<readonly string[]>;

function textOf(source: ByteSource): ReadableStream<string> {
  const chunks = chunksOf(source);
  const decoder = new TextDecoder("utf-8");
  return new ReadableStream<string>({
    async pull(controller): Promise<void> {
      for (;;) {
        const { value, done } = await chunks.next();
        const text = done ? decoder.decode() : decoder.decode(value, { stream: true });
        if (text) controller.enqueue(text);
        if (done) controller.close();
        if (done || text) return;
      }
    },
    async cancel(): Promise<void> {
      await chunks.return();
    },
  });
}

/** A column that grows row by row. */
class Builder {
  readonly #dtype: DTypeName;
  readonly #shape: readonly number[];
  readonly #places: readonly number[];
  /** What the fields are called in messages. */
  readonly #labels: readonly string[];
  readonly #classes: ReadonlyMap<string, number> | null;
  #data: Exclude<TypedArray, BigInt64Array>;
  #length = 0;

  constructor(name: string, given: CsvColumn, header: readonly string[] | null, width: number) {
    this.#places = placesOf(name, given, header, width);
    this.#labels = this.#places.map((place) => header?.[place] ?? String(place));
    this.#dtype = given.dtype ?? "float32";
    this.#shape = given.shape ?? (this.#places.length === 1 ? [] : [this.#places.length]);
    if (sizeOf(this.#shape) !== this.#places.length)
      throw new InvalidArgumentError(
        `The CSV column '${name}' has ${this.#places.length} fields, its shape [${this.#shape.join(",")}] needs ${sizeOf(this.#shape)}.`,
      );
    this.#classes = given.classes ? new Map(given.classes.map((text, i) => [text, i])) : null;
    this.#data = this.#array(1024 * this.#places.length);
  }

  add(cells: readonly string[], row: number): void {
    if (this.#length === this.#data.length) {
      const larger = this.#array(2 * this.#length);
      larger.set(this.#data);
      this.#data = larger;
    }
    for (const [i, place] of this.#places.entries()) {
      const value = this.#valueOf(cells[place], row, this.#labels[i]);
      this.#data[this.#length] = value;
      // Integers keep what they are given, or it did not fit.
      if (this.#dtype !== "float32" && this.#data[this.#length] !== value)
        throw new InvalidArgumentError(
          `Row ${row} of the CSV, field '${this.#labels[i]}': ${cells[place]} does not fit into ${this.#dtype}.`,
        );
      this.#length++;
    }
  }

  column(): Column {
    const data = this.#data.slice(0, this.#length);
    return column({ data, shape: [this.#length / this.#places.length, ...this.#shape], dtype: this.#dtype });
  }

  #array(length: number): Exclude<TypedArray, BigInt64Array> {
    return new (dtypeFromName(this.#dtype).array!)(length) as Exclude<TypedArray, BigInt64Array>;
  }

  #valueOf(cell: string, row: number, label: string): number {
    if (this.#classes) {
      const place = this.#classes.get(cell);
      if (place !== undefined) return place;
      const known = [...this.#classes.keys()].map((text) => `'${text}'`).join(", ");
      throw new InvalidArgumentError(`Row ${row} of the CSV, field '${label}': '${cell}' is none of ${known}.`);
    }
    const text = cell.trim();
    const value = text === "" ? Number.NaN : Number(text);
    if (Number.isNaN(value))
      throw new InvalidArgumentError(`Row ${row} of the CSV, field '${label}': '${cell}' is not a number.`);
    return value;
  }
}

function placesOf(name: string, { fields }: CsvColumn, header: readonly string[] | null, width: number): number[] {
  const list =
    typeof fields === "object" && "from" in fields
      ? Array.from({ length: Math.max(0, fields.to - fields.from + 1) }, (_, i) => fields.from + i)
      : [fields as CsvField | readonly CsvField[]].flat();
  if (list.length === 0) throw new InvalidArgumentError(`The CSV column '${name}' has no fields.`);
  return list.map((field) => {
    const place = typeof field === "number" ? field : (header?.indexOf(field) ?? -1);
    if (Number.isInteger(place) && place >= 0 && place < width) return place;
    const has =
      header && typeof field === "string" ? header.map((label) => `'${label}'`).join(", ") : `${width} fields`;
    throw new InvalidArgumentError(`The CSV column '${name}' wants the field '${field}'; the file has ${has}.`);
  });
}
