/** NN005: pixels that go into the first layer as they are. */
import type { Tensor } from "../../graph/operation.ts";
import type { Feed } from "../../runtime/feeds.ts";
import type { Examination } from "../examination.ts";
import { listed, shown, type Case, type Rule, type RulePage } from "../finding.ts";
import { reached } from "../structure.ts";

const unscaled = 20;
/** Elements that are looked at. */
const sample = 4096;

export const NN005: Rule = {
  id: "NN005",
  severity: "warning",
  look: (x) =>
    x.trains
      ? x.feeds.flatMap((feed): Case[] => {
          const largest = pixelRange(feed);
          return largest > unscaled && goesIntoWeights(feed.tensor, x)
            ? [{ ops: [feed.tensor.op], name: feed.tensor.op.name, figure: largest }]
            : [];
        })
      : [],
  say: (cases) =>
    `The values fed to ${listed(cases.map(({ name }) => name))} are whole numbers up to ${shown(
      Math.max(...cases.map(({ figure }) => figure!)),
    )}, and the first layer takes them as they are, with no batch norm behind it: its outputs and gradients are as many times too large for the usual initial weights and learning rates.`,
  fix: `const scaled = tf.subtract(tf.multiply(images, 1 / 127.5), 1);`,
};

/** The largest element, if all that are looked at are whole and none is negative; otherwise 0. */
function pixelRange({ data, tensor }: Feed): number {
  if (!tensor.dtype.base.isFloating && tensor.dtype.base.name !== "uint8") return 0;
  let largest = 0;
  const every = Math.max(1, Math.floor(data.length / sample));
  for (let i = 0; i < data.length; i += every) {
    const value = Number(data[i]);
    if (!Number.isInteger(value) || value < 0) return 0;
    if (value > largest) largest = value;
  }
  return largest;
}

const unchanging = new Set(["Identity", "Cast", "Reshape", "Switch", "Squeeze", "ExpandDims", "Transpose", "Pad"]);
const weighing = new Set(["Conv2D", "DepthwiseConv2dNative", "MatMul"]);
const between = new Set(["Identity", "BiasAdd", "Add", "AddV2", "Switch", "Reshape"]);

function goesIntoWeights(tensor: Tensor, { structure, running }: Examination): boolean {
  const norms = new Set([
    ...structure.layers.flatMap((layer) => layer.training),
    ...structure.inferences.map(({ op }) => op),
  ]);
  const through = (types: ReadonlySet<string>, from: readonly Tensor[]): ReturnType<typeof reached> =>
    reached(
      from.flatMap(({ consumers }) => consumers),
      (op) => (types.has(op.type) ? op.outputs.flatMap(({ consumers }) => consumers) : []),
    );
  const layers = [...through(unchanging, [tensor])].filter((op) => weighing.has(op.type) && running.has(op));
  return layers.some((op) => ![...through(between, op.outputs)].some((after) => norms.has(after)));
}

export const page: RulePage = {
  title: "Input not scaled",
  seen: "R from the values of a feed",
  why: "Initial weights and usual learning rates are made for inputs of about 1; pixels of 0 to 255 make the first outputs and gradients hundreds of times too large. Training diverges, or saturates and stands still.",
  sources: ["NeuraLint: unnormalised data", "TheDeepChecker"],
  failing: `const x = tf.placeholder(tf.float32, [null, 8, 8, 1], "x");
const net = tf.layers.conv2d(x, 4, 3, { activation: tf.nn.relu });
const loss = tf.reduceMean(tf.square(net));
const trainOp = new tf.train.GradientDescentOptimizer(0.1).minimize(loss);

const pixels = { data: Float32Array.from({ length: 8 * 64 }, (_, i) => (i * 37) % 256), shape: [8, 8, 8, 1] };
const findings = tf.doctor(tf.getDefaultGraph(), { fetches: trainOp, feeds: { "x:0": pixels } });`,
  change: [["tf.layers.conv2d(x,", "tf.layers.conv2d(tf.multiply(x, 1 / 255),"]],
};
