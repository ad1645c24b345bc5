/** Family tutorial: a photograph through a convolution and batch normalization, with or without the update ops. */
import * as tf from "../../../src/index.ts";
import type { Value } from "../compare.ts";
import type { GoldenCase } from "../goldenCase.ts";
import { withSession, type Adapter } from "./adapter.ts";

export const tutorial: Adapter = (golden) => {
  const { attrs } = golden;
  const graph = new tf.Graph();
  const { input, training, conv, net, trainOp } = graph.asDefault(() => build(golden));
  const { data, shape } = golden.inputs.get("image_bgr")!;
  const image = { data, shape: [1, ...shape] };
  return withSession(graph, async (session) => {
    await session.run(graph.asDefault(() => tf.globalVariablesInitializer()));
    const perChannel = (name: string): number[] => new Array<number>(attrs.number("filters")).fill(attrs.number(name));
    session.load({
      ...Object.fromEntries([...golden.inputs].filter(([name]) => name !== "image_bgr")),
      "bn/moving_mean": perChannel("initial_moving_mean"),
      "bn/moving_variance": perChannel("initial_moving_variance"),
    });

    const statistics: { mean: tf.FetchedTensor; variance: tf.FetchedTensor }[] = [];
    const checkpoints = attrs.numbers("checkpoints");
    let trainOutput: tf.FetchedTensor | undefined;
    for (let run = 1; run <= attrs.number("runs_of_train_op"); run++) {
      trainOutput = await session.run(trainOp, new Map([[input, image]]));
      if (!checkpoints.includes(run)) continue;
      statistics.push(await session.run({ mean: "bn/moving_mean/read:0", variance: "bn/moving_variance/read:0" }));
    }
    const inference = await session.run(
      { conv, result: net },
      new Map<tf.Tensor, tf.FeedValue>([
        [input, image],
        [training, false],
      ]),
    );
    const values = new Map<string, Value>(Object.entries(inference));
    if (trainOutput) values.set("train_output", trainOutput);
    values.set("moving_mean", stack(statistics.map(({ mean }) => mean)));
    values.set("moving_variance", stack(statistics.map(({ variance }) => variance)));
    return values;
  });
};

function build({ attrs, inputs }: GoldenCase): Record<"input" | "training" | "conv" | "net" | "trainOp", tf.Tensor> {
  const input = tf.placeholder(tf.float32, [null, ...inputs.get("image_bgr")!.shape], "input_node");
  const training = tf.placeholderWithDefault(true, [], "training");
  const conv = tf.layers.conv2d(input, attrs.number("filters"), attrs.pair("kernel_size"), {
    strides: attrs.pair("strides"),
    padding: attrs.string("padding").toLowerCase() as "same" | "valid",
    name: "conv_1",
  });
  const net = tf.layers.batchNormalization(conv, {
    momentum: attrs.number("momentum"),
    epsilon: attrs.number("epsilon"),
    fused: attrs.boolean("fused"),
    training,
    name: "bn",
  });
  const updates = attrs.boolean("control_dependencies_on_update_ops") ? tf.getCollection(tf.GraphKeys.UPDATE_OPS) : [];
  const trainOp = tf.controlDependencies(updates, () => tf.identity(net, "train_op"));
  return { input, training, conv, net, trainOp };
}

/** Rows along a new first axis. */
function stack(rows: readonly tf.FetchedTensor[]): Value {
  const data = Float32Array.from(rows.flatMap((row) => Array.from(row.data, Number)));
  return { dtype: "float32", shape: [rows.length, ...(rows[0]?.shape ?? [])], data };
}
