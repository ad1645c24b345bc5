/** Writes checkpoints as TensorFlow's Saver does, in shapes that the golden files do not have: several blocks, files, compression. */
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { dtypeFromName } from "../../src/graph/dtype.ts";
import type { StoredTensor } from "../../src/formats/safetensors.ts";
import { maskedCrc32c } from "../../src/formats/tensorBundle/crc32c.ts";

export interface BundleOptions {
  /** Files of data, filled in turn. Default 1. */
  shards?: number;
  /** Entries of a block. Default: all in one. */
  blockEntries?: number;
  /** Every how many entries a key stands whole. Default 16. */
  restartInterval?: number;
  /** What is written for a block: its compression and bytes. */
  compress?: (block: Uint8Array) => { type: number; bytes: Uint8Array };
  header?: { bigEndian?: boolean; minConsumer?: number; shards?: number };
  /** Entries besides the tensors, by key. */
  extra?: Readonly<Record<string, Uint8Array>>;
}

const concat = (...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> => {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
};

const varint = (value: number): Uint8Array => new BinaryWriter().uint32(value).finish();

function word(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, true);
  return bytes;
}

export function writeTensorBundle(
  tensors: Readonly<Record<string, StoredTensor>>,
  options: BundleOptions = {},
): { index: Uint8Array<ArrayBuffer>; data: Uint8Array[] } {
  const { shards = 1, header = {} } = options;
  const data: Uint8Array[][] = Array.from({ length: shards }, () => []);
  const rows = Object.keys(tensors).map((name, i) => {
    const { dtype, shape, data: values } = tensors[name];
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    const shard = i % shards;
    const offset = data[shard].reduce((sum, part) => sum + part.length, 0);
    data[shard].push(bytes);
    const sizes = new BinaryWriter();
    for (const size of shape) {
      const dimension = new BinaryWriter().tag(1, WireType.Varint).int64(size).finish();
      sizes.tag(2, WireType.LengthDelimited).bytes(dimension);
    }
    const entry = new BinaryWriter().tag(1, WireType.Varint).int32(dtypeFromName(dtype).enumValue);
    entry.tag(2, WireType.LengthDelimited).bytes(sizes.finish());
    entry.tag(3, WireType.Varint).int32(shard).tag(4, WireType.Varint).int64(offset);
    entry.tag(5, WireType.Varint).int64(bytes.length).tag(6, WireType.Bit32).fixed32(maskedCrc32c(bytes));
    return [name, entry.finish()] as const;
  });
  const version = new BinaryWriter().tag(1, WireType.Varint).int32(1);
  version.tag(2, WireType.Varint).int32(header.minConsumer ?? 0);
  const head = new BinaryWriter().tag(1, WireType.Varint).int32(header.shards ?? shards);
  head.tag(2, WireType.Varint).int32(header.bigEndian ? 1 : 0);
  head.tag(3, WireType.LengthDelimited).bytes(version.finish());
  const entries = [["", head.finish()] as const, ...rows, ...Object.entries(options.extra ?? {})];
  return { index: writeTable(entries, options), data: data.map((parts) => concat(...parts)) };
}

/** A table of entries, sorted by key. */
export function writeTable(
  entries: readonly (readonly [key: string, value: Uint8Array])[],
  options: BundleOptions = {},
): Uint8Array<ArrayBuffer> {
  const sorted = [...entries].sort(([a], [b]) => (a < b ? -1 : 1));
  const { blockEntries = sorted.length, compress = (bytes) => ({ type: 0, bytes }) } = options;
  let file: Uint8Array<ArrayBuffer> = new Uint8Array(0);
  const add = (block: Uint8Array): Uint8Array => {
    const { type, bytes } = compress(block);
    const handle = concat(varint(file.length), varint(bytes.length));
    const typed = concat(bytes, new Uint8Array([type]));
    file = concat(file, typed, word(maskedCrc32c(typed)));
    return handle;
  };
  const index: [string, Uint8Array][] = [];
  for (let i = 0; i < sorted.length; i += blockEntries) {
    const rows = sorted.slice(i, i + blockEntries);
    index.push([rows[rows.length - 1][0], add(block(rows, options.restartInterval ?? 16))]);
  }
  const metaindex = add(block([], 1));
  const handles = concat(metaindex, add(block(index, 1)));
  const magic = new Uint8Array([0x57, 0xfb, 0x80, 0x8b, 0x24, 0x75, 0x47, 0xdb]);
  return concat(file, handles, new Uint8Array(40 - handles.length), magic);
}

function block(rows: readonly (readonly [string, Uint8Array])[], interval: number): Uint8Array {
  const parts: Uint8Array[] = [];
  const restarts = [0];
  let at = 0;
  let before = new Uint8Array(0);
  rows.forEach(([name, value], i) => {
    const key = new TextEncoder().encode(name);
    let shared = 0;
    if (i % interval !== 0) while (shared < before.length && before[shared] === key[shared]) shared++;
    else if (i > 0) restarts.push(at);
    const row = concat(varint(shared), varint(key.length - shared), varint(value.length), key.subarray(shared), value);
    parts.push(row);
    at += row.length;
    before = key as Uint8Array<ArrayBuffer>;
  });
  return concat(...parts, ...restarts.map(word), word(restarts.length));
}
