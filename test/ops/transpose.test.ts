// Transpose, ReverseV2, SpaceToDepth and DepthToSpace: values by index, gradients, shapes and mistakes.
import { describe, expect, test } from "vitest";
import * as tf from "../../src/entry/node.ts";
import { DepthToSpace, InvertPermutation, SpaceToDepth, Transpose } from "../../src/ops/transpose.ts";
import { attr } from "../../src/graph/attr.ts";
import { checkGradient } from "../helpers/gradientCheck.ts";
import { coordinates, evaluate, expectShapes, sizeOf, sizes, values } from "../helpers/ops.ts";

/** Elements of x at the place that `from` gives for each position of the result. */
function picked(
  x: ArrayLike<number>,
  shape: readonly number[],
  out: readonly number[],
  from: (position: readonly number[]) => readonly number[],
): number[] {
  return Array.from({ length: sizeOf(out) }, (_, i) => {
    const place = from(coordinates(i, out));
    return x[place.reduce((offset, at, axis) => offset * shape[axis] + at, 0)];
  });
}

const permutations: [number[], number[]][] = [
  ...sizes.flatMap((n): [number[], number[]][] => [
    [
      [n, 5],
      [1, 0],
    ],
    [
      [9, n],
      [1, 0],
    ],
    [
      [2, n, 6],
      [0, 2, 1],
    ],
    [
      [n, 2, 3],
      [2, 1, 0],
    ],
  ]),
  [
    [2, 3, 4, 5],
    [0, 3, 1, 2],
  ],
  [
    [2, 3, 4, 5],
    [0, 2, 3, 1],
  ],
  [
    [2, 3, 4, 5],
    [3, 1, 0, 2],
  ],
  [
    [2, 1, 4, 5],
    [2, 3, 1, 0],
  ],
];

describe("Transpose", () => {
  test("every order", async () => {
    const given = permutations.map(([shape, order]) => [values(shape), order] as const);
    const { results } = await evaluate((input) => given.map(([x, order]) => tf.transpose(input(x), order)));
    results.forEach((result, i) => {
      const [x, order] = given[i];
      const out = order.map((axis) => x.shape[axis]);
      const want = picked(x.data, x.shape, out, (position) => x.shape.map((_, axis) => position[order.indexOf(axis)]));
      expect(result.shape).toEqual(out);
      expect(Array.from(result.data as Float32Array), `${x.shape} by ${order}`).toEqual(want);
    });
  });

  test("other element sizes", async () => {
    const graph = new tf.Graph();
    const fetches = graph.asDefault(() =>
      [tf.int64, tf.bool, tf.uint8].map((dtype) => tf.transpose(tf.cast(tf.placeholder(tf.int32, [2, 3], "x"), dtype))),
    );
    const session = await tf.Session.create({ graph });
    const names = fetches.map((_, i) => (i ? `x_${i}:0` : "x:0"));
    const feeds = Object.fromEntries(names.map((name) => [name, [[1, 2, 3], [0, 5, 6]]])); // prettier-ignore
    const results = await session.run(fetches, feeds);
    expect(results.map(({ data }) => Array.from(data as ArrayLike<number | bigint>, Number))).toEqual([
      [1, 0, 2, 5, 3, 6],
      [1, 0, 1, 1, 1, 1],
      [1, 0, 2, 5, 3, 6],
    ]);
    session.close();
  });

  test("gradient", () =>
    checkGradient(
      ([x]) => tf.transpose(x, [2, 0, 1]),
      [values([2, 3, 5])],
      ([x]) => picked(x, [2, 3, 5], [5, 2, 3], ([c, a, b]) => [a, b, c]),
    ));

  test("shapes", () => {
    expectShapes(Transpose, [["[1,?,3];[3]", "[3,1,?]"], ["?;[3]", "[?,?,?]"]], { constants: { 1: [2, 0, 1] } }); // prettier-ignore
    expectShapes(Transpose, [["[1,2];[3]", "Dimension must be 2 but is 3: the permutation [2,0,1] is for rank 3"]], {
      constants: { 1: [2, 0, 1] },
    });
    expectShapes(Transpose, [["[1,2];[2]", "[0,0] is no permutation of the dimensions of a tensor of rank 2"]], {
      constants: { 1: [0, 0] },
    });
    expectShapes(InvertPermutation, [["[3]", "[3]"]]);
  });
});

describe("ReverseV2", () => {
  test.each([[[0]], [[1]], [[-1, 0]], [[]]])("axes %j: values and gradient", (axes) => {
    const shape = [3, 5, 2];
    const fromFront = new Set(axes.map((axis: number) => (axis + 3) % 3));
    return checkGradient(
      ([x]) => tf.reverse(x, axes),
      [values(shape)],
      ([x]) =>
        picked(x, shape, shape, (position) =>
          position.map((at, axis) => (fromFront.has(axis) ? shape[axis] - 1 - at : at)),
        ),
    );
  });
});

describe("SpaceToDepth, DepthToSpace", () => {
  test("values and gradients", async () => {
    await checkGradient(
      ([x]) => tf.spaceToDepth(x, 2),
      [values([2, 4, 6, 3])],
      ([x]) =>
        picked(x, [2, 4, 6, 3], [2, 2, 3, 12], ([n, h, w, c]) => [
          n,
          2 * h + Math.floor(c / 6),
          2 * w + (Math.floor(c / 3) % 2),
          c % 3,
        ]),
    );
    await checkGradient(
      ([x]) => tf.depthToSpace(x, 2),
      [values([1, 2, 3, 8])],
      ([x]) =>
        picked(x, [1, 2, 3, 8], [1, 4, 6, 2], ([n, h, w, c]) => [n, h >> 1, w >> 1, (h % 2) * 4 + (w % 2) * 2 + c]),
    );
  });

  test("shapes", () => {
    const attrs = { block_size: attr.int(2) };
    expectShapes(SpaceToDepth, [["[?,4,6,3]", "[?,2,3,12]"], ["[1,3,4,1]", "Dimension size must be evenly divisible by 2 but is 3"]], { attrs }); // prettier-ignore
    expectShapes(DepthToSpace, [["[?,2,3,8]", "[?,4,6,2]"], ["[1,2,2,6]", "Dimension size must be evenly divisible by 4 but is 6"]], { attrs }); // prettier-ignore
  });
});
