// tf.layers.batch_normalization: variables, update operations, and the rule of the moving statistics.
import { beforeEach, describe, expect, test } from "vitest";
import * as tf from "../../src/entry/node.ts";
import { EPSILON, expectClose } from "../assembly/harness.ts";
import { expectMistake, sizeOf, values, type Values } from "../helpers/ops.ts";

beforeEach(() => tf.resetDefaultGraph());

type Options = tf.layers.BatchNormalizationOptions;

const input = (shape: (number | null)[]): tf.Tensor => tf.placeholder(tf.float32, shape, "x");
const names = (items: readonly { name: string }[]): string[] => items.map(({ name }) => name);
const updateOps = (): tf.Operation[] => tf.getCollection<tf.Operation>(tf.GraphKeys.UPDATE_OPS);

describe("variables", () => {
  const all = ["gamma", "beta", "moving_mean", "moving_variance"].map((name) => `bn/${name}:0`);

  test.each<[string, Options, string[], string[]]>([
    ["the default", {}, all, all.slice(0, 2)],
    ["no scale", { scale: false }, all.slice(1), all.slice(1, 2)],
    ["no center", { center: false }, [all[0], ...all.slice(2)], all.slice(0, 1)],
    ["neither", { scale: false, center: false }, all.slice(2), []],
    ["not trainable", { trainable: false }, all, []],
  ])("%s", (_, options, variables, trainable) => {
    for (const [i, shape] of [
      [2, 4, 4, 5],
      [2, 5],
    ].entries()) {
      const graph = new tf.Graph();
      graph.asDefault(() => {
        tf.layers.batchNormalization(input(shape), { name: "bn", training: i === 0, ...options });
        expect(names(tf.globalVariables())).toEqual(variables);
        expect(names(tf.trainableVariables())).toEqual(trainable);
        for (const variable of tf.globalVariables()) expect(variable.shape).toEqual([5]);
      });
    }
  });

  test("initial values, and initializers of one's own", async () => {
    tf.layers.batchNormalization(input([2, 1]), { name: "a" });
    tf.layers.batchNormalization(input([2, 1]), {
      name: "b",
      gammaInitializer: tf.constantInitializer(2.5),
      betaInitializer: tf.constantInitializer(3.5),
      movingMeanInitializer: tf.constantInitializer(4.5),
      movingVarianceInitializer: tf.constantInitializer(5.5),
    });
    const session = await tf.Session.create();
    await session.run(tf.globalVariablesInitializer());
    expect([...session.variables().values()].map((value) => value.data[0])).toEqual([1, 0, 0, 1, 2.5, 3.5, 4.5, 5.5]);
  });

  test("regularizers of gamma and beta", () => {
    const loss = (weights: tf.Tensor): tf.Tensor => tf.reduceSum(weights);
    tf.layers.batchNormalization(input([2, 3]), { name: "bn", gammaRegularizer: loss, betaRegularizer: loss });
    const losses = tf.getCollection<tf.Tensor>(tf.GraphKeys.REGULARIZATION_LOSSES);
    expect(names(losses)).toEqual(["bn/gamma/Regularizer/Sum:0", "bn/beta/Regularizer/Sum:0"]);
  });

  test("names when unnamed, and reuse", () => {
    const x = input([2, 3]);
    tf.layers.batchNormalization(x);
    tf.layers.batchNormalization(x);
    const unnamed = ["batch_normalization", "batch_normalization_1"];
    expect(names(tf.globalVariables()).map((name) => name.split("/")[0])).toEqual(
      unnamed.flatMap((name) => new Array<string>(4).fill(name)),
    );
    const before = tf.globalVariables();
    tf.layers.batchNormalization(x, { name: "batch_normalization", reuse: true });
    expect(tf.globalVariables()).toEqual(before);
  });
});

