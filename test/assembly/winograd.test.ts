// Winograd's convolution and its gradients against float64 references and TensorFlow.
import { readdirSync } from "node:fs";
import { describe, expect, test } from "vitest";
import {
  blockOf,
  geometry,
  gradientGeometry,
  lengthsOf,
  reference,
  type Geometry,
  type GeometryOptions,
  type Pair,
} from "../helpers/convolution.ts";
import { errorBounds } from "../helpers/winograd.ts";
import { Arena, createRandom, expectClose, expectSame, kernels, readGolden, uniform } from "./harness.ts";

type Data = readonly [x: Float32Array, filter: Float32Array, dy: Float32Array];

interface Place {
  shift?: number;
  /** Puts the inputs one after the other at the end of memory, where reading behind them traps. */
  atEnd?: boolean;
}

interface Options extends Place {
  bias?: Float32Array | null;
  activation?: number;
}

function convolve(
  g: Geometry,
  x: Float32Array,
  filter: Float32Array,
  isGradient: boolean,
  { shift = 0, atEnd = false, bias = null, activation = 0 }: Options = {},
): Float32Array {
  const block = [...blockOf(g).slice(0, -1), activation];
  const arena = new Arena(shift);
  const attributes = arena.attributes(...block).pointer;
  const packed = arena.scratch(kernels.conv2dWinogradPackedBytes(attributes));
  const packScratch = arena.scratch(kernels.conv2dWinogradPackScratchBytes());
  const weights = atEnd ? arena.inputAtEnd(filter) : arena.input(filter);
  const pack = isGradient ? kernels.conv2dWinogradPackTransposedFilter : kernels.conv2dWinogradPackFilter;
  pack(packed.pointer, weights.pointer, packScratch.pointer, attributes);
  arena.check();

  const transformed = packed.values;
  const call = new Arena(shift + 3);
  const callAttributes = call.attributes(...block).pointer;
  const packedInput = call.input(transformed);
  const y = call.output(g.N * g.output[0] * g.output[1] * g.K);
  const biasPointer = bias ? call.input(bias).pointer : 0;
  const scratch = call.scratch(kernels.conv2dWinogradScratchBytes(callAttributes));
  const input = atEnd ? call.inputAtEnd(x) : call.input(x);
  kernels.conv2dWinograd(y.pointer, input.pointer, packedInput.pointer, biasPointer, scratch.pointer, callAttributes);
  call.check();
  return y.values;
}

/** With a stride of 2, where it is no convolution. */
function backpropInput(
  g: Geometry,
  filter: Float32Array,
  dy: Float32Array,
  { shift = 0, atEnd = false }: Place = {},
): Float32Array {
  const arena = new Arena(shift);
  const attributes = arena.attributes(...blockOf(g)).pointer;
  const packed = arena.scratch(kernels.conv2dWinogradPackedBytes(attributes));
  const packScratch = arena.scratch(kernels.conv2dWinogradPackScratchBytes());
  const weights = atEnd ? arena.inputAtEnd(filter) : arena.input(filter);
  kernels.conv2dWinogradPackTransposedFilter(packed.pointer, weights.pointer, packScratch.pointer, attributes);
  arena.check();

  const transformed = packed.values;
  const call = new Arena(shift + 3);
  const callAttributes = call.attributes(...blockOf(g)).pointer;
  const packedInput = call.input(transformed);
  const dx = call.output(g.N * g.H * g.W * g.C);
  const scratch = call.scratch(kernels.conv2dWinogradBackpropInputScratchBytes(callAttributes));
  const gradient = atEnd ? call.inputAtEnd(dy) : call.input(dy);
  kernels.conv2dWinogradBackpropInput(
    dx.pointer,
    gradient.pointer,
    packedInput.pointer,
    scratch.pointer,
    callAttributes,
  );
  call.check();
  return dx.values;
}

/** With a stride of 1 it is a convolution. */
function gradientByInput(g: Geometry, filter: Float32Array, dy: Float32Array, place: Place = {}): Float32Array {
  return g.strides[0] === 1
    ? convolve(gradientGeometry(g), dy, filter, true, place)
    : backpropInput(g, filter, dy, place);
}

function backpropFilter(
  g: Geometry,
  x: Float32Array,
  dy: Float32Array,
  { shift = 0, atEnd = false }: Place = {},
): Float32Array {
  let result: Float32Array | undefined;
  for (let last = 0; last < (atEnd ? 2 : 1); last++) {
    const arena = new Arena(shift);
    const attributes = arena.attributes(...blockOf(g)).pointer;
    const dw = arena.output(g.filter[0] * g.filter[1] * g.C * g.K);
    const scratch = arena.scratch(kernels.conv2dWinogradBackpropFilterScratchBytes(attributes));
    const [from, gradient] = [x, dy].map((values, i) =>
      atEnd && i === last ? arena.inputAtEnd(values) : arena.input(values),
    );
    kernels.conv2dWinogradBackpropFilter(dw.pointer, from!.pointer, gradient!.pointer, scratch.pointer, attributes);
    arena.check();
    if (result) expectSame(dw.values, result, "another input at the end of memory");
    result = dw.values;
  }
  return result!;
}

