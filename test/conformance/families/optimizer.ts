/** Family optimizer: steps on a least-squares problem; losses and gradients before each step, variables and slots after it. */
import * as tf from "../../../src/index.ts";
import type { Value } from "../compare.ts";
import { Unsupported, type GoldenCase } from "../goldenCase.ts";
import { withSession, type Adapter } from "./adapter.ts";
import { schedule } from "./learningRate.ts";

export const optimizer: Adapter = (golden) => {
  const graph = new tf.Graph();
  const { before, trainOp, after, init } = graph.asDefault(() => build(golden));
  return withSession(graph, async (session) => {
    await session.run(init);
    // Slots start where the case says.
    const first = [...golden.inputs].filter(([name]) => name.replace("init_", "") in after);
    session.load(Object.fromEntries(first.map(([name, value]) => [after[name.replace("init_", "")].op.name, value])));
    const rows = new Map<string, tf.FetchedTensor[]>();
    const note = (values: Record<string, tf.FetchedTensor>): void => {
      for (const [name, value] of Object.entries(values)) rows.set(name, [...(rows.get(name) ?? []), value]);
    };
    for (let step = 0; step < golden.attrs.number("steps"); step++) {
      // In one run: the loss and the gradients are those before the step.
      const values = await session.run([...Object.values(before), trainOp]);
      note(Object.fromEntries(Object.keys(before).map((name, i) => [name, values[i]!])));
      note(await session.run(after));
    }
    return new Map([...rows].map(([name, values]) => [name, stacked(values)]));
  });
};

function build({ op, attrs, inputs, outputs }: GoldenCase): {
  before: Record<string, tf.Tensor>;
  trainOp: tf.Operation;
  after: Record<string, tf.Tensor>;
  init: tf.Operation;
} {
  const value = (name: string): tf.FeedValue => inputs.get(name)!;
  const [W, b] = ["W", "b"].map((name) => tf.variable(value(`init_${name}`), { name }));
  const [x, target] = ["X", "T"].map((name) => tf.constant(value(name)));
  const residual = tf.subtract(tf.add(tf.matmul(x, W), b), target);
  const loss = tf.multiply(0.5, tf.reduceMean(tf.reduceSum(tf.square(residual), 1)));
  const globalStep = tf.train.getOrCreateGlobalStep();
  const made = optimizerOf(op, attrs, globalStep);
  const pairs = made.computeGradients(loss);
  const trainOp = made.applyGradients(pairs, { globalStep, name: "train_op" });
  const after: Record<string, tf.Tensor> = { W: W.ref, b: b.ref };
  for (const name of [...outputs.keys()].filter((key) => !(key in after))) {
    const [, owner, slot] = /^([Wb])_(\w+)$/.exec(name) ?? [];
    const found = owner ? made.getSlot(owner === "W" ? W : b, slot) : undefined;
    if (found) after[name] = found.ref;
    else if (/^beta\d_power$/.test(name)) after[name] = W.graph.getTensorByName(`${name}:0`);
  }
  const before = { loss, ...Object.fromEntries(pairs.map(([gradient, { op }]) => [`grad_${op.name}`, gradient!])) };
  return { before, trainOp, after, init: tf.globalVariablesInitializer() };
}

/** The optimizer that TensorFlow calls `op`, by its arguments. */
export function optimizerOf(op: string, attrs: GoldenCase["attrs"], step: tf.Variable): tf.train.Optimizer {
  const number = (key: string, otherwise: number): number => (attrs.has(key) ? attrs.number(key) : otherwise);
  const flag = (key: string): boolean => attrs.has(key) && attrs.boolean(key);
  const given = attrs.nested("learning_rate");
  const rate = given ? schedule(given.string("schedule"), given, step) : attrs.number("learning_rate");
  const adam = {
    beta1: number("beta1", 0.9),
    beta2: number("beta2", 0.999),
    epsilon: number("epsilon", 1e-8),
  };
  const proximal = {
    l1RegularizationStrength: number("l1_regularization_strength", 0),
    l2RegularizationStrength: number("l2_regularization_strength", 0),
  };
  switch (op.replace(/ .*$/, "").replace(/Optimizer$/, "")) {
    case "GradientDescent":
    case "SGD":
      return new tf.train.GradientDescentOptimizer(rate);
    case "Momentum":
      return new tf.train.MomentumOptimizer(rate, attrs.number("momentum"), {
        useNesterov: flag("use_nesterov") || flag("nesterov"),
      });
    case "RMSProp":
      return new tf.train.RMSPropOptimizer(rate, {
        decay: number("decay", 0.9),
        momentum: number("momentum", 0),
        epsilon: number("epsilon", 1e-10),
        centered: flag("centered"),
      });
    case "Adagrad":
      return new tf.train.AdagradOptimizer(rate, { initialAccumulatorValue: number("initial_accumulator_value", 0.1) });
    case "Adadelta":
      return new tf.train.AdadeltaOptimizer(rate, { rho: number("rho", 0.95), epsilon: number("epsilon", 1e-8) });
    case "Adam":
      return new tf.train.AdamOptimizer(rate, adam);
    case "Ftrl":
      return new tf.train.FtrlOptimizer(rate, {
        ...proximal,
        learningRatePower: number("learning_rate_power", -0.5),
        initialAccumulatorValue: number("initial_accumulator_value", 0.1),
        l2ShrinkageRegularizationStrength: number("l2_shrinkage_regularization_strength", 0),
      });
    case "ProximalGradientDescent":
      return new tf.train.ProximalGradientDescentOptimizer(rate, proximal);
    case "ProximalAdagrad":
      return new tf.train.ProximalAdagradOptimizer(rate, {
        ...proximal,
        initialAccumulatorValue: number("initial_accumulator_value", 0.1),
      });
    case "AdamW":
      return new tf.train.AdamWOptimizer(attrs.number("weight_decay"), rate, {
        ...adam,
        scaleByLearningRate: attrs.has("rule") && attrs.string("rule").includes("learning_rate*weight_decay"),
      });
    default:
      throw new Unsupported(op);
  }
}

/** Rows along a new first axis. */
function stacked(rows: readonly tf.FetchedTensor[]): Value {
  const data = Float32Array.from(rows.flatMap((row) => Array.from(row.data, Number)));
  return { dtype: "float32", shape: [rows.length, ...rows[0].shape], data };
}
