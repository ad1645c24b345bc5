// Cross entropies: shapes, values and gradients against float64, names of the nodes, second derivatives.
import { describe, expect, test } from "vitest";
import { attr } from "../../src/graph/attr.ts";
import { SoftmaxCrossEntropyWithLogits, SparseSoftmaxCrossEntropyWithLogits } from "../../src/ops/crossEntropy.ts";
import { createOp } from "../../src/ops/build.ts";
import * as tf from "../../src/entry/node.ts";
import { expectClose } from "../assembly/harness.ts";
import { checkGradient } from "../helpers/gradientCheck.ts";
import { evaluate, expectMistake, expectShapes, sizeOf, values, type Values } from "../helpers/ops.ts";

const { nn } = tf;

/** Losses of rows in float64. */
function softmaxLosses(x: Float64Array, labels: (row: number, i: number) => number, classes: number): number[] {
  return Array.from({ length: x.length / classes }, (_, row) => {
    const logits = x.subarray(row * classes, (row + 1) * classes);
    const top = Math.max(...logits);
    const logSum = Math.log(logits.reduce((sum, value) => sum + Math.exp(value - top), 0));
    return logits.reduce((sum, value, i) => sum + labels(row, i) * (logSum - (value - top)), 0);
  });
}

/** Rows that sum to 1. */
function distributions(shape: readonly number[]): Values {
  const data = Float32Array.from(values(shape, 0.1, 1).data);
  const classes = shape.at(-1)!;
  for (let begin = 0; begin < data.length; begin += classes) {
    const row = data.subarray(begin, begin + classes);
    const sum = row.reduce((total, item) => total + item, 0);
    row.forEach((item, i) => (row[i] = item / sum));
  }
  return { data, shape };
}

function classesOf(shape: readonly number[], classes: number): Values {
  return { data: Int32Array.from({ length: sizeOf(shape) }, (_, i) => (i * 7 + 3) % classes), shape };
}

test("shapes", () => {
  expectShapes(SoftmaxCrossEntropyWithLogits, [
    ["[3,5];[3,5]", "[3];[3,5]"],
    ["[?,5];[3,?]", "[3];[3,5]"],
    ["[3,5];[1,5]", "[3];[3,5]"],
    ["?;?", "[?];[?,?]"],
    ["[3,5];[3,4]", "Dimensions must be equal, but are 5 and 4"],
    ["[3,5,1];?", "Shape must be rank 2 but is rank 3"],
  ]);
  const attrs = { T: attr.type(tf.float32), Tlabels: attr.type(tf.int32) };
  expectShapes(
    SparseSoftmaxCrossEntropyWithLogits,
    [
      ["[3,5];[3]", "[3];[3,5]"],
      ["[?,5];[3]", "[3];[3,5]"],
      ["?;?", "[?];[?,?]"],
      ["[3,5];[4]", "Dimension 0 in both shapes must be equal, but are 3 and 4. Shapes are [3] and [4]."],
      ["[3,5];[3,1]", "Shape must be rank 1 but is rank 2"],
      ["[3,0];[3]", "Must have at least one class, but got logits shape [3,0]"],
    ],
    { attrs },
  );
});

describe.each([1, 3, 4, 5, 9])("%i classes", (classes) => {
  const rows = [1, 4, 6];

  test.each(rows)("dense labels, %i rows: loss, gradients of logits and labels", (n) =>
    checkGradient(
      ([logits, labels]) => nn.softmaxCrossEntropyWithLogitsV2({ logits, labels }),
      [values([n, classes], -4, 4), distributions([n, classes])],
      ([x, y]) => softmaxLosses(x, (row, i) => y[row * classes + i], classes),
    ),
  );

  test.each(rows)("one label, %i rows", (n) => {
    const labels = classesOf([n], classes);
    return checkGradient(
      ([logits, given]) => nn.sparseSoftmaxCrossEntropyWithLogits({ logits, labels: given }),
      [values([n, classes], -4, 4), labels],
      ([x]) => softmaxLosses(x, (row, i) => (labels.data[row] === i ? 1 : 0), classes),
    );
  });

  test("sigmoid", () =>
    checkGradient(
      ([logits, labels]) => nn.sigmoidCrossEntropyWithLogits({ logits, labels }),
      [values([3, classes], -4, 4), values([3, classes], 0, 1)],
      ([x, z]) => x.map((value, i) => Math.max(value, 0) - value * z[i] + Math.log1p(Math.exp(-Math.abs(value)))),
    ));
});

