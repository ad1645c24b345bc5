// The registry is complete: every definition is in it, every op file has a test, and kernels and wasm agree.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import type { OpDefinition } from "../../src/ops/definition.ts";
import { refusedOps } from "../../src/ops/refused.ts";
import { definitionFor, knownTypes } from "../../src/ops/registry.ts";
import { module } from "../assembly/harness.ts";

const folder = new URL("../../src/ops/", import.meta.url);
const files = readdirSync(folder).filter((file) => file.endsWith(".ts"));

/** Files without a test of their own, and why. */
const infrastructure: Readonly<Record<string, string>> = {
  "attached.ts": "which definition an operation was made with; every op's test goes through it",
  "build.ts": "what builders share; every op's test goes through it",
  "definition.ts": "types only",
  "extremaGradient.ts": "gradients of extrema.ts, tested there",
  "folding.ts": "arithmetic of folds; the tests of the operations that fold go through it",
  "reduceGradient.ts": "gradients of reduce.ts and extrema.ts, tested there",
  "reduction.ts": "what reduce.ts and extrema.ts share, tested there",
  "refused.ts": "a table of sentences, tested here",
  "strided.ts": "copies that concat.ts, pad.ts, slice.ts, tile.ts and transpose.ts are made of, tested there",
};

/** Exports of the module that no operation calls, and who does. */
const usedElsewhere: Readonly<Record<string, string>> = {
  heapBase: "the session asks where its memory begins",
  augment: "a fit changes pictures on their way into a batch",
};

function isDefinition(value: unknown): value is OpDefinition {
  return typeof value === "object" && value !== null && "type" in value && "plan" in value;
}

test.each(files)("%s: every definition is in the registry under its type", async (file) => {
  const exported = (await import(new URL(file, folder).href)) as Record<string, unknown>;
  for (const [name, value] of Object.entries(exported)) {
    if (!isDefinition(value)) continue;
    expect(name).toBe(value.type);
    expect(definitionFor(value.type), `${file} exports ${name}`).toBe(value);
  }
});

test("the registry holds nothing twice", () => {
  const types = knownTypes();
  expect(types.toSorted()).toEqual([...new Set(types)].sort());
});

test("every op file has a test", () => {
  const without = files.filter((file) => !existsSync(new URL(file.replace(/\.ts$/, ".test.ts"), import.meta.url)));
  expect(without).toEqual(Object.keys(infrastructure));
  for (const file of Object.keys(infrastructure)) expect(files).toContain(file);
});

/** Tests that compare gradients with central differences of a float64 reference. */
const checking = readdirSync(new URL(".", import.meta.url))
  .filter((file) => file.endsWith(".test.ts"))
  .map((file) => readFileSync(new URL(file, import.meta.url), "utf8"))
  .filter((source) => source.includes("checkGradient("));

test("the gradient of every operation that has one is compared with central differences", () => {
  const differentiable = knownTypes().filter((type) => typeof definitionFor(type)!.gradient === "function");
  const isNamed = (source: string, name: string): boolean => new RegExp(`\\b${name}\\b`, "i").test(source);
  // A table of second derivatives names ReluGrad as "Relu" and `${type}Grad`.
  const isSecond = (source: string, type: string): boolean =>
    type.endsWith("Grad") && source.includes("${type}Grad") && isNamed(source, type.replace(/Grad$/, ""));
  const without = differentiable.filter(
    (type) => !checking.some((source) => isNamed(source, type) || isSecond(source, type)),
  );
  expect(differentiable.length).toBeGreaterThan(100);
  expect(without).toEqual([]);
});

test.each(refusedOps.map((definition) => [definition.type, definition] as const))("%s is refused", (_, definition) => {
  // The end of "Operation 'x' (op: 'Enter') cannot run: ….", with a way round it.
  expect(definition.plan).toEqual({ kind: "refused", why: expect.stringMatching(/^[a-z].*;.*[^.]$/) });
});

/** Names of kernels in a file: in calls and queries, and in the types of what is handed to those. */
function kernelsOf(file: string): string[] {
  const source = readFileSync(new URL(file, folder), "utf8");
  const direct = [...source.matchAll(/\bk\.(?:call|query|check)\(\s*"(\w+)"/g)].map((match) => match[1]);
  const unions = [
    ...source.matchAll(/[Kk]ernels?\b[^=;{()]*?[:=]\s*(?:Readonly<Record<string,)?((?:\s*\|?\s*"\w+")+)/g),
  ];
  return [...direct, ...unions.flatMap((match) => [...match[1].matchAll(/"(\w+)"/g)].map((name) => name[1]))];
}

test("kernels and the module's exports agree", () => {
  const exported = WebAssembly.Module.exports(module)
    .filter(({ kind }) => kind === "function")
    .map(({ name }) => name);
  const called = new Set(files.flatMap(kernelsOf));
  for (const name of ["conv2d", "reduceScratchBytes", "add", "assignAddInt64", "relu6", "fillInt32", "sum"])
    expect(called, "this test must find the names").toContain(name);
  expect(
    [...called].filter((name) => !exported.includes(name)),
    "called, not exported",
  ).toEqual([]);
  expect(
    exported.filter((name) => !called.has(name)),
    "exported, not called",
  ).toEqual(Object.keys(usedElsewhere));
});
