// The page that Chromium is measured with.
import "../../dist/src/entry/browser.js";
import kernelsUrl from "../../dist/kernels.wasm?url";
import { round, startUp } from "./measure.ts";

const { times, training } = await startUp(() => WebAssembly.compileStreaming(fetch(kernelsUrl)));
Object.assign(globalThis, { started: times, round: (steps: number) => round(training, steps) });
document.title = "started";
