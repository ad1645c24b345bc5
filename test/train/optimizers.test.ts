// Optimizers: the nodes that TensorFlow makes, slots, what a step reads and writes, mistakes. Numbers are in the golden cases.
import { describe, expect, test } from "vitest";
import * as tf from "../../src/entry/node.ts";
import { expectMistake } from "../helpers/ops.ts";

/** y = x · kernel + bias with a squared loss, in a layer called "fc". */
function build(): { x: tf.Tensor; loss: tf.Tensor } {
  const x = tf.placeholder(tf.float32, [2, 3], "x");
  const y = tf.layers.dense(x, 2, { name: "fc", kernelInitializer: tf.onesInitializer() });
  return { x, loss: tf.reduceSum(tf.square(y), null, { name: "loss" }) };
}

function nodes(graph: tf.Graph, from: number): string[] {
  return graph.operations
    .slice(from)
    .map((op) => `${op.name} ${op.type}`)
    .filter((node) => !node.startsWith("gradients/"));
}

/** The nodes that `make` adds after a model, without those of the gradients. */
function added(make: (loss: tf.Tensor) => void): string[] {
  const graph = new tf.Graph();
  return graph.asDefault(() => {
    const { loss } = build();
    const from = graph.operations.length;
    make(loss);
    return nodes(graph, from);
  });
}

const slot = (name: string, initializer = "zeros Const"): string[] => [
  `${name}/Initializer/${initializer}`,
  `${name} VariableV2`,
  `${name}/Assign Assign`,
  `${name}/read Identity`,
];

test("momentum: names and order are TensorFlow's", () => {
  const names = added((loss) => {
    const globalStep = tf.train.getOrCreateGlobalStep();
    new tf.train.MomentumOptimizer(0.1, 0.9).minimize(loss, { globalStep, name: "train_op" });
  });
  expect(names).toEqual([
    ...slot("global_step"),
    ...slot("fc/kernel/Momentum"),
    ...slot("fc/bias/Momentum"),
    "train_op/learning_rate Const",
    "train_op/momentum Const",
    "train_op/update_fc/kernel/ApplyMomentum ApplyMomentum",
    "train_op/update_fc/bias/ApplyMomentum ApplyMomentum",
    "train_op/update NoOp",
    "train_op/value Const",
    "train_op AssignAdd",
  ]);
});

test("adam: two slots, the powers of the betas beside the variable that is first by name", () => {
  const graph = new tf.Graph();
  const names = graph.asDefault(() => {
    const { loss } = build();
    const from = graph.operations.length;
    const optimizer = new tf.train.AdamOptimizer();
    const trainOp = optimizer.minimize(loss);
    expect(graph.getCollection(tf.GraphKeys.TRAIN_OP)).toEqual([trainOp]);
    expect(optimizer.getSlotNames()).toEqual(["m", "v"]);
    const [kernel] = tf.trainableVariables();
    expect(optimizer.getSlot(kernel, "v")?.name).toBe("fc/kernel/Adam_1:0");
    expect(optimizer.getSlot(kernel, "u")).toBeUndefined();
    return nodes(graph, from);
  });
  const power = (name: string): string[] => [
    `${name}/initial_value Const`,
    `${name} VariableV2`,
    `${name}/Assign Assign`,
    `${name}/read Identity`,
  ];
  expect(names).toEqual([
    ...power("beta1_power"),
    ...power("beta2_power"),
    ...["fc/kernel", "fc/bias"].flatMap((name) => slot(`${name}/Adam`).concat(slot(`${name}/Adam_1`))),
    ...["learning_rate", "beta1", "beta2", "epsilon"].map((name) => `Adam/${name} Const`),
    "Adam/update_fc/kernel/ApplyAdam ApplyAdam",
    "Adam/update_fc/bias/ApplyAdam ApplyAdam",
    "Adam/mul Mul",
    "Adam/Assign Assign",
    "Adam/mul_1 Mul",
    "Adam/Assign_1 Assign",
    "Adam NoOp",
  ]);
  const classOf = (name: string): unknown => graph.getOperationByName(name).attrs._class;
  expect(classOf("beta1_power")).toEqual(classOf("fc/bias/Assign"));
  expect(classOf("fc/kernel/Adam/Initializer/zeros")).toEqual(classOf("fc/kernel/Assign"));
});

