/** fit: the same bits as a loop by hand, where it stops, what it reports, and what follows a step. */
import { beforeAll, describe, expect, test } from "vitest";
import * as tf from "../../src/entry/node.ts";
import { EpochOrder } from "../../src/fit/order.ts";
import { bitsOf, digitNet, digitsOf, fitOptions, type DigitNet, type Digits } from "../helpers/digits.ts";
import { readGolden } from "../helpers/golden.node.ts";

let digits: Digits;
let net: DigitNet;

beforeAll(async () => {
  digits = digitsOf(await readGolden("training/lenet_digits.safetensors"), 300);
  net = digitNet();
});

async function started(seed = 5): Promise<tf.Session> {
  const session = await tf.Session.create({ graph: net.graph, seed });
  await session.run(net.init);
  return session;
}

function options(more: Partial<tf.FitOptions> = {}): tf.FitOptions {
  return { ...fitOptions(net, digits), ...more };
}

async function progressOf(fit: tf.Fit): Promise<tf.Progress[]> {
  const all: tf.Progress[] = [];
  for await (const progress of fit) all.push(progress);
  return all;
}

describe("steps", () => {
  test("are those of a loop of session.run by hand, bit by bit", async () => {
    const [session, byHand] = [await started(), await started()];
    const progress = await progressOf(tf.fit(session, options()));
    // 300 rows: nine batches of 32 and one of 12.
    const order = new EpochOrder(3, 300);
    for (const { step, fetches } of progress) {
      const at = ((step - 1) % 10) * 32;
      const rows = order.of(Math.floor((step - 1) / 10)).slice(at, at + 32);
      const pixels = new Float32Array(rows.length * 64);
      const labels = new Int32Array(rows.length);
      digits.pixels.gather(rows, 0, rows.length, pixels, 0);
      digits.labels.gather(rows, 0, rows.length, labels, 0);
      const feeds = new Map<tf.Tensor, tf.FeedValue>([
        [net.pixels, pixels],
        [net.labels, labels],
        [net.training, true],
      ]);
      const [loss, accuracy] = await byHand.run([net.loss, net.accuracy, net.train], feeds);
      expect(fetches.loss).toBe(loss.item());
      expect(fetches.accuracy).toBe(accuracy.item());
    }
    expect(progress).toHaveLength(30);
    expect(await bitsOf(session)).toBe(await bitsOf(byHand));
    expect(session.movingStatistics()[0].updates).toBe(30);
  });

  test("go over columns, arrays and names alike", async () => {
    const [columns, names] = [await started(), await started()];
    await tf.fit(columns, options());
    const pixels = new Uint8Array(300 * 64);
    digits.pixels.gather(
      Int32Array.from({ length: 300 }, (_, i) => i),
      0,
      300,
      pixels,
      0,
    );
    const labels = new Int32Array(300);
    digits.labels.gather(
      Int32Array.from({ length: 300 }, (_, i) => i),
      0,
      300,
      labels,
      0,
    );
    await tf.fit(names, {
      feeds: { "pixels:0": pixels, "labels:0": Array.from(labels) },
      constants: { "training:0": true },
      train: "train_op",
      fetches: { loss: "loss:0" },
      batchSize: 32,
      steps: 30,
      seed: 3,
    });
    expect(await bitsOf(names)).toBe(await bitsOf(columns));
  });

  test("with columns that fetch their rows are the same", async () => {
    const [direct, fetching] = [await started(), await started()];
    await tf.fit(direct, options());
    let asked = 0;
    const slow = (column: tf.data.Column): tf.data.Column => {
      const held = new Set<number>();
      return {
        ...tf.data.reshape(column, column.shape),
        prefetch: async (indices, from, count) => {
          const rows = indices.slice(from, from + count);
          asked += count;
          await new Promise((resolve) => setTimeout(resolve, 0));
          held.clear();
          for (const row of rows) held.add(row);
        },
        gather(indices, from, count, into, at) {
          for (let i = from; i < from + count; i++) if (!held.has(indices[i])) throw new Error("not prefetched");
          column.gather(indices, from, count, into, at);
        },
      };
    };
    const feeds = new Map([
      [net.pixels, slow(digits.pixels)],
      [net.labels, slow(digits.labels)],
    ]);
    await tf.fit(fetching, options({ feeds }));
    expect(await bitsOf(fetching)).toBe(await bitsOf(direct));
    expect(asked).toBe(2 * 900);
  });

  test("drop what fills no batch where asked", async () => {
    const session = await started();
    const progress = await progressOf(tf.fit(session, options({ steps: undefined, epochs: 2, lastBatch: "drop" })));
    expect(progress.map(({ epoch }) => epoch)).toEqual([...Array<number>(9).fill(1), ...Array<number>(9).fill(2)]);
  });

  test("take all rows where a batch is larger", async () => {
    const session = await started();
    const progress = await progressOf(tf.fit(session, options({ batchSize: 1000, steps: 2 })));
    expect(progress.map(({ epoch }) => epoch)).toEqual([1, 2]);
  });

  test("leave other runs of the session alone, and are left alone by them", async () => {
    const [session, undisturbed] = [await started(), await started()];
    await tf.fit(undisturbed, options());
    let others = 0;
    const fit = tf.fit(session, options());
    for await (const { step } of fit) {
      // A larger batch than any of the fit's: the arena moves.
      if (step % 7 !== 0) continue;
      const pixels = new Float32Array(700 * 64);
      await session.run(net.accuracy, { "pixels:0": pixels, "labels:0": new Int32Array(700) });
      others++;
    }
    expect(others).toBe(4);
    expect(await bitsOf(session)).toBe(await bitsOf(undisturbed));
  });
});

