// conv2d against a float64 reference and TensorFlow.
import { readdirSync } from "node:fs";
import { describe, expect, test } from "vitest";
import {
  Arena,
  createRandom,
  EPSILON,
  expectClose,
  expectGolden,
  expectSame,
  kernels,
  readGolden,
  uniform,
} from "./harness.ts";

interface Geometry {
  N: number;
  H: number;
  W: number;
  C: number;
  K: number;
  filter: [height: number, width: number];
  strides: [number, number];
  dilations: [number, number];
  /** Of the output; worked out from the padding for "same" and "valid". */
  output: [height: number, width: number];
  pads: [top: number, left: number];
  activation: number;
}

function geometry(options: Partial<Geometry> & { padding?: "same" | "valid" }): Geometry {
  const g: Geometry = {
    N: 1,
    H: 7,
    W: 6,
    C: 3,
    K: 8,
    filter: [3, 3],
    strides: [1, 1],
    dilations: [1, 1],
    output: [0, 0],
    pads: [0, 0],
    activation: 0,
    ...options,
  };
  if (options.output) return g;
  const axes = [g.H, g.W].map((size, axis) => {
    const extent = (g.filter[axis]! - 1) * g.dilations[axis]! + 1;
    const stride = g.strides[axis]!;
    if (options.padding === "valid") return { output: Math.max(0, Math.ceil((size - extent + 1) / stride)), pad: 0 };
    const output = Math.ceil(size / stride);
    return { output, pad: Math.max((output - 1) * stride + extent - size, 0) >> 1 };
  });
  return { ...g, output: [axes[0]!.output, axes[1]!.output], pads: [axes[0]!.pad, axes[1]!.pad] };
}

/** The sums in float64, and the sums of magnitudes that rounding errors are measured by. */
function reference(g: Geometry, x: Float32Array, filter: Float32Array, bias: Float32Array | null) {
  const y = new Float64Array(g.N * g.output[0] * g.output[1] * g.K);
  const scale = new Float64Array(y.length);
  let at = 0;
  for (let n = 0; n < g.N; n++) {
    for (let i = 0; i < g.output[0]; i++) {
      for (let j = 0; j < g.output[1]; j++) {
        for (let k = 0; k < g.K; k++) {
          let sum = bias ? bias[k]! : 0;
          let magnitude = Math.abs(sum);
          for (let u = 0; u < g.filter[0]; u++) {
            const row = i * g.strides[0] + u * g.dilations[0] - g.pads[0];
            if (row < 0 || row >= g.H) continue;
            for (let v = 0; v < g.filter[1]; v++) {
              const column = j * g.strides[1] + v * g.dilations[1] - g.pads[1];
              if (column < 0 || column >= g.W) continue;
              for (let c = 0; c < g.C; c++) {
                const product =
                  x[((n * g.H + row) * g.W + column) * g.C + c]! * filter[((u * g.filter[1] + v) * g.C + c) * g.K + k]!;
                sum += product;
                magnitude += Math.abs(product);
              }
            }
          }
          if (g.activation > 0) sum = Math.max(sum, 0);
          if (g.activation > 1) sum = Math.min(sum, 6);
          y[at] = sum;
          scale[at++] = magnitude;
        }
      }
    }
  }
  return { y, scale };
}

interface RunOptions {
  shift?: number;
  atEnd?: boolean;
}

function run(
  g: Geometry,
  x: Float32Array,
  filter: Float32Array,
  bias: Float32Array | null,
  { shift = 0, atEnd = false }: RunOptions = {},
): Float32Array {
  const arena = new Arena(shift);
  const attributes = arena.attributes(
    g.N,
    g.H,
    g.W,
    g.C,
    ...g.output,
    g.K,
    ...g.filter,
    ...g.strides,
    ...g.dilations,
    ...g.pads,
    g.activation,
  ).pointer;
  const packed = arena.scratch(kernels.conv2dPackedBytes(attributes));
  const filterBuffer = atEnd ? arena.inputAtEnd(filter) : arena.input(filter);
  kernels.conv2dPackFilter(packed.pointer, filterBuffer.pointer, attributes);
  arena.check();

  const call = new Arena(shift + 64 + Math.ceil((packed.pointer + packed.bytes) / 16));
  const packedInput = call.input(packed.values);
  const y = call.output(g.N * g.output[0] * g.output[1] * g.K);
  const biasPointer = bias ? call.input(bias).pointer : 0;
  const scratch = call.scratch(kernels.conv2dScratchBytes(attributes));
  const input = atEnd ? call.inputAtEnd(x) : call.input(x);
  kernels.conv2d(y.pointer, input.pointer, packedInput.pointer, biasPointer, scratch.pointer, attributes);
  call.check();
  return y.values;
}

function data(g: Geometry, seed: number) {
  const random = createRandom(seed);
  return {
    x: uniform(random, g.N * g.H * g.W * g.C),
    filter: uniform(random, g.filter[0] * g.filter[1] * g.C * g.K),
    bias: uniform(random, g.K),
  };
}

/** A sum of n terms: 2 sqrt(n) roundings of its sum of magnitudes, and never more than n. */
function tolerance(g: Geometry, scale: Float64Array): (index: number) => number {
  const terms = g.filter[0] * g.filter[1] * g.C + 1;
  return (i) => Math.min(2 * Math.sqrt(terms), terms) * EPSILON * scale[i]! + 1e-30;
}

function check(options: Parameters<typeof geometry>[0], withBias = true, seed = 1): void {
  const g = geometry(options);
  const { x, filter, bias } = data(g, seed);
  const expected = reference(g, x, filter, withBias ? bias : null);
  const label = JSON.stringify({ ...g, seed });
  expectClose(run(g, x, filter, withBias ? bias : null), expected.y, tolerance(g, expected.scale), label);
}

