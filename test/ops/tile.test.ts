// Tile: values by index, gradients, shapes and mistakes.
import { expect, test } from "vitest";
import * as tf from "../../src/entry/node.ts";
import { Tile } from "../../src/ops/tile.ts";
import { checkGradient } from "../helpers/gradientCheck.ts";
import { coordinates, expectShapes, sizeOf, sizes, values } from "../helpers/ops.ts";

function repeated(x: ArrayLike<number>, shape: readonly number[], out: readonly number[]): number[] {
  const missing = out.length - shape.length;
  return Array.from({ length: sizeOf(out) }, (_, index) => {
    const position = coordinates(index, out).slice(missing);
    return x[shape.reduce((offset, size, axis) => offset * size + (position[axis] % size), 0)];
  });
}

const tiled: [number[], number[]][] = [
  ...sizes.map((n): [number[], number[]] => [[n], [3]]),
  [[2, 3, 4, 2], [1, 2, 1, 3]],
  [[3, 1], [2, 5]],
  [[], []],
]; // prettier-ignore

test.each(tiled)("Tile %j by %j: values and gradient", (shape, multiples) =>
  checkGradient(
    ([x]) => tf.tile(x, multiples),
    [values(shape)],
    ([x]) => repeated(x, shape, shape.map((size, i) => size * multiples[i])), // prettier-ignore
  ),
);

test("the gradient of Tile where the shape is known in the run only", async () => {
  const graph = new tf.Graph();
  const fetch = graph.asDefault(() => {
    const x = tf.placeholder(tf.float32, [null, 2], "x");
    return tf.gradients(tf.tile(x, [3, 2]), [x])[0]!;
  });
  const session = await tf.Session.create({ graph });
  expect((await session.run(fetch, { "x:0": [[1, 2]] })).toNested()).toEqual([[6, 6]]);
  session.close();
});

test("shapes", () => {
  const by = (...sizes2: number[]) => ({ constants: { 1: sizes2 } });
  expectShapes(
    Tile,
    [
      ["[2,?];[2]", "[6,?]"],
      ["?;[2]", "[?,?]"],
    ],
    by(3, 2),
  );
  expectShapes(
    Tile,
    [["[2];[2]", "Expected multiples argument to be a vector of length 1 but got length 2"]],
    by(3, 2),
  );
  expectShapes(Tile, [["[2];[1]", "Expected multiples[0] >= 0, but got -1"]], by(-1));
});
