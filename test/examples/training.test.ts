// The short training programs of examples/ as a user runs them, on the built package: what their tables say.
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";

const timeout = 120_000;

/** Runs it; gives the cells of its table's rows, and all that it printed. */
async function run(name: string): Promise<{ rows: string[][]; printed: string }> {
  const program = fileURLToPath(new URL(`../../examples/${name}.ts`, import.meta.url));
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [program], { timeout });
  const lines = stdout.split("\n");
  const first = lines.findIndex((line) => line.startsWith("---")) + 1;
  const end = lines.indexOf("", first);
  const rows = lines.slice(first, end).map((line) => line.trim().split(/ {3,}/));
  return { rows, printed: stdout + stderr };
}

const percent = (cell: string): number => Number(cell.replace(" %", ""));

test("digits: training is the same to the bit, inference is not", { timeout }, async () => {
  const { rows, printed } = await run("digits");
  const [[, ran, loss, withOps], [, ranWithout, lossWithout, without]] = rows;
  expect([ran, ranWithout]).toEqual(["135", "0"]);
  expect(lossWithout).toBe(loss);
  expect(percent(withOps)).toBeGreaterThan(90);
  expect(percent(without)).toBeLessThan(percent(withOps) - 3);
  expect(printed).toContain("BN001");
});

test("resnet8: the best checkpoint is the best of the table", { timeout }, async () => {
  const { rows, printed } = await run("resnet8");
  const losses = rows.map((row) => Number(row[4]));
  expect(rows).toHaveLength(8);
  expect(losses.at(-1)).toBeLessThan(losses[0]);
  expect(printed).toContain(`with a held-out loss of ${Math.min(...losses).toFixed(3)}, is restored.`);
});

test("transfer: a frozen trunk does not move", { timeout }, async () => {
  const { rows, printed } = await run("transfer");
  expect(rows.map(([name, moved]) => `${name}: ${moved}`)).toEqual([
    "frozen trunk, new head: 0 of 12",
    "warm start, all trained: 12 of 12",
    "from scratch: 12 of 12",
  ]);
  // Guessing is right in half of the cases.
  for (const row of rows) expect(percent(row[3])).toBeGreaterThan(65);
  expect(printed).not.toContain("BN0");
});
