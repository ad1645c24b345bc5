// The tutorial's two experiments against any host, and how a terminal shows them.
import { styleText } from "node:util";
import type { Finding, RunResult, Trainlet } from "../worker/client/node.ts";

const fetches = ["net:0", "bn/moving_mean/read:0", "bn/moving_variance/read:0"];

interface Experiment {
  readonly title: string;
  readonly example: "tutorial" | "tutorial-forgotten";
  readonly runs: number;
  /** What TensorFlow has after these runs. */
  readonly tensorflow: { readonly mean: number; readonly variance: number };
  readonly meaning: string;
}

const experiments: readonly Experiment[] = [
  {
    title: "train_op depends on the update ops",
    example: "tutorial",
    runs: 100,
    tensorflow: { mean: -18.41957, variance: 261.11395 },
    meaning: "The statistics have learnt the photograph: inference is normalised.",
  },
  {
    title: "train_op forgets the update ops",
    example: "tutorial-forgotten",
    runs: 10,
    tensorflow: { mean: 0, variance: 1 },
    meaning: "The statistics are still 0 and 1: inference is not normalised at all.",
  },
];

export async function runExperiments(trainlet: Trainlet, photo: Float32Array): Promise<void> {
  for (const [i, experiment] of experiments.entries()) {
    const { values, findings } = await runExperiment(trainlet, experiment, photo);
    console.log(show(i + 1, experiment, values, findings));
  }
}

async function runExperiment(trainlet: Trainlet, { example, runs }: Experiment, photo: Float32Array) {
  const session = await trainlet.create({ example });
  await session.run({ fetches: ["init"] });
  const feeds = { "input_node:0": photo };
  await session.run({ fetches: ["train_op"], feeds, repeat: runs });
  const { fetches: values } = await session.run({ fetches, feeds: { ...feeds, "training:0": false } });
  const findings = await session.doctor({ fetches: ["train_op"], feeds });
  await session.close();
  return { values, findings };
}

function show(
  number: number,
  experiment: Experiment,
  values: RunResult["fetches"],
  findings: readonly Finding[],
): string {
  const { title, runs, tensorflow, meaning } = experiment;
  const [net, mean, variance] = fetches.map((name) => values[name]!.data as Float32Array);
  return [
    "",
    styleText("bold", `${number}. ${title}`),
    `   ${runs} runs of train_op on examples/photo.png, then one with training false`,
    "",
    `   moving_mean[0]      ${statistic(mean[0], tensorflow.mean)}`,
    `   moving_variance[0]  ${statistic(variance[0], tensorflow.variance)}`,
    "   result[0,22:28,22:28,0]",
    ...patch(net).map((row) => `     ${row.map((value) => decimal(value, 4, 9)).join("")}`),
    "",
    `   ${meaning}`,
    ...(findings.length === 0 ? ["   Doctor: no finding."] : findings.flatMap(showFinding)),
  ].join("\n");
}

function showFinding({ id, severity, message, fix }: Finding): string[] {
  return [
    ...wrap(`Doctor: ${id} (${severity}): ${message}`, 100).map((line) => `   ${styleText("yellow", line)}`),
    "   Fix:",
    ...fix.split("\n").map((line) => `     ${line}`),
  ];
}

function statistic(value: number, tensorflow: number): string {
  return `${decimal(value, 5, 11)}   ${styleText("dim", `TensorFlow: ${decimal(tensorflow, 5, 9)}`)}`;
}

/** result[0, 22:28, 22:28, 0] of [1,50,50,32]. */
function patch(net: Float32Array): number[][] {
  const side = [22, 23, 24, 25, 26, 27];
  return side.map((y) => side.map((x) => net[(y * 50 + x) * 32]));
}

function decimal(value: number, digits: number, width: number): string {
  return value.toFixed(digits).padStart(width);
}

function wrap(text: string, width: number): string[] {
  const lines = [""];
  for (const word of text.split(" ")) {
    const last = lines.at(-1)!;
    if (last !== "" && last.length + 1 + word.length > width) lines.push(word);
    else lines[lines.length - 1] = last === "" ? word : `${last} ${word}`;
  }
  return lines;
}
