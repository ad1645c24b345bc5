// Augmentation against a reference that moves pixel by pixel.
import { describe, expect, test } from "vitest";
import { Philox } from "../../src/fit/philox.ts";
import { Arena, expectSame, kernels } from "./harness.ts";

interface Case {
  readonly height: number;
  readonly width: number;
  readonly out?: readonly [height: number, width: number];
  readonly pixelBytes: number;
  readonly border?: number;
  readonly flip?: 0 | 1;
  readonly random?: 0 | 1;
  readonly n: number;
}

const seed = 77;
const epoch = 3;

/** The block of a row: the four words behind 4 * row others. */
function wordsOf(row: number): number[] {
  const philox = new Philox(seed, 2 ** 32 + epoch);
  for (let i = 0; i < 4 * row; i++) philox.word();
  return Array.from({ length: 4 }, () => philox.word());
}

function reference(x: Uint8Array, rows: Int32Array, given: Case): Uint8Array {
  const { height, width, pixelBytes, border = 0, flip = 0, random = 1, n } = given;
  const [outHeight, outWidth] = given.out ?? [height, width];
  const y = new Uint8Array(n * outHeight * outWidth * pixelBytes);
  for (let i = 0; i < n; i++) {
    const [first, second, third] = wordsOf(rows[i]);
    const spare = [height - outHeight + 2 * border, width - outWidth + 2 * border];
    const [top, left] = random
      ? [Math.floor((first * (spare[0] + 1)) / 2 ** 32), Math.floor((second * (spare[1] + 1)) / 2 ** 32)]
      : [Math.floor(spare[0] / 2), Math.floor(spare[1] / 2)];
    const mirrored = random === 1 && flip === 1 && third % 2 === 1;
    for (let line = 0; line < outHeight; line++) {
      for (let column = 0; column < outWidth; column++) {
        const from = line + top - border;
        const at = (mirrored ? outWidth - 1 - column : column) + left - border;
        if (from < 0 || from >= height || at < 0 || at >= width) continue;
        for (let k = 0; k < pixelBytes; k++)
          y[((i * outHeight + line) * outWidth + column) * pixelBytes + k] =
            x[((i * height + from) * width + at) * pixelBytes + k];
      }
    }
  }
  return y;
}

function run(given: Case, rows: Int32Array, shift = 0): Uint8Array {
  const { height, width, pixelBytes, border = 0, flip = 0, random = 1, n } = given;
  const [outHeight, outWidth] = given.out ?? [height, width];
  const x = Uint8Array.from({ length: n * height * width * pixelBytes }, (_, i) => (i * 7 + 1) % 251);
  const arena = new Arena(shift);
  const input = arena.input(x);
  const rowsIn = arena.input(rows);
  const words = [height, width, outHeight, outWidth, pixelBytes, border, flip, random, epoch, seed, 0];
  const attributes = arena.input(Int32Array.from(words));
  const y = arena.variable(new Uint8Array(n * outHeight * outWidth * pixelBytes).fill(0xee));
  kernels.augment(y.pointer, input.pointer, rowsIn.pointer, attributes.pointer, n);
  arena.check();
  expectSame(y.values, reference(x, rows, given), "y");
  return y.values;
}

describe.each<[string, Case]>([
  ["shift", { height: 5, width: 7, pixelBytes: 1, border: 2, n: 20 }],
  ["shift by as much as there is", { height: 3, width: 3, pixelBytes: 4, border: 3, n: 40 }],
  ["flip", { height: 4, width: 5, pixelBytes: 3, flip: 1, n: 16 }],
  ["crop", { height: 9, width: 8, out: [4, 5], pixelBytes: 4, n: 16 }],
  [
    "crop of a framed picture, mirrored",
    { height: 8, width: 8, out: [6, 7], pixelBytes: 12, border: 2, flip: 1, n: 32 },
  ],
  ["from the middle", { height: 9, width: 8, out: [4, 5], pixelBytes: 3, flip: 1, random: 0, n: 3 }],
  ["one pixel", { height: 1, width: 1, pixelBytes: 1, border: 1, flip: 1, n: 9 }],
  ["nothing", { height: 2, width: 3, pixelBytes: 1, n: 2 }],
  ["no picture", { height: 2, width: 3, pixelBytes: 1, n: 0 }],
])("%s", (_, given) => {
  test("as the reference", () => {
    run(
      given,
      Int32Array.from({ length: given.n }, (_, i) => (i * 37) % 101),
    );
  });

  test("wherever it is in memory", () => {
    const rows = Int32Array.from({ length: given.n }, (_, i) => i);
    expect(run(given, rows, 3)).toEqual(run(given, rows));
  });
});

test("every shift comes, and about every second is mirrored", () => {
  const philox = Array.from({ length: 300 }, (_, row) => wordsOf(row));
  const shifts = new Set(philox.map(([first]) => Math.floor((first * 5) / 2 ** 32)));
  expect(shifts.size).toBe(5);
  const mirrored = philox.filter(([, , third]) => third % 2 === 1).length;
  // Five standard deviations around 150.
  expect(Math.abs(mirrored - 150)).toBeLessThan(5 * Math.sqrt(75));
});
