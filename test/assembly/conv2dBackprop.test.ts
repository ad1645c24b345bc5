// The gradients of conv2d, and depthwise convolution with its gradients, against float64 references.
import { describe, expect, test } from "vitest";
import {
  blockOf,
  geometry,
  lengthsOf,
  reference,
  type Geometry,
  type GeometryOptions,
  type Pair,
} from "../helpers/convolution.ts";
import { Arena, createRandom, expectClose, expectSame, kernels, uniform, type Buffer } from "./harness.ts";

interface Results {
  y?: Float32Array;
  dx: Float32Array;
  dw: Float32Array;
}

type Data = readonly [x: Float32Array, filter: Float32Array, dy: Float32Array];

interface Place {
  shift?: number;
  /** Puts each input in turn at the end of memory, where reading behind it traps. */
  atEnd?: boolean;
}

/** Runs the kernels, each in an arena of its own. */
function run(g: Geometry, [x, filter, dy]: Data, { shift = 0, atEnd = false }: Place = {}): Results {
  const call = (
    given: readonly Float32Array[],
    length: number,
    kernel: (arena: Arena, y: number, block: number, ...inputs: number[]) => void,
  ): Float32Array => {
    let result: Float32Array | undefined;
    for (let last = 0; last < (atEnd ? given.length : 1); last++) {
      const arena = new Arena(shift);
      const block = arena.attributes(...blockOf(g)).pointer;
      const y: Buffer = arena.output(length);
      const inputs = given.map((values, i) => (atEnd && i === last ? arena.inputAtEnd(values) : arena.input(values)));
      kernel(arena, y.pointer, block, ...inputs.map(({ pointer }) => pointer));
      arena.check();
      if (result) expectSame(y.values, result, "another input at the end of memory");
      result = y.values;
    }
    return result!;
  };
  if (g.isDepthwise) {
    const scratch = (arena: Arena, block: number): number =>
      arena.scratch(kernels.depthwiseConv2dScratchBytes(block)).pointer;
    return {
      y: call([x, filter], dy.length, (arena, y, block, from, w) =>
        kernels.depthwiseConv2d(y, from, w, scratch(arena, block), block),
      ),
      dx: call([dy, filter], x.length, (arena, dx, block, from, w) =>
        kernels.depthwiseConv2dBackpropInput(dx, from, w, scratch(arena, block), block),
      ),
      dw: call([x, dy], filter.length, (arena, dw, block, from, gradient) => {
        const { pointer } = arena.scratch(kernels.depthwiseConv2dBackpropFilterScratchBytes(block));
        kernels.depthwiseConv2dBackpropFilter(dw, from, gradient, pointer, block);
      }),
    };
  }
  return {
    dx: call([dy, filter], x.length, (arena, dx, block, from, w) => {
      const packed = arena.scratch(kernels.conv2dBackpropInputPackedBytes(block)).pointer;
      const scratch = arena.scratch(kernels.conv2dBackpropInputScratchBytes(block)).pointer;
      kernels.conv2dBackpropInputPackFilter(packed, w, scratch, block);
      kernels.conv2dBackpropInput(dx, from, packed, scratch, block);
    }),
    dw: call([x, dy], filter.length, (arena, dw, block, from, gradient) => {
      const { pointer } = arena.scratch(kernels.conv2dBackpropFilterScratchBytes(block));
      kernels.conv2dBackpropFilter(dw, from, gradient, pointer, block);
    }),
  };
}

function data(g: Geometry, seed: number): Data {
  const random = createRandom(seed);
  const [x, filter, dy] = lengthsOf(g).map((length) => uniform(random, length));
  return [x!, filter!, dy!];
}

function check(options: GeometryOptions, seed = 1): void {
  const g = geometry(options);
  const given = data(g, seed);
  const want = reference(g, ...given);
  const got = run(g, given);
  for (const name of ["y", "dx", "dw"] as const) {
    const values = got[name];
    if (values) expectClose(values, want[name].values, want[name].tolerance, `${name} of ${JSON.stringify(g)} ${seed}`);
  }
}

const channels = [1, 2, 3, 4, 5, 7, 8, 9, 16, 17, 33];
const pairs: Pair[] = [
  [1, 1],
  [2, 2],
  [3, 1],
  [1, 4],
];
const filters: Pair[] = [
  [1, 1],
  [3, 3],
  [2, 3],
  [5, 1],
];

