// What the doctor costs: a step in a session with it against one without, and what it does at each step timed by itself.
// node bench/doctor.ts
import { pathToFileURL } from "node:url";
import { Watch } from "../src/doctor/watch.ts";
import * as tf from "../src/entry/node.ts";
import { contender, race, type Effort } from "./measure.ts";

export interface DoctorCost {
  readonly name: string;
  /** Milliseconds a step, medians. */
  readonly with: number;
  readonly without: number;
  /** Median over the rounds of (with − without) / without. */
  readonly ratio: number;
  /** Milliseconds that the doctor's own calls of one step take, and their part of a step. */
  readonly own: number;
  readonly ownRatio: number;
  /** Milliseconds, once for each kind of run: what examining it takes. */
  readonly examination: number;
}

interface Step {
  readonly graph: tf.Graph;
  readonly init: tf.Operation;
  readonly train: tf.Operation;
  readonly feeds: Record<string, tf.FeedValue>;
}

/** A small net on purpose: what costs the same at every step weighs most there. */
function net(size: number, channels: number, batch: number, blocks: number): Step {
  const graph = new tf.Graph();
  return graph.asDefault(() => {
    tf.setRandomSeed(1);
    const x = tf.placeholder(tf.float32, [null, size, size, 1], "x");
    const labels = tf.placeholder(tf.int32, [null], "labels");
    const training = tf.placeholderWithDefault(true, [], "training");
    let y = x;
    for (let i = 0; i < blocks; i++) {
      y = tf.layers.conv2d(y, channels, 3, { padding: "same", useBias: false });
      y = tf.nn.relu(tf.layers.batchNormalization(y, { training }));
    }
    const logits = tf.layers.dense(tf.reduceMean(y, [1, 2]), 10);
    const loss = tf.reduceMean(tf.nn.sparseSoftmaxCrossEntropyWithLogits({ labels, logits }));
    const train = new tf.train.MomentumOptimizer(0.01, 0.9).minimize(loss, { updateOps: true });
    const feeds = {
      "x:0": {
        data: Float32Array.from({ length: batch * size * size }, (_, i) => (i % 17) / 17),
        shape: [batch, size, size, 1],
      },
      "labels:0": Int32Array.from({ length: batch }, (_, i) => i % 10),
    };
    return { graph, init: tf.globalVariablesInitializer(), train, feeds };
  });
}

const nets: readonly (readonly [string, () => Step])[] = [
  ["1 block, 8×8, batch 8", () => net(8, 4, 8, 1)],
  ["2 blocks, 8×8, batch 32", () => net(8, 16, 32, 2)],
  ["8 blocks, 16×16, batch 16", () => net(16, 16, 16, 8)],
];

export async function doctorCosts(effort: Effort): Promise<DoctorCost[]> {
  const costs: DoctorCost[] = [];
  for (const [name, build] of nets) {
    const step = build();
    const sessions = await Promise.all(
      [true, false].map((doctor) => tf.Session.create({ graph: step.graph, doctor, seed: 1 })),
    );
    for (const session of sessions) await session.run(step.init);
    const [on, off] = await race(
      sessions.map((session, i) => contender(i === 0 ? "with" : "without", () => session.run(step.train, step.feeds))),
      effort,
    );
    const ratios = on.rounds.map((ms, i) => ms / off.rounds[i] - 1).sort((a, b) => a - b);
    const { own, examination } = ownCost(step, sessions[0]);
    for (const session of sessions) session.close();
    costs.push({
      name,
      with: on.ms,
      without: off.ms,
      ratio: ratios[Math.floor(ratios.length / 2)],
      own,
      ownRatio: own / off.ms,
      examination,
    });
  }
  return costs;
}

/** The calls that a session makes at each step, and the one at the first, alone. */
function ownCost(step: Step, session: tf.Session): { own: number; examination: number } {
  const watch = new Watch({ graph: step.graph, silence: [], warn() {}, updatesOf: () => 0, valueOf: () => null });
  const plan = {};
  const { fetches, feeds, reach } = session.examination(step.train, step.feeds);
  watch.planned(plan, { fetches, feeds, reach });
  const { layers } = watch.examination({ fetches, feeds, reach }).structure;
  const times: number[] = [];
  const examinations: number[] = [];
  for (let round = 0; round < 15; round++) {
    const calls = 20_000;
    const start = performance.now();
    for (let i = 0; i < calls; i++) {
      watch.begins(plan);
      watch.ran(plan);
      for (const { mean } of layers) watch.moved(mean.variable);
    }
    times.push((performance.now() - start) / calls);
    const begin = performance.now();
    watch.planned({}, { fetches, feeds, reach });
    examinations.push(performance.now() - begin);
  }
  const median = (values: number[]): number => values.sort((a, b) => a - b)[Math.floor(values.length / 2)];
  return { own: median(times), examination: median(examinations) };
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  for (const cost of await doctorCosts({ rounds: 41, roundMs: 30, warmUpMs: 300 })) {
    const percent = (ratio: number): string => `${(100 * ratio).toFixed(3)} %`;
    console.log(
      `${cost.name}: ${cost.with.toFixed(3)} ms with, ${cost.without.toFixed(3)} ms without (${percent(cost.ratio)}); ` +
        `its own calls ${(cost.own * 1e6).toFixed(0)} ns (${percent(cost.ownRatio)} of a step); ` +
        `once a kind of run ${cost.examination.toFixed(2)} ms`,
    );
  }
}
