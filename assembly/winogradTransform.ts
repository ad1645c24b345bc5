// The one-dimensional transforms of Winograd's minimal filtering (Lavin & Gray, "Fast Algorithms for Convolutional Neural
// Networks", 2015): 4 outputs of a filter with r taps over r + 3 inputs cost r + 3 products instead of 4 r,
//
//   y = A' [(G g) * (B' d)],   for F(4, 3) here and F(4, 5) in winogradTransform8.ts.
//
// Filter and input are polynomials; the matrices evaluate them at r + 3 points and interpolate the product (Toom and Cook). With the
// points 0, 1, -1, 1/2, -2 and infinity, and N(p) the product of (p - q) over the other finite points q,
//
//        1 -3/2  -2  3/2  1  0
//        0  -1  1/2  5/2  1  0
//   B' = 0   1 -5/2  1/2  1  0     G: row p is (1, p, p^2, ...) / N(p), N = 1, 3, -3, -15/16, 15; at infinity (0, ..., 0, 1).
//        0  -2  -1    2   1  0     A: row p is (1, p, p^2, ...);                                  at infinity (0, ..., 0, 1).
//        0  1/2 -1  -1/2  1  0
//        0   1 -3/2  -2  3/2 1
//
// The points are not symmetric (0, +-1, +-2), because their reciprocal pair costs half the rounding error
// in float32. Two dimensions are one after the other: rows, then columns of a 6 x 6 tile, four channels in a vector.
//
// The gradient with respect to the filter is bilinear in the same way: dw = G' [(B' d) * (A dy)].

import { Activation } from "./gemm";
import { Line8 } from "./winogradTransform8";
import { Line5, Line9 } from "./winogradTransform9";

/** Outputs of a line. */
export const OUTPUTS: i32 = 4;

// How many products a line has, as a type: `offsetof<Points>()` is their number, known at compile time. 6 is F(4, 3), 8 F(4, 5), each
// with 3 taps less; a convolution of stride 2 has 9 on the side of its input and 5 on that of its output (winogradTransform9.ts).
@unmanaged
export class Points5 {
  a: u32;
  b: u8;
}
@unmanaged
export class Points6 {
  a: u32;
  b: u16;
}
@unmanaged
export class Points8 {
  a: u32;
  b: u32;
}
@unmanaged
export class Points9 {
  a: u32;
  b: u32;
  c: u8;
}

/** Which of the 5 x 5 products on the output's side of stride 2 belongs to element `q` of the 9 x 9: odd elements do without 1/2. */
export function outputPlane(q: i32): i32 {
  const a = q / 9;
  const b = q % 9;
  return (a < 5 ? a : a - 5) * 5 + (b < 5 ? b : b - 5);
}

// Constants live in memory: engines rebuild a vector constant wherever it is used, a loaded one stays in its register.
const HALF: usize = memory.data<f32>([0.5]);
const THREE_HALVES: usize = memory.data<f32>([1.5]);
const TWO: usize = memory.data<f32>([2]);
const FOUR: usize = memory.data<f32>([4]);
const QUARTER: usize = memory.data<f32>([0.25]);
const THIRD: usize = memory.data<f32>([1.0 / 3.0]);
const SIXTEEN_FIFTEENTHS: usize = memory.data<f32>([16.0 / 15.0]);
const FIFTEENTH: usize = memory.data<f32>([1.0 / 15.0]);

/** Transforms of one line for a filter of three taps. Vectors come from `from`, `step` bytes apart, and go to `to`, `toStep` apart. */
export class Line6 {
  @inline static times(constant: usize, v: v128): v128 {
    return f32x4.mul(v128.load32_splat(constant), v);
  }

  /** B' d, of vectors at six places. */
  @inline static input(
    at0: usize,
    at1: usize,
    at2: usize,
    at3: usize,
    at4: usize,
    at5: usize,
    to: usize,
    toStep: usize,
  ): void {
    const half = v128.load32_splat(HALF);
    const threeHalves = v128.load32_splat(THREE_HALVES);
    const d2 = v128.load(at2);
    const d3 = v128.load(at3);
    const p = f32x4.sub(v128.load(at4), d2);
    const q = f32x4.sub(d3, v128.load(at1));
    v128.store(to, f32x4.add(f32x4.add(f32x4.sub(v128.load(at0), d2), p), f32x4.mul(threeHalves, q)));
    to += toStep;
    v128.store(to, f32x4.add(f32x4.add(p, q), f32x4.mul(threeHalves, f32x4.add(d2, d3))));
    to += toStep;
    v128.store(to, f32x4.add(f32x4.sub(p, q), f32x4.mul(threeHalves, f32x4.sub(d3, d2))));
    to += toStep;
    v128.store(to, f32x4.add(p, f32x4.add(q, q)));
    to += toStep;
    v128.store(to, f32x4.sub(p, f32x4.mul(half, q)));
    to += toStep;
    v128.store(to, f32x4.add(f32x4.sub(f32x4.sub(v128.load(at5), d3), q), f32x4.mul(threeHalves, p)));
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
    const half = v128.load32_splat(HALF);
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
    to += toStep;
    v128.store(to, isLast ? Activation.apply(f32x4.add(y, bias), activation) : y);
    m3 = f32x4.mul(half, m3);
    m4 = f32x4.add(m4, m4);
    y = f32x4.add(even, f32x4.add(m3, m4));
    to += toStep;
    v128.store(to, isLast ? Activation.apply(f32x4.add(y, bias), activation) : y);
    m3 = f32x4.mul(half, m3);
    m4 = f32x4.add(m4, m4);
    y = f32x4.add(f32x4.add(odd, f32x4.sub(m3, m4)), v128.load(from + 5 * step));
    to += toStep;
    v128.store(to, isLast ? Activation.apply(f32x4.add(y, bias), activation) : y);
  }

