// The fused and the composed batch normalization against float64, and TensorFlow's two variances.
import { describe, expect, test } from "vitest";
import { attr } from "../../src/graph/attr.ts";
import { FusedBatchNorm, FusedBatchNormV2, FusedBatchNormV3 } from "../../src/ops/batchNorm.ts";
import * as tf from "../../src/entry/node.ts";
import { createOp } from "../../src/ops/build.ts";
import { checkGradient } from "../helpers/gradientCheck.ts";
import { EPSILON, expectClose, expectSame } from "../assembly/harness.ts";
import { evaluate, expectMistake, expectShapes, inferred, sizes, values, type Values } from "../helpers/ops.ts";

/** Mean and biased variance of every channel, in float64. */
function statistics(x: Values): { mean: number[]; variance: number[]; rows: number } {
  const channels = x.shape[x.shape.length - 1];
  const rows = x.data.length / channels;
  const over = (f: (item: number, channel: number) => number): number[] =>
    Array.from({ length: channels }, (_, channel) => {
      let sum = 0;
      for (let row = 0; row < rows; row++) sum += f(x.data[row * channels + channel], channel);
      return sum / rows;
    });
  const mean = over((item) => item);
  return { mean, variance: over((item, channel) => (item - mean[channel]) ** 2), rows };
}

function normalized(
  x: Values,
  mean: ArrayLike<number>,
  variance: ArrayLike<number>,
  scale: Values,
  offset: Values,
): number[] {
  const channels = scale.data.length;
  return Array.from(x.data, (item, i) => {
    const c = i % channels;
    return ((item - mean[c]) / Math.sqrt(variance[c] + 1e-3)) * scale.data[c] + offset.data[c];
  });
}

// Inputs are at most 2, standard deviations here at least 0.03: a mean is off by some roundings of 2, which the division
// makes 32 times larger.
const tolerance = 64 * 16 * EPSILON;

const shapes = sizes.flatMap((c) => [
  [2, 2, 3, c],
  [1, 1, 1, c],
  [1, 5, 7, c],
]);

describe("fused", () => {
  test("training: normalises with the biased variance, gives the unbiased one", async () => {
    for (const shape of shapes) {
      const [x, scale, offset] = [values(shape), values([shape[3]]), values([shape[3]])];
      const { results } = await evaluate((input) => {
        const { y, mean, variance } = tf.nn.fusedBatchNorm(input(x), input(scale), input(offset));
        return [y, mean, variance, y.op.outputs[3], y.op.outputs[4], y.op.outputs[5]];
      });
      const want = statistics(x);
      const unbiased = want.variance.map((item) => (item * want.rows) / Math.max(want.rows - 1, 1));
      const [y, mean, variance, savedMean, savedVariance, reserved] = results.map(({ data }) => data as Float32Array);
      const label = `[${shape.join()}]`;
      expectClose(y, normalized(x, want.mean, want.variance, scale, offset), tolerance, label);
      expectClose(mean, want.mean, 16 * EPSILON, `${label} mean`);
      expectClose(variance, unbiased, 64 * EPSILON, `${label} variance`);
      expectSame(savedMean, mean, `${label} reserve_space_1`);
      expectClose(savedVariance, want.variance, 64 * EPSILON, `${label} reserve_space_2`);
      expect([...reserved]).toEqual([0]);
      if (want.rows === 1) expectSame(y, offset.data, `${label}: one element is its own mean`);
    }
  });

  test("inference: normalises with the statistics given, and passes them on", async () => {
    for (const shape of shapes) {
      const c = [shape[3]];
      const [x, scale, offset, mean, variance] = [values(shape), values(c), values(c), values(c), values(c, 0.1, 3)];
      const { results } = await evaluate((input) => {
        const given = { mean: input(mean), variance: input(variance), isTraining: false };
        const { y } = tf.nn.fusedBatchNorm(input(x), input(scale), input(offset), given);
        return y.op.outputs.slice(0, 5);
      });
      expectClose(
        results[0].data as Float32Array,
        normalized(x, mean.data, variance.data, scale, offset),
        tolerance,
        "y",
      );
      const passed = [mean, variance, mean, variance].map(({ data }) => data);
      expect(results.slice(1).map(({ data }) => data)).toEqual(passed);
    }
  });

  test("exponentialAvgFactor mixes the batch into the statistics given; y is untouched", async () => {
    for (const c of sizes) {
      const [x, scale, offset, mean, variance] = [[2, 3, 2, c], [c], [c], [c], [c]].map((shape) =>
        values(shape, 0.1, 2),
      );
      const { results } = await evaluate((input) => {
        const [tx, ts, to] = [x, scale, offset].map(input);
        const given = { mean: input(mean), variance: input(variance) };
        const mixed = tf.nn.fusedBatchNorm(tx, ts, to, { ...given, exponentialAvgFactor: 0.25 });
        const plain = tf.nn.fusedBatchNorm(tx, ts, to);
        return [mixed.y, mixed.mean, mixed.variance, plain.y];
      });
      const batch = statistics(x);
      const mix = (old: ArrayLike<number>, now: number[]): number[] =>
        now.map((item, i) => 0.75 * old[i] + 0.25 * item);
      const unbiased = batch.variance.map((item) => (item * 12) / 11);
      expectClose(results[1].data as Float32Array, mix(mean.data, batch.mean), 16 * EPSILON, `mean, ${c} channels`);
      expectClose(
        results[2].data as Float32Array,
        mix(variance.data, unbiased),
        64 * EPSILON,
        `variance, ${c} channels`,
      );
      expect(results[0]).toEqual(results[3]);
    }
  });

  test("a mean of 10,000 with a variance of 1 keeps the variance", async () => {
    const x = values([4, 8, 8, 3], -1, 1);
    x.data.forEach((item, i) => (x.data[i] = 10_000 + item));
    const { results } = await evaluate((input) => [
      tf.nn.fusedBatchNorm(input(x), tf.ones([3]), tf.zeros([3])).variance,
    ]);
    const unbiased = statistics(x).variance.map((item) => (item * 256) / 255);
    // The mean is off by a rounding of 10,000 (5e-4), whose square is what the variance may miss.
    expectClose(results[0].data as Float32Array, unbiased, 1e-6, "variance");
  });

  test("epsilon is inside the root", async () => {
    const { results } = await evaluate((input) => {
      const [one, zero] = [tf.ones([2]), tf.zeros([2])];
      const x = input({ data: Float32Array.of(1, 2), shape: [1, 1, 1, 2] });
      return [tf.nn.fusedBatchNorm(x, one, zero, { mean: zero, variance: zero, isTraining: false, epsilon: 0.25 }).y];
    });
    expect([...results[0].data]).toEqual([2, 4]);
  });
});