describe("plans", () => {
  test("that were thrown away for others are made again", async () => {
    const [session, undisturbed] = [await started(), await started()];
    await tf.fit(undisturbed, options());
    // Each number of rows is a plan of its own, and a session keeps 32.
    for await (const { step } of tf.fit(session, options())) {
      if (step % 10 !== 1) continue;
      for (let rows = 1; rows <= 40; rows++)
        await session.run(net.accuracy, {
          "pixels:0": new Float32Array(rows * 64),
          "labels:0": new Int32Array(rows),
        });
    }
    expect(await bitsOf(session)).toBe(await bitsOf(undisturbed));
  });

  test.each([{ reuse: false, inPlace: false }, { poison: true }, { poison: true, reuse: false }])(
    "made with %j give the same bits, with everything watched and pictures moved",
    async (planner) => {
      const more = { checkNumerics: true, augment: { "pixels:0": { shift: 1, flip: true } } };
      const plain = await started();
      await tf.fit(plain, options(more));
      const other = await tf.Session.create({ graph: net.graph, seed: 5, planner });
      await other.run(net.init);
      await tf.fit(other, options(more));
      expect(await bitsOf(other)).toBe(await bitsOf(plain));
    },
  );

  test("a closed session ends the fit", async () => {
    const session = await started();
    const fit = tf.fit(session, options({ steps: 100_000, onProgress: () => session.close() }));
    await expect(fit).rejects.toThrow("Attempted to use a closed Session.");
  });
});

describe("progress", () => {
  test("is plain data, and callback and iterator get the same", async () => {
    const seen: tf.Progress[] = [];
    const fit = tf.fit(await started(), options({ steps: 12, onProgress: (progress) => void seen.push(progress) }));
    const iterated = await progressOf(fit);
    const result = await fit;
    expect(iterated).toEqual(seen);
    expect(iterated.map(({ step }) => step)).toEqual(Array.from({ length: 12 }, (_, i) => i + 1));
    expect(JSON.parse(JSON.stringify(seen[11]))).toEqual(seen[11]);
    expect(seen[11]).toMatchObject({ step: 12, steps: 12, epoch: 2 });
    expect(Object.keys(seen[11].fetches)).toEqual(["loss", "accuracy", "learningRate"]);
    expect(seen[11].fetches.learningRate).toBeCloseTo(0.01 * 0.9 ** (11 / 50), 7);
    expect(result).toMatchObject({ reason: "finished", progress: seen[11], validation: null });
  });

  test("waits for its reader", async () => {
    let ahead = 0;
    let read = 0;
    const fit = tf.fit(await started(), options({ steps: 600, onProgress: ({ step }) => void (ahead = step) }));
    let most = 0;
    for await (const { step } of fit) {
      read = step;
      await new Promise((resolve) => setTimeout(resolve, 0));
      most = Math.max(most, ahead - read);
    }
    expect(read).toBe(600);
    // One slice is read while the next waits.
    expect(most).toBeLessThan(130);
  });

  test("steps a second are measured by the host's clock", async () => {
    const progress = await progressOf(tf.fit(await started(), options({ steps: 300 })));
    expect(progress.at(-1)!.stepsPerSecond).toBeGreaterThan(0);
  });
});

