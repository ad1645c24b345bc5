// Pad, PadV2, MirrorPad: values by index, gradients, shapes and mistakes.
import { describe, expect, test } from "vitest";
import { attr } from "../../src/graph/attr.ts";
import * as tf from "../../src/entry/node.ts";
import { MirrorPad, MirrorPadGrad, Pad } from "../../src/ops/pad.ts";
import { checkGradient } from "../helpers/gradientCheck.ts";
import { coordinates, expectShapes, sizeOf, values } from "../helpers/ops.ts";

/** The padded tensor: `value` outside for CONSTANT, else the mirrored place. */
function padded(
  x: ArrayLike<number>,
  shape: readonly number[],
  paddings: readonly (readonly number[])[],
  mode: string,
  value = 0,
): number[] {
  const out = shape.map((size, i) => size + paddings[i][0] + paddings[i][1]);
  return Array.from({ length: sizeOf(out) }, (_, index) => {
    let [offset, outside] = [0, false];
    coordinates(index, out).forEach((position, axis) => {
      const size = shape[axis];
      let at = position - paddings[axis][0];
      outside ||= at < 0 || at >= size;
      const skip = mode === "REFLECT" ? 1 : 0;
      if (at < 0) at = -at - 1 + skip;
      if (at >= size) at = 2 * size - 1 - at - skip;
      offset = offset * size + at;
    });
    return outside && mode === "CONSTANT" ? value : x[offset];
  });
}

const cases: [shape: number[], paddings: number[][]][] = [
  [[2, 3, 4, 2], [[0, 0], [1, 2], [2, 1], [0, 0]]],
  [[5], [[3, 2]]],
  [[1, 17], [[0, 0], [4, 5]]],
  [[3, 4, 5], [[1, 2], [0, 3], [2, 2]]],
]; // prettier-ignore

describe.each([
  ["CONSTANT", 0],
  ["CONSTANT", 0.5],
  ["REFLECT", 0],
  ["SYMMETRIC", 0],
] as const)("%s %f", (mode, constantValues) => {
  test.each(cases)("%j by %j: values and gradient", (shape, paddings) =>
    checkGradient(
      ([x]) => tf.pad(x, paddings, { mode, constantValues }),
      [values(shape)],
      ([x]) => padded(x, shape, paddings, mode, constantValues),
    ),
  );
});

test("gradient where the shape is known in the run only", async () => {
  const graph = new tf.Graph();
  const fetch = graph.asDefault(() => {
    const x = tf.placeholder(tf.float32, [null, null], "x");
    return tf.gradients(tf.square(tf.pad(x, [[1, 0], [0, 2]])), [x])[0]!; // prettier-ignore
  });
  const session = await tf.Session.create({ graph });
  expect((await session.run(fetch, { "x:0": [[1, 2, 3]] })).toNested()).toEqual([[2, 4, 6]]);
  session.close();
});

test("shapes", () => {
  expectShapes(Pad, [["[2,?];[2,2]", "[5,?]"], ["?;[2,2]", "[?,?]"], ["[2];[2,2]", "Shape must be rank 2 but is rank 1"]], { constants: { 1: [1, 2, 0, 3] } }); // prettier-ignore
  expectShapes(Pad, [["[2];[1,2]", "Paddings must be non-negative: -1 0"]], { constants: { 1: [-1, 0] } });
  const mirror = (mode: string) => ({ attrs: { mode: attr.string(mode) }, constants: { 1: [3, 0] } });
  expectShapes(MirrorPad, [["[3];[1,2]", "paddings must be less than the dimension size: 3, 0 not less than 3"]], mirror("REFLECT")); // prettier-ignore
  expectShapes(MirrorPad, [["[3];[1,2]", "[6]"], ["[2];[1,2]", "paddings must be no greater than the dimension size: 3, 0 greater than 2"]], mirror("SYMMETRIC")); // prettier-ignore
  expectShapes(MirrorPadGrad, [["[6];[1,2]", "[3]"]], mirror("REFLECT"));
});
