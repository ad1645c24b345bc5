// Winograd's minimal filtering F(4, 5): 4 outputs of a filter with 5 taps cost 8 products instead of 20. See winogradTransform.ts.
//
// With the points 0, 1, -1, 2, -2, 1/2, -1/2 and infinity, the polynomial x (x^2 - 1) (x^2 - 4) (x^2 - 1/4) and its divisors give
//
//        1  0  -21/4   0   21/4   0   -1  0       points p and -p share their even and their odd part:
//        0  1    1  -17/4 -17/4   1    1  0
//        0 -1    1   17/4 -17/4  -1    1  0     G: row p is N(p) (1, p, p^2, p^3, p^4), N = 1 at 0, -2/9 at +-1, 1/90 at +-2,
//   B' = 0 1/2  1/4  -5/2  -5/4   2    1  0        32/45 at +-1/2; at infinity (0, 0, 0, 0, 1).
//        0 -1/2 1/4   5/2  -5/4  -2    1  0     A: row p is (1, p, p^2, p^3); at infinity (0, 0, 0, 1).
//        0  2    4   -5/2   -5   1/2   1  0
//        0 -2    4    5/2   -5  -1/2   1  0
//        0 -1    0   21/4    0  -21/4  0  1
//
// In float32 the rounding errors are two to three times those of F(4, 3).

import { Activation } from "./gemm";

// Constants live in memory: engines rebuild a vector constant wherever it is used, a loaded one stays in its register.
const HALF: usize = memory.data<f32>([0.5]);
const QUARTER: usize = memory.data<f32>([0.25]);
const EIGHTH: usize = memory.data<f32>([0.125]);
const SIXTEENTH: usize = memory.data<f32>([0.0625]);
const FOUR: usize = memory.data<f32>([4]);
const EIGHT: usize = memory.data<f32>([8]);
const SIXTEEN: usize = memory.data<f32>([16]);
const FIVE: usize = memory.data<f32>([5]);
const FIVE_HALVES: usize = memory.data<f32>([2.5]);
const FIVE_FOURTHS: usize = memory.data<f32>([1.25]);
const SEVENTEEN_FOURTHS: usize = memory.data<f32>([4.25]);
const TWENTY_ONE_FOURTHS: usize = memory.data<f32>([5.25]);
/** N at 1, 2 and 1/2. */
const AT_ONE: usize = memory.data<f32>([-2.0 / 9.0]);
const AT_TWO: usize = memory.data<f32>([1.0 / 90.0]);
const AT_HALF: usize = memory.data<f32>([32.0 / 45.0]);

/** Transforms of one line for a filter of five taps. Vectors come from `from`, `step` bytes apart, and go to `to`, `toStep` apart. */
export class Line8 {
  @inline static times(constant: usize, v: v128): v128 {
    return f32x4.mul(v128.load32_splat(constant), v);
  }

  @inline static twice(v: v128): v128 {
    return f32x4.add(v, v);
  }

  /** What is even and odd in a point p: the value there, and at -p. */
  @inline static pair(to: usize, toStep: usize, even: v128, odd: v128): void {
    v128.store(to, f32x4.add(even, odd));
    v128.store(to + toStep, f32x4.sub(even, odd));
  }

  /** B' d, of vectors at eight places. */
  @inline static input(
    at0: usize,
    at1: usize,
    at2: usize,
    at3: usize,
    at4: usize,
    at5: usize,
    at6: usize,
    at7: usize,
    to: usize,
    toStep: usize,
  ): void {
    const d1 = v128.load(at1);
    const d2 = v128.load(at2);
    const d3 = v128.load(at3);
    const d4 = v128.load(at4);
    const d5 = v128.load(at5);
    const d6 = v128.load(at6);
    const first = Line8.times(TWENTY_ONE_FOURTHS, f32x4.sub(d4, d2));
    v128.store(to, f32x4.add(f32x4.sub(v128.load(at0), d6), first));
    const last = Line8.times(TWENTY_ONE_FOURTHS, f32x4.sub(d3, d5));
    v128.store(to + 7 * toStep, f32x4.add(f32x4.sub(v128.load(at7), d1), last));
    let even = f32x4.sub(f32x4.add(d2, d6), Line8.times(SEVENTEEN_FOURTHS, d4));
    let odd = f32x4.sub(f32x4.add(d1, d5), Line8.times(SEVENTEEN_FOURTHS, d3));
    Line8.pair(to + toStep, toStep, even, odd);
    const middle = Line8.times(FIVE_HALVES, d3);
    even = f32x4.sub(f32x4.add(d6, Line8.times(QUARTER, d2)), Line8.times(FIVE_FOURTHS, d4));
    odd = f32x4.add(f32x4.sub(Line8.times(HALF, d1), middle), Line8.twice(d5));
    Line8.pair(to + 3 * toStep, toStep, even, odd);
    even = f32x4.sub(f32x4.add(d6, Line8.times(FOUR, d2)), Line8.times(FIVE, d4));
    odd = f32x4.add(f32x4.sub(Line8.twice(d1), middle), Line8.times(HALF, d5));
    Line8.pair(to + 5 * toStep, toStep, even, odd);
  }

