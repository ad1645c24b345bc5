// Batch normalization against float64 and TensorFlow.
import { readdirSync } from "node:fs";
import { describe, expect, test } from "vitest";
import {
  Arena,
  createRandom,
  EPSILON,
  expectClose,
  expectGolden,
  expectSame,
  type GoldenTensor,
  kernels,
  readGolden,
  uniform,
} from "./harness.ts";

interface Options {
  epsilon: number;
  averageFactor: number;
  running: { mean: Float32Array; variance: Float32Array } | null;
  /** Where y goes: a buffer of its own, or over one of these. */
  inPlace: boolean | "addend";
  shift: number;
  addend: Float32Array | null;
  /** As in gemm.ts: none, Relu, Relu6. */
  activation: 0 | 1 | 2;
}
const defaults: Options = {
  epsilon: 1e-3,
  averageFactor: 1,
  running: null,
  inPlace: false,
  shift: 0,
  addend: null,
  activation: 0,
};

function train(x: Float32Array, scale: Float32Array, offset: Float32Array, options: Partial<Options> = {}) {
  const { epsilon, averageFactor, running, inPlace, shift, addend, activation } = { ...defaults, ...options };
  const channels = scale.length;
  const rows = x.length / channels;
  const arena = new Arena(shift);
  const [batchMean, batchVariance, savedMean, savedVariance] = [0, 1, 2, 3].map(() => arena.output(channels)) as [
    ReturnType<Arena["output"]>,
    ReturnType<Arena["output"]>,
    ReturnType<Arena["output"]>,
    ReturnType<Arena["output"]>,
  ];
  const input = inPlace === true ? arena.variable(x) : arena.inputAtEnd(x);
  const added = addend && (inPlace === "addend" ? arena.variable(addend) : arena.input(addend));
  const y = inPlace === true ? input : inPlace === "addend" ? added! : arena.output(x.length);
  kernels.fusedBatchNormTraining(
    y.pointer,
    batchMean.pointer,
    batchVariance.pointer,
    savedMean.pointer,
    savedVariance.pointer,
    input.pointer,
    arena.input(scale).pointer,
    arena.input(offset).pointer,
    running ? arena.input(running.mean).pointer : 0,
    running ? arena.input(running.variance).pointer : 0,
    added ? added.pointer : 0,
    arena.scratch(kernels.fusedBatchNormScratchBytes(rows, channels)).pointer,
    rows,
    channels,
    epsilon,
    averageFactor,
    activation,
  );
  arena.check();
  return {
    y: y.values,
    batchMean: batchMean.values,
    batchVariance: batchVariance.values,
    savedMean: savedMean.values,
    savedVariance: savedVariance.values,
  };
}

function reference(x: Float32Array, scale: Float32Array, offset: Float32Array, epsilon: number) {
  const channels = scale.length;
  const rows = x.length / channels;
  const mean = new Float64Array(channels);
  const variance = new Float64Array(channels);
  x.forEach((value, i) => (mean[i % channels]! += value / rows));
  x.forEach((value, i) => (variance[i % channels]! += (value - mean[i % channels]!) ** 2 / rows));
  const y = Float64Array.from(x, (value, i) => {
    const c = i % channels;
    return ((value - mean[c]!) / Math.sqrt(variance[c]! + epsilon)) * scale[c]! + offset[c]!;
  });
  return { y, mean, variance };
}

/**
 * Relative errors, in roundings: 16 for the variance (float32 lanes add up to 32 squares, then 8 of these sums: 2 sqrt(32) + 2 sqrt(8)),
 * 2 for the mean plus what the same sums make of the deviation, 24 for y relative to |x - mean| / deviation, scale and offset.
 */
