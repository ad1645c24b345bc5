// Learning rates against their formulas in float64, around the boundaries; as the rate of an optimizer in its own test.
import { describe, expect, test } from "vitest";
import * as tf from "../../src/entry/node.ts";
import { expectMistake } from "../helpers/ops.ts";

const { train } = tf;
const cosine = (fraction: number): number => (1 + Math.cos(Math.PI * fraction)) / 2;

/** What the schedule gives; the formula; steps. */
const schedules: [string, (step: tf.train.Step) => tf.Tensor, (step: number) => number][] = [
  ["exponential", (s) => train.exponentialDecay(0.1, s, 10, 0.5), (s) => 0.1 * 0.5 ** (s / 10)],
  [
    "exponential, staircase",
    (s) => train.exponentialDecay(0.1, s, 10, 0.5, { staircase: true }),
    (s) => 0.1 * 0.5 ** Math.floor(s / 10),
  ],
  ["natural exponential", (s) => train.naturalExpDecay(0.1, s, 10, 0.5), (s) => 0.1 * Math.exp((-0.5 * s) / 10)],
  ["inverse time", (s) => train.inverseTimeDecay(0.1, s, 10, 0.5), (s) => 0.1 / (1 + (0.5 * s) / 10)],
  [
    "inverse time, staircase",
    (s) => train.inverseTimeDecay(0.1, s, 10, 0.5, { staircase: true }),
    (s) => 0.1 / (1 + 0.5 * Math.floor(s / 10)),
  ],
  ["polynomial", (s) => train.polynomialDecay(0.1, s, 10), (s) => 0.0999 * (1 - Math.min(s, 10) / 10) + 0.0001],
  [
    "polynomial, power 2, cycle",
    (s) => train.polynomialDecay(0.1, s, 10, { endLearningRate: 0.01, power: 2, cycle: true }),
    (s) => 0.09 * (1 - s / (10 * (s === 0 ? 1 : Math.ceil(s / 10)))) ** 2 + 0.01,
  ],
  ["cosine", (s) => train.cosineDecay(0.1, s, 10), (s) => 0.1 * cosine(Math.min(s, 10) / 10)],
  [
    "cosine, alpha",
    (s) => train.cosineDecay(0.1, s, 10, { alpha: 0.2 }),
    (s) => 0.1 * (0.8 * cosine(Math.min(s, 10) / 10) + 0.2),
  ],
  [
    "cosine with restarts of one length",
    (s) => train.cosineDecayRestarts(0.1, s, 8, { tMul: 1, mMul: 0.5 }),
    (s) => 0.1 * 0.5 ** Math.floor(s / 8) * cosine((s / 8) % 1),
  ],
  [
    "cosine with restarts that double",
    // 8 steps, then 16, then 32.
    (s) => train.cosineDecayRestarts(0.1, s, 8),
    (s) => 0.1 * (s < 8 ? cosine(s / 8) : s < 24 ? cosine((s - 8) / 16) : cosine((s - 24) / 32)),
  ],
  [
    "linear cosine",
    (s) => train.linearCosineDecay(0.1, s, 10),
    (s) => 0.1 * ((1 - Math.min(s, 10) / 10) * cosine(Math.min(s, 10) / 10) + 0.001),
  ],
  [
    "piecewise constant",
    (s) => train.piecewiseConstant(s, [9, 10, 20], [4, 3, 2, 1]),
    (s) => (s <= 9 ? 4 : s <= 10 ? 3 : s <= 20 ? 2 : 1),
  ],
];

/** Some roundings of values up to 0.1, and what a power or a restart makes of them; steps on a restart are left out. */
const tolerance = 2e-7;
const steps = [0, 1, 5, 9, 10, 11, 19, 20, 21, 30, 55];

test.each(schedules)("%s", async (_, build, formula) => {
  for (const dtype of [tf.int32, tf.int64]) {
    const graph = new tf.Graph();
    const { step, rate } = graph.asDefault(() => {
      const step = tf.placeholder(dtype, []);
      return { step, rate: build(step) };
    });
    expect([rate.dtype, rate.shape]).toEqual([tf.float32, []]);
    const session = await tf.Session.create({ graph });
    for (const at of steps) {
      const value = dtype === tf.int64 ? BigInt(at) : at;
      const { data } = await session.run(rate, new Map([[step, value]]));
      expect(Math.abs(Number(data[0]) - formula(at)), `step ${at}`).toBeLessThan(tolerance);
    }
  }
});

test("arguments may be tensors and variables", async () => {
  const graph = new tf.Graph();
  const { rate, init } = graph.asDefault(() => {
    const step = tf.train.getOrCreateGlobalStep();
    const first = tf.variable(0.5, { dtype: tf.float32, trainable: false });
    const decaySteps = tf.constant(10);
    const rate = train.exponentialDecay(first, tf.assignAdd(step, 20n), decaySteps, 0.5);
    return { rate, init: tf.globalVariablesInitializer() };
  });
  const session = await tf.Session.create({ graph });
  await session.run(init);
  expect((await session.run(rate)).toNested()).toBe(0.125);
});

test("names", () => {
  const names = schedules.map(([, build]) => {
    const graph = new tf.Graph();
    return graph.asDefault(() => build(tf.placeholder(tf.int32, []))).op.name;
  });
  expect(new Set(names)).toEqual(
    new Set([
      "ExponentialDecay",
      "ExponentialTimeDecay",
      "InverseTimeDecay",
      "PolynomialDecay",
      "CosineDecay",
      "SGDRDecay",
      "LinearCosineDecay",
      "PiecewiseConstant/case/cond/Merge",
    ]),
  );
});

describe("the step counter", () => {
  test("is an int64 scalar, one a graph, not trainable", () => {
    const graph = new tf.Graph();
    graph.asDefault(() => {
      expect(train.getGlobalStep()).toBeNull();
      const step = train.getOrCreateGlobalStep();
      expect(train.getOrCreateGlobalStep()).toBe(step);
      expect([step.name, step.dtype, step.shape]).toEqual(["global_step:0", tf.int64, []]);
      expect(tf.trainableVariables()).toEqual([]);
      expect(tf.globalVariables()).toEqual([step]);
    });
    return expectMistake(() => train.createGlobalStep(graph), 'InvalidArgumentError: "global_step" already exists.');
  });
});

test("as many boundaries as fit the values", () =>
  expectMistake(
    () => new tf.Graph().asDefault(() => train.piecewiseConstant(tf.placeholder(tf.int32, []), [1], [1])),
    "InvalidArgumentError: The length of boundaries should be 1 less than the length of values, got 1 and 1.",
  ));
