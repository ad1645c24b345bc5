// A panel of a matrix product made of rows: what pack in gemm.ts does with a matrix, for its transpose.

import { bytesOf, LANES } from "./simd";

/** Writes rows of a matrix [rows, depth] as the columns of a panel, as wide as gemm's of so many columns; returns its end. Columns
 * that are no row's repeat one: their products go nowhere. */
export function packTransposed(panel: usize, from: usize, rows: i32, depth: i32): usize {
  const pitch: usize = rows > LANES ? 32 : 16;
  const rowBytes = bytesOf(depth);
  for (let half: usize = 0; half < pitch; half += 16) {
    let to = panel + half;
    let row0 = from;
    let row1 = rows > 1 ? row0 + rowBytes : row0;
    let row2 = rows > 2 ? row1 + rowBytes : row0;
    let row3 = rows > 3 ? row2 + rowBytes : row0;
    let k = depth;
    for (; k >= LANES; k -= LANES) {
      const r0 = v128.load(row0);
      const r1 = v128.load(row1);
      const r2 = v128.load(row2);
      const r3 = v128.load(row3);
      const low01 = v128.shuffle<f32>(r0, r1, 0, 4, 1, 5);
      const low23 = v128.shuffle<f32>(r2, r3, 0, 4, 1, 5);
      const high01 = v128.shuffle<f32>(r0, r1, 2, 6, 3, 7);
      const high23 = v128.shuffle<f32>(r2, r3, 2, 6, 3, 7);
      v128.store(to, v128.shuffle<f64>(low01, low23, 0, 2));
      v128.store(to + pitch, v128.shuffle<f64>(low01, low23, 1, 3));
      to += 2 * pitch;
      v128.store(to, v128.shuffle<f64>(high01, high23, 0, 2));
      v128.store(to + pitch, v128.shuffle<f64>(high01, high23, 1, 3));
      to += 2 * pitch;
      row0 += 16;
      row1 += 16;
      row2 += 16;
      row3 += 16;
    }
    for (; k > 0; k--) {
      store<f32>(to, load<f32>(row0));
      store<f32>(to, load<f32>(row1), 4);
      store<f32>(to, load<f32>(row2), 8);
      store<f32>(to, load<f32>(row3), 12);
      to += pitch;
      row0 += 4;
      row1 += 4;
      row2 += 4;
      row3 += 4;
    }
    from += 4 * rowBytes;
    rows -= LANES;
  }
  return panel + <usize>depth * pitch;
}
