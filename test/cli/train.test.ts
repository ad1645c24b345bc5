/** `trainlet train`: its progress, its checkpoints, going on where it stood, and bad data. */
import { readFileSync, writeFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { barText, duration } from "../../cli/progress.ts";
import * as tf from "../../src/entry/node.ts";
import { decodeSafetensors, encodeSafetensors, type StoredTensor } from "../../src/formats/safetensors.ts";
import { golden, goldenBytes, saying, spawnTrainlet, temporaryFolder, trainlet, type Ran } from "./run.ts";

const temporary = temporaryFolder();
const graph = golden("lenet_momentum/graph.meta");

/** TensorFlow's digits: 64 rows. */
const { tensors: io } = decodeSafetensors(goldenBytes("lenet_momentum/io.safetensors"));
const steps = [0, 1].map((i) => [io.get(`feed${i}/input:0`)!.data, io.get(`feed${i}/labels:0`)!.data] as const);
const images = Float32Array.from(steps.flatMap(([x]) => Array.from(x, Number)));
const labels = Int32Array.from(steps.flatMap(([, y]) => Array.from(y, Number)));
const rows = labels.length;
const write = (name: string, tensors: Record<string, StoredTensor>): string => {
  writeFileSync(temporary(name), encodeSafetensors(Object.entries(tensors)));
  return temporary(name);
};
const image: StoredTensor = { dtype: "float32", shape: [rows, 8, 8, 1], data: images };
const label: StoredTensor = { dtype: "int32", shape: [rows], data: labels };
const digits = write("digits.safetensors", { input: image, labels: label });

interface Line {
  readonly step: number;
  readonly end?: string;
  readonly fetches?: Record<string, number>;
  readonly validation?: Record<string, number>;
}
const lines = ({ out }: Ran): Line[] =>
  out
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Line);
const stored = (file: string) => decodeSafetensors(readFileSync(file));

test("a line of JSON a step, and one at the end", async () => {
  const out = temporary("model.safetensors");
  const ran = await trainlet(
    "train",
    graph,
    "--data",
    digits,
    "--steps",
    "5",
    "--out",
    out,
    "--fetch",
    "loss",
    "accuracy:0",
  );
  expect(ran).toMatchObject({ code: 0, err: "" });
  const [end, ...progress] = lines(ran).reverse();
  expect(end).toEqual({ end: "finished", step: 5, out });
  expect(progress.map(({ step }) => step)).toEqual([5, 4, 3, 2, 1]);
  for (const { fetches } of progress) expect(Object.keys(fetches!)).toEqual(["loss", "accuracy"]);
  expect(progress[0].fetches!.loss).toBeLessThan(progress[4].fetches!.loss);
  const { tensors, metadata } = stored(out);
  expect(tensors.size).toBe(25);
  expect(tensors.get("global_step")!.data).toEqual(new BigInt64Array([5n]));
  expect(JSON.parse(metadata.fit)).toMatchObject({ step: 5, batchSize: 32, rows });
});

