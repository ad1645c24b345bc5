// Moving averages of trained variables.
import { expect, test } from "vitest";
import * as tf from "../../src/entry/node.ts";
import { expectMistake } from "../helpers/ops.ts";

/** A variable v = 1 that each step raises by 1, and its average after the step. */
async function averages(options: (step: tf.Variable) => tf.train.ExponentialMovingAverageOptions): Promise<number[]> {
  const graph = new tf.Graph();
  const { update, average, init } = graph.asDefault(() => {
    const v = tf.variable([1], { dtype: tf.float32, name: "v" });
    const step = tf.train.getOrCreateGlobalStep();
    const ema = new tf.train.ExponentialMovingAverage(0.5, options(step));
    const raised = [tf.assignAdd(v, [1]), tf.assignAdd(step, 1n)];
    const update = tf.controlDependencies(raised, () => ema.apply());
    return { update, average: ema.average(v)!, init: tf.globalVariablesInitializer() };
  });
  const session = await tf.Session.create({ graph, planner: { poison: true } });
  await session.run(init);
  const seen = [];
  for (let i = 0; i < 3; i++) {
    await session.run(update);
    seen.push(Number((await session.run(average)).data[0]));
  }
  return seen;
}

test("half of the way each time, from the first value, after the step", async () => {
  // 1 → (1 + 2) / 2 → (1.5 + 3) / 2 → (2.25 + 4) / 2
  expect(await averages(() => ({}))).toEqual([1.5, 2.25, 3.125]);
});

test("with the number of updates it begins faster", async () => {
  // Decay (1 + n) / (10 + n) for n = 1, 2, 3: 2/11, 3/12, 4/13.
  const want = [2 / 11, 3 / 12, 4 / 13].reduce<number[]>((seen, decay, i) => {
    const before = seen.at(-1) ?? 1;
    return [...seen, before - (before - (i + 2)) * (1 - decay)];
  }, []);
  const got = await averages((step) => ({ numUpdates: step }));
  got.forEach((value, i) => expect(value).toBeCloseTo(want[i], 6));
});

test("names, collections, what to restore", () => {
  const graph = new tf.Graph();
  graph.asDefault(() => {
    const v = tf.variable([1], { dtype: tf.float32, name: "v" });
    const ema = new tf.train.ExponentialMovingAverage(0.99);
    expect(ema.averageName(v)).toBe("v/ExponentialMovingAverage");
    expect(ema.average(v)).toBeUndefined();
    expect(ema.apply().name).toBe("ExponentialMovingAverage");
    expect(ema.average(v)!.name).toBe("v/ExponentialMovingAverage:0");
    expect(tf.getCollection(tf.GraphKeys.MOVING_AVERAGE_VARIABLES)).toEqual([v]);
    expect(tf.trainableVariables()).toEqual([v]);
    expect(ema.variablesToRestore()).toEqual({ "v/ExponentialMovingAverage": v });
    expect(graph.operations.some((op) => op.name === "ExponentialMovingAverage/AssignMovingAvg")).toBe(true);
  });
});

test("mistakes", async () => {
  const apply = (list?: () => tf.Variable[]): (() => unknown) => {
    return () => new tf.Graph().asDefault(() => new tf.train.ExponentialMovingAverage(0.9).apply(list?.()));
  };
  await expectMistake(apply(), "InvalidArgumentError: ExponentialMovingAverage: there are no variables to average.");
  await expectMistake(
    apply(() => [tf.variable([1], { name: "n" })]),
    "InvalidArgumentError: The variables must be float32: 'n:0' is int32.",
  );
});
