// Runs single kernels on buffers with guard bytes: what a kernel must not touch is compared after every call.
import { readFileSync } from "node:fs";
import { expect } from "vitest";
import { instantiate } from "../../dist/kernels.js";

export const module = new WebAssembly.Module(readFileSync(new URL("../../dist/kernels.wasm", import.meta.url)));
const memory = new WebAssembly.Memory({ initial: 256 });
export const kernels = await instantiate(module, { env: { memory } });

/** Half a unit in the last place of float32, relative: the error of one rounding. */
export const EPSILON = 2 ** -24;

const ALIGNMENT = 16;
const GUARD_BYTES = 64;
/** Four of these are a NaN in float32, so that a read outside a buffer shows in the result. */
const GUARD = 0xff;

type Numbers = Float32Array | Int32Array | BigInt64Array | Uint8Array;
interface NumbersConstructor<T extends Numbers> {
  new (buffer: ArrayBufferLike, offset: number, length: number): T;
  readonly BYTES_PER_ELEMENT: number;
}

/** A place in the kernels' memory. */
export class Buffer<T extends Numbers = Float32Array> {
  readonly pointer: number;
  readonly length: number;
  readonly #type: NumbersConstructor<T>;

  constructor(pointer: number, length: number, type: NumbersConstructor<T>) {
    this.pointer = pointer;
    this.length = length;
    this.#type = type;
  }

  get bytes(): number {
    return this.length * this.#type.BYTES_PER_ELEMENT;
  }

  get view(): T {
    return new this.#type(memory.buffer, this.pointer, this.length);
  }

  /** A copy of the contents. */
  get values(): T {
    return this.view.slice() as T;
  }
}

/** Lays out the buffers of one call. `shift` moves them all, by whole vectors: results must not depend on it. */
export class Arena {
  #top: number;
  #guards: [begin: number, end: number][] = [];
  #inputs: { buffer: Buffer<Numbers>; before: Uint8Array }[] = [];

  constructor(shift = 0) {
    this.#top = kernels.heapBase() + shift * ALIGNMENT;
    this.#guard();
  }

  /** A buffer with these values, which `check` wants unchanged. */
  input<T extends Numbers>(values: T): Buffer<T> {
    const buffer = this.#place(values);
    this.#inputs.push({ buffer, before: bytesOf(buffer).slice() });
    return buffer;
  }

  /** The same with its last byte at the end of memory, so that reading more traps. */
  inputAtEnd<T extends Numbers>(values: T): Buffer<T> {
    const buffer = bufferAt(memory.buffer.byteLength - values.byteLength, values);
    this.#inputs.push({ buffer, before: bytesOf(buffer).slice() });
    return buffer;
  }

  /** A buffer with these values that the kernel may change. */
  variable<T extends Numbers>(values: T): Buffer<T> {
    return this.#place(values);
  }

  /** A buffer of `length` float32, poisoned with NaN. */
  output(length: number): Buffer {
    return this.#place(new Float32Array(length).fill(Number.NaN));
  }

  outputInt32(length: number): Buffer<Int32Array> {
    return this.#place(new Int32Array(length).fill(-1));
  }

  /** `bytes` bytes, poisoned as well. */
  scratch(bytes: number): Buffer<Uint8Array> {
    return this.#place(new Uint8Array(bytes).fill(GUARD));
  }

  attributes(...values: number[]): Buffer<Int32Array> {
    return this.input(Int32Array.from(values));
  }

  /** Fails when a byte outside outputs, variables and scratch has changed. */
  check(): void {
    const bytes = new Uint8Array(memory.buffer);
    for (const [begin, end] of this.#guards) {
      for (let i = begin; i < end; i++) {
        if (bytes[i] !== GUARD) expect.fail(`Byte ${i - begin} of the guard at ${begin} was written: ${bytes[i]}.`);
      }
    }
    for (const { buffer, before } of this.#inputs) {
      const after = bytesOf(buffer);
      const at = before.findIndex((value, i) => value !== after[i]);
      if (at >= 0) expect.fail(`Byte ${at} of the input at ${buffer.pointer} changed.`);
    }
  }

