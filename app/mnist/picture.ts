/** A drawing as a picture of the data set: scaled to a box of 20 x 20, its centre of mass in the middle of 28 x 28 (yann.lecun.com/exdb/mnist). */

export const pictureSize = 28;

const box = 20;

/** @param ink how covered each pixel of the square drawing is, 0 to 255 */
export function pictureOf(ink: Uint8Array, side: number): Uint8Array {
  let [left, top, right, bottom] = [side, side, -1, -1];
  let [mass, massX, massY] = [0, 0, 0];
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      const value = ink[y * side + x];
      if (value === 0) continue;
      if (x < left) left = x;
      if (x > right) right = x;
      if (y < top) top = y;
      bottom = y;
      mass += value;
      massX += value * (x + 0.5);
      massY += value * (y + 0.5);
    }
  }
  const pixels = new Uint8Array(pictureSize ** 2);
  if (mass === 0) return pixels;
  const scale = box / Math.max(right - left + 1, bottom - top + 1);
  // Nothing is pushed over the border for the sake of the middle.
  const shift = (first: number, last: number, moment: number): number => {
    const [lowest, highest] = [-first * scale, pictureSize - (last + 1) * scale];
    return Math.min(highest, Math.max(lowest, pictureSize / 2 - (moment / mass) * scale));
  };
  const [shiftX, shiftY] = [shift(left, right, massX), shift(top, bottom, massY)];
  // Each pixel is the mean of what it covers.
  const columns = Float64Array.from({ length: side + 1 }, (_, x) => x * scale + shiftX);
  const sums = new Float64Array(pictureSize ** 2);
  for (let y = top; y <= bottom; y++) {
    const above = y * scale + shiftY;
    for (let x = left; x <= right; x++) {
      const value = ink[y * side + x];
      if (value !== 0) spread(sums, value, columns[x], columns[x + 1], above, above + scale);
    }
  }
  return pixels.map((_, i) => Math.round(Math.min(255, sums[i])));
}

/** Gives a drawing's pixel to the picture's pixels it lies in, each by the share of it. */
function spread(sums: Float64Array, ink: number, left: number, right: number, top: number, bottom: number): void {
  for (let row = Math.floor(top); row < bottom && row < pictureSize; row++) {
    const height = Math.min(bottom, row + 1) - Math.max(top, row);
    for (let column = Math.floor(left); column < right && column < pictureSize; column++) {
      const width = Math.min(right, column + 1) - Math.max(left, column);
      if (row >= 0 && column >= 0) sums[row * pictureSize + column] += ink * width * height;
    }
  }
}
