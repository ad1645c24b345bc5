/** The generator Philox 4x32-10 on the host, as TensorFlow uses it (assembly/random.ts is its twin): words by counter and key. */

const multiplier0 = 0xd2511f53;
const multiplier1 = 0xcd9e8d57;
const weyl0 = 0x9e3779b9;
const weyl1 = 0xbb67ae85;
const rounds = 10;

/** The upper 32 bits of the product of two words. */
function multiplyHigh(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16);
  const lower = aLow * bHigh + (middle & 0xffff);
  return (aHigh * bHigh + (middle >>> 16) + (lower >>> 16)) >>> 0;
}

/** A stream of words: the generator of TensorFlow's seeds (seed, seed2), from its beginning. */
export class Philox {
  readonly #block = new Uint32Array(4);
  readonly #seed: readonly [number, number];
  readonly #seed2: readonly [number, number];
  #counter = 0;
  #used = 4;

  constructor(seed: number, seed2: number) {
    this.#seed = wordsOf(seed);
    this.#seed2 = wordsOf(seed2);
  }

  /** The next word, 0 .. 2^32 − 1. */
  word(): number {
    if (this.#used === 4) {
      this.#fill();
      this.#used = 0;
    }
    return this.#block[this.#used++];
  }

  /** A number in 0 .. limit − 1, each as likely: words that would favour some are thrown away. */
  below(limit: number): number {
    const fair = 2 ** 32 - (2 ** 32 % limit);
    let word = this.word();
    while (word >= fair) word = this.word();
    return word % limit;
  }

  #fill(): void {
    let word0 = this.#counter >>> 0;
    let word1 = Math.floor(this.#counter / 2 ** 32);
    let word2 = this.#seed2[0];
    let word3 = this.#seed2[1];
    let key0 = this.#seed[0];
    let key1 = this.#seed[1];
    for (let round = 0; round < rounds; round++) {
      const high0 = multiplyHigh(multiplier0, word0);
      const high1 = multiplyHigh(multiplier1, word2);
      const low0 = Math.imul(multiplier0, word0) >>> 0;
      const low1 = Math.imul(multiplier1, word2) >>> 0;
      word0 = (high1 ^ word1 ^ key0) >>> 0;
      word1 = low1;
      word2 = (high0 ^ word3 ^ key1) >>> 0;
      word3 = low0;
      key0 = (key0 + weyl0) >>> 0;
      key1 = (key1 + weyl1) >>> 0;
    }
    this.#block[0] = word0;
    this.#block[1] = word1;
    this.#block[2] = word2;
    this.#block[3] = word3;
    this.#counter++;
  }
}

/** Low and high word of an integer, negative ones as two's complement. */
export function wordsOf(value: number): [number, number] {
  const bits = BigInt.asUintN(64, BigInt(value));
  return [Number(bits & 0xffffffffn), Number(bits >> 32n)];
}