describe("the gradients of conv2d", () => {
  test.each(channels)("%i input channels", (C) => {
    for (const K of [1, 5, 8]) for (const strides of pairs.slice(0, 2)) check({ C, K, strides });
    expect.hasAssertions();
  });

  test.each([...channels, 129, 132])("%i output channels", (K) => {
    for (const C of [1, 3, 4]) for (const padding of ["same", "valid"] as const) check({ C, K, padding });
    expect.hasAssertions();
  });
});

describe("the gradient by an input of few channels", () => {
  test("lines around the blocks of pixels, rows around the tiles, output channels around the vectors", () => {
    for (const W of [1, 2, 3, 4, 5, 7, 8, 9, 12, 13, 16, 19])
      for (const C of [1, 2, 3]) check({ N: 2, H: 4, W, C, K: 8 + (W % 4) });
    for (const width of [1, 2, 3, 4, 5, 6, 7, 8, 10, 11]) for (const C of [1, 2, 3]) check({ C, filter: [2, width] });
    for (const K of [7, 8, 9, 11, 12, 33]) check({ C: 1, K, filter: [5, 5] });
  });

  test("lines of dy that are kept: strides and dilations that do not divide each other, lines that nothing reaches", () => {
    for (const strides of [
      [1, 1],
      [2, 3],
      [3, 2],
      [4, 5],
    ] as Pair[])
      for (const dilations of [
        [1, 1],
        [2, 3],
        [3, 2],
      ] as Pair[])
        for (const filter of [
          [3, 3],
          [4, 1],
          [1, 5],
        ] as Pair[])
          for (const padding of ["same", "valid"] as const)
            check({ N: 2, H: 17, W: 18, C: 2, K: 9, strides, dilations, filter, padding });
    check({ C: 1, K: 8, H: 5, W: 5, output: [9, 9], pads: [6, 6] });
    check({ C: 1, K: 8, H: 9, W: 9, output: [2, 2], pads: [0, 0] });
  });

  test("an infinity or a NaN in dy or in the filter reaches the elements that see it, and no others", () => {
    const g = geometry({ N: 2, H: 6, W: 11, C: 1, K: 8, filter: [3, 5] });
    const [x, filter, dy] = data(g, 5);
    for (const value of [Infinity, NaN]) {
      for (const [at, isFilter] of [
        [0, true],
        [filter.length - 1, true],
        [8 * 12 + 3, false],
        [dy.length - 1, false],
      ] as const) {
        const given: Data = [x, filter.slice(), dy.slice()];
        given[isFilter ? 1 : 2][at] = value;
        const want = reference(g, ...given).dx.values;
        const { dx } = run(g, given);
        expect(Array.from(dx, Number.isFinite)).toEqual(Array.from(want, Number.isFinite));
        expect(Array.from(dx, Number.isNaN)).toEqual(Array.from(want, Number.isNaN));
      }
    }
  });

  test("the same bits for a pixel wherever it is in a line", () => {
    // One pixel of dy in turn: the same window of dx, shifted.
    const g = geometry({ H: 1, W: 21, C: 1, K: 9, filter: [1, 3] });
    const [x, filter] = data(g, 6);
    const pixel = uniform(createRandom(7), g.K);
    let first: Float32Array | undefined;
    for (let p = 1; p < g.W - 1; p++) {
      const dy = new Float32Array(g.W * g.K);
      dy.set(pixel, p * g.K);
      const window = run(g, [x, filter, dy]).dx.slice(p - 1, p + 2);
      expectSame(window, (first ??= window), `pixel ${p}`);
    }
    expect(first!.every((value) => value !== 0)).toBe(true);
  });
});

test.each(channels)("depthwise: %i channels", (C) => {
  for (const multiplier of [1, 2, 3, 4])
    for (const strides of pairs.slice(0, 2)) check({ C, K: C * multiplier, strides, isDepthwise: true });
  expect.hasAssertions();
});

test("depthwise, 3 x 3: lines around the blocks, rows apart, images that are far away", () => {
  // Blocks have 8 pixels from 257 channels on, 128 with 16 or fewer, half as many where windows are two pixels apart.
  for (const W of [1, 2, 3, 7, 8, 9, 10, 16, 17, 18])
    for (const stride of [1, 2]) check({ H: 3, W, C: 260, strides: [1, stride], isDepthwise: true });
  for (const W of [127, 128, 129, 130, 257])
    for (const C of [1, 3, 5]) check({ H: 2, W, C, isDepthwise: true, dilations: [2, 1], padding: "same" });
  check({ N: 2, H: 70, W: 40, C: 26, isDepthwise: true, padding: "valid" });
  check({ N: 2, H: 52, W: 52, C: 26, isDepthwise: true, padding: "valid", strides: [2, 2] });
  const g = geometry({ N: 2, H: 9, W: 17, C: 9, isDepthwise: true });
  const first = run(g, data(g, 4));
  const other = run(g, data(g, 4), { shift: 3, atEnd: true });
  for (const name of ["y", "dx", "dw"] as const) expectSame(other[name]!, first[name]!, name);
});

