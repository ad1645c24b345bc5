/** Broken programs: the right rule fires, and no other speaks of an error. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { folder, tableOf } from "../../scripts/doctorDocs.ts";
import * as tf from "../../src/entry/node.ts";
import { formatTable, mutationTable } from "./mutationTable.ts";
import { Context, mutations } from "./mutations.ts";
import { programs } from "./programs.ts";

test("each trap is found in at least 95 % of its mutants, as docs/doctor says", { timeout: 300_000 }, async () => {
  const rows = await mutationTable();
  for (const { id, mutants, found, others, notes } of rows) {
    expect.soft(mutants, id).toBeGreaterThanOrEqual(6);
    expect.soft(found / mutants, `${id}: ${notes.join("\n")}`).toBeGreaterThanOrEqual(0.95);
    expect.soft(others, `${id}: ${notes.join("\n")}`).toBe(0);
  }
  expect(formatTable(rows)).toBe(tableOf(readFileSync(join(folder, "README.md"), "utf8")));
});

// What a session does keeps its names; all else must not depend on any.
const looked = mutations.filter(({ id }) => id !== "BN011" && id !== "BN012");
const renamable = programs.filter(({ name }) =>
  /^(metagraph\/lenet|perceptron|not|by|two|nested|training only)/.test(name),
);

test.each(looked)("$id is found under names that say nothing, without collections", async ({ id, run }) => {
  let mutants = 0;
  for (const program of renamable) {
    const json = JSON.stringify(await tf.exportMetaGraphJson(await program.build()));
    const findings = await run(new Context(program, json, 11, true));
    if (findings === null) continue;
    mutants++;
    expect(
      findings.map((finding) => finding.id),
      program.name,
    ).toContain(id);
    expect(
      findings.filter((finding) => finding.id !== id && finding.severity === "error"),
      program.name,
    ).toEqual([]);
  }
  expect(mutants).toBeGreaterThan(0);
});
