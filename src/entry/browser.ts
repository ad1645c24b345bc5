/** trainlet in browsers and their workers: kernels are fetched and compiled while they arrive. */
import { configureHost } from "../runtime/host.ts";

configureHost({
  loader: () => WebAssembly.compileStreaming(fetch(new URL("../../dist/kernels.wasm", import.meta.url))),
  maxMemoryBytes: 1024 ** 3,
  shared: false,
});

export * from "../index.ts";
