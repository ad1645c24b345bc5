/** Correct programs of many kinds: exported by TensorFlow, built here, with and without the fused kernel, towers, nested
 * conds, names of all sorts. The doctor must not object to them, and must see what is wrong when one of them is broken. */
import { readFile } from "node:fs/promises";
import * as tf from "../../src/entry/node.ts";
import { lenetMomentum, mobilenetLike, resnetAdamSchedule } from "../helpers/nets.ts";
import { buildTutorial } from "../helpers/tutorial.ts";

export interface Program {
  readonly name: string;
  /** A new graph each time. */
  build(): Promise<tf.Graph>;
  /** What a training step fetches; what an evaluation does. */
  readonly train: readonly string[];
  readonly evaluate: readonly string[];
  /** The placeholder that says whether it trains; null where the graph is for training only. */
  readonly training: string | null;
  /** Feeds for a batch of n, and a batch that is large enough. */
  feeds(n: number): { readonly [name: string]: tf.FeedValue };
  readonly batch: number;
  readonly init: string;
}

const zeros = (shape: readonly number[]): { data: Float32Array; shape: readonly number[] } => {
  // Something else than zeros where values count; always the same.
  const data = new Float32Array(shape.reduce((a, b) => a * b, 1));
  for (let i = 0; i < data.length; i++) data[i] = ((i * 7919) % 1000) / 1000 - 0.5;
  return { data, shape };
};

const images = (size: readonly number[], input = "input:0", labels: string | null = "labels:0"): Program["feeds"] => {
  return (n) => ({
    [input]: zeros([n, ...size]),
    ...(labels && { [labels]: { data: Int32Array.from({ length: n }, (_, i) => i % 10), shape: [n] } }),
  });
};

async function exported(name: string): Promise<tf.Graph> {
  const file = await readFile(new URL(`../golden/metagraph/${name}/graph.meta`, import.meta.url));
  return tf.importMetaGraph(Uint8Array.from(file));
}

/** A classifier of this file's own: `net` makes the logits. */
function classifier(
  shape: readonly number[],
  net: (x: tf.Tensor, training: tf.Tensor) => tf.Tensor,
  optimizer: () => tf.train.Optimizer = () => new tf.train.MomentumOptimizer(0.01, 0.9),
): () => Promise<tf.Graph> {
  return async () => {
    const graph = new tf.Graph();
    graph.asDefault(() => {
      tf.setRandomSeed(3);
      const x = tf.placeholder(tf.float32, [null, ...shape], "input");
      const labels = tf.placeholder(tf.int32, [null], "labels");
      const training = tf.placeholderWithDefault(true, [], "training");
      const logits = tf.identity(net(x, training), "logits");
      const entropy = tf.nn.sparseSoftmaxCrossEntropyWithLogits({ labels, logits });
      const loss = tf.identity(tf.reduceMean(entropy), "loss");
      tf.controlDependencies(tf.getCollection(tf.GraphKeys.UPDATE_OPS), () =>
        optimizer().minimize(loss, { name: "train_op" }),
      );
      tf.group([tf.globalVariablesInitializer()], "init_all");
    });
    return graph;
  };
}

const conv = (x: tf.Tensor, filters: number, size: number, strides: number, name: string): tf.Tensor =>
  tf.layers.conv2d(x, filters, size, { strides, padding: "same", useBias: false, name });

/** golden/training/lenet_digits. */
const lenetDigits = classifier([8, 8, 1], (x, training) => {
  let net = x;
  for (const [i, filters] of [16, 32].entries()) {
    net = tf.layers.conv2d(net, filters, 3, { padding: "same", name: `conv_${i + 1}` });
    net = tf.layers.batchNormalization(net, { training, momentum: 0.9, name: `bn_${i + 1}` });
    net = tf.layers.maxPooling2d(tf.nn.relu(net), 2, 2);
  }
  return tf.layers.dense(tf.layers.flatten(net), 10, { name: "fc" });
});

