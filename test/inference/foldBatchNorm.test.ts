/** Folding batch norm: what is folded into what, what stays and why, and how far results are off. */
import { readFileSync } from "node:fs";
import { afterEach, describe, expect, test } from "vitest";
import * as tf from "../../src/entry/node.ts";
import { decodeSafetensors } from "../../src/formats/safetensors.ts";

const open: tf.Session[] = [];
afterEach(() => {
  for (const session of open.splice(0)) session.close();
});

async function sessionOf(graph: tf.Graph): Promise<tf.Session> {
  const session = await tf.Session.create({ graph, seed: 1, onWarning: () => {} });
  open.push(session);
  return session;
}

const valuesOf = (tensor: tf.FetchedTensor | undefined): number[] => [...tensor!.data].map(Number);

/** Numbers without a pattern, the same in every test. */
function numbers(count: number, scale = 1, offset = 0): Float32Array {
  let state = 12345;
  return Float32Array.from({ length: count }, () => {
    state = (state * 1103515245 + 12345) % 2 ** 31;
    return (state / 2 ** 30 - 1) * scale + offset;
  });
}

/** A session of the net with every variable set to something that shows a mistake, variances positive. */
async function netSession(
  build: (x: tf.Tensor, training: tf.Tensor) => tf.Tensor,
  shape: (number | null)[] = [null, 6, 6, 3],
) {
  const graph = new tf.Graph();
  graph.asDefault(() => {
    const x = tf.placeholder(tf.float32, shape, "x");
    const training = tf.placeholderWithDefault(true, [], "training");
    tf.identity(build(x, training), "y");
  });
  const session = await sessionOf(graph);
  await session.run(graph.asDefault(() => tf.globalVariablesInitializer()));
  for (const [name, { data }] of session.variables()) {
    const values = name.endsWith("variance") ? numbers(data.length, 0.4, 1.5) : numbers(data.length, 0.7, 0.1);
    session.load({ [name]: values });
  }
  const rows = shape.map((size) => size ?? 4);
  const input = {
    data: numbers(
      rows.reduce((a, b) => a * b, 1),
      2,
    ),
    shape: rows,
  };
  return { session, graph, inputs: [{ "x:0": input }] };
}

const feeds = { "training:0": false };
/** Sums of some hundred products in another rounding: far above what float32 makes of them, far below a wrong rule. */
const tolerance = 3e-6;

type Net = [
  name: string,
  into: string[],
  build: (x: tf.Tensor, training: tf.Tensor) => tf.Tensor,
  shape?: (number | null)[],
];
const norm = (x: tf.Tensor, training: tf.Tensor | boolean, more = {}): tf.Tensor =>
  tf.layers.batchNormalization(x, { training, ...more });
const nets: Net[] = [
  ["a convolution with bias", ["conv2d/Conv2D"], (x, training) => norm(tf.layers.conv2d(x, 5, 3), training)],
  [
    "a convolution without bias",
    ["conv2d/Conv2D"],
    (x, training) => norm(tf.layers.conv2d(x, 5, 3, { useBias: false }), training),
  ],
  ["training false in the graph", ["conv2d/Conv2D"], (x) => norm(tf.layers.conv2d(x, 5, 3), false)],
  ["no gamma", ["conv2d/Conv2D"], (x, training) => norm(tf.layers.conv2d(x, 5, 3), training, { scale: false })],
  ["no beta", ["conv2d/Conv2D"], (x, training) => norm(tf.layers.conv2d(x, 5, 3), training, { center: false })],
  [
    "an epsilon of its own",
    ["conv2d/Conv2D"],
    (x, training) => norm(tf.layers.conv2d(x, 5, 3), training, { epsilon: 0.5 }),
  ],
  [
    "the composed form",
    ["conv2d/Conv2D"],
    (x, training) => norm(tf.layers.conv2d(x, 5, 3), training, { fused: false }),
  ],
  ["a matrix product", ["dense/MatMul"], (x, training) => norm(tf.layers.dense(x, 7), training), [null, 11]],
  [
    "a transposed matrix product",
    ["MatMul"],
    (x, training) => norm(tf.matmul(x, tf.getVariable("w", [7, 11]), { transposeB: true }), training),
    [null, 11],
  ],
  [
    "a separable convolution",
    ["separable_conv2d/separable_conv2d"],
    (x, training) => norm(tf.layers.separableConv2d(x, 5, 3), training),
  ],
  [
    "a depthwise convolution",
    ["depthwise"],
    (x, training) => norm(tf.nn.depthwiseConv2d(x, tf.getVariable("w", [3, 3, 3, 2]), { name: "depthwise" }), training),
  ],
  [
    "a transposed convolution",
    ["conv2d_transpose/conv2d_transpose"],
    (x, training) => norm(tf.layers.conv2dTranspose(x, 5, 3, { strides: 2 }), training),
  ],
  [
    "two layers with a shortcut",
    ["conv2d/Conv2D", "conv2d_1/Conv2D"],
    (x, training) => {
      const inner = tf.nn.relu(norm(tf.layers.conv2d(x, 3, 3, { padding: "same" }), training));
      return tf.add(x, norm(tf.layers.conv2d(inner, 3, 3, { padding: "same" }), training));
    },
  ],
  [
    "two convolutions with the same weights",
    ["first", "second"],
    (x, training) => {
      const w = tf.getVariable("w", [3, 3, 3, 3]);
      const first = norm(tf.nn.conv2d(x, w, { name: "first" }), training);
      return norm(tf.nn.conv2d(first, w, { name: "second" }), training);
    },
  ],
];

