// The tutorial's training step: photograph → conv2d 3×3/2, 32 channels → bias → batch norm with batch statistics →
// two moving averages. The same numbers go into both sides, and the same must come out before anything is timed.
import { readFileSync } from "node:fs";
import * as trainlet from "../dist/src/entry/node.js";
import { decodeSafetensors } from "../dist/src/formats/safetensors.js";
import { contender, race, type Effort } from "./measure.ts";
import { tutorial } from "./nets/tutorial.ts";
import { tf, tfjsName, useTfjs } from "./peers/tfjs.ts";
import { rowOf, type Row } from "./report.ts";

const filters = 32;
const [momentum, epsilon] = [0.99, 1e-3];
/** Elements a channel: 50 × 50 of one image. */
const elements = 2500;

const golden = new URL("../test/golden/tutorial/default_with_update.safetensors", import.meta.url);
const { tensors } = decodeSafetensors(readFileSync(golden));
const input = (name: string): Float32Array => Float32Array.from(tensors.get(name)!.data as Float32Array);
const image = input("image_bgr");
const parameters = ["conv_1/kernel", "conv_1/bias", "bn/gamma", "bn/beta"] as const;

export const tutorialCase = "tutorial, 1x100x100x3";

/** The photograph and the parameters, by name. */
export function tutorialTensors(): Map<string, { data: Float32Array; shape: readonly number[] }> {
  const named = parameters.map((name) => [name, { data: input(name), shape: tensors.get(name)!.shape }] as const);
  return new Map([...named, ["images", { data: image, shape: [1, 100, 100, 3] }]]);
}

/** One side: a step that leaves its result where it is, one that takes the image in and gives the output's numbers, and
 * what the moving averages are. */
interface Side {
  readonly name: string;
  step(): unknown;
  stepWithData(): unknown;
  movingStatistics(): Promise<Float32Array[]>;
}

export async function ours(): Promise<Side> {
  const { graph, input: x, trainOp, init } = tutorial();
  const session = await trainlet.Session.create({ graph });
  await session.run(init);
  session.load(Object.fromEntries(parameters.map((name) => [name, input(name)])));
  const feeds = new Map([[x, image]]);
  return {
    name: "trainlet",
    // A session takes its feeds anew in every run: this side copies the image in, the peer need not.
    step: () => session.run(trainOp.op, feeds),
    stepWithData: () => session.run(trainOp, feeds),
    async movingStatistics() {
      const values = await session.run(["bn/moving_mean/read:0", "bn/moving_variance/read:0"]);
      return values.map(({ data }) => data as Float32Array);
    },
  };
}

/** `fusedBias`: the bias added by the convolution's kernel, which training code written with layers does not get. */
function theirs(fusedBias: boolean): Side {
  const kernel = tf.tensor4d(input("conv_1/kernel"), [3, 3, 3, filters]);
  const [bias, gamma, beta] = ["conv_1/bias", "bn/gamma", "bn/beta"].map((name) => tf.tensor1d(input(name)));
  const resident = tf.tensor4d(image, [1, 100, 100, 3]);
  const movingMean = tf.variable(tf.zeros([filters]));
  const movingVariance = tf.variable(tf.ones([filters]));
  const decay = tf.scalar(1 - momentum);
  const bessel = tf.scalar(elements / (elements - 1));
  const moveAverage = (average: tf.Variable, value: tf.Tensor): void =>
    average.assign(tf.sub(average, tf.mul(tf.sub(average, value), decay)));
  const train = (x: tf.Tensor4D): tf.Tensor => {
    const conv = fusedBias
      ? tf.fused.conv2d({ x, filter: kernel, strides: 2, pad: "same", bias })
      : tf.add(tf.conv2d(x, kernel, 2, "same"), bias);
    const { mean, variance } = tf.moments(conv, [0, 1, 2]);
    const y = tf.batchNorm(conv, mean as tf.Tensor1D, variance as tf.Tensor1D, beta, gamma, epsilon);
    moveAverage(movingMean, mean);
    moveAverage(movingVariance, tf.mul(variance, bessel));
    return y;
  };
  return {
    name: tfjsName("wasm"),
    step: () => tf.tidy(() => void train(resident)),
    stepWithData() {
      const y = tf.tidy(() => train(tf.tensor4d(image, [1, 100, 100, 3])));
      // Not inside of tidy, which would search the numbers for tensors.
      const data = y.dataSync();
      y.dispose();
      return data;
    },
    movingStatistics: async () => [await movingMean.data(), await movingVariance.data()] as Float32Array[],
  };
}

export async function benchTutorial(effort: Effort): Promise<Row[]> {
  await useTfjs("wasm");
  const rows: Row[] = [];
  const us = await ours();
  for (const fusedBias of [false, true]) {
    const peer = theirs(fusedBias);
    if (!fusedBias) await checkAgreement(us, peer);
    const variants: [variant: string, step: (side: Side) => () => unknown][] = [
      ["step", (side) => side.step],
      ["step, image in, output out", (side) => side.stepWithData],
    ];
    for (const [variant, step] of variants) {
      const contenders = [us, peer].map((side) => contender(side.name, step(side)));
      const [ourTiming, peerTiming] = await race(contenders, effort);
      const what = {
        group: "step",
        case: tutorialCase,
        variant: fusedBias ? `${variant}, peer fuses the bias` : variant,
      };
      rows.push(rowOf(what, ourTiming, peerTiming));
    }
  }
  return rows;
}

/** Both sides must have computed the same before their times mean anything. */
async function checkAgreement(a: Side, b: Side): Promise<void> {
  for (let i = 0; i < 100; i++) {
    await a.step();
    b.step();
  }
  const [ofA, ofB] = [await a.movingStatistics(), await b.movingStatistics()];
  ofA.forEach((values, k) => {
    const scale = Math.max(...values.map(Math.abs));
    const apart = Math.max(...values.map((value, i) => Math.abs(value - ofB[k][i])));
    // Float32 sums over 2500 elements in another order, and 100 roundings of the average.
    if (!(scale > 1 && apart <= 1e-5 * scale)) {
      const which = k === 0 ? "moving means" : "moving variances";
      throw new Error(
        `The ${which} of ${a.name} and ${b.name} are ${apart} apart after 100 steps, at a scale of ${scale}.`,
      );
    }
  });
}