function check(rows: number, channels: number, center: number, deviation: number, seed = 41): void {
  const random = createRandom(seed);
  const spread = deviation * Math.sqrt(12);
  const x = uniform(random, rows * channels, center - spread / 2, center + spread / 2);
  const scale = uniform(random, channels, 0.5, 2);
  const offset = uniform(random, channels);
  const expected = reference(x, scale, offset, defaults.epsilon);
  const label = `${rows} x ${channels} around ${center}, seed ${seed}`;
  const got = train(x, scale, offset);
  const meanTolerance = 2 * EPSILON * Math.abs(center) + 16 * EPSILON * deviation;
  const varianceTolerance = 16 * EPSILON * (deviation * deviation + 1e-30);
  const correction = rows / Math.max(rows - 1, 1);
  expectClose(got.savedMean, expected.mean, meanTolerance, `mean ${label}`);
  expectClose(got.batchMean, expected.mean, meanTolerance, `mean ${label}`);
  expectClose(got.savedVariance, expected.variance, varianceTolerance, `variance ${label}`);
  const unbiased = expected.variance.map((value) => value * correction);
  expectClose(got.batchVariance, unbiased, varianceTolerance * correction, `variance ${label}`);
  expectClose(got.y, expected.y, (i) => 24 * EPSILON * (Math.abs(expected.y[i]!) + 4), `y ${label}`);
}

const rowCounts = [1, 2, 3, 4, 5, 7, 8, 9, 31, 32, 33, 67, 255, 256, 257, 515];
const channelCounts = [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 32, 33, 67];

describe("training", () => {
  test("rows and channels around every block", () => {
    for (const rows of rowCounts) for (const channels of channelCounts) check(rows, channels, 0, 1);
  });

  test("many rows", () => {
    check(2500, 32, 3, 2);
    check(8193, 1, 3, 2);
    check(5000, 3, 3, 2);
    check(300, 300, 3, 2);
  });

  test("errors of long sums do not show: the variance is within two roundings, in the median within a half", () => {
    const [rows, channels] = [2048, 16];
    const x = uniform(createRandom(43), rows * channels).map((value) => value ** 5);
    const ones = new Float32Array(channels).fill(1);
    const { variance } = reference(x, ones, ones, defaults.epsilon);
    const { savedVariance } = train(x, ones, ones);
    const errors = Array.from(variance, (value, c) => Math.abs(savedVariance[c]! / value - 1)).sort((a, b) => a - b);
    expect(errors[channels / 2]).toBeLessThan(EPSILON / 2);
    expect(errors[channels - 1]).toBeLessThan(2 * EPSILON);
  });

  test("mean 1e4, deviation 1", () => {
    for (const channels of [1, 4, 5, 33]) for (const rows of [100, 2500]) check(rows, channels, 1e4, 1);
    check(1000, 8, -1e4, 1);
  });

  test("a start that is not like the rest", () => {
    // The first pivot is 0, everything after it lies far away.
    const x = uniform(createRandom(42), 3000 * 5, 9999, 10001).fill(0, 0, 10 * 5);
    const ones = new Float32Array(5).fill(1);
    const expected = reference(x, ones, ones, defaults.epsilon);
    const { savedMean, savedVariance } = train(x, ones, ones);
    expectClose(savedMean, expected.mean, 40 * EPSILON * 1e4, "mean");
    expectClose(savedVariance, expected.variance, (i) => 64 * EPSILON * expected.variance[i]!, "variance");
  });

  test("a constant channel and a single row give the offset", () => {
    const offset = Float32Array.of(0.1, 0.2, 0.3);
    const scale = Float32Array.of(3, 4, 5);
    for (const rows of [1, 2, 100]) {
      const x = Float32Array.from({ length: rows * 3 }, (_, i) => [7.7, -1e4, 1e-3][i % 3]!);
      const { y, savedVariance, batchVariance } = train(x, scale, offset);
      expectSame(
        y,
        x.map((_, i) => offset[i % 3]!),
        `y, ${rows} rows`,
      );
      expectSame(savedVariance, new Float32Array(3), "variance");
      expectSame(batchVariance, new Float32Array(3), "variance");
    }
  });

  test("no row: mean and variance 0", () => {
    const got = train(new Float32Array(0), new Float32Array(5).fill(1), new Float32Array(5));
    for (const values of [got.batchMean, got.batchVariance, got.savedMean, got.savedVariance]) {
      expectSame(values, new Float32Array(5), "statistics");
    }
  });

  test("NaN in one channel stays there", () => {
    const x = uniform(createRandom(43), 50 * 5);
    const ones = new Float32Array(5).fill(1);
    const clean = train(x, ones, ones);
    x[20 * 5 + 2] = Number.NaN;
    const got = train(x, ones, ones);
    expectSame(
      got.savedMean,
      clean.savedMean.map((value, c) => (c === 2 ? Number.NaN : value)),
      "mean",
    );
    expectSame(
      got.savedVariance,
      clean.savedVariance.map((value, c) => (c === 2 ? Number.NaN : value)),
      "variance",
    );
    expectSame(
      got.y,
      clean.y.map((value, i) => (i % 5 === 2 ? Number.NaN : value)),
      "y",
    );
  });

  test("averages with running statistics", () => {
    const random = createRandom(44);
    const [x, scale, offset] = [uniform(random, 30 * 6), uniform(random, 6), uniform(random, 6)];
    const running = { mean: uniform(random, 6), variance: uniform(random, 6, 0, 2) };
    const plain = train(x, scale, offset);
    expectSame(train(x, scale, offset, { running }).batchMean, plain.batchMean, "factor 1");
    expectSame(train(x, scale, offset, { averageFactor: 0.25 }).batchMean, plain.batchMean, "no running statistics");
    const got = train(x, scale, offset, { running, averageFactor: 0.25 });
    const average = (old: Float32Array, value: Float32Array) =>
      value.map((v, c) => Math.fround(0.75 * old[c]!) + Math.fround(0.25 * v));
    expectSame(got.batchMean, average(running.mean, plain.batchMean), "mean");
    expectSame(got.batchVariance, average(running.variance, plain.batchVariance), "variance");
    expectSame(got.savedMean, plain.savedMean, "saved mean");
    expectSame(got.y, plain.y, "y");
  });

  test("in place, and the same bits at every address", () => {
    for (const channels of [3, 8, 17]) {
      const random = createRandom(45);
      const [x, scale, offset] = [uniform(random, 77 * channels), uniform(random, channels), uniform(random, channels)];
      const apart = train(x, scale, offset);
      expectSame(train(x, scale, offset, { inPlace: true }).y, apart.y, "in place");
      expectSame(train(x, scale, offset, { inPlace: true, shift: 7 }).y, apart.y, "shifted");
    }
  });
});