/** golden/training/resnet8. */
const resnet8 = classifier(
  [32, 32, 3],
  (x, training) => {
    const normed = (input: tf.Tensor, filters: number, size: number, strides: number, name: string): tf.Tensor =>
      tf.layers.batchNormalization(conv(input, filters, size, strides, name), { training, name: `${name}_bn` });
    let net = tf.nn.relu(normed(x, 8, 3, 1, "conv0"));
    for (const [i, width] of [8, 16, 32].entries()) {
      const strides = i === 0 ? 1 : 2;
      const block = `block${i + 1}`;
      const shortcut = strides === 1 ? net : normed(net, width, 1, strides, `${block}/shortcut`);
      const inner = tf.nn.relu(normed(net, width, 3, strides, `${block}/conv_a`));
      net = tf.nn.relu(tf.add(normed(inner, width, 3, 1, `${block}/conv_b`), shortcut));
    }
    return tf.layers.dense(tf.reduceMean(net, [1, 2]), 10, { name: "fc" });
  },
  () => new tf.train.AdamOptimizer(0.001),
);

/** Dense layers: the non-fused form. */
const perceptron = classifier([12], (x, training) => {
  let net = x;
  for (let i = 0; i < 3; i++) {
    net = tf.layers.dense(net, 16, { useBias: false, name: `dense_${i}` });
    net = tf.nn.relu(tf.layers.batchNormalization(net, { training, name: `norm_${i}` }));
  }
  return tf.layers.dense(net, 10, { name: "out" });
});

/** Convolutions with fused: false and names that say nothing. */
const unfused = classifier([8, 8, 2], (x, training) => {
  let net = x;
  for (const name of ["qux", "zot"]) {
    net = conv(net, 8, 3, 2, `${name}_k`);
    net = tf.nn.relu(tf.layers.batchNormalization(net, { training, fused: false, name }));
  }
  return tf.layers.dense(tf.reduceMean(net, [1, 2]), 10, { name: "out" });
});

/** Batch norm as many wrote it themselves: assign, not an update op of a layer. */
const byHand = classifier([8, 8, 2], (x, training) => {
  let net = x;
  for (const name of ["one", "two"]) {
    const before = conv(net, 8, 3, 2, `${name}_conv`);
    net = tf.variableScope(name, () => {
      const [gamma, beta] = [
        tf.getVariable("scale", [8], { initializer: tf.onesInitializer() }),
        tf.getVariable("shift", [8], { initializer: tf.zerosInitializer() }),
      ];
      const mean = tf.getVariable("pop_mean", [8], { initializer: tf.zerosInitializer(), trainable: false });
      const variance = tf.getVariable("pop_var", [8], { initializer: tf.onesInitializer(), trainable: false });
      const batch = tf.nn.moments(before, [0, 1, 2]);
      const [usedMean, usedVariance] = [
        tf.cond(
          training,
          () => batch.mean,
          () => mean.value(),
        ),
        tf.cond(
          training,
          () => batch.variance,
          () => variance.value(),
        ),
      ];
      const follow = (population: tf.Variable, now: tf.Tensor): tf.Tensor =>
        tf.cond(
          training,
          () => tf.assign(population, tf.add(tf.multiply(population, 0.95), tf.multiply(now, 1 - 0.95))),
          () => population.value(),
        );
      for (const update of [follow(mean, batch.mean), follow(variance, batch.variance)])
        tf.addToCollection(tf.GraphKeys.UPDATE_OPS, update.op);
      return tf.nn.relu(tf.nn.batchNormalization(before, usedMean, usedVariance, beta, gamma, 1e-3));
    });
  }
  return tf.layers.dense(tf.reduceMean(net, [1, 2]), 10, { name: "out" });
});

/** Two towers over halves of one batch share all variables. */
const towers = classifier([8, 8, 2], (x, training) => {
  const logits = tf.split(x, 2).map((half, i) =>
    tf.nameScope(`tower_${i}`, () => {
      let net = half;
      for (const name of ["first", "second"]) {
        net = tf.layers.conv2d(net, 8, 3, { useBias: false, name: `${name}_conv`, reuse: i > 0 });
        net = tf.nn.relu(tf.layers.batchNormalization(net, { training, name, reuse: i > 0 }));
      }
      return tf.layers.dense(tf.reduceMean(net, [1, 2]), 10, { name: "out", reuse: i > 0 });
    }),
  );
  return tf.concat(logits, 0);
});

/** The net inside a cond, with the layers' own conds in it. */
const nested = classifier([8, 8, 2], (x, training) => {
  const net = (): tf.Tensor => {
    let y = conv(x, 8, 3, 1, "a");
    y = tf.nn.relu(tf.layers.batchNormalization(y, { training, name: "outer" }));
    return tf.cond(
      tf.placeholderWithDefault(true, [], "deep"),
      () => tf.nn.relu(tf.layers.batchNormalization(conv(y, 8, 3, 1, "b"), { training, name: "inner" })),
      () => y,
    );
  };
  return tf.layers.dense(tf.reduceMean(net(), [1, 2]), 10, { name: "out" });
});

