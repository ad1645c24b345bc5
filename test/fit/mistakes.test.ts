/** What goes wrong in a fit: one sentence with the step, and the session as the step before left it. */
import { beforeAll, describe, expect, test } from "vitest";
import * as tf from "../../src/entry/node.ts";
import { bitsOf, digitNet, digitsOf, fitOptions, type DigitNet, type Digits } from "../helpers/digits.ts";
import { readGolden } from "../helpers/golden.node.ts";
import { expectMistake } from "../helpers/ops.ts";

let digits: Digits;
let net: DigitNet;

beforeAll(async () => {
  digits = digitsOf(await readGolden("training/lenet_digits.safetensors"), 300);
  net = digitNet();
});

async function started(more: tf.SessionOptions = {}): Promise<tf.Session> {
  const session = await tf.Session.create({ graph: net.graph, seed: 5, ...more });
  await session.run(net.init);
  return session;
}

function options(more: Partial<tf.FitOptions> = {}): tf.FitOptions {
  return { ...fitOptions(net, digits), ...more };
}

/** The mistake is refused before the first step: nothing has changed. */
async function expectRefused(more: Partial<tf.FitOptions>, sentence: string): Promise<void> {
  const session = await started();
  const before = await bitsOf(session);
  await expectMistake(() => tf.fit(session, options(more)), sentence);
  expect(await bitsOf(session)).toBe(before);
}

/** A fit in which step `step` throws `sentence`: variables, statistics, generators and counts are those after `step - 1`. */
async function expectStopped(step: number, more: Partial<tf.FitOptions>, sentence: string): Promise<void> {
  const [session, before] = [await started(), await started()];
  const seen: number[] = [];
  const fit = tf.fit(session, { ...options(more), onProgress: (progress) => void seen.push(progress.step) });
  await expectMistake(() => fit, sentence);
  expect(seen).toEqual(Array.from({ length: step - 1 }, (_, i) => i + 1));
  expect(fit.state!.step).toBe(step - 1);
  if (step > 1) await tf.fit(before, options({ ...more, steps: step - 1 }));
  expect(await bitsOf(session)).toBe(await bitsOf(before));
  expect(session.movingStatistics()[0].updates).toBe(step - 1);
}

/** Columns over the same rows in which the rows of step `step` have `value` in place of theirs. */
function spoiled(column: tf.data.Column, step: number, value: number, as: "int32" | "float32"): tf.data.Column {
  let gathered = 0;
  return {
    ...tf.data.reshape(column, column.shape),
    dtype: as,
    gather(indices, from, count, into, at) {
      column.gather(indices, from, count, into, at);
      if (++gathered === step) (into as Float32Array)[at] = value;
    },
  };
}

function spoiledFeeds(step: number, pixel: number | null, label: number | null): Map<tf.Tensor, tf.data.Column> {
  return new Map([
    [net.pixels, pixel === null ? digits.pixels : spoiled(digits.pixels, step, pixel, "float32")],
    [net.labels, label === null ? digits.labels : spoiled(digits.labels, step, label, "int32")],
  ]);
}

describe("a loss that is not finite", () => {
  test("NaN names the step, and takes the step back", () =>
    expectStopped(
      18,
      { feeds: spoiledFeeds(18, NaN, null) },
      "InvalidArgumentError: The loss became NaN at step 18. Variables of step 17 are kept. Lower the learning rate, or set checkNumerics to see which operation began it.",
    ));

  test("in the very first step nothing has happened", () =>
    expectStopped(
      1,
      { feeds: spoiledFeeds(1, NaN, null) },
      "InvalidArgumentError: The loss became NaN at step 1. Variables are as they were. Lower the learning rate, or set checkNumerics to see which operation began it.",
    ));

  test("infinite is said to be infinite", () =>
    expectStopped(
      1,
      {
        constants: new Map<tf.Tensor, tf.FeedValue>([
          [net.training, true],
          [net.factor, Infinity],
        ]),
      },
      "InvalidArgumentError: The loss became infinite at step 1. Variables are as they were. Lower the learning rate, or set checkNumerics to see which operation began it.",
    ));

  test("a rate that is too high ends in the same way", async () => {
    const wild = digitNet({ rate: 1e38 });
    const session = await tf.Session.create({ graph: wild.graph, seed: 5 });
    await session.run(wild.init);
    const fit = tf.fit(session, fitOptions(wild, digits));
    await expect(fit).rejects.toThrow(/^The loss became (NaN|infinite) at step \d+\. Variables of step \d+ are kept\./);
  });

  test("the fit goes on afterwards, with the same state", async () => {
    const session = await started();
    const fit = tf.fit(session, options({ feeds: spoiledFeeds(5, NaN, null) }));
    await expect(fit).rejects.toThrow("The loss became NaN at step 5.");
    await tf.fit(session, options({ resume: fit.state! }));
    const whole = await started();
    await tf.fit(whole, options());
    expect(await bitsOf(session)).toBe(await bitsOf(whole));
  });
});

