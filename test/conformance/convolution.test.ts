/** The convolutions of test/golden with both of a session's options, well within their tolerances. */
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, test } from "vitest";
import "../../src/entry/node.ts";
import { setConvolution } from "./families/adapter.ts";
import { goldenFiles } from "./files.ts";
import { runCase } from "./runCase.ts";

const folder = fileURLToPath(new URL("../golden/", import.meta.url));
const cases = goldenFiles(folder)
  .filter(({ family }) => family === "conv2d" || family === "conv2d_transpose")
  .map((file) => file.read());

afterEach(() => setConvolution(undefined));

describe.each(["auto", "direct"] as const)("%s", (option) => {
  test.each(cases)("$id", async (golden) => {
    setConvolution(option);
    const { status, problems, used } = await runCase(golden);
    expect({ status, problems }).toEqual({ status: "passed", problems: [] });
    // What is left of the tolerance is for shapes that the files do not have.
    expect(used).toBeLessThan(0.6);
  });
});
