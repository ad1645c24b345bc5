// A process of its own that starts trainlet and prints how long that took, as JSON.
import { readFile } from "node:fs/promises";
import "../../dist/src/entry/node.js";
import { startUp } from "./measure.ts";

const { times } = await startUp(async () =>
  WebAssembly.compile(await readFile(new URL("../../dist/kernels.wasm", import.meta.url))),
);
console.log(JSON.stringify(times));