test.each(nets)("%s", async (_, into, build, shape) => {
  const { session, inputs } = await netSession(build, shape);
  const { graph, fetches, folded, kept, error } = await tf.foldBatchNorm(session, { fetches: "y", feeds, inputs });
  expect(folded.map((item) => item.into)).toEqual(into);
  expect(kept).toEqual([]);
  expect(fetches.map(({ name }) => name)).toEqual(["y:0"]);
  const types = graph.operations.map(({ type }) => type);
  expect(
    types.filter((type) =>
      /^FusedBatchNorm|^VariableV2$|^Switch$|^Merge$|^Assign|^Rsqrt$|^PlaceholderWithDefault$/.test(type),
    ),
  ).toEqual([]);
  expect(error!.maxRelative).toBeLessThan(tolerance);
  // A net that gives nothing would be right too.
  const [y] = await session.run(["y:0"], { ...inputs[0], ...feeds });
  expect(Math.max(...valuesOf(y).map(Math.abs))).toBeGreaterThan(0.1);
});

describe("TensorFlow's graphs", () => {
  test.each([
    ["tutorial", "net:0", "input_node:0", 1],
    ["lenet_momentum", "logits:0", "input:0", 2],
    ["lenet_resource", "logits:0", "input:0", 2],
    ["resnet_adam_schedule", "logits:0", "input:0", 7],
  ])("%s", async (program, output, input, layers) => {
    const read = (file: string): Uint8Array =>
      readFileSync(new URL(`../golden/metagraph/${program}/${file}`, import.meta.url));
    const session = await sessionOf(await tf.importMetaGraph(read("graph.meta")));
    await session.restore({ index: read("ckpt.index"), data: read("ckpt.data-00000-of-00001") });
    const { tensors } = decodeSafetensors(read("io.safetensors"));
    const batch = { [input]: tensors.get(`feed0/${input}`)! };
    const { graph, folded, error } = await tf.foldBatchNorm(session, { fetches: output, feeds, inputs: [batch] });
    expect(folded).toHaveLength(layers);
    expect(error!.maxRelative).toBeLessThan(tolerance);

    // As a file it runs elsewhere, and gives what was measured.
    const again = await sessionOf(await tf.importMetaGraph(await tf.exportMetaGraph(graph)));
    const [before] = await session.run([output], { ...batch, ...feeds });
    const [after] = await again.run([output], batch);
    const [was, is] = [valuesOf(before), valuesOf(after)];
    const off = Math.max(...was.map((value, i) => Math.abs(value - is[i])));
    expect(off).toBe(error!.maxAbsolute);
  });
});

describe("what stays", () => {
  test.each<[string, string, (x: tf.Tensor, training: tf.Tensor) => tf.Tensor]>([
    [
      "a normalization of no product",
      "what it normalises is 'Relu' (op: 'Relu')",
      (x, training) => norm(tf.nn.relu(x), training),
    ],
    [
      "a normalization of the input",
      "what it normalises is 'x' (op: 'Placeholder')",
      (x, training) => norm(x, training),
    ],
    [
      "a convolution that others take",
      "'conv2d/BiasAdd' is taken elsewhere too",
      (x, training) => {
        const conv = tf.layers.conv2d(x, 5, 3);
        return tf.add(norm(conv, training), conv);
      },
    ],
    [
      "a convolution without bias that others take",
      "'conv2d/Conv2D' is taken elsewhere too",
      (x, training) => {
        const conv = tf.layers.conv2d(x, 5, 3, { useBias: false });
        return tf.add(norm(conv, training), conv);
      },
    ],
    ["batch statistics", "it normalises with the batch's own statistics", (x) => norm(tf.layers.conv2d(x, 5, 3), true)],
    [
      "weights that are computed",
      "the weights of 'Conv2D' are computed in the run",
      (x, training) =>
        norm(tf.nn.conv2d(x, tf.multiply(tf.getVariable("w", [3, 3, 3, 2]), tf.reduceMean(x))), training),
    ],
  ])("%s", async (_, why, build) => {
    const { session, inputs } = await netSession(build);
    const { folded, kept, error } = await tf.foldBatchNorm(session, { fetches: "y:0", feeds, inputs });
    expect(folded).toEqual([]);
    expect(kept.map((item) => item.why)).toEqual([why]);
    // Nothing is computed differently.
    expect(error).toEqual({ maxAbsolute: 0, maxRelative: 0 });
  });
});

