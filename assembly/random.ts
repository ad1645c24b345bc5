// TensorFlow's random numbers: the counter-based generator Philox 4x32-10 (Salmon et al., "Parallel random numbers: as easy as
// 1, 2, 3", SC 2011), its use as in tensorflow/core/lib/random and GuardedPhiloxRandom.
//
// A block is 10 rounds over a counter of 128 bits and gives 4 words; the counter rises by 1 a block. After a call with n outputs
// TensorFlow skips n * 256 blocks, whatever was used, and so does `state`.

import { VectorMath } from "./lib/math";
import { bytesOf, LANES, Vector } from "./lib/simd";
import { SinCos } from "./lib/sinCos";

const MULTIPLIER_0: u32 = 0xd2511f53;
const MULTIPLIER_1: u32 = 0xcd9e8d57;
const WEYL_0: u32 = 0x9e3779b9;
const WEYL_1: u32 = 0xbb67ae85;
const ROUNDS: i32 = 10;
const WORDS: i32 = 4;
/** Blocks that are worked out together. */
const GROUP: i32 = 4;
const BLOCKS_PER_OUTPUT: u64 = 256;
/** The bits of 1.0, and the mantissa of a float32. */
const ONE_BITS: u32 = 0x3f800000;
const MANTISSA: u32 = 0x7fffff;

/** For vectors constants live in memory: engines rebuild a vector constant in every iteration, a loaded one stays. */
const CONSTANTS: usize = memory.data<u32>([MULTIPLIER_0, MULTIPLIER_1, ONE_BITS, MANTISSA]);

/** Generator state in memory, 24 bytes: for seeds (seed, seed2) it starts with key = seed, low = 0, high = seed2. */
@unmanaged
class Philox {
  /** Low and high half of the counter. */
  low: u64;
  high: u64;
  key0: u32;
  key1: u32;
}

/** For normal numbers: the smallest u that a logarithm is taken of, the limit of truncated ones, a whole turn. */
const NORMAL: usize = memory.data<f32>([1e-7, 2, -2]);
const TURN: usize = memory.data<f64>([6.283185307179586]);

/** Adds `blocks` to the counter. */
function skip(state: Philox, blocks: u64): void {
  const low = state.low + blocks;
  if (low < blocks) state.high++;
  state.low = low;
}

/** Skips what TensorFlow reserves for n outputs. */
function skipOutputs(state: Philox, n: i32): void {
  skip(state, <u64>n * BLOCKS_PER_OUTPUT);
}

/** Fills y [n] with the words of consecutive blocks from `state`, which stays. */
function fillWords(y: usize, state: Philox, n: i32): void {
  let low = state.low;
  let high = state.high;
  let left = n;
  while (left > 0) {
    // Four blocks at a time while they share the upper three words of the counter.
    if (left >= GROUP * WORDS && <u32>low <= <u32>-GROUP) {
      fourBlocks(y, low, high, state.key0, state.key1);
      y += GROUP * WORDS * 4;
      left -= GROUP * WORDS;
      low += GROUP - 1;
    } else {
      oneBlock(y, low, high, state.key0, state.key1, left);
      y += WORDS * 4;
      left -= WORDS;
    }
    if (++low == 0) high++;
  }
}

/** The first `count` words of the block at (low, high); all 4 if there are more. */
function oneBlock(y: usize, low: u64, high: u64, key0: u32, key1: u32, count: i32): void {
  const words = blockAt(low, high, key0, key1);
  if (count >= WORDS) v128.store(y, words);
  else Vector.storeTail(y, words, count);
}

/** The 4 words of the block at (low, high). */
export function blockAt(low: u64, high: u64, key0: u32, key1: u32): v128 {
  let word0 = <u32>low;
  let word1 = <u32>(low >> 32);
  let word2 = <u32>high;
  let word3 = <u32>(high >> 32);
  for (let round = 0; round < ROUNDS; round++) {
    const product0 = <u64>MULTIPLIER_0 * <u64>word0;
    const product1 = <u64>MULTIPLIER_1 * <u64>word2;
    word0 = <u32>(product1 >> 32) ^ word1 ^ key0;
    word1 = <u32>product1;
    word2 = <u32>(product0 >> 32) ^ word3 ^ key1;
    word3 = <u32>product0;
    key0 += WEYL_0;
    key1 += WEYL_1;
  }
  const words = i32x4.replace_lane(i32x4.replace_lane(i32x4.splat(word0), 1, word1), 2, word2);
  return i32x4.replace_lane(words, 3, word3);
}

