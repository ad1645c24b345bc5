// Training over resource variables: TensorFlow's nodes, and the bits of the same program over references.
import { describe, expect, test } from "vitest";
import * as tf from "../../src/entry/node.ts";
import { values } from "../helpers/ops.ts";

const images = values([8, 6, 6, 2]);
const labels = { data: Int32Array.of(0, 1, 2, 0, 1, 2, 0, 1), shape: [8] };

interface Program {
  readonly graph: tf.Graph;
  readonly loss: tf.Tensor;
  readonly step: tf.Operation;
  readonly init: tf.Operation;
}

function build(
  useResource: boolean,
  make: () => tf.train.Optimizer,
  training: boolean | "fed" = "fed",
  fused = true,
): Program {
  const graph = new tf.Graph();
  return graph.asDefault(() => {
    tf.setRandomSeed(3);
    return tf.variableScope(
      "net",
      () => {
        const x = tf.placeholder(tf.float32, [null, 6, 6, 2], "x");
        const fed = training === "fed" ? tf.placeholderWithDefault(true, [], "training") : training;
        let net = tf.layers.conv2d(x, 4, 3, { padding: "same", name: "conv" });
        net = tf.nn.relu(tf.layers.batchNormalization(net, { training: fed, fused, name: "bn" }));
        const logits = tf.layers.dense(tf.layers.flatten(net), 3, { name: "fc" });
        const loss = tf.losses.sparseSoftmaxCrossEntropy(tf.placeholder(tf.int32, [null], "y"), logits);
        const globalStep = tf.train.getOrCreateGlobalStep();
        const average = new tf.train.ExponentialMovingAverage(0.9);
        const trained = make().minimize(loss, { updateOps: true, globalStep });
        const step = tf.controlDependencies([trained], () => average.apply());
        return { graph, loss, step, init: tf.globalVariablesInitializer() };
      },
      { useResource },
    );
  });
}

async function run({ loss, step, init, graph }: Program): Promise<Map<string, number[]>> {
  const session = await tf.Session.create({ graph, planner: { poison: true } });
  await session.run(init);
  const feeds = { "net/x:0": images, "net/y:0": labels };
  const losses: number[] = [];
  for (let i = 0; i < 3; i++) losses.push(Number((await session.run([loss, step], feeds))[0].item()));
  const held = new Map([...session.variables()].map(([name, { data }]) => [name, Array.from(data, Number)]));
  session.close();
  return held.set("losses", losses);
}

const optimizers: Record<string, () => tf.train.Optimizer> = {
  GradientDescent: () => new tf.train.GradientDescentOptimizer(0.1),
  Momentum: () => new tf.train.MomentumOptimizer(0.1, 0.9, { useNesterov: true }),
  RMSProp: () => new tf.train.RMSPropOptimizer(0.01, { momentum: 0.5 }),
  "centered RMSProp": () => new tf.train.RMSPropOptimizer(0.01, { centered: true }),
  Adagrad: () => new tf.train.AdagradOptimizer(0.1),
  Adadelta: () => new tf.train.AdadeltaOptimizer(1),
  Adam: () => new tf.train.AdamOptimizer(0.01),
  AdamW: () => new tf.train.AdamWOptimizer(0.01, 0.01),
  Ftrl: () => new tf.train.FtrlOptimizer(0.1, { l1RegularizationStrength: 0.01 }),
  FtrlV2: () => new tf.train.FtrlOptimizer(0.1, { l2ShrinkageRegularizationStrength: 0.01 }),
  ProximalGradientDescent: () => new tf.train.ProximalGradientDescentOptimizer(0.1, { l1RegularizationStrength: 0.1 }),
  ProximalAdagrad: () => new tf.train.ProximalAdagradOptimizer(0.1, { l2RegularizationStrength: 0.1 }),
};

test.each(Object.entries(optimizers))("%s: the bits of references, and the weights move", async (_, make) => {
  const [over, resources] = [await run(build(false, make)), await run(build(true, make))];
  expect(resources).toEqual(over);
  const losses = over.get("losses")!;
  expect(losses[2]).toBeLessThan(losses[0]);
});