describe("update operations", () => {
  const plain = ["bn/AssignMovingAvg", "bn/AssignMovingAvg_1"];
  const merged = ["bn/cond_2/Merge", "bn/cond_3/Merge"];
  const trainings: Record<string, () => tf.Tensor | boolean | undefined> = {
    placeholder: () => tf.placeholderWithDefault(true, [], "training"),
    true: () => true,
    "a constant true": () => tf.constant(true),
    false: () => false,
    "a constant false": () => tf.constant(false),
    absent: () => undefined,
  };

  test.each<[string, (number | null)[], Options, string, string[]]>([
    ["fused", [null, 4, 4, 3], {}, "placeholder", plain],
    ["fused", [null, 4, 4, 3], {}, "true", plain],
    ["fused", [null, 4, 4, 3], {}, "a constant true", plain],
    ["fused", [null, 4, 4, 3], {}, "false", []],
    ["fused", [null, 4, 4, 3], {}, "a constant false", []],
    ["fused", [null, 4, 4, 3], {}, "absent", []],
    ["rank 2", [null, 3], {}, "placeholder", merged],
    ["rank 2", [null, 3], {}, "true", plain],
    ["rank 2", [null, 3], {}, "false", []],
    ["rank 2", [null, 3], {}, "absent", []],
    ["rank 4 not fused", [null, 4, 4, 3], { fused: false }, "placeholder", merged],
    ["axis 1", [null, 3, 4, 4], { axis: 1 }, "placeholder", plain],
    ["axis 2", [null, 3, 4, 4], { axis: 2 }, "placeholder", merged],
    ["rank 3", [null, 4, 3], {}, "placeholder", merged],
  ])("%s, training %s %s", (_, shape, options, training, expected) => {
    tf.layers.batchNormalization(input(shape), { name: "bn", training: trainings[training](), ...options });
    expect(names(updateOps())).toEqual(expected);
    const types = expected === merged ? ["Merge", "Merge"] : expected.map(() => "AssignSub");
    expect(updateOps().map((op) => op.type)).toEqual(types);
    const isFused = tf.getDefaultGraph().operations.some((op) => op.type === "FusedBatchNormV3");
    expect(isFused).toBe(shape.length === 4 && options.fused !== false && options.axis !== 2);
  });
});

/** Mean, variances of each channel along `axis`, in float64. */
function statistics({ data, shape }: Values, axis: number): { mean: number[]; biased: number[]; unbiased: number[] } {
  const inner = sizeOf(shape.slice(axis + 1));
  const channelOf = (i: number): number => Math.floor(i / inner) % shape[axis];
  const rows = data.length / shape[axis];
  const sum = (f: (item: number, channel: number) => number): number[] => {
    const result = new Array<number>(shape[axis]).fill(0);
    data.forEach((item, i) => (result[channelOf(i)] += f(item, channelOf(i))));
    return result;
  };
  const mean = sum((item) => item).map((item) => item / rows);
  const squares = sum((item, channel) => (item - mean[channel]) ** 2);
  return {
    mean,
    biased: squares.map((item) => item / rows),
    unbiased: squares.map((item) => item / Math.max(rows - 1, 1)),
  };
}

/** A layer on a placeholder, with a session that has run the initializer. */
async function layerOn(
  shape: number[],
  options: Options,
): Promise<{
  session: tf.Session;
  train: tf.Operation;
  y: tf.Tensor;
  x: tf.Tensor;
  state: () => Promise<Float32Array[]>;
}> {
  const x = input(shape);
  const y = tf.layers.batchNormalization(x, { name: "bn", ...options });
  const train = tf.group(updateOps());
  const session = await tf.Session.create({ onWarning: () => {}, planner: { poison: true } });
  await session.run(tf.globalVariablesInitializer());
  const state = async (): Promise<Float32Array[]> =>
    (await session.run(["bn/moving_mean/read:0", "bn/moving_variance/read:0"])).map(({ data }) => data as Float32Array);
  return { session, train, y, x, state };
}

// Values are at most 2: statistics are off by some roundings of 4.
const tolerance = 64 * EPSILON;

const kinds: [string, number[], Options, "biased" | "unbiased"][] = [
  ["fused", [2, 3, 2, 5], {}, "unbiased"],
  ["fused, one element a channel", [1, 1, 1, 4], {}, "unbiased"],
  ["rank 2", [7, 5], {}, "biased"],
  ["rank 3", [2, 3, 5], {}, "biased"],
  ["rank 4 not fused", [2, 3, 2, 5], { fused: false }, "biased"],
  ["rank 4, axis 1", [2, 5, 3, 2], { axis: 1 }, "unbiased"],
  ["rank 4, axis -3", [2, 5, 3, 2], { axis: -3 }, "unbiased"],
  ["rank 4, axis 1, not fused", [2, 5, 3, 2], { axis: 1, fused: false }, "biased"],
  ["rank 4, axis 2", [2, 5, 3, 2], { axis: 2 }, "biased"],
  ["rank 3, axis 1", [2, 5, 3], { axis: 1 }, "biased"],
];

