/** run(…, { profile: true }): what is measured, against a clock of the test's own; work and bytes; the table and the trace. */
import { describe, expect, test, vi } from "vitest";
import * as tf from "../../src/entry/node.ts";
import type { ProfileStep } from "../../src/index.ts";

/** A clock that goes on by one millisecond each time that it is looked at. */
const ticking = (): (() => number) => {
  let at = 1000;
  return () => at++;
};

async function sessionOf<T>(body: () => T): Promise<{ session: tf.Session; built: T }> {
  const graph = new tf.Graph();
  const built = graph.asDefault(() => {
    tf.setRandomSeed(1);
    return { built: body(), init: tf.globalVariablesInitializer() };
  });
  const session = await tf.Session.create({ graph, onWarning: () => {} });
  await session.run(built.init);
  return { session, built: built.built };
}

/** A convolution with bias and ReLU in one kernel, a dense layer, and a step of gradient descent. */
const smallNet = () => {
  const x = tf.placeholder(tf.float32, [2, 6, 6, 3], "x");
  const conv = tf.layers.conv2d(x, 4, 3, { padding: "same", activation: tf.nn.relu, name: "conv" });
  const logits = tf.layers.dense(tf.reshape(conv, [2, 144]), 5, { name: "fc" });
  const loss = tf.reduceMean(tf.multiply(logits, logits), null, { name: "loss" });
  return { x, loss, train: new tf.train.GradientDescentOptimizer(0.1).minimize(loss) };
};
const feeds = { "x:0": Float32Array.from({ length: 216 }, (_, i) => Math.sin(i)) };

const stepOf = (steps: readonly ProfileStep[], type: string, kernel?: string): ProfileStep => {
  const found = steps.filter((step) => step.type === type && (kernel === undefined || step.kernel === kernel));
  expect([type, found.length]).toEqual([type, 1]);
  return found[0];
};

