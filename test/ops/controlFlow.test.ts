// Switch, Merge and cond: predicates that feeds, constants, or only the run decides.
import { describe, expect, test } from "vitest";
import {
  type CondContext,
  constantPredicate,
  Merge,
  merge,
  smartCond,
  Switch,
  switchOp,
} from "../../src/ops/controlFlow.ts";
import * as tf from "../../src/entry/node.ts";
import { checkGradient } from "../helpers/gradientCheck.ts";
import { expectMistake, expectShapes, values } from "../helpers/ops.ts";

test("shapes", () => {
  expectShapes(Switch, [
    ["[?,2];[]", "[?,2];[?,2]"],
    ["?;?", "?;?"],
    ["[2];[1]", "The predicate must be a scalar, but has rank 1"],
  ]);
  expectShapes(Merge, [
    ["[2,3];[2,3]", "[2,3];[]"],
    ["[2,3];[2,4]", "[2,?];[]"],
    ["[2];[2,4]", "?;[]"],
    ["?;[2]", "?;[]"],
  ]);
});

/** A predicate, the feeds that give it a value, and what else to run before. */
interface Decider {
  readonly predicate: tf.Tensor;
  feeds(value: boolean): Map<tf.Tensor, boolean> | undefined;
  readonly set: { readonly op: tf.Tensor; readonly value: tf.Tensor } | null;
}

const deciders = {
  "a fed placeholder": () => {
    const predicate = tf.placeholder(tf.bool, []);
    return { predicate, feeds: (value: boolean) => new Map([[predicate, value]]), set: null };
  },
  "a default": () => {
    const predicate = tf.placeholderWithDefault(true, []);
    return { predicate, feeds: (value: boolean) => (value ? undefined : new Map([[predicate, false]])), set: null };
  },
  "a variable, read in the run": () => {
    const flag = tf.variable(false);
    const value = tf.placeholder(tf.bool, []);
    const set = { op: tf.assign(flag, value), value };
    return { predicate: flag.value(), feeds: () => undefined, set };
  },
} satisfies Record<string, () => Decider>;

/** A session on a graph with `count` predicates, and `choose` to run `fetches` with their values. */
async function decided<T>(
  kind: keyof typeof deciders,
  count: number,
  build: (...predicates: tf.Tensor[]) => T,
): Promise<{
  made: T;
  session: tf.Session;
  choose: (values: boolean[], fetches: tf.Fetches) => Promise<unknown>;
}> {
  const graph = new tf.Graph();
  const { made, init, all } = graph.asDefault(() => {
    const all = Array.from({ length: count }, (): Decider => deciders[kind]());
    const made = build(...all.map(({ predicate }) => predicate));
    return { made, all, init: tf.globalVariablesInitializer() };
  });
  const session = await tf.Session.create({ graph, planner: { poison: true } });
  await session.run(init);
  const choose = async (values: boolean[], fetches: tf.Fetches): Promise<unknown> => {
    const feeds = new Map<tf.Tensor, tf.FeedValue>();
    for (const [i, decider] of all.entries()) {
      for (const [tensor, value] of decider.feeds(values[i]) ?? []) feeds.set(tensor, value);
      if (decider.set) await session.run(decider.set.op, new Map([[decider.set.value, values[i]]]));
    }
    const result = (await session.run(fetches as tf.Tensor, feeds)) as tf.FetchedTensor | undefined;
    return result?.shape.length ? [...result.data] : result?.item();
  };
  return { made, session, choose };
}

const both = [true, false];

