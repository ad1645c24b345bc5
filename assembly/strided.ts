// Moving elements between strided layouts: transpose, slices, padding, tiling, concatenation are all one copy.
//
// A walk visits dims[rank] elements with a stride for each side. The host merges dimensions that lie one behind the other and puts
// the innermost dimension of `y` last, so that few loops remain (src/ops/strided.ts).

import { bytesOf, LANES, Vector } from "./lib/simd";

/** The head of the attribute block; dims[rank], xStrides[rank] and yStrides[rank] follow, in elements, also negative ones. */
@unmanaged
class Walk {
  /** Bytes of an element: 1, 2, 4 or 8. */
  size: i32;
  rank: i32;
  /** Elements before the first one visited. */
  xOffset: i32;
  yOffset: i32;
}

function dimension(walk: Walk, level: i32): i32 {
  return load<i32>(changetype<usize>(walk) + offsetof<Walk>() + bytesOf(level));
}

function strideX(walk: Walk, level: i32): i32 {
  return dimension(walk, walk.rank + level) * walk.size;
}

function strideY(walk: Walk, level: i32): i32 {
  return dimension(walk, 2 * walk.rank + level) * walk.size;
}

/**
 * y[yOffset + i·yStrides] = x[xOffset + i·xStrides] for every index i below dims; elements of `size` bytes.
 * Elements of y that no index reaches keep their value. y and x do not overlap, unless x, y and all strides are the same.
 */
export function copyStrided(y: usize, x: usize, attributes: usize): void {
  const walk = changetype<Walk>(attributes);
  y += walk.yOffset * walk.size;
  x += walk.xOffset * walk.size;
  if (walk.rank == 0) copyRow(y, x, 1, 0, 0, walk.size);
  else copyLevel(walk, 0, y, x);
}

/** y[yOffset + i·yStrides] += x[xOffset + i·xStrides], float32, in the order of the indices; strides of y may be 0. */
export function addStrided(y: usize, x: usize, attributes: usize): void {
  const walk = changetype<Walk>(attributes);
  y += walk.yOffset * walk.size;
  x += walk.xOffset * walk.size;
  if (walk.rank == 0) addRow(y, x, 1, 0, 0);
  else addLevel(walk, 0, y, x);
}

function copyLevel(walk: Walk, level: i32, y: usize, x: usize): void {
  const n = dimension(walk, level);
  const stepX = strideX(walk, level);
  const stepY = strideY(walk, level);
  if (level == walk.rank - 1) {
    copyRow(y, x, n, stepY, stepX, walk.size);
    return;
  }
  if (level == walk.rank - 2 && walk.size == 4 && stepX == 4 && strideY(walk, level + 1) == 4) {
    transpose(y, x, n, dimension(walk, level + 1), stepY, strideX(walk, level + 1));
    return;
  }
  for (let i = 0; i < n; i++) {
    copyLevel(walk, level + 1, y, x);
    y += stepY;
    x += stepX;
  }
}

function addLevel(walk: Walk, level: i32, y: usize, x: usize): void {
  const n = dimension(walk, level);
  const stepX = strideX(walk, level);
  const stepY = strideY(walk, level);
  if (level == walk.rank - 1) {
    addRow(y, x, n, stepY, stepX);
    return;
  }
  for (let i = 0; i < n; i++) {
    addLevel(walk, level + 1, y, x);
    y += stepY;
    x += stepX;
  }
}

function copyRow(y: usize, x: usize, n: i32, stepY: i32, stepX: i32, size: i32): void {
  if (stepX == size && stepY == size) {
    copyRun(y, x, n * size);
    return;
  }
  if (size == 4) {
    if (stepX == 0 && stepY == 4) {
      const v = v128.load32_splat(x);
      for (; n >= LANES; n -= LANES) {
        v128.store(y, v);
        y += 16;
      }
    }
    for (; n > 0; n--) {
      store<i32>(y, load<i32>(x));
      y += stepY;
      x += stepX;
    }
  } else if (size == 1) {
    if (stepX == 0 && stepY == 1) {
      memory.fill(y, load<u8>(x), n);
      return;
    }
    for (; n > 0; n--) {
      store<u8>(y, load<u8>(x));
      y += stepY;
      x += stepX;
    }
  } else if (size == 8) {
    for (; n > 0; n--) {
      store<i64>(y, load<i64>(x));
      y += stepY;
      x += stepX;
    }
  } else {
    for (; n > 0; n--) {
      store<u16>(y, load<u16>(x));
      y += stepY;
      x += stepX;
    }
  }
}

