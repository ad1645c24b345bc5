/** The memory of a session: variables, plan constants, and the arena, as blocks of one WebAssembly.Memory. */
import type { DType, TypedArray } from "../graph/dtype.ts";
import { InternalError, ResourceExhaustedError } from "../graph/errors.ts";

/** Of every block, and of every place in the arena: a line of the cache. */
export const alignment = 64;
const pageBytes = 65_536;

interface Block {
  readonly address: number;
  readonly bytes: number;
}

type Views = {
  readonly float32: Float32Array;
  readonly float64: Float64Array;
  readonly int32: Int32Array;
  readonly int64: BigInt64Array;
  readonly uint8: Uint8Array;
  readonly int8: Int8Array;
  readonly int16: Int16Array;
  readonly uint16: Uint16Array;
};

/** First-fit allocation with coalescing. Blocks are aligned to lines of the cache and few: a plan's tensors are not blocks of
 * their own but places in the arena. */
export class Heap {
  readonly memory: WebAssembly.Memory;
  #free: Block[] = [];
  readonly #used = new Map<number, number>();
  #end: number;
  #usedBytes = 0;
  #views: Views;

  constructor(memory: WebAssembly.Memory, base: number) {
    this.memory = memory;
    this.#end = Math.ceil(base / alignment) * alignment;
    this.#views = viewsOf(memory.buffer);
  }

  /** Bytes in blocks. */
  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** Bytes that the module and the blocks span: what the host has committed at least. */
  get memoryBytes(): number {
    return this.memory.buffer.byteLength;
  }

  /** Views of the whole memory, renewed when it grows. Never keep one. */
  get views(): Views {
    if (this.#views.uint8.buffer !== this.memory.buffer) this.#views = viewsOf(this.memory.buffer);
    return this.#views;
  }

  view(dtype: DType): TypedArray {
    return this.views[(dtype.name === "bool" ? "uint8" : dtype.name) as keyof Views];
  }

  /** A block of at least `bytes`; its content is undefined. */
  allocate(bytes: number): number {
    const size = Math.max(alignment, Math.ceil(bytes / alignment) * alignment);
    const at = this.#free.findIndex((block) => block.bytes >= size);
    let address: number;
    if (at >= 0) {
      const block = this.#free[at];
      address = block.address;
      if (block.bytes === size) this.#free.splice(at, 1);
      else this.#free[at] = { address: address + size, bytes: block.bytes - size };
    } else {
      address = this.#end;
      const missing = address + size - this.memory.buffer.byteLength;
      if (missing > 0) this.#grow(missing);
      this.#end = address + size;
    }
    this.#used.set(address, size);
    this.#usedBytes += size;
    return address;
  }

  #grow(bytes: number): void {
    try {
      this.memory.grow(Math.ceil(bytes / pageBytes));
    } catch {
      throw new ResourceExhaustedError(
        `The host refused ${formatBytes(bytes)} more memory (in use: ${formatBytes(this.memoryBytes)}).`,
      );
    }
  }

  release(address: number): void {
    const bytes = this.#used.get(address);
    if (bytes === undefined) throw new InternalError(`Released a block that is not in use: ${address}.`);
    this.#used.delete(address);
    this.#usedBytes -= bytes;
    this.#free.push({ address, bytes });
    this.#free.sort((a, b) => a.address - b.address);
    const merged: Block[] = [];
    for (const block of this.#free) {
      const last = merged[merged.length - 1];
      if (last && last.address + last.bytes === block.address) {
        merged[merged.length - 1] = { address: last.address, bytes: last.bytes + block.bytes };
      } else merged.push(block);
    }
    const last = merged[merged.length - 1];
    if (last && last.address + last.bytes === this.#end) {
      this.#end = last.address;
      merged.pop();
    }
    this.#free = merged;
  }

  /** Copies as many elements as `into` has. */
  readInto(into: TypedArray, dtype: DType, address: number): void {
    const at = address / dtype.size;
    (into as Float32Array).set(this.view(dtype).subarray(at, at + into.length) as Float32Array);
  }

  /** A copy of `length` elements. */
  read(dtype: DType, address: number, length: number): TypedArray {
    const at = address / dtype.size;
    const view = this.view(dtype);
    // `slice` takes 1.4 times as long for large results.
    const Copy = view.constructor as new (values: TypedArray) => TypedArray;
    return new Copy(view.subarray(at, at + length));
  }
}

function viewsOf(buffer: ArrayBufferLike): Views {
  return {
    float32: new Float32Array(buffer),
    float64: new Float64Array(buffer),
    int32: new Int32Array(buffer),
    int64: new BigInt64Array(buffer),
    uint8: new Uint8Array(buffer),
    int8: new Int8Array(buffer),
    int16: new Int16Array(buffer),
    uint16: new Uint16Array(buffer),
  };
}

/** Bytes as people read them: `143.2 MiB`. */
export function formatBytes(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  const [size, unit] =
    bytes < 1024 ** 2
      ? [bytes / 1024, "KiB"]
      : bytes < 1024 ** 3
        ? [bytes / 1024 ** 2, "MiB"]
        : [bytes / 1024 ** 3, "GiB"];
  return `${size.toFixed(1)} ${unit}`;
}
