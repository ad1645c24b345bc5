/**
 * TensorFlow's checkpoints as tf.train.Saver writes them (tensorflow/core/util/tensor_bundle, tensor_bundle.proto): `ckpt.index`, a
 * table from names to where each tensor is, and `ckpt.data-00000-of-00001`, the bytes. Import it lazily: it brings a part of the
 * protobuf library with it.
 */
import { BinaryReader } from "@bufbuild/protobuf/wire";
import { dtypeFromEnum, type TypedArray } from "../graph/dtype.ts";
import { InvalidArgumentError, NotFoundError, UnimplementedError } from "../graph/errors.ts";
import { sizeOf } from "../graph/shape.ts";
import type { StoredDType, StoredTensor } from "./safetensors.ts";
import { maskedCrc32c } from "./tensorBundle/crc32c.ts";
import { hex32, readTable } from "./tensorBundle/table.ts";

/** The files of a checkpoint, as bytes. */
export interface TensorFlowCheckpoint {
  /** `<prefix>.index`. */
  readonly index: Uint8Array;
  /** `<prefix>.data-00000-of-00001`; where there are several, all in order. */
  readonly data: Uint8Array | readonly Uint8Array[];
}

/** A tensor of the index. */
interface Entry {
  /** TensorFlow's enum value. */
  readonly dtype: number;
  readonly shape: readonly number[];
  readonly shard: number;
  readonly offset: number;
  readonly size: number;
  /** Masked CRC-32C of the bytes. */
  readonly checksum: number;
  /** Parts in which a partitioned variable is stored. */
  readonly slices: number;
}

export interface TensorBundle {
  /** What is stored, by name, without reading the data. Strings are left out: no variable holds them. */
  readonly tensors: ReadonlyMap<string, { readonly dtype: StoredDType | "unknown"; readonly shape: readonly number[] }>;
  /** A tensor's value, its checksum compared. */
  read(name: string): StoredTensor;
}

const what = "checkpoint index (.index)";
/** DT_STRING: tf.train.Checkpoint stores a description of Python's objects so. */
const stringType = 7;
/** The format's version that this follows (kTensorBundleVersion). */
const version = 1;

/** @throws InvalidArgumentError for files that are damaged, cut short, or of different checkpoints. */
export function openTensorBundle({ index, data }: TensorFlowCheckpoint): TensorBundle {
  const shards = ArrayBuffer.isView(data) ? [data as Uint8Array] : data;
  const rows = readTable(index, what);
  // The header stands under the empty key, which is the first.
  const header = rows.shift();
  if (!header || header.key.length > 0) throw damaged("it has no header");
  const count = readHeader(header.value);
  if (shards.length !== count) {
    throw new InvalidArgumentError(
      `The checkpoint has ${files(count)} of data (.data-00000-of-${String(count).padStart(5, "0")}${count > 1 ? " and so on" : ""}), ${files(shards.length)} ${shards.length === 1 ? "was" : "were"} given. Give all of them in order.`,
    );
  }
  const entries = new Map<string, Entry>();
  const decoder = new TextDecoder("utf-8");
  for (const { key, value } of rows) {
    // A key that begins with 0 is a part of a partitioned variable, whose whole has an entry too.
    if (key[0] === 0) continue;
    const name = decoder.decode(key);
    const entry = readEntry(name, value);
    if (entry.dtype !== stringType) entries.set(name, entry);
  }
  return {
    tensors: new Map(
      [...entries].map(([name, { dtype, shape }]) => [name, { dtype: storedType(dtype) ?? "unknown", shape }]),
    ),
    read(name) {
      const entry = entries.get(name);
      if (!entry) throw new NotFoundError(`The checkpoint has no tensor called '${name}'.`);
      return readTensor(name, entry, shards);
    },
  };
}

/** BundleHeaderProto; gives the number of files of data. */
function readHeader(bytes: Uint8Array): number {
  let [shards, bigEndian, consumer] = [0, false, 0];
  readFields(bytes, "its header", (field, reader) => {
    if (field === 1) shards = reader.int32();
    else if (field === 2) bigEndian = reader.int32() !== 0;
    else if (field === 3) {
      readFields(reader.bytes(), "its version", (inner, at) => {
        if (inner !== 2) return false;
        consumer = at.int32();
        return true;
      });
    } else return false;
    return true;
  });
  if (bigEndian) throw new UnimplementedError("The checkpoint is big-endian, which is not supported.");
  if (consumer > version) {
    throw new UnimplementedError(
      `The checkpoint needs a reader of version ${consumer} of its format, this one knows version ${version}.`,
    );
  }
  if (shards < 1) throw damaged(`it counts ${shards} files of data`);
  return shards;
}

