// Winograd's minimal filtering for three taps and a stride of 2: 4 outputs cost 9 products instead of 12. See winogradTransform.ts.
//
// Outputs see the even inputs with the first and the last tap, and the odd ones with the tap between them: sums of a convolution
// F(4, 2) and of one with a single tap, both of stride 1. Their products are at the same points, so that they are added up
// before the transform of the outputs, which they share. With 0, 1, -1, infinity and 1/2, in this order, F(4, 2) has
//
//       1/2 -1 -1/2  1   0     N = 1/2, 1, -3 and, at 1/2, -3/8: rows of G are (1, p) / N(p); at infinity (0, 1).
//        0 -1/2 1/2  1   0     A: row p is (1, p, p^2, p^3); at infinity (0, 0, 0, 1).
//   B' = 0  1/2 -3/2 1   0
//        0  1/2 -1 -1/2  1
//        0  -1   0   1   0
//
// and the single tap needs no 1/2: its inputs become d0 - d2, d1 + d2, d2 - d1, d3 - d1, the tap is taken 1, 1/2, 1/2 and 1 times.
//
// For the gradient by the input it is the other way round: even inputs get F(4, 2) of the outputs' gradient, odd ones a single tap
// of the same lines, for which the tap next to it is 0. So they share the transformed lines, and one product falls away. Even inputs
// come first in a tile where the padding is even: then the tap before is 0, and the product at 0 with it. With an odd padding odd inputs
// come first, the tap behind is 0, and the product at infinity falls away. The four are those at 1, -1, the one or the other, 1/2.

import { Activation } from "./gemm";

// Constants live in memory: engines rebuild a vector constant wherever it is used, a loaded one stays in its register.
const HALF: usize = memory.data<f32>([0.5]);
const QUARTER: usize = memory.data<f32>([0.25]);
const EIGHTH: usize = memory.data<f32>([0.125]);
const THIRD: usize = memory.data<f32>([1.0 / 3.0]);
const FOUR_THIRDS: usize = memory.data<f32>([4.0 / 3.0]);
/** How often the single tap is taken, in the convolution and in its gradient by the input for even and for odd paddings. */
export const TAP_SCALES: usize = memory.data<f32>([1, 0.5, 0.5, 1]);
export const BACK_TAP_SCALES: usize = memory.data<f32>([1, 1.0 / 3.0, 1, -4.0 / 3.0, 1, -1.0 / 3.0, 2, -8.0 / 3.0]);

/** Transforms of one line of F(4, 2). Vectors come from `from`, `step` bytes apart, and go to `to`, `toStep` apart. */
export class Line5 {
  @inline static times(constant: usize, v: v128): v128 {
    return f32x4.mul(v128.load32_splat(constant), v);
  }

  /** B' d, of vectors at five places. */
  @inline static input(at0: usize, at1: usize, at2: usize, at3: usize, at4: usize, to: usize, toStep: usize): void {
    const half = v128.load32_splat(HALF);
    const d1 = v128.load(at1);
    const d2 = v128.load(at2);
    const d3 = v128.load(at3);
    const q = f32x4.sub(d3, d1);
    v128.store(to, f32x4.sub(q, f32x4.mul(half, f32x4.sub(d2, v128.load(at0)))));
    to += toStep;
    const s = f32x4.mul(half, f32x4.sub(d2, d1));
    v128.store(to, f32x4.add(d3, s));
    to += toStep;
    v128.store(to, f32x4.sub(f32x4.sub(d3, d2), s));
    to += toStep;
    v128.store(to, f32x4.sub(f32x4.sub(v128.load(at4), d2), f32x4.mul(half, q)));
    v128.store(to + toStep, q);
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
    let y = v128.load(from);
    from += step;
    const m1 = v128.load(from);
    from += step;
    const m2 = v128.load(from);
    from += step;
    const h = v128.load(from + step);
    const even = f32x4.add(m1, m2);
    const odd = f32x4.sub(m1, m2);
    y = f32x4.add(y, f32x4.add(even, h));
    v128.store(to, isLast ? Activation.apply(f32x4.add(y, bias), activation) : y);
    to += toStep;
    y = f32x4.add(odd, Line5.times(HALF, h));
    v128.store(to, isLast ? Activation.apply(f32x4.add(y, bias), activation) : y);
    to += toStep;
    y = f32x4.add(even, Line5.times(QUARTER, h));
    v128.store(to, isLast ? Activation.apply(f32x4.add(y, bias), activation) : y);
    to += toStep;
    y = f32x4.add(v128.load(from), f32x4.add(odd, Line5.times(EIGHTH, h)));
    v128.store(to, isLast ? Activation.apply(f32x4.add(y, bias), activation) : y);
  }

