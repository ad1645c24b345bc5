/** Sessions: the forms of feeds and fetches, repeated runs, plans and memory, state between runs. */
import { describe, expect, test } from "vitest";
import * as tf from "../../src/entry/node.ts";
import { buildTutorial, readPhoto } from "../helpers/tutorial.ts";

const image = readPhoto();
const quiet = { onWarning: (): void => {} };

/** A graph `body` builds, and a session on it. */
async function withGraph<T>(
  body: () => T,
  options: tf.SessionOptions = {},
): Promise<{ session: tf.Session; built: T }> {
  const graph = new tf.Graph();
  const built = graph.asDefault(body);
  return { session: await tf.Session.create({ graph, ...quiet, ...options }), built };
}

describe("feeds and fetches", () => {
  test("the answer has the structure of the fetches", async () => {
    const { session, built } = await withGraph(() => {
      const a = tf.constant([1, 2, 3], { dtype: tf.float32, name: "a" });
      return { a, b: tf.add(a, 1, "b"), op: tf.noOp("op") };
    });
    const one = await session.run(built.b);
    expect([one.shape, one.dtype, one.toNested()]).toEqual([[3], "float32", [2, 3, 4]]);
    const [b, op, named] = await session.run([built.b, built.op, "a:0"]);
    expect([b.toNested(), op, named.toNested()]).toEqual([[2, 3, 4], undefined, [1, 2, 3]]);
    const object = await session.run({ sum: built.b, again: built.b, done: "op" });
    expect(Object.keys(object)).toEqual(["sum", "again", "done"]);
    expect(object.sum.toNested()).toEqual([2, 3, 4]);
    expect(await session.run([])).toEqual([]);
  });

  test("every form of a value", async () => {
    const { session, built } = await withGraph(() => {
      const x = tf.placeholder(tf.float32, [null, 2], "x");
      return { x, y: tf.multiply(x, 2) };
    });
    const forms: [string, tf.FeedValue][] = [
      [
        "nested",
        [
          [1, 2],
          [3, 4],
        ],
      ],
      ["flat typed array", new Float32Array([1, 2, 3, 4])],
      ["bytes, cast", new Uint8Array([1, 2, 3, 4])],
      ["doubles, cast", new Float64Array([1, 2, 3, 4])],
      ["data and shape", { data: new Int32Array([1, 2, 3, 4]), shape: [2, 2] }],
      ["plain data and shape", { data: [1, 2, 3, 4], shape: [2, 2] }],
      ["a view into a larger buffer", new Float32Array(new Float32Array([9, 1, 2, 3, 4, 9]).buffer, 4, 4)],
    ];
    for (const [name, value] of forms) {
      const y = await session.run(built.y, new Map([[built.x, value]]));
      expect([name, y.toNested()]).toEqual([
        name,
        [
          [2, 4],
          [6, 8],
        ],
      ]);
    }
    const fetched = await session.run(built.y, { "x:0": [[1, 2]] });
    expect((await session.run(built.y, { "x:0": fetched })).toNested()).toEqual([[4, 8]]);
  });

  test("what is fetched belongs to the caller", async () => {
    const { session, built } = await withGraph(() => tf.variable([1, 2], { dtype: tf.float32, name: "v" }));
    await session.run(built.initializer);
    const first = await session.run(built);
    first.data[0] = 99;
    expect((await session.run(built)).toNested()).toEqual([1, 2]);
  });

  test("any tensor may be fed, and what lies before it does not run", async () => {
    const { session, built } = await withGraph(() => {
      const x = tf.placeholder(tf.float32, [], "x");
      return {
        x,
        middle: tf.add(x, 1, "middle"),
        end: tf.multiply(tf.getDefaultGraph().getTensorByName("middle:0"), 10, "end"),
      };
    });
    expect((await session.run(built.end, new Map([[built.middle, 5]]))).item()).toBe(50);
    expect((await session.run(built.middle, new Map([[built.middle, 5]]))).item()).toBe(5);
  });

  test("empty batches", async () => {
    const { session, built } = await withGraph(() => {
      const x = tf.placeholder(tf.float32, [null, 4, 4, 3], "x");
      return tf.layers.batchNormalization(tf.layers.conv2d(x, 5, 3), { training: true });
    });
    await session.run(session.graph.asDefault(() => tf.globalVariablesInitializer()));
    const y = await session.run(built, { "x:0": { data: new Float32Array(0), shape: [0, 4, 4, 3] } });
    expect([y.shape, y.data.length]).toEqual([[0, 2, 2, 5], 0]);
  });

  test("int64 comes as BigInt64Array, bool as 0 and 1", async () => {
    const { session, built } = await withGraph(() => [
      tf.constant([1n, 2n ** 40n], { dtype: tf.int64 }),
      tf.constant([true, false]),
    ]);
    const [wide, flags] = await session.run(built);
    expect([wide.data, wide.dtype]).toEqual([new BigInt64Array([1n, 2n ** 40n]), "int64"]);
    expect([flags.data, flags.toNested()]).toEqual([new Uint8Array([1, 0]), [true, false]]);
  });
});

