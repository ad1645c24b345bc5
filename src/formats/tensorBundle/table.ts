/**
 * LevelDB's sorted table (tensorflow/core/lib/io/table.cc, format.cc), as the index of a checkpoint uses it: blocks of entries
 * whose keys share prefixes, an index block that points to them, a footer.
 */
import { InvalidArgumentError } from "../../graph/errors.ts";
import { recognise } from "../protobuf/wire.ts";
import { maskedCrc32c } from "./crc32c.ts";
import { decodeSnappy } from "./snappy.ts";

/** Two block handles in 40 bytes, then the magic number. */
const footerBytes = 48;
const magic = [0x57, 0xfb, 0x80, 0x8b, 0x24, 0x75, 0x47, 0xdb];
/** Behind a block: its compression, and the checksum of both. */
const trailerBytes = 5;

interface Handle {
  readonly offset: number;
  readonly size: number;
}

/** All entries of a table in the order of their keys, which are bytes. `what` names the file in errors. */
export function readTable(bytes: Uint8Array, what: string): { key: Uint8Array; value: Uint8Array }[] {
  const cutOrOther = (why: string): InvalidArgumentError => {
    const other = recognise(bytes);
    return new InvalidArgumentError(
      `This is no ${what}: ${why}. ${other === undefined ? "It is cut short or something else." : `It is ${other}.`}`,
    );
  };
  if (bytes.length < footerBytes) {
    throw cutOrOther(`it has ${bytes.length} bytes, the footer alone would have ${footerBytes}`);
  }
  const footer = bytes.subarray(bytes.length - footerBytes);
  const found = footer.subarray(footerBytes - magic.length);
  if (magic.some((byte, i) => byte !== found[i]))
    throw cutOrOther(`it ends in ${hex(found)}, a table ends in ${hex(magic)}`);
  const handles = new Cursor(footer, what);
  handles.handle();
  const index = readBlock(bytes, handles.handle(), what);
  return entriesOf(index, what).flatMap(({ value }) =>
    entriesOf(readBlock(bytes, new Cursor(value, what).handle(), what), what),
  );
}

function readBlock(bytes: Uint8Array, { offset, size }: Handle, what: string): Uint8Array {
  const end = offset + size + trailerBytes;
  const limit = bytes.length - footerBytes;
  if (end > limit) {
    throw new InvalidArgumentError(
      `A block of the ${what} would end at byte ${end}, before the footer there are ${limit}: the file is damaged. Get it whole.`,
    );
  }
  const stored = new DataView(bytes.buffer, bytes.byteOffset + offset + size + 1, 4).getUint32(0, true);
  const computed = maskedCrc32c(bytes.subarray(offset, offset + size + 1));
  if (stored !== computed) {
    throw new InvalidArgumentError(
      `The block at byte ${offset} of the ${what} has the checksum ${hex32(computed)}, the file says ${hex32(stored)}: it is damaged. Get it whole.`,
    );
  }
  const content = bytes.subarray(offset, offset + size);
  const compression = bytes[offset + size];
  if (compression === 0) return content;
  if (compression === 1) return decodeSnappy(content);
  throw new InvalidArgumentError(
    `The block at byte ${offset} of the ${what} has the compression ${compression}. Known: 0 (none), 1 (snappy).`,
  );
}

/** A block: entries of a key that shares `shared` bytes with the one before, then the offsets at which keys stand whole. */
function entriesOf(block: Uint8Array, what: string): { key: Uint8Array; value: Uint8Array }[] {
  const view = new DataView(block.buffer, block.byteOffset, block.byteLength);
  const restarts = block.length < 4 ? -1 : view.getUint32(block.length - 4, true);
  const end = block.length - 4 - restarts * 4;
  if (restarts < 0 || end < 0) throw damaged(what, "a block has no list of restarts");
  const entries: { key: Uint8Array; value: Uint8Array }[] = [];
  const cursor = new Cursor(block.subarray(0, end), what);
  let before = new Uint8Array(0);
  while (!cursor.done) {
    const shared = cursor.varint();
    const rest = cursor.varint();
    const length = cursor.varint();
    if (shared > before.length) throw damaged(what, "a key shares more bytes than the one before it has");
    const key = new Uint8Array(shared + rest);
    key.set(before.subarray(0, shared));
    key.set(cursor.take(rest), shared);
    entries.push({ key, value: cursor.take(length) });
    before = key;
  }
  return entries;
}

/** Reads on from byte to byte, and never past the end. */
class Cursor {
  readonly #bytes: Uint8Array;
  readonly #what: string;
  #at = 0;

  constructor(bytes: Uint8Array, what: string) {
    this.#bytes = bytes;
    this.#what = what;
  }

  get done(): boolean {
    return this.#at === this.#bytes.length;
  }

  varint(): number {
    let value = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      if (this.done) break;
      const byte = this.#bytes[this.#at++];
      value += (byte % 128) * 2 ** shift;
      if (byte < 128 && Number.isSafeInteger(value)) return value;
      if (byte < 128) break;
    }
    throw damaged(this.#what, "a number in it is cut or too large");
  }

  handle(): Handle {
    return { offset: this.varint(), size: this.varint() };
  }

  take(length: number): Uint8Array {
    if (this.#at + length > this.#bytes.length) throw damaged(this.#what, "an entry passes the end of its block");
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }
}

function damaged(what: string, why: string): InvalidArgumentError {
  return new InvalidArgumentError(`The ${what} is damaged: ${why}. Get it whole.`);
}

function hex(bytes: ArrayLike<number>): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export function hex32(value: number): string {
  return `0x${value.toString(16).padStart(8, "0")}`;
}