test("composed: any rank, scale and offset optional", async () => {
  for (const c of sizes) {
    const [x, mean, variance, scale, offset] = [
      values([3, c]),
      values([c]),
      values([c], 0.1, 2),
      values([c]),
      values([c]),
    ];
    for (const hasScale of [true, false]) {
      for (const hasOffset of [true, false]) {
        const { results } = await evaluate((input) => [
          tf.nn.batchNormalization(
            input(x),
            input(mean),
            input(variance),
            hasOffset ? input(offset) : null,
            hasScale ? input(scale) : null,
            1e-3,
          ),
        ]);
        const one = { data: new Float32Array(c).fill(1), shape: [c] };
        const none = { data: new Float32Array(c), shape: [c] };
        const want = normalized(x, mean.data, variance.data, hasScale ? scale : one, hasOffset ? offset : none);
        expectClose(results[0].data as Float32Array, want, tolerance, `${c} channels, ${hasScale}, ${hasOffset}`);
      }
    }
  }
});

test.each([
  [true, true, "add/y add Rsqrt mul mul_1 mul_2 sub add_1", "mean,batchnorm/mul"],
  [false, true, "add/y add Rsqrt mul mul_1 sub add_1", "mean,batchnorm/Rsqrt"],
  [true, false, "add/y add Rsqrt mul mul_1 Neg mul_2 add_1", "batchnorm/Neg,batchnorm/mul"],
] as const)("composed: nodes, with scale %s, with offset %s", (hasScale, hasOffset, names, product) => {
  const graph = new tf.Graph();
  graph.asDefault(() => {
    const [mean, variance, offset, scale] = ["mean", "variance", "offset", "scale"].map((name) =>
      tf.placeholder(tf.float32, [3], name),
    );
    const x = tf.placeholder(tf.float32, [2, 3], "x");
    tf.nn.batchNormalization(x, mean, variance, hasOffset ? offset : null, hasScale ? scale : null, 1e-3);
  });
  const made = graph.operations.filter((op) => op.name.startsWith("batchnorm/"));
  expect(made.map((op) => op.name)).toEqual(names.split(" ").map((name) => `batchnorm/${name}`));
  const last = graph.getOperationByName(hasScale ? "batchnorm/mul_2" : "batchnorm/mul_1");
  expect(last.inputs.map(({ op }) => op.name).join()).toBe(product);
});

