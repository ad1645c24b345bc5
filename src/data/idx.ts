/** IDX, the format of the MNIST files (http://yann.lecun.com/exdb/mnist): a magic number, big-endian sizes, elements row-major. */
import { dtypeFromName, type DTypeName, type TypedArray } from "../graph/dtype.ts";
import { InvalidArgumentError } from "../graph/errors.ts";
import { sizeOf } from "../graph/shape.ts";
import { column, type Column } from "./column.ts";
import { chunksOf, type ByteSource } from "./source.ts";

const types: { readonly [code: number]: DTypeName } = {
  0x08: "uint8",
  0x09: "int8",
  0x0b: "int16",
  0x0c: "int32",
  0x0d: "float32",
  0x0e: "float64",
};

export interface IdxOptions {
  /** Shape of a row, of as many elements as the file's: [28, 28, 1] for [28, 28]. */
  shape?: readonly number[];
}

/** Reads an IDX file, gzipped or not, as it comes: its first dimension are the rows. */
export async function idx(source: ByteSource, { shape }: IdxOptions = {}): Promise<Column> {
  let header = new Uint8Array(0);
  let file: Target | null = null;
  for await (const chunk of chunksOf(source)) {
    let rest = chunk;
    if (!file) {
      header = joined(header, chunk);
      const length = headerLength(header);
      if (length === null || header.length < length) continue;
      file = target(header);
      rest = header.subarray(length);
    }
    if (file.filled + rest.length > file.bytes.length) throw tooMany(file);
    file.bytes.set(rest, file.filled);
    file.filled += rest.length;
  }
  if (!file) throw new InvalidArgumentError(`The IDX file ends after ${header.length} bytes, within its header.`);
  if (file.filled < file.bytes.length)
    throw new InvalidArgumentError(
      `The IDX file is cut short: its header promises [${file.shape.join(",")}] elements of ${file.dtype}, ${file.bytes.length} bytes, ${file.filled} came.`,
    );
  const { bytes, dtype, shape: whole } = file;
  const { size, array } = dtypeFromName(dtype);
  if (size > 1) swap(bytes, size);
  const data: TypedArray = new array!(bytes.buffer);
  return column({ data, shape: whole }, shape ? { shape } : {});
}

interface Target {
  readonly dtype: DTypeName;
  readonly shape: readonly number[];
  readonly bytes: Uint8Array<ArrayBuffer>;
  filled: number;
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array<ArrayBuffer> {
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}

/** null while it is not known. */
function headerLength(header: Uint8Array): number | null {
  if (header.length < 4) return null;
  const magic = Array.from(header.subarray(0, 4), (byte) => byte.toString(16).padStart(2, "0")).join(" ");
  if (header[0] !== 0 || header[1] !== 0 || !types[header[2]] || header[3] === 0)
    throw new InvalidArgumentError(
      `No IDX file: it begins with ${magic}; two zero bytes, a type (${Object.keys(types)
        .map((code) => Number(code).toString(16).padStart(2, "0"))
        .join(", ")}) and a number of dimensions were expected.`,
    );
  return 4 + 4 * header[3];
}

function target(header: Uint8Array): Target {
  const dtype = types[header[2]];
  const view = new DataView(header.buffer, header.byteOffset);
  const shape = Array.from({ length: header[3] }, (_, i) => view.getUint32(4 + 4 * i));
  const bytes = sizeOf(shape) * dtypeFromName(dtype).size;
  if (bytes === 0) throw new InvalidArgumentError(`The IDX file has the shape [${shape.join(",")}]: no elements.`);
  try {
    return { dtype, shape, bytes: new Uint8Array(bytes), filled: 0 };
  } catch {
    throw new InvalidArgumentError(
      `The IDX file promises [${shape.join(",")}] elements of ${dtype}: more than there is memory for.`,
    );
  }
}

function tooMany({ shape, dtype, bytes }: Target): InvalidArgumentError {
  return new InvalidArgumentError(
    `The IDX file has more than the ${bytes.length} bytes that its header promises, [${shape.join(",")}] elements of ${dtype}.`,
  );
}

/** Big-endian elements to little-endian ones, in place. */
function swap(bytes: Uint8Array, size: number): void {
  for (let at = 0; at < bytes.length; at += size) bytes.subarray(at, at + size).reverse();
}
