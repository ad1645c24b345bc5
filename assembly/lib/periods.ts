// A tensor [rows, channels] as whole vectors, whatever the number of channels.
//
// One, two or four rows together are a multiple of LANES elements. Such a period is treated as one row of `width` elements, in
// which element i belongs to channel i % channels: parameters of channels are repeated along it, sums along it are folded. The rows
// that do not fill a last period are copied into one; so no loop has tails, and five channels cost as much per element as eight.

import { bytesOf } from "./simd";

/** Rows of a period: 1, 2 or 4. */
export function rowsPerPeriod(channels: i32): i32 {
  return channels & 1 ? 4 : channels & 2 ? 2 : 1;
}

/** Elements of a period, a multiple of LANES. */
export function periodWidth(channels: i32): i32 {
  return channels * rowsPerPeriod(channels);
}

/** Repeats a row of `channels` elements, which stands at the beginning of a period, through all of it. */
export function repeatRow(period: usize, channels: i32): void {
  const width = periodWidth(channels);
  for (let i = channels; i < width; i++) store<f32>(period + bytesOf(i), load<f32>(period + bytesOf(i - channels)));
}

/** Adds the rows of a period of float64 to its first, the second to begin with. */
export function foldRows(period: usize, channels: i32): void {
  const width = periodWidth(channels);
  for (let i = channels; i < width; i++) {
    const at = period + ((<usize>(i % channels)) << 3);
    store<f64>(at, load<f64>(at) + load<f64>(period + ((<usize>i) << 3)));
  }
}