describe.each(kinds)("%s", (_, shape, options, kind) => {
  const axis = ((options.axis ?? -1) + shape.length) % shape.length;
  const channelOf = (i: number): number => Math.floor(i / sizeOf(shape.slice(axis + 1))) % shape[axis];

  test.each([0.99, 0.9])("moving statistics after 3 runs, momentum %d", async (momentum) => {
    const batch = values(shape);
    const wanted = statistics(batch, axis);
    for (const known of [true, false]) {
      tf.resetDefaultGraph();
      const flag = known || tf.placeholderWithDefault(true, [], "training");
      const { session, train, x, state } = await layerOn(shape, { momentum, training: flag, ...options });
      for (let i = 0; i < 3; i++) await session.run(train, new Map([[x, batch]]));
      const [mean, variance] = await state();
      const left = momentum ** 3;
      expectClose(
        mean,
        wanted.mean.map((item) => item * (1 - left)),
        tolerance,
        "moving_mean",
      );
      expectClose(
        variance,
        wanted[kind].map((item) => left + item * (1 - left)),
        tolerance,
        "moving_variance",
      );
    }
  });

  test("normalises with the batch while training, with the moving statistics otherwise", async () => {
    const batch = values(shape);
    const training = tf.placeholder(tf.bool, [], "training");
    const { session, x, y } = await layerOn(shape, { training, ...options });
    session.load({
      "bn/moving_mean": new Float32Array(shape[axis]).fill(0.5),
      "bn/moving_variance": new Float32Array(shape[axis]).fill(4),
    });
    session.load({
      "bn/gamma": new Float32Array(shape[axis]).fill(2),
      "bn/beta": new Float32Array(shape[axis]).fill(-1),
    });
    const run = async (flag: boolean): Promise<Float32Array> =>
      (
        await session.run(
          y,
          new Map<tf.Tensor, tf.FeedValue>([
            [x, batch],
            [training, flag],
          ]),
        )
      ).data as Float32Array;
    const { mean, biased } = statistics(batch, axis);
    const normal = (item: number, m: number, v: number): number => ((item - m) / Math.sqrt(v + 1e-3)) * 2 - 1;
    const trained = Array.from(batch.data, (item, i) => normal(item, mean[channelOf(i)], biased[channelOf(i)]));
    // Dividing by a small deviation makes the roundings of the mean larger, by 32 at most.
    expectClose(await run(true), trained, 64 * tolerance, "training");
    expectClose(
      await run(false),
      Array.from(batch.data, (item) => normal(item, 0.5, 4)),
      tolerance,
      "inference",
    );
  });

  test("updates with training false change no bit, even for a batch of NaN; with true NaN stays", async () => {
    const training = tf.placeholderWithDefault(true, [], "training");
    const { session, train, x, state } = await layerOn(shape, { training, ...options });
    await session.run(train, new Map([[x, values(shape)]]));
    const before = await state();
    const nan = { data: new Float32Array(sizeOf(shape)).fill(Number.NaN), shape };
    await session.run(
      train,
      new Map<tf.Tensor, tf.FeedValue>([
        [x, nan],
        [training, false],
      ]),
    );
    expect(await state()).toEqual(before);
    await session.run(train, new Map([[x, nan]]));
    await session.run(train, new Map([[x, values(shape)]]));
    for (const data of await state()) expect([...data].every(Number.isNaN)).toBe(true);
  });
});

test("TensorFlow's own figures: the fused layer is unbiased, the other biased", async () => {
  // n = 12: 1.038266 and 1.034244 for a biased variance of 4.424377.
  const data = Float32Array.from({ length: 12 }, (_, i) => i);
  const scale = Math.sqrt(4.424377 / (143 / 12));
  const batch = { data: data.map((item) => item * scale), shape: [3, 2, 2, 1] };
  for (const [fused, expected] of [
    [true, 1.038266],
    [false, 1.034244],
  ] as const) {
    tf.resetDefaultGraph();
    const { session, train, x, state } = await layerOn(batch.shape, { training: true, fused });
    await session.run(train, new Map([[x, batch]]));
    expect((await state())[1][0]).toBeCloseTo(expected, 6);
  }
});

test("the decay is TensorFlow's: 1 − momentum in float32 for the fused layer, rounded once for the other", async () => {
  for (const [fused, decay] of [
    [true, 0.00999999046],
    [false, 0.01],
  ] as const) {
    for (const flag of [true, false]) {
      tf.resetDefaultGraph();
      const training = flag || tf.placeholderWithDefault(true, [], "training");
      const { session, train, x, state } = await layerOn([1, 1, 1, 1], { training, fused });
      session.load({ "bn/moving_mean": [1] });
      await session.run(train, new Map([[x, Float32Array.of(0)]]));
      expect((await state())[0][0]).toBe(Math.fround(1 - Math.fround(decay)));
    }
  }
});

test("epsilon and momentum are checked and used", async () => {
  const { session, x, y } = await layerOn([1, 1, 1, 1], { epsilon: 3 });
  expect((await session.run(y, new Map([[x, Float32Array.of(4)]]))).data).toEqual(Float32Array.of(2));
});

