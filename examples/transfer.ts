// Transfer: a net that tells ten digits apart is to answer another question, whether a digit has a closed loop, from 40 samples.
// Its convolutions and their statistics are frozen, a new head is trained; beside it a warm start in which all goes on learning,
// and the same without what the net knows.
// `npm run example transfer`
import * as tf from "trainlet";
import { readDigits, relabelled, type Samples } from "./shared/digitsData.ts";
import { lenet, type Classifier } from "./shared/lenet.ts";
import { printTable } from "./shared/table.ts";

const { learn, test } = await readDigits();
const shape = { size: 8, scale: 1 / 16, filters: [16, 32], kernel: 3, momentum: 0.9 } as const;

/** Whether the digit is drawn with a closed loop. */
const hasLoop = [1, 0, 0, 0, 0, 0, 1, 0, 1, 1];
const loops = (samples: Samples): Samples => relabelled(samples, (digit) => hasLoop[digit]);

async function train(
  session: tf.Session,
  net: Classifier,
  { pixels, labels }: Samples,
  steps: number,
  training: boolean,
) {
  return tf.fit(session, {
    feeds: new Map([
      [net.pixels, pixels],
      [net.labels, labels],
    ]),
    constants: new Map([[net.training, training]]),
    train: net.train,
    fetches: { loss: net.loss },
    batchSize: 20,
    steps,
    seed: 1,
  });
}

async function accuracyOf(session: tf.Session, net: Classifier, { pixels, labels }: Samples): Promise<string> {
  const { accuracy } = await tf.evaluate(session, {
    feeds: new Map([
      [net.pixels, pixels],
      [net.labels, labels],
    ]),
    fetches: { accuracy: net.accuracy },
    batchSize: 360,
  });
  return `${(accuracy * 100).toFixed(1)} %`;
}

// The net to start from.
const first = lenet({ ...shape, seed: 1, learningRate: 0.003, steps: 300 });
const teacher = await tf.Session.create({ graph: first.graph });
await teacher.run(first.init);
await train(teacher, first, learn, 300, true);
const knownAccuracy = await accuracyOf(teacher, first, test);
const checkpoint = await teacher.checkpoint();
teacher.close();

// The first 40 samples with the new labels: that is all there is.
const few = loops({ pixels: tf.data.slice(learn.pixels, 0, 40), labels: tf.data.slice(learn.labels, 0, 40) });

const table: string[][] = [];
for (const [name, headOnly, warm] of [
  ["frozen trunk, new head", true, true],
  ["warm start, all trained", false, true],
  ["from scratch", false, false],
] as const) {
  const net = lenet({ ...shape, classes: 2, seed: 2, learningRate: headOnly ? 0.01 : 0.003, steps: 60, headOnly });
  // A frozen net normalises with the statistics it has: training stays false, on purpose.
  const session = await tf.Session.create({ graph: net.graph, silence: headOnly ? ["BN003"] : [] });
  await session.run(net.init);
  if (warm) await session.restore(checkpoint, { only: /^(conv|bn)_\d\/[^/]+$/ });
  const before = session.variables();
  const { progress } = await train(session, net, few, 60, !headOnly);
  const after = session.variables();
  const trunk = [...before.keys()].filter((variable) => /^(conv|bn)_\d\/[^/]+$/.test(variable));
  const moved = trunk.filter((variable) => String(after.get(variable)!.data) !== String(before.get(variable)!.data));
  table.push([
    name,
    `${moved.length} of ${trunk.length}`,
    progress!.fetches.loss.toFixed(4),
    await accuracyOf(session, net, loops(test)),
  ]);
  session.close();
}

console.log(`\nThe net to start from tells the ten digits apart: ${knownAccuracy} of those held back.`);
printTable(["loop or not, from 40 samples", "trunk variables that moved", "last loss", "held-out accuracy"], table);
