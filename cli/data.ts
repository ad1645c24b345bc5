/** `--data file[:tensor]`: columns of training data from files, for the placeholders that they feed. */
import { existsSync } from "node:fs";
import { extname } from "node:path";
import { gunzipSync } from "node:zlib";
import * as tf from "../src/entry/node.ts";
import { formatShape, isFullyDefined, sizeOf } from "../src/graph/shape.ts";
import { tensorName } from "./feeds.ts";
import { named, readBytes } from "./files.ts";
import { UsageError } from "./io.ts";

/** Columns by the names of the tensors that they feed. */
export async function readColumns(graph: tf.Graph, flags: readonly string[]): Promise<Map<string, tf.data.Column>> {
  const columns = new Map<string, tf.data.Column>();
  for (const flag of flags) {
    const { path, column, tensor } = splitData(flag);
    for (const [name, value] of await readFileColumns(graph, path, { column, tensor })) {
      const target = tensorName(name);
      if (columns.has(target)) throw new UsageError(`--data gives '${target}' twice: once is enough.`);
      columns.set(target, fitRows(graph, target, value, path));
    }
  }
  return columns;
}

interface Wanted {
  /** What the column is called in the file; every one where it is left out. */
  readonly column: string | null;
  /** What it feeds, where it is called otherwise. */
  readonly tensor: string | null;
}

/** `file`, `file:tensor`, `file:column=tensor`: names have colons too, so that the file is the longest beginning that exists. */
function splitData(flag: string): { path: string } & Wanted {
  if (existsSync(flag)) return { path: flag, column: null, tensor: null };
  for (let at = flag.lastIndexOf(":"); at > 0; at = flag.lastIndexOf(":", at - 1)) {
    const path = flag.slice(0, at);
    if (!existsSync(path)) continue;
    const rest = flag.slice(at + 1);
    const equals = rest.indexOf("=");
    if (equals < 0) return { path, column: rest, tensor: rest };
    return { path, column: rest.slice(0, equals), tensor: rest.slice(equals + 1) };
  }
  throw new UsageError(`--data '${flag}': there is no such file. Write file, file:tensor or file:column=tensor.`);
}

type Columns = readonly (readonly [tensor: string, column: tf.data.Column])[];

async function readFileColumns(graph: tf.Graph, path: string, wanted: Wanted): Promise<Columns> {
  const bytes = await readBytes(path);
  return named(path, async () => {
    const kind = extname(path.replace(/\.gz$/i, "")).toLowerCase();
    if (kind === ".safetensors") return pick(path, await tf.data.safetensors(bytes), wanted);
    if (kind === ".csv") return readCsv(graph, { path, bytes }, wanted);
    if (wanted.tensor === null) throw new UsageError(`'${path}' has one column without a name: write ${path}:tensor.`);
    return [[wanted.tensor, await tf.data.idx(bytes)]];
  });
}

function pick(path: string, columns: Readonly<Record<string, tf.data.Column>>, { column, tensor }: Wanted): Columns {
  if (column === null) return Object.entries(columns);
  const all = new Map(Object.entries(columns));
  const value = all.get(column) ?? all.get(tensorName(column)) ?? (all.size === 1 ? [...all.values()][0] : undefined);
  if (value) return [[tensor!, value]];
  const names = [...all.keys()].map((name) => `'${name}'`).join(", ");
  throw new UsageError(`'${path}' has no column '${column}'. It has ${names}.`);
}

/** Fields by their names or places, from 0: `label=y`, `width,height=x`, `0-3=x`. */
async function readCsv(
  graph: tf.Graph,
  { path, bytes }: { path: string; bytes: Uint8Array },
  { column, tensor }: Wanted,
): Promise<Columns> {
  if (column === null || tensor === null)
    throw new UsageError(`'${path}' needs its fields named: write ${path}:0-3=tensor or ${path}:width,height=tensor.`);
  const range = /^(\d+)-(\d+)$/.exec(column);
  const fields = range
    ? { from: Number(range[1]), to: Number(range[2]) }
    : column.split(",").map((field) => (/^\d+$/.test(field) ? Number(field) : field));
  const { dtype } = findTensor(graph, tensorName(tensor)) ?? {};
  // Every whole number that a table of text has fits into int32.
  const type = dtype?.base.name === "int64" ? "int32" : dtype?.base.name;
  const plain = isGzip(bytes) ? unzip(path, bytes) : bytes;
  const [first] = new TextDecoder().decode(plain.subarray(0, 65_536)).split(/\r?\n/, 1);
  const header = first.split(",").some((cell) => cell.trim() === "" || Number.isNaN(Number(cell)));
  const options = { columns: { [tensor]: { fields, ...(type && { dtype: type as "float32" }) } }, header };
  return Object.entries(await tf.data.csv(plain, options));
}

function isGzip(bytes: Uint8Array): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b;
}

function unzip(path: string, bytes: Uint8Array): Uint8Array {
  try {
    return new Uint8Array(gunzipSync(bytes));
  } catch (error) {
    throw new UsageError(`'${path}' cannot be unpacked: ${(error as Error).message}.`, { cause: error });
  }
}

function findTensor(graph: tf.Graph, name: string): tf.Tensor | undefined {
  return graph.findOperation(name.replace(/:\d+$/, ""))?.outputs[Number(name.slice(name.lastIndexOf(":") + 1))];
}

/** Gives rows the shape that the tensor asks, where they have as many elements: [28, 28] for [28, 28, 1]. */
function fitRows(graph: tf.Graph, name: string, column: tf.data.Column, path: string): tf.data.Column {
  const tensor = findTensor(graph, name);
  if (!tensor) {
    throw new UsageError(
      `'${path}' has a column '${name}', and the graph no such tensor: write ${path}:column=tensor.`,
    );
  }
  const row = tensor.shape?.slice(1) ?? null;
  if (!isFullyDefined(row) || row.join() === column.shape.join()) return column;
  if (sizeOf(row) === sizeOf(column.shape)) return tf.data.reshape(column, row);
  throw new UsageError(
    `The rows of '${path}' for '${name}' have the shape [${column.shape.join(",")}], the tensor takes ${formatShape(row)}.`,
  );
}