function run(g: Geometry, [x, filter, dy]: Data, place: Place = {}): Record<"y" | "dx" | "dw", Float32Array> {
  return {
    y: convolve(g, x, filter, false, place),
    dx: gradientByInput(g, filter, dy, place),
    dw: backpropFilter(g, x, dy, place),
  };
}

function data(g: Geometry, seed: number): Data {
  const random = createRandom(seed);
  const [x, filter, dy] = lengthsOf(g).map((length) => uniform(random, length));
  return [x!, filter!, dy!];
}

function check(options: GeometryOptions, given: Data = data(geometry(options), 1)): void {
  const g = geometry(options);
  const want = reference(g, ...given);
  const got = run(g, given);
  const [x, filter, dy] = given;
  const limits = errorBounds(g, x, filter, dy);
  const label = JSON.stringify(g);
  for (const name of ["y", "dx", "dw"] as const)
    expectClose(got[name], want[name].values, (i) => limits[name][i]! + 1e-30, `${name} of ${label}`);
}

const kinds: { filter: Pair; strides: Pair }[] = [
  { filter: [3, 3], strides: [1, 1] },
  { filter: [5, 5], strides: [1, 1] },
  { filter: [3, 3], strides: [2, 2] },
];

describe.each(kinds)("filters of $filter, strides of $strides", (kind) => {
  test.each([1, 3, 4, 5, 16, 17, 33])("%i input channels", (C) => {
    for (const K of [1, 4, 5, 8]) check({ C, K, ...kind });
    expect.hasAssertions();
  });

  test.each([1, 3, 4, 5, 12, 16, 17, 33])("%i output channels", (K) => {
    for (const C of [2, 7]) for (const padding of ["same", "valid"] as const) check({ C, K, ...kind, padding });
    expect.hasAssertions();
  });

  test("images around the size of a tile", () => {
    for (const H of [1, 2, 3, 4, 5, 8, 9]) for (const W of [1, 2, 3, 4, 5, 7, 13]) check({ H, W, C: 3, K: 5, ...kind });
    for (const W of [5, 6, 7, 8, 9, 10]) check({ N: 2, H: W + 1, W, C: 4, K: 4, ...kind, padding: "valid" });
    expect.hasAssertions();
  });

  test("uneven padding, more than the filter sees, inputs not used to their end", () => {
    check({ ...kind, output: [9, 10], pads: [2, 3] });
    check({ ...kind, output: [3, 2], pads: [0, 0] });
    check({ ...kind, output: [4, 9], pads: [0, 3] });
    check({ ...kind, output: [19, 18], pads: [6, 7] });
    check({ ...kind, output: [1, 1], pads: [4, 5] });
    expect.hasAssertions();
  });

  test("tiles around a block, images that share one", () => {
    for (const N of [1, 15, 16, 17, 33]) check({ N, H: 2, W: 2, C: 5, K: 6, ...kind });
    check({ N: 3, H: 13, W: 11, C: 17, K: 20, ...kind });
    check({ N: 2, H: 25, W: 23, C: 6, K: 33, ...kind });
    check({ H: 18, W: 17, C: 50, K: 47, ...kind });
    expect.hasAssertions();
  });

  test("badly scaled channels, and one pixel that is far larger than all others", () => {
    const options = { H: 9, W: 10, C: 9, K: 10, ...kind };
    const g = geometry(options);
    const scale = (channel: number): number => 10 ** (-4 + channel);
    const [x, weights, dy] = data(g, 8);
    const scaled = x.map((value, i) => value * scale(i % g.C));
    const undone = weights.map((value, i) => value / scale(Math.floor(i / g.K) % g.C));
    check(options, [scaled, weights, dy.map((value, i) => value * scale(i % g.K))]);
    check(options, [scaled, undone, dy]);
    const outlier = (4 * g.W + 6) * g.C;
    check(options, [x.map((value, i) => (i >= outlier && i < outlier + g.C ? value * 1e4 : value)), weights, dy]);
    expect.hasAssertions();
  });

  test("bias and activations, which keep NaN", () => {
    for (const [C, K] of [
      [16, 16],
      [3, 5],
    ] as const) {
      const g = geometry({ C, K, ...kind });
      const [x, weights] = data(g, 5);
      const bias = uniform(createRandom(6), K);
      const plain = convolve(g, x, weights, false);
      const want = plain.map((value, i) => value + bias[i % K]!);
      for (const activation of [0, 1, 2]) {
        const y = convolve(g, x, weights, false, { bias, activation });
        const [low, high] = [activation > 0 ? 0 : -Infinity, activation > 1 ? 6 : Infinity];
        expectSame(
          y,
          want.map((value) => Math.min(Math.max(value, low), high)),
          `activation ${activation}`,
        );
        const broken = convolve(g, new Float32Array(x.length).fill(Number.NaN), weights, false, { bias, activation });
        expect(broken.every(Number.isNaN)).toBe(true);
      }
    }
  });

  test("the same bits at every address and in every place of a batch; nothing is read behind an input", () => {
    for (const [C, K] of [
      [7, 13],
      [5, 6],
      [4, 9],
      [1, 3],
    ] as const) {
      const g = geometry({ H: 6, W: 5, C, K, ...kind });
      const given = data(g, 4);
      const once = run(g, given);
      for (const place of [{ shift: 5 }, { atEnd: true }]) {
        const other = run(g, given, place);
        for (const name of ["y", "dx", "dw"] as const) expectSame(other[name], once[name], name);
      }
      const [x, weights] = given;
      const batch = convolve({ ...g, N: 3 }, Float32Array.from([...x, ...x, ...x]), weights, false);
      expectSame(batch, [...once.y, ...once.y, ...once.y], "batch");
    }
  });

  test.each(["same", "valid"] as const)(
    "a megabyte and more, written by rows of tiles: the same bits, %s",
    (padding) => {
      const g = geometry({ H: 37, W: 38, C: 17, K: 18, ...kind, padding });
      const given = data(g, 9);
      const once = run(g, given);
      const N = Math.ceil(2 ** 20 / 4 / Math.min(once.y.length, once.dx.length));
      const repeated = (values: Float32Array): Float32Array =>
        Float32Array.from({ length: N * values.length }, (_, i) => values[i % values.length]!);
      const [x, filter, dy] = given;
      const batch = { ...g, N };
      expectSame(convolve(batch, repeated(x), filter, false), repeated(once.y), "y");
      expectSame(gradientByInput(batch, filter, repeated(dy)), repeated(once.dx), "dx");
    },
  );

  test.each([Number.NaN, Infinity, -Infinity])(
    "%d reaches every output that sees it, and no tile that does not",
    (value) => {
      const g = geometry({ H: 24, W: 24, C: 4, K: 4, ...kind });
      const width = g.output[1];
      const [x, weights] = data(g, 7);
      const finite = convolve(g, x, weights, false);
      const broken = convolve(
        g,
        Float32Array.from(x, (given, i) => (i === 0 ? value : given)),
        weights,
        false,
      );
      const pixels = Array.from({ length: width * width }, (_, at) => ({
        at,
        far: Math.max(Math.floor(at / width), at % width),
      }));
      const seeing = pixels.filter(({ far }) => far * g.strides[0] <= g.pads[0]);
      for (const { at } of seeing)
        for (let k = 0; k < 4; k++) expect(Number.isFinite(broken[at * 4 + k]!), `pixel ${at}`).toBe(false);
      // Two tiles of four outputs at most see the first pixel.
      const others = pixels.filter(({ far }) => far >= 8);
      const valuesOf = (y: Float32Array): number[] =>
        others.flatMap(({ at }) => Array.from(y.subarray(at * 4, at * 4 + 4)));
      expectSame(valuesOf(broken), valuesOf(finite), "far away");
    },
  );
});