/** The 16 words of the blocks at low, low + 1, low + 2, low + 3: a lane for each block, transposed at the end. */
function fourBlocks(y: usize, low: u64, high: u64, key0: u32, key1: u32): void {
  const multiplier0 = v128.load32_splat(CONSTANTS);
  const multiplier1 = v128.load32_splat(CONSTANTS, 4);
  let word0 = i32x4.add(i32x4.splat(<i32>low), i32x4(0, 1, 2, 3));
  let word1 = i32x4.splat(<i32>(low >> 32));
  let word2 = i32x4.splat(<i32>high);
  let word3 = i32x4.splat(<i32>(high >> 32));
  for (let round = 0; round < ROUNDS; round++) {
    const first0 = i64x2.extmul_low_i32x4_u(word0, multiplier0);
    const last0 = i64x2.extmul_high_i32x4_u(word0, multiplier0);
    const first1 = i64x2.extmul_low_i32x4_u(word2, multiplier1);
    const last1 = i64x2.extmul_high_i32x4_u(word2, multiplier1);
    word0 = v128.xor(v128.xor(v128.shuffle<i32>(first1, last1, 1, 3, 5, 7), word1), i32x4.splat(key0));
    word1 = v128.shuffle<i32>(first1, last1, 0, 2, 4, 6);
    word2 = v128.xor(v128.xor(v128.shuffle<i32>(first0, last0, 1, 3, 5, 7), word3), i32x4.splat(key1));
    word3 = v128.shuffle<i32>(first0, last0, 0, 2, 4, 6);
    key0 += WEYL_0;
    key1 += WEYL_1;
  }
  const low01 = v128.shuffle<i32>(word0, word1, 0, 4, 1, 5);
  const low23 = v128.shuffle<i32>(word2, word3, 0, 4, 1, 5);
  const high01 = v128.shuffle<i32>(word0, word1, 2, 6, 3, 7);
  const high23 = v128.shuffle<i32>(word2, word3, 2, 6, 3, 7);
  v128.store(y, v128.shuffle<i64>(low01, low23, 0, 2));
  v128.store(y, v128.shuffle<i64>(low01, low23, 1, 3), 16);
  v128.store(y, v128.shuffle<i64>(high01, high23, 0, 2), 32);
  v128.store(y, v128.shuffle<i64>(high01, high23, 1, 3), 48);
}

/** The float32 in [1, 2) with the low 23 bits of a word as its mantissa, minus 1. */
function toUnit(word: u32): f32 {
  return reinterpret<f32>(ONE_BITS | (word & MANTISSA)) - 1;
}

/**
 * y[i] uniform in [0, 1): the float32 with the low 23 bits of word i as its mantissa and exponent 0, minus 1.
 * y float32 [n] is overwritten; `state` is 24 bytes { counter: u32[4], key: u32[2] }, 8-byte aligned, and is advanced.
 */
export function randomUniform(y: usize, state: usize, n: i32): void {
  if (n <= 0) return;
  const generator = changetype<Philox>(state);
  fillWords(y, generator, n);
  skipOutputs(generator, n);
  const one = v128.load32_splat(CONSTANTS, 8);
  const mantissa = v128.load32_splat(CONSTANTS, 12);
  const full = y + bytesOf(n & -LANES);
  const end = y + bytesOf(n);
  for (; y != full; y += 16) v128.store(y, f32x4.sub(v128.or(v128.and(v128.load(y), mantissa), one), one));
  for (; y != end; y += 4) store<f32>(y, toUnit(load<u32>(y)));
}

/** y[i] = minval + word i modulo (maxval - minval), int32 [n], overwritten; minval < maxval. `state` as above. */
export function randomUniformInt32(y: usize, state: usize, n: i32, minval: i32, maxval: i32): void {
  if (n <= 0) return;
  const generator = changetype<Philox>(state);
  fillWords(y, generator, n);
  skipOutputs(generator, n);
  const range = <u32>maxval - <u32>minval;
  const end = y + bytesOf(n);
  for (; y != end; y += 4) store<u32>(y, <u32>minval + (load<u32>(y) % range));
}

/** y[i] = minval + (words 2 i and 2 i + 1, the low one first) modulo (maxval - minval), int64 [n], overwritten; minval < maxval,
 * each given as its low and high word. `state` as above. */
export function randomUniformInt64(
  y: usize,
  state: usize,
  n: i32,
  minLow: i32,
  minHigh: i32,
  maxLow: i32,
  maxHigh: i32,
): void {
  if (n <= 0) return;
  const generator = changetype<Philox>(state);
  fillWords(y, generator, 2 * n);
  skipOutputs(generator, n);
  const minval = ((<u64>minHigh) << 32) | <u64>(<u32>minLow);
  const range = (((<u64>maxHigh) << 32) | <u64>(<u32>maxLow)) - minval;
  const end = y + 2 * bytesOf(n);
  for (; y != end; y += 8) store<u64>(y, minval + (load<u64>(y) % range));
}

