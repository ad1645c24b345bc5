/** Snappy's raw format (google/snappy, format_description.txt), decoding only: blocks of a table may be compressed so. */
import { InvalidArgumentError } from "../../graph/errors.ts";

/** Blocks are some kilobytes: a length beyond this is damage, and no reason to take the memory. */
const mostBytes = 64 * 1024 ** 2;

/** @throws InvalidArgumentError for whatever is not exactly the format. */
export function decodeSnappy(bytes: Uint8Array): Uint8Array {
  let at = 0;
  let length = 0;
  for (let shift = 0; ; shift += 7) {
    if (at >= bytes.length || shift > 28) throw damaged("its length is cut");
    const byte = bytes[at++];
    length += (byte % 128) * 2 ** shift;
    if (byte < 128) break;
  }
  if (length > mostBytes) throw damaged(`it would have ${length} bytes`);
  const out = new Uint8Array(length);
  let end = 0;
  const number = (size: number): number => {
    if (at + size > bytes.length) throw damaged("it is cut short");
    let value = 0;
    for (let i = 0; i < size; i++) value += bytes[at++] * 256 ** i;
    return value;
  };
  while (at < bytes.length) {
    const tag = bytes[at++];
    const kind = tag & 3;
    if (kind === 0) {
      // A literal; lengths over 60 stand behind the tag.
      const short = tag >> 2;
      const size = (short < 60 ? short : number(short - 59)) + 1;
      if (at + size > bytes.length || end + size > length) throw damaged("a literal passes its end");
      out.set(bytes.subarray(at, at + size), end);
      at += size;
      end += size;
      continue;
    }
    const size = kind === 1 ? ((tag >> 2) & 7) + 4 : (tag >> 2) + 1;
    const offset = kind === 1 ? (tag >> 5) * 256 + number(1) : number(kind === 2 ? 2 : 4);
    if (offset === 0 || offset > end || end + size > length) throw damaged("a copy points outside");
    // Byte by byte: a copy may overlap what it writes.
    for (let i = 0; i < size; i++, end++) out[end] = out[end - offset];
  }
  if (end !== length) throw damaged(`it has ${end} of ${length} bytes`);
  return out;
}

function damaged(why: string): InvalidArgumentError {
  return new InvalidArgumentError(`A snappy-compressed block is damaged: ${why}.`);
}
