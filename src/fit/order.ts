/** The order in which a fit visits rows: one permutation an epoch, drawn from the fit's seed and the epoch's number alone. */
import { Philox } from "./philox.ts";

export class EpochOrder {
  readonly #seed: number;
  readonly #indices: Int32Array;
  #epoch = -1;

  constructor(seed: number, rows: number) {
    this.#seed = seed;
    this.#indices = new Int32Array(rows);
  }

  /** The rows in the order of epoch 0, 1, 2 …; valid until another epoch is asked for. */
  of(epoch: number): Int32Array {
    if (epoch === this.#epoch) return this.#indices;
    this.#epoch = epoch;
    const indices = this.#indices;
    for (let i = 0; i < indices.length; i++) indices[i] = i;
    // Fisher and Yates, as in Knuth, The Art of Computer Programming 2, algorithm 3.4.2P.
    const random = new Philox(this.#seed, epoch);
    for (let i = indices.length - 1; i > 0; i--) {
      const j = random.below(i + 1);
      const taken = indices[i];
      indices[i] = indices[j];
      indices[j] = taken;
    }
    return indices;
  }
}

/** The rows as they come: for validation. */
export function inOrder(rows: number): Int32Array {
  return Int32Array.from({ length: rows }, (_, i) => i);
}
