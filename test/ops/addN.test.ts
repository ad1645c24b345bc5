/** AddN, ZerosLike, OnesLike. */
import { expect, test } from "vitest";
import * as tf from "../../src/entry/node.ts";
import { AccumulateNV2 } from "../../src/ops/addN.ts";
import { createOp } from "../../src/ops/build.ts";
import { checkGradient } from "../helpers/gradientCheck.ts";
import { values } from "../helpers/ops.ts";

async function run(build: () => tf.Tensor): Promise<tf.Nested> {
  const graph = new tf.Graph();
  const built = graph.asDefault(build);
  const session = await tf.Session.create({ graph, planner: { poison: true } });
  return (await session.run(built)).toNested();
}

const floats = (values: number[]): tf.Tensor => tf.square(tf.constant(values, { dtype: tf.float32 }));

test.each([1, 2, 3, 5])("the sum of %i tensors, from left to right", async (count) => {
  const terms = Array.from({ length: count }, (_, i) => [i + 1, 2 * i, 3]);
  const wanted = terms.reduce((sum, term) => sum.map((value, i) => value + term[i] ** 2), [0, 0, 0]);
  expect(await run(() => tf.addN(terms.map(floats)))).toEqual(wanted);
});

test("its operands are not changed", async () => {
  const graph = new tf.Graph();
  const [x, sum, twice] = graph.asDefault(() => {
    const x = floats([1, 2]);
    const sum = tf.addN([x, x]);
    return [x, sum, tf.addN([sum, x, x])];
  });
  const session = await tf.Session.create({ graph });
  const values = await session.run([x, sum, twice]);
  expect(values.map((value) => value.toNested())).toEqual([
    [1, 4],
    [2, 8],
    [4, 16],
  ]);
});

test("other shapes and dtypes are refused", () => {
  const build = (body: () => unknown) => () => new tf.Graph().asDefault(body);
  expect(build(() => tf.addN([tf.zeros([2]), tf.zeros([3])]))).toThrow(
    "Dimension 0 in both shapes must be equal, but are 2 and 3. Shapes are [2] and [3] for 'AddN' (op: 'AddN') with input shapes: [2], [3].",
  );
});

test("zeros and ones like a tensor", async () => {
  expect(await run(() => tf.zerosLike(floats([1, 2, 3])))).toEqual([0, 0, 0]);
  expect(await run(() => tf.onesLike(tf.constant([[1], [2]])))).toEqual([[1], [1]]);
});

test.each([1, 3, 4, 5, 17])("AddN and AccumulateNV2 of %i elements: values and gradients", async (n) => {
  for (const sum of [tf.addN, (terms: readonly tf.Tensor[]) => createOp(AccumulateNV2, terms, {}, "sum").outputs[0]])
    await checkGradient(
      (terms) => sum(terms),
      [values([n]), values([n]), values([n])],
      ([a, b, c]) => a.map((value, i) => value + b[i] + c[i]),
    );
});
