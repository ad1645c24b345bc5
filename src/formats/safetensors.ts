/**
 * Safetensors (https://github.com/huggingface/safetensors): 8 bytes with the length of the header, the header as JSON, the data
 * of the tensors without gaps, little-endian and row-major.
 *
 * One thing is not seen: JSON.parse keeps the last of two equal names. If the first one had data, its bytes are now a gap and
 * the file is refused.
 */
import type { DTypeName, TypedArray } from "../graph/dtype.ts";
import { InvalidArgumentError } from "../graph/errors.ts";

/** The dtypes that can be stored. bool is a Uint8Array of 0 and 1, int64 a BigInt64Array. */
export type StoredDType = Exclude<DTypeName, "string" | "resource" | "variant" | "unknown">;

export interface StoredTensor {
  readonly dtype: StoredDType;
  readonly shape: readonly number[];
  readonly data: TypedArray;
}

export interface Safetensors {
  /** In the order of the header, but for names that are whole numbers: JavaScript puts those first. */
  readonly tensors: Map<string, StoredTensor>;
  readonly metadata: Record<string, string>;
}

type Format = {
  readonly code: string;
  readonly array: {
    readonly name: string;
    readonly BYTES_PER_ELEMENT: number;
    new (buffer: ArrayBufferLike, byteOffset: number, length: number): TypedArray;
  };
};

const formats: { readonly [Name in StoredDType]: Format } = {
  float64: { code: "F64", array: Float64Array },
  int64: { code: "I64", array: BigInt64Array },
  float32: { code: "F32", array: Float32Array },
  int32: { code: "I32", array: Int32Array },
  uint16: { code: "U16", array: Uint16Array },
  int16: { code: "I16", array: Int16Array },
  uint8: { code: "U8", array: Uint8Array },
  int8: { code: "I8", array: Int8Array },
  bool: { code: "BOOL", array: Uint8Array },
};

const dtypeOfCode = new Map(Object.entries(formats).map(([dtype, { code }]) => [code, dtype as StoredDType]));

const METADATA = "__metadata__";

/** The limit of the reference implementation. */
const MAX_HEADER_BYTES = 100_000_000;

/**
 * Writes tensors, those with wide elements first and then by name, so that all data are aligned and the same tensors give the
 * same bytes in whatever order they come.
 */
