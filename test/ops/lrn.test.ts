// LRN: values and gradients.
import { expect, test } from "vitest";
import * as tf from "../../src/entry/node.ts";
import { LRN } from "../../src/ops/lrn.ts";
import { checkGradient } from "../helpers/gradientCheck.ts";
import { expectShapes, sizes, values } from "../helpers/ops.ts";

function normalized(
  x: ArrayLike<number>,
  channels: number,
  { depthRadius = 5, bias = 1, alpha = 1, beta = 0.5 },
): number[] {
  return Array.from({ length: x.length }, (_, i) => {
    const [row, channel] = [i - (i % channels), i % channels];
    let sum = 0;
    for (let c = Math.max(0, channel - depthRadius); c <= Math.min(channels - 1, channel + depthRadius); c++)
      sum += x[row + c] ** 2;
    return x[i] / (bias + alpha * sum) ** beta;
  });
}

test.each(
  sizes.flatMap(
    (n) =>
      [
        [n, {}],
        [n, { depthRadius: 2, bias: 2, alpha: 0.1, beta: 0.75 }],
      ] as const,
  ),
)(
  // prettier-ignore
  "%i channels, %j: values and gradient",
  (channels, options) =>
    checkGradient(
      ([x]) => tf.nn.localResponseNormalization(x, options),
      [values([1, 2, 2, channels])],
      ([x]) => normalized(x, channels, options),
    ),
);

test("shapes", () => {
  expectShapes(LRN, [
    ["[?,2,3,4]", "[?,2,3,4]"],
    ["[2]", "Shape must be rank 4 but is rank 1"],
  ]);
  expect(LRN.type).toBe("LRN");
});
