// What all kernels share: the module's imports, and the place where its own constants end.
import { expect, test } from "vitest";
import { kernels, module } from "./harness.ts";

test("the only import is the memory", () => {
  expect(WebAssembly.Module.imports(module)).toEqual([{ module: "env", name: "memory", kind: "memory" }]);
});

test("heapBase is a multiple of 16", () => {
  expect(kernels.heapBase()).toBeGreaterThan(0);
  expect(kernels.heapBase() % 16).toBe(0);
});
