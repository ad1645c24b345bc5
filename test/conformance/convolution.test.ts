/** What test/golden has of convolutions, with both of a session's options; those that stand alone well within their tolerances. */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, test } from "vitest";
import "../../src/entry/node.ts";
import { setConvolution } from "./families/adapter.ts";
import { goldenFiles, programFiles } from "./files.ts";
import { runProgram } from "./metagraph.ts";
import { runCase } from "./runCase.ts";

const folder = fileURLToPath(new URL("../golden/", import.meta.url));
const of = (...families: string[]) =>
  goldenFiles(folder)
    .filter(({ family }) => families.includes(family))
    .map((file) => file.read());

afterEach(() => setConvolution(undefined));

describe.each(["auto", "direct"] as const)("%s", (option) => {
  test.each(of("conv2d", "conv2d_transpose"))("$id", async (golden) => {
    setConvolution(option);
    const { status, problems, used } = await runCase(golden);
    expect({ status, problems }).toEqual({ status: "passed", problems: [] });
    // What is left of the tolerance is for shapes that the files do not have.
    expect(used).toBeLessThan(0.6);
  });

  test.each(of("training", "tutorial"))("$id", async (golden) => {
    setConvolution(option);
    const { status, problems } = await runCase(golden);
    expect({ status, problems }).toEqual({ status: "passed", problems: [] });
  });

  test.each(programFiles(join(folder, "metagraph")))("metagraph/$id", async (file) => {
    setConvolution(option);
    const { status, problems } = await runProgram(file.read());
    expect({ status, problems }).toEqual({ status: "passed", problems: [] });
  });
});
