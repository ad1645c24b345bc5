// Cumsum and Cumprod: all directions, gradients.
import { describe, expect, test } from "vitest";
import * as tf from "../../src/entry/node.ts";
import { checkGradient } from "../helpers/gradientCheck.ts";
import { expectMistake, values } from "../helpers/ops.ts";

function running(
  x: ArrayLike<number>,
  [outer, n, inner]: readonly number[],
  start: number,
  f: (a: number, b: number) => number,
  exclusive: boolean,
  reverse: boolean,
): number[] {
  const y = new Array<number>(outer * n * inner);
  for (let o = 0; o < outer; o++) {
    for (let j = 0; j < inner; j++) {
      let value = start;
      for (let k = 0; k < n; k++) {
        const at = (o * n + (reverse ? n - 1 - k : k)) * inner + j;
        const next = f(value, x[at]);
        y[at] = exclusive ? value : next;
        value = next;
      }
    }
  }
  return y;
}

const directions = [false, true].flatMap((exclusive) => [false, true].map((reverse) => [exclusive, reverse] as const));

describe.each(directions)("exclusive %s, reverse %s", (exclusive, reverse) => {
  test.each([0, 1, -1])("axis %i: values and gradients", async (axis) => {
    const shape = [2, 5, 3];
    const at = axis < 0 ? 2 : axis;
    const dims = [[1, 2, 15], [2, 5, 3], [10, 3, 1]][at]; // prettier-ignore
    const x = values(shape, 0.5, 1.5);
    await checkGradient(
      ([t]) => tf.cumsum(t, axis, { exclusive, reverse }),
      [x],
      ([t]) => running(t, dims, 0, (a, b) => a + b, exclusive, reverse),
    );
    await checkGradient(
      ([t]) => tf.cumprod(t, axis, { exclusive, reverse }),
      [x],
      ([t]) => running(t, dims, 1, (a, b) => a * b, exclusive, reverse),
    );
  });
});

test("a dtype without a kernel", async () => {
  const graph = new tf.Graph();
  const fetch = graph.asDefault(() => tf.cumsum(tf.placeholder(tf.int32, [2], "x"), 0, { name: "whole" }));
  const session = await tf.Session.create({ graph });
  await expectMistake(() => session.run(fetch, { "x:0": [1, 2] }), "UnimplementedError: 'whole' (op: 'Cumsum') is not supported for int32; supported: float32."); // prettier-ignore
  expect(fetch.op.type).toBe("Cumsum");
  session.close();
});
