// Phases of a strided convolution, along one axis, for gradients with respect to the input.
//
// An input position i gets from output o through tap u where i = o * stride + u * dilation - pad. Positions that agree modulo the
// stride agree in which taps reach them: with g = gcd(stride, dilation), every (stride / g)-th tap from a first one on, or none.
// Such a phase, positions first + m * stride, is a convolution of stride 1 over the outputs: tap u0 + t * step meets output
//   o = (first + m * stride + pad - (u0 + t * step) * dilation) / stride = origin + m - t * dilation / g,
// so the taps come in descending order (the filter is rotated), at a distance of dilation / g.

/** One phase of one axis. */
@unmanaged
export class Phase {
  /** Positions of the phase. */
  count: i32;
  /** Number of its taps; 0 where no output reaches it. */
  taps: i32;
  /** The last of its taps, which comes first, and the distance to the next lower one. */
  lastTap: i32;
  step: i32;
  /** Distance of the outputs that neighbouring taps meet. */
  dilation: i32;
  /** Outputs before the first that are to be taken as zero (below 0: that are to be left out). */
  before: i32;
}

export const PHASE_BYTES: usize = 32;

function gcd(a: i32, b: i32): i32 {
  while (b != 0) {
    const rest = a % b;
    a = b;
    b = rest;
  }
  return a;
}

/** Describes the positions first, first + stride, ... of an axis of `size`; first < stride. */
export function layOutPhase(
  phase: Phase,
  first: i32,
  size: i32,
  filter: i32,
  stride: i32,
  dilation: i32,
  pad: i32,
): void {
  const common = gcd(stride, dilation);
  const step = stride / common;
  const residue = (first + pad) % stride;
  let tap = 0;
  while (tap < step && (tap * dilation) % stride != residue) tap++;
  const taps = tap < step && tap < filter ? (filter - tap + step - 1) / step : 0;
  phase.count = first < size ? (size - first + stride - 1) / stride : 0;
  phase.taps = taps;
  phase.lastTap = tap + (taps - 1) * step;
  phase.step = step;
  phase.dilation = dilation / common;
  phase.before = (taps - 1) * (dilation / common) - (first + pad - tap * dilation) / stride;
}
