/** Augmentation of a fed batch: rows are gathered into memory of their own, from which the kernel `augment` writes the feed. */
import { FailedPreconditionError, InvalidArgumentError } from "../graph/errors.ts";
import { sizeOf } from "../graph/shape.ts";
import type { KernelExports } from "../ops/definition.ts";
import type { Heap } from "./heap.ts";

/** What happens to the pictures of a column, rows of [height, width] or [height, width, channels], by random amounts for each
 * picture and epoch. */
export interface Augmentation {
  /** Moves a picture by up to so many pixels in each direction; zeros come in. */
  shift?: number;
  /** Mirrors one in two left to right. */
  flip?: boolean;
  /** Cuts [height, width] out of a picture, from its middle in validation. */
  crop?: readonly [height: number, width: number];
}

export interface AugmenterOptions {
  readonly augmentation: Augmentation;
  /** Shape of a row, as the column has it. */
  readonly row: readonly number[];
  readonly elementBytes: number;
  readonly seed: readonly [low: number, high: number];
  /** False: only cut, and from the middle. */
  readonly random: boolean;
}

/** Words of the kernel's attribute block, in its order; and where the epoch is among them. */
const attributeBytes = 48;
const epochWord = 8;

export class Augmenter {
  /** Shape of a row when it is fed. */
  readonly shape: readonly number[];
  readonly #words: readonly number[];
  readonly #rowBytes: number;
  #heap: Heap | null = null;
  #address = 0;
  #rows = 0;

  /** @param name of the tensor, for messages */
  constructor(name: string, { augmentation, row, elementBytes, seed, random }: AugmenterOptions) {
    const { shift = 0, flip = false, crop } = augmentation;
    const [height, width, ...channels] = row;
    if (row.length !== 2 && row.length !== 3)
      throw new InvalidArgumentError(
        `Only pictures can be augmented, rows of [height, width] or [height, width, channels]; those of '${name}' have the shape [${row.join(",")}].`,
      );
    const [outHeight, outWidth] = crop ?? [height, width];
    for (const [out, size] of [
      [outHeight, height],
      [outWidth, width],
    ]) {
      if (!Number.isInteger(out) || out < 1 || out > size)
        throw new InvalidArgumentError(
          `[${outHeight},${outWidth}] cannot be cut out of the pictures of '${name}', which have the shape [${row.join(",")}].`,
        );
    }
    if (!Number.isInteger(shift) || shift < 0 || shift > Math.min(height, width))
      throw new InvalidArgumentError(
        `The pictures of '${name}', of shape [${row.join(",")}], cannot be shifted by up to ${shift} pixels; give an integer from 0 to their size.`,
      );
    this.shape = [outHeight, outWidth, ...channels];
    const pixelBytes = sizeOf(channels) * elementBytes;
    const border = random ? shift : 0;
    const flags = [flip, random].map(Number);
    this.#words = [height, width, outHeight, outWidth, pixelBytes, border, ...flags, 0, ...seed];
    this.#rowBytes = sizeOf(row) * elementBytes;
  }

  /** Makes room for batches of so many rows. */
  reserve(heap: Heap, rows: number): void {
    if (rows <= this.#rows) return;
    this.release();
    this.#address = heap.allocate(this.#picturesAt(rows) + rows * this.#rowBytes);
    this.#heap = heap;
    this.#rows = rows;
  }

  /** Gives the memory back. */
  release(): void {
    this.#heap?.release(this.#address);
    this.#heap = null;
    this.#rows = 0;
  }

  /** Where `gather` is to write the rows. */
  get pictures(): number {
    return this.#address + this.#picturesAt(this.#rows);
  }

  /** Writes the feed at `address` from the pictures gathered, which are the rows `order[from]` and on of epoch `epoch`. */
  apply(kernels: KernelExports, address: number, order: Int32Array, from: number, count: number, epoch: number): void {
    if (!kernels.augment)
      throw new FailedPreconditionError(
        "Augmentation needs the kernel 'augment', which the session's kernels do not have. Create the session with trainlet/kernels.wasm, the default.",
      );
    const words = this.#heap!.views.int32;
    const attributes = this.#address / 4;
    for (let i = 0; i < this.#words.length; i++) words[attributes + i] = this.#words[i];
    words[attributes + epochWord] = epoch;
    const rows = this.#address + attributeBytes;
    for (let i = 0; i < count; i++) words[rows / 4 + i] = order[from + i];
    kernels.augment(address, this.pictures, rows, this.#address, count);
  }

  #picturesAt(rows: number): number {
    return attributeBytes + Math.ceil(rows / 4) * 16;
  }
}
