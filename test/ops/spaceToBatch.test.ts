// SpaceToBatchND and BatchToSpaceND: values and gradients against the definition, and a dilated convolution made of them.
import { expect, test } from "vitest";
import { BatchToSpaceND, SpaceToBatchND } from "../../src/ops/spaceToBatch.ts";
import * as tf from "../../src/entry/node.ts";
import { checkGradient } from "../helpers/gradientCheck.ts";
import { coordinates, evaluate, expectShapes, sizeOf, values } from "../helpers/ops.ts";

type Pairs = [number, number][];

/** Input shape, block, paddings. */
const cases: [number[], number[], Pairs][] = [
  [[1, 2, 2, 1], [2, 2], [[0, 0], [0, 0]]],
  [[2, 3, 5, 3], [2, 3], [[1, 0], [2, 2]]],
  [[1, 7, 1, 4], [3, 1], [[1, 1], [0, 0]]],
  [[2, 4, 5], [2], [[3, 1]]],
  [[1, 1, 1, 17], [4, 4], [[1, 2], [3, 0]]],
]; // prettier-ignore

function outShape(shape: readonly number[], block: readonly number[], pads: Pairs): number[] {
  return shape.map((size, axis) => {
    if (axis === 0) return size * sizeOf(block);
    if (axis > block.length) return size;
    return (size + pads[axis - 1][0] + pads[axis - 1][1]) / block[axis - 1];
  });
}

/** For each element of the result, the index of its source; -1 for padding. */
function sources(shape: readonly number[], block: readonly number[], pads: Pairs): number[] {
  const out = outShape(shape, block, pads);
  return Array.from({ length: sizeOf(out) }, (_, index) => {
    const [image, ...rest] = coordinates(index, out);
    const offset = coordinates(Math.floor(image / shape[0]), block);
    const position = [
      image % shape[0],
      ...rest.map((at, i) => (i < block.length ? at * block[i] + offset[i] - pads[i][0] : at)),
    ];
    const inside = position.every((at, axis) => at >= 0 && at < shape[axis]);
    return inside ? position.reduce((sum, at, axis) => sum * shape[axis] + at, 0) : -1;
  });
}

test.each(cases)("%j in blocks of %j with paddings %j, there and back", async (shape, block, pads) => {
  const from = sources(shape, block, pads);
  const take = (x: ArrayLike<number>): number[] => from.map((source) => (source < 0 ? 0 : x[source]));
  await checkGradient(
    ([x]) => tf.spaceToBatchNd(x, block, pads),
    [values(shape)],
    ([x]) => take(x),
  );
  const given = values(shape);
  const { results } = await evaluate((input) => [
    tf.batchToSpaceNd(tf.spaceToBatchNd(input(given), block, pads), block, pads),
  ]);
  expect(results[0]).toMatchObject({ shape, data: given.data });
  await checkGradient(
    ([y]) => tf.batchToSpaceNd(y, block, pads),
    [values(outShape(shape, block, pads))],
    ([y]) => {
      const x = new Float64Array(sizeOf(shape));
      from.forEach((source, i) => source >= 0 && (x[source] = y[i]));
      return x;
    },
  );
});

test("a dilated convolution is one over blocks", async () => {
  const [x, filter] = [values([2, 7, 6, 3]), values([3, 3, 3, 4])];
  const { results } = await evaluate((input) => {
    const [image, weights] = [input(x), input(filter)];
    const dilated = tf.nn.conv2d(image, weights, { dilations: 2 });
    const batched = tf.spaceToBatchNd(image, [2, 2], [[2, 3], [2, 2]]); // prettier-ignore
    const convolved = tf.nn.conv2d(batched, weights, { padding: "VALID" });
    return [dilated, tf.batchToSpaceNd(convolved, [2, 2], [[0, 1], [0, 0]])]; // prettier-ignore
  });
  expect(results[1].shape).toEqual(results[0].shape);
  results[0].data.forEach((value, i) => expect(Number(results[1].data[i])).toBeCloseTo(Number(value), 4));
});

test("shapes", () => {
  const constants = { 1: [2, 3], 2: [1, 0, 0, 0] };
  expectShapes(
    SpaceToBatchND,
    [
      ["[2,3,6,5];[2];[2,2]", "[12,2,2,5]"],
      ["[?,?,6,5];[2];[2,2]", "[?,?,2,5]"],
      ["[2,4,6,5];[2];[2,2]", "padded_shape[0]=5 is not divisible by block_shape[0]=2"],
      ["[2,3];[2];[2,2]", "input rank should be >= 3 instead of 2"],
    ],
    { constants },
  );
  expectShapes(
    BatchToSpaceND,
    [
      ["[12,2,2,5];[2];[2,2]", "[2,3,6,5]"],
      ["[7,2,2,5];[2];[2,2]", "Batch dimension of size 7 is not divisible by 6"],
      ["[6,0,2,5];[2];[2,2]", "cropped_shape[0]=-1 must be non-negative: block_shape[0]=2, crops 1, 0"],
    ],
    { constants },
  );
});