  /** A' m. With `isLast` the outputs get `bias` and the activation. */
  @inline static output(
    from: usize,
    step: usize,
    to: usize,
    toStep: usize,
    isLast: bool,
    bias: v128,
    activation: i32,
  ): void {
    const m1 = v128.load(from + step);
    const m2 = v128.load(from + 2 * step);
    const m3 = v128.load(from + 3 * step);
    const m4 = v128.load(from + 4 * step);
    const m5 = v128.load(from + 5 * step);
    const m6 = v128.load(from + 6 * step);
    const even1 = f32x4.add(m1, m2);
    const odd1 = f32x4.sub(m1, m2);
    const even2 = f32x4.add(m3, m4);
    const odd2 = f32x4.sub(m3, m4);
    const evenHalf = f32x4.add(m5, m6);
    const oddHalf = f32x4.sub(m5, m6);
    let y = f32x4.add(f32x4.add(v128.load(from), even1), f32x4.add(even2, evenHalf));
    v128.store(to, isLast ? Activation.apply(f32x4.add(y, bias), activation) : y);
    to += toStep;
    y = f32x4.add(odd1, f32x4.add(Line8.twice(odd2), Line8.times(HALF, oddHalf)));
    v128.store(to, isLast ? Activation.apply(f32x4.add(y, bias), activation) : y);
    to += toStep;
    y = f32x4.add(even1, f32x4.add(Line8.times(FOUR, even2), Line8.times(QUARTER, evenHalf)));
    v128.store(to, isLast ? Activation.apply(f32x4.add(y, bias), activation) : y);
    to += toStep;
    y = f32x4.add(odd1, f32x4.add(Line8.times(EIGHT, odd2), Line8.times(EIGHTH, oddHalf)));
    y = f32x4.add(y, v128.load(from + 7 * step));
    v128.store(to, isLast ? Activation.apply(f32x4.add(y, bias), activation) : y);
  }

  /** A y, of four elements of the output's gradient. */
  @inline static gradient(y0: v128, y1: v128, y2: v128, y3: v128, to: usize, toStep: usize): void {
    v128.store(to, y0);
    v128.store(to + 7 * toStep, y3);
    Line8.pair(to + toStep, toStep, f32x4.add(y0, y2), f32x4.add(y1, y3));
    let even = f32x4.add(y0, Line8.times(FOUR, y2));
    let odd = f32x4.add(Line8.twice(y1), Line8.times(EIGHT, y3));
    Line8.pair(to + 3 * toStep, toStep, even, odd);
    even = f32x4.add(y0, Line8.times(QUARTER, y2));
    odd = f32x4.add(Line8.times(HALF, y1), Line8.times(EIGHTH, y3));
    Line8.pair(to + 5 * toStep, toStep, even, odd);
  }

  /** G g. */
  @inline static filter(from: usize, step: usize, to: usize, toStep: usize): void {
    const g0 = v128.load(from);
    const g1 = v128.load(from + step);
    const g2 = v128.load(from + 2 * step);
    const g3 = v128.load(from + 3 * step);
    const g4 = v128.load(from + 4 * step);
    v128.store(to, g0);
    v128.store(to + 7 * toStep, g4);
    let even = f32x4.add(f32x4.add(g0, g2), g4);
    let odd = f32x4.add(g1, g3);
    Line8.pair(to + toStep, toStep, Line8.times(AT_ONE, even), Line8.times(AT_ONE, odd));
    even = f32x4.add(f32x4.add(g0, Line8.times(FOUR, g2)), Line8.times(SIXTEEN, g4));
    odd = f32x4.add(Line8.twice(g1), Line8.times(EIGHT, g3));
    Line8.pair(to + 3 * toStep, toStep, Line8.times(AT_TWO, even), Line8.times(AT_TWO, odd));
    even = f32x4.add(f32x4.add(g0, Line8.times(QUARTER, g2)), Line8.times(SIXTEENTH, g4));
    odd = f32x4.add(Line8.times(HALF, g1), Line8.times(EIGHTH, g3));
    Line8.pair(to + 5 * toStep, toStep, Line8.times(AT_HALF, even), Line8.times(AT_HALF, odd));
  }

  /** G' u. */
  @inline static taps(from: usize, step: usize, to: usize, toStep: usize): void {
    const u1 = v128.load(from + step);
    const u2 = v128.load(from + 2 * step);
    const u3 = v128.load(from + 3 * step);
    const u4 = v128.load(from + 4 * step);
    const u5 = v128.load(from + 5 * step);
    const u6 = v128.load(from + 6 * step);
    const even1 = Line8.times(AT_ONE, f32x4.add(u1, u2));
    const odd1 = Line8.times(AT_ONE, f32x4.sub(u1, u2));
    const even2 = Line8.times(AT_TWO, f32x4.add(u3, u4));
    const odd2 = Line8.times(AT_TWO, f32x4.sub(u3, u4));
    const evenHalf = Line8.times(AT_HALF, f32x4.add(u5, u6));
    const oddHalf = Line8.times(AT_HALF, f32x4.sub(u5, u6));
    v128.store(to, f32x4.add(f32x4.add(v128.load(from), even1), f32x4.add(even2, evenHalf)));
    to += toStep;
    v128.store(to, f32x4.add(odd1, f32x4.add(Line8.twice(odd2), Line8.times(HALF, oddHalf))));
    to += toStep;
    v128.store(to, f32x4.add(even1, f32x4.add(Line8.times(FOUR, even2), Line8.times(QUARTER, evenHalf))));
    to += toStep;
    v128.store(to, f32x4.add(odd1, f32x4.add(Line8.times(EIGHT, odd2), Line8.times(EIGHTH, oddHalf))));
    to += toStep;
    const last = f32x4.add(even1, v128.load(from + 7 * step));
    v128.store(to, f32x4.add(last, f32x4.add(Line8.times(SIXTEEN, even2), Line8.times(SIXTEENTH, evenHalf))));
  }
}
