/** trainlet in Node: kernels are read from the package's own file. */
import { readFile } from "node:fs/promises";
import { configureHost } from "../runtime/host.ts";

configureHost({
  loader: async () => WebAssembly.compile(await readFile(new URL("../../dist/kernels.wasm", import.meta.url))),
  maxMemoryBytes: 1024 ** 3,
  shared: false,
});

export * from "../index.ts";