describe("the end", () => {
  test("comes with the signal between two steps, and the rest is made later", async () => {
    const [session, whole] = [await started(), await started()];
    await tf.fit(whole, options({ steps: 400 }));
    const stop = new AbortController();
    const first = await tf.fit(session, options({ steps: 400, signal: stop.signal, onProgress: () => stop.abort() }));
    expect(first.reason).toBe("stopped");
    expect(first.state.step).toBeGreaterThan(0);
    expect(first.state.step).toBeLessThan(400);
    expect(first.progress?.step).toBe(first.state.step);
    const second = await tf.fit(session, options({ steps: 400, resume: first.state }));
    expect(second.reason).toBe("finished");
    expect(await bitsOf(session)).toBe(await bitsOf(whole));
  });

  test("a signal that was aborted before lets no step happen", async () => {
    const session = await started();
    const before = await bitsOf(session);
    const result = await tf.fit(session, options({ signal: AbortSignal.abort() }));
    expect(result).toMatchObject({ reason: "stopped", progress: null });
    expect(await bitsOf(session)).toBe(before);
  });

  test("comes with the signal where the reader has stopped reading", async () => {
    const stop = new AbortController();
    const fit = tf.fit(await started(), options({ steps: 5000, signal: stop.signal }));
    const reader = fit[Symbol.asyncIterator]();
    await reader.next();
    await new Promise((resolve) => setTimeout(resolve, 20));
    stop.abort();
    expect((await fit).reason).toBe("stopped");
  });

  test("comes when the reader leaves", async () => {
    const fit = tf.fit(await started(), options({ steps: 5000 }));
    for await (const { step } of fit) if (step === 3) break;
    const { reason, state } = await fit;
    expect(reason).toBe("stopped");
    expect(state.step).toBeLessThan(5000);
    expect(fit.state).toEqual(state);
  });

  test("comes with an error of the callback", async () => {
    const session = await started();
    const fit = tf.fit(session, {
      ...options(),
      onProgress: () => {
        throw new Error("the disk of the log is full");
      },
    });
    await expect(fit).rejects.toThrow("the disk of the log is full");
    expect(fit.state!.step).toBeGreaterThan(0);
  });

  test("a reader gets the error too", async () => {
    const fit = tf.fit(await started(), options({ batchSize: 0 }));
    await expect(progressOf(fit)).rejects.toThrow("batchSize must be an integer of at least 1, got 0.");
  });
});

describe("resuming from a checkpoint", () => {
  test.each([1, 9, 10, 11, 17, 29])("at step %i ends in the same bits", async (at) => {
    const [whole, first, second] = [await started(), await started(), await started(99)];
    const losses = (await progressOf(tf.fit(whole, options()))).map(({ fetches }) => fetches.loss);
    let saved: Uint8Array | undefined;
    const save = (bytes: Uint8Array): void => void (saved = bytes);
    await tf.fit(first, options({ steps: at, checkpoint: { save, every: 1000 } }));
    expect(tf.readFitState(saved!)).toMatchObject({ step: at, seed: 3, batchSize: 32, rows: 300, lastBatch: "keep" });
    const rest = await progressOf(tf.fit(second, options({ seed: undefined, resume: saved })));
    expect(rest.map(({ fetches }) => fetches.loss)).toEqual(losses.slice(at));
    expect(await bitsOf(second)).toBe(await bitsOf(whole));
  });

  test("of a finished fit has nothing to do", async () => {
    const session = await started();
    let saved: Uint8Array | undefined;
    await tf.fit(session, options({ checkpoint: { save: (bytes) => void (saved = bytes) } }));
    const before = await bitsOf(session);
    const result = await tf.fit(session, options({ resume: saved }));
    expect(result).toMatchObject({ reason: "finished", progress: null });
    expect(await bitsOf(session)).toBe(before);
  });

  test("checkpoints come when they are due, the last at the end", async () => {
    const steps: [string, number][] = [];
    const checkpoint = {
      every: 12,
      save: (_: Uint8Array, { kind, step }: tf.SavedCheckpoint): void => void steps.push([kind, step]),
    };
    await tf.fit(await started(), options({ checkpoint }));
    expect(steps).toEqual([
      ["last", 12],
      ["last", 24],
      ["last", 30],
    ]);
  });
});