describe("checkNumerics", () => {
  test("tells what came from outside", () =>
    expectStopped(
      4,
      { checkNumerics: true, feeds: spoiledFeeds(4, NaN, null) },
      "InvalidArgumentError: What is fed to 'pixels:0' holds NaN at step 4. Variables of step 3 are kept.",
    ));

  test("sees what the loss does not show: a gradient, an update", async () => {
    const graph = new tf.Graph();
    const { x, train, loss, init } = graph.asDefault(() => {
      const x = tf.placeholder(tf.float32, [null], "x");
      const w = tf.variable(0, { name: "w", dtype: tf.float32 });
      // The derivative of a square root at 0 is infinite, its value is not.
      const loss = tf.reduceMean(tf.add(x, tf.sqrt(w, "root")), null, { name: "loss" });
      const train = new tf.train.GradientDescentOptimizer(0.1).minimize(loss);
      return { x, train, loss, init: tf.globalVariablesInitializer() };
    });
    const session = await tf.Session.create({ graph });
    await session.run(init);
    const given = { feeds: new Map([[x, [1, 2, 3]]]), train, fetches: { loss }, batchSize: 3, steps: 1 };
    await expectMistake(
      () => tf.fit(session, { ...given, checkNumerics: true }),
      "InvalidArgumentError: 'gradients/root_grad/SqrtGrad' (op: 'SqrtGrad') gave Inf at step 1, the first operation of the step to do so. Variables are as they were.",
    );
    expect(session.variables().get("w")!.item()).toBe(0);
    // Without, the step is made, and the next one stops.
    await tf.fit(session, given);
    expect(session.variables().get("w")!.item()).toBe(-Infinity);
  });

  test("changes no bits where all is well", async () => {
    const [plain, checked] = [await started(), await started()];
    await tf.fit(plain, options());
    await tf.fit(checked, options({ checkNumerics: true }));
    expect(await bitsOf(checked)).toBe(await bitsOf(plain));
  });
});

describe("labels out of range", () => {
  test("stop at their step", async () => {
    const session = await started();
    const fit = tf.fit(session, options({ feeds: spoiledFeeds(12, null, 10) }));
    await expect(fit).rejects.toThrow(
      /^Received a label value of 10 which is outside the valid range \[0, 10\)\. Label values: 10 .* for 'xent\/xent' \(op: 'SparseSoftmaxCrossEntropyWithLogits'\)\. This was at step 12\. Variables of step 11 are kept\.$/,
    );
    const before = await started();
    await tf.fit(before, options({ steps: 11 }));
    expect(await bitsOf(session)).toBe(await bitsOf(before));
  });
});