describe("repeated runs", () => {
  const counter = () => {
    const v = tf.variable(0, { dtype: tf.float32, name: "v" });
    return { v, step: tf.assignAdd(v, 1) };
  };

  test("repeat gives the last values; runs that are not awaited happen in order", async () => {
    const { session, built } = await withGraph(counter);
    await session.run(built.v.initializer);
    expect((await session.run(built.step, undefined, { repeat: 10 })).item()).toBe(10);
    const values = await Promise.all([1, 2, 3].map(() => session.run(built.step)));
    expect(values.map((value) => value.item())).toEqual([11, 12, 13]);
  });

  test("runSeries stacks what is collected after each run", async () => {
    const { session, built } = await withGraph(counter);
    await session.run(built.v.initializer);
    const { fetches, series } = await session.runSeries(built.step.op, undefined, {
      repeat: 4,
      collect: { v: built.v.value() },
    });
    expect(fetches).toBeUndefined();
    expect([series.v.shape, series.v.toNested()]).toEqual([[4], [1, 2, 3, 4]]);
  });

  test("a series is the same as single runs", async () => {
    const { graph, trainOp, init } = buildTutorial();
    const feeds = { "input_node:0": image };
    const [single, many] = await Promise.all([1, 2].map(() => tf.Session.create({ graph })));
    await Promise.all([single.run(init), many.run(init)]);
    const { series } = await many.runSeries(trainOp.op, feeds, {
      repeat: 5,
      collect: { mean: "bn/moving_mean/read:0" },
    });
    const rows: number[] = [];
    for (let i = 0; i < 5; i++)
      rows.push(...((await single.run([trainOp.op, "bn/moving_mean/read:0"], feeds))[1].data as Float32Array));
    expect([...(series.mean.data as Float32Array)]).toEqual(rows);
  });
});

describe("plans and memory", () => {
  test("a plan prints its steps and its memory map", async () => {
    const { graph, trainOp } = buildTutorial();
    const session = await tf.Session.create({ graph, ...quiet });
    // Planning needs no values: the variables are not initialised yet.
    const text = String(session.plan(trainOp, { "input_node:0": image }));
    expect(text).toMatch(/^Plan: 11 steps, 1 feed, 1 fetch, arena \d+\.\d KiB\.\n/);
    expect(text).toContain("conv_1/Conv2D (Conv2D) + conv_1/BiasAdd (BiasAdd)");
    expect(text).toMatch(/fusedBatchNormTraining +bn\/cond\/FusedBatchNormV3 \(FusedBatchNormV3\)/);
    expect(text).toMatch(/\d+\.\.\d+ +fed\.\.1 +input_node:0 \[1,100,100,3\] float32 +117\.2 KiB/);
    expect(text).toMatch(/bn\/moving_mean +\[32\] float32 +128 B/);
  });

  test("from the second run a step allocates no memory and no typed array but what is fetched", async () => {
    const { graph, trainOp, init } = buildTutorial();
    const session = await tf.Session.create({ graph });
    await session.run(init);
    const feeds = { "input_node:0": image };
    await session.run(trainOp.op, feeds);
    const before = session.memory;
    const constructors = [
      "Float32Array",
      "Int32Array",
      "Uint8Array",
      "Float64Array",
      "BigInt64Array",
      "ArrayBuffer",
    ] as const;
    const originals = constructors.map((name) => globalThis[name]);
    let made = 0;
    for (const name of constructors) {
      const Original = globalThis[name] as unknown as new (...args: unknown[]) => object;
      (globalThis as Record<string, unknown>)[name] = class extends Original {
        constructor(...args: unknown[]) {
          super(...args);
          made++;
        }
      };
    }
    try {
      for (let i = 0; i < 20; i++) await session.run(trainOp.op, feeds);
    } finally {
      constructors.forEach((name, i) => ((globalThis as Record<string, unknown>)[name] = originals[i]));
    }
    expect(made).toBe(0);
    for (let i = 0; i < 1000; i++) await session.run(trainOp.op, feeds);
    expect(session.memory).toEqual(before);
  });

  test("plans share one arena, and old ones are let go", async () => {
    const { session, built } = await withGraph(() => {
      const x = tf.placeholder(tf.float32, [null], "x");
      return tf.add(tf.multiply(x, tf.constant(new Float32Array(1).fill(3))), 1);
    });
    const sum = async (n: number): Promise<number> =>
      Number((await session.run(built, { "x:0": new Float32Array(n).fill(2) })).data[n - 1]);
    for (let n = 1; n <= 200; n++) expect(await sum(n)).toBe(7);
    const { usedBytes } = session.memory;
    for (let n = 200; n >= 1; n--) expect(await sum(n)).toBe(7);
    expect(session.memory.usedBytes).toBe(usedBytes);
    expect(session.memory.arenaBytes).toBeLessThan(8192);
  });

  test("memory reuse, in-place operations and poisoned memory make no difference", async () => {
    const { graph, net, trainOp, init } = buildTutorial();
    const results: unknown[] = [];
    for (const planner of [
      {},
      { reuse: false },
      { inPlace: false },
      { reuse: false, inPlace: false },
      { poison: true },
    ]) {
      const session = await tf.Session.create({ graph, planner });
      await session.run(init);
      await session.run(trainOp, { "input_node:0": image }, { repeat: 3 });
      const result = await session.run(net, { "input_node:0": image, "training:0": false });
      results.push(
        [...session.variables()]
          .concat([["net", result]])
          .map(([name, { data }]) => [name, Buffer.from(data.buffer).toString("base64")]),
      );
    }
    for (const result of results) expect(result).toEqual(results[0]);
  });

  test("sessions of one graph share nothing", async () => {
    const { graph, trainOp, init } = buildTutorial();
    const [a, b] = await Promise.all([1, 2].map(() => tf.Session.create({ graph })));
    await Promise.all([a.run(init), b.run(init)]);
    await a.run(trainOp, { "input_node:0": image });
    expect(a.movingStatistics()[0].updates).toBe(1);
    expect(b.movingStatistics()[0]).toMatchObject({ updates: 0, residual: 1 });
    expect([...(b.movingStatistics()[0].mean.data as Float32Array)]).toEqual(new Array(32).fill(0));
  });
});

