/** Family training: small networks trained from stored initial values; losses, first gradients, final variables, logits. */
import * as tf from "../../../src/index.ts";
import type { Value } from "../compare.ts";
import type { GoldenCase } from "../goldenCase.ts";
import { withSession, type Adapter } from "./adapter.ts";
import { optimizerOf } from "./optimizer.ts";

/** One training run of a case. */
interface Run {
  readonly batchNormMomentum: number;
  /** The training step depends on the update ops. */
  readonly updates: boolean;
}

interface Network {
  logits(images: tf.Tensor, training: tf.Tensor, run: Run): tf.Tensor;
  /** Runs by name; "" where the case has only one. */
  readonly runs: ReadonlyMap<string, Run>;
  /** float32 of the pixels 0 to 255. */
  scale(pixel: number): number;
}

export const training: Adapter = async (golden) => {
  const network = golden.attrs.has("convolutions") ? residual(golden) : convolutional(golden);
  const values = new Map<string, Value>();
  for (const [name, run] of network.runs) {
    for (const [key, value] of await trained(golden, network, run)) {
      // Training does not depend on the moving statistics: what it leaves is expected once, from the first run.
      const own = name !== "" && (key === "eval_logits" || key.includes("/moving_"));
      const full = own ? key.replace(/^(final|eval_logits)/, `$1_${name}`) : key;
      if (!values.has(full)) values.set(full, value);
    }
  }
  return values;
};

// ---- Networks

/** [convolution, batch normalization, relu, max pooling] for each number of filters, then a dense layer. */
function convolutional({ attrs, inputs }: GoldenCase): Network {
  const classes = inputs.get("init/fc/bias")!.shape[0];
  const runs = Object.entries(attrs.record("runs")).map(([name, given]): [string, Run] => [
    name,
    {
      batchNormMomentum: given.number("bn_momentum"),
      updates: given.boolean("control_dependencies_on_update_ops"),
    },
  ]);
  return {
    runs: new Map(runs),
    scale: (pixel) => Math.fround(pixel * Math.fround(attrs.number("input_scale"))),
    logits(images, isTraining, { batchNormMomentum }) {
      let net = images;
      for (const [i, filters] of attrs.numbers("filters").entries()) {
        const [height, width, , made] = inputs.get(`init/conv_${i + 1}/kernel`)!.shape;
        if (made !== filters) throw new Error(`conv_${i + 1} has ${made} filters, not ${filters}.`);
        const useBias = inputs.has(`init/conv_${i + 1}/bias`);
        net = tf.layers.conv2d(net, filters, [height, width], { padding: "same", useBias, name: `conv_${i + 1}` });
        net = tf.layers.batchNormalization(net, {
          momentum: batchNormMomentum,
          epsilon: attrs.number("epsilon"),
          training: isTraining,
          name: `bn_${i + 1}`,
        });
        net = tf.layers.maxPooling2d(tf.nn.relu(net), 2, 2);
      }
      return tf.layers.dense(tf.layers.flatten(net), classes, { name: "fc" });
    },
  };
}

/** ResNet-8 and the like: a convolution, then blocks of two, with a shortcut where the stride is not 1. */
function residual({ attrs, inputs }: GoldenCase): Network {
  const rows = new Map(attrs.rows("convolutions").map((row) => [String(row[0]), row.slice(1).map(Number)]));
  const classes = inputs.get("init/fc/bias")!.shape[0];
  const run: Run = {
    batchNormMomentum: attrs.number("bn_momentum"),
    updates: attrs.boolean("control_dependencies_on_update_ops"),
  };
  return {
    runs: new Map([["", run]]),
    scale: (pixel) => Math.fround(Math.fround(pixel / 127.5) - 1),
    logits(images, isTraining, { batchNormMomentum }) {
      const layer = (net: tf.Tensor, name: string): tf.Tensor => {
        const [size, , filters, strides] = rows.get(name)!;
        const convolved = tf.layers.conv2d(net, filters, size, { strides, padding: "same", useBias: false, name });
        return tf.layers.batchNormalization(convolved, {
          momentum: batchNormMomentum,
          epsilon: attrs.number("bn_epsilon"),
          training: isTraining,
          name: `${name}_bn`,
        });
      };
      let net = tf.nn.relu(layer(images, "conv0"));
      for (let i = 1; rows.has(`block${i}/conv_a`); i++) {
        const shortcut = rows.has(`block${i}/shortcut`) ? layer(net, `block${i}/shortcut`) : net;
        const inner = tf.nn.relu(layer(net, `block${i}/conv_a`));
        net = tf.nn.relu(tf.add(layer(inner, `block${i}/conv_b`), shortcut));
      }
      return tf.layers.dense(tf.reduceMean(net, [1, 2]), classes, { name: "fc" });
    },
  };
}

// ---- A run