  /** A y, of four elements of the output's gradient. */
  @inline static gradient(y0: v128, y1: v128, y2: v128, y3: v128, to: usize, toStep: usize): void {
    const half = v128.load32_splat(HALF);
    v128.store(to, y0);
    to += toStep;
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

  /** G g. */
  @inline static filter(from: usize, step: usize, to: usize, toStep: usize): void {
    const g0 = v128.load(from);
    const g1 = v128.load(from + step);
    const g2 = v128.load(from + 2 * step);
    const even = f32x4.add(g0, g2);
    const atHalf = f32x4.add(f32x4.add(g0, Line6.times(QUARTER, g2)), Line6.times(HALF, g1));
    const atMinusTwo = f32x4.sub(f32x4.add(g0, Line6.times(FOUR, g2)), Line6.times(TWO, g1));
    v128.store(to, g0);
    v128.store(to + toStep, Line6.times(THIRD, f32x4.add(g1, even)));
    v128.store(to + 2 * toStep, Line6.times(THIRD, f32x4.sub(g1, even)));
    v128.store(to + 3 * toStep, f32x4.neg(Line6.times(SIXTEEN_FIFTEENTHS, atHalf)));
    v128.store(to + 4 * toStep, Line6.times(FIFTEENTH, atMinusTwo));
    v128.store(to + 5 * toStep, g2);
  }

  /** G' u. */
  @inline static taps(from: usize, step: usize, to: usize, toStep: usize): void {
    const u1 = v128.load(from + step);
    const u2 = v128.load(from + 2 * step);
    const even = Line6.times(THIRD, f32x4.sub(u1, u2));
    const odd = Line6.times(THIRD, f32x4.add(u1, u2));
    const h = Line6.times(SIXTEEN_FIFTEENTHS, v128.load(from + 3 * step));
    const t = Line6.times(FIFTEENTH, v128.load(from + 4 * step));
    v128.store(to, f32x4.add(v128.load(from), f32x4.add(even, f32x4.sub(t, h))));
    v128.store(to + toStep, f32x4.sub(odd, f32x4.add(Line6.times(TWO, t), Line6.times(HALF, h))));
    const tap2 = f32x4.sub(Line6.times(FOUR, t), Line6.times(QUARTER, h));
    v128.store(to + 2 * toStep, f32x4.add(v128.load(from + 5 * step), f32x4.add(even, tap2)));
  }
}

/** The transforms by the number of products. */
export class Line {
  /** From a tile to the next one. */
  @inline static pixels<Points>(): i32 {
    return offsetof<Points>() == 9 ? 2 * OUTPUTS : OUTPUTS;
  }

  /** Lines of a filter with so many products. */
  @inline static tapCount<Points>(): i32 {
    return offsetof<Points>() == 9 ? 3 : <i32>offsetof<Points>() - 3;
  }

  @inline static input<Points>(
    at0: usize,
    at1: usize,
    at2: usize,
    at3: usize,
    at4: usize,
    at5: usize,
    at6: usize,
    at7: usize,
    at8: usize,
    to: usize,
    toStep: usize,
  ): void {
    if (offsetof<Points>() == 5) Line5.input(at0, at1, at2, at3, at4, to, toStep);
    else if (offsetof<Points>() == 6) Line6.input(at0, at1, at2, at3, at4, at5, to, toStep);
    else if (offsetof<Points>() == 8) Line8.input(at0, at1, at2, at3, at4, at5, at6, at7, to, toStep);
    else Line9.input(at0, at1, at2, at3, at4, at5, at6, at7, at8, to, toStep);
  }

  /** For 9 products `bias` is `oddFirst` instead. */
  @inline static output<Points>(
    from: usize,
    step: usize,
    to: usize,
    toStep: usize,
    isLast: bool,
    bias: v128,
    activation: i32,
  ): void {
    if (offsetof<Points>() == 5) Line5.output(from, step, to, toStep, isLast, bias, activation);
    else if (offsetof<Points>() == 6) Line6.output(from, step, to, toStep, isLast, bias, activation);
    else if (offsetof<Points>() == 8) Line8.output(from, step, to, toStep, isLast, bias, activation);
    else Line9.output(from, step, to, toStep, bias);
  }

  @inline static gradient<Points>(y0: v128, y1: v128, y2: v128, y3: v128, to: usize, toStep: usize): void {
    if (offsetof<Points>() == 5) Line5.gradient(y0, y1, y2, y3, to, toStep);
    else if (offsetof<Points>() == 6) Line6.gradient(y0, y1, y2, y3, to, toStep);
    else Line8.gradient(y0, y1, y2, y3, to, toStep);
  }

  /** `scales` for 9 products only. */
  @inline static filter<Points>(from: usize, step: usize, to: usize, toStep: usize, scales: usize): void {
    if (offsetof<Points>() == 6) Line6.filter(from, step, to, toStep);
    else if (offsetof<Points>() == 8) Line8.filter(from, step, to, toStep);
    else Line9.filter(from, step, to, toStep, scales);
  }

  @inline static taps<Points>(from: usize, step: usize, to: usize, toStep: usize): void {
    if (offsetof<Points>() == 6) Line6.taps(from, step, to, toStep);
    else if (offsetof<Points>() == 8) Line8.taps(from, step, to, toStep);
    else Line9.taps(from, step, to, toStep);
  }
}
