/** What is fed into a run: checked against the graph, and written to memory with the casts TensorFlow makes silently. */
import { dtypeFromName, float32, type DType, type TypedArray } from "../graph/dtype.ts";
import { InvalidArgumentError, NotFoundError } from "../graph/errors.ts";
import type { Graph } from "../graph/graph.ts";
import type { Operation } from "../graph/operation.ts";
import { Tensor } from "../graph/operation.ts";
import { formatShape, isCompatible, sizeOf, type Shape } from "../graph/shape.ts";
import {
  dtypeOfArray,
  type FetchedTensor,
  flattenNested,
  nestedShape,
  toTensorValue,
  type FeedValue,
  type Nested,
  type TensorValue,
} from "../graph/tensorValue.ts";
import type { KernelExports } from "../ops/definition.ts";
import type { Heap } from "./heap.ts";

/** Values by tensor, or by name in a plain object. */
export type Feeds =
  | ReadonlyMap<Tensor | string, FeedValue | FetchedTensor>
  | { readonly [name: string]: FeedValue | FetchedTensor };

/** What a value is for: a tensor, or a variable that is loaded. */
export interface ValueTarget {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: Shape;
}

/** A value that fits its target. */
export interface ParsedValue {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly data: ArrayLike<number | bigint | boolean>;
  /** What the elements are; null for plain numbers and booleans, which are judged one by one. */
  readonly source: DType | null;
}

export interface Feed extends ParsedValue {
  readonly tensor: Tensor;
  /** Writes the value where the run wants it, in place of `data`: plans cannot depend on it. */
  readonly write?: (heap: Heap, address: number, kernels: KernelExports) => void;
}

export function parseFeeds(graph: Graph, feeds: Feeds | undefined): Feed[] {
  if (!feeds) return [];
  const entries = feeds instanceof Map ? [...feeds] : Object.entries(feeds);
  return entries.map(([key, value]) => {
    const tensor = resolveFeed(graph, key as Tensor | string);
    return Object.assign(parseValue(tensor, value), { tensor });
  });
}

export function resolveFeed(graph: Graph, key: Tensor | string): Tensor {
  if (typeof key === "string") {
    try {
      return graph.getTensorByName(key);
    } catch (error) {
      throw new NotFoundError(
        `Feed argument '${key}' cannot be interpreted as a Tensor. (${(error as Error).message})`,
      );
    }
  }
  if (!(key instanceof Tensor)) throw new InvalidArgumentError(`Feed keys are tensors or names, got ${String(key)}.`);
  if (key.graph !== graph)
    throw new InvalidArgumentError(`Feed argument '${key.name}' is not an element of this session's graph.`);
  return key;
}

/** Checks a value against what it is for. */
export function parseValue(target: ValueTarget, value: FeedValue | FetchedTensor): ParsedValue {
  if (!target.dtype.array)
    throw new InvalidArgumentError(`Tensor '${target.name}' of dtype ${target.dtype} cannot be fed.`);
  const feed = readValue(target, value);
  if (feed.data.length !== sizeOf(feed.shape)) {
    throw new InvalidArgumentError(
      `The value fed to '${target.name}' has ${feed.data.length} elements, its shape [${feed.shape.join(",")}] needs ${sizeOf(feed.shape)}.`,
    );
  }
  checkElements(target, feed);
  checkFeedShape(target.name, target.shape, feed.shape);
  return feed;
}

export function checkFeedShape(name: string, declared: Shape, shape: readonly number[]): void {
  if (!isCompatible(shape, declared)) {
    throw new InvalidArgumentError(
      `Cannot feed value of shape [${shape.join(",")}] for Tensor '${name}', which has shape ${formatShape(declared)}.`,
    );
  }
}

function readValue(target: ValueTarget, value: FeedValue | FetchedTensor): ParsedValue {
  const dtype = target.dtype.base;
  if (ArrayBuffer.isView(value)) {
    const data = value as TypedArray;
    if (typeof data.length !== "number")
      throw new InvalidArgumentError(`A DataView cannot be fed to '${target.name}'; use a typed array.`);
    return { dtype, shape: flatShape(target, data.length), data, source: dtypeOfArray(data) };
  }
  if (value !== null && typeof value === "object" && "data" in value) {
    const { data, shape, dtype: given } = value;
    if (!Array.isArray(shape) || !shape.every((size) => Number.isInteger(size) && size >= 0)) {
      throw new InvalidArgumentError(
        `The value fed to '${target.name}' has the shape ${JSON.stringify(shape)}; use an array of integers of at least 0.`,
      );
    }
    if (!ArrayBuffer.isView(data) && !Array.isArray(data))
      throw new InvalidArgumentError(`The data fed to '${target.name}' must be an array or a typed array.`);
    const named = given === undefined ? null : typeof given === "string" ? dtypeFromName(given) : given;
    const source = ArrayBuffer.isView(data)
      ? named?.name === "bool"
        ? named
        : dtypeOfArray(data as TypedArray)
      : named;
    return { dtype, shape, data: data as ArrayLike<number>, source: ArrayBuffer.isView(data) ? source : null };
  }
  const kind = typeof value;
  if (kind !== "number" && kind !== "boolean" && kind !== "bigint" && !Array.isArray(value)) {
    throw new InvalidArgumentError(
      `A ${value === null ? "null" : kind} cannot be fed to '${target.name}'; use a number, boolean, nested array, typed array or { data, shape }.`,
    );
  }
  const nested = value as Nested;
  const shape = nestedShape(nested, `'${target.name}'`);
  return { dtype, shape, data: flattenNested(nested), source: null };
}