export function encodeSafetensors(
  tensors: Iterable<readonly [name: string, tensor: StoredTensor]>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array<ArrayBuffer> {
  const seen = new Set<string>();
  const sorted = Array.from(tensors, ([name, tensor]) => {
    if (name === METADATA)
      throw new InvalidArgumentError(`A tensor cannot be called '${METADATA}' in a safetensors file.`);
    if (seen.has(name)) throw new InvalidArgumentError(`The tensor '${name}' is given twice.`);
    seen.add(name);
    checkTensor(name, tensor);
    return { name, ...tensor };
  }).sort((a, b) => b.data.BYTES_PER_ELEMENT - a.data.BYTES_PER_ELEMENT || (a.name < b.name ? -1 : 1));

  // Built as text, since an object would move a name like "1" to its front and lose "__proto__".
  const entries: string[] = [];
  const written = Object.entries(metadata);
  for (const [key, value] of written) {
    if (typeof value !== "string") throw new InvalidArgumentError(`The metadata '${key}' must be a string.`);
  }
  if (written.length > 0) {
    const pairs = written.map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`);
    entries.push(`"${METADATA}":{${pairs.join(",")}}`);
  }
  let end = 0;
  for (const { name, dtype, shape, data } of sorted) {
    const begin = end;
    end += data.byteLength;
    const { code } = formats[dtype];
    entries.push(`${JSON.stringify(name)}:${JSON.stringify({ dtype: code, shape, data_offsets: [begin, end] })}`);
  }
  const text = new TextEncoder().encode(`{${entries.join(",")}}`);
  const headerLength = Math.ceil(text.length / 8) * 8;
  if (headerLength > MAX_HEADER_BYTES) {
    throw new InvalidArgumentError(
      `The safetensors header needs ${headerLength} bytes, the limit is ${MAX_HEADER_BYTES}.`,
    );
  }

  const bytes = new Uint8Array(8 + headerLength + end);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(headerLength), true);
  bytes.fill(0x20, 8 + text.length, 8 + headerLength);
  bytes.set(text, 8);
  let at = 8 + headerLength;
  for (const { data } of sorted) {
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), at);
    at += data.byteLength;
  }
  return bytes;
}

function checkTensor(name: string, { dtype, shape, data }: StoredTensor): void {
  const format = Object.hasOwn(formats, dtype) ? formats[dtype] : undefined;
  if (!format)
    throw new InvalidArgumentError(
      `The tensor '${name}' has the dtype ${dtype}, which a safetensors file cannot hold.`,
    );
  const given = (data as { [Symbol.toStringTag]?: string })[Symbol.toStringTag];
  if (given !== format.array.name) {
    throw new InvalidArgumentError(
      `The tensor '${name}' of dtype ${dtype} needs a ${format.array.name}, not a ${given ?? typeof data}.`,
    );
  }
  const size = elements(name, shape);
  if (size !== data.length) {
    throw new InvalidArgumentError(
      `The tensor '${name}' has ${data.length} elements, its shape [${shape.join(",")}] needs ${size}.`,
    );
  }
}

/**
 * Reads a safetensors file. Data are views of `bytes` where their position allows it, copies elsewhere.
 *
 * Throws InvalidArgumentError for whatever is not exactly the format: nothing outside the file is read, and every byte of it
 * belongs to one tensor.
 */
export function decodeSafetensors(bytes: Uint8Array): Safetensors {
  const { header, dataStart } = readHeader(bytes);
  const dataLength = bytes.length - dataStart;
  const tensors = new Map<string, StoredTensor>();
  const extents: { name: string; begin: number; end: number }[] = [];
  let metadata: Record<string, string> = {};

  for (const [name, entry] of Object.entries(header)) {
    if (name === METADATA) {
      metadata = readMetadata(entry);
      continue;
    }
    const { dtype, shape, begin, end } = readEntry(name, entry);
    if (end > dataLength) {
      throw new InvalidArgumentError(
        `The tensor '${name}' ends at byte ${end} of the data, which have ${dataLength}: the file is cut short.`,
      );
    }
    extents.push({ name, begin, end });
    tensors.set(name, { dtype, shape, data: readData(name, dtype, bytes, dataStart + begin, dataStart + end) });
  }

  let covered = 0;
  for (const { name, begin, end } of extents.sort((a, b) => a.begin - b.begin || a.end - b.end)) {
    if (begin < covered)
      throw new InvalidArgumentError(`The data of the tensor '${name}' overlap those of another one.`);
    if (begin > covered)
      throw new InvalidArgumentError(`There are ${begin - covered} bytes of no tensor before '${name}'.`);
    covered = end;
  }
  if (covered !== dataLength) {
    throw new InvalidArgumentError(`The safetensors file has ${dataLength - covered} bytes behind its last tensor.`);
  }
  return { tensors, metadata };
}

function readHeader(bytes: Uint8Array): { header: object; dataStart: number } {
  if (bytes.length < 8) {
    throw new InvalidArgumentError(
      `The safetensors file has ${bytes.length} bytes: too few for the length of its header.`,
    );
  }
  const length = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);
  if (length > MAX_HEADER_BYTES) {
    throw new InvalidArgumentError(
      `The safetensors header would have ${length} bytes, the limit is ${MAX_HEADER_BYTES}: cut short or no such file.`,
    );
  }
  const dataStart = 8 + Number(length);
  if (dataStart > bytes.length) {
    throw new InvalidArgumentError(
      `The safetensors header would have ${length} bytes, the file has ${bytes.length - 8} behind the length: cut short or no such file.`,
    );
  }
  let header: unknown;
  try {
    // A copy, since a decoder takes no shared memory.
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes.slice(8, dataStart));
    header = JSON.parse(text);
  } catch (error) {
    throw new InvalidArgumentError(`The safetensors header is not JSON: ${(error as Error).message}.`, {
      cause: error,
    });
  }
  if (!isObject(header) || bytes[8] !== 0x7b) {
    throw new InvalidArgumentError("The safetensors header must be a JSON object without anything before it.");
  }
  return { header, dataStart };
}

function isObject(json: unknown): json is object {
  return typeof json === "object" && json !== null && !Array.isArray(json);
}

function readMetadata(json: unknown): Record<string, string> {
  if (!isObject(json)) throw new InvalidArgumentError(`'${METADATA}' of the safetensors file must be an object.`);
  const entries = Object.entries(json);
  for (const [key, value] of entries) {
    if (typeof value !== "string")
      throw new InvalidArgumentError(`The metadata '${key}' of the safetensors file must be a string.`);
  }
  // fromEntries defines properties: a key "__proto__" stays a key.
  return Object.fromEntries(entries);
}

/** What the header says of each tensor. */
const entryFields = ["dtype", "shape", "data_offsets"];

function readEntry(name: string, json: unknown): { dtype: StoredDType; shape: number[]; begin: number; end: number } {
  if (!isObject(json)) throw new InvalidArgumentError(`The header of the tensor '${name}' must be an object.`);
  const {
    dtype: code,
    shape,
    data_offsets: offsets,
  } = json as { dtype?: unknown; shape?: unknown; data_offsets?: unknown };
  const missing = entryFields.filter((field) => !Object.hasOwn(json, field));
  if (missing.length > 0) {
    throw new InvalidArgumentError(
      `The header of the tensor '${name}' lacks ${missing.join(", ")}; it must have ${entryFields.join(", ")}.`,
    );
  }
  const dtype = dtypeOfCode.get(code as string);
  if (!dtype) {
    throw new InvalidArgumentError(
      `The tensor '${name}' has the dtype ${show(code)}. Known: ${[...dtypeOfCode.keys()].join(", ")}.`,
    );
  }
  if (!Array.isArray(shape))
    throw new InvalidArgumentError(`The shape of the tensor '${name}' must be an array, it is ${show(shape)}.`);
  const size = elements(name, shape) * formats[dtype].array.BYTES_PER_ELEMENT;
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isCount) || offsets[0] > offsets[1]) {
    throw new InvalidArgumentError(
      `The data_offsets of the tensor '${name}' must be [begin, end], they are ${show(offsets)}.`,
    );
  }
  const [begin, end] = offsets;
  if (end - begin !== size) {
    throw new InvalidArgumentError(
      `The tensor '${name}' has ${end - begin} bytes, its shape [${shape.join(",")}] of ${dtype} needs ${size}.`,
    );
  }
  return { dtype, shape, begin, end };
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function show(json: unknown): string {
  const text = String(JSON.stringify(json));
  return text.length > 40 ? `${text.slice(0, 40)}…` : text;
}

/** Number of elements of a shape. */
function elements(name: string, shape: readonly unknown[]): number {
  let size = 1;
  for (const dimension of shape) {
    if (!isCount(dimension))
      throw new InvalidArgumentError(`The shape ${show(shape)} of the tensor '${name}' is no shape.`);
    size *= dimension;
    if (size > Number.MAX_SAFE_INTEGER)
      throw new InvalidArgumentError(`The shape ${show(shape)} of the tensor '${name}' is too large.`);
  }
  return size;
}

function readData(name: string, dtype: StoredDType, bytes: Uint8Array, start: number, end: number): TypedArray {
  const { array: Array } = formats[dtype];
  const aligned = (bytes.byteOffset + start) % Array.BYTES_PER_ELEMENT === 0;
  const source = aligned ? bytes.subarray(start, end) : bytes.slice(start, end);
  if (dtype === "bool" && source.some((byte) => byte > 1)) {
    throw new InvalidArgumentError(`The tensor '${name}' is bool and holds a byte that is neither 0 nor 1.`);
  }
  return new Array(source.buffer, source.byteOffset, (end - start) / Array.BYTES_PER_ELEMENT);
}