describe.each([false, true])("depthwise: %s", (isDepthwise) => {
  const checkBoth = (options: GeometryOptions): void => {
    const C = options.C ?? 3;
    check({ ...options, isDepthwise, K: isDepthwise ? C * (options.N === 2 ? 2 : 1) : (options.K ?? 8) });
  };

  test("strides, dilations, padding and filters in all mixes", () => {
    for (const strides of pairs) {
      for (const dilations of pairs) {
        for (const filter of filters) {
          checkBoth({ N: 2, H: 8, W: 9, C: 2, K: 5, strides, dilations, filter, padding: "same" });
          checkBoth({ H: 11, W: 13, C: 4, K: 9, strides, dilations, filter, padding: "valid" });
          // Few input channels have a way of their own, if the output channels are not few too.
          checkBoth({ H: 7, W: 8, C: 3, K: 17, strides, dilations, filter, padding: "same" });
        }
      }
    }
    expect.hasAssertions();
  });

  test("explicit and uneven padding, inputs not used to their end, filters larger than the input", () => {
    checkBoth({ output: [9, 10], pads: [2, 3] });
    checkBoth({ output: [3, 2], pads: [0, 0] });
    checkBoth({ output: [12, 12], pads: [5, 7] });
    checkBoth({ output: [5, 5], pads: [6, 6], strides: [3, 3], K: 16 });
    checkBoth({ output: [1, 1], pads: [4, 5] });
    checkBoth({ output: [2, 2], pads: [0, 0], strides: [2, 3], H: 9, W: 11 });
    checkBoth({ H: 2, W: 1, filter: [5, 5] });
    checkBoth({ H: 2, W: 1, filter: [5, 5], K: 16 });
    checkBoth({ H: 1, W: 1, strides: [3, 3] });
  });

  test("several bands, blocks of pixels, images that share a band, and nothing at all", () => {
    checkBoth({ H: 60, W: 40, C: 16, K: 4 });
    checkBoth({ H: 60, W: 40, C: 16, K: 4, strides: [2, 2] });
    checkBoth({ N: 3, H: 11, W: 12, C: 2, K: 8 });
    checkBoth({ N: 70, H: 2, W: 1, C: 5, K: 6 });
    checkBoth({ N: 131, H: 1, W: 1, C: 3, K: 5, filter: [1, 1] });
    checkBoth({ N: 0 });
    checkBoth({ K: 0, C: 2 });
    checkBoth({ H: 2, W: 2, output: [0, 0] });
  });

  test("runs of pixels at a constant step, shorter and longer than what a turn of a loop takes", () => {
    for (const W of [1, 2, 3, 4, 5, 6, 7, 8, 9, 11]) {
      // Four neighbouring elements, some apart, and rests of a tile.
      for (const C of [4, 5, 12]) {
        checkBoth({ N: 2, H: 3, W, C, K: 12, padding: "same" });
        // A line goes on where the last one ends, and images too.
        checkBoth({ N: 3, H: 3, W, C, K: 12, filter: [1, 1] });
        checkBoth({ H: 4, W: 2 * W, C, K: 20, strides: [1, 2], padding: "same" });
      }
    }
    // Blocks of 64 and 128 pixels end within lines; columns and images of one pixel.
    checkBoth({ N: 1, H: 5, W: 59, C: 4, K: 8 });
    checkBoth({ N: 1, H: 5, W: 59, C: 128, K: 8, filter: [1, 1] });
    checkBoth({ N: 2, H: 140, W: 3, C: 4, K: 8, padding: "valid" });
    checkBoth({ N: 131, H: 3, W: 3, C: 4, K: 8, padding: "valid" });
    expect.hasAssertions();
  });

  test("the same bits wherever the buffers are; nothing is read behind them", () => {
    for (const [C, K] of [
      [3, 5],
      [4, 5],
      [2, 18],
    ] as const) {
      const g = geometry({ N: 2, H: 5, W: 7, C, K: isDepthwise ? C : K, strides: [2, 1], isDepthwise });
      const given = data(g, 3);
      const first = run(g, given);
      for (const place of [{ shift: 5 }, { atEnd: true }]) {
        const other = run(g, given, place);
        expectSame(other.y ?? [], first.y ?? [], "y");
        expectSame(other.dx, first.dx, "dx");
        expectSame(other.dw, first.dw, "dw");
      }
    }
  });
});
