// The one-dimensional transforms of Winograd's minimal filtering (Lavin & Gray, "Fast Algorithms for Convolutional Neural
// Networks", 2015): m outputs of a filter with r taps over 6 = m + r - 1 inputs cost 6 products instead of m * r,
//
//   y = A' [(G g) * (B' d)],   for F(4, 3) and F(2, 5).
//
// Filter and input are polynomials; the matrices evaluate them at 6 points and interpolate the product (Toom and Cook). With the
// points 0, 1, -1, 1/2, -2 and infinity, and N(p) the product of (p - q) over the other finite points q,
//
//        1 -3/2  -2  3/2  1  0
//        0  -1  1/2  5/2  1  0
//   B' = 0   1 -5/2  1/2  1  0     G: row p is (1, p, p^2, ...) / N(p), N = 1, 3, -3, -15/16, 15; at infinity (0, ..., 0, 1).
//        0  -2  -1    2   1  0     A: row p is (1, p, p^2, ...);                                  at infinity (0, ..., 0, 1).
//        0  1/2 -1  -1/2  1  0
//        0   1 -3/2  -2  3/2 1
//
// B' does not depend on r. The points are not symmetric (0, +-1, +-2), because their reciprocal pair costs half the rounding error
// in float32. Two dimensions are one after the other: rows, then columns of a 6 x 6 tile, four channels in a vector.
//
// The gradient with respect to the filter is bilinear in the same way: dw = G' [(B' d) * (A dy)].

import { Activation } from "./gemm";

/** Products of a line. */
export const POINTS: i32 = 6;

// How many outputs a line has, as a type: `offsetof<Outputs>()` is their number, known at compile time; taps are 7 less that.
@unmanaged
export class Outputs2 {
  a: u8;
  b: u8;
}
@unmanaged
export class Outputs4 {
  a: u8;
  b: u8;
  c: u8;
  d: u8;
}

// Constants live in memory: engines rebuild a vector constant wherever it is used, a loaded one stays in its register.
export const HALF: usize = memory.data<f32>([0.5]);
export const THREE_HALVES: usize = memory.data<f32>([1.5]);
const TWO: usize = memory.data<f32>([2]);
const FOUR: usize = memory.data<f32>([4]);
const EIGHT: usize = memory.data<f32>([8]);
const SIXTEEN: usize = memory.data<f32>([16]);
const QUARTER: usize = memory.data<f32>([0.25]);
const EIGHTH: usize = memory.data<f32>([0.125]);
const SIXTEENTH: usize = memory.data<f32>([0.0625]);
const THIRD: usize = memory.data<f32>([1.0 / 3.0]);
const SIXTEEN_FIFTEENTHS: usize = memory.data<f32>([16.0 / 15.0]);
const FIFTEENTH: usize = memory.data<f32>([1.0 / 15.0]);

/** A transform of one line: vectors from `from`, `step` bytes apart, to vectors at `to`, `toStep` bytes apart. */
export class Line {
  @inline static times(constant: usize, v: v128): v128 {
    return f32x4.mul(v128.load32_splat(constant), v);
  }

  /** B' d, of six vectors in registers. `half` and `threeHalves` are constants. */
  @inline static input(
    d0: v128,
    d1: v128,
    d2: v128,
    d3: v128,
    d4: v128,
    d5: v128,
    half: v128,
    threeHalves: v128,
    to: usize,
    toStep: usize,
  ): void {
    const p = f32x4.sub(d4, d2);
    const q = f32x4.sub(d3, d1);
    const at0 = f32x4.add(f32x4.add(f32x4.sub(d0, d2), p), f32x4.mul(threeHalves, q));
    v128.store(to, at0);
    to += toStep;
    v128.store(to, f32x4.add(f32x4.add(p, q), f32x4.mul(threeHalves, f32x4.add(d2, d3))));
    to += toStep;
    v128.store(to, f32x4.add(f32x4.sub(p, q), f32x4.mul(threeHalves, f32x4.sub(d3, d2))));
    to += toStep;
    v128.store(to, f32x4.add(p, f32x4.add(q, q)));
    to += toStep;
    v128.store(to, f32x4.sub(p, f32x4.mul(half, q)));
    to += toStep;
    v128.store(to, f32x4.add(f32x4.sub(f32x4.sub(d5, d3), q), f32x4.mul(threeHalves, p)));
  }

  /** A' m: 2 or 4 outputs of six vectors. With `isLast` they get `bias` and the activation. */
  @inline static output<Outputs>(
    from: usize,
    step: usize,
    half: v128,
    to: usize,
    toStep: usize,
    isLast: bool,
    bias: v128,
    activation: i32,
  ): void {
    const m1 = v128.load(from + step);
    const m2 = v128.load(from + 2 * step);
    let m3 = v128.load(from + 3 * step);
    let m4 = v128.load(from + 4 * step);
    const even = f32x4.add(m1, m2);
    const odd = f32x4.sub(m1, m2);
    let y = f32x4.add(f32x4.add(v128.load(from), even), f32x4.add(m3, m4));
    v128.store(to, isLast ? Activation.apply(f32x4.add(y, bias), activation) : y);
    m3 = f32x4.mul(half, m3);
    m4 = f32x4.add(m4, m4);
    y = f32x4.add(odd, f32x4.sub(m3, m4));
    if (offsetof<Outputs>() == 4) {
      to += toStep;
      v128.store(to, isLast ? Activation.apply(f32x4.add(y, bias), activation) : y);
      m3 = f32x4.mul(half, m3);
      m4 = f32x4.add(m4, m4);
      y = f32x4.add(even, f32x4.add(m3, m4));
      to += toStep;
      v128.store(to, isLast ? Activation.apply(f32x4.add(y, bias), activation) : y);
      m3 = f32x4.mul(half, m3);
      m4 = f32x4.add(m4, m4);
      y = f32x4.add(odd, f32x4.sub(m3, m4));
    }
    y = f32x4.add(y, v128.load(from + 5 * step));
    to += toStep;
    v128.store(to, isLast ? Activation.apply(f32x4.add(y, bias), activation) : y);
  }