describe("columns", () => {
  test("of different lengths", () =>
    expectRefused(
      { feeds: { "pixels:0": digits.pixels, "labels:0": tf.data.slice(digits.labels, 0, 299) } },
      "InvalidArgumentError: All columns of the fit must have as many rows: 'pixels:0' has 300, 'labels:0' has 299.",
    ));

  test("none", () =>
    expectRefused({ feeds: {} }, "InvalidArgumentError: The fit needs at least one column in 'feeds'."));

  test("of another type", () =>
    expectRefused(
      { feeds: { "pixels:0": digits.pixels, "labels:0": new Float32Array(300) } },
      `InvalidArgumentError: A column of float32 cannot be fed to 'labels:0', which has dtype int32; make it with { dtype: "int32" }.`,
    ));

  test("with rows of another shape", () =>
    expectRefused(
      { feeds: { "pixels:0": tf.data.reshape(digits.pixels, [64]), "labels:0": digits.labels } },
      "InvalidArgumentError: Cannot feed value of shape [32,64] for Tensor 'pixels:0', which has shape [?,8,8,1].",
    ));

  test("for a tensor that is not there", () =>
    expectRefused(
      { feeds: { "pixel:0": digits.pixels } },
      "NotFoundError: Feed argument 'pixel:0' cannot be interpreted as a Tensor. (The name 'pixel:0' refers to a Tensor which does not exist. The operation, 'pixel', does not exist in the graph.)",
    ));

  test("fed twice", () =>
    expectRefused(
      { constants: { "labels:0": [1] } },
      "InvalidArgumentError: 'labels:0' is fed twice; give it one column or one value.",
    ));

  test("one is missing", () =>
    expectRefused(
      { feeds: { "pixels:0": digits.pixels } },
      "InvalidArgumentError: You must feed a value for placeholder tensor 'labels' with dtype int32 and shape [?].",
    ));

  test("that fail to give their rows end the fit where it is", async () => {
    const session = await started();
    const broken: tf.data.Column = {
      ...tf.data.reshape(digits.labels, []),
      prefetch: (_, from) => (from >= 64 ? Promise.reject(new Error("the storage is gone")) : undefined),
    };
    const fit = tf.fit(session, options({ feeds: { "pixels:0": digits.pixels, "labels:0": broken } }));
    await expect(fit).rejects.toThrow("the storage is gone");
    expect(fit.state!.step).toBe(2);
    await tf.fit(session, options({ resume: fit.state! }));
    const whole = await started();
    await tf.fit(whole, options());
    expect(await bitsOf(session)).toBe(await bitsOf(whole));
  });
});

describe("options", () => {
  test.each<[Partial<tf.FitOptions>, string]>([
    [{ batchSize: 0 }, "batchSize must be an integer of at least 1, got 0."],
    [{ batchSize: 1.5 }, "batchSize must be an integer of at least 1, got 1.5."],
    [{ steps: undefined }, "A fit ends after 'epochs' or after 'steps': give one of the two."],
    [{ epochs: 2 }, "A fit ends after 'epochs' or after 'steps': give one of the two."],
    [{ steps: -1 }, "steps must be an integer of at least 1, got -1."],
    [{ seed: 0.5 }, "The seed of a fit must be an integer, got 0.5."],
    [
      { batchSize: 301, lastBatch: "drop" },
      "300 rows make no batch of 301; make batchSize smaller, or keep the last batch.",
    ],
    [
      { fetches: { loss: "xent/xent:0" } },
      "'loss' must be one number a step, 'xent/xent:0' has the shape [32]; reduce it.",
    ],
    [{ fetches: { loss: "train_op" } }, "The fetch 'loss' must be a tensor, 'train_op' is an operation."],
    [
      { earlyStopping: { monitor: "loss", patience: 1 } },
      "earlyStopping watches 'loss', but the validation fetches nothing.",
    ],
    [{ resume: { step: 1 } as unknown as tf.FitState }, "The state of the fit to resume is damaged."],
  ])("%j", async (more, sentence) => {
    await expectRefused(more, `InvalidArgumentError: ${sentence}`);
  });

  test.each<[Partial<tf.FitOptions>, string]>([
    [{ batchSize: 16 }, "batchSize 32, this one 16"],
    [{ seed: 4 }, "seed 3, this one 4"],
    [{ lastBatch: "drop" }, "lastBatch keep, this one drop"],
  ])("a resumed fit with %j", async (more, difference) => {
    const session = await started();
    const { state } = await tf.fit(session, options({ steps: 2 }));
    await expectMistake(
      () => tf.fit(session, options({ ...more, resume: state })),
      `InvalidArgumentError: The fit to resume has ${difference}; a fit goes on with the same rows, batches and seed.`,
    );
  });

  test("a checkpoint that does not fit the options changes nothing", async () => {
    const session = await started();
    let saved: Uint8Array | undefined;
    await tf.fit(session, options({ steps: 2, checkpoint: { save: (bytes) => void (saved = bytes) } }));
    const other = await started();
    const before = await bitsOf(other);
    const wrong: [Partial<tf.FitOptions>, string][] = [
      [{ batchSize: 16 }, "The fit to resume has batchSize 32, this one 16"],
      [{ fetches: { accuracy: "xent/xent:0" } }, "'accuracy' must be one number a step"],
      [{ feeds: {} }, "The fit needs at least one column"],
    ];
    for (const [more, sentence] of wrong)
      await expect(tf.fit(other, options({ ...more, resume: saved }))).rejects.toThrow(sentence);
    expect(await bitsOf(other)).toBe(before);
  });

  test("a checkpoint that is damaged changes nothing", async () => {
    const session = await started();
    let saved = new Uint8Array(0);
    await tf.fit(
      session,
      options({ steps: 2, checkpoint: { save: (bytes) => void (saved = Uint8Array.from(bytes)) } }),
    );
    const before = await bitsOf(session);
    await expect(tf.fit(session, options({ resume: saved.slice(0, -8) }))).rejects.toThrow("the file is cut short");
    await expect(tf.fit(session, options({ resume: saved.slice(0, 30) }))).rejects.toThrow("cut short or no such file");
    const text = new TextDecoder("latin1").decode(saved);
    const damaged = saved.with(text.indexOf("batchSize"), 0x58);
    await expect(tf.fit(session, options({ resume: damaged }))).rejects.toThrow(
      "The state of the fit to resume is damaged.",
    );
    expect(await bitsOf(session)).toBe(before);
  });

  test("a checkpoint that no fit saved", async () => {
    const session = await started();
    const bytes = await session.checkpoint();
    await expectMistake(
      () => tf.fit(session, options({ resume: bytes })),
      "InvalidArgumentError: The checkpoint says nothing of a fit: it was not saved by one. Restore it with session.restore and start a new fit.",
    );
  });

  test("a checkpoint of another model changes nothing", async () => {
    const other = digitNet();
    const wider = new tf.Graph();
    wider.asDefault(() => tf.variable(1, { name: "other" }));
    const session = await started();
    let saved: Uint8Array | undefined;
    await tf.fit(session, options({ steps: 1, checkpoint: { save: (bytes) => void (saved = bytes) } }));
    other.graph.asDefault(() => tf.variable(1, { name: "one_more", dtype: tf.float32 }));
    const target = await tf.Session.create({ graph: other.graph, seed: 5 });
    await expect(tf.fit(target, { ...fitOptions(other, digits), resume: saved })).rejects.toThrow("one_more");
    expect(target.variables().size).toBe(0);
  });

  test("variables that have no value yet", async () => {
    const session = await tf.Session.create({ graph: net.graph });
    await expect(tf.fit(session, options())).rejects.toThrow("Attempting to use uninitialized value");
  });
});

