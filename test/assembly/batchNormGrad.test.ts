// fusedBatchNormGrad against the formulas in float64, for the statistics that the forward kernel saves.
import { describe, expect, test } from "vitest";
import { Arena, createRandom, EPSILON, expectClose, expectSame, kernels, uniform } from "./harness.ts";

interface Case {
  readonly rows: number;
  readonly channels: number;
  readonly isTraining: boolean;
  readonly x: Float32Array;
  readonly dy: Float32Array;
  readonly scale: Float32Array;
  /** As the forward pass hands them over: rounded. */
  readonly mean: Float32Array;
  readonly variance: Float32Array;
}

interface Gradients {
  dx: ArrayLike<number>;
  dscale: ArrayLike<number>;
  doffset: ArrayLike<number>;
}

const epsilon = 1e-3;

function createCase(rows: number, channels: number, isTraining: boolean, center = 0, seed = 1): Case {
  const random = createRandom(seed);
  const x = uniform(random, rows * channels, center - 2, center + 2);
  const mean = new Float32Array(channels);
  const variance = new Float32Array(channels);
  for (let c = 0; c < channels; c++) {
    const column = Array.from({ length: rows }, (_, row) => x[row * channels + c]!);
    const average = column.reduce((sum, value) => sum + value, 0) / Math.max(rows, 1);
    mean[c] = isTraining ? average : center + random();
    variance[c] = isTraining
      ? column.reduce((sum, value) => sum + (value - average) ** 2, 0) / Math.max(rows, 1)
      : 0.5 + random();
  }
  return {
    rows,
    channels,
    isTraining,
    x,
    mean,
    variance,
    dy: uniform(random, x.length),
    scale: uniform(random, channels),
  };
}

function reference({ rows, channels, isTraining, x, dy, scale, mean, variance }: Case): Gradients {
  const [dx, dscale, doffset] = [x.length, channels, channels].map((length) => new Float64Array(length));
  for (let c = 0; c < channels; c++) {
    const at = Array.from({ length: rows }, (_, row) => row * channels + c);
    const total = (f: (i: number) => number): number => at.reduce((sum, i) => sum + f(i), 0);
    // While training, d is taken from the true mean, not from the rounded one.
    const center = isTraining ? total((i) => x[i]!) / Math.max(rows, 1) : mean[c]!;
    const inverse = 1 / Math.sqrt(variance[c]! + Math.fround(epsilon));
    doffset![c] = total((i) => dy[i]!);
    const products = total((i) => dy[i]! * (x[i]! - center));
    dscale![c] = products * inverse;
    for (const i of at) {
      const indirect = isTraining ? doffset![c]! / rows + ((x[i]! - center) * inverse ** 2 * products) / rows : 0;
      dx![i] = scale[c]! * inverse * (dy[i]! - indirect);
    }
  }
  return { dx: dx!, dscale: dscale!, doffset: doffset! };
}

function run(given: Case, { shift = 0, into = "" } = {}): Gradients {
  const { rows, channels, isTraining } = given;
  const arena = new Arena(shift);
  const place = (name: "dy" | "x"): { pointer: number } => (into === name ? target : arena.input(given[name]));
  const target = into ? arena.variable(given[into as "dy" | "x"].slice()) : arena.output(rows * channels);
  const [dscale, doffset] = [arena.output(channels), arena.output(channels)];
  const [dy, x] = [place("dy"), place("x")];
  const [scale, mean, variance] = [given.scale, given.mean, given.variance].map((values) => arena.input(values));
  const scratch = arena.scratch(kernels.fusedBatchNormGradScratchBytes(rows, channels));
  kernels.fusedBatchNormGrad(
    target.pointer,
    dscale.pointer,
    doffset.pointer,
    dy.pointer,
    x.pointer,
    scale!.pointer,
    mean!.pointer,
    variance!.pointer,
    scratch.pointer,
    rows,
    channels,
    epsilon,
    isTraining ? 1 : 0,
  );
  arena.check();
  return { dx: target.values, dscale: dscale.values, doffset: doffset.values };
}

/** Sums of n terms below 4 (|dy| is at most 1, |x - mean| at most 4): 2 √n roundings of n times that, and 1 / √(variance +
 * epsilon), which dx has to the third power. */
function check(given: Case): void {
  const { rows, channels, isTraining } = given;
  const label = `[${rows}, ${channels}]${isTraining ? " training" : ""}`;
  const [want, got] = [reference(given), run(given)];
  const inverse = Math.max(...Array.from(given.variance, (variance) => 1 / Math.sqrt(variance + epsilon)));
  const sums = Math.min(rows, 2 * Math.sqrt(rows)) * 4 * EPSILON * Math.max(rows, 1);
  expectClose(got.doffset, want.doffset, sums, `${label} doffset`);
  expectClose(got.dscale, want.dscale, 2 * inverse * sums, `${label} dscale`);
  const mean = sums / Math.max(rows, 1);
  expectClose(got.dx, want.dx, 8 * EPSILON * inverse + 4 * mean * inverse ** 3, `${label} dx`);
}

const channelCounts = [1, 2, 3, 4, 5, 7, 8, 9, 12, 16, 17, 33];

describe.each([true, false])("fusedBatchNormGrad, training %s", (isTraining) => {
  test.each(channelCounts)("%i channels", (channels) => {
    for (const rows of [1, 2, 3, 31, 32, 33, 255, 256, 257, 513]) check(createCase(rows, channels, isTraining));
    expect.hasAssertions();
  });

  test.each([
    [32_771, 33],
    [4_099, 130],
  ])("megabytes, whose dx comes in the order of memory: [%i, %i]", (rows, channels) => {
    check(createCase(rows, channels, isTraining));
    expect.hasAssertions();
  });

  test("a mean of 10,000 costs nothing", () => {
    for (const channels of [3, 4, 17]) check(createCase(300, channels, isTraining, 1e4));
    expect.hasAssertions();
  });

  test("dx may take the place of dy or of x; the buffers' places do not matter", () => {
    for (const channels of [3, 8, 9]) {
      const given = createCase(70, channels, isTraining);
      const first = run(given);
      for (const options of [{ into: "dy" }, { into: "x" }, { shift: 7 }]) {
        const other = run(given, options);
        for (const name of ["dx", "dscale", "doffset"] as const)
          expectSame(other[name], first[name], `${name} ${JSON.stringify(options)}`);
      }
    }
  });

  test("no rows, no channels", () => {
    expectSame(run(createCase(0, 5, isTraining)).dscale, new Float32Array(5), "dscale");
    expectSame(run(createCase(0, 5, isTraining)).doffset, new Float32Array(5), "doffset");
    run(createCase(4, 0, isTraining));
  });
});

test("one element of a channel: nothing flows through its own mean", () => {
  const { dx, dscale, doffset } = run(createCase(1, 5, true, 7));
  expectSame(Array.from(dx, Math.abs), new Float32Array(5), "dx");
  expectSame(Array.from(dscale, Math.abs), new Float32Array(5), "dscale");
  expectSame(doffset, createCase(1, 5, true, 7).dy, "doffset");
});
