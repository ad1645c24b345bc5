/** The reference data in test/golden through the code of `npm run conformance`: forward values, in Node. */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import "../../src/entry/node.ts";
import { goldenFiles, programFiles } from "./files.ts";
import { runProgram } from "./metagraph.ts";
import { runCase } from "./runCase.ts";

const folder = fileURLToPath(new URL("../golden/", import.meta.url));
const cases = goldenFiles(folder).map((file) => file.read());

/** Normal distributions have no kernel yet. */
const supported = cases.filter(({ family, op }) => family !== "random" || op.startsWith("RandomUniform"));

test("test/golden has the cases that are run here", () => {
  const counts = Map.groupBy(supported, ({ family }) => family);
  expect(Object.fromEntries([...counts].map(([family, members]) => [family, members.length]))).toEqual({
    batch_norm: 25,
    conv2d: 44,
    random: 6,
    tutorial: 5,
  });
});

describe.each([...new Set(supported.map(({ family }) => family))])("%s", (name) => {
  test.each(supported.filter(({ family }) => family === name))("$id", async (golden) => {
    const { status, problems, ops } = await runCase(golden, { forward: true });
    expect({ status, problems, ops }).toEqual({ status: "passed", problems: [], ops: [] });
  });
});

test("metagraph/tutorial: TensorFlow's program from its own initialisation to 100 steps", async () => {
  const [file] = programFiles(join(folder, "metagraph", "tutorial"));
  const { status, problems, ops } = await runProgram(file.read());
  expect({ status, problems, ops }).toEqual({ status: "passed", problems: [], ops: [] });
});

test("a family without an adapter is unsupported, and names its operation", async () => {
  const golden = cases.find(({ family }) => family === "conv2d")!;
  const { status, ops } = await runCase({ ...golden, family: "no_such_family" });
  expect({ status, ops }).toEqual({ status: "unsupported", ops: ["Conv2D+BiasAdd"] });
});
