/** Shape, ShapeN, Size, Rank, BroadcastGradientArgs: values that follow from shapes. */
import { expect, test } from "vitest";
import * as tf from "../../src/entry/node.ts";
import { broadcastGradientArgs, gradientAxes } from "../../src/ops/shape.ts";

async function value(build: (x: tf.Tensor) => tf.Tensor, shape: number[]): Promise<unknown> {
  const graph = new tf.Graph();
  const built = graph.asDefault(() => build(tf.placeholder(tf.float32, [null, null], "x")));
  const session = await tf.Session.create({ graph });
  const x = { data: new Float32Array(shape[0] * shape[1]), shape };
  const result = await session.run(built, { "x:0": x });
  expect(String(session.plan(built, { "x:0": x }))).toMatch(/^Plan: 0 steps/);
  return result.toNested();
}

test("shapes of what is fed are values, without a kernel", async () => {
  expect(await value((x) => tf.shape(x), [2, 5])).toEqual([2, 5]);
  expect(await value((x) => tf.shape(tf.square(x)), [0, 3])).toEqual([0, 3]);
  expect(await value((x) => tf.size(x), [2, 5])).toBe(10);
  expect(await value((x) => tf.rank(x), [2, 5])).toBe(2);
  expect(await value((x) => tf.shapeN([x, tf.reduceSum(x, 1)])[1], [2, 5])).toEqual([2]);
  expect(await value((x) => tf.reshape(x, tf.shape(tf.reduceSum(x, 0, { keepDims: true }))), [1, 4])).toEqual([
    [0, 0, 0, 0],
  ]);
});

test.each<[number[], number[], number[], number[]]>([
  [[2, 3], [3], [], [0]],
  [[2, 1], [2, 3], [1], []],
  [[], [4, 5], [0, 1], []],
  [[1, 3], [1, 3], [0], [0]],
  [[2, 3], [2, 3], [], []],
])("the gradient of %j with %j is summed over %j and %j", async (a, b, forA, forB) => {
  expect(gradientAxes(a, b)).toEqual([forA, forB]);
  const graph = new tf.Graph();
  const axes = graph.asDefault(() =>
    broadcastGradientArgs(
      ...([a, b].map((shape) => tf.constant(shape, { dtype: tf.int32, shape: [shape.length] })) as [
        tf.Tensor,
        tf.Tensor,
      ]),
    ),
  );
  const session = await tf.Session.create({ graph });
  expect((await session.run(axes)).map((tensor) => Array.from(tensor.data as Int32Array))).toEqual([forA, forB]);
});