describe.each(Object.keys(deciders) as (keyof typeof deciders)[])("cond by %s", (kind) => {
  test("gives the value of the branch", async () => {
    const { made, choose } = await decided(kind, 1, (p) => {
      const x = tf.constant([1.5, 2, 3]);
      return tf.cond(
        p,
        () => tf.negative(x),
        () => tf.multiply(x, 10),
      );
    });
    for (const value of [true, false, true, true, false])
      expect(await choose([value], made)).toEqual(value ? [-1.5, -2, -3] : [15, 20, 30]);
  });

  const outsideOrConstant = (p: tf.Tensor): tf.Tensor => {
    const x = tf.constant(5);
    const constant = (): number => 7;
    return tf.cond(p, () => x, constant);
  };

  test("gives values from outside and constants", async () => {
    const { made, choose } = await decided(kind, 1, (p) => [outsideOrConstant(p), tf.add(outsideOrConstant(p), 1)]);
    for (const value of both) {
      expect(await choose([value], made[0])).toBe(value ? 5 : 7);
      expect(await choose([value], made[1])).toBe(value ? 6 : 8);
    }
  });

  test("tells which branch it was", async () => {
    const { made, choose } = await decided(kind, 1, (p) => outsideOrConstant(p).op.outputs[1]);
    for (const value of both) expect(await choose([value], made)).toBe(value ? 1 : 0);
  });

  test("nested", async () => {
    const { made, choose } = await decided(kind, 3, (p, q, r) => {
      const x = tf.constant(1.5);
      const inner = (predicate: tf.Tensor, base: number): tf.Tensor =>
        tf.cond(
          predicate,
          () => tf.add(x, base),
          () => tf.subtract(x, base),
        );
      return tf.cond(
        p,
        () => inner(q, 10),
        () => tf.negative(inner(r, 20)),
      );
    });
    for (const p of both)
      for (const q of both)
        for (const r of both) {
          const expected = p ? (q ? 11.5 : -8.5) : -(r ? 21.5 : -18.5);
          expect(await choose([p, q, r], made), JSON.stringify({ p, q, r })).toBe(expected);
        }
  });

  test("two conds by one predicate", async () => {
    const { made, choose } = await decided(kind, 1, (p) => {
      const first = tf.cond(
        p,
        () => 1,
        () => 2,
      );
      const second = tf.cond(
        p,
        () => tf.add(first, 10),
        () => tf.add(first, 20),
      );
      return tf.multiply(first, second);
    });
    for (const value of both) expect(await choose([value], made)).toBe(value ? 11 : 44);
  });

  test("an assignment inside runs only when its branch is taken", async () => {
    const { made, session, choose } = await decided(kind, 1, (p) => {
      const v = tf.variable(0.5);
      const w = tf.variable(0.5);
      const result = tf.cond(
        p,
        () => tf.assignAdd(v, 1),
        () => tf.assignSub(w, 1),
      );
      return { v, w, result };
    });
    const state = async (): Promise<unknown[]> => (await session.run([made.v, made.w])).map((item) => item.item());
    expect(await choose([true], made.result)).toBe(1.5);
    expect(await state()).toEqual([1.5, 0.5]);
    expect(await choose([false], made.result)).toBe(-0.5);
    expect(await state()).toEqual([1.5, -0.5]);
    expect(await choose([true], made.result.op)).toBeUndefined();
    expect(await state()).toEqual([2.5, -0.5]);
  });

  test("branches that give operations", async () => {
    const { made, session, choose } = await decided(kind, 1, (p) => {
      const v = tf.variable(1);
      const result = tf.cond(
        p,
        () => tf.assignAdd(v, 1).op,
        () => tf.noOp(),
      );
      return { v, result };
    });
    for (const value of [true, false, true]) await choose([value], made.result.op);
    expect((await session.run(made.v)).item()).toBe(3);
  });

  test("a fetch from the branch not taken", async () => {
    const { made, choose } = await decided(kind, 1, (p) => {
      const v = tf.variable(1.5, { name: "v" });
      let inside!: tf.Tensor;
      tf.cond(
        p,
        () => (inside = tf.add(v, 1, "inside")),
        () => tf.assignAdd(v, 1),
      );
      return { inside, touching: [inside, tf.assignAdd(v, 1)], v };
    });
    const message =
      "InvalidArgumentError: 'cond/inside:0' has no value in this run: it belongs to a branch of cond that was not taken. Fetch the result of cond, or feed its predicate otherwise.";
    expect(await choose([true], made.inside)).toBe(2.5);
    await expectMistake(() => choose([false], made.inside), message);
    await expectMistake(() => choose([false], made.touching), message);
    expect(await choose([false], made.v), "a failed run changes nothing").toBe(1.5);
  });
});