/** For training alone: training is Python's True. */
const alwaysTraining = classifier([8, 8, 2], (x) => {
  let net = x;
  for (let i = 0; i < 2; i++)
    net = tf.nn.relu(tf.layers.batchNormalization(conv(net, 8, 3, 1, `c${i}`), { training: true, name: `b${i}` }));
  return tf.layers.dense(tf.reduceMean(net, [1, 2]), 10, { name: "out" });
});

const ours = { train: ["train_op"], evaluate: ["logits:0"], training: "training:0", init: "init_all" };

const theirs = { ...ours, train: ["loss:0", "train_op"], evaluate: ["logits:0", "accuracy:0"], init: "init" };

export const programs: readonly Program[] = [
  {
    ...theirs,
    name: "metagraph/tutorial",
    build: () => exported("tutorial"),
    train: ["train_op"],
    evaluate: ["net:0"],
    feeds: images([100, 100, 3], "input_node:0", null),
    batch: 1,
  },
  {
    ...theirs,
    name: "metagraph/lenet_momentum",
    build: () => exported("lenet_momentum"),
    feeds: images([8, 8, 1]),
    batch: 8,
  },
  {
    ...theirs,
    name: "metagraph/lenet_resource",
    build: () => exported("lenet_resource"),
    feeds: images([8, 8, 1]),
    batch: 8,
  },
  {
    ...theirs,
    name: "metagraph/resnet_adam",
    build: () => exported("resnet_adam_schedule"),
    feeds: images([8, 8, 1]),
    batch: 8,
  },
  {
    ...theirs,
    name: "tutorial",
    build: async () => buildTutorial().graph,
    train: ["train_op"],
    evaluate: ["net:0"],
    feeds: images([100, 100, 3], "input_node:0", null),
    batch: 1,
  },
  { ...theirs, name: "lenet", build: async () => lenetMomentum().graph, feeds: images([8, 8, 1]), batch: 8 },
  { ...theirs, name: "resnet", build: async () => resnetAdamSchedule().graph, feeds: images([8, 8, 1]), batch: 8 },
  { ...theirs, name: "mobilenet", build: async () => mobilenetLike().graph, feeds: images([16, 16, 3]), batch: 8 },
  { ...ours, name: "training/lenet_digits", build: lenetDigits, feeds: images([8, 8, 1]), batch: 32 },
  { ...ours, name: "training/resnet8", build: resnet8, feeds: images([32, 32, 3]), batch: 8 },
  { ...ours, name: "perceptron", build: perceptron, feeds: images([12]), batch: 32 },
  { ...ours, name: "not fused", build: unfused, feeds: images([8, 8, 2]), batch: 16 },
  { ...ours, name: "by hand", build: byHand, feeds: images([8, 8, 2]), batch: 16 },
  { ...ours, name: "two towers", build: towers, feeds: images([8, 8, 2]), batch: 8 },
  { ...ours, name: "nested conds", build: nested, feeds: images([8, 8, 2]), batch: 8 },
  {
    ...ours,
    name: "training only",
    build: alwaysTraining,
    training: null,
    evaluate: [],
    feeds: images([8, 8, 2]),
    batch: 8,
  },
];

/** The program under other names, with no collection that would tell what is what. */
export async function renamed(graph: tf.Graph): Promise<{ graph: tf.Graph; nameOf: (name: string) => string }> {
  const names = new Map<string, string>();
  const nameOf = (name: string): string => {
    const [, op, output = ""] = /^(.*?)(:\d+)?$/.exec(name)!;
    if (!names.has(op)) names.set(op, `n${names.size}`);
    return names.get(op)! + output;
  };
  const json = (await tf.exportMetaGraphJson(graph)) as {
    graphDef: { node: { name: string; input?: string[]; attr?: Record<string, unknown> }[] };
    collectionDef?: unknown;
  };
  for (const node of json.graphDef.node) {
    node.name = nameOf(node.name);
    if (node.input)
      node.input = node.input.map((input) => (input.startsWith("^") ? `^${nameOf(input.slice(1))}` : nameOf(input)));
    delete node.attr?._class;
  }
  delete json.collectionDef;
  return { graph: await tf.importMetaGraph(json, { partial: true }), nameOf };
}
