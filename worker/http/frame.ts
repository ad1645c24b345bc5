/**
 * Requests and results as one safetensors file, for both ends. Tensors carry the names of their feeds and fetches; what is
 * no tensor stands in the metadata: `request` and `flat` of a request, `null_fetches` and `warnings` of a result. A series
 * is called `series:<name>`, which no fetch can be.
 */
import type { FeedValue, Finding, Nested, TypedArray } from "../../src/index.ts";
import { InvalidArgumentError } from "../../src/graph/errors.ts";
import { sizeOf } from "../../src/graph/shape.ts";
import { dtypeOfArray } from "../../src/graph/tensorValue.ts";
import {
  decodeSafetensors,
  encodeSafetensors,
  type StoredDType,
  type StoredTensor,
} from "../../src/formats/safetensors.ts";
import type { RunRequest, RunResult } from "../api.ts";
import { nestedToJson } from "./json.ts";

export const safetensorsType = "application/vnd.safetensors";

const seriesPrefix = "series:";

/** A request as it travels: plain values as JSON, arrays as tensors. */
export interface Framed {
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  readonly request: { [key: string]: unknown; feeds: { [tensor: string]: unknown } };
  /** Feeds whose shape the caller left to the graph. */
  readonly flat: readonly string[];
}

export function frameRequest({ feeds = {}, ...request }: RunRequest): Framed {
  const tensors = new Map<string, StoredTensor>();
  const plain: { [tensor: string]: unknown } = {};
  const flat: string[] = [];
  for (const [name, value] of Object.entries(feeds)) {
    const array = arrayOf(value);
    if (!array) {
      plain[name] = plainToJson(value);
      continue;
    }
    const bare = ArrayBuffer.isView(value);
    if (bare) flat.push(name);
    const { dtype, shape } = value as { dtype?: unknown; shape?: readonly number[] };
    const stored = bare ? [array.length] : (shape ?? [array.length]);
    if (sizeOf(stored) !== array.length) {
      throw new InvalidArgumentError(
        `The value fed to '${name}' has ${array.length} elements, its shape [${stored.join(",")}] needs ${sizeOf(stored)}.`,
      );
    }
    const isBool = dtype === "bool" || (dtype as { name?: string } | undefined)?.name === "bool";
    tensors.set(name, {
      dtype: isBool ? "bool" : (dtypeOfArray(array).name as StoredDType),
      shape: stored,
      data: array,
    });
  }
  return { tensors, request: { ...request, feeds: plain }, flat };
}

function arrayOf(value: FeedValue): TypedArray | null {
  const data = typeof value === "object" && value !== null && "data" in value ? value.data : value;
  if (!ArrayBuffer.isView(data)) return null;
  return data instanceof Uint8ClampedArray ? new Uint8Array(data.buffer, data.byteOffset, data.length) : data;
}

function plainToJson(value: FeedValue): unknown {
  if (typeof value !== "object" || value === null || !("data" in value)) return nestedToJson(value as Nested);
  const { data, shape } = value;
  return { shape, data: nestedToJson(data as readonly number[]) };
}

export function encodeRequest({ tensors, request, flat }: Framed): Uint8Array<ArrayBuffer> {
  return encodeSafetensors(tensors, { request: JSON.stringify(request), flat: JSON.stringify(flat) });
}

/** The JSON part of a framed request, if it has one, and its tensors as feeds. */
export function decodeRequest(bytes: Uint8Array): { request: unknown; feeds: { [tensor: string]: FeedValue } } {
  const { tensors, metadata } = decodeSafetensors(bytes);
  const flat = new Set(parse(metadata.flat, "flat", []) as string[]);
  const feeds = Object.fromEntries(
    Array.from(tensors, ([name, tensor]) => [name, flat.has(name) ? tensor.data : tensor] as const),
  );
  return { request: parse(metadata.request, "request", {}), feeds };
}

export function encodeResult({ fetches, series, warnings }: RunResult): Uint8Array<ArrayBuffer> {
  const tensors = new Map<string, StoredTensor>();
  const nulls: string[] = [];
  for (const [name, tensor] of Object.entries(fetches)) {
    if (tensor) tensors.set(name, tensor as StoredTensor);
    else nulls.push(name);
  }
  for (const [name, tensor] of Object.entries(series)) tensors.set(seriesPrefix + name, tensor as StoredTensor);
  return encodeSafetensors(tensors, { null_fetches: JSON.stringify(nulls), warnings: JSON.stringify(warnings) });
}

export function decodeResult(bytes: Uint8Array): RunResult {
  const { tensors, metadata } = decodeSafetensors(bytes);
  const entries = [...tensors];
  const nulls = parse(metadata.null_fetches, "null_fetches", []) as string[];
  return {
    fetches: Object.fromEntries([
      ...entries.filter(([name]) => !name.startsWith(seriesPrefix)),
      ...nulls.map((name) => [name, null] as const),
    ]),
    series: Object.fromEntries(
      entries
        .filter(([name]) => name.startsWith(seriesPrefix))
        .map(([name, tensor]) => [name.slice(seriesPrefix.length), tensor]),
    ),
    warnings: parse(metadata.warnings, "warnings", []) as Finding[],
  };
}

function parse(text: string | undefined, name: string, missing: unknown): unknown {
  if (text === undefined) return missing;
  try {
    return JSON.parse(text);
  } catch {
    throw new InvalidArgumentError(`The metadata '${name}' of the safetensors file is not JSON.`);
  }
}