const channels = [1, 2, 3, 4, 5, 6, 7, 8, 9, 16, 17, 33];

describe("conv2d", () => {
  test.each(channels)("%i input channels", (C) => {
    for (const K of [1, 5, 8]) for (const padding of ["same", "valid"] as const) check({ C, K, padding });
  });

  test.each(channels)("%i output channels", (K) => {
    for (const C of [1, 3, 4]) for (const padding of ["same", "valid"] as const) check({ C, K, padding }, C > 1);
  });

  test("strides, dilations, padding and filters in all mixes", () => {
    const pairs = [
      [1, 1],
      [2, 2],
      [3, 1],
      [1, 3],
    ] as [number, number][];
    const filters = [
      [1, 1],
      [3, 3],
      [2, 3],
      [5, 1],
      [1, 4],
    ] as [number, number][];
    for (const strides of pairs) {
      for (const dilations of pairs) {
        for (const filter of filters) {
          for (const padding of ["same", "valid"] as const) {
            check({ N: 2, H: 8, W: 9, C: 2, K: 5, strides, dilations, filter, padding });
            check({ H: 9, W: 7, C: 3, K: 9, strides, dilations, filter, padding }, false);
          }
        }
      }
    }
  });

  test("explicit and uneven padding, and an input that is not used to its end", () => {
    check({ output: [9, 10], pads: [2, 3] });
    check({ output: [3, 2], pads: [0, 0] });
    check({ output: [4, 9], pads: [0, 3] });
    check({ output: [12, 12], pads: [5, 7] });
    check({ output: [1, 1], pads: [4, 5] });
    check({ output: [2, 2], pads: [0, 0], strides: [2, 3], H: 9, W: 11 });
  });

  test("a filter larger than the input", () => {
    check({ H: 2, W: 3, filter: [5, 7] });
    check({ H: 1, W: 1, filter: [4, 4], dilations: [2, 2] });
  });

  test("output pixels around the tile and the block", () => {
    for (const W of [1, 2, 3, 4, 5, 63, 64, 65, 131]) check({ H: 1, W, C: 2, K: 12, filter: [1, 3] });
    for (const W of [63, 64, 65, 131]) check({ H: 2, W, C: 4, K: 4, filter: [1, 1] });
  });

  test("an image of several bands", () => {
    check({ H: 40, W: 90, C: 16, K: 4 });
    check({ H: 41, W: 91, C: 16, K: 4, strides: [2, 2], filter: [5, 5] });
    check({ N: 2, H: 5, W: 1500, C: 9, K: 3 });
  });

  test("nothing to do", () => {
    for (const options of [{ N: 0 }, { H: 2, padding: "valid" as const }, { output: [3, 0] as [number, number] }]) {
      const g = geometry(options);
      const { x, filter, bias } = data(g, 1);
      expect(run(g, x, filter, bias).length).toBe(0);
    }
  });

  test("activations, which keep NaN", () => {
    for (const K of [3, 8, 11]) for (const activation of [1, 2]) check({ C: 40, K, activation });
    for (const activation of [0, 1, 2]) {
      const g = geometry({ activation });
      const { x, filter, bias } = data(g, 2);
      expect(run(g, x.fill(Number.NaN), filter, bias).every(Number.isNaN)).toBe(true);
      expect(run(g, x.fill(1), filter.fill(1), bias.fill(0))[0]).toBe([12, 12, 6][activation]);
    }
  });

  test("reads nothing behind an input", () => {
    for (const K of [1, 3, 6, 8, 9, 15]) {
      for (const padding of ["same", "valid"] as const) {
        const g = geometry({ C: 1, K, padding });
        const { x, filter, bias } = data(g, 3);
        expectSame(run(g, x, filter, bias, { atEnd: true }), run(g, x, filter, bias), `K = ${K}, ${padding}`);
      }
    }
  });

  test("the same bits at every address and in every place of a batch", () => {
    const g = geometry({ H: 5, W: 5, C: 7, K: 13 });
    const { x, filter, bias } = data(g, 4);
    const once = run(g, x, filter, bias);
    expectSame(run(g, x, filter, bias, { shift: 5 }), once, "shifted");
    const batch = run({ ...g, N: 3 }, Float32Array.from([...x, ...x, ...x]), filter, bias);
    expectSame(batch, [...once, ...once, ...once], "batch");
  });
});

describe("TensorFlow's Conv2D", () => {
  const cases = readdirSync(new URL("../golden/conv2d", import.meta.url))
    .filter((name) => name.endsWith(".json"))
    .map((name) => name.replace(".json", ""));

  test.each(cases)("%s", (name) => {
    const { attrs, tensors } = readGolden(`conv2d/${name}`);
    const [N, H, W, C] = tensors.x!.shape as [number, number, number, number];
    const [filterH, filterW, , K] = tensors.filter!.shape as [number, number, number, number];
    const [, outputH, outputW] = tensors.y!.shape as [number, number, number, number];
    const pads = attrs.pads as [[number, number], [number, number]];
    const g = geometry({
      N,
      H,
      W,
      C,
      K,
      filter: [filterH, filterW],
      strides: attrs.strides as [number, number],
      dilations: attrs.dilations as [number, number],
      output: [outputH, outputW],
      pads: [pads[0][0], pads[1][0]],
    });
    const bias = tensors.bias ? (tensors.bias.data as Float32Array) : null;
    const y = run(g, tensors.x!.data as Float32Array, tensors.filter!.data as Float32Array, bias);
    expectGolden(y, tensors.y!, "y");
  });
});
