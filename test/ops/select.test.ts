// Select and SelectV2: values, gradients, conditions that are scalars and rows, folds and mistakes.
import { expect, test } from "vitest";
import { toNumbers } from "../../src/graph/tensorValue.ts";
import * as tf from "../../src/entry/node.ts";
import { constantValue } from "../../src/ops/build.ts";
import { Select, SelectV2 } from "../../src/ops/select.ts";
import { checkGradient } from "../helpers/gradientCheck.ts";
import { expectMistake, expectShapes, sizes, values } from "../helpers/ops.ts";

test.each(sizes)("Select, %i elements: values and gradients", (n) =>
  checkGradient(
    ([x, y]) => tf.where(tf.greater(x, y), tf.multiply(x, 2), y),
    [values([n]), values([n])],
    ([x, y]) => x.map((value, i) => (value > y[i] ? 2 * value : y[i])),
  ),
);

test("Select by a scalar, and by rows", async () => {
  const given = [values([3, 5]), values([3, 5])];
  await checkGradient(
    ([x, y]) => tf.select(tf.constant(true), x, y),
    given,
    ([x]) => x,
  );
  await checkGradient(
    ([x, y]) => tf.select(tf.constant([true, false, true]), x, y),
    given,
    ([x, y]) => x.map((value, i) => (Math.floor(i / 5) === 1 ? y[i] : value)),
  );
});

test("SelectV2 broadcasts all three", () =>
  checkGradient(
    ([x, y]) => tf.selectV2(tf.constant([[true], [false]]), x, y),
    [values([5]), values([2, 1])],
    ([x, y]) => [0, 1].flatMap((i) => Array.from(x, (value) => (i === 0 ? value : y[i]))),
  ));

test("int64 and bool, and folds", async () => {
  const graph = new tf.Graph();
  const fetches = graph.asDefault(() => {
    const test = tf.placeholder(tf.bool, [3], "test");
    return [tf.int64, tf.bool].map((dtype) =>
      tf.where(test, tf.cast(tf.placeholder(tf.int32, [3], "x"), dtype), tf.zerosLike(tf.cast([1, 1, 1], dtype))),
    );
  });
  const session = await tf.Session.create({ graph });
  const feeds = { "test:0": [true, false, true], "x:0": [7, 8, 9], "x_1:0": [7, 8, 9] };
  const results = await session.run(fetches, feeds);
  expect(results.map(({ data }) => Array.from(data as ArrayLike<number>, Number))).toEqual([[7, 0, 9], [1, 0, 1]]); // prettier-ignore
  session.close();
  graph.asDefault(() => {
    const value = constantValue(tf.selectV2([true, false], tf.constant([1, 2]), tf.constant(5)))!;
    expect(toNumbers(value)).toEqual([1, 5]);
  });
});

test("shapes and mistakes", async () => {
  expectShapes(Select, [["[];[2,3];[2,3]", "[2,3]"], ["[2];[?,3];[2,?]", "[2,3]"], ["[2];[2];[3]", "Dimension 0 in both shapes must be equal, but are 2 and 3. Shapes are [2] and [3]."]]); // prettier-ignore
  expectShapes(Select, [["[3];[2,3];[2,3]", "Number of batches of 'then' must match size of 'cond', but saw: 2 vs. 3, shapes [2,3] and [3]"]]); // prettier-ignore
  expectShapes(SelectV2, [["[2,1];[3];[]", "[2,3]"]]);
  const [x, y] = new tf.Graph().asDefault(() => [tf.placeholder(tf.float32, [1]), tf.placeholder(tf.int32, [1])]);
  await expectMistake(() => tf.select([true], x, y), "InvalidArgumentError: Input 'e' of 'Select' has the dtype int32 that does not match float32 of 't'."); // prettier-ignore
});
