/** Each rule's page: its failing program fails by that rule, and the nearest program, its fix, passes all. */
import { expect, test } from "vitest";
import { fixedProgram, pages } from "../../src/doctor/pages.ts";
import { rules } from "../../src/doctor/rules/index.ts";
import { valueRules } from "../../src/doctor/rules/values.ts";
import * as tf from "../../src/entry/node.ts";
import { runProgram } from "./program.ts";

const all = Object.entries(pages);

test("every rule has a page and every page a rule", () => {
  expect(Object.keys(pages).sort()).toEqual([...new Set([...rules, ...valueRules].map(({ id }) => id))].sort());
});

test.each(all)("%s: the failing program fails", async (id, page) => {
  const findings = await runProgram(page.failing);
  const found = findings.filter((finding) => finding.id === id);
  expect(found, JSON.stringify(findings)).not.toEqual([]);
  for (const { message, fix, ops, layers } of found) {
    expect(fix).not.toBe("");
    expect(ops).not.toEqual([]);
    expect(layers).not.toEqual([]);
    expect(message).toMatch(/^[A-Z][^]*\.$/);
    expect(message).not.toMatch(/undefined|NaN|null|  /);
  }
  // It fails by nothing that is worse.
  expect(findings.filter((finding) => finding.id !== id && finding.severity === "error")).toEqual([]);
});

test.each(all)("%s: the nearest program passes", async (_id, page) => {
  for (const [from] of page.change) expect(page.failing.split(from), from).toHaveLength(2);
  expect(await runProgram(fixedProgram(page))).toEqual([]);
});

test.each(all)("%s: the page says enough", (_id, page) => {
  expect(page.title).toMatch(/^[A-Za-z][^.]*$/);
  expect(page.why.split(/(?<=[.:]) (?=[A-Z])/).length).toBeGreaterThan(1);
  expect(page.sources.length).toBeGreaterThan(0);
  expect(page.failing.split("\n").length).toBeLessThanOrEqual(24);
});

test("every id can be silenced, and no other", () => {
  const graph = new tf.Graph();
  expect(tf.doctor(graph, { silence: Object.keys(pages) })).toEqual([]);
  for (const id of ["BN000", "BN015", "NN000", "NN010", "BN0011"])
    expect(() => tf.doctor(graph, { silence: [id] }), id).toThrow(`There is no rule '${id}'`);
});
