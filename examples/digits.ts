// The same net over scikit-learn's digits twice: with batch norm's update ops, and without. Training cannot tell them apart, to the
// bit; inference can. `npm run example digits`
import * as tf from "trainlet";
import { readDigits } from "./shared/digitsData.ts";
import { lenet } from "./shared/lenet.ts";
import { printTable } from "./shared/table.ts";

const { learn, test } = await readDigits();
const [batchSize, epochs] = [32, 3];
const rows: (number | string)[][] = [];
let doctor = "";

for (const updateOps of [true, false]) {
  const steps = epochs * Math.ceil(learn.pixels.rows / batchSize);
  const net = lenet({
    seed: 1,
    size: 8,
    scale: 1,
    filters: [16, 32],
    kernel: 3,
    learningRate: 0.003,
    steps,
    momentum: 0.9,
    updateOps,
  });
  const session = await tf.Session.create({
    graph: net.graph,
    onWarning: (finding) => (doctor += `${tf.formatFinding(finding)}\n`),
  });
  await session.run(net.init);
  const { progress } = await tf.fit(session, {
    feeds: new Map([
      [net.pixels, learn.pixels],
      [net.labels, learn.labels],
    ]),
    constants: new Map([[net.training, true]]),
    train: net.train,
    fetches: { loss: net.loss, accuracy: net.accuracy },
    batchSize,
    epochs,
    seed: 1,
  });
  const held = new Map([
    [net.pixels, test.pixels],
    [net.labels, test.labels],
  ]);
  const { accuracy } = await tf.evaluate(session, { feeds: held, fetches: { accuracy: net.accuracy }, batchSize: 360 });
  const [{ mean, updates }] = session.movingStatistics();
  rows.push([
    updateOps ? "yes" : "forgotten",
    updates ?? "?",
    progress!.fetches.loss.toFixed(6),
    `${(accuracy * 100).toFixed(1)} %`,
    Math.max(...Array.from(mean.data as Float32Array, Math.abs)).toFixed(3),
  ]);
  session.close();
}

printTable(["update ops", "ran", "last loss", "held-out accuracy", "largest moving mean"], rows);
console.log(`The doctor of the run without:\n${doctor}`);
