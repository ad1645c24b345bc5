/** The nets that benchmarks train: their sizes, that a step trains them, and the benchmark's command. */
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { lenet } from "../../bench/nets/lenet.ts";
import { mobilenetBlock } from "../../bench/nets/mobilenet.ts";
import { train, type Net } from "../../bench/nets/net.ts";
import { resnet } from "../../bench/nets/resnet.ts";
import "../../dist/src/entry/node.js";

/** Weights that are trained, without the optimizer's slots and the moving statistics. */
const weights = (values: ReadonlyMap<string, { shape: readonly number[] }>): number =>
  [...values]
    .filter(([name]) => !/Momentum|moving_/.test(name))
    .reduce((sum, [, { shape }]) => sum + shape.reduce((a, b) => a * b, 1), 0);

/** Multiplications and additions of a training step for one image: convolutions and products, forward and both gradients, but
 * the gradient by the images. */
const conv = (size: number, window: number, from: number, to: number): number =>
  2 * size * size * window * window * from * to;
const lenetFlops = 2 * conv(28, 5, 1, 32) + 3 * conv(14, 5, 32, 64) + 3 * 2 * 3136 * 10;
const resnetFlops =
  2 * conv(32, 3, 3, 16) +
  3 * (2 * conv(32, 3, 16, 16) + conv(16, 3, 16, 32) + conv(16, 3, 32, 32) + conv(16, 1, 16, 32)) +
  3 * (conv(8, 3, 32, 64) + conv(8, 3, 64, 64) + conv(8, 1, 32, 64) + 2 * 64 * 10);
const mobilenetFlops = 3 * (2 * 28 * 28 * 9 * 128 + conv(28, 1, 128, 128) + 2 * 128 * 10);

const nets: [name: string, net: () => Net, weights: number, flops: number][] = [
  ["LeNet-BN", lenet, 25 * 32 + 32 + 64 + 800 * 64 + 64 + 128 + 3136 * 10 + 10, lenetFlops],
  [
    "ResNet-8",
    () => resnet(8),
    // Filters, then gamma and beta of seven batch norms, then the dense layer.
    432 + 2 * 2304 + (4608 + 9216 + 512) + (18432 + 36864 + 2048) + 2 * (3 * 16 + 2 * 32 + 2 * 64) + 650,
    resnetFlops,
  ],
  ["MobileNet block", mobilenetBlock, 9 * 128 + 128 * 128 + 2 * 256 + 1290, mobilenetFlops],
];

describe("nets", () => {
  test.each(nets)("%s has its weights and its work, and learns its batch", async (name, build, count, flops) => {
    const batch = 4;
    const { net, session, step, profile } = await train(build(), batch);
    expect([net.name, weights(session.variables())]).toEqual([name, count]);
    const { steps } = await profile(1);
    expect(steps.reduce((sum, { flops }) => sum + (flops ?? 0), 0)).toBe(batch * flops);
    const losses = [await step()];
    for (let i = 0; i < 15; i++) losses.push(await step());
    expect(losses.at(-1)!).toBeLessThan(losses[0]);
    session.close();
  });

  test("depths are 6n + 2", () => {
    expect(() => resnet(18)).toThrow("A residual net of 18 layers: not 6n + 2.");
    expect(() => resnet(2)).toThrow(RangeError);
  });

  test("the block gives the gradient by its input", async () => {
    const net = mobilenetBlock();
    const [gradient] = net.inputGradient;
    expect([gradient.shape, lenet().inputGradient]).toEqual([[null, 28, 28, 128], []]);
  });
});

/** Runs the benchmark, without any of its peers: what it prints, and its exit code. */
function bench(...args: string[]): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const child = spawn(process.execPath, [fileURLToPath(new URL("../../bench/bench.ts", import.meta.url)), ...args]);
  const output = { stdout: "", stderr: "" };
  child.stdout.setEncoding("utf8").on("data", (text: string) => (output.stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (output.stderr += text));
  return new Promise((resolve) => child.on("close", (code) => resolve({ code, ...output })));
}

describe("the command", () => {
  test("a group that there is not is named", async () => {
    const { code, stderr } = await bench("--group", "speed");
    expect([code, stderr]).toEqual([
      2,
      "There is no group 'speed'. Groups: peak, channels, conv, step, profile, scale, start.\n",
    ]);
  });

  test("rows for programs are JSON, one a line; the others are not printed", { timeout: 120_000 }, async () => {
    const { code, stdout, stderr } = await bench("--quick", "--group", "scale", "--json");
    expect([code, stderr]).toEqual([0, ""]);
    const rows = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(rows.map((row) => [row.group, row.case, row.variant])).toEqual([
      ["scale", "ResNet-8", "batch 1"],
      ["scale", "ResNet-8", "batch 16"],
      ["scale", "ResNet-8", "batch 64"],
      ["scale", "ResNet-8", "batch 32, by depth"],
      ["scale", "ResNet-20", "batch 32, by depth"],
    ]);
    for (const row of rows) expect([row.ms, row.msEach, row.bytes].every((value) => (value as number) > 0)).toBe(true);
  });
});
