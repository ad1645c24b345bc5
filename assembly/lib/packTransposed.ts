// A panel of a matrix product made of rows: what pack in gemm.ts does with a matrix, for its transpose.

import { bytesOf, LANES } from "./simd";

/** Writes rows of a matrix [rows, depth] as the columns of a panel, as wide as gemm's of so many columns; returns its end. */
export function packTransposed(panel: usize, from: usize, rows: i32, depth: i32): usize {
  const pitch: usize = rows > LANES ? 32 : 16;
  const rowBytes = bytesOf(depth);
  for (let half: usize = 0; half < pitch; half += 16) {
    const count = min(LANES, rows);
    let to = panel + half;
    let k = 0;
    if (count == LANES) {
      for (; k + LANES <= depth; k += LANES) {
        const row0 = from + bytesOf(k);
        const row2 = row0 + 2 * rowBytes;
        const r0 = v128.load(row0);
        const r1 = v128.load(row0 + rowBytes);
        const r2 = v128.load(row2);
        const r3 = v128.load(row2 + rowBytes);
        const low01 = v128.shuffle<f32>(r0, r1, 0, 4, 1, 5);
        const low23 = v128.shuffle<f32>(r2, r3, 0, 4, 1, 5);
        const high01 = v128.shuffle<f32>(r0, r1, 2, 6, 3, 7);
        const high23 = v128.shuffle<f32>(r2, r3, 2, 6, 3, 7);
        v128.store(to, v128.shuffle<f64>(low01, low23, 0, 2));
        v128.store(to + pitch, v128.shuffle<f64>(low01, low23, 1, 3));
        v128.store(to + 2 * pitch, v128.shuffle<f64>(high01, high23, 0, 2));
        v128.store(to + 3 * pitch, v128.shuffle<f64>(high01, high23, 1, 3));
        to += 4 * pitch;
      }
    }
    for (; k < depth; k++) {
      let source = from + bytesOf(k);
      for (let lane = 0; lane < LANES; lane++) {
        store<f32>(to + bytesOf(lane), lane < count ? load<f32>(source) : 0);
        if (lane + 1 < count) source += rowBytes;
      }
      to += pitch;
    }
    from += 4 * rowBytes;
    rows -= LANES;
  }
  return panel + <usize>depth * pitch;
}
