/** Family batch_norm: the layer with its update ops; moving statistics start where the case says. */
import * as tf from "../../../src/index.ts";
import type { Value } from "../compare.ts";
import type { GoldenCase } from "../goldenCase.ts";
import { withSession, type Adapter } from "./adapter.ts";
import { gradientsOf } from "./gradients.ts";

export const batchNorm: Adapter = (golden) => {
  const graph = new tf.Graph();
  const { x, dy, fetches } = graph.asDefault(() => build(golden, graph));
  return withSession(graph, async (session) => {
    const value = (name: string) => golden.inputs.get(name)!;
    await session.run(graph.asDefault(() => tf.globalVariablesInitializer()));
    const parameters = ["gamma", "beta", "moving_mean", "moving_variance"].filter((name) => golden.inputs.has(name));
    session.load(Object.fromEntries(parameters.map((name) => [`bn/${name}`, value(name)])));
    const feeds = new Map([[x, value("x")]]);
    if (dy) feeds.set(dy, value("grad_y"));
    const values = new Map<string, Value>(Object.entries(await session.run(fetches, feeds)));
    // Read in a run of their own, after the one that updated them.
    for (const name of ["moving_mean", "moving_variance"]) values.set(`new_${name}`, await session.run(`bn/${name}:0`));
    return values;
  });
};

interface Built {
  readonly x: tf.Tensor;
  /** The gradient arriving at y, where the case has one. */
  readonly dy: tf.Tensor | null;
  readonly fetches: Record<string, tf.Tensor>;
}

function build(golden: GoldenCase, graph: tf.Graph): Built {
  const { attrs, inputs } = golden;
  const training = attrs.boolean("training");
  const fused = attrs.boolean("fused");
  const x = tf.placeholder(tf.float32, inputs.get("x")!.shape, "x");
  const net = tf.layers.batchNormalization(x, {
    axis: attrs.has("axis") ? attrs.number("axis") : -1,
    momentum: attrs.number("momentum"),
    epsilon: attrs.number("epsilon"),
    center: attrs.boolean("center"),
    scale: attrs.boolean("scale"),
    training,
    fused,
    name: "bn",
  });
  const updates = tf.getCollection(tf.GraphKeys.UPDATE_OPS);
  const y = tf.controlDependencies(updates, () => tf.identity(net, "y"));
  const dy = inputs.has("grad_y") ? tf.placeholder(tf.float32, inputs.get("grad_y")!.shape, "grad_y") : null;
  const parameters = new Map(tf.trainableVariables().map((variable) => [variable.op.name, variable]));
  const gradients = gradientsOf(golden, net, (name) => {
    if (name === "grad_y") return dy!;
    return name === "x" ? x : parameters.get(`bn/${name}`)!.ref;
  });
  const fetches = { y, ...gradients };
  if (!training) return { x, dy, fetches };
  if (fused) {
    const [, mean, unbiased, , biased] = graph.operations.find(({ type }) =>
      type.startsWith("FusedBatchNorm"),
    )!.outputs;
    return {
      x,
      dy,
      fetches: { ...fetches, batch_mean: mean, batch_variance_for_moving: unbiased, batch_variance_biased: biased },
    };
  }
  const [mean, biased] = ["bn/moments/Squeeze:0", "bn/moments/Squeeze_1:0"].map((name) => graph.getTensorByName(name));
  return {
    x,
    dy,
    fetches: { ...fetches, batch_mean: mean, batch_variance_for_moving: biased, batch_variance_biased: biased },
  };
}
