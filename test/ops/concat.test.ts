// ConcatV2, Pack, Unpack, Split, SplitV: values by index, gradients, folds, shapes and mistakes.
import { describe, expect, test } from "vitest";
import { attr } from "../../src/graph/attr.ts";
import { toNumbers } from "../../src/graph/tensorValue.ts";
import * as tf from "../../src/entry/node.ts";
import { constantValue, createOp } from "../../src/ops/build.ts";
import { Concat, ConcatV2, Pack, Split, SplitV, Unpack } from "../../src/ops/concat.ts";
import { checkGradient } from "../helpers/gradientCheck.ts";
import { evaluate, expectMistake, expectShapes, sizes, values } from "../helpers/ops.ts";

const rows = (x: ArrayLike<number>, width: number, from: number, count: number): number[][] =>
  Array.from({ length: x.length / width }, (_, i) => Array.from({ length: count }, (_c, j) => x[i * width + from + j]));

describe("ConcatV2", () => {
  test.each(sizes)("along the last and the first axis, %i columns: values and gradients", async (n) => {
    const [a, b] = [values([2, 3, n]), values([2, 3, 2])];
    await checkGradient(
      ([x, y]) => tf.concat([x, y], -1),
      [a, b],
      ([x, y]) => rows(x, n, 0, n).flatMap((row, i) => row.concat(rows(y, 2, 0, 2)[i])),
    );
    await checkGradient(
      ([x, y, z]) => tf.concat([x, y, z], 0),
      [values([2, n]), values([1, n]), values([3, n])],
      (parts) => parts.flatMap((part) => [...part]),
    );
  });

  test("the older form has the axis in front", async () => {
    await checkGradient(
      ([x, y]) => createOp(Concat, [tf.constant(1), x, y], { N: attr.int(2) }, "concat").outputs[0],
      [values([2, 5]), values([2, 3])],
      ([x, y]) => rows(x, 5, 0, 5).flatMap((row, i) => row.concat(rows(y, 3, 0, 3)[i])),
    );
    const options = { constants: { 0: [0] }, dtypes: [tf.int32, tf.float32, tf.float32] };
    expectShapes(Concat, [["[];[2,3];[?,3]", "[?,3]"]], options);
  });

  test("shapes", () => {
    const options = { constants: { 2: [1] }, dtypes: [tf.float32, tf.float32, tf.int32] };
    expectShapes(
      ConcatV2,
      [
        ["[2,3];[2,4];[]", "[2,7]"],
        ["[?,3];[2,?];[]", "[2,?]"],
        ["?;[2,1];[]", "[2,?]"],
        ["[2,3];[3,3];[]", "Dimension 0 in both shapes must be equal, but are 2 and 3. Shapes are [2,?] and [3,?]."],
        ["[2];[3];[]", "ConcatOp : Expected concatenating dimensions must be in the range [-1, 1), but got 1"],
        ["[];[];[]", "Can't concatenate scalars (use tf.stack instead)"],
      ],
      options,
    );
  });
});

describe("Pack, Unpack", () => {
  test.each([0, 1, 2, -1])("axis %i: values and gradients, there and back", async (axis) => {
    const at = axis < 0 ? 2 : axis;
    const inner = [15, 5, 1][at];
    await checkGradient(
      ([x, y]) => tf.stack([x, y], axis),
      [values([3, 5]), values([3, 5])],
      ([x, y]) => rows(x, inner, 0, inner).flatMap((row, i) => row.concat(rows(y, inner, 0, inner)[i])),
    );
    await checkGradient(
      ([x]) => {
        const [first, second] = tf.unstack(tf.stack([tf.multiply(x, 2), tf.multiply(x, x)], axis), { axis });
        return tf.add(first, second);
      },
      [values([3, 5])],
      ([x]) => x.map((value) => 2 * value + value * value),
    );
  });

  test("shapes", () => {
    const attrs = { axis: attr.int(1), num: attr.int(2) };
    expectShapes(Pack, [["[3,?];[?,4]", "[3,2,4]"], ["[3];[2]", "Dimension 0 in both shapes must be equal, but are 3 and 2. Shapes are [3] and [2]."]], { attrs }); // prettier-ignore
    expectShapes(Unpack, [["[3,2,4]", "[3,4];[3,4]"], ["[3,?]", "[3];[3]"], ["[3,5]", "Dimension must be 2 but is 5"], ["?", "?;?"]], { attrs }); // prettier-ignore
  });

  test("of integers fold", () => {
    new tf.Graph().asDefault(() => {
      const [height, width] = tf.unstack(tf.shape(tf.placeholder(tf.float32, [4, 6])));
      const sizes2 = tf.concat([tf.stack([width, height]), [7]], 0);
      expect(toNumbers(constantValue(sizes2)!)).toEqual([6, 4, 7]);
    });
  });
});

describe("Split, SplitV", () => {
  test("values", async () => {
    const x = values([2, 6]);
    const { results } = await evaluate((input) => [
      ...tf.split(input(x), 3, 1),
      ...tf.split(input(x), [1, -1, 2], 1),
      ...tf.split(input(x), 2),
    ]);
    const columns = [[0, 2], [2, 2], [4, 2], [0, 1], [1, 3], [4, 2]] as const; // prettier-ignore
    columns.forEach(([from, count], i) =>
      expect(Array.from(results[i].data as Float32Array)).toEqual(rows(x.data, 6, from, count).flat()),
    );
    expect(Array.from(results[7].data as Float32Array)).toEqual(Array.from(x.data).slice(6));
  });

  test("gradients, of parts that nobody uses too", async () => {
    await checkGradient(
      ([x]) => {
        const [first, , third] = tf.split(x, 3, 1);
        return tf.multiply(first, third);
      },
      [values([2, 6])],
      ([x]) => [0, 1].flatMap((i) => [0, 1].map((j) => x[i * 6 + j] * x[i * 6 + 4 + j])),
    );
    await checkGradient(
      ([x]) => tf.split(x, [2, -1])[1],
      [values([5, 3])],
      ([x]) => x.slice(6),
    );
  });

  test("shapes", () => {
    const three = { attrs: { num_split: attr.int(3) } };
    expectShapes(Split, [["[];[2,6]", "[2,2];[2,2];[2,2]"], ["[];[2,?]", "[2,?];[2,?];[2,?]"], ["[];[2,7]", "Number of ways to split should evenly divide the split dimension, but got split_dim 1 (size = 7) and num_split 3"]], { ...three, constants: { 0: [1] } }); // prettier-ignore
    expectShapes(SplitV, [["[2,6];[3];[]", "[2,1];[2,3];[2,2]"], ["[2,?];[3];[]", "[2,1];[2,?];[2,2]"]], { ...three, constants: { 1: [1, -1, 2], 2: [1] } }); // prettier-ignore
  });

  test("mistakes", async () => {
    const graph = new tf.Graph();
    const x = graph.asDefault(() => tf.placeholder(tf.float32, null, "x"));
    await expectMistake(() => tf.unstack(x), "InvalidArgumentError: Cannot infer num from the shape <unknown> of 'x:0'; pass num to unstack."); // prettier-ignore
    await expectMistake(() => tf.concat([], 0), "InvalidArgumentError: concat needs at least one tensor.");
    await expectMistake(() => tf.stack([]), "InvalidArgumentError: stack needs at least one tensor.");
  });
});
