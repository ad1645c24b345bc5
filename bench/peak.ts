// How much of the machine's register peak the kernels reach, both measured in alternating rounds of the same run.
import { readFileSync } from "node:fs";
import asc from "assemblyscript/asc";
import * as trainlet from "../dist/src/entry/node.js";
import { passes, work, type Work } from "./kernels.ts";
import { race, type Effort } from "./measure.ts";
import type { PeakRow } from "./report.ts";

interface Shape {
  /** N, H, W, C. */
  readonly input: readonly [number, number, number, number];
  readonly filters: number;
  readonly window: number;
  readonly stride: number;
}

const shapes: readonly Shape[] = [
  { input: [1, 100, 100, 3], filters: 32, window: 3, stride: 2 },
  { input: [64, 28, 28, 1], filters: 32, window: 5, stride: 1 },
  { input: [64, 14, 14, 32], filters: 64, window: 5, stride: 1 },
  { input: [32, 32, 32, 3], filters: 16, window: 3, stride: 1 },
  { input: [32, 32, 32, 16], filters: 16, window: 3, stride: 1 },
  { input: [32, 16, 16, 32], filters: 32, window: 3, stride: 1 },
  { input: [32, 8, 8, 64], filters: 64, window: 3, stride: 1 },
  { input: [32, 32, 32, 16], filters: 32, window: 3, stride: 2 },
  { input: [8, 28, 28, 128], filters: 128, window: 1, stride: 1 },
];

/** Rows, columns, depth. */
const products: readonly (readonly [number, number, number])[] = [
  [128, 128, 128],
  [256, 256, 256],
  [512, 512, 512],
  [1024, 1024, 1024],
  [128, 10, 1024],
];

/** Rounds of the product that stands for them all: 256³. */
const productRounds = 30;

export async function benchPeak(effort: Effort): Promise<PeakRow[]> {
  const peak = await registerPeak();
  const rows: PeakRow[] = [];
  const against = async (works: readonly Work[], effort: Effort): Promise<void> => {
    const [ofPeak, ...timings] = await race([peak, ...works], effort);
    const peakGflops = peak.flops / ofPeak.ms / 1e6;
    for (const [i, { name, flops }] of works.entries()) {
      const gflops = flops / timings[i].ms / 1e6;
      const best = flops / Math.min(...timings[i].rounds) / (peak.flops / Math.min(...ofPeak.rounds));
      rows.push({
        group: "peak",
        case: name,
        fraction: gflops / peakGflops,
        fractionOfMinima: best,
        gflops,
        peakGflops,
      });
      works[i].close();
    }
  };
  for (const [rows, columns, depth] of products) {
    const product = await work(`matmul ${rows}x${columns}x${depth}`, (operand) =>
      trainlet.matmul(operand([rows, depth]), operand([depth, columns])),
    );
    await against([product], { ...effort, rounds: rows === 256 ? productRounds : effort.rounds });
  }
  for (const { input, filters, window, stride } of shapes) {
    const name = `conv2d ${input.join("x")} → ${filters}, ${window}x${window}${stride === 1 ? "" : `/${stride}`}`;
    const works = await passes(name, { x: input, w: [window, window, input[3], filters] }, (x, w) =>
      trainlet.nn.conv2d(x, w, { strides: stride }),
    );
    await against(works, effort);
  }
  const depthwise = await passes("depthwise 8x56x56x64, 3x3", { x: [8, 56, 56, 64], w: [3, 3, 64, 1] }, (x, w) =>
    trainlet.nn.depthwiseConv2d(x, w),
  );
  await against(depthwise, effort);
  return rows;
}

async function registerPeak(): Promise<Work> {
  const source = readFileSync(new URL("peak/registers.ts", import.meta.url), "utf8");
  const result = await asc.compileString(source, {
    optimizeLevel: 3,
    runtime: "stub",
    enable: ["simd"],
    noAssert: true,
  });
  if (!result.binary) throw new Error(`The register peak does not compile: ${result.stderr.toString()}`);
  const { instance } = await WebAssembly.instantiate(result.binary as Uint8Array<ArrayBuffer>);
  const { multiplyAdd, flopsPerIteration } = instance.exports as unknown as {
    multiplyAdd(iterations: number, factor: number, addend: number): number;
    flopsPerIteration: WebAssembly.Global<"i32">;
  };
  const iterations = 20_000;
  return {
    name: "register peak",
    flops: iterations * flopsPerIteration.value,
    round(steps) {
      const start = performance.now();
      for (let i = 0; i < steps; i++) multiplyAdd(iterations, 0.9999, 0.0001);
      return performance.now() - start;
    },
    close: () => {},
  };
}