describe("profile", () => {
  test("the run is the same, and every step of the plan is there once, in order", async () => {
    const [a, b] = [await sessionOf(smallNet), await sessionOf(smallNet)];
    const fetches = { loss: a.built.loss.name, train: a.built.train.name };
    const plain = await a.session.run(fetches, feeds, { repeat: 3 });
    const profiled = await b.session.run(fetches, feeds, { repeat: 3, profile: true });
    expect(profiled.fetches).toEqual(plain);
    expect([...b.session.variables()]).toEqual([...a.session.variables()]);
    const { steps } = a.session.plan(fetches, feeds).parts;
    expect(profiled.profile.steps.map((step) => [step.step, step.kernel, step.operations])).toEqual(
      steps.map((step, i) => [i, step.kernel, step.operations.map((op) => op.name)]),
    );
    expect(profiled.profile.runs).toBe(3);
    expect(profiled.profile.ms).toBeGreaterThan(0);
  });

  test("time is between the clock's values before and after each step, repetitions are averaged", async () => {
    const { session, built } = await sessionOf(smallNet);
    for (const repeat of [1, 4]) {
      const { profile } = await session.run(built.loss, feeds, { profile: true, now: ticking(), repeat });
      // A look when the run starts, two at every step, one at the end.
      expect(profile.ms).toBe(2 * profile.steps.length + 1);
      for (const [i, step] of profile.steps.entries()) {
        expect([step.ms, step.last]).toEqual([1, { startMs: 1 + 2 * i, ms: 1 }]);
      }
    }
    const slower = [0, 10, 12, 20, 25, 30];
    const { session: one, built: sum } = await sessionOf(() => tf.add(tf.placeholder(tf.float32, [2], "x"), 1));
    const value = { "x:0": [1, 2] };
    const looks = [...slower, 100, 110, 116, 130];
    const { profile } = await one.run(sum, value, { profile: true, now: () => looks.shift()! });
    expect([profile.ms, profile.steps.map(({ ms, last }) => [ms, last.startMs])]).toEqual([20, [[2, 10]]]);
    looks.splice(0, looks.length, 0, 10, 12, 20, 100, 110, 116, 130);
    const twice = (await one.run(sum, value, { profile: true, repeat: 2, now: () => looks.shift()! })).profile;
    expect([twice.ms, twice.steps[0].ms, twice.steps[0].last]).toEqual([25, 4, { startMs: 10, ms: 6 }]);
  });

  test("the work of convolutions, products and their gradients", async () => {
    const { session, built } = await sessionOf(() => {
      const x = tf.placeholder(tf.float32, [2, 6, 6, 3], "x");
      const conv = tf.nn.conv2d(tf.multiply(x, 2), tf.getVariable("w", [3, 3, 3, 4]), { strides: 2 });
      const depthwise = tf.nn.depthwiseConv2d(conv, tf.getVariable("d", [3, 3, 4, 2]));
      const flat = tf.reshape(depthwise, [2, 72]);
      const product = tf.matmul(flat, tf.getVariable("m", [5, 72]), { transposeB: true });
      const batch = tf.matmul(tf.reshape(product, [2, 5, 1]), tf.reshape(product, [2, 5, 1]), { transposeA: true });
      return tf.gradients(batch, [x, ...tf.trainableVariables()]);
    });
    const { profile } = await session.run(
      built.map((gradient) => gradient!),
      feeds,
      { profile: true },
    );
    const flops = (type: string): (number | null)[] =>
      profile.steps.filter((step) => step.type === type && step.flops !== null).map((step) => step.flops);
    const conv = 2 * (2 * 3 * 3 * 4) * (3 * 3 * 3);
    const depthwise = 2 * (2 * 3 * 3 * 8) * (3 * 3);
    expect(["Conv2D", "Conv2DBackpropInput", "Conv2DBackpropFilter"].map(flops)).toEqual([[conv], [conv], [conv]]);
    const native = "DepthwiseConv2dNative";
    expect([native, `${native}BackpropInput`, `${native}BackpropFilter`].map(flops)).toEqual([
      [depthwise],
      [depthwise],
      [depthwise],
    ]);
    // The product and its two gradients are equally large; the one of the batch is not asked for its own value.
    expect(flops("MatMul")).toEqual(Array.from({ length: 3 }, () => 2 * 2 * 5 * 72));
    expect(flops("BatchMatMulV2")).toEqual([2 * 2 * 5, 2 * 2 * 5]);
    expect(profile.steps.filter((step) => step.kernel === "conv2dPackFilter").map((step) => step.flops)).toEqual([
      null,
    ]);
  });

  test("bytes are those of all buffers that a step was given", async () => {
    const { session, built } = await sessionOf(() => {
      const x = tf.placeholder(tf.float32, [10, 3], "x");
      return tf.nn.relu(tf.nn.biasAdd(x, tf.getVariable("b", [3]), "sum"));
    });
    const { profile } = await session.run(built, { "x:0": new Float32Array(30) }, { profile: true });
    const step = stepOf(profile.steps, "BiasAdd");
    expect([step.bytes, step.flops]).toEqual([120 + 120 + 12, null]);
  });

  test("a step that the run leaves out is not in it", async () => {
    const { session, built } = await sessionOf(() => {
      const x = tf.placeholder(tf.float32, [3], "x");
      const positive = tf.greater(tf.reduceSum(x), 0);
      return tf.cond(
        positive,
        () => tf.exp(x, "yes"),
        () => tf.square(x, "no"),
      );
    });
    const types = async (x: number[]): Promise<string[]> => {
      const { profile } = await session.run(built, { "x:0": x }, { profile: true });
      return profile.steps.map((step) => step.type).filter((type) => type === "Exp" || type === "Square");
    };
    expect([await types([1, 2, 3]), await types([-1, -2, -3])]).toEqual([["Exp"], ["Square"]]);
  });

  test("without profile no clock is read", async () => {
    const { session, built } = await sessionOf(smallNet);
    const now = vi.spyOn(performance, "now");
    await session.run(built.loss, feeds);
    const before = now.mock.calls.length;
    await session.run(built.loss, feeds, { profile: true });
    const after = now.mock.calls.length;
    now.mockRestore();
    expect([before, after > 0]).toEqual([0, true]);
  });

  test("the table: by kernel and by operation, the longest first", async () => {
    const { session, built } = await sessionOf(() => {
      const x = tf.placeholder(tf.float32, [1000, 1000], "x");
      return tf.exp(tf.matmul(x, tf.getVariable("w", [1000, 1]), { name: "product" }), "e");
    });
    const value = { "x:0": new Float32Array(1_000_000) };
    const looks = [0, 1, 2, 3, 9, 10];
    const { profile } = await session.run(built, value, { profile: true, now: () => looks.shift()! });
    expect(String(profile)).toBe(
      [
        "Profile: 10.000 ms, 7.000 ms of it in 2 steps.",
        "",
        "kernel  calls     ms  of run  GFLOP/s  GB/s",
        "exp         1  6.000  60.0 %            0.0",
        "matMul      1  1.000  10.0 %      2.0   4.0",
        "",
        "operation         calls     ms  of run  GFLOP/s  GB/s",
        "e (Exp)               1  6.000  60.0 %            0.0",
        "product (MatMul)      1  1.000  10.0 %      2.0   4.0",
        "",
      ].join("\n"),
    );
  });

  test("what takes next to nothing is added up", async () => {
    const { session, built } = await sessionOf(() => {
      const x = tf.placeholder(tf.float32, [4], "x");
      return [tf.exp(x, "a"), tf.sqrt(x, "b"), tf.square(x, "c")];
    });
    const looks = [0, 1000, 1001, 1001, 3001, 3001, 3002, 4000];
    const value = { "x:0": [1, 2, 3, 4] };
    const { profile } = await session.run(built, value, { profile: true, now: () => looks.shift()! });
    expect(profile.steps.map(({ ms }) => ms)).toEqual([1, 2000, 1]);
    expect(String(profile).trim().split("\n").slice(-3)).toEqual([
      "operation   calls        ms  of run  GFLOP/s  GB/s",
      "b (Sqrt)        1  2000.000  50.0 %            0.0",
      "(2 others)      2     2.000   0.1 %            0.0",
    ]);
  });

  test("a clock that stands still is said", async () => {
    const { session, built } = await sessionOf(smallNet);
    const { profile } = await session.run(built.loss, feeds, { profile: true, now: () => 5 });
    expect(profile.ms).toBe(0);
    expect(String(profile)).toContain(
      "The clock did not move during the run: it stands still in this host, or is coarse (use repeat).",
    );
    expect(String(profile)).not.toMatch(/NaN|Infinity/);
  });

  test("the trace is an event of each step, in microseconds", async () => {
    const { session, built } = await sessionOf(smallNet);
    const { profile } = await session.run(built.train, feeds, { profile: true, now: ticking() });
    const { traceEvents } = JSON.parse(profile.toChromeTrace()) as { traceEvents: Record<string, unknown>[] };
    expect(traceEvents.length).toBe(profile.steps.length);
    const conv = stepOf(profile.steps, "Conv2D", "conv2d");
    expect(traceEvents[profile.steps.indexOf(conv)]).toEqual({
      name: "conv/Conv2D",
      cat: "Conv2D",
      ph: "X",
      ts: 1000 * conv.last.startMs,
      dur: 1000,
      pid: 1,
      tid: 1,
      args: {
        step: conv.step,
        kernel: "conv2d",
        operations: ["conv/Conv2D", "conv/BiasAdd", "conv/Relu"],
        flops: 2 * (2 * 6 * 6 * 4) * 27,
        bytes: conv.bytes,
      },
    });
  });
});
