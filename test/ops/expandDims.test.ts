// ExpandDims: shapes, gradient, folds.
import { expect, test } from "vitest";
import * as tf from "../../src/entry/node.ts";
import { constantValue } from "../../src/ops/build.ts";
import { ExpandDims } from "../../src/ops/expandDims.ts";
import { checkGradient } from "../helpers/gradientCheck.ts";
import { expectShapes, values } from "../helpers/ops.ts";

test("shapes", () => {
  const at = (axis: number) => ({ constants: { 1: [axis] } });
  expectShapes(
    ExpandDims,
    [
      ["[2,?];[]", "[1,2,?]"],
      ["?;[]", "?"],
      ["[];[]", "[1]"],
    ],
    at(0),
  );
  expectShapes(ExpandDims, [["[2,3];[]", "[2,3,1]"]], at(-1));
  expectShapes(ExpandDims, [["[2,3];[]", "[2,1,3]"]], at(-2));
  expectShapes(ExpandDims, [["[2];[]", "dim 2 not in the interval [-2, 1]."]], at(2));
  expectShapes(ExpandDims, [["[2,3];[]", "[?,?,?]"]]);
});

test("gradient", () =>
  checkGradient(
    ([x]) => tf.expandDims(x, 1),
    [values([3, 4])],
    ([x]) => x,
  ));

test("of a constant folds", () => {
  new tf.Graph().asDefault(() => {
    const sizes = tf.concat([tf.expandDims(tf.size(tf.placeholder(tf.float32, [2, 3])), 0), [4]], 0);
    expect(constantValue(sizes)?.data).toEqual(Int32Array.of(6, 4));
  });
});