test("nodes, names and collections are TensorFlow's", () => {
  const graph = new tf.Graph();
  graph.asDefault(() => {
    const p = tf.placeholder(tf.bool, [], "p");
    const x = tf.placeholder(tf.float32, [2], "x");
    const build = (): tf.Tensor =>
      tf.cond(
        p,
        () => tf.negative(x),
        () => tf.constant([1.5, 2]),
      );
    expect([build().name, build().name]).toEqual(["cond/Merge:0", "cond_1/Merge:0"]);
  });
  const nodes = graph.operations.filter((op) => op.name.startsWith("cond/"));
  expect(
    nodes.map((op) => [
      op.name,
      op.inputs.map(({ name }) => name).join(),
      op.controlInputs.map(({ name }) => name).join(),
    ]),
  ).toEqual([
    ["cond/Switch", "p:0,p:0", ""],
    ["cond/switch_t", "cond/Switch:1", ""],
    ["cond/switch_f", "cond/Switch:0", ""],
    ["cond/pred_id", "p:0", ""],
    // The Switch is put in front of an operation that is there already.
    ["cond/Neg", "cond/Neg/Switch:1", ""],
    ["cond/Neg/Switch", "x:0,cond/pred_id:0", ""],
    ["cond/Const", "", "cond/switch_f"],
    ["cond/Merge", "cond/Const:0,cond/Neg:0", ""],
  ]);
  expect(graph.getOperationByName("cond/Neg/Switch").colocationGroups).toEqual(["loc:@x"]);
  const contexts = graph.getCollection<CondContext>(tf.GraphKeys.COND_CONTEXT);
  expect(contexts.map(({ name, branch }) => [name, branch])).toEqual([
    ["cond/cond_text", 1],
    ["cond/cond_text_1", 0],
    ["cond_1/cond_text", 1],
    ["cond_1/cond_text_1", 0],
  ]);
});

test("a variable that only the branch not taken assigns stays without a value", async () => {
  const graph = new tf.Graph();
  const { flag, v, result } = graph.asDefault(() => {
    const [flag, v] = [tf.variable(false), tf.variable(1.5, { name: "v" })];
    const value = (): tf.Tensor => tf.constant(2.5);
    return { flag, v, result: tf.cond(flag, () => tf.assign(v, 9), value) };
  });
  const session = await tf.Session.create({ graph });
  await session.run(flag.initializer);
  expect((await session.run(result)).item()).toBe(2.5);
  await expect(session.run(v)).rejects.toThrow("Attempting to use uninitialized value 'v'");
});

test("a value from outside passes one Switch for each cond around its use", () => {
  const graph = new tf.Graph();
  graph.asDefault(() => {
    const [p, q] = ["p", "q"].map((name) => tf.placeholder(tf.bool, [], name));
    const x = tf.placeholder(tf.float32, [2], "x");
    const inner = (): tf.Tensor =>
      tf.cond(
        q,
        () => tf.negative(x),
        () => tf.square(x),
      );
    tf.cond(p, inner, () => x);
  });
  /** The operation behind an input, and the predicates of the Switches on the way. */
  const way = (tensor: tf.Tensor): string[] =>
    tensor.op.type === "Switch" ? [...way(tensor.op.inputs[0]), tensor.op.inputs[1].name] : [tensor.name];
  const expected = ["x:0", "cond/pred_id:0", "cond/cond/pred_id:0"];
  expect(way(graph.getOperationByName("cond/cond/Neg").inputs[0])).toEqual(expected);
  expect(way(graph.getOperationByName("cond/cond/Square").inputs[0])).toEqual(expected);
  expect(way(graph.getOperationByName("cond/cond/pred_id").inputs[0])).toEqual(["q:0", "cond/pred_id:0"]);
});

test("predicates known at build", () => {
  new tf.Graph().asDefault(() => {
    const known = tf.identity(tf.constant(false));
    const open = tf.placeholderWithDefault(true, []);
    expect([true, known, open].map(constantPredicate)).toEqual([true, false, undefined]);
    const [a, b] = [tf.constant(1), tf.constant(2)];
    expect(
      smartCond(
        true,
        () => a,
        () => b,
      ),
    ).toBe(a);
    expect(
      smartCond(
        known,
        () => a,
        () => b,
      ),
    ).toBe(b);
    expect(
      (
        smartCond(
          open,
          () => a,
          () => b,
        ) as tf.Tensor
      ).op.type,
    ).toBe("Merge");
  });
});