test("shapes", () => {
  const training = { attrs: { is_training: attr.bool(true) } };
  const inference = { attrs: { is_training: attr.bool(false) } };
  expectShapes(
    FusedBatchNormV3,
    [
      ["[?,5,7,3];[3];[3];[0];[0]", "[?,5,7,3];[3];[3];[3];[3];[]"],
      ["?;[3];[3];[0];[0]", "[?,?,?,3];[3];[3];[3];[3];[]"],
      ["[1,2,2,?];[3];?;[0];[0]", "[1,2,2,3];[3];[3];[3];[3];[]"],
      ["[5,3];[3];[3];[0];[0]", "The input must be of rank 4 but is of rank 2"],
      ["[1,2,2,3];[4];[3];[0];[0]", "Dimensions must be equal, but are 3 and 4"],
      ["[1,2,2,3];[3,1];[3];[0];[0]", "Input 1 must be of rank 1 but is of rank 2"],
    ],
    training,
  );
  expectShapes(
    FusedBatchNorm,
    [
      ["[1,2,2,3];[3];[3];[3];[3]", "[1,2,2,3];[3];[3];[3];[3]"],
      ["[1,2,2,3];[3];[3];[0];[3]", "Dimensions must be equal, but are 3 and 0"],
    ],
    inference,
  );
  const averaging = { attrs: { ...training.attrs, exponential_avg_factor: attr.float(0.5) } };
  expect(inferred(FusedBatchNormV3, "[1,2,2,3];[3];[3];[0];[0]", averaging)).toBe(
    "Dimensions must be equal, but are 3 and 0",
  );
  const nchw = { attrs: { data_format: attr.string("NCHW") } };
  expect(inferred(FusedBatchNormV3, "[1,2,2,3];[3];[3];[0];[0]", nchw)).toBe(
    "data_format 'NCHW' is not supported, convert the graph to NHWC",
  );
});

describe("mistakes", () => {
  const fused = (x: tf.Tensor, options = {}): tf.Tensor =>
    tf.nn.fusedBatchNorm(x, tf.ones([3]), tf.zeros([3]), options).y;
  const build = (body: () => unknown): unknown => new tf.Graph().asDefault(body);

  test.each<[string, () => unknown, string]>([
    [
      "inference without statistics",
      () => fused(tf.zeros([1, 2, 2, 3]), { isTraining: false }),
      "InvalidArgumentError: fusedBatchNorm with isTraining false needs mean and variance.",
    ],
    [
      "an average without statistics",
      () => fused(tf.zeros([1, 2, 2, 3]), { exponentialAvgFactor: 0.5, name: "bn" }),
      "InvalidArgumentError: Dimensions must be equal, but are 3 and 0 for 'bn' (op: 'FusedBatchNormV3') with input shapes: [1,2,2,3], [3], [3], [0], [0].",
    ],
    [
      "another rank",
      () => fused(tf.zeros([2, 3]), { name: "bn" }),
      "InvalidArgumentError: The input must be of rank 4 but is of rank 2 for 'bn' (op: 'FusedBatchNormV3') with input shapes: [2,3], [3], [3], [0], [0].",
    ],
  ])("%s", (_, body, message) => expectMistake(() => build(body), message));

  test("a dtype without a kernel", () => {
    const graph = new tf.Graph();
    const y = graph.asDefault(() => fused(tf.zeros([1, 2, 2, 3], tf.float64), { name: "bn" }));
    const run = async (): Promise<unknown> => (await tf.Session.create({ graph })).run(y);
    return expectMistake(
      run,
      "UnimplementedError: 'bn' (op: 'FusedBatchNormV3') is not supported for float64; supported: float32.",
    );
  });
});

test.each([
  ["FusedBatchNorm", FusedBatchNorm],
  ["FusedBatchNormV2", FusedBatchNormV2],
  ["FusedBatchNormV3", FusedBatchNormV3],
] as const)("%s: gradients of x, scale and offset, in training and frozen", async (_, definition) => {
  for (const channels of [1, 3, 4, 5, 17]) {
    const shape = [2, 3, 2, channels];
    const [mean, variance] = [values([channels]), values([channels], 0.5, 2)];
    for (const isTraining of [true, false]) {
      const n = isTraining ? 12 : 0;
      await checkGradient(
        ([x, scale, offset]) => {
          const statistics = [mean, variance].map((given) => tf.constant(isTraining ? [] : { ...given }, { dtype: tf.float32, ...(isTraining && { shape: [0] }) })); // prettier-ignore
          const attrs = { is_training: attr.bool(isTraining), epsilon: attr.float(0.01) };
          return createOp(definition, [x, scale, offset, ...statistics], attrs, "bn").outputs[0];
        },
        [values(shape), values([channels], 0.5, 2), values([channels])],
        ([x, scale, offset]) => {
          const [m, v] = [mean, variance].map(({ data }) => Float64Array.from(data));
          if (isTraining) {
            m.fill(0);
            v.fill(0);
            x.forEach((value, i) => (m[i % channels] += value / n));
            x.forEach((value, i) => (v[i % channels] += (value - m[i % channels]) ** 2 / n));
          }
          return x.map((value, i) => {
            const c = i % channels;
            return ((value - m[c]) / Math.sqrt(v[c] + 0.01)) * scale[c] + offset[c];
          });
        },
        // Sums over 12 elements of a few roundings each, divided by a deviation of about 1.
        { tolerance: 3e-5 },
      );
    }
  }
});
