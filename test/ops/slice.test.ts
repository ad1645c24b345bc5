// Slice, StridedSlice: values by index, gradients, masks, folds and mistakes.
import { describe, expect, test } from "vitest";
import { attr } from "../../src/graph/attr.ts";
import * as tf from "../../src/entry/node.ts";
import { constantValue, constant, createOp } from "../../src/ops/build.ts";
import { Slice, StridedSlice, StridedSliceGrad } from "../../src/ops/slice.ts";
import { toNumbers } from "../../src/graph/tensorValue.ts";
import { checkGradient } from "../helpers/gradientCheck.ts";
import { expectShapes, values } from "../helpers/ops.ts";

describe("Slice", () => {
  test("values and gradient", () =>
    checkGradient(
      ([x]) => tf.slice(x, [1, 0, 2], [2, -1, 3]),
      [values([4, 3, 6])],
      ([x]) => [1, 2].flatMap((i) => [0, 1, 2].flatMap((j) => [2, 3, 4].map((k) => x[(i * 3 + j) * 6 + k]))),
    ));

  test("shapes", () => {
    const sized = (begin: number[], size: number[]) => ({ constants: { 1: begin, 2: size } });
    expectShapes(Slice, [["[4,?];[2];[2]", "[2,?]"]], sized([1, 0], [2, -1]));
    expectShapes(Slice, [["[4];[1];[1]", "Expected size[0] in [0, 1], but got 2 at begin 3"]], sized([3], [2]));
    expectShapes(Slice, [["[4,2];[1];[1]", "Shape must be rank 1 but is rank 2"]], sized([0], [1]));
  });
});

type Spec = [
  label: string,
  begin: number[],
  end: number[],
  strides: number[],
  options: tf.StridedSliceOptions,
  shape: number[],
  rows: number[],
  columns: number[],
];

/** Slices of a [6, 9] tensor: which rows and columns they take. */
const specs: Spec[] = [
  ["1:6:2, ::-1", [1, 0], [6, 0], [2, -1], { beginMask: 2, endMask: 2 }, [3, 9], [1, 3, 5], [8, 7, 6, 5, 4, 3, 2, 1, 0]],
  ["2, newaxis, 3:-1", [2, 0, 3], [3, 0, -1], [1, 1, 1], { newAxisMask: 2, shrinkAxisMask: 1 }, [1, 5], [2], [3, 4, 5, 6, 7]],
  ["..., 1", [0, 1], [0, 2], [1, 1], { ellipsisMask: 1, shrinkAxisMask: 2 }, [6], [0, 1, 2, 3, 4, 5], [1]],
  ["-2:, -100:2", [-2, -100], [0, 2], [1, 1], { endMask: 1 }, [2, 2], [4, 5], [0, 1]],
  ["4:1:-2, 7:8", [4, 7], [1, 8], [-2, 1], {}, [2, 1], [4, 2], [7]],
  ["newaxis, ..., newaxis, 2:100:3", [0, 0, 0, 2], [0, 0, 0, 100], [1, 1, 1, 3], { newAxisMask: 5, ellipsisMask: 2 }, [1, 6, 1, 3], [0, 1, 2, 3, 4, 5], [2, 5, 8]], // prettier-ignore
  ["only rows, -1", [-1], [0], [1], { shrinkAxisMask: 1 }, [9], [5], [0, 1, 2, 3, 4, 5, 6, 7, 8]],
]; // prettier-ignore

describe("StridedSlice", () => {
  test.each(specs)("[%s]: values and gradient", async (_, begin, end, strides, options, shape, rows, columns) => {
    await checkGradient(
      ([x]) => {
        const y = tf.stridedSlice(x, begin, end, strides, options);
        expect(y.shape).toEqual(shape);
        return y;
      },
      [values([6, 9])],
      ([x]) => rows.flatMap((i) => columns.map((j) => x[i * 9 + j])),
    );
  });

  test("gradient of the gradient", () =>
    checkGradient(
      ([x, w]) => {
        const y = tf.stridedSlice(x, [1], [6], [2]);
        return tf.multiply(tf.gradients(tf.multiply(y, y), [x])[0]!, w);
      },
      [values([6]), values([6])],
      ([x, w]) => x.map((value, i) => (i % 2 ? 2 * value * w[i] : 0)),
    ));

  test("an empty result, and shapes", () => {
    const bounds = { constants: { 1: [2], 2: [1], 3: [1] } };
    expectShapes(StridedSlice, [["[4];[1];[1];[1]", "[0]"], ["?;[1];[1];[1]", "?"], ["[?,3];[1];[1];[1]", "[?,3]"]], bounds); // prettier-ignore
    const shrink = { attrs: { shrink_axis_mask: attr.int(1) }, constants: { 1: [7], 2: [8], 3: [1] } };
    expectShapes(StridedSlice, [["[4];[1];[1];[1]", "slice index 7 of dimension 0 out of bounds."]], shrink);
    expectShapes(StridedSlice, [["[4];[1];[1];[1]", "strides[0] must be non-zero"]], {
      constants: { 1: [0], 2: [1], 3: [0] },
    });
    expectShapes(StridedSlice, [["[];[1];[1];[1]", "Index out of range using input dim 0; input has only 0 dims"]], bounds); // prettier-ignore
  });

  test("of a shape folds", () => {
    new tf.Graph().asDefault(() => {
      const sizes = tf.shape(tf.placeholder(tf.float32, [5, 6, 7]));
      const [height, rest] = [tf.stridedSlice(sizes, [1], [2], [1], { shrinkAxisMask: 1 }), tf.slice(sizes, [1], [-1])];
      expect([height, rest].map((value) => toNumbers(constantValue(value)!))).toEqual([[6], [6, 7]]);
    });
  });
});

test("StridedSliceGrad: its own gradient", () =>
  checkGradient(
    ([dy]) => {
      const numbers = [[5, 6], [1, 0], [5, 6], [2, 3]].map((pair) => constant(pair)); // prettier-ignore
      return createOp(StridedSliceGrad, [...numbers, dy], {}, "StridedSliceGrad").outputs[0];
    },
    [values([2, 2])],
    ([dy]) => {
      const x = new Float64Array(30);
      [1, 3].forEach((row, i) => [0, 3].forEach((column, j) => (x[row * 6 + column] = dy[i * 2 + j])));
      return x;
    },
  ));