/**
 * Four normal numbers of four words, two and two (Box and Muller 1958, as TensorFlow's BoxMullerFloat): with u of the first word
 * and v of the second in [0, 1), sqrt(-2 log(u)) times the sine and the cosine of 2 pi v, which is rounded to float32 first.
 */
function normals(words: v128): v128 {
  const one = v128.load32_splat(CONSTANTS, 8);
  const unit = f32x4.sub(v128.or(v128.and(words, v128.load32_splat(CONSTANTS, 12)), one), one);
  const u = f32x4.pmax(v128.shuffle<i32>(unit, unit, 0, 0, 2, 2), v128.load32_splat(NORMAL));
  const v = v128.shuffle<i32>(unit, unit, 1, 1, 3, 3);
  const turn = v128.load64_splat(TURN);
  const low = f32x4.demote_f64x2_zero(f64x2.mul(f64x2.promote_low_f32x4(v), turn));
  const high = f32x4.demote_f64x2_zero(f64x2.mul(Vector.promoteHigh(v), turn));
  const angle = v128.shuffle<i64>(low, high, 0, 2);
  const radius = f32x4.sqrt(f32x4.mul(VectorMath.log(u), v128.load32_splat(NORMAL, 8)));
  return f32x4.mul(SinCos.sineAfter(angle, i32x4(0, 1, 0, 1)), radius);
}

/** y[i] normal with mean 0 and deviation 1, float32 [n], overwritten: block k gives elements 4 k to 4 k + 3. `state` as above. */
export function randomStandardNormal(y: usize, state: usize, n: i32): void {
  if (n <= 0) return;
  const generator = changetype<Philox>(state);
  const whole = n & -WORDS;
  fillWords(y, generator, whole);
  const full = y + bytesOf(whole);
  for (; y != full; y += 16) v128.store(y, normals(v128.load(y)));
  if (whole < n) {
    const low = generator.low + <u64>(whole / WORDS);
    const high = generator.high + <u64>(low < generator.low);
    Vector.storeTail(y, normals(blockAt(low, high, generator.key0, generator.key1)), n - whole);
  }
  skipOutputs(generator, n);
}

/**
 * The same with numbers of magnitude 2 and more left out. Elements 4 k to 4 k + 3 are the first such of the blocks from 256 k on:
 * what one group draws does not move the others. float32 [n], overwritten.
 */
export function truncatedNormal(y: usize, state: usize, n: i32): void {
  if (n <= 0) return;
  const generator = changetype<Philox>(state);
  const limit = v128.load32_splat(NORMAL, 4);
  const end = y + bytesOf(n);
  let groupLow = generator.low;
  let groupHigh = generator.high;
  while (y < end) {
    const last = min(end, y + 16);
    let low = groupLow;
    let high = groupHigh;
    while (y < last) {
      const numbers = normals(blockAt(low, high, generator.key0, generator.key1));
      if (++low == 0) high++;
      const inside = i32x4.bitmask(f32x4.lt(f32x4.abs(numbers), limit));
      if (inside & 1) {
        v128.store32_lane(y, numbers, 0);
        y += 4;
      }
      if (inside & 2 && y < last) {
        v128.store32_lane(y, numbers, 1);
        y += 4;
      }
      if (inside & 4 && y < last) {
        v128.store32_lane(y, numbers, 2);
        y += 4;
      }
      if (inside & 8 && y < last) {
        v128.store32_lane(y, numbers, 3);
        y += 4;
      }
    }
    groupLow += BLOCKS_PER_OUTPUT;
    if (groupLow < BLOCKS_PER_OUTPUT) groupHigh++;
  }
  skipOutputs(generator, n);
}

/**
 * order [n] becomes a random permutation of 0 .. n - 1, int32, as TensorFlow's RandomShuffle draws it: place i is exchanged with
 * place i + word i modulo (n - i). `words` is scratch, n words. `state` as above; TensorFlow reserves n - 1 words here.
 */
export function randomPermutation(order: usize, words: usize, state: usize, n: i32): void {
  for (let i = 0; i < n; i++) store<i32>(order + bytesOf(i), i);
  if (n <= 1) return;
  const generator = changetype<Philox>(state);
  fillWords(words, generator, n - 1);
  skip(generator, <u64>((n - 1 + WORDS - 1) / WORDS));
  for (let i = 0; i < n - 1; i++) {
    const here = order + bytesOf(i);
    const there = here + bytesOf(<i32>(load<u32>(words + bytesOf(i)) % <u32>(n - i)));
    const kept = load<i32>(here);
    store<i32>(here, load<i32>(there));
    store<i32>(there, kept);
  }
}
