// tf.losses: values and gradients against float64, weights and reductions, collections, names, mistakes.
import { describe, expect, test } from "vitest";
import * as tf from "../../src/entry/node.ts";
import { checkGradient } from "../helpers/gradientCheck.ts";
import { evaluate, expectMistake, values, type Values } from "../helpers/ops.ts";

const { Reduction } = tf.losses;
const shape = [3, 4];
const labels01: Values = { data: Float32Array.from({ length: 12 }, (_, i) => (i * 5) % 2), shape };

/** Loss of one element in float64. */
type Elementwise = (label: number, prediction: number) => number;
type Loss = (labels: tf.TensorLike, predictions: tf.TensorLike, options?: tf.losses.LossOptions) => tf.Tensor;

const logistic: Elementwise = (z, x) => Math.max(x, 0) - x * z + Math.log1p(Math.exp(-Math.abs(x)));
const huber =
  (delta: number): Elementwise =>
  (y, p) => {
    const e = Math.abs(p - y);
    return e <= delta ? e ** 2 / 2 : delta * (e - delta / 2);
  };

/** Name, scope, builder, reference, predictions, labels. */
const losses: [string, Loss, Elementwise, Values, Values][] = [
  ["absolute_difference", tf.losses.absoluteDifference, (y, p) => Math.abs(p - y), values(shape), values(shape)],
  ["mean_squared_error", tf.losses.meanSquaredError, (y, p) => (p - y) ** 2, values(shape), values(shape)],
  ["huber_loss", tf.losses.huberLoss, huber(1), values(shape), values(shape)],
  ["hinge_loss", tf.losses.hingeLoss, (y, x) => Math.max(0, 1 - (2 * y - 1) * x), values(shape, -3, 3), labels01],
  [
    "log_loss",
    tf.losses.logLoss,
    (y, p) => -y * Math.log(p + 1e-7) - (1 - y) * Math.log(1 - p + 1e-7),
    values(shape, 0.1, 0.9),
    labels01,
  ],
  ["sigmoid_cross_entropy_loss", tf.losses.sigmoidCrossEntropy, logistic, values(shape), values(shape, 0, 1)],
];

const mean = (items: readonly number[]): number => items.reduce((sum, item) => sum + item, 0) / items.length;

describe.each(losses)("%s", (name, loss, f, predictions, labels) => {
  test("the mean over all elements and its gradient", () =>
    checkGradient(
      ([p, y]) => loss(y, p),
      [predictions, labels],
      ([p, y]) => [mean(Array.from(p, (value, i) => f(y[i], value)))],
      { wrt: [0] },
    ));

  test("its scope, and its place in LOSSES", () => {
    new tf.Graph().asDefault(() => {
      const [y, p] = [tf.placeholder(tf.float32, shape), tf.placeholder(tf.float32, shape)];
      const made = loss(y, p);
      expect(made.name).toBe(`${name}/value:0`);
      expect(tf.losses.getLosses()).toEqual([made]);
      loss(y, p, { scope: "mine", lossCollection: null });
      expect(tf.losses.getLosses()).toEqual([made]);
      expect(loss(y, p, { scope: "mine" }).name).toBe("mine_1/value:0");
    });
  });
});

test("options of single losses", async () => {
  const [p, y] = [values(shape), values(shape, 0, 1)];
  await checkGradient(
    ([x, z]) => tf.losses.huberLoss(z, x, { delta: 0.5 }),
    [p, y],
    ([x, z]) => [mean(Array.from(x, (value, i) => huber(0.5)(z[i], value)))],
  );
  await checkGradient(
    ([x, z]) => tf.losses.sigmoidCrossEntropy(z, x, { labelSmoothing: 0.2 }),
    [p, y],
    ([x, z]) => [mean(Array.from(x, (value, i) => logistic(z[i] * 0.8 + 0.1, value)))],
  );
  await checkGradient(
    ([x, z]) => tf.losses.cosineDistance(z, x, { axis: 1 }),
    [p, y],
    ([x, z]) => [
      mean([0, 1, 2].map((row) => 1 - [0, 1, 2, 3].reduce((s, i) => s + x[row * 4 + i] * z[row * 4 + i], 0))),
    ],
  );
});

/** Cross entropy of each row against a distribution. */
function softmaxRows(x: Float64Array, label: (row: number, i: number) => number): number[] {
  return [0, 1, 2].map((row) => {
    const logits = x.subarray(row * 4, row * 4 + 4);
    const logSum = Math.log(logits.reduce((sum, value) => sum + Math.exp(value), 0));
    return logits.reduce((sum, value, i) => sum + label(row, i) * (logSum - value), 0);
  });
}

test("softmax cross entropy, one-hot, smoothed and sparse", async () => {
  const classes = [2, 0, 3];
  const hot = (row: number, i: number): number => (classes[row] === i ? 1 : 0);
  const onehot: Values = { data: Float32Array.from({ length: 12 }, (_, k) => hot(k >> 2, k & 3)), shape };
  const logits = values(shape, -4, 4);
  for (const labelSmoothing of [0, 0.1]) {
    await checkGradient(
      ([x, y]) => tf.losses.softmaxCrossEntropy(y, x, { labelSmoothing }),
      [logits, onehot],
      ([x]) => [mean(softmaxRows(x, (row, i) => hot(row, i) * (1 - labelSmoothing) + labelSmoothing / 4))],
      { wrt: [0] },
    );
  }
  for (const given of [[3], [3, 1]]) {
    await checkGradient(
      ([x, y]) => tf.losses.sparseSoftmaxCrossEntropy(y, x, { weights: [0.5, 0, 2] }),
      [logits, { data: Int32Array.from(classes), shape: given }],
      ([x]) => [softmaxRows(x, hot).reduce((sum, item, row) => sum + item * [0.5, 0, 2][row], 0) / 2],
    );
  }
});