describe("batch normalization", () => {
  test.each([
    [true, true],
    [true, false],
    ["fed", false],
  ] as const)("training %s, fused %s", async (training, fused) => {
    const make = optimizers.Momentum;
    const [over, resources] = [
      await run(build(false, make, training, fused)),
      await run(build(true, make, training, fused)),
    ];
    expect(resources).toEqual(over);
    expect(resources.get("net/bn/moving_mean")!.every((value) => value !== 0)).toBe(true);
  });

  test("its updates are those that TensorFlow collects, and BN001 knows them", async () => {
    const { graph, step } = build(true, optimizers.Adam);
    const updates = graph.getCollection<tf.Operation>(tf.GraphKeys.UPDATE_OPS);
    expect(updates.map(({ name, type }) => [name, type])).toEqual([
      ["net/bn/AssignMovingAvg/AssignSubVariableOp", "AssignSubVariableOp"],
      ["net/bn/AssignMovingAvg_1/AssignSubVariableOp", "AssignSubVariableOp"],
    ]);
    const session = await tf.Session.create({ graph });
    expect(session.doctor([step], { "net/x:0": images, "net/y:0": labels }).filter(({ id }) => id === "BN001")).toEqual(
      [],
    );
    session.close();
  });
});

test("nodes of a variable, its slots, and the step", () => {
  const { graph } = build(true, optimizers.Adam);
  const typesOf = (prefix: string): string[] =>
    graph.operations
      .filter(({ name }) => name.startsWith(prefix) && !name.includes("/Initializer/"))
      .map(({ name, type }) => `${name.slice(prefix.length)} ${type}`);
  for (const name of ["net/conv/kernel", "net/net/conv/kernel/Adam"])
    expect(typesOf(name).slice(0, 4)).toEqual([
      " VarHandleOp",
      "/IsInitialized/VarIsInitializedOp VarIsInitializedOp",
      "/Assign AssignVariableOp",
      "/Read/ReadVariableOp ReadVariableOp",
    ]);
  const applied = graph.operations.filter(({ type }) => type.startsWith("ResourceApply"));
  expect(applied.map(({ name }) => name)).toContain("net/Adam/update_net/conv/kernel/ResourceApplyAdam");
  expect(new Set(applied.map(({ type }) => type))).toEqual(new Set(["ResourceApplyAdam"]));
});

test("assign, assignAdd and assignSub give the new value", async () => {
  const graph = new tf.Graph();
  const [v, ...updates] = graph.asDefault(() => {
    const made = tf.variable([1, 2], { dtype: tf.float32, name: "v", useResource: true });
    return [made, tf.assign(made, [5, 6]), tf.assignAdd(made, [1, 1]), tf.assignSub(made, [2, 4])] as const;
  });
  const session = await tf.Session.create({ graph });
  await session.run(graph.asDefault(() => tf.globalVariablesInitializer()));
  const seen: unknown[] = [];
  for (const update of updates) seen.push((await session.run(update)).toNested());
  expect(seen).toEqual([[5, 6], [6, 7], [4, 3]]); // prettier-ignore
  expect((await session.run(v.value())).toNested()).toEqual([4, 3]);
  session.close();
});

test("Ftrl's arguments are checked", () => {
  const made = (options: tf.train.FtrlOptions) => () => new tf.train.FtrlOptimizer(0.1, options);
  expect(made({ initialAccumulatorValue: -1 })).toThrow("initialAccumulatorValue -1 needs to be positive or zero");
  expect(made({ learningRatePower: 1 })).toThrow("learningRatePower 1 needs to be negative or zero");
  expect(made({ l2ShrinkageRegularizationStrength: -1 })).toThrow(
    "l2ShrinkageRegularizationStrength -1 needs to be positive or zero",
  );
  expect(() => new tf.train.ProximalAdagradOptimizer(1, { initialAccumulatorValue: 0 })).toThrow(
    "initialAccumulatorValue must be positive: 0",
  );
});