test("the same data in other forms: the same bits", async () => {
  const train = async (name: string, ...data: string[]): Promise<Uint8Array> => {
    const out = temporary(`${name}.safetensors`);
    const ran = await trainlet("train", graph, "--data", ...data, "--steps", "3", "--seed", "4", "--out", out);
    expect(ran).toMatchObject({ code: 0, err: "" });
    return readFileSync(out);
  };
  const whole = await train("whole", digits);
  const x = write("x.safetensors", { pixels: { ...image, shape: [rows, 64] } });
  const both = write("both.safetensors", { "input:0": image, target: label });
  // IDX: int32, one dimension, big-endian.
  const idx = Buffer.alloc(8 + 4 * rows);
  idx.writeUInt32BE(0x00000c01, 0);
  idx.writeUInt32BE(rows, 4);
  labels.forEach((value, i) => idx.writeInt32BE(value, 8 + 4 * i));
  writeFileSync(temporary("labels-idx1"), idx);
  expect(await train("named", `${x}:pixels=input`, `${temporary("labels-idx1")}:labels`)).toEqual(whole);
  expect(await train("chosen", `${both}:input:0`, `${both}:target=labels:0`)).toEqual(whole);
  const csv = Array.from(labels, (value, i) => [...images.subarray(64 * i, 64 * i + 64), value].join(",")).join("\n");
  const names = [...Array.from({ length: 64 }, (_, i) => `p${i}`), "label"].join(",");
  writeFileSync(temporary("named.csv"), `${names}\n${csv}\n`);
  writeFileSync(temporary("bare.csv.gz"), gzipSync(csv));
  expect(await train("csv", `${temporary("named.csv")}:0-63=input`, `${temporary("named.csv")}:label=labels`)).toEqual(
    whole,
  );
  expect(
    await train("gzipped csv", `${temporary("bare.csv.gz")}:0-63=input`, `${temporary("bare.csv.gz")}:64=labels`),
  ).toEqual(whole);
  expect(await train("only column", `${x}:input`, `${digits}:labels`)).toEqual(whole);
});

test("stopped by Ctrl-C and resumed, it ends in the same bits", { timeout: 120_000 }, async () => {
  const [stopped, whole] = [temporary("stopped.safetensors"), temporary("uninterrupted.safetensors")];
  const args = ["train", graph, "--data", digits, "--batch-size", "24", "--seed", "11", "--fetch", "loss"];
  const first = await spawnTrainlet([...args, "--steps", "100000", "--out", stopped], /"step":7,/);
  expect(first.code).toBe(130);
  const end = lines(first).at(-1)!;
  expect(end).toMatchObject({ end: "stopped", out: stopped });
  expect(end.step).toBeGreaterThanOrEqual(7);
  expect(JSON.parse(stored(stopped).metadata.fit)).toMatchObject({ step: end.step });

  const last = String(end.step + 5);
  const second = await trainlet(...args, "--steps", last, "--out", stopped, "--resume");
  expect(lines(second).map(({ step }) => step)).toEqual([1, 2, 3, 4, 5, 5].map((i) => end.step + i));
  expect((await trainlet(...args, "--steps", last, "--out", whole)).code).toBe(0);
  expect(readFileSync(stopped)).toEqual(readFileSync(whole));

  // Nothing is left to do.
  expect(lines(await trainlet(...args, "--steps", last, "--out", stopped, "--resume"))).toMatchObject([
    { end: "finished" },
  ]);
});

test("to resume what does not exist yet begins", async () => {
  const ran = await trainlet(
    "train",
    graph,
    "--data",
    digits,
    "--steps",
    "1",
    "--out",
    temporary("new.safetensors"),
    "--resume",
  );
  expect(ran).toMatchObject({
    code: 0,
    err: `There is no '${temporary("new.safetensors")}' yet: training starts from the beginning.\n`,
  });
});

test("values to start with, whole or in part", async () => {
  const out = temporary("warm.safetensors");
  // A step that changes no weights: what it reports is the loss of the values it started with.
  const run = ["train", graph, "--data", digits, "--steps", "1", "--train", "loss", "--seed", "1", "--out", out];
  const from = golden("lenet_momentum/ckpt");
  expect((await trainlet(...run, "--from", from)).code).toBe(0);
  const want = decodeSafetensors(goldenBytes("lenet_momentum/io.safetensors")).tensors;
  expect(stored(out).tensors.get("fc/kernel")!.data).toEqual(want.get("final/fc/kernel")!.data);
  expect((await trainlet(...run, "--from", from, "--only", "conv_*")).code).toBe(0);
  expect(stored(out).tensors.get("conv_1/kernel")!.data).toEqual(want.get("final/conv_1/kernel")!.data);
  expect(stored(out).tensors.get("fc/kernel")!.data).toEqual(want.get("init/fc/kernel")!.data);
});