test("more dimensions, and classes along another axis", async () => {
  const shape = [2, 3, 4];
  const labels = classesOf([2, 3], 4);
  await checkGradient(
    ([logits, given]) => nn.sparseSoftmaxCrossEntropyWithLogits({ logits, labels: given }),
    [values(shape), labels],
    ([x]) => softmaxLosses(x, (row, i) => (labels.data[row] === i ? 1 : 0), 4),
  );
  const [x, y] = [values(shape), distributions([2, 4, 3])];
  // [2, classes 3, 4] as rows: element (a, c, b) is class c of row a · 4 + b.
  const at = (row: number, i: number): number => Math.floor(row / 4) * 12 + i * 4 + (row % 4);
  await checkGradient(
    ([logits, given]) => nn.softmaxCrossEntropyWithLogits({ logits, labels: tf.transpose(given, [0, 2, 1]), axis: 1 }),
    [x, y],
    ([given, target]) =>
      softmaxLosses(
        Float64Array.from({ length: 24 }, (_, k) => given[at(Math.floor(k / 3), k % 3)]),
        (row, i) => target[row * 3 + i],
        3,
      ),
    { wrt: [0] },
  );
});

test("shapes that only a run knows", async () => {
  const graph = new tf.Graph();
  const { logits, labels, losses } = graph.asDefault(() => {
    const logits = tf.placeholder(tf.float32, [null, null, null], "logits");
    const labels = tf.placeholder(tf.int64, null, "labels");
    return { logits, labels, losses: nn.sparseSoftmaxCrossEntropyWithLogits({ logits, labels }) };
  });
  const session = await tf.Session.create({ graph });
  const feeds = new Map<tf.Tensor, tf.FeedValue>([
    [logits, { data: new Float32Array(12), shape: [2, 2, 3] }],
    [
      labels,
      [
        [0n, 1n],
        [2n, 0n],
      ],
    ],
  ]);
  const { shape, data } = await session.run(losses, feeds);
  expect(shape).toEqual([2, 2]);
  for (const loss of data) expect(loss).toBeCloseTo(Math.log(3), 6);
});

test("the second derivative", async () => {
  const [x, v] = [values([3, 4]), values([3, 4])];
  const labels = classesOf([3], 4);
  const softmax = (row: Float64Array): Float64Array => {
    const e = row.map(Math.exp);
    const sum = e.reduce((total, item) => total + item, 0);
    return e.map((item) => item / sum);
  };
  // The gradient is softmax(x) − onehot; v makes a scalar a row of it.
  for (const sparse of [true, false]) {
    await checkGradient(
      ([logits, direction, given]) => {
        const loss = sparse
          ? nn.sparseSoftmaxCrossEntropyWithLogits({ logits, labels: given })
          : nn.softmaxCrossEntropyWithLogits({ logits, labels: tf.oneHot(given, 4) });
        const [gradient] = tf.gradients(loss, [logits]);
        return tf.reduceSum(tf.multiply(gradient!, direction), -1);
      },
      [x, v, labels],
      ([logits, direction]) =>
        Array.from({ length: 3 }, (_, row) =>
          softmax(logits.subarray(row * 4, row * 4 + 4)).reduce(
            (sum, p, i) => sum + (p - (labels.data[row] === i ? 1 : 0)) * direction[row * 4 + i],
            0,
          ),
        ),
      { wrt: [0] },
    );
  }
});

test("the first version stops the gradient of labels, the second does not", () => {
  new tf.Graph().asDefault(() => {
    const [logits, labels] = [tf.placeholder(tf.float32, [2, 3]), tf.placeholder(tf.float32, [2, 3])];
    const first = nn.softmaxCrossEntropyWithLogits({ logits, labels });
    const second = nn.softmaxCrossEntropyWithLogitsV2({ logits, labels });
    expect(tf.gradients(first, [labels])).toEqual([null]);
    expect(tf.gradients(second, [labels])[0]).not.toBeNull();
  });
});

test("nodes and gradients carry TensorFlow's names", () => {
  const graph = new tf.Graph();
  graph.asDefault(() => {
    const logits = tf.placeholder(tf.float32, [null, 10], "logits");
    const labels = tf.placeholder(tf.int64, [null], "labels");
    const loss = nn.sparseSoftmaxCrossEntropyWithLogits({ logits, labels });
    const dense = nn.softmaxCrossEntropyWithLogitsV2({ logits, labels: logits, name: "xent" });
    tf.gradients([loss, dense], [logits]);
  });
  const names = graph.operations.map(({ name, type }) => `${name} ${type}`);
  const own = "SparseSoftmaxCrossEntropyWithLogits";
  expect(names).toEqual(
    expect.arrayContaining([
      `${own}/${own} ${own}`,
      `gradients/${own}/${own}_grad/ExpandDims ExpandDims`,
      `gradients/${own}/${own}_grad/mul Mul`,
      "xent SoftmaxCrossEntropyWithLogits",
      "xent/Reshape_2 Reshape",
      "gradients/xent_grad/LogSoftmax LogSoftmax",
    ]),
  );
});