describe("a checkpoint that cannot be saved", () => {
  test("ends the fit, which can be resumed", async () => {
    const session = await started();
    const checkpoint = {
      every: 7,
      save: (_: Uint8Array, { step }: tf.SavedCheckpoint): void => {
        if (step === 14) throw new Error("ENOSPC: no space left on device");
      },
    };
    const fit = tf.fit(session, options({ checkpoint }));
    await expect(fit).rejects.toThrow("ENOSPC: no space left on device");
    expect(fit.state!.step).toBe(14);
    await tf.fit(session, options({ resume: fit.state! }));
    const whole = await started();
    await tf.fit(whole, options());
    expect(await bitsOf(session)).toBe(await bitsOf(whole));
  });
});

describe("a last batch of one row", () => {
  const oneMore = (): Map<tf.Tensor, tf.data.Column> =>
    new Map([
      [net.pixels, tf.data.slice(digits.pixels, 0, 97)],
      [net.labels, tf.data.slice(digits.labels, 0, 97)],
    ]);

  test("is warned of before the first step", async () => {
    const events: string[] = [];
    const session = await started({ onWarning: ({ id, message }) => void events.push(`${id}: ${message}`) });
    await tf.fit(session, options({ feeds: oneMore(), steps: 1, onProgress: () => void events.push("step") }));
    expect(events).toEqual([
      "BN008: The last batch of every epoch has 1 row (97 rows in batches of 32): the batch norm of 'bn' will take its statistics from one sample.",
      "step",
    ]);
  });

  test.each<[string, Partial<tf.FitOptions>]>([
    ["is dropped", { lastBatch: "drop" }],
    ["has two rows", { batchSize: 95 }],
    ["runs without batch norm's own statistics", { constants: {} }],
  ])("no warning where it %s", async (_, more) => {
    const events: string[] = [];
    const session = await started();
    const onWarning = ({ id }: tf.Finding): void => void events.push(id);
    await tf.fit(session, options({ feeds: oneMore(), steps: 1, ...more, onWarning }));
    expect(events).not.toContain("BN008");
  });
});