/** What a run gives, by output; `eval_logits` and final moving statistics without the run's name. */
async function trained(golden: GoldenCase, network: Network, run: Run): Promise<Map<string, Value>> {
  const { attrs, inputs } = golden;
  const [, ...size] = inputs.get("pixels")!.shape;
  const graph = new tf.Graph();
  const program = graph.asDefault(() => {
    // Grey pictures have no dimension for their channel.
    const images = tf.placeholder(tf.float32, [null, ...size, ...(size.length === 2 ? [1] : [])], "images");
    const labels = tf.placeholder(tf.int32, [null], "labels");
    const isTraining = tf.placeholderWithDefault(true, [], "training");
    const logits = network.logits(images, isTraining, run);
    const loss = tf.losses.sparseSoftmaxCrossEntropy(labels, logits);
    // Batch normalization has an epsilon too: the optimizer's is called adam_epsilon and the like.
    const epsilon = `${attrs.string("optimizer").toLowerCase()}_epsilon`;
    const named = attrs.with("epsilon", attrs.has(epsilon) ? attrs.number(epsilon) : null);
    const optimizer = optimizerOf(attrs.string("optimizer"), named, tf.train.getOrCreateGlobalStep());
    const gradients = optimizer.computeGradients(loss);
    const updates = run.updates ? tf.getCollection(tf.GraphKeys.UPDATE_OPS) : [];
    const trainOp = tf.controlDependencies(updates, () =>
      optimizer.applyGradients(gradients, { globalStep: tf.train.getGlobalStep() }),
    );
    return { images, labels, isTraining, logits, loss, gradients, trainOp, init: tf.globalVariablesInitializer() };
  });
  const data = samples(golden, network);
  const feedOf = (rows: readonly number[], isTraining: boolean): Map<tf.Tensor, tf.FeedValue> =>
    new Map<tf.Tensor, tf.FeedValue>([
      [program.images, data.images(rows)],
      [program.labels, data.labels(rows)],
      [program.isTraining, isTraining],
    ]);
  return withSession(graph, async (session) => {
    await session.run(program.init);
    session.load(Object.fromEntries(byPrefix(inputs, "init/")));
    const values = new Map<string, Value>();
    const names = program.gradients.map(([, variable]) => `grad_step1/${variable.op.name}`);
    const gradients = program.gradients.map(([gradient]) => gradient!);
    const first = await session.run(gradients, feedOf(data.batch(0), true));
    names.forEach((name, i) => values.set(name, first[i]));

    const losses: number[] = [];
    for (let step = 0; step < attrs.number("steps"); step++) {
      const { loss } = await session.run(
        { loss: program.loss, train: program.trainOp },
        feedOf(data.batch(step), true),
      );
      losses.push(Number(loss!.item()));
    }
    values.set("loss", { dtype: "float32", shape: [losses.length], data: Float32Array.from(losses) });
    for (const [name, value] of session.variables()) {
      const slot = /^(.*)\/Momentum$/.exec(name);
      values.set(slot ? `final_momentum/${slot[1]}` : `final/${name}`, value);
    }
    values.set("eval_logits", await session.run(program.logits, feedOf(data.evaluation, false)));
    values.set("eval_logits_batch_stats", await session.run(program.logits, feedOf(data.evaluation, true)));
    return values;
  });
}

/** The case's pictures by row numbers. Batches and rows for evaluation are listed, or consecutive and the last. */
function samples({ attrs, inputs }: GoldenCase, network: Network) {
  const pixels = inputs.get("pixels")!;
  const labels = inputs.get("labels")!;
  const [count, ...size] = pixels.shape;
  const length = size.reduce((product, item) => product * item, 1);
  const batchSize = attrs.number("batch_size");
  const range = (begin: number, end: number): number[] => Array.from({ length: end - begin }, (_, i) => begin + i);
  const listed = (name: string): number[] | null =>
    inputs.has(name) ? Array.from(inputs.get(name)!.data, Number) : null;
  const batches = listed("batches");
  return {
    batch: (step: number): number[] =>
      batches
        ? batches.slice(step * batchSize, (step + 1) * batchSize)
        : range(step * batchSize, (step + 1) * batchSize),
    evaluation: listed("eval_rows") ?? range(attrs.number("steps") * batchSize, count),
    images(rows: readonly number[]): tf.FeedValue {
      const data = new Float32Array(rows.length * length);
      rows.forEach((row, i) => {
        for (let k = 0; k < length; k++) data[i * length + k] = network.scale(Number(pixels.data[row * length + k]));
      });
      return { data, shape: [rows.length, ...size, ...(size.length === 2 ? [1] : [])] };
    },
    labels: (rows: readonly number[]): tf.FeedValue => ({
      data: Int32Array.from(rows, (row) => Number(labels.data[row])),
      shape: [rows.length],
    }),
  };
}

function byPrefix<T>(tensors: ReadonlyMap<string, T>, prefix: string): Map<string, T> {
  const found = [...tensors].filter(([name]) => name.startsWith(prefix));
  return new Map(found.map(([name, tensor]) => [name.slice(prefix.length), tensor]));
}