test("a label that is no class refuses the run, before anything changes", async () => {
  const graph = new tf.Graph();
  const { labels, loss, count, init } = graph.asDefault(() => {
    const count = tf.variable(0, { dtype: tf.float32, name: "count" });
    const labels = tf.placeholder(tf.int64, [null]);
    // Counted before the loss, and used by it.
    const counted = tf.assignAdd(count, 1);
    const logits = tf.add(tf.zeros([3, 4]), counted);
    const loss = nn.sparseSoftmaxCrossEntropyWithLogits({ logits, labels, name: "xent" });
    return { labels, loss, count, init: tf.globalVariablesInitializer() };
  });
  const session = await tf.Session.create({ graph });
  await session.run(init);
  await session.run(loss, new Map([[labels, [0, 1, 3]]]));
  for (const bad of [4, -1]) {
    await expectMistake(
      () => session.run(loss, new Map([[labels, [0, bad, 3]]])),
      `InvalidArgumentError: Received a label value of ${bad} which is outside the valid range [0, 4). Label values: 0 ${bad} 3 for 'xent/xent' (op: 'SparseSoftmaxCrossEntropyWithLogits').`,
    );
  }
  expect((await session.run(count)).item()).toBe(1);
  // The check comes first, so that runs keep no copies of what they write.
  const { steps, shadows } = session.plan(loss, new Map([[labels, [0, 1, 3]]])).parts;
  expect(steps[0].kernel).toBe("checkIndices");
  expect(shadows).toEqual([]);
});

test("mistakes", async () => {
  const build = (body: () => unknown) => (): unknown => new tf.Graph().asDefault(body);
  const logits = (): tf.Tensor => tf.placeholder(tf.float32, [2, 3]);
  const sparse = (shape: number[], dtype = tf.int32): unknown =>
    nn.sparseSoftmaxCrossEntropyWithLogits({ logits: logits(), labels: tf.placeholder(dtype, shape) });
  await expectMistake(
    build(() => sparse([2, 3])),
    "InvalidArgumentError: Rank mismatch: Rank of labels (received 2) should equal rank of logits minus 1 (received 2).",
  );
  await expectMistake(
    build(() => sparse([3])),
    "InvalidArgumentError: Shape mismatch: The shape of labels (received [3]) should equal the shape of logits except for the last dimension (received [2,3]).",
  );
  await expectMistake(
    build(() => nn.sigmoidCrossEntropyWithLogits({ logits: logits(), labels: tf.placeholder(tf.float32, [3]) })),
    "InvalidArgumentError: logits and labels must have the same shape ([2,3] vs [3]).",
  );
  await expectMistake(
    build(() => nn.softmaxCrossEntropyWithLogitsV2({ logits: logits(), labels: tf.placeholder(tf.float32, [2, 4]) })),
    "InvalidArgumentError: Dimension 1 in both shapes must be equal, but are 3 and 4. Shapes are [2,3] and [2,4].",
  );
});

test.each([
  [
    [3, 1],
    [3, 5],
  ],
  [
    [3, 5],
    [3, 1],
  ],
  [
    [1, 1],
    [3, 17],
  ],
  [
    [4, 3],
    [1, 1],
  ],
])("SoftmaxCrossEntropyWithLogits broadcasts %j and %j, classes too", async (a, b) => {
  const [logits, labels] = [values(a), values(b, 0, 1)];
  const [rows, classes] = a.map((size, i) => Math.max(size, b[i]));
  const at = (x: Values, i: number, j: number): number =>
    x.data[(x.shape[0] === 1 ? 0 : i) * x.shape[1] + (x.shape[1] === 1 ? 0 : j)];
  const { results } = await evaluate((input) => {
    const { outputs } = createOp(SoftmaxCrossEntropyWithLogits, [input(logits), input(labels)], {}, "loss");
    return [...outputs];
  });
  const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);
  const sums = range(rows).map((i) => range(classes).reduce((sum, j) => sum + Math.exp(at(logits, i, j)), 0));
  const losses = range(rows).map((i) =>
    range(classes).reduce((sum, j) => sum + at(labels, i, j) * (Math.log(sums[i]) - at(logits, i, j)), 0),
  );
  const slopes = range(rows).flatMap((i) =>
    range(classes).map((j) => Math.exp(at(logits, i, j)) / sums[i] - at(labels, i, j)),
  );
  expectClose(results[0].data as Float32Array, losses, 1e-5, "loss");
  expectClose(results[1].data as Float32Array, slopes, 1e-6, "derivative");
});

test("a label out of range refuses the run where the loss is a control input only", async () => {
  const graph = new tf.Graph();
  const [step, count, init] = graph.asDefault(() => {
    const counter = tf.variable(0, { dtype: tf.float32 });
    const labels = tf.placeholder(tf.int32, [2], "labels");
    const loss = tf.reduceMean(tf.nn.sparseSoftmaxCrossEntropyWithLogits({ labels, logits: tf.zeros([2, 3]) }));
    const add = tf.controlDependencies([loss], () => tf.assignAdd(counter, 1));
    return [add, counter, tf.globalVariablesInitializer()];
  });
  const session = await tf.Session.create({ graph });
  await session.run(init);
  await expect(session.run(step, { "labels:0": [0, 3] })).rejects.toThrow(
    "Received a label value of 3 which is outside the valid range [0, 3).",
  );
  expect((await session.run(count)).item()).toBe(0);
  await session.run(step, { "labels:0": [0, 2] });
  expect((await session.run(count)).item()).toBe(1);
  session.close();
});