describe("validation", () => {
  const held = (): tf.ValidationOptions => ({
    feeds: new Map([
      [net.pixels, tf.data.slice(digits.pixels, 0, 101)],
      [net.labels, tf.data.slice(digits.labels, 0, 101)],
    ]),
    fetches: { loss: net.loss, accuracy: net.accuracy },
  });

  test("is the mean over all rows, whatever the batches", async () => {
    const session = await started();
    const progress = await progressOf(tf.fit(session, options({ validation: { ...held(), batchSize: 7 } })));
    expect(progress.filter((item) => item.validation).map(({ step }) => step)).toEqual([10, 20, 30]);
    const pixels = new Float32Array(101 * 64);
    const labels = new Int32Array(101);
    const rows = Int32Array.from({ length: 101 }, (_, i) => i);
    digits.pixels.gather(rows, 0, 101, pixels, 0);
    digits.labels.gather(rows, 0, 101, labels, 0);
    const [loss, accuracy] = await session.run([net.loss, net.accuracy], { "pixels:0": pixels, "labels:0": labels });
    const { validation } = progress[29];
    // Means of float32 in another order.
    expect(validation!.loss).toBeCloseTo(Number(loss.item()), 5);
    expect(validation!.accuracy).toBeCloseTo(Number(accuracy.item()), 6);
    expect(await tf.evaluate(session, { ...held(), batchSize: 7 })).toEqual(validation);
  });

  test("does not change what training computes", async () => {
    const [without, withIt] = [await started(), await started()];
    await tf.fit(without, options());
    const result = await tf.fit(withIt, options({ validation: { ...held(), every: 4 } }));
    expect(await bitsOf(withIt)).toBe(await bitsOf(without));
    expect(Object.keys(result.validation!)).toEqual(["loss", "accuracy"]);
  });

  test("stops early, and a resumed fit stops where the whole one does", async () => {
    const early = { monitor: "loss", patience: 2, minDelta: 0.5 };
    const more = { steps: 500, validation: { ...held(), every: 5 }, earlyStopping: early };
    const whole = await tf.fit(await started(), options(more));
    expect(whole.reason).toBe("earlyStopping");
    expect(whole.state.best.earlyStopping.since).toBe(2);
    const at = whole.state.step;
    expect(at % 5).toBe(0);
    const session = await started();
    const first = await tf.fit(session, options({ ...more, steps: at - 7 }));
    const second = await tf.fit(session, options({ ...more, resume: first.state }));
    expect(second.state).toEqual(whole.state);
    const third = await tf.fit(session, options({ ...more, resume: second.state }));
    expect(third).toMatchObject({ reason: "earlyStopping", progress: null });
  });

  test("saves the best, which is the best", async () => {
    const saved: { kind: string; step: number; bytes: Uint8Array }[] = [];
    const checkpoint = {
      every: 1000,
      best: { monitor: "accuracy" },
      save: (bytes: Uint8Array, { kind, step }: tf.SavedCheckpoint): void => void saved.push({ kind, step, bytes }),
    };
    const session = await started();
    const progress = await progressOf(tf.fit(session, options({ validation: { ...held(), every: 3 }, checkpoint })));
    const accuracies = progress.flatMap(({ step, validation }) => (validation ? [[step, validation.accuracy]] : []));
    const best = Math.max(...accuracies.map(([, value]) => value));
    const last = saved.findLast(({ kind }) => kind === "best")!;
    expect(last.step).toBe(accuracies.find(([, value]) => value === best)![0]);
    await session.restore(last.bytes);
    expect((await tf.evaluate(session, { ...held(), batchSize: 32 })).accuracy).toBeCloseTo(best, 10);
  });
});