test("validation is reported after every epoch", async () => {
  const validation = [
    "--validation-data",
    digits,
    "--validation-feed",
    "training=false",
    "--validation-fetch",
    "accuracy",
  ];
  const ran = await trainlet("train", graph, "--data", digits, "--epochs", "2", "--batch-size", "32", ...validation);
  const validated = lines(ran).filter((line) => line.validation);
  expect(validated.map(({ step }) => step)).toEqual([rows / 32, (2 * rows) / 32]);
  const often = await trainlet(
    "train",
    graph,
    "--data",
    digits,
    "--steps",
    "4",
    ...validation,
    "--validation-every",
    "2",
  );
  expect(lines(often).flatMap((line) => (line.validation ? [line.step] : []))).toEqual([2, 4]);
  expect(validated.every(({ validation: values }) => values!.accuracy >= 0 && values!.accuracy <= 1)).toBe(true);
});

describe("a mistake is one line, and what was kept stays:", () => {
  const nan = write("nan.safetensors", {
    input: { ...image, data: new Float32Array(images.length).fill(NaN) },
    labels: label,
  });
  const short = write("short.safetensors", {
    input: { dtype: "float32", shape: [2, 8, 8, 1], data: new Float32Array(128) },
  });
  const wide = write("wide.safetensors", {
    input: { dtype: "float32", shape: [rows, 9, 9], data: new Float32Array(rows * 81) },
  });
  const run = ["--steps", "3"];
  writeFileSync(temporary("broken.safetensors"), "broken");
  writeFileSync(temporary("idx"), "no IDX file");
  writeFileSync(temporary("bad.csv"), "a,b\n1,2\nx,3\n");
  writeFileSync(temporary("cut.csv.gz"), gzipSync("1,2\n").subarray(0, 12));

  test.each<[string, string[], string | RegExp]>([
    ["no data", run, "--data is missing: write --data train.safetensors."],
    ["no end", ["--data", digits], "--steps or --epochs is missing: write --steps 1000."],
    [
      "two ends",
      ["--data", digits, "--steps", "1", "--epochs", "1"],
      "--steps and --epochs are both given: one says where training ends.",
    ],
    [
      "nothing to resume",
      ["--data", digits, ...run, "--resume"],
      "--resume goes on with the checkpoint in --out: write --out model.safetensors.",
    ],
    [
      "a part of nothing",
      ["--data", digits, ...run, "--only", "a"],
      "--only says what to take from --from: write --from checkpoint.",
    ],
    [
      "half a validation",
      ["--data", digits, ...run, "--validation-data", digits],
      "--validation-data and --validation-fetch belong together: give both.",
    ],
    [
      "a file that is not there",
      ["--data", "nothing.safetensors:input", ...run],
      "--data 'nothing.safetensors:input': there is no such file. Write file, file:tensor or file:column=tensor.",
    ],
    [
      "a broken file",
      ["--data", temporary("broken.safetensors"), ...run],
      /broken\.safetensors: The safetensors file has 6 bytes: too few for the length of its header\.$/,
    ],
    [
      "a column that the file lacks",
      ["--data", `${digits}:pixels`, ...run],
      `'${digits}' has no column 'pixels'. It has 'input', 'labels'.`,
    ],
    [
      "a tensor that the graph lacks",
      ["--data", `${digits}:input=pixels`, ...run],
      `'${digits}' has a column 'pixels:0', and the graph no such tensor: write ${digits}:column=tensor.`,
    ],
    [
      "an IDX file without its tensor",
      ["--data", temporary("idx"), ...run],
      `'${temporary("idx")}' has one column without a name: write ${temporary("idx")}:tensor.`,
    ],
    ["an IDX file that is none", ["--data", `${temporary("idx")}:input`, ...run], /idx: No IDX file/],
    [
      "a CSV without fields",
      ["--data", temporary("bad.csv"), ...run],
      /bad\.csv' needs its fields named: write .*bad\.csv:0-3=tensor/,
    ],
    [
      "a CSV with text",
      ["--data", `${temporary("bad.csv")}:0=labels`, ...run],
      /bad\.csv: Row 3 of the CSV, field 'a': 'x' is not a number\.$/,
    ],
    [
      "a CSV that lacks a field",
      ["--data", `${temporary("bad.csv")}:c=labels`, ...run],
      /bad\.csv: The CSV column 'labels' wants the field 'c'; the file has 'a', 'b'\.$/,
    ],
    [
      "a CSV that cannot be unpacked",
      ["--data", `${temporary("cut.csv.gz")}:0=labels`, ...run],
      /cut\.csv\.gz' cannot be unpacked: unexpected end of file\.$/,
    ],
    ["a column twice", ["--data", digits, digits, ...run], "--data gives 'input:0' twice: once is enough."],
    [
      "rows of another shape",
      ["--data", wide, ...run],
      `The rows of '${wide}' for 'input:0' have the shape [9,9], the tensor takes [8,8,1].`,
    ],
    [
      "columns of different lengths",
      ["--data", short, `${digits}:labels`, ...run],
      new RegExp(`'input:0' has 2, 'labels:0' has ${rows}`),
    ],
    [
      "an operation that does not train",
      ["--data", digits, ...run, "--train", "trian"],
      /The name 'trian' refers to an Operation not in the graph\.$/,
    ],
    ["a loss that is no number", ["--data", nan, ...run], /loss.*NaN|NaN.*loss/i],
    [
      "a place that cannot be written",
      ["--data", digits, ...run, "--out", temporary("no/model.safetensors")],
      /model\.safetensors' cannot be written: there is no such file or folder\.$/,
    ],
  ])("%s", async (_, args, message) => {
    const { code, err } = await trainlet("train", graph, ...args);
    expect({ code, lines: err.split("\n").length }).toEqual({ code: 2, lines: 2 });
    expect(err.slice("trainlet: ".length, -1)).toEqual(saying(message));
  });

  test("a checkpoint that no fit saved", async () => {
    const session = await tf.Session.create({
      graph: await tf.importMetaGraph(goldenBytes("lenet_momentum/graph.meta")),
    });
    await session.run("init");
    writeFileSync(temporary("foreign.safetensors"), await session.checkpoint());
    session.close();
    const before = readFileSync(temporary("foreign.safetensors"));
    const { code, err } = await trainlet(
      "train",
      graph,
      "--data",
      digits,
      ...run,
      "--out",
      temporary("foreign.safetensors"),
      "--resume",
    );
    expect(code).toBe(2);
    expect(err).toContain("The checkpoint says nothing of a fit");
    expect(readFileSync(temporary("foreign.safetensors"))).toEqual(before);
  });
});

describe("the bar", () => {
  const progress = { step: 410, steps: 1000, epoch: 3, fetches: { loss: 0.213_444_4 }, stepsPerSecond: 512.34 };

  test("fits into one line", () => {
    expect(barText(progress, 120)).toBe(
      "█████████░░░░░░░░░░░░░░░   41%  410/1000  epoch 3  loss 0.21344  512.34 steps/s  2 s left",
    );
    expect(barText(progress, 60)).toBe("█████████░░░░░░░░░░░░░░░   41%  410/1000  epoch 3  loss …");
    for (const columns of [1, 4, 40, 80])
      expect(barText(progress, columns).length).toBeLessThanOrEqual(Math.max(columns - 3, 1));
  });

  test("shows validations, and no speed that is not known", () => {
    const text = barText({ ...progress, stepsPerSecond: null, validation: { accuracy: 0.5 } }, 120);
    expect(text).toMatch(/loss 0\.21344 {2}validation accuracy 0\.5$/);
  });

  test("says how long it takes", () => {
    expect([0.2, 59.5, 61, 7265].map(duration)).toEqual(["1 s", "1 min 0 s", "1 min 1 s", "2 h 1 min"]);
  });
});