test("nothing to do", () => {
  const g = geometry({ N: 0, C: 4, K: 5 });
  expect(convolve(g, new Float32Array(0), new Float32Array(180).fill(1), false).length).toBe(0);
  expectSame(backpropFilter(g, new Float32Array(0), new Float32Array(0)), new Float32Array(180), "dw");
});

describe("TensorFlow's Conv2D", () => {
  const cases = readdirSync(new URL("../golden/conv2d", import.meta.url))
    // Those with 5 x 5 are too small for Winograd: tolerances follow the short plain sums. Its bounds are tested above.
    .filter((name) => /^conv\d+_3x3_s(1x1|2x2)_[a-z0-9_]*\.json$/.test(name) && !/_d\dx\d/.test(name))
    .map((name) => name.replace(".json", ""));

  test("has cases", () => expect(cases.length).toBeGreaterThan(3));

  test.each(cases)("%s", (name) => {
    const { attrs, tensors } = readGolden(`conv2d/${name}`);
    const [N, H, W, C] = tensors.x!.shape as [number, number, number, number];
    const [filterH, filterW, , K] = tensors.filter!.shape as [number, number, number, number];
    const [, outputH, outputW] = tensors.y!.shape as [number, number, number, number];
    const stride = Number(/_s(\d)/.exec(name)![1]);
    const pads = attrs.pads as [[number, number], [number, number]];
    const g = geometry({
      N,
      H,
      W,
      C,
      K,
      filter: [filterH, filterW],
      strides: [stride, stride],
      output: [outputH, outputW],
      pads: [pads[0][0], pads[1][0]],
    });
    const [x, filter, dy] = [tensors.x!, tensors.filter!, tensors.grad_y!].map(({ data }) => data as Float32Array);
    const bias = tensors.bias ? (tensors.bias.data as Float32Array) : null;
    const got = {
      y: convolve(g, x!, filter!, false, { bias }),
      grad_x: gradientByInput(g, filter!, dy!),
      grad_filter: backpropFilter(g, x!, dy!),
    };
    for (const [output, values] of Object.entries(got)) {
      const want = tensors[output]!;
      expectClose(values, want.data, (i) => 0.6 * (want.atol + want.rtol * Math.abs(want.data[i]!)), output);
    }
  });
});
