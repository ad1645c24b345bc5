/** Whole nets: built with our own API they are TensorFlow's graphs, step for step; their plans waste no memory. */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { decodeSafetensors } from "../../src/formats/safetensors.ts";
import * as tf from "../../src/entry/node.ts";
import { lenetMomentum, mobilenetLike, resnetAdamSchedule, type Net } from "../helpers/nets.ts";

interface Case {
  steps: number;
  train_fetch: { loss: string; train: string };
  tolerance: { [name: string]: { exact?: boolean; rtol: number; atol: number } };
}

/** Types of the nodes that do the work: theirs must be TensorFlow's names. Helpers between them may differ. */
const heavy =
  /^(Conv2D|Conv2DBackprop\w+|FusedBatchNorm\w*|MatMul|MaxPool\w*|BiasAdd\w*|ReluGrad|Apply\w+|Assign\w*|VariableV2|RandomUniform)$/;

function heavyNodes(graph: tf.Graph): string[] {
  return graph.operations.flatMap(({ name, type }) =>
    heavy.test(type) && !name.startsWith("save/") ? [`${name} ${type}`] : [],
  );
}

describe.each<[string, () => Net]>([
  ["lenet_momentum", lenetMomentum],
  ["resnet_adam_schedule", resnetAdamSchedule],
])("%s", (name, build) => {
  const folder = new URL(`../golden/metagraph/${name}/`, import.meta.url);

  test("has TensorFlow's nodes under TensorFlow's names", async () => {
    const golden = await tf.importMetaGraph(readFileSync(new URL("graph.meta", folder)));
    expect(heavyNodes(build().graph).sort()).toEqual(heavyNodes(golden).sort());
  });

  test("gives TensorFlow's losses", async () => {
    const item = JSON.parse(readFileSync(new URL("case.json", folder), "utf8")) as Case;
    const { tensors } = decodeSafetensors(readFileSync(new URL("io.safetensors", folder)));
    const { graph, loss, trainOp, init } = build();
    const session = await tf.Session.create({ graph, onWarning: () => {} });
    await session.run(init);
    const wanted = tensors.get("train/loss")!.data as Float32Array;
    const { rtol, atol } = item.tolerance["train/loss"];
    for (let step = 0; step < item.steps; step++) {
      const feeds = Object.fromEntries(
        ["input:0", "labels:0"].map((key) => {
          const value = tensors.get(`feed${step}/${key}`) ?? tensors.get(`feed0/${key}`)!;
          return [key, { data: value.data, shape: value.shape }];
        }),
      );
      const [value] = await session.run([loss, trainOp], feeds);
      const difference = Math.abs(Number(value!.item()) - wanted[step]);
      expect(difference, `loss of step ${step}`).toBeLessThanOrEqual(atol + rtol * Math.abs(wanted[step]));
    }
  });
});

describe.each<[string, () => Net, number[]]>([
  ["LeNet", lenetMomentum, [8, 8, 1]],
  ["ResNet", resnetAdamSchedule, [8, 8, 1]],
  ["MobileNet-like", mobilenetLike, [16, 16, 3]],
])("%s", (_, build, shape) => {
  const batch = 32;
  const feeds = {
    "input:0": {
      data: Float32Array.from({ length: batch * shape.reduce((a, b) => a * b) }, (_, i) => Math.sin(i)),
      shape: [batch, ...shape],
    },
    "labels:0": Int32Array.from({ length: batch }, (_, i) => i % 10),
  };

  test("the arena is at most 1.15 of what lives at once", async () => {
    const { graph, loss, trainOp } = build();
    const session = await tf.Session.create({ graph, onWarning: () => {} });
    const { buffers, arenaBytes, steps } = session.plan([loss, trainOp], feeds).parts;
    const arena = buffers.filter((buffer) => buffer.storage === "arena" && buffer.firstStep <= buffer.lastStep);
    const live = steps.map((_, i) =>
      arena.reduce((sum, buffer) => (buffer.firstStep <= i && i <= buffer.lastStep ? sum + buffer.bytes : sum), 0),
    );
    expect(arenaBytes / Math.max(...live)).toBeLessThanOrEqual(1.15);
  });

  test("training steps do not grow memory by a byte", async () => {
    const { graph, loss, trainOp, init } = build();
    const session = await tf.Session.create({ graph, onWarning: () => {} });
    await session.run(init);
    const small = {
      "input:0": { data: feeds["input:0"].data.slice(0, feeds["input:0"].data.length / batch), shape: [1, ...shape] },
      "labels:0": Int32Array.of(3),
    };
    await session.run([loss, trainOp], small);
    const before = session.memory;
    await session.run([loss, trainOp], small, { repeat: 10_000 });
    expect(session.memory).toEqual(before);
  }, 60_000);
});