/** What kernels of their own make of `y`. */
function followUp(y: Float32Array, addend: Float32Array | null, activation: 0 | 1 | 2): Float32Array {
  return y.map((value, i) => {
    const sum = addend ? Math.fround(value + addend[i]!) : value;
    if (activation === 0) return sum;
    const above = sum < 0 ? 0 : sum;
    return activation === 2 && above > 6 ? 6 : above;
  });
}

test("an addition and an activation give the bits of kernels of their own", () => {
  const random = createRandom(47);
  for (const channels of channelCounts) {
    for (const rows of [1, 2, 3, 5, 33, 300]) {
      const [x, addend] = [uniform(random, rows * channels, -3, 3), uniform(random, rows * channels, -4, 9)];
      addend[0] = Number.NaN;
      addend[addend.length - 1] = -0;
      const [scale, offset] = [uniform(random, channels, 1, 3), uniform(random, channels)];
      const [mean, variance] = [uniform(random, channels), uniform(random, channels, 0.1, 2)];
      const plain = train(x, scale, offset);
      const inferred = infer(x, [scale, offset, mean, variance], 1e-3);
      for (const activation of [0, 1, 2] as const) {
        for (const added of [null, addend]) {
          const label = `${rows} x ${channels}, activation ${activation}, ${added ? "with" : "without"} addend`;
          const want = followUp(plain.y, added, activation);
          for (const inPlace of added ? ([false, true, "addend"] as const) : ([false, true] as const)) {
            const got = train(x, scale, offset, { addend: added, activation, inPlace });
            expectSame(got.y, want, label);
            expectSame(got.savedVariance, plain.savedVariance, label);
          }
          const given = infer(x, [scale, offset, mean, variance], 1e-3, false, added, activation);
          expectSame(given, followUp(inferred, added, activation), `${label}, inference`);
        }
      }
    }
  }
});