/** Long runs go to the engine's copy; for a few bytes its call costs more than the copy. */
function copyRun(y: usize, x: usize, bytes: i32): void {
  if (bytes >= 256) {
    memory.copy(y, x, bytes);
    return;
  }
  for (; bytes >= 16; bytes -= 16) {
    v128.store(y, v128.load(x));
    y += 16;
    x += 16;
  }
  for (; bytes >= 4; bytes -= 4) {
    store<i32>(y, load<i32>(x));
    y += 4;
    x += 4;
  }
  for (; bytes > 0; bytes--) {
    store<u8>(y, load<u8>(x));
    y++;
    x++;
  }
}

/** y[i, j] = x[j, i] for a matrix y [rows, columns] whose rows are `pitchY` bytes apart, those of x `pitchX`; 32-bit elements. */
function transpose(y: usize, x: usize, rows: i32, columns: i32, pitchY: i32, pitchX: i32): void {
  let i = 0;
  for (; i <= rows - LANES; i += LANES) {
    let from = x + bytesOf(i);
    let to = y + i * pitchY;
    let j = 0;
    for (; j <= columns - LANES; j += LANES) {
      const row0 = v128.load(from);
      const row1 = v128.load(from + pitchX);
      const row2 = v128.load(from + 2 * pitchX);
      const row3 = v128.load(from + 3 * pitchX);
      const low01 = v128.shuffle<i32>(row0, row1, 0, 4, 1, 5);
      const high01 = v128.shuffle<i32>(row0, row1, 2, 6, 3, 7);
      const low23 = v128.shuffle<i32>(row2, row3, 0, 4, 1, 5);
      const high23 = v128.shuffle<i32>(row2, row3, 2, 6, 3, 7);
      v128.store(to, v128.shuffle<i64>(low01, low23, 0, 2));
      v128.store(to + pitchY, v128.shuffle<i64>(low01, low23, 1, 3));
      v128.store(to + 2 * pitchY, v128.shuffle<i64>(high01, high23, 0, 2));
      v128.store(to + 3 * pitchY, v128.shuffle<i64>(high01, high23, 1, 3));
      from += LANES * pitchX;
      to += 16;
    }
    for (; j < columns; j++) {
      const v = v128.load(from);
      v128.store32_lane(to, v, 0);
      v128.store32_lane(to + pitchY, v, 1);
      v128.store32_lane(to + 2 * pitchY, v, 2);
      v128.store32_lane(to + 3 * pitchY, v, 3);
      from += pitchX;
      to += 4;
    }
  }
  for (; i < rows; i++) copyRow(y + i * pitchY, x + bytesOf(i), columns, 4, pitchX, 4);
}

function addRow(y: usize, x: usize, n: i32, stepY: i32, stepX: i32): void {
  if (stepX == 4 && stepY == 4) {
    for (; n >= LANES; n -= LANES) {
      v128.store(y, f32x4.add(v128.load(y), v128.load(x)));
      y += 16;
      x += 16;
    }
    if (n) Vector.storeTail(y, f32x4.add(Vector.loadTail(y, n), Vector.loadTail(x, n)), n);
    return;
  }
  for (; n > 0; n--) {
    store<f32>(y, load<f32>(y) + load<f32>(x));
    y += stepY;
    x += stepX;
  }
}

/** Sets `bytes` bytes to `value`. */
export function fillBytes(dst: usize, value: i32, bytes: i32): void {
  memory.fill(dst, <u8>value, bytes);
}
