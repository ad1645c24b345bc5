// Whole training steps: trainlet against PyTorch on one thread, the better of its two layouts, and against TensorFlow.js on
// its CPU backend. A step takes a batch in, computes the loss and all gradients, and moves the weights and the statistics.
import type { TypedArray } from "../dist/src/entry/node.js";
import type { StoredTensor } from "../dist/src/formats/safetensors.js";
import { checkAgreement, contender, race, timing, type Effort, type Timing } from "./measure.ts";
import { batchOf, learningRate, momentum, train, type Net } from "./nets/net.ts";
import { shareOneProcessor } from "./processor.ts";
import { layouts, startTorch, type Torch } from "./peers/torch.ts";
import { tfjsName, useTfjs } from "./peers/tfjs.ts";
import { tfjsTraining } from "./peers/tfjsNets.ts";
import { rowOf, type Row } from "./report.ts";
import { cases } from "./stepCases.ts";
import { benchTutorial, ours as ourTutorial, tutorialCase, tutorialTensors } from "./tutorial.ts";

/** Steps after which the losses must still be the same: the gradients and the momentum of the steps before are in them. */
const compared = 3;
/** Other orders of summation, through so many steps. */
const tolerance = 2e-4;

export interface StepEffort extends Effort {
  /** Of PyTorch, which chooses and caches its kernels in them. */
  readonly warmUpSteps: number;
  /** True: TensorFlow.js on its CPU backend too, whose steps take a minute. */
  readonly slowPeers: boolean;
}

export async function benchSteps(effort: StepEffort, notes: string[]): Promise<Row[]> {
  const rows = await benchTutorial(effort);
  const release = shareOneProcessor();
  const torch = await startTorch();
  if (typeof torch === "string") notes.push(torch);
  else {
    try {
      for (const { net, batch } of cases) rows.push(await againstTorch(net(), batch, torch, effort));
      rows.push(await tutorialAgainstTorch(torch, effort));
    } finally {
      await torch.close();
    }
  }
  release();
  if (!effort.slowPeers) return rows;
  await useTfjs("cpu");
  for (const { net, batch } of cases) rows.push(await againstTfjs(net(), batch, effort));
  return rows;
}

async function againstTorch(net: Net, batch: number, torch: Torch, effort: StepEffort): Promise<Row> {
  const ours = await train(net, batch);
  const { images, labels } = batchOf(net, batch);
  const tensors = stored(ours.session.variables());
  tensors.set("images", { dtype: "float32", shape: [batch, ...net.image], data: images });
  tensors.set("labels", { dtype: "int32", shape: [batch], data: labels });
  tensors.set("rates", { dtype: "float32", shape: [2], data: Float32Array.of(learningRate, momentum) });
  const losses: number[] = [];
  for (let i = 0; i < compared; i++) losses.push(await ours.step());
  const what = { case: `${net.name}, batch ${batch}`, variant: "training" };
  const row = await raceTorch(torch, net.name, tensors, losses, ours.step, what, effort);
  ours.session.close();
  return row;
}

async function tutorialAgainstTorch(torch: Torch, effort: StepEffort): Promise<Row> {
  const ours = await ourTutorial();
  const means: number[] = [];
  for (let i = 0; i < compared; i++) {
    await ours.step();
    means.push((await ours.movingStatistics())[0][0]);
  }
  const tensors = stored(tutorialTensors());
  return raceTorch(torch, "tutorial", tensors, means, ours.step, { case: tutorialCase, variant: "step" }, effort);
}

function stored(
  tensors: ReadonlyMap<string, { data: TypedArray; shape: readonly number[] }>,
): Map<string, StoredTensor> {
  return new Map(Array.from(tensors, ([name, { data, shape }]) => [name, { dtype: "float32", shape, data }]));
}

/** Both layouts must give `expected` in their first steps; then all three are timed, and the better layout is the peer. */
async function raceTorch(
  torch: Torch,
  net: string,
  tensors: ReadonlyMap<string, StoredTensor>,
  expected: readonly number[],
  step: () => unknown,
  what: Pick<Row, "case" | "variant">,
  effort: StepEffort,
): Promise<Row> {
  for (const layout of layouts) {
    const given = await torch.load(net, tensors, layout, compared);
    checkAgreement(`${what.case}, first steps of trainlet and ${torch.name} ${layout}`, expected, given, tolerance);
  }
  const peers = layouts.map((layout) => torch.contender(layout));
  for (const peer of peers) await peer.round(effort.warmUpSteps);
  const [us, ...them] = await race([contender("trainlet", step), ...peers], effort);
  return rowOf({ group: "step", ...what }, us, better(them));
}

/** One step of the peer, and none before it: its loss and the next one's are compared. */
async function againstTfjs(net: Net, batch: number, effort: StepEffort): Promise<Row> {
  const ours = await train(net, batch);
  const peer = tfjsTraining(net, batch, ours.session.variables());
  const losses = [await ours.step(), await ours.step()];
  const start = performance.now();
  const first = peer.step();
  const ms = performance.now() - start;
  const name = tfjsName("cpu");
  checkAgreement(`${net.name}, losses of trainlet and ${name}`, losses, [first, peer.loss()], tolerance);
  const [us] = await race([contender("trainlet", ours.step)], effort);
  ours.session.close();
  peer.dispose();
  return rowOf({ group: "step", case: `${net.name}, batch ${batch}`, variant: "training" }, us, timing(name, [ms]));
}

function better(timings: readonly Timing[]): Timing {
  return timings.reduce((a, b) => (b.ms < a.ms ? b : a));
}