function infer(
  x: Float32Array,
  [scale, offset, mean, variance]: Float32Array[],
  epsilon: number,
  inPlace = false,
  addend: Float32Array | null = null,
  activation: 0 | 1 | 2 = 0,
) {
  const channels = scale!.length;
  const rows = x.length / channels;
  const arena = new Arena();
  const input = inPlace ? arena.variable(x) : arena.inputAtEnd(x);
  const y = inPlace ? input : arena.output(x.length);
  kernels.fusedBatchNormInference(
    y.pointer,
    input.pointer,
    arena.input(scale!).pointer,
    arena.input(offset!).pointer,
    arena.input(mean!).pointer,
    arena.input(variance!).pointer,
    addend ? arena.input(addend).pointer : 0,
    arena.scratch(kernels.fusedBatchNormScratchBytes(rows, channels)).pointer,
    rows,
    channels,
    epsilon,
    activation,
  );
  arena.check();
  return y.values;
}

test("inference", () => {
  const random = createRandom(46);
  for (const channels of channelCounts) {
    for (const rows of [0, 1, 2, 5, 33, 300]) {
      const x = uniform(random, rows * channels, -3, 3);
      const parameters = [
        uniform(random, channels),
        uniform(random, channels),
        uniform(random, channels),
        uniform(random, channels, 0, 2),
      ];
      const [scale, offset, mean, variance] = parameters as [Float32Array, Float32Array, Float32Array, Float32Array];
      // Four roundings of terms no larger than the sum of magnitudes.
      const terms = [...x].map((value, i) => {
        const c = i % channels;
        return [((value - mean[c]!) / Math.sqrt(variance[c]! + 1e-3)) * scale[c]!, offset[c]!] as const;
      });
      for (const inPlace of [false, true]) {
        expectClose(
          infer(x, parameters, 1e-3, inPlace),
          terms.map(([gain, shift]) => gain + shift),
          (i) => 4 * EPSILON * (Math.abs(terms[i]![0]) + Math.abs(terms[i]![1])),
          `${rows} x ${channels}`,
        );
      }
    }
  }
});

describe("TensorFlow's FusedBatchNormV3", () => {
  const cases = readdirSync(new URL("../golden/batch_norm", import.meta.url))
    .filter((name) => name.includes("_fused_") && name.endsWith(".json"))
    .map((name) => name.replace(".json", ""));

  test.each(cases)("%s", (name) => {
    const { attrs, tensors } = readGolden(`batch_norm/${name}`);
    const values = (key: string) => tensors[key]?.data as Float32Array;
    const channels = tensors.x!.shape.at(-1)!;
    const gamma = values("gamma") ?? new Float32Array(channels).fill(1);
    const beta = values("beta") ?? new Float32Array(channels);
    const epsilon = attrs.epsilon as number;
    if (attrs.training === true) {
      const got = train(values("x"), gamma, beta, { epsilon });
      expectGolden(got.y, tensors.y as GoldenTensor, "y");
      expectGolden(got.batchMean, tensors.batch_mean as GoldenTensor, "batch_mean");
      expectGolden(got.savedVariance, tensors.batch_variance_biased as GoldenTensor, "batch_variance_biased");
      expectGolden(got.batchVariance, tensors.batch_variance_for_moving as GoldenTensor, "batch_variance_for_moving");
    } else {
      const y = infer(values("x"), [gamma, beta, values("moving_mean"), values("moving_variance")], epsilon);
      expectGolden(y, tensors.y as GoldenTensor, "y");
    }
  });
});
