/** Request bodies, read up to a limit. What is refused is read to its end all the same: else its sender sees a broken
 * connection in place of the answer. */
import { ResourceExhaustedError } from "../../src/graph/errors.ts";

/** Cloudflare hands a Durable Object no more in one message. */
export const maxBodyBytes = 32 * 1024 ** 2;

/** A sender that goes on beyond is cut off. */
const maxDiscardedBytes = 4 * maxBodyBytes;

/** @throws ResourceExhaustedError for a body over the limit. */
export async function readBody({ body, headers }: Request): Promise<Uint8Array> {
  const declared = Number(headers.get("content-length") ?? 0);
  let bytes = new Uint8Array(declared <= maxBodyBytes ? declared : 0);
  let size = 0;
  await forEachChunk(body, (chunk) => {
    const end = size + chunk.length;
    if (end > bytes.length && end <= maxBodyBytes) {
      const larger = new Uint8Array(Math.min(Math.max(end, 2 * bytes.length), maxBodyBytes));
      larger.set(bytes.subarray(0, size));
      bytes = larger;
    }
    if (end <= maxBodyBytes) bytes.set(chunk, size);
    size = end;
    return size <= maxDiscardedBytes;
  });
  if (size > maxBodyBytes || declared > maxBodyBytes) {
    throw new ResourceExhaustedError(`The body may have at most ${maxBodyBytes} bytes.`);
  }
  return bytes.subarray(0, size);
}

/** Reads what no one has read. */
export async function discardBody({ body, bodyUsed }: Request): Promise<void> {
  if (bodyUsed) return;
  let size = 0;
  await forEachChunk(body, (chunk) => (size += chunk.length) <= maxDiscardedBytes);
}

/** Reads until `use` says false. */
async function forEachChunk(body: Request["body"], use: (chunk: Uint8Array) => boolean): Promise<void> {
  if (!body) return;
  const reader = body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    if (!use(value)) return reader.cancel();
  }
}
