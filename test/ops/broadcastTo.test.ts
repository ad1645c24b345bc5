// BroadcastTo: values by index, gradients, shapes and mistakes.
import { test } from "vitest";
import * as tf from "../../src/entry/node.ts";
import { BroadcastTo } from "../../src/ops/broadcastTo.ts";
import { checkGradient } from "../helpers/gradientCheck.ts";
import { coordinates, expectShapes, sizeOf, sizes, values } from "../helpers/ops.ts";

function repeated(x: ArrayLike<number>, shape: readonly number[], out: readonly number[]): number[] {
  const missing = out.length - shape.length;
  return Array.from({ length: sizeOf(out) }, (_, index) => {
    const position = coordinates(index, out).slice(missing);
    return x[shape.reduce((offset, size, axis) => offset * size + (position[axis] % size), 0)];
  });
}

const broadcast: [number[], number[]][] = [
  ...sizes.map((n): [number[], number[]] => [[n, 1], [2, n, 5]]),
  ...sizes.map((n): [number[], number[]] => [[n], [3, n]]),
  [[], [2, 3]],
  [[3, 1, 2], [3, 4, 2]],
]; // prettier-ignore

test.each(broadcast)("BroadcastTo %j to %j: values and gradient", (shape, out) =>
  checkGradient(
    ([x]) => tf.broadcastTo(x, out),
    [values(shape)],
    ([x]) => repeated(x, shape, out),
  ),
);

test("shapes", () => {
  const by = (...sizes2: number[]) => ({ constants: { 1: sizes2 } });
  expectShapes(
    BroadcastTo,
    [
      ["[2,1];[3]", "[4,2,3]"],
      ["?;[3]", "[4,2,3]"],
    ],
    by(4, 2, 3),
  );
  expectShapes(BroadcastTo, [["[3];[1]", "Incompatible shapes: [3] vs. [2]; a shape can only be broadcast to a larger one"]], by(2)); // prettier-ignore
  // What is not known yet may be 1.
  expectShapes(BroadcastTo, [["[?,?];[2]", "[6,1]"]], by(6, 1));
  expectShapes(BroadcastTo, [["[3];[1]", "Incompatible shapes: [3] vs. [1]; a shape can only be broadcast to a larger one"]], by(1)); // prettier-ignore
});
