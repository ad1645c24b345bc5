// Which kernels compute a convolution: chosen by its shapes, by the session's option and by what the session's kernels are.
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import * as tf from "../../src/entry/node.ts";
import { gradientBlock, suitsWinograd, type ConvolutionPass } from "../../src/ops/conv2d.ts";
import { createRandom, expectClose, uniform } from "../assembly/harness.ts";
import {
  blockOf,
  geometry,
  gradientGeometry,
  lengthsOf,
  reference,
  type Geometry,
  type GeometryOptions,
} from "../helpers/convolution.ts";
import { expectMistake } from "../helpers/ops.ts";
import { errorBounds } from "../helpers/winograd.ts";

const forwardKernels = new WebAssembly.Module(
  readFileSync(new URL("../../dist/kernels.forward.wasm", import.meta.url)),
);

type Data = readonly [x: Float32Array, filter: Float32Array, dy: Float32Array];

function data(g: Geometry): Data {
  const random = createRandom(11);
  const [x, filter, dy] = lengthsOf(g).map((length) => uniform(random, length));
  return [x!, filter!, dy!];
}

interface Results {
  readonly y: Float32Array;
  readonly dx: Float32Array;
  readonly dw: Float32Array;
  /** Names of the kernels that ran. */
  readonly kernels: ReadonlySet<string>;
}

/** y, dx and dw of a convolution in a session of these options. */
async function run(g: Geometry, padding: "SAME" | "VALID", given: Data, options: tf.SessionOptions): Promise<Results> {
  const shapes = [
    [g.N, g.H, g.W, g.C],
    [...g.filter, g.C, g.K],
    [g.N, ...g.output, g.K],
  ];
  const graph = new tf.Graph();
  const { inputs, fetches } = graph.asDefault(() => {
    const inputs = shapes.map((shape) => tf.placeholder(tf.float32, shape));
    const [x, filter, dy] = inputs as [tf.Tensor, tf.Tensor, tf.Tensor];
    const y = tf.nn.conv2d(x, filter, { padding, strides: g.strides });
    const [dx, dw] = tf.gradients(y, [x, filter], { gradYs: [dy] });
    return { inputs, fetches: [y, dx!, dw!] };
  });
  const feeds = new Map(inputs.map((input, i) => [input, given[i]!] as const));
  const session = await tf.Session.create({ graph, ...options });
  const [y, dx, dw] = (await session.run(fetches, feeds)).map((value) => value.data as Float32Array);
  const kernels = new Set<string>(session.plan(fetches, feeds).parts.steps.map((step) => step.kernel));
  session.close();
  return { y: y!, dx: dx!, dw: dw!, kernels };
}

const winograd = ["conv2dWinograd", "conv2dWinogradBackpropFilter"];

describe("auto and direct", () => {
  const cases: [string, GeometryOptions][] = [
    ["3 x 3, same", { N: 1, H: 28, W: 21, C: 16, K: 20 }],
    ["3 x 3, valid", { N: 2, H: 22, W: 18, C: 17, K: 19, padding: "valid" }],
    ["3 x 3 of stride 2, same", { N: 6, H: 32, W: 32, C: 32, K: 35, strides: [2, 2] }],
    ["3 x 3 of stride 2, valid", { N: 6, H: 33, W: 33, C: 36, K: 32, strides: [2, 2], padding: "valid" }],
    ["5 x 5, same", { N: 5, H: 11, W: 10, C: 32, K: 34, filter: [5, 5] }],
    ["5 x 5, valid", { N: 6, H: 14, W: 13, C: 35, K: 32, filter: [5, 5], padding: "valid" }],
  ];

  test.each(cases)("%s: each within its own bound of the exact sums", async (_, options) => {
    const g = geometry(options);
    const given = data(g);
    const [x, filter, dy] = given;
    const exact = reference(g, ...given);
    const padding = options.padding === "valid" ? "VALID" : "SAME";

    const auto = await run(g, padding, given, {});
    expect([...auto.kernels]).toEqual(expect.arrayContaining(winograd));
    const bounds = errorBounds(g, x, filter, dy);
    expectClose(auto.y, exact.y.values, (i) => bounds.y[i]!, "y");
    expectClose(auto.dx, exact.dx.values, (i) => bounds.dx[i]!, "dx");
    expectClose(auto.dw, exact.dw.values, (i) => bounds.dw[i]!, "dw");

    const direct = await run(g, padding, given, { convolution: "direct" });
    expect([...direct.kernels].filter((kernel) => kernel.includes("Winograd"))).toEqual([]);
    for (const name of ["y", "dx", "dw"] as const)
      expectClose(direct[name], exact[name].values, exact[name].tolerance, `direct ${name}`);
  });

  test("a bias and an activation go along", async () => {
    const g = geometry({ N: 2, H: 16, W: 19, C: 20, K: 17 });
    const [x, filter] = data(g);
    const bias = uniform(createRandom(12), g.K);
    const graph = new tf.Graph();
    const [plain, fused] = graph.asDefault(() => {
      const input = tf.constant(x, { shape: [g.N, g.H, g.W, g.C] });
      const y = tf.nn.conv2d(input, tf.constant(filter, { shape: [3, 3, g.C, g.K] }));
      const other = tf.nn.conv2d(input, tf.constant(filter, { shape: [3, 3, g.C, g.K] }));
      return [y, tf.nn.relu(tf.nn.biasAdd(other, tf.constant(bias)))];
    });
    const session = await tf.Session.create({ graph });
    const steps = session.plan(fused!).parts.steps.filter((step) => !step.kernel.includes("Pack"));
    expect(steps.map((step) => step.kernel)).toEqual(["conv2dWinograd"]);
    const [y, z] = await session.run([plain!, fused!]);
    const want = (y!.data as Float32Array).map((value, i) => Math.max(value + bias[i % g.K]!, 0));
    expect(z!.data).toEqual(want);
  });

  test("kernels without Winograd's compute all directly", async () => {
    const shape = [2, 32, 32, 16];
    const graph = new tf.Graph();
    const y = graph.asDefault(() => tf.nn.conv2d(tf.ones(shape), tf.ones([3, 3, 16, 16])));
    const small = await tf.Session.create({ graph, kernels: forwardKernels });
    expect(small.plan(y).parts.steps.map((step) => step.kernel)).toContain("conv2d");
    const { data: values } = await small.run(y);
    expect([values[0], values[33 * 16]]).toEqual([64, 144]);
  });

  test("another option is refused", async () => {
    const graph = new tf.Graph();
    await expectMistake(
      () => tf.Session.create({ graph, convolution: "winograd" as "auto" }),
      'InvalidArgumentError: convolution must be "auto" or "direct", got "winograd".',
    );
  });
});