/** A bare typed array takes the tensor's shape where that leaves at most one size open. */
function flatShape(target: ValueTarget, length: number): readonly number[] {
  const shape = target.shape;
  if (shape === null) return [length];
  const open = shape.filter((size) => size === null).length;
  const known = shape.reduce<number>((product, size) => product * (size ?? 1), 1);
  if (open === 0 && known === length) return shape as number[];
  if (open === 1 && known > 0 && length % known === 0) return shape.map((size) => size ?? length / known);
  return [length];
}

const floats = new Set(["float32", "float64"]);
const ranges: Readonly<Record<string, readonly [number, number]>> = {
  uint8: [0, 255],
  int8: [-128, 127],
  int16: [-32_768, 32_767],
  uint16: [0, 65_535],
  int32: [-(2 ** 31), 2 ** 31 - 1],
};

/** Refuses what would lose its meaning: fractions into integers, numbers out of range, booleans and numbers mixed up. */
function checkElements(target: ValueTarget, feed: ParsedValue): void {
  const wanted = target.dtype.base.name;
  const source = feed.source?.name ?? null;
  const refuse = (what: string): never => {
    throw new InvalidArgumentError(`Cannot feed ${what} for Tensor '${target.name}', which has dtype ${wanted}.`);
  };
  if (source === wanted || (source === "uint8" && wanted === "bool")) return;
  if (source !== null && (wanted === "bool" || source === "bool")) refuse(`a value of dtype ${source}`);
  if (source !== null && floats.has(wanted)) return;
  const range = ranges[wanted];
  for (let i = 0; i < feed.data.length; i++) {
    const item = feed.data[i];
    if (typeof item === "boolean") {
      if (wanted !== "bool") refuse(`the boolean ${String(item)}`);
    } else if (typeof item !== "number" && typeof item !== "bigint") {
      refuse(`${item === null ? "null" : `a ${typeof item}`}`);
    } else if (wanted === "bool") {
      refuse(`the number ${item}`);
    } else if (floats.has(wanted)) {
      continue;
    } else if (typeof item === "number" && !Number.isInteger(item)) {
      refuse(`the fractional number ${item}`);
    } else if (range && (item < range[0] || item > range[1])) {
      refuse(`${item}, which is out of range,`);
    }
  }
}

/** Writes a feed to its place. Typed arrays are converted by the platform's own copy. */
export function writeFeed(heap: Heap, feed: ParsedValue, address: number): void {
  const { dtype } = feed;
  const view = heap.view(dtype);
  const at = address / dtype.size;
  const { data } = feed;
  const big = dtype.name === "int64";
  if (ArrayBuffer.isView(data) && big === (feed.source?.name === "int64")) {
    (view as Float32Array).set(data as unknown as Float32Array, at);
    return;
  }
  for (let i = 0; i < data.length; i++)
    (view as { [i: number]: number | bigint })[at + i] = big ? BigInt(data[i] as number) : Number(data[i]);
}

/** Elements of a feed that may decide a Switch or a shape. */
const decidingElements = 16;

/** The value of a small feed of integers or booleans: what plans may depend on. */
export function smallValue(feed: Feed): TensorValue | undefined {
  const { dtype } = feed;
  if (feed.write || dtype.isFloating || feed.data.length > decidingElements) return undefined;
  const data = Array.from(feed.data as ArrayLike<number>);
  return toTensorValue(dtype.name === "bool" ? data.map(Boolean) : data, dtype, feed.shape);
}

/** TensorFlow's sentence for a placeholder that no one fed. */
export function missingFeed(op: Operation): InvalidArgumentError {
  const shape = op.hasAttr("shape") ? op.shape("shape") : null;
  const dtype = op.dtype("dtype");
  return new InvalidArgumentError(
    `You must feed a value for placeholder tensor '${op.name}' with dtype ${dtype === float32 ? "float" : dtype.name} and shape ${formatShape(shape)}.`,
  );
}