  /** The same of a gradient's single tap: the third of four products is that at 0 in the lanes of `atZero`, or at infinity. */
  @inline static single(from: usize, step: usize, to: usize, toStep: usize, atZero: v128): void {
    const m1 = v128.load(from);
    from += step;
    const m2 = v128.load(from);
    from += step;
    const third = v128.load(from);
    const h = v128.load(from + step);
    const even = f32x4.add(m1, m2);
    const odd = f32x4.sub(m1, m2);
    v128.store(to, f32x4.add(v128.and(third, atZero), f32x4.add(even, h)));
    to += toStep;
    v128.store(to, f32x4.add(odd, Line5.times(HALF, h)));
    to += toStep;
    v128.store(to, f32x4.add(even, Line5.times(QUARTER, h)));
    to += toStep;
    v128.store(to, f32x4.add(v128.andnot(third, atZero), f32x4.add(odd, Line5.times(EIGHTH, h))));
  }

  /** A y, of four elements of the output's gradient. */
  @inline static gradient(y0: v128, y1: v128, y2: v128, y3: v128, to: usize, toStep: usize): void {
    const even = f32x4.add(y0, y2);
    const odd = f32x4.add(y1, y3);
    v128.store(to, y0);
    to += toStep;
    v128.store(to, f32x4.add(even, odd));
    to += toStep;
    v128.store(to, f32x4.sub(even, odd));
    to += toStep;
    v128.store(to, y3);
    const half = v128.load32_splat(HALF);
    const behind = f32x4.add(y1, f32x4.mul(half, f32x4.add(y2, f32x4.mul(half, y3))));
    v128.store(to + toStep, f32x4.add(y0, f32x4.mul(half, behind)));
  }
}

/** Transforms of one line of stride 2: five products of the even inputs, then four of the odd ones. */
export class Line9 {
  /** Of vectors at nine places. */
  @inline static input(
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
    Line5.input(at0, at2, at4, at6, at8, to, toStep);
    to += 5 * toStep;
    const d1 = v128.load(at3);
    const d2 = v128.load(at5);
    v128.store(to, f32x4.sub(v128.load(at1), d2));
    to += toStep;
    v128.store(to, f32x4.add(d1, d2));
    to += toStep;
    v128.store(to, f32x4.sub(d2, d1));
    v128.store(to + toStep, f32x4.sub(v128.load(at7), d1));
  }

  /** Eight inputs' gradients of nine products, even and odd ones by turns; `oddFirst` is all ones where odd ones begin, or zeros. */
  @inline static output(from: usize, step: usize, to: usize, toStep: usize, oddFirst: v128): void {
    const shift = toStep & <usize>i32x4.extract_lane(oddFirst, 0);
    Line5.output(from, step, to + shift, 2 * toStep, false, oddFirst, 0);
    Line5.single(from + 5 * step, step, to + toStep - shift, 2 * toStep, oddFirst);
  }

  /** G g; the single tap is taken as often as `scales` says. */
  @inline static filter(from: usize, step: usize, to: usize, toStep: usize, scales: usize): void {
    const g0 = v128.load(from);
    const g1 = v128.load(from + step);
    const g2 = v128.load(from + 2 * step);
    v128.store(to, f32x4.add(g0, g0));
    to += toStep;
    v128.store(to, f32x4.add(g0, g2));
    to += toStep;
    v128.store(to, Line5.times(THIRD, f32x4.sub(g2, g0)));
    to += toStep;
    v128.store(to, g2);
    to += toStep;
    v128.store(to, f32x4.neg(Line5.times(FOUR_THIRDS, f32x4.add(g2, f32x4.add(g0, g0)))));
    to += toStep;
    for (let i: usize = 0; i < 16; i += 4) {
      v128.store(to, Line5.times(scales + i, g1));
      to += toStep;
    }
  }

  /** G' u. */
  @inline static taps(from: usize, step: usize, to: usize, toStep: usize): void {
    const u0 = v128.load(from);
    from += step;
    const u1 = v128.load(from);
    from += step;
    const u2 = Line5.times(THIRD, v128.load(from));
    from += step;
    const last = v128.load(from);
    from += step;
    const h = Line5.times(FOUR_THIRDS, v128.load(from));
    from += step;
    const tap0 = f32x4.sub(f32x4.add(f32x4.add(u0, u0), u1), f32x4.add(u2, f32x4.add(h, h)));
    v128.store(to, tap0);
    const v0 = v128.load(from);
    const v1 = v128.load(from + step);
    const v2 = v128.load(from + 2 * step);
    const v3 = v128.load(from + 3 * step);
    v128.store(to + toStep, f32x4.add(f32x4.add(v0, v3), Line5.times(HALF, f32x4.add(v1, v2))));
    v128.store(to + 2 * toStep, f32x4.add(last, f32x4.sub(f32x4.add(u1, u2), h)));
  }
}