describe("weights and reductions", () => {
  const errors = [1, 2, 3, 4, 5, 6];
  const weightings: [string, tf.TensorLike, number[]][] = [
    ["a factor", 2, [2, 2, 2, 2, 2, 2]],
    ["a tensor of no dimensions", 0.5, [0.5, 0.5, 0.5, 0.5, 0.5, 0.5]],
    ["one a row", [[3], [0]], [3, 3, 3, 0, 0, 0]],
    ["one a column", [[1, 0, 2]], [1, 0, 2, 1, 0, 2]],
    ["one an element", [[1, 0, 2], [0, 0, 3]], [1, 0, 2, 0, 0, 3]],
    ["none", 0, [0, 0, 0, 0, 0, 0]],
  ]; // prettier-ignore
  const sum = (items: readonly number[]): number => items.reduce((total, item) => total + item, 0);
  const ratio = (a: number, b: number): number => (b === 0 ? 0 : a / b);

  test.each(weightings)("%s", async (_, weights, spread) => {
    const products = errors.map((error, i) => error * spread[i]);
    const want: [tf.losses.Reduction, number][] = [
      [Reduction.SUM, sum(products)],
      [Reduction.MEAN, ratio(sum(products), sum(spread))],
      [Reduction.SUM_BY_NONZERO_WEIGHTS, ratio(sum(products), spread.filter(Boolean).length)],
      [Reduction.SUM_OVER_BATCH_SIZE, sum(products) / 6],
    ];
    const { results } = await evaluate((input) => {
      const given = input({ data: Float32Array.from(errors), shape: [2, 3] });
      return [
        ...want.map(([reduction]) => tf.losses.computeWeightedLoss(given, { weights, reduction })),
        tf.losses.computeWeightedLoss(given, { weights, reduction: Reduction.NONE }),
      ];
    });
    want.forEach(([reduction, value], i) => expect(results[i].item(), reduction).toBeCloseTo(value, 5));
    expect(Array.from(results[4].data as Float32Array)).toEqual(products);
  });

  test("shapes that only a run knows", async () => {
    const graph = new tf.Graph();
    const { errors, weights, loss } = graph.asDefault(() => {
      const errors = tf.placeholder(tf.float32, [null, null]);
      const weights = tf.placeholder(tf.float32, [null, null]);
      return { errors, weights, loss: tf.losses.computeWeightedLoss(errors, { weights, reduction: Reduction.SUM }) };
    });
    const session = await tf.Session.create({ graph });
    const run = (w: tf.FeedValue): Promise<tf.FetchedTensor> =>
      session.run(
        loss,
        new Map<tf.Tensor, tf.FeedValue>([
          [errors, [[1, 2], [3, 4]]], // prettier-ignore
          [weights, w],
        ]),
      );
    expect((await run([[1], [10]])).item()).toBe(73);
    await expect(run([[1, 2, 3]])).rejects.toThrow("op: 'BroadcastTo'");
  });

  test("weights that do not fit", async () => {
    const mistake = (weights: tf.TensorLike, sentence: string): Promise<void> =>
      expectMistake(
        () => new tf.Graph().asDefault(() => tf.losses.computeWeightedLoss(tf.ones([2, 3]), { weights })),
        `InvalidArgumentError: weights can not be broadcast to values. ${sentence}`,
      );
    await mistake([1, 2, 3], "values.rank=2. weights.rank=1. values.shape=[2,3]. weights.shape=[3].");
    await mistake([[1], [2], [3]], "Mismatch at dim 0. values.shape=[2,3]. weights.shape=[3,1].");
  });
});

test("the total loss, with regularization", async () => {
  const graph = new tf.Graph();
  const { total, bare, regularization, init } = graph.asDefault(() => {
    tf.getVariable("w", [2], {
      initializer: tf.onesInitializer(),
      regularizer: (w) => tf.reduceSum(tf.multiply(w, 3)),
    });
    tf.losses.addLoss(tf.constant(0.5, { dtype: tf.float32 }));
    tf.losses.meanSquaredError([1, 2], [2, 4]);
    return {
      total: tf.losses.getTotalLoss(),
      bare: tf.losses.getTotalLoss(false),
      regularization: tf.losses.getRegularizationLoss(),
      init: tf.globalVariablesInitializer(),
    };
  });
  expect(total.name).toBe("total_loss:0");
  const session = await tf.Session.create({ graph });
  await session.run(init);
  const results = await session.run([total, bare, regularization]);
  expect(results.map((result) => result.item())).toEqual([9, 3, 6]);
  const empty = (): tf.Tensor => new tf.Graph().asDefault(() => tf.losses.getTotalLoss());
  expect(empty).toThrow("no loss was added to the graph");
});

test("mistakes", async () => {
  const mistake = (body: () => unknown, sentence: string): Promise<void> =>
    expectMistake(() => new tf.Graph().asDefault(body), `InvalidArgumentError: ${sentence}`);
  await mistake(
    () => tf.losses.meanSquaredError(tf.ones([2, 3]), tf.ones([3, 2])),
    "Shapes [3,2] and [2,3] are incompatible.",
  );
  await mistake(
    () => tf.losses.computeWeightedLoss(1, { reduction: "mean" as tf.losses.Reduction }),
    "Invalid Reduction Key mean; use one of losses.Reduction.",
  );
});
