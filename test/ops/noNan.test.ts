// Products and quotients that are 0 where one operand is: values, gradients, and what the other operand may be.
import { describe, expect, test } from "vitest";
import * as tf from "../../src/entry/node.ts";
import { Xlogy } from "../../src/ops/noNan.ts";
import { checkGradient } from "../helpers/gradientCheck.ts";
import { broadcast, evaluate, expectShapes, sizes, values } from "../helpers/ops.ts";

type Binary = (a: tf.Tensor, b: tf.Tensor) => tf.Tensor;
/** Which operand's zero wins: the first or the second. */
const rows: [name: string, op: Binary, f: (a: number, b: number) => number, zero: 0 | 1][] = [
  ["MulNoNan", tf.mulNoNan, (a, b) => (b === 0 ? 0 : a * b), 1],
  ["Xdivy", tf.xdivy, (a, b) => (a === 0 ? 0 : a / b), 0],
  ["Xlogy", tf.xlogy, (a, b) => (a === 0 ? 0 : a * Math.log(b)), 0],
  ["Xlog1py", tf.xlog1py, (a, b) => (a === 0 ? 0 : a * Math.log1p(b)), 0],
];

describe.each(rows)("%s", (name, op, f, zero) => {
  test("values and gradients, broadcasting", async () => {
    const shapes = [
      ...sizes.map((n) => [[n], [n]]),
      [[2, 17], [17]],
      [
        [3, 1, 5],
        [4, 1],
      ],
      [[], [7]],
      [[7], []],
    ];
    for (const [shapeA, shapeB] of shapes) {
      const [a, b] = [values(shapeA, 0.5, 2), values(shapeB, 0.5, 2)];
      await checkGradient(
        ([x, y]) => {
          const z = op(x, y);
          expect(z.op.type).toBe(name);
          return z;
        },
        [a, b],
        ([x, y]) => broadcast(f, { ...a, data: x as never }, { ...b, data: y as never }),
      );
    }
  });

  test("a zero wins over NaN and infinity", async () => {
    const others = [NaN, Infinity, -Infinity, 0, -1, 2, 0, 1];
    const zeros = { data: new Float32Array(8), shape: [8] };
    const given = { data: Float32Array.from(others), shape: [8] };
    const { results } = await evaluate((input) => {
      const operands: [tf.Tensor, tf.Tensor] = zero ? [input(given), input(zeros)] : [input(zeros), input(given)];
      const y = op(...operands);
      return [y, ...(tf.gradients(y, operands) as tf.Tensor[])];
    });
    expect(Array.from(results[0].data as Float32Array, (value) => Math.abs(value))).toEqual(new Array(8).fill(0));
    // By the operand that is not 0 nothing changes.
    const other = Array.from(results[2 - zero].data as Float32Array, (value) => Math.abs(value));
    expect(zero ? results[1].data.length : other).toEqual(zero ? 8 : new Array(8).fill(0));
  });
});

test("shapes", () =>
  expectShapes(Xlogy, [
    ["[2,1];[3]", "[2,3]"],
    ["[2];[3]", "Dimensions must be equal, but are 2 and 3"],
  ]));
