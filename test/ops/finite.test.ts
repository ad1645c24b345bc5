// IsNan, IsInf, IsFinite, CheckNumerics: values, what a refused run says and leaves as it was.
import { expect, test } from "vitest";
import * as tf from "../../src/entry/node.ts";
import { checkGradient } from "../helpers/gradientCheck.ts";
import { evaluate, expectMistake, values } from "../helpers/ops.ts";

test("what is NaN, infinite, finite", async () => {
  const x = { data: Float32Array.of(1, NaN, Infinity, -Infinity, 0), shape: [5] };
  const { results } = await evaluate((input) => [tf.isNan, tf.isInf, tf.isFinite].map((op) => op(input(x))));
  expect(results.map((result) => result.toNested())).toEqual([
    [false, true, false, false, false],
    [false, false, true, true, false],
    [true, false, false, false, true],
  ]);
});

test("checkNumerics passes its input and the gradient on", () =>
  checkGradient(
    ([x]) => tf.square(tf.checkNumerics(tf.multiply(x, 3), "triple")),
    [values([2, 5])],
    ([x]) => x.map((value) => 9 * value * value),
  ));

test("a refused run names the message and changes no variable", async () => {
  const graph = new tf.Graph();
  const { x, step, count, init } = graph.asDefault(() => {
    const x = tf.placeholder(tf.float32, [3], "x");
    const count = tf.variable(0, { dtype: tf.float32 });
    const checked = tf.checkNumerics(tf.reciprocal(tf.multiply(x, tf.assignAdd(count, 1))), "ratio");
    return { x, step: checked, count, init: tf.globalVariablesInitializer() };
  });
  const session = await tf.Session.create({ graph });
  await session.run(init);
  for (const [given, what] of [
    [[1, 0, 2], "Inf"],
    [[NaN, 1, 1], "NaN"],
    [[NaN, 0, 1], "Inf and NaN"],
  ] as const) {
    await expectMistake(
      () => session.run(step, new Map([[x, given]])),
      `InvalidArgumentError: ratio : Tensor had ${what} values for 'CheckNumerics' (op: 'CheckNumerics').`,
    );
  }
  expect((await session.run(count)).item()).toBe(0);
  expect((await session.run(step, new Map([[x, [1, 2, 4]]]))).toNested()).toEqual([1, 0.5, 0.25]);
});

test("addCheckNumericsOps names the first operation", async () => {
  const graph = new tf.Graph();
  const { x, y, checks } = graph.asDefault(() => {
    const x = tf.placeholder(tf.float32, [2], "x");
    const y = tf.negative(tf.log(tf.square(x, "square"), "log"), "y");
    return { x, y, checks: tf.addCheckNumericsOps() };
  });
  const session = await tf.Session.create({ graph });
  const run = (given: number[]): Promise<unknown> => session.run([y, checks], new Map([[x, given]]));
  await run([1, 2]);
  await expect(run([1, 0])).rejects.toThrow("log:0 : Tensor had Inf values for 'CheckNumerics_2'");
  await expect(run([NaN, 0])).rejects.toThrow("x:0 : Tensor had NaN values for 'CheckNumerics'");
  await expect(run([1e30, 0])).rejects.toThrow("square:0 : Tensor had Inf values");
});
