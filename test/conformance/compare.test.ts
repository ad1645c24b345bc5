/** That a wrong value is seen: the comparison, a mutated case, and the exit code of `npm run conformance`. */
import { execFile } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import "../../src/entry/node.ts";
import { decodeSafetensors, encodeSafetensors } from "../../src/formats/safetensors.ts";
import { compare, type Value } from "./compare.ts";
import { goldenFiles } from "./files.ts";
import { countsOf, familyLines } from "./report.ts";
import { runCase } from "./runCase.ts";

const vector = (...values: number[]): Value => ({
  dtype: "float32",
  shape: [values.length],
  data: Float32Array.from(values),
});
const close = { rtol: 1e-6, atol: 0.5, exact: false };
const exact = { rtol: 0, atol: 0, exact: true };

describe("compare", () => {
  test("takes what is within atol + rtol * |want|, and says how much of it was used", () => {
    expect(compare(vector(1.25, 2), vector(1, 2), { ...close, rtol: 0 })).toEqual({ mismatch: null, used: 0.5 });
    expect(compare(vector(150), vector(100), { rtol: 0.5, atol: 0, exact: false })).toEqual({
      mismatch: null,
      used: 1,
    });
  });

  test("names the worst element, both values and the tolerance", () => {
    const got = { ...vector(1, 2, 3, 9, 6, 6), shape: [2, 3] };
    const want = { ...vector(1, 2, 3, 4, 5, 6), shape: [2, 3] };
    expect(compare(got, want, { ...close, rtol: 0 }).mismatch).toBe(
      "[1,0]: got 9, want 4 (tolerance 0.500); 2 of 6 elements differ",
    );
  });

  test("exact means equal values, whatever the tolerances", () => {
    expect(compare(vector(0), vector(-0), exact).mismatch).toBeNull();
    expect(compare(vector(1), vector(1 + 2 ** -23), { ...close, exact: true }).mismatch).toMatch(/\(exact\)/);
  });

  test.each([
    ["infinity for a number", Infinity, 1],
    ["a number for infinity", 1, Infinity],
    ["the other infinity", -Infinity, Infinity],
    ["NaN for a number", NaN, 1],
    ["a number for NaN", 1, NaN],
  ])("refuses %s", (_, got, want) => {
    expect(compare(vector(got), vector(want), close).mismatch).not.toBeNull();
  });

  test("takes equal infinities, and NaN for NaN", () => {
    expect(compare(vector(Infinity, -Infinity, NaN), vector(Infinity, -Infinity, NaN), exact).mismatch).toBeNull();
  });

  test("refuses another shape, another kind of dtype, and a missing tolerance", () => {
    expect(compare(vector(1, 2), { ...vector(1, 2), shape: [2, 1] }, close).mismatch).toBe(
      "has the shape [2], want [2,1]",
    );
    const whole: Value = { dtype: "int32", shape: [1], data: Int32Array.of(1) };
    expect(compare(whole, vector(1), close).mismatch).toBe("has the dtype int32, want float32");
    expect(compare(vector(1), vector(1), { rtol: NaN, atol: NaN, exact: false }).mismatch).toMatch(/no tolerance/);
  });
});

const folder = fileURLToPath(new URL("../golden/", import.meta.url));
const name = "conv00_1x1_s1x1_same";
const temporary = mkdtempSync(join(tmpdir(), "trainlet-conformance-"));
afterAll(() => rmSync(temporary, { recursive: true, force: true }));

test("a case with a wrong expectation fails, and says where", async () => {
  const golden = goldenFiles(join(folder, "conv2d"))
    .find(({ id }) => id.endsWith(name))!
    .read();
  const { value, tolerance } = golden.outputs.get("y")!;
  const data = Float32Array.from(value.data as Float32Array);
  data[1] += 2 * tolerance.atol + 1e-3;
  const wrong = { ...golden, outputs: new Map([["y", { value: { ...value, data }, tolerance }]]) };
  const outcomes = [await runCase(golden, { forward: true }), await runCase(wrong)];
  expect(countsOf(outcomes)).toBe("1 passed, 1 failed, 0 unsupported");
  expect(familyLines("conv2d", outcomes).join("\n")).toMatch(
    /failed: conv2d\/conv00.*\n +y\[0,0,0,1\]: got .*; 1 of \d+ elements differ/,
  );
});

test("npm run conformance exits with 1 when a case fails, and 0 when none does", async () => {
  for (const extension of [".json", ".safetensors"]) {
    cpSync(join(folder, "conv2d", name + extension), join(temporary, name + extension));
  }
  expect(await conformance("--golden", temporary, "--forward")).toEqual({
    code: 0,
    last: "1 passed, 0 failed, 0 unsupported",
  });

  const path = join(temporary, `${name}.safetensors`);
  const { tensors } = decodeSafetensors(readFileSync(path));
  const y = tensors.get("y")!;
  writeFileSync(
    path,
    encodeSafetensors(
      [...tensors].map(([key, tensor]) => [
        key,
        key === "y" ? { ...y, data: new Float32Array(y.data.length) } : tensor,
      ]),
    ),
  );
  expect(await conformance("--golden", temporary, "--forward")).toEqual({
    code: 1,
    last: "0 passed, 1 failed, 0 unsupported",
  });

  writeFileSync(path, "no safetensors");
  expect(await conformance("--golden", temporary, "--forward")).toEqual({
    code: 1,
    last: "0 passed, 1 failed, 0 unsupported",
  });
});

/** Runs the script itself: its exit code and its last line. */
function conformance(...args: string[]): Promise<{ code: number; last: string | undefined }> {
  const script = fileURLToPath(new URL("../../scripts/conformance.ts", import.meta.url));
  return new Promise((resolve) => {
    execFile(process.execPath, [script, ...args], (error, stdout) => {
      resolve({ code: error ? Number(error.code) : 0, last: stdout.trim().split("\n").at(-1) });
    });
  });
}