test("without inputs nothing is measured", async () => {
  const { session } = await netSession((x, training) => norm(tf.layers.conv2d(x, 5, 3), training));
  expect((await tf.foldBatchNorm(session, { fetches: "y:0", feeds })).error).toBeNull();
});

test("what was fed to fold is no input any more", async () => {
  const { session, inputs } = await netSession((x, training) => norm(tf.layers.conv2d(x, 5, 3), training));
  const folding = tf.foldBatchNorm(session, { fetches: "y:0", feeds, inputs: [{ ...inputs[0], ...feeds }] });
  await expect(folding).rejects.toThrow("Feed argument 'training:0' cannot be interpreted as a Tensor.");
});

test("the session's graph and values stay as they were", async () => {
  const { session, graph, inputs } = await netSession((x, training) => norm(tf.layers.conv2d(x, 5, 3), training));
  const before = [graph.operations.length, await session.checkpoint()];
  await tf.foldBatchNorm(session, { fetches: "y:0", feeds, inputs });
  expect([graph.operations.length, await session.checkpoint()]).toEqual(before);
});

test("several outputs, and one that only passes a value on, under their names", async () => {
  const { session, inputs } = await netSession((x, training) => {
    const y = norm(tf.layers.conv2d(x, 5, 3), training);
    tf.identity(tf.nn.relu(y), "positive");
    return y;
  });
  const { graph, fetches } = await tf.foldBatchNorm(session, { fetches: ["positive:0", "y:0", "x:0"], feeds });
  expect(fetches.map(({ name }) => name)).toEqual(["positive:0", "y:0", "x:0"]);
  const folded = await sessionOf(graph);
  const [positive, y] = await folded.run(["positive:0", "y:0"], inputs[0]);
  expect(valuesOf(positive)).toEqual(valuesOf(y).map((value) => Math.max(value, 0)));
});

describe("mistakes", () => {
  const build = (x: tf.Tensor, training: tf.Tensor): tf.Tensor => norm(tf.layers.conv2d(x, 5, 3), training);

  test("a branch that only the run decides", async () => {
    const { session } = await netSession((x) => norm(tf.layers.conv2d(x, 5, 3), tf.greater(tf.reduceMean(x), 0)));
    await expect(tf.foldBatchNorm(session, { fetches: "y:0" })).rejects.toMatchObject({
      name: "InvalidArgumentError",
      message: expect.stringMatching(
        /^A graph for inference has no branches, and only the run decides '.*' \(op: '(Switch|Merge)'\): feed its predicate/,
      ) as string,
    });
  });

  test("an output that changes a variable", async () => {
    const { session, graph } = await netSession(build);
    const [update] = graph.getCollection<tf.Operation>(tf.GraphKeys.UPDATE_OPS);
    await expect(tf.foldBatchNorm(session, { fetches: update.outputs[0], feeds })).rejects.toMatchObject({
      name: "InvalidArgumentError",
      message: expect.stringContaining("A graph for inference changes no variables") as string,
    });
  });

  test("variables without values", async () => {
    const { graph } = await netSession(build);
    const session = await sessionOf(graph);
    await expect(tf.foldBatchNorm(session, { fetches: "y:0", feeds })).rejects.toMatchObject({
      name: "FailedPreconditionError",
      message: expect.stringContaining("Attempting to use uninitialized value '") as string,
    });
  });

  test("nothing to fetch", async () => {
    const { session } = await netSession(build);
    await expect(tf.foldBatchNorm(session, { fetches: [], feeds })).rejects.toThrow("foldBatchNorm needs a fetch");
    await expect(tf.foldBatchNorm(session, { fetches: "nothing:0", feeds })).rejects.toThrow(
      "cannot be interpreted as a Tensor",
    );
  });
});
