/** Where a reader's bytes come from: memory, a file, an answer or a stream, gzipped or not. */
import { InvalidArgumentError } from "../graph/errors.ts";

/** What a reader takes. A stream is read once, as it comes. */
export type ByteSource = Uint8Array | ArrayBuffer | Blob | Response | ReadableStream<Uint8Array>;

/** The bytes as they come. What begins as gzip does is unpacked on the way. */
export async function* chunksOf(source: ByteSource): AsyncGenerator<Uint8Array, void, undefined> {
  if (source instanceof Uint8Array || source instanceof ArrayBuffer) {
    const bytes = source instanceof Uint8Array ? source : new Uint8Array(source);
    if (!isGzip(bytes)) yield bytes;
    else yield* unpacked(new Blob([bytes as Uint8Array<ArrayBuffer>]).stream());
    return;
  }
  const [plain, bytes] = await peek(streamOf(source));
  if (isGzip(bytes)) yield* unpacked(plain);
  else yield* read(plain);
}

/** All bytes, in one array. */
export async function bytesOf(source: ByteSource): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of chunksOf(source)) {
    chunks.push(chunk);
    length += chunk.length;
  }
  if (chunks.length === 1) return chunks[0];
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}

function streamOf(source: Blob | Response | ReadableStream<Uint8Array>): ReadableStream<Uint8Array> {
  if (source instanceof Blob) return source.stream();
  if (!(source instanceof Response)) return source;
  if (!source.ok)
    throw new InvalidArgumentError(`The data did not arrive: ${source.url} was answered ${source.status}.`);
  if (!source.body) throw new InvalidArgumentError(`The data did not arrive: the answer of ${source.url} is empty.`);
  return source.body;
}

function isGzip(bytes: Uint8Array): boolean {
  return bytes.length > 2 && bytes[0] === 0x1f && bytes[1] === 0x8b && bytes[2] === 8;
}

/** The stream, whole, and its first bytes: at least three where it has them. */
async function peek(stream: ReadableStream<Uint8Array>): Promise<[ReadableStream<Uint8Array>, Uint8Array]> {
  const chunks = read(stream);
  const first: Uint8Array[] = [];
  const start: number[] = [];
  let ended = false;
  while (!ended && start.length < 3) {
    const { value, done } = await chunks.next();
    if (value) {
      first.push(value);
      start.push(...value.subarray(0, 3));
    }
    ended = done === true;
  }
  const whole = new ReadableStream<Uint8Array>({
    async pull(controller): Promise<void> {
      const known = first.shift();
      const next = known ?? (await chunks.next()).value;
      if (next) controller.enqueue(next);
      else controller.close();
    },
    async cancel(): Promise<void> {
      await chunks.return();
    },
  });
  return [whole, Uint8Array.from(start)];
}

async function* read(stream: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  const reader = stream.getReader();
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      if (value.length > 0) yield value;
    }
  } finally {
    // Whoever stops reading early wants no more of it.
    await reader.cancel().catch(() => {});
  }
}

async function* unpacked(stream: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  const gunzip = new DecompressionStream("gzip") as unknown as ReadableWritablePair<Uint8Array, Uint8Array>;
  try {
    yield* read(stream.pipeThrough(gunzip));
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new InvalidArgumentError("The gzip data are damaged or cut short.", { cause: error });
  }
}