describe("slots", () => {
  test.each<[string, () => tf.train.Optimizer, string[]]>([
    ["gradient descent", () => new tf.train.GradientDescentOptimizer(0.1), []],
    ["RMSProp", () => new tf.train.RMSPropOptimizer(0.1), ["RMSProp ones", "RMSProp_1 zeros"]],
    [
      "RMSProp, centered",
      () => new tf.train.RMSPropOptimizer(0.1, { centered: true }),
      ["RMSProp ones", "RMSProp_1 zeros", "RMSProp_2 zeros"],
    ],
    ["Adagrad", () => new tf.train.AdagradOptimizer(0.1), ["Adagrad Const"]],
    ["Adadelta", () => new tf.train.AdadeltaOptimizer(), ["Adadelta zeros", "Adadelta_1 zeros"]],
    ["a name of one's own", () => new tf.train.MomentumOptimizer(0.1, 0.9, { name: "M" }), ["M zeros"]],
  ])("%s", (_, make, expected) => {
    const names = added((loss) => make().minimize(loss));
    const found = names.flatMap(
      (node) => /^fc\/bias\/(\w+)\/Initializer\/(\w+) /.exec(node)?.slice(1, 3).join(" ") ?? [],
    );
    expect(found).toEqual(expected);
  });

  test("two optimizers of one kind share none; one optimizer makes each once", () => {
    const names = added((loss) => {
      const first = new tf.train.MomentumOptimizer(0.1, 0.9);
      first.minimize(loss);
      first.minimize(loss);
      new tf.train.MomentumOptimizer(0.1, 0.9).minimize(loss);
    });
    expect(names.filter((node) => node.endsWith("VariableV2")).map((node) => node.split(" ")[0])).toEqual([
      "fc/kernel/Momentum",
      "fc/bias/Momentum",
      "fc/kernel/Momentum_1",
      "fc/bias/Momentum_1",
    ]);
  });
});

/** Runs `steps` steps and gives the kernel after each, with what was fetched beside it. */
async function train(
  make: (loss: tf.Tensor) => { trainOp: tf.Operation; fetch?: tf.Tensor },
  steps: number,
): Promise<{ kernel: tf.Nested; fetched: number }[]> {
  const graph = new tf.Graph();
  const { x, trainOp, fetch, init } = graph.asDefault(() => {
    const { x, loss } = build();
    const made = make(loss);
    return { x, trainOp: made.trainOp, fetch: made.fetch ?? loss, init: tf.globalVariablesInitializer() };
  });
  const session = await tf.Session.create({ graph, planner: { poison: true } });
  await session.run(init);
  const rows = [];
  for (let i = 0; i < steps; i++) {
    const [value] = await session.run(
      [fetch, trainOp],
      new Map([[x, { data: Float32Array.of(1, 0, 0, 0, 1, 0), shape: [2, 3] }]]),
    );
    rows.push({ kernel: (await session.run("fc/kernel:0")).toNested(), fetched: Number(value!.data[0]) });
  }
  return rows;
}

test("a step: the loss before it, the variables after it, the step counter", async () => {
  const rows = await train((loss) => {
    const globalStep = tf.train.getOrCreateGlobalStep();
    const rate = tf.train.piecewiseConstant(globalStep, [0], [0.25, 0]);
    return { trainOp: new tf.train.GradientDescentOptimizer(rate).minimize(loss, { globalStep }) };
  }, 2);
  // y = 1 in both rows, the gradient of each used weight 2, of each bias 4; the second step has the rate 0.
  const kernel = [
    [0.5, 0.5],
    [0.5, 0.5],
    [1, 1],
  ];
  expect(rows).toEqual([
    { kernel, fetched: 4 },
    { kernel, fetched: 1 },
  ]);
});

test("a rate may be a variable or a function; variables may be chosen; a gradient may arrive at the loss", async () => {
  const rows = await train((loss) => {
    const rate = tf.variable(0.5, { name: "rate", trainable: false });
    const [kernel] = tf.trainableVariables();
    const optimizer = new tf.train.GradientDescentOptimizer(() => rate);
    const gradLoss = tf.constant(0.5, { dtype: tf.float32 });
    return { trainOp: optimizer.minimize(loss, { varList: [kernel], gradLoss }) };
  }, 1);
  expect(rows[0].kernel).toEqual([
    [0.5, 0.5],
    [0.5, 0.5],
    [1, 1],
  ]);
});