describe("state", () => {
  test("moving statistics tell the layer, its momentum and what is left of the start", async () => {
    const { graph, trainOp, init } = buildTutorial();
    const session = await tf.Session.create({ graph });
    expect(() => session.movingStatistics()).toThrow("Attempting to use uninitialized value 'bn/moving_mean'.");
    await session.run(init);
    const feeds = { "input_node:0": image };
    await session.run(trainOp, feeds, { repeat: 10 });
    // With training false the update ops run and change nothing: that is no update.
    await session.run(trainOp, { ...feeds, "training:0": false });
    const [layer] = session.movingStatistics();
    expect(layer).toMatchObject({ layer: "bn", momentum: 0.99, updates: 10, residual: 0.99 ** 10 });
    expect(layer.mean.shape).toEqual([32]);
    session.load({ "bn/moving_mean": new Float32Array(32) });
    expect(session.movingStatistics()[0]).toMatchObject({ updates: null, residual: null });
  });

  test("a checkpoint goes on with the same bits: variables, generators, counters", async () => {
    const build = () => {
      const v = tf.variable(tf.zeros([5]), { name: "v" });
      return { v, step: tf.assignAdd(v, tf.randomUniform([5])) };
    };
    const first = await withGraph(build);
    await first.session.run(first.built.v.initializer);
    await first.session.run(first.built.step, undefined, { repeat: 3 });
    const checkpoint = await first.session.checkpoint();
    const wanted = await first.session.run(first.built.step);
    const second = await withGraph(build);
    expect(second.session.seed).not.toBe(first.session.seed);
    await second.session.restore(checkpoint);
    expect(second.session.seed).toBe(first.session.seed);
    expect(await second.session.run(second.built.step)).toEqual(wanted);
  });

  test("changes are told once, and put back elsewhere", async () => {
    const { graph, trainOp, init } = buildTutorial();
    const [a, b] = await Promise.all([1, 2].map(() => tf.Session.create({ graph })));
    await a.run(init);
    const all = a.takeChanges();
    expect(all.variables.size).toBe(6);
    expect(a.takeChanges().variables.size).toBe(0);
    await a.run(trainOp, { "input_node:0": image });
    const changed = a.takeChanges();
    expect([...changed.variables.keys()].sort()).toEqual(["bn/moving_mean", "bn/moving_variance"]);
    expect(changed.updates).toEqual({ bn: 1 });
    b.putChanges({ ...changed, variables: new Map([...all.variables, ...changed.variables]) });
    expect(b.movingStatistics()).toEqual(a.movingStatistics());
    expect(b.takeChanges().variables.size).toBe(0);
  });

  test("a foreign safetensors file restores, and its updates are unknown", async () => {
    const { encodeSafetensors } = await import("../../src/formats/safetensors.ts");
    const { graph, init } = buildTutorial();
    const session = await tf.Session.create({ graph });
    await session.run(init);
    const values = [...session.variables()].map(
      ([name, { dtype, shape, data }]) => [name, { dtype, shape, data }] as const,
    );
    await session.restore(encodeSafetensors(values as never));
    expect(session.movingStatistics()[0]).toMatchObject({ updates: null, residual: null });
  });
});

describe("fed variables", () => {
  test("a fed variable needs no value of its own, and is not updated in its feed", async () => {
    const { session, built } = await withGraph(() => tf.variable([1, 2], { dtype: tf.float32, name: "v" }));
    const feeds = new Map([[built.ref, [5, 6]]]);
    expect((await session.run(built.value(), feeds)).toNested()).toEqual([5, 6]);
    await expect(session.run(built)).rejects.toThrow("Attempting to use uninitialized value 'v'");
  });
});
