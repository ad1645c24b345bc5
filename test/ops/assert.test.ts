// Assert: a run that it refuses leaves variables and generators as they were.
import { expect, test } from "vitest";
import * as tf from "../../src/entry/node.ts";
import { expectMistake } from "../helpers/ops.ts";

test("a condition that holds changes nothing; one that does not refuses the run", async () => {
  const graph = new tf.Graph();
  const { init, step, counter, late } = graph.asDefault(() => {
    const [x, limit] = [tf.placeholder(tf.float32, [2], "x"), tf.constant([1, 2, 3, 4], { dtype: tf.int32 })];
    const count = tf.variable(0, { dtype: tf.float32, name: "count" });
    const check = tf.assertTrue(tf.less(x, 5), ["x must be below 5: ", x, limit], { name: "small" });
    const checked = tf.controlDependencies([check], () => tf.assignAdd(count, 1));
    // The check comes after the update and a draw of random numbers.
    const drawn = tf.randomUniform([2], { name: "drawn" });
    const update = tf.assignAdd(count, 10);
    const after = tf.controlDependencies([update], () =>
      tf.assertTrue(tf.less(tf.add(x, tf.multiply(drawn, 0)), 5), [], { name: "late" }),
    );
    return {
      init: tf.globalVariablesInitializer(),
      step: checked,
      counter: count,
      late: tf.controlDependencies([after], () => tf.identity(drawn)),
    };
  });
  const session = await tf.Session.create({ graph, seed: 1 });
  await session.run(init);
  await session.run(step, { "x:0": [1, 2] });
  await expectMistake(
    () => session.run(step, { "x:0": [7, 2] }),
    "InvalidArgumentError: assertion failed: [x must be below 5: ] [7 2] [1 2 3...] for 'small' (op: 'Assert').",
  );
  await session.run(late, { "x:0": [1, 2] });
  const before = session.takeChanges();
  await expectMistake(() => session.run(late, { "x:0": [7, 2] }), "InvalidArgumentError: assertion failed:  for 'late' (op: 'Assert')."); // prettier-ignore
  expect((await session.run(counter)).item()).toBe(11);
  expect(session.takeChanges().generators).toEqual(before.generators);
  session.close();
});

test("in a branch that is not taken it does not run", async () => {
  const graph = new tf.Graph();
  const fetch = graph.asDefault(() => {
    const [flag, x] = [tf.placeholder(tf.float32, [], "flag"), tf.placeholder(tf.float32, [], "x")];
    return tf.cond(
      tf.greater(flag, 0),
      () => tf.controlDependencies([tf.assertTrue(tf.less(x, 0), [x])], () => tf.identity(x)),
      () => tf.negative(x),
    );
  });
  const session = await tf.Session.create({ graph });
  expect((await session.run(fetch, { "flag:0": 0, "x:0": 3 })).item()).toBe(-3);
  expect((await session.run(fetch, { "flag:0": 1, "x:0": -3 })).item()).toBe(-3);
  await expect(session.run(fetch, { "flag:0": 1, "x:0": 3 })).rejects.toThrow("assertion failed: [3] for");
  session.close();
});