/** BundleEntryProto. */
function readEntry(name: string, bytes: Uint8Array): Entry {
  const entry = { dtype: 0, shape: [] as number[], shard: 0, offset: 0, size: 0, checksum: 0, slices: 0 };
  readFields(bytes, `its entry of '${name}'`, (field, reader) => {
    if (field === 1) entry.dtype = reader.int32();
    else if (field === 2) entry.shape = readShape(name, reader.bytes());
    else if (field === 3) entry.shard = reader.int32();
    else if (field === 4) entry.offset = Number(reader.int64());
    else if (field === 5) entry.size = Number(reader.int64());
    else if (field === 6) entry.checksum = reader.fixed32();
    else if (field === 7) {
      reader.bytes();
      entry.slices++;
    } else return false;
    return true;
  });
  return entry;
}

/** TensorShapeProto. */
function readShape(name: string, bytes: Uint8Array): number[] {
  const shape: number[] = [];
  readFields(bytes, `the shape of '${name}'`, (field, reader) => {
    if (field !== 2) return false;
    let size = 0;
    readFields(reader.bytes(), `the shape of '${name}'`, (inner, at) => {
      if (inner !== 1) return false;
      size = Number(at.int64());
      return true;
    });
    if (!Number.isSafeInteger(size) || size < 0) throw damaged(`the shape of '${name}' has the dimension ${size}`);
    shape.push(size);
    return true;
  });
  return shape;
}

/** Gives every field to `read`, which says whether it has taken it. */
function readFields(bytes: Uint8Array, part: string, read: (field: number, reader: BinaryReader) => boolean): void {
  const reader = new BinaryReader(bytes);
  try {
    while (reader.pos < reader.len) {
      const [field, type] = reader.tag();
      if (!read(field, reader)) reader.skip(type, field);
    }
  } catch (error) {
    if (error instanceof InvalidArgumentError) throw error;
    throw damaged(`${part} cannot be read (${(error as Error).message})`);
  }
}

function readTensor(name: string, entry: Entry, shards: readonly Uint8Array[]): StoredTensor {
  const { shape, shard, offset, size } = entry;
  const dtype = storedType(entry.dtype);
  if (!dtype) {
    throw new UnimplementedError(
      `The tensor '${name}' of the checkpoint has TensorFlow's dtype ${entry.dtype}, which is not supported.`,
    );
  }
  if (entry.slices > 0) {
    throw new UnimplementedError(
      `The tensor '${name}' of the checkpoint is stored in ${entry.slices} parts (a partitioned variable), which is not supported: save it whole.`,
    );
  }
  const bytes = shards[shard];
  if (!bytes) throw damaged(`'${name}' would be in file ${shard} of the data, there are ${shards.length}`);
  const { array } = dtypeFromEnum(entry.dtype)!;
  const elements = sizeOf(shape);
  if (size !== elements * array!.BYTES_PER_ELEMENT) {
    throw damaged(
      `'${name}' has ${size} bytes, its shape [${shape.join(",")}] of ${dtype} needs ${elements * array!.BYTES_PER_ELEMENT}`,
    );
  }
  if (offset < 0 || offset + size > bytes.length) {
    throw new InvalidArgumentError(
      `The tensor '${name}' ends at byte ${offset + size} of the checkpoint's data, which have ${bytes.length}: the file is cut short. Get it whole.`,
    );
  }
  // A copy, which is aligned. Not slice(): a Buffer's is a view.
  const own = new Uint8Array(bytes.subarray(offset, offset + size));
  const checksum = maskedCrc32c(own);
  if (checksum !== entry.checksum) {
    throw new InvalidArgumentError(
      `The tensor '${name}' has the checksum ${hex32(checksum)}, the checkpoint's index says ${hex32(entry.checksum)}: its data are damaged or belong to another checkpoint. Get both files again.`,
    );
  }
  const values: TypedArray = new array!(own.buffer, 0, elements);
  return { dtype, shape, data: values };
}

function storedType(dtype: number): StoredDType | undefined {
  const known = dtypeFromEnum(dtype);
  return known?.array && !known.isRef ? (known.name as StoredDType) : undefined;
}

function damaged(why: string): InvalidArgumentError {
  return new InvalidArgumentError(`The ${what} is damaged: ${why}. Get it whole.`);
}

function files(count: number): string {
  return `${count} ${count === 1 ? "file" : "files"}`;
}
