/** The graphs that hostile requests are made from, and a fit of the small one. */
import { readFile } from "node:fs/promises";
import * as tf from "../../src/entry/node.ts";
import type { FitRequest } from "../../worker/api.ts";
import type { Json } from "./json.ts";

/** Small, with what requests can get wrong: dtypes, a shape that is fed, a branch, variables, random numbers, statistics. */
export function smallGraph(): tf.Graph {
  const graph = new tf.Graph();
  graph.asDefault(() => {
    const x = tf.placeholder(tf.float32, [null, 4], "x");
    const flag = tf.placeholderWithDefault(true, [], "flag");
    const y = tf.multiply(x, tf.randomUniform([4], { name: "noise" }), "y");
    tf.reduceMean(y, undefined, { name: "loss" });
    tf.identity(tf.placeholder(tf.int64, null, "n_in"), "n");
    tf.identity(tf.placeholder(tf.bool, [null], "b_in"), "b");
    tf.cond(
      flag,
      () => tf.add(y, 1),
      () => tf.negative(y),
      "branch",
    );
    const w = tf.getVariable("w", [4], { initializer: tf.randomUniformInitializer(-1, 1) });
    tf.assignAdd(w, tf.reduceMean(x, 0), "train");
    const counter = tf.getVariable("counter", [], { initializer: tf.zerosInitializer() });
    tf.assignAdd(counter, 1, "count");
    tf.nn.conv2d(tf.reshape(x, [1, 2, 2, -1], "image"), tf.ones([1, 1, 1, 2], tf.float32), {
      strides: [1, 1],
      padding: "VALID",
      name: "conv",
    });
    tf.globalVariablesInitializer();
  });
  return graph;
}

/** Training data of the small graph: what a row is, and how many. */
export const fitRows = {
  dtype: "float32",
  shape: [7, 4],
  data: Float32Array.from({ length: 28 }, (_, i) => (i % 5) - 2),
} as const;

/** A fit over these data, under the name "rows". */
export const fitOf = (steps: number): FitRequest => ({
  feeds: { "x:0": "rows" },
  constants: { "flag:0": false },
  train: "train",
  fetches: { loss: "loss:0" },
  batchSize: 3,
  steps,
  seed: 4,
  validation: { feeds: { "x:0": "rows" }, fetches: { mean: "loss:0" }, every: 4 },
  earlyStopping: { monitor: "mean", patience: 1000 },
});

export interface Graphs {
  readonly smallBinary: Uint8Array;
  readonly smallJson: Json;
  readonly tutorialBinary: Uint8Array;
  readonly tutorialJson: Json;
  readonly lenetBinary: Uint8Array;
}

export async function readGraphs(): Promise<Graphs> {
  const golden = async (name: string): Promise<Uint8Array> =>
    Uint8Array.from(await readFile(new URL(`../golden/metagraph/${name}`, import.meta.url)));
  const tutorialBinary = await golden("tutorial/graph.meta");
  return {
    smallBinary: await tf.exportMetaGraph(smallGraph()),
    smallJson: (await tf.exportMetaGraphJson(smallGraph())) as Json,
    tutorialBinary,
    tutorialJson: JSON.parse(new TextDecoder().decode(await golden("tutorial/graph.json"))) as Json,
    lenetBinary: await golden("lenet_resource/graph.meta"),
  };
}