  #place<T extends Numbers>(values: T): Buffer<T> {
    const buffer = bufferAt(this.#top, values);
    this.#top += values.byteLength;
    this.#guard();
    return buffer;
  }

  /** From the end of the last buffer to the beginning of the next. */
  #guard(): void {
    const begin = this.#top;
    this.#top = Math.ceil((begin + GUARD_BYTES) / ALIGNMENT) * ALIGNMENT;
    new Uint8Array(memory.buffer).fill(GUARD, begin, this.#top);
    this.#guards.push([begin, this.#top]);
  }
}

function bufferAt<T extends Numbers>(pointer: number, values: T): Buffer<T> {
  const type = values.constructor as unknown as NumbersConstructor<T>;
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  new Uint8Array(memory.buffer).set(bytes, pointer);
  return new Buffer(pointer, values.length, type);
}

function bytesOf(buffer: Buffer<Numbers>): Uint8Array {
  return new Uint8Array(memory.buffer, buffer.pointer, buffer.bytes);
}

/** Seeded pseudo-random numbers (mulberry32). */
export function createRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** `length` float32 in [low, high). */
export function uniform(random: () => number, length: number, low = -1, high = 1): Float32Array {
  return Float32Array.from({ length }, () => low + (high - low) * random());
}

/** Every element within the tolerance (a number, or one for each element); NaN and infinities must agree. */
export function expectClose(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance: number | ((index: number) => number),
  label: string,
): void {
  expect(actual.length, `${label}: length`).toBe(expected.length);
  for (let i = 0; i < expected.length; i++) {
    const got = actual[i]!;
    const want = expected[i]!;
    const limit = typeof tolerance === "number" ? tolerance : tolerance(i);
    if (Object.is(got, want) || Math.abs(got - want) <= limit || got === want) continue;
    expect.fail(`${label}: element ${i} is ${got}, not ${want}; the tolerance is ${limit}.`);
  }
}

/** The same bits, except that NaN equals NaN. */
export function expectSame(actual: ArrayLike<number>, expected: ArrayLike<number>, label: string): void {
  expect(actual.length, `${label}: length`).toBe(expected.length);
  for (let i = 0; i < expected.length; i++) {
    if (!Object.is(actual[i], expected[i])) expect.fail(`${label}: element ${i} is ${actual[i]}, not ${expected[i]}.`);
  }
}

export interface GoldenTensor {
  shape: number[];
  data: Float32Array | Int32Array;
  rtol: number;
  atol: number;
}

/** A case of test/golden: attributes, and tensors by name, with tolerances where they are outputs. */
export function readGolden(id: string): { attrs: Record<string, unknown>; tensors: Record<string, GoldenTensor> } {
  const base = new URL(`../golden/${id}`, import.meta.url);
  const manifest = JSON.parse(readFileSync(`${base.pathname}.json`, "utf8")) as {
    attrs: Record<string, unknown>;
    outputs: Record<string, { rtol: number; atol: number }>;
  };
  const file = readFileSync(`${base.pathname}.safetensors`);
  const headerBytes = Number(file.readBigUInt64LE(0));
  const header = JSON.parse(file.toString("utf8", 8, 8 + headerBytes)) as Record<
    string,
    { dtype: string; shape: number[]; data_offsets: [number, number] }
  >;
  const tensors: Record<string, GoldenTensor> = {};
  for (const [name, { dtype, shape, data_offsets: offsets }] of Object.entries(header)) {
    if (name === "__metadata__") continue;
    const [begin, end] = offsets.map((offset) => 8 + headerBytes + offset) as [number, number];
    const bytes = Uint8Array.from(file.subarray(begin, end));
    const data = dtype === "I32" ? new Int32Array(bytes.buffer) : new Float32Array(bytes.buffer);
    const { rtol = 0, atol = 0 } = manifest.outputs[name] ?? {};
    tensors[name] = { shape, data, rtol, atol };
  }
  return { attrs: manifest.attrs, tensors };
}

/** The golden rule: |got - want| <= atol + rtol * |want|. */
export function expectGolden(actual: ArrayLike<number>, want: GoldenTensor, label: string): void {
  expectClose(actual, want.data, (i) => want.atol + want.rtol * Math.abs(want.data[i]!), label);
}
