// Vector helpers that every kernel shares: loads and stores of less than one vector, lane sums, rounding of sizes.

/** Elements of 32 bits in a vector. */
export const LANES: i32 = 4;

/** `n` rounded up to a multiple of `step`, a power of two. */
export function roundUp(n: i32, step: i32): i32 {
  return (n + step - 1) & -step;
}

/** Bytes of `n` elements of 32 bits. */
export function bytesOf(n: i32): usize {
  return (<usize>n) << 2;
}

/** Sets `count` elements of 32 bits at `p` to zero; meant for a few, where a call of memory.fill would cost more. */
export function zero(p: usize, count: i32): void {
  const end = p + bytesOf(count);
  for (; p != end; p += 4) store<i32>(p, 0);
}

/** Copies `bytes` bytes, a multiple of 4; meant for few, where a call of memory.copy would cost more. */
export function copyRun(to: usize, from: usize, bytes: usize): void {
  const vectors = to + (bytes & ~15);
  const end = to + bytes;
  for (; to != vectors; to += 16) {
    v128.store(to, v128.load(from));
    from += 16;
  }
  for (; to != end; to += 4) {
    store<i32>(to, load<i32>(from));
    from += 4;
  }
}

/** Copies `count` runs of `bytes` bytes, a multiple of 4, from and to places at these distances. They do not overlap. */
export function copyRuns(to: usize, toPitch: usize, from: usize, fromPitch: usize, bytes: usize, count: i32): void {
  if (bytes < 16) {
    for (; count > 0; count--) {
      copyRun(to, from, bytes);
      to += toPitch;
      from += fromPitch;
    }
    return;
  }
  // The last vector of a run overlaps the one before.
  const last = bytes - 16;
  if (bytes <= 32) {
    for (; count > 0; count--) {
      v128.store(to, v128.load(from));
      v128.store(to + last, v128.load(from + last));
      to += toPitch;
      from += fromPitch;
    }
    return;
  }
  if (bytes <= 48) {
    for (; count > 0; count--) {
      v128.store(to, v128.load(from));
      v128.store(to, v128.load(from, 16), 16);
      v128.store(to + last, v128.load(from + last));
      to += toPitch;
      from += fromPitch;
    }
    return;
  }
  const pairs = (bytes - 1) & ~31;
  const isOdd = bytes - pairs <= 16;
  for (; count > 0; count--) {
    for (let i: usize = 0; i < pairs; i += 32) {
      v128.store(to + i, v128.load(from + i));
      v128.store(to + i, v128.load(from + i, 16), 16);
    }
    if (!isOdd) v128.store(to + pairs, v128.load(from + pairs));
    v128.store(to + last, v128.load(from + last));
    to += toPitch;
    from += fromPitch;
  }
}

/** Functions of vectors. (asc warns of vectors in an exported function, also where the module does not export it.) */
export class Vector {
  /** `count` (1 to 3) elements of 32 bits at `p`, the other lanes 0. Reads nothing behind them. */
  static loadTail(p: usize, count: i32): v128 {
    if (count == 1) return v128.load32_zero(p);
    const pair = v128.load64_zero(p);
    return count == 2 ? pair : v128.load32_lane(p, pair, 2, 8);
  }

  /** Writes the first `count` (1 to 3) lanes of `v` to `p`, and nothing behind them. */
  static storeTail(p: usize, v: v128, count: i32): void {
    if (count == 1) {
      v128.store32_lane(p, v, 0);
      return;
    }
    v128.store64_lane(p, v, 0);
    if (count == 3) v128.store32_lane(p, v, 2, 8);
  }

  /** Elements `index`, `index + 1`, ... of the endless repetition of `row` [length]; `index` < `length`. */
  static loadWrapped(row: usize, index: i32, length: i32): v128 {
    let v = v128.load32_zero(row + bytesOf(index));
    if (++index == length) index = 0;
    v = v128.load32_lane(row + bytesOf(index), v, 1);
    if (++index == length) index = 0;
    v = v128.load32_lane(row + bytesOf(index), v, 2);
    if (++index == length) index = 0;
    return v128.load32_lane(row + bytesOf(index), v, 3);
  }

  /** Lanes 2 and 3 of `v`, as float64. */
  static promoteHigh(v: v128): v128 {
    return f64x2.promote_low_f32x4(v128.shuffle<f64>(v, v, 1, 1));
  }

  /** Sum of the four lanes in float64: (0 + 2) + (1 + 3). */
  static sumLanes(v: v128): f64 {
    const pair = f64x2.add(f64x2.promote_low_f32x4(v), Vector.promoteHigh(v));
    return f64x2.extract_lane(pair, 0) + f64x2.extract_lane(pair, 1);
  }
}