describe("mistakes", () => {
  const image = (): tf.Tensor => input([null, 4, 4, 3]);
  test.each<[string, () => unknown, string]>([
    [
      "renorm",
      () => tf.layers.batchNormalization(image(), { renorm: true as false }),
      "UnimplementedError: layers.batchNormalization: renorm is not supported.",
    ],
    [
      "ghost batches",
      () => tf.layers.batchNormalization(image(), { virtualBatchSize: 2 as never }),
      "UnimplementedError: layers.batchNormalization: virtualBatchSize is not supported.",
    ],
    [
      "adjustment",
      () => tf.layers.batchNormalization(image(), { adjustment: (() => {}) as never }),
      "UnimplementedError: layers.batchNormalization: adjustment is not supported.",
    ],
    [
      "rank 1",
      () => tf.layers.batchNormalization(input([3])),
      "InvalidArgumentError: layers.batchNormalization needs an input of known rank of at least 2, got [3].",
    ],
    [
      "unknown rank",
      () => tf.layers.batchNormalization(tf.placeholder(tf.float32)),
      "InvalidArgumentError: layers.batchNormalization needs an input of known rank of at least 2, got <unknown>.",
    ],
    [
      "unknown channels",
      () => tf.layers.batchNormalization(input([2, null])),
      "InvalidArgumentError: layers.batchNormalization needs a known size of axis 1, got [2,?].",
    ],
    [
      "no such axis",
      () => tf.layers.batchNormalization(image(), { axis: 4 }),
      "InvalidArgumentError: layers.batchNormalization: axis must be in [-4, 4), got 4.",
    ],
    [
      "momentum",
      () => tf.layers.batchNormalization(image(), { momentum: 1.5 }),
      "InvalidArgumentError: layers.batchNormalization: momentum must be in [0, 1], got 1.5.",
    ],
    [
      "fused of rank 2",
      () => tf.layers.batchNormalization(input([2, 3]), { fused: true }),
      "InvalidArgumentError: layers.batchNormalization: fused needs rank 4 with axis 1 or 3, got [2,3] with axis 1.",
    ],
    [
      "fused of axis 2",
      () => tf.layers.batchNormalization(image(), { fused: true, axis: 2 }),
      "InvalidArgumentError: layers.batchNormalization: fused needs rank 4 with axis 1 or 3, got [?,4,4,3] with axis 2.",
    ],
    [
      "reuse without a name",
      () => tf.layers.batchNormalization(image(), { reuse: true }),
      "InvalidArgumentError: layers.batchNormalization: reuse needs a name.",
    ],
    [
      "a number for training",
      () => tf.layers.batchNormalization(image(), { training: tf.placeholder(tf.float32, []) }),
      "InvalidArgumentError: Tensor 'Placeholder:0' has the dtype float32, bool is needed.",
    ],
    [
      "a name twice",
      () => [1, 2].map(() => tf.layers.batchNormalization(image(), { name: "bn" })),
      'InvalidArgumentError: Variable bn/gamma already exists, disallowed. Did you mean to set reuse: true or reuse: "auto" in variableScope?',
    ],
  ])("%s", (_, body, message) => expectMistake(body, message));
});

test("axis 1 of rank 4 is fused as axis 3 is: the same numbers, the unbiased variance moves", async () => {
  const shape = [2, 3, 4, 5];
  const x = Float32Array.from({ length: 120 }, (_, i) => Math.sin(i * i));
  const run = async (axis: 1 | 3): Promise<number[][]> => {
    const graph = new tf.Graph();
    const fetches = graph.asDefault(() => {
      const given = tf.constant({ data: x, shape });
      const images = axis === 1 ? given : tf.transpose(given, [0, 2, 3, 1]);
      const y = tf.layers.batchNormalization(images, { axis, training: true, name: "bn" });
      const [dx] = tf.gradients(tf.reduceSum(tf.multiply(y, y), null), [given]);
      return [axis === 1 ? y : tf.transpose(y, [0, 3, 1, 2]), dx!];
    });
    const session = await tf.Session.create({ graph, onWarning: () => {} });
    await session.run(graph.asDefault(() => tf.globalVariablesInitializer()));
    const results = await session.run(fetches);
    await session.run(graph.getCollection<tf.Operation>(tf.GraphKeys.UPDATE_OPS));
    const moved = ["bn/moving_mean", "bn/moving_variance"].map((name) => session.variables().get(name)!);
    session.close();
    return [...results, ...moved].map(({ data }) => Array.from(data as Float32Array));
  };
  const [first, last] = [await run(1), await run(3)];
  expect(first).toEqual(last);
  const channel = x.filter((_, i) => Math.floor(i / 20) % 3 === 0);
  const mean = channel.reduce((a, b) => a + b, 0) / 40;
  const unbiased = channel.reduce((a, b) => a + (b - mean) ** 2, 0) / 39;
  expect(first[3][0]).toBeCloseTo(1 - 0.01 * (1 - unbiased), 6);
});