test("the small module has none of Winograd's kernels", () => {
  const names = WebAssembly.Module.exports(forwardKernels).map(({ name }) => name);
  expect(names).toContain("conv2d");
  expect(names.filter((name) => name.includes("Winograd"))).toEqual([]);
});

describe("what suits Winograd", () => {
  const suits = (options: GeometryOptions, pass: ConvolutionPass = "convolution"): boolean =>
    suitsWinograd(blockOf(geometry({ N: 32, H: 32, W: 32, C: 16, K: 16, ...options })), pass);

  test("the layers it was made for, forward and back", () => {
    for (const options of [{}, { H: 16, W: 16, C: 32, K: 32 }, { H: 8, W: 8, C: 64, K: 64 }]) {
      expect(suits(options)).toBe(true);
      expect(suits(options, "filter")).toBe(true);
    }
    const wide: GeometryOptions = { H: 14, W: 14, C: 32, K: 64, filter: [5, 5] };
    expect(suits(wide)).toBe(true);
    expect(suits(wide, "filter")).toBe(true);
    for (const options of [{ K: 32 }, { H: 16, W: 16, C: 32, K: 64 }] as const)
      for (const pass of ["convolution", "input", "filter"] as const)
        expect(suits({ ...options, strides: [2, 2] }, pass)).toBe(true);
    expect(suits({ C: 13, K: 13 })).toBe(true);
    expect(suits({ C: 340, K: 340 })).toBe(true);
    expect(suits({ ...wide, N: 2 })).toBe(true);
    expect(suits({ ...wide, N: 2 }, "filter")).toBe(false);
  });

  test.each<[string, GeometryOptions]>([
    ["a stride in one direction", { strides: [2, 1] }],
    ["strides of 3", { strides: [3, 3] }],
    ["5 x 5 of stride 2", { filter: [5, 5], strides: [2, 2] }],
    ["dilations", { dilations: [1, 2] }],
    ["1 x 1", { filter: [1, 1] }],
    ["3 x 5", { filter: [3, 5] }],
    ["7 x 7", { filter: [7, 7] }],
    ["12 input channels", { C: 12 }],
    ["12 output channels", { K: 12 }],
    ["images of one pixel, which waste a tile", { H: 1, W: 1 }],
    ["too few tiles for the filter's transform", { N: 1, H: 4, W: 4, C: 256, K: 256 }],
    ["a transformed filter of more than 16 MiB", { N: 64, C: 352, K: 352 }],
    ["no image", { N: 0 }],
  ])("not %s", (_, options) => {
    expect([suits(options), suits(options, "filter")]).toEqual([false, false]);
  });

  test("a stride of 2 whose last inputs nobody sees: their gradient is 0 exactly, without Winograd", async () => {
    const g = geometry({ N: 6, H: 34, W: 33, C: 32, K: 36, strides: [2, 2], padding: "valid" });
    expect([suitsWinograd(blockOf(g), "convolution"), suitsWinograd(blockOf(g), "input")]).toEqual([true, false]);
    const { dx, kernels } = await run(g, "VALID", data(g), {});
    expect([...kernels]).toEqual(expect.arrayContaining([...winograd, "conv2dBackpropInput"]));
    const unseen = dx.filter((_, i) => Math.floor(i / (g.W * g.C)) % g.H === 33);
    expect(unseen.every((value) => value === 0)).toBe(true);
  });

  test("the gradient is the convolution of dy with the rotated filter", () => {
    for (const padding of ["same", "valid"] as const) {
      const g = geometry({ N: 2, H: 9, W: 8, C: 5, K: 6, filter: [5, 5], padding });
      expect(gradientBlock(blockOf(g))).toEqual(blockOf(gradientGeometry(g)));
    }
  });
});
