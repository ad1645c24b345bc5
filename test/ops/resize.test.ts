// ResizeBilinear, ResizeNearestNeighbor: values against TensorFlow's formula, gradients, shapes and mistakes.
import { describe, expect, test } from "vitest";
import * as tf from "../../src/entry/node.ts";
import { ResizeBilinear } from "../../src/ops/resize.ts";
import { checkGradient } from "../helpers/gradientCheck.ts";
import { coordinates, evaluate, expectShapes, sizes, values } from "../helpers/ops.ts";

interface Options {
  readonly alignCorners?: boolean;
  readonly halfPixelCenters?: boolean;
}

/** Place of an output pixel in the input, rounded to float32 as TensorFlow's. */
function place(o: number, size: number, out: number, options: Options, nearest: boolean): number {
  const f = Math.fround;
  const scale = f(options.alignCorners && out > 1 ? (size - 1) / (out - 1) : size / out);
  if (!options.halfPixelCenters) return f(o * scale);
  return nearest ? f((o + 0.5) * scale) : f(f((o + 0.5) * scale) - 0.5);
}

function resized(
  x: ArrayLike<number>,
  [batch, height, width, channels]: readonly number[],
  [outHeight, outWidth]: readonly number[],
  options: Options,
  nearest: boolean,
): number[] {
  const out = [batch, outHeight, outWidth, channels];
  const at = (b: number, i: number, j: number, c: number): number => x[((b * height + i) * width + j) * channels + c];
  return Array.from({ length: out.reduce((a, b) => a * b) }, (_, index) => {
    const [b, i, j, c] = coordinates(index, out);
    const [y, z] = [place(i, height, outHeight, options, nearest), place(j, width, outWidth, options, nearest)];
    if (nearest) {
      const whole = options.alignCorners ? Math.round : Math.floor;
      return at(b, Math.min(whole(y), height - 1), Math.min(whole(z), width - 1), c);
    }
    const [top, left] = [Math.max(0, Math.floor(y)), Math.max(0, Math.floor(z))];
    const [bottom, right] = [Math.min(Math.ceil(y), height - 1), Math.min(Math.ceil(z), width - 1)];
    const [down, along] = [y - Math.floor(y), z - Math.floor(z)];
    const row = (i2: number): number => at(b, i2, left, c) * (1 - along) + at(b, i2, right, c) * along;
    return row(top) * (1 - down) + row(bottom) * down;
  });
}

const options: Options[] = [{}, { alignCorners: true }, { halfPixelCenters: true }];
const cases = options.flatMap((option) => [false, true].map((nearest) => [option, nearest] as const));

describe.each(cases)("%j, nearest %s", (option, nearest) => {
  const op = nearest ? tf.image.resizeNearestNeighbor : tf.image.resizeBilinear;
  test.each([
    [7, 9],
    [2, 2],
    [4, 5],
    [1, 3],
  ])("to %i × %i: values and gradient", (height, width) =>
    // prettier-ignore
    checkGradient(
      ([x]) => op(x, [height, width], option),
      [values([2, 4, 5, 3])],
      ([x]) => resized(x, [2, 4, 5, 3], [height, width], option, nearest),
    ),
  );

  test.each(sizes)("%i channels", async (channels) => {
    const x = values([1, 3, 3, channels]);
    const { results } = await evaluate((input) => [op(input(x), [5, 4], option)]);
    const want = resized(x.data, x.shape, [5, 4], option, nearest);
    Array.from(results[0].data as Float32Array).forEach((value, i) => expect(value).toBeCloseTo(want[i], 5));
  });
});

test("the gradient of the nearest where the size is known in the run only", async () => {
  const graph = new tf.Graph();
  const fetch = graph.asDefault(() => {
    const x = tf.placeholder(tf.float32, [null, null, null, 1], "x");
    return tf.gradients(tf.image.resizeNearestNeighbor(x, [2, 4]), [x])[0]!;
  });
  const session = await tf.Session.create({ graph });
  expect((await session.run(fetch, { "x:0": [[[[1], [2]]]] })).toNested()).toEqual([[[[4], [4]]]]);
  session.close();
});

test("shapes", () => {
  const to = (...size: number[]) => ({ constants: { 1: size } });
  expectShapes(ResizeBilinear, [["[?,4,5,3];[2]", "[?,7,9,3]"], ["?;[2]", "[?,7,9,?]"], ["[3];[2]", "Shape must be rank 4 but is rank 1"]], to(7, 9)); // prettier-ignore
  expectShapes(ResizeBilinear, [["[1,4,5,3];[2]", "output dimensions must be positive"]], to(0, 9));
  expectShapes(ResizeBilinear, [["[1,4,5,3];[2]", "[1,?,?,3]"]]);
});

test("bilinear resizing of whole numbers gives the float32 of the same pixels", async () => {
  const pixels = Array.from({ length: 2 * 3 * 5 * 3 }, (_, i) => (i * 37) % 256);
  const graph = new tf.Graph();
  const fetches = graph.asDefault(() =>
    [tf.float32, tf.uint8, tf.int32].map((dtype) =>
      tf.image.resizeBilinear(tf.reshape(tf.placeholder(dtype, [90], dtype.name), [2, 3, 5, 3]), [7, 4]),
    ),
  );
  const session = await tf.Session.create({ graph, planner: { poison: true } });
  const feeds = { "float32:0": pixels, "uint8:0": pixels, "int32:0": pixels };
  const [floats, bytes, integers] = await session.run(fetches, feeds);
  expect(floats.dtype).toBe("float32");
  expect([bytes, integers]).toEqual([floats, floats]);
  session.close();
});