test("updateOps: the step depends on UPDATE_OPS", async () => {
  for (const updateOps of [false, true]) {
    const graph = new tf.Graph();
    const { trainOp, init } = graph.asDefault(() => {
      const { loss } = build();
      const counter = tf.variable(0, { dtype: tf.float32, name: "counter", trainable: false });
      tf.addToCollection(tf.GraphKeys.UPDATE_OPS, tf.assignAdd(counter, 1).op);
      const trainOp = new tf.train.AdamOptimizer(0.1).minimize(loss, { updateOps });
      return { trainOp, init: tf.globalVariablesInitializer() };
    });
    const session = await tf.Session.create({ graph, onWarning: () => {} });
    await session.run(init);
    await session.run(trainOp, {
      "x:0": [
        [1, 2, 3],
        [4, 5, 6],
      ],
    });
    expect(session.variables().get("counter")?.data[0]).toBe(Number(updateOps));
  }
});

test("gates: no tuples, one an operation, one for all", () => {
  const { GATE_NONE, GATE_OP, GATE_GRAPH } = tf.train.Optimizer;
  const groups = ([GATE_NONE, GATE_OP, GATE_GRAPH] as const).map((gateGradients) => {
    const graph = new tf.Graph();
    return graph.asDefault(() => {
      new tf.train.GradientDescentOptimizer(0.1).minimize(build().loss, { gateGradients });
      return graph.operations.map((op) => op.name).filter((name) => name.endsWith("group_deps"));
    });
  });
  expect(groups).toEqual([
    [],
    ["gradients/fc/BiasAdd_grad/tuple/group_deps", "gradients/fc/MatMul_grad/tuple/group_deps"],
    ["tuple/group_deps"],
  ]);
});

test("AdamW: weights shrink before the step, by the rate or not", async () => {
  const kernels = await Promise.all(
    [false, true].map(async (scaleByLearningRate) => {
      const rows = await train((loss) => {
        const optimizer = new tf.train.AdamWOptimizer(0.25, 0.5, { scaleByLearningRate, epsilon: 0 });
        const [kernel] = tf.trainableVariables();
        return { trainOp: optimizer.minimize(loss, { varList: [kernel] }) };
      }, 1);
      return (rows[0].kernel as number[][]).map(([first]) => first);
    }),
  );
  // Adam's first step is the rate with the gradient's sign; 0 / 0 for the weight without a gradient.
  expect(kernels.map((rows) => rows.map((value) => Math.round(value * 1e4) / 1e4))).toEqual([
    [0.25, 0.25, NaN],
    [0.375, 0.375, NaN],
  ]);
});

describe("mistakes", () => {
  const optimizer = new tf.train.GradientDescentOptimizer(0.1);
  const scalar = (): tf.Tensor => tf.reduceSum(tf.placeholder(tf.float32, [2], "x"));
  test.each<[string, () => unknown, string]>([
    ["no variables", () => optimizer.minimize(scalar()), "InvalidArgumentError: No variables to optimize."],
    [
      "a loss that depends on none",
      () => {
        tf.variable([1, 2], { dtype: tf.float32, name: "v" });
        optimizer.minimize(scalar());
      },
      "InvalidArgumentError: No gradients provided for any variable, check your graph for ops that do not support gradients, between variables [v:0] and loss 'Sum:0'.",
    ],
    [
      "gradients that are all null",
      () => optimizer.applyGradients([[null, tf.variable([1, 2], { dtype: tf.float32, name: "v" })]]),
      "InvalidArgumentError: No gradients provided for any variable: [v:0].",
    ],
    [
      "an accumulator that starts at 0",
      () => new tf.train.AdagradOptimizer(0.1, { initialAccumulatorValue: 0 }),
      "InvalidArgumentError: initialAccumulatorValue must be positive: 0",
    ],
    [
      "a name that is empty",
      () => new tf.train.AdamOptimizer(0.1, { name: "" }),
      "InvalidArgumentError: Must specify the optimizer name",
    ],
  ])("%s", (_, body, expected) => expectMistake(() => new tf.Graph().asDefault(body), expected));
});
