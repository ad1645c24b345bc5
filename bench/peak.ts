// How much of the machine's register peak the convolutions reach, both measured in alternating rounds of the same run.
import { readFileSync } from "node:fs";
import asc from "assemblyscript/asc";
import * as trainlet from "../dist/src/entry/node.js";
import { race, type Contender, type Effort } from "./measure.ts";
import type { PeakRow } from "./report.ts";

interface Shape {
  /** N, H, W, C. */
  readonly input: readonly [number, number, number, number];
  readonly channels: number;
  readonly window: number;
  readonly stride: number;
}

const shapes: readonly Shape[] = [
  { input: [1, 100, 100, 3], channels: 32, window: 3, stride: 2 },
  { input: [64, 28, 28, 1], channels: 32, window: 5, stride: 1 },
  { input: [64, 14, 14, 32], channels: 64, window: 5, stride: 1 },
  { input: [32, 32, 32, 16], channels: 16, window: 3, stride: 1 },
  { input: [32, 8, 8, 64], channels: 64, window: 3, stride: 1 },
];

export async function benchPeak(effort: Effort): Promise<PeakRow[]> {
  const peak = await registerPeak();
  const rows: PeakRow[] = [];
  for (const shape of shapes) {
    const convolution = await convolutionOf(shape);
    const [ofPeak, ofConvolution] = await race([peak, convolution], effort);
    const peakGflops = peak.flops / ofPeak.ms / 1e6;
    const gflops = convolution.flops / ofConvolution.ms / 1e6;
    rows.push({ group: "peak", case: convolution.name, fraction: gflops / peakGflops, gflops, peakGflops });
  }
  return rows;
}

/** A contender whose work is known in floating-point operations. */
interface Work extends Contender {
  readonly flops: number;
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
    step: () => multiplyAdd(iterations, 0.9999, 0.0001),
  };
}

/** A run of a session with one SAME convolution: feeding, packing the filter, and what a run costs in itself are part of it.
 * Multiplications with padding are work that nobody needs: they do not count. */
async function convolutionOf({ input, channels, window, stride }: Shape): Promise<Work> {
  const [n, height, width, depth] = input;
  const graph = new trainlet.Graph();
  const { x, y } = graph.asDefault(() => {
    const x = trainlet.placeholder(trainlet.float32, input, "x");
    const filter = trainlet.getVariable("filter", [window, window, depth, channels]);
    return { x, y: trainlet.nn.conv2d(x, filter, { strides: stride }) };
  });
  const session = await trainlet.Session.create({ graph });
  await session.run(graph.asDefault(() => trainlet.globalVariablesInitializer()));
  const data = Float32Array.from({ length: n * height * width * depth }, (_, i) => Math.sin(i));
  const feeds = new Map([[x, data]]);
  return {
    name: `conv2d ${input.join("x")} → ${channels}, ${window}x${window}/${stride}`,
    flops: 2 * n * taps(height, window, stride) * taps(width, window, stride) * depth * channels,
    step: () => session.run(y.op, feeds),
  };
}

/** Along one axis of a SAME convolution: positions of all windows that lie inside of the input. */
function taps(size: number, window: number, stride: number): number {
  const outputs = Math.ceil(size / stride);
  const before = Math.floor(Math.max((outputs - 1) * stride + window - size, 0) / 2);
  let inside = 0;
  for (let out = 0; out < outputs; out++) {
    const start = out * stride - before;
    inside += Math.min(start + window, size) - Math.max(start, 0);
  }
  return inside;
}
