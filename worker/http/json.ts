/**
 * Tensors as JSON: `{ dtype, shape, data }`, bit for bit. What JSON numbers cannot say are strings: "NaN", "Infinity",
 * "-Infinity", and all of int64; bool is true and false; float32 is written with the digits it needs.
 */
import type { DTypeName, FeedValue, Nested, TypedArray } from "../../src/index.ts";
import { InvalidArgumentError, ResourceExhaustedError } from "../../src/graph/errors.ts";
import { shortestFloat32 } from "../../src/formats/protobuf/json.ts";
import { formatBytes } from "../../src/runtime/heap.ts";
import type { TensorData } from "../api.ts";
import { maxFeedBytes, maxTensorBytes } from "./limits.ts";

/** What the feeds of one request may take in memory; asked before each is allocated. */
export class FeedBudget {
  #total = 0;

  take(bytes: number, path: string): void {
    this.#total += bytes;
    const [limit, got] = bytes > maxTensorBytes ? [maxTensorBytes, bytes] : [maxFeedBytes, this.#total];
    if (got <= limit) return;
    const what = got === bytes ? `'${path}' has` : `'${path}' and the feeds before it have`;
    throw new ResourceExhaustedError(`${what} ${formatBytes(got)}, the limit is ${formatBytes(limit)}.`);
  }
}

interface Kind {
  readonly array: { new (length: number): TypedArray; readonly BYTES_PER_ELEMENT: number };
  /** Least and greatest value; null for floats. */
  readonly range: readonly [bigint, bigint] | null;
}

const integers = (array: Kind["array"], bits: bigint, signed: boolean): Kind => {
  const values = 1n << (signed ? bits - 1n : bits);
  return { array, range: [signed ? -values : 0n, values - 1n] };
};

const kinds = new Map<string, Kind>([
  ["float32", { array: Float32Array, range: null }],
  ["float64", { array: Float64Array, range: null }],
  ["int64", integers(BigInt64Array as unknown as Kind["array"], 64n, true)],
  ["int32", integers(Int32Array, 32n, true)],
  ["int16", integers(Int16Array, 16n, true)],
  ["uint16", integers(Uint16Array, 16n, false)],
  ["int8", integers(Int8Array, 8n, true)],
  ["uint8", integers(Uint8Array, 8n, false)],
  ["bool", { array: Uint8Array, range: [0n, 1n] }],
]);

const specials: { readonly [text: string]: number } = { NaN, Infinity, "-Infinity": -Infinity, "-0": -0 };

const integer = /^-?\d{1,20}$/;

/** No tensor has more dimensions. */
const maxRank = 32;

/** JSON text, since JSON.stringify loses the sign of -0. */
export function tensorToJson({ dtype, shape, data }: TensorData): string {
  const write = writer(dtype);
  const items: string[] = [];
  for (const item of data) items.push(write(item));
  return `{"dtype":"${dtype}","shape":${JSON.stringify(shape)},"data":[${items.join(",")}]}`;
}

function writer(dtype: DTypeName): (item: number | bigint) => string {
  if (dtype === "int64") return (item) => `"${item}"`;
  if (dtype === "bool") return (item) => (item ? "true" : "false");
  if (dtype === "float32") return (item) => numberToJson(shortestFloat32(item as number));
  return (item) => numberToJson(item as number);
}

function numberToJson(value: number): string {
  if (!Number.isFinite(value)) return `"${value}"`;
  return Object.is(value, -0) ? "-0" : String(value);
}

/** Reads `{ dtype, shape, data }` as the service writes it. */
export function tensorFromJson(json: unknown): TensorData {
  const feed = feedFromJson(json, "tensor");
  if (typeof feed !== "object" || !("dtype" in feed)) refuse("tensor", "a tensor { dtype, shape, data }", json);
  return feed as TensorData;
}

/**
 * Reads a feed: a number, boolean or nested array, or `{ dtype?, shape?, data }` with data flat or nested.
 * @throws InvalidArgumentError with the path of what is wrong.
 */
export function feedFromJson(json: unknown, path: string, budget?: FeedBudget): FeedValue {
  if (typeof json !== "object" || json === null || Array.isArray(json)) {
    budget?.take(countLeaves(json, path, 0) * 8, path);
    return nestedFromJson(json, path, 0);
  }
  const { dtype, shape, data, ...rest } = json as { dtype?: unknown; shape?: unknown; data?: unknown };
  for (const key of Object.keys(rest)) refuse(`${path}.${key}`, "absent: a tensor has dtype, shape and data", key);
  if (data === undefined) refuse(`${path}.data`, "a number, boolean or array", data);
  if (shape !== undefined && !isShape(shape)) refuse(`${path}.shape`, "an array of sizes", shape);
  const flat: unknown[] = [];
  const own = flatten(data, `${path}.data`, 0, flat);
  if (dtype === undefined) {
    budget?.take(flat.length * 8, path);
    const numbers = flat.map((item, i) => numberFromJson(item, `${path}.data[${i}]`));
    return { data: numbers as number[], shape: shape ?? own };
  }
  const kind = kinds.get(dtype as string);
  if (!kind) refuse(`${path}.dtype`, `one of ${[...kinds.keys()].join(", ")}`, dtype);
  budget?.take(flat.length * kind.array.BYTES_PER_ELEMENT, path);
  const array = new kind.array(flat.length);
  for (let i = 0; i < flat.length; i++) {
    (array as { [i: number]: unknown })[i] = elementFromJson(flat[i], dtype as DTypeName, kind, `${path}.data[${i}]`);
  }
  return { dtype: dtype as DTypeName, shape: shape ?? own, data: array };
}

/** Writes a feed as `feedFromJson` reads it. */
export function feedToJson(value: FeedValue): unknown {
  if (ArrayBuffer.isView(value)) return elementsToJson(value as TypedArray);
  if (typeof value !== "object" || value === null || !("data" in value)) return nestedToJson(value as Nested);
  const { data, shape, dtype } = value;
  const name = typeof dtype === "object" ? dtype.name : dtype;
  return { dtype: name, shape, data: elementsToJson(data as TypedArray) };
}

function elementsToJson(data: ArrayLike<number | bigint | boolean>): unknown {
  return nestedToJson(Array.from(data) as Nested);
}

/** Writes a number, boolean or nested array, which have no dtype. */
export function nestedToJson(value: Nested): unknown {
  if (typeof value === "bigint") return String(value);
  if (Object.is(value, -0)) return "-0";
  if (typeof value === "number") return Number.isFinite(value) ? value : String(value);
  return Array.isArray(value) ? value.map((item) => nestedToJson(item as Nested)) : value;
}

/** Elements of a nested array, before it is copied. */
function countLeaves(json: unknown, path: string, depth: number): number {
  if (!Array.isArray(json)) return 1;
  if (depth >= maxRank) refuse(path, `nested at most ${maxRank} deep`, json);
  let count = 0;
  for (const item of json) count += countLeaves(item, path, depth + 1);
  return count;
}

function nestedFromJson(json: unknown, path: string, depth: number): Nested {
  if (!Array.isArray(json)) return numberFromJson(json, path);
  if (depth >= maxRank) refuse(path, `nested at most ${maxRank} deep`, json);
  return json.map((item, i) => nestedFromJson(item, `${path}[${i}]`, depth + 1));
}

function numberFromJson(json: unknown, path: string): number | bigint | boolean {
  if (typeof json === "number" || typeof json === "boolean") return json;
  if (typeof json === "string" && Object.hasOwn(specials, json)) return specials[json];
  if (typeof json === "string" && integer.test(json)) return BigInt(json);
  return refuse(path, 'a number, a boolean, "NaN", "Infinity" or "-Infinity"', json);
}

function elementFromJson(json: unknown, dtype: DTypeName, kind: Kind, path: string): number | bigint | boolean {
  if (dtype === "bool") {
    if (typeof json === "boolean") return json;
    refuse(path, "true or false", json);
  }
  if (!kind.range) {
    const number = numberFromJson(json, path);
    if (typeof number === "number") return number;
    refuse(path, `a value of ${dtype}`, json);
  }
  const whole = typeof json === "string" ? integer.test(json) : Number.isInteger(json);
  const value = whole ? BigInt(json as string | number) : null;
  if (value === null || value < kind.range[0] || value > kind.range[1]) refuse(path, `a value of ${dtype}`, json);
  return dtype === "int64" ? value : Number(value);
}

/** Appends the elements in row-major order and gives the shape. */
function flatten(json: unknown, path: string, depth: number, flat: unknown[]): number[] {
  if (!Array.isArray(json)) {
    flat.push(json);
    return [];
  }
  if (depth >= maxRank) refuse(path, `nested at most ${maxRank} deep`, json);
  let inner: number[] | null = null;
  for (const [i, item] of json.entries()) {
    const shape = flatten(item, `${path}[${i}]`, depth + 1, flat);
    if (inner && (inner.length !== shape.length || inner.some((size, axis) => size !== shape[axis]))) {
      refuse(`${path}[${i}]`, `of the shape [${inner.join(",")}] that its neighbours have`, item);
    }
    inner = shape;
  }
  return [json.length, ...(inner ?? [])];
}

function isShape(json: unknown): json is number[] {
  return Array.isArray(json) && json.every((size) => Number.isSafeInteger(size) && size >= 0);
}

/** The sentence for a value that does not fit its place in the request. */
export function refuse(path: string, wanted: string, json: unknown): never {
  const text = Array.isArray(json) ? "an array" : (JSON.stringify(json) ?? "missing");
  throw new InvalidArgumentError(
    `'${path}' must be ${wanted}, it is ${text.length > 60 ? `${text.slice(0, 60)}…` : text}.`,
  );
}
