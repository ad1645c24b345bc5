/** The reference data in test/golden through the code of `npm run conformance`: values, gradients and programs, in Node. */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import "../../src/entry/node.ts";
import { goldenFiles, programFiles } from "./files.ts";
import { runProgram } from "./metagraph.ts";
import { runCase } from "./runCase.ts";

const folder = fileURLToPath(new URL("../golden/", import.meta.url));
const cases = goldenFiles(folder).map((file) => file.read());

test("test/golden has the cases that are run here", () => {
  const counts = Map.groupBy(cases, ({ family }) => family);
  expect(Object.fromEntries([...counts].map(([family, members]) => [family, members.length]))).toEqual({
    activation: 34,
    array: 32,
    batch_norm: 25,
    conv2d: 44,
    conv2d_transpose: 7,
    depthwise_conv2d: 13,
    dropout: 3,
    elementwise: 61,
    loss: 24,
    lr_schedule: 11,
    matmul: 20,
    optimizer: 13,
    pool: 35,
    random: 12,
    reduce: 30,
    training: 2,
    tutorial: 5,
  });
});

describe.each([...new Set(cases.map(({ family }) => family))])("%s", (name) => {
  test.each(cases.filter(({ family }) => family === name))("$id", async (golden) => {
    const { status, problems, ops } = await runCase(golden);
    expect({ status, problems, ops }).toEqual({ status: "passed", problems: [], ops: [] });
  });
});

const programs = programFiles(join(folder, "metagraph"));

test("the programs of test/golden", () => {
  expect(programs.map(({ id }) => id)).toEqual([
    "lenet_momentum",
    "lenet_resource",
    "resnet_adam_schedule",
    "tutorial",
  ]);
});

test.each(programs)(
  "metagraph/$id: TensorFlow's program, from its own initialisation to its last step",
  async (file) => {
    const { status, problems, ops } = await runProgram(file.read());
    expect({ status, problems, ops }).toEqual({ status: "passed", problems: [], ops: [] });
  },
);

test("a family without an adapter is unsupported, and names its operation", async () => {
  const golden = cases.find(({ family }) => family === "conv2d")!;
  const { status, ops } = await runCase({ ...golden, family: "no_such_family" });
  expect({ status, ops }).toEqual({ status: "unsupported", ops: ["Conv2D+BiasAdd"] });
});
