// FusedBatchNormGrad, V2 and V3: gradients against float64, while training and with frozen statistics; nodes and shapes.
import { describe, expect, test } from "vitest";
import { attr, type Attrs } from "../../src/graph/attr.ts";
import { FusedBatchNorm, FusedBatchNormV2, FusedBatchNormV3 } from "../../src/ops/batchNorm.ts";
import { FusedBatchNormGrad, FusedBatchNormGradV2, FusedBatchNormGradV3 } from "../../src/ops/batchNormGradient.ts";
import { createOp } from "../../src/ops/build.ts";
import * as tf from "../../src/entry/node.ts";
import { checkGradient } from "../helpers/gradientCheck.ts";
import { expectMistake, expectShapes, inferred, sizes, values } from "../helpers/ops.ts";

const epsilon = Math.fround(1e-3);

/** The batch's own statistics where none are given. */
function normalized(
  x: Float64Array,
  scale: Float64Array,
  offset: Float64Array,
  given?: { mean: ArrayLike<number>; variance: ArrayLike<number> },
): number[] {
  const channels = scale.length;
  const rows = x.length / channels;
  const over = (f: (item: number, channel: number) => number): number[] =>
    Array.from({ length: channels }, (_, c) => {
      let sum = 0;
      for (let row = 0; row < rows; row++) sum += f(x[row * channels + c], c);
      return sum / rows;
    });
  const mean = given?.mean ?? over((item) => item);
  const variance = given?.variance ?? over((item, c) => (item - mean[c]) ** 2);
  return Array.from(x, (item, i) => {
    const c = i % channels;
    return ((item - mean[c]) / Math.sqrt(variance[c] + epsilon)) * scale[c] + offset[c];
  });
}

describe("gradients of x, scale and offset", () => {
  test.each(sizes)("training, %i channels", async (c) => {
    for (const shape of [
      [2, 3, 2, c],
      [1, 5, 7, c],
    ]) {
      await checkGradient(
        ([x, scale, offset]) => tf.nn.fusedBatchNorm(x, scale, offset).y,
        [values(shape), values([c]), values([c])],
        ([x, scale, offset]) => normalized(x, scale, offset),
      );
    }
  });

  test.each(sizes)("frozen, %i channels", async (c) => {
    const [mean, variance] = [values([c]), values([c], 0.5, 2)];
    const statistics = { mean: mean.data, variance: variance.data };
    await checkGradient(
      ([x, scale, offset, m, v]) =>
        tf.nn.fusedBatchNorm(x, scale, offset, { mean: m, variance: v, isTraining: false }).y,
      [values([2, 3, 2, c]), values([c]), values([c]), mean, variance],
      ([x, scale, offset]) => normalized(x, scale, offset, statistics),
      { wrt: [0, 1, 2] },
    );
  });

  test.each([FusedBatchNorm, FusedBatchNormV2, FusedBatchNormV3])(
    "$type: nodes as TensorFlow names them",
    async (definition) => {
      const attrs: Attrs = { T: attr.type(tf.float32), epsilon: attr.float(epsilon), is_training: attr.bool(true) };
      const build = ([x, scale, offset]: readonly tf.Tensor[]): tf.Tensor => {
        const none = tf.constant([], { dtype: tf.float32 });
        return createOp(definition, [x, scale, offset, none, none], attrs, "bn").outputs[0];
      };
      await checkGradient(build, [values([2, 2, 3, 3]), values([3]), values([3])], ([x, scale, offset]) =>
        normalized(x, scale, offset),
      );
      new tf.Graph().asDefault(() => {
        const inputs = [[2, 2, 3, 3], [3], [3]].map((shape) => tf.placeholder(tf.float32, shape));
        const y = build(inputs);
        const [{ op }] = tf.gradients(y, inputs) as tf.Tensor[];
        const type = definition.type.replace("Norm", "NormGrad");
        expect([op.type, op.name]).toEqual([type, `gradients/bn_grad/${type}`]);
        const outputs = [3, 4, ...(op.type.endsWith("V3") ? [5] : [])].map((i) => `bn:${i}`);
        expect(op.inputs.slice(3).map(({ name }) => name)).toEqual(outputs);
        expect(op.outputs.map(({ shape }) => shape)).toEqual([[2, 2, 3, 3], [3], [3], [0], [0]]);
      });
    },
  );

  test("second derivatives are refused", () =>
    expectMistake(
      () =>
        new tf.Graph().asDefault(() => {
          const [x, c] = [tf.ones([1, 2, 2, 3]), tf.ones([3])];
          const [dx] = tf.gradients(tf.nn.fusedBatchNorm(x, c, c, { name: "bn" }).y, [x]);
          return tf.gradients(dx!, [x]);
        }),
      "NotFoundError: No gradient is defined for operation 'gradients/bn_grad/FusedBatchNormGradV3' (op type: FusedBatchNormGradV3): second derivatives of fused batch normalization are not supported, use fused: false.",
    ));
});

test("shapes", () => {
  for (const definition of [FusedBatchNormGrad, FusedBatchNormGradV2, FusedBatchNormGradV3]) {
    expectShapes(definition, [
      ["[?,5,5,3];[?,5,5,3];[3];[3];[3]", "[?,5,5,3];[3];[3];[0];[0]"],
      ["?;[2,5,5,?];[3];?;?", "[2,5,5,3];[3];[3];[0];[0]"],
      ["?;?;?;?;?", "[?,?,?,?];[?];[?];[0];[0]"],
      ["[5,5,3];?;[3];[3];[3]", "The y_backprop must be of rank 4 but is of rank 3"],
      ["?;[5,3];[3];[3];[3]", "The x must be of rank 4 but is of rank 2"],
      ["?;[1,5,5,3];[4];[3];[3]", "Dimensions must be equal, but are 3 and 4"],
      ["?;[1,5,5,3];[3];[1,3];[3]", "Input 3 must be of rank 1 but is of rank 2"],
    ]);
  }
  const nchw = { attrs: { data_format: attr.string("NCHW") } };
  const refused = "data_format 'NCHW' is not supported, convert the graph to NHWC";
  expect(inferred(FusedBatchNormGradV3, "[1,3,5,5];[1,3,5,5];[3];[3];[3]", nchw)).toBe(refused);
});