describe("mistakes", () => {
  const graph = new tf.Graph();
  const { p, x } = graph.asDefault(() => ({
    p: tf.placeholder(tf.bool, [], "p"),
    x: tf.placeholder(tf.float32, [2], "x"),
  }));
  const cond = (predicate: tf.TensorLike, onTrue: () => tf.TensorLike, onFalse: () => tf.TensorLike): tf.Tensor =>
    graph.asDefault(() => tf.cond(predicate, onTrue, onFalse));

  test.each<[string, () => unknown, string]>([
    [
      "a plain boolean",
      () =>
        cond(
          true,
          () => x,
          () => x,
        ),
      "The predicate of cond must be a tensor, not a plain boolean.",
    ],
    [
      "a number",
      () =>
        cond(
          x,
          () => x,
          () => x,
        ),
      "Tensor 'x:0' has the dtype float32, bool is needed.",
    ],
    [
      "a vector",
      () =>
        cond(
          graph.asDefault(() => tf.placeholder(tf.bool, [2])),
          () => x,
          () => x,
        ),
      "The predicate must be a scalar, but has rank 1 for 'cond_1/Switch' (op: 'Switch') with input shapes: [2], [2].",
    ],
    [
      "two dtypes",
      () =>
        cond(
          p,
          () => 1.5,
          () => 1,
        ),
      "Outputs of the branches of cond must have the same type: float32, int32.",
    ],
    [
      "branches of different shapes, decided by the run",
      async () => {
        const flag = graph.asDefault(() => tf.variable(true, { name: "flag" }));
        const merged = cond(
          flag,
          () => [1.5, 2],
          () => [1.5],
        );
        const session = await tf.Session.create({ graph });
        await session.run(flag.initializer);
        await session.run(merged);
      },
      "The branches of 'cond_3/Merge' (op: 'Merge') give different shapes, [1] and [2], and only the run decides which: that is not supported.",
    ],
  ])("%s", (_, body, message) => expectMistake(body, `InvalidArgumentError: ${message}`));

  test("branches of different shapes, decided by a feed, are fine", async () => {
    const merged = cond(
      p,
      () => [1.5, 2],
      () => [1.5],
    );
    const session = await tf.Session.create({ graph });
    expect((await session.run(merged, { "p:0": true })).shape).toEqual([2]);
    expect((await session.run(merged, { "p:0": false })).shape).toEqual([1]);
  });
});

test("a predicate that the run itself updates decides once, with its value from before", async () => {
  const graph = new tf.Graph();
  const { flag, flip, chosen } = graph.asDefault(() => {
    const flag = tf.variable(true, { name: "flag" });
    const x = tf.constant([1, 2, 3], { dtype: tf.float32 });
    const chosen = tf.cond(
      flag,
      () => tf.add(tf.negative(x), 0.5),
      () => tf.multiply(x, 10),
    );
    return { flag, flip: tf.assign(flag, false), chosen };
  });
  const session = await tf.Session.create({ graph, planner: { poison: true } });
  await expect(session.run(chosen)).rejects.toThrow("Attempting to use uninitialized value 'flag'");
  await session.run(flag.initializer);
  const [, first] = await session.run([flip.op, chosen]);
  expect(first.toNested()).toEqual([-0.5, -1.5, -2.5]);
  expect((await session.run(chosen)).toNested()).toEqual([10, 20, 30]);
});

test.each([true, false])("Switch and Merge of a cond that is %s: gradients", async (chosen) => {
  for (const isKnown of [true, false]) {
    await checkGradient(
      ([x, y]) => {
        const predicate = isKnown
          ? tf.constant(chosen)
          : tf.equal(tf.lessEqual(tf.reduceSum(tf.square(x)), 1e6), chosen);
        return tf.cond(predicate, () => tf.multiply(tf.square(x), y), () => tf.subtract(x, y)); // prettier-ignore
      },
      [values([5]), values([5])],
      ([x, y]) => x.map((value, i) => (chosen ? value * value * y[i] : value - y[i])),
    );
  }
});

test("RefSwitch and RefMerge: gradient", () =>
  checkGradient(
    ([x]) => {
      const v = tf.variable([1, 2, 3], { dtype: tf.float32 });
      const merged = merge(switchOp(v.ref, tf.lessEqual(tf.reduceSum(tf.square(x)), 1e6)));
      expect(merged.op.type).toBe("RefMerge");
      return tf.multiply(x, tf.gradients(tf.square(tf.identity(merged)), [v])[0]!);
    },
    [values([3])],
    ([x]) => x.map((value, i) => value * 2 * (i + 1)),
  ));
