// Where and DenseToDenseSetOperation: what follows from constants and shapes; what does not is refused.
import { expect, test } from "vitest";
import { attr } from "../../src/graph/attr.ts";
import * as tf from "../../src/entry/node.ts";
import { createOp } from "../../src/ops/build.ts";
import { DenseToDenseSetOperation, Where } from "../../src/ops/sets.ts";
import { evaluate, expectMistake, expectShapes } from "../helpers/ops.ts";

const whereOf = (x: tf.Tensor): tf.Tensor => createOp(Where, [x], { T: attr.type(x.dtype) }, "Where").outputs[0];

test("Where: coordinates in row-major order", async () => {
  const { results } = await evaluate(() => [
    whereOf(tf.constant([[true, false], [false, true], [true, true]])), // prettier-ignore
    whereOf(tf.constant([0, 3, 0])),
    whereOf(tf.constant(true)),
    whereOf(tf.greater(tf.shape(tf.zeros([2, 5, 3])), 2)),
  ]);
  expect(results.map(({ dtype, shape, data }) => [dtype, shape, Array.from(data, Number)])).toEqual([
    ["int64", [4, 2], [0, 0, 1, 1, 2, 0, 2, 1]],
    ["int64", [1, 1], [1]],
    ["int64", [1, 0], []],
    ["int64", [2, 1], [1, 2]],
  ]);
});

test("Where of values that only the run knows is refused", async () => {
  const graph = new tf.Graph();
  const found = graph.asDefault(() => whereOf(tf.greater(tf.placeholder(tf.float32, [3], "x"), 0)));
  const session = await tf.Session.create({ graph });
  await expectMistake(
    () => session.run(found, { "x:0": [1, 0, 2] }),
    "InvalidArgumentError: The shape of 'Where:0' (op: 'Where') is not known before the run: [?,1]. Feed or declare full shapes.",
  );
  session.close();
});

function setsOf(operation: string, a: readonly (readonly number[])[], b: readonly (readonly number[])[]): tf.Tensor[] {
  const inputs = [a, b].map((rows) => tf.constant(rows as number[][]));
  const attrs = { set_operation: attr.string(operation), validate_indices: attr.bool(true), T: attr.type(tf.int32) };
  return createOp(DenseToDenseSetOperation, inputs, attrs, "sets").outputs as tf.Tensor[];
}

test.each([
  ["a-b", [[1, 3], [0, 9]], [0, 0, 1, 0, 1, 1], [3, 0, 9], [2, 2]], // prettier-ignore
  ["b-a", [[1, 3], [0, 9]], [0, 0, 1, 0], [2, 4], [2, 1]], // prettier-ignore
  ["intersection", [[1, 3], [0, 9]], [0, 0], [1], [2, 1]], // prettier-ignore
  ["union", [[1, 3], [0, 9]], [0, 0, 0, 1, 0, 2, 1, 0, 1, 1, 1, 2], [1, 2, 3, 0, 4, 9], [2, 3]], // prettier-ignore
])("%s of the sets in two rows", async (operation, a, places, elements, shape) => {
  const b = [[2, 1], [4, 4]]; // prettier-ignore
  const { results } = await evaluate(() => setsOf(operation, a, b));
  expect(results.map(({ data }) => Array.from(data, Number))).toEqual([places, elements, shape]);
});

test("shapes and mistakes", () => {
  expectShapes(Where, [
    ["[2,3]", "[?,2]"],
    ["?", "[?,?]"],
  ]);
  expectShapes(DenseToDenseSetOperation, [
    ["[2,3];[2,?]", "[?,2];[?];[2]"],
    ["[1,1];[2,1]", "Mismatched group shapes [1] and [2]"],
  ]);
});