  /** A y: six vectors of 2 or 4 elements of the output's gradient; of 4, `y2` and `y3` are the last. */
  @inline static gradient<Outputs>(y0: v128, y1: v128, y2: v128, y3: v128, half: v128, to: usize, toStep: usize): void {
    v128.store(to, y0);
    to += toStep;
    if (offsetof<Outputs>() == 2) {
      v128.store(to, f32x4.add(y0, y1));
      to += toStep;
      v128.store(to, f32x4.sub(y0, y1));
      to += toStep;
      v128.store(to, f32x4.add(y0, f32x4.mul(half, y1)));
      to += toStep;
      v128.store(to, f32x4.sub(y0, f32x4.add(y1, y1)));
      v128.store(to + toStep, y1);
    } else {
      const even = f32x4.add(y0, y2);
      const odd = f32x4.add(y1, y3);
      v128.store(to, f32x4.add(even, odd));
      to += toStep;
      v128.store(to, f32x4.sub(even, odd));
      to += toStep;
      const atHalf = f32x4.add(y1, f32x4.mul(half, f32x4.add(y2, f32x4.mul(half, y3))));
      v128.store(to, f32x4.add(y0, f32x4.mul(half, atHalf)));
      to += toStep;
      let atMinusTwo = f32x4.sub(y2, f32x4.add(y3, y3));
      atMinusTwo = f32x4.sub(y1, f32x4.add(atMinusTwo, atMinusTwo));
      v128.store(to, f32x4.sub(y0, f32x4.add(atMinusTwo, atMinusTwo)));
      v128.store(to + toStep, y3);
    }
  }

  /** G g: six vectors of 3 or 5 taps. */
  @inline static filter<Outputs>(from: usize, step: usize, to: usize, toStep: usize): void {
    const g0 = v128.load(from);
    const g1 = v128.load(from + step);
    const g2 = v128.load(from + 2 * step);
    let even = f32x4.add(g0, g2);
    let odd = g1;
    let atHalf = f32x4.add(f32x4.add(g0, Line.times(QUARTER, g2)), Line.times(HALF, g1));
    let atMinusTwo = f32x4.sub(f32x4.add(g0, Line.times(FOUR, g2)), Line.times(TWO, g1));
    let last = g2;
    if (offsetof<Outputs>() == 2) {
      const g3 = v128.load(from + 3 * step);
      last = v128.load(from + 4 * step);
      even = f32x4.add(even, last);
      odd = f32x4.add(odd, g3);
      const small = f32x4.add(Line.times(EIGHTH, g3), Line.times(SIXTEENTH, last));
      atHalf = f32x4.add(atHalf, small);
      const large = f32x4.sub(Line.times(SIXTEEN, last), Line.times(EIGHT, g3));
      atMinusTwo = f32x4.add(atMinusTwo, large);
    }
    v128.store(to, g0);
    v128.store(to + toStep, Line.times(THIRD, f32x4.add(odd, even)));
    v128.store(to + 2 * toStep, Line.times(THIRD, f32x4.sub(odd, even)));
    v128.store(to + 3 * toStep, f32x4.neg(Line.times(SIXTEEN_FIFTEENTHS, atHalf)));
    v128.store(to + 4 * toStep, Line.times(FIFTEENTH, atMinusTwo));
    v128.store(to + 5 * toStep, last);
  }

  /** G' u: 3 or 5 taps of six vectors. */
  @inline static taps<Outputs>(from: usize, step: usize, to: usize, toStep: usize): void {
    const u1 = v128.load(from + step);
    const u2 = v128.load(from + 2 * step);
    const last = v128.load(from + 5 * step);
    const even = Line.times(THIRD, f32x4.sub(u1, u2));
    const odd = Line.times(THIRD, f32x4.add(u1, u2));
    const h = Line.times(SIXTEEN_FIFTEENTHS, v128.load(from + 3 * step));
    const t = Line.times(FIFTEENTH, v128.load(from + 4 * step));
    v128.store(to, f32x4.add(v128.load(from), f32x4.add(even, f32x4.sub(t, h))));
    const tap1 = f32x4.add(Line.times(TWO, t), Line.times(HALF, h));
    v128.store(to + toStep, f32x4.sub(odd, tap1));
    const tap2 = f32x4.sub(Line.times(FOUR, t), Line.times(QUARTER, h));
    if (offsetof<Outputs>() == 4) {
      v128.store(to + 2 * toStep, f32x4.add(last, f32x4.add(even, tap2)));
    } else {
      v128.store(to + 2 * toStep, f32x4.add(even, tap2));
      const tap3 = f32x4.add(Line.times(EIGHT, t), Line.times(EIGHTH, h));
      v128.store(to + 3 * toStep, f32x4.sub(odd, tap3));
      const tap4 = f32x4.sub(Line.times(SIXTEEN, t), Line.times(SIXTEENTH, h));
      v128.store(to + 4 * toStep, f32x4.add(last, f32x4.add(even, tap4)));
    }
  }
}
