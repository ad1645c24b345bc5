/** Request bodies, read up to a limit. What is refused is read to its end all the same: else its sender sees a broken
 * connection in place of the answer. */
import { InvalidArgumentError, ResourceExhaustedError } from "../../src/graph/errors.ts";
import { formatBytes } from "../../src/runtime/heap.ts";
import { maxBodyBytes, maxJsonDepth } from "./limits.ts";

/** A sender that goes on beyond is cut off. */
const maxDiscardedBytes = 4 * maxBodyBytes;

/** @throws ResourceExhaustedError for a body over the limit. `what` is its subject. */
export async function readBody(
  { body, headers }: Request,
  maxBytes = maxBodyBytes,
  what = "The body",
): Promise<Uint8Array> {
  const declared = Number(headers.get("content-length") ?? 0);
  let bytes = new Uint8Array(declared <= maxBytes ? declared : 0);
  let size = 0;
  await forEachChunk(body, (chunk) => {
    const end = size + chunk.length;
    if (end > bytes.length && end <= maxBytes) {
      const larger = new Uint8Array(Math.min(Math.max(end, 2 * bytes.length), maxBytes));
      larger.set(bytes.subarray(0, size));
      bytes = larger;
    }
    if (end <= maxBytes) bytes.set(chunk, size);
    size = end;
    return size <= maxDiscardedBytes;
  });
  const total = Math.max(size, declared);
  if (total > maxBytes) {
    throw new ResourceExhaustedError(`${what} has ${formatBytes(total)}, the limit is ${formatBytes(maxBytes)}.`);
  }
  return bytes.subarray(0, size);
}

/** Reads what no one has read. A sender who hangs up meanwhile has nothing more to be told. */
export async function discardBody({ body, bodyUsed }: Request): Promise<void> {
  if (bodyUsed) return;
  let size = 0;
  await forEachChunk(body, (chunk) => (size += chunk.length) <= maxDiscardedBytes).catch(() => {});
}

/** Reads until `use` says false. A sender who hangs up is no accident of ours. */
async function forEachChunk(body: Request["body"], use: (chunk: Uint8Array) => boolean): Promise<void> {
  if (!body) return;
  const reader = body.getReader();
  for (;;) {
    const { done, value } = await reader.read().catch((error: unknown) => {
      throw new InvalidArgumentError(`The body was cut short: ${String(error)}.`, { cause: error });
    });
    if (done) return;
    if (!use(value)) return reader.cancel();
  }
}

/** JSON of a body. Deep nesting is refused first: whoever walks through the value does so by recursion. */
export function parseJson(bytes: Uint8Array): unknown {
  checkDepth(bytes);
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch (error) {
    throw new InvalidArgumentError(`The body is not JSON: ${(error as Error).message}.`, { cause: error });
  }
}

const [quote, backslash, openBracket, closeBracket, openBrace, closeBrace] = new TextEncoder().encode('"\\[]{}');

function checkDepth(bytes: Uint8Array): void {
  let depth = 0;
  let inString = false;
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i];
    if (inString) {
      if (byte === backslash) i++;
      else if (byte === quote) inString = false;
    } else if (byte === quote) inString = true;
    else if (byte === openBracket || byte === openBrace) {
      if (++depth > maxJsonDepth) throw new InvalidArgumentError(`The body is nested more than ${maxJsonDepth} deep.`);
    } else if (byte === closeBracket || byte === closeBrace) depth--;
  }
}
