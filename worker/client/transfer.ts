/** What happens to feeds on their way to another realm: copied as structured clone does, or moved where the caller says so. */
import type { GraphSource, RunRequest, TensorData } from "../api.ts";

const marked = new WeakMap<object, readonly ArrayBufferLike[]>();

/**
 * Marks a value so that its buffers are moved, not copied, when it is sent: a feed, or a whole request. The caller's arrays
 * are empty afterwards. Over HTTP it changes nothing.
 *
 * @example await session.run({ fetches: ["train_op"], feeds: { "x:0": transfer(batch, [batch.buffer]) } });
 */
export function transfer<T extends object>(value: T, transferables: readonly ArrayBufferLike[]): T {
  marked.set(value, transferables);
  return value;
}

/** A value ready to be cloned, and what of it moves. */
export interface Outgoing<T> {
  readonly value: T;
  readonly transfer: readonly ArrayBuffer[];
}

export function outgoingRequest<R extends Pick<RunRequest, "feeds">>(request: R): Outgoing<R> {
  const moved = [...marksOf(request)];
  let compacted: Record<string, unknown> | null = null;
  for (const [name, feed] of Object.entries(request.feeds ?? {})) {
    const array = arrayOf(feed);
    const marks = [...marksOf(feed), ...marksOf(array)];
    moved.push(...marks);
    if (!array || marks.length > 0 || moved.includes(array.buffer) || !isPart(array)) continue;
    compacted ??= { ...request.feeds };
    compacted[name] = array === feed ? array.slice() : { ...(feed as object), data: array.slice() };
  }
  // Unless a feed needs it the request stays the same object: Comlink.transfer may have marked it.
  return {
    value: compacted ? { ...request, feeds: compacted } : request,
    transfer: [...new Set(moved)] as ArrayBuffer[],
  };
}

/** Bytes of a file, without the rest of a pool or memory that they may be part of. */
export function outgoingBytes(bytes: Uint8Array): Outgoing<Uint8Array> {
  const marks = marksOf(bytes);
  return {
    value: marks.length === 0 && isPart(bytes) ? Uint8Array.from(bytes) : bytes,
    transfer: marks as ArrayBuffer[],
  };
}

/** Rows of data: copied, unless their array is marked. */
export function outgoingRows(rows: TensorData): Outgoing<TensorData> {
  const array = arrayOf(rows);
  const marks = [...marksOf(rows), ...marksOf(array)] as ArrayBuffer[];
  return {
    value: array && marks.length === 0 && isPart(array) ? { ...rows, data: array.slice() } : rows,
    transfer: marks,
  };
}

export function outgoingSource(source: GraphSource): Outgoing<GraphSource> {
  if (!("metaGraph" in source) || !(source.metaGraph instanceof Uint8Array)) return { value: source, transfer: [] };
  const { value, transfer } = outgoingBytes(source.metaGraph);
  return { value: { metaGraph: value }, transfer };
}

function marksOf(value: unknown): readonly ArrayBufferLike[] {
  return (typeof value === "object" && value !== null && marked.get(value)) || [];
}

function arrayOf(feed: unknown): Uint8Array | null {
  const data = typeof feed === "object" && feed !== null && "data" in feed ? feed.data : feed;
  return ArrayBuffer.isView(data) && "slice" in data ? (data as Uint8Array) : null;
}

/** Structured clone would copy the whole buffer of a part, and share shared memory. */
function isPart({ buffer, byteLength }: Uint8Array): boolean {
  return byteLength !== buffer.byteLength || !(buffer instanceof ArrayBuffer);
}
