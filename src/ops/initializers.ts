/** Initial values of variables (tensorflow/python/ops/init_ops.py). */
import { InvalidArgumentError } from "../graph/errors.ts";
import type { FeedValue } from "../graph/tensorValue.ts";
import { ones, zeros } from "./array.ts";
import { constant } from "./build.ts";
import { randomNormal, randomUniform, truncatedNormal } from "./random.ts";
import type { Initializer } from "./variables.ts";

export const zerosInitializer = (): Initializer => (shape, dtype) => zeros(shape, dtype);
export const onesInitializer = (): Initializer => (shape, dtype) => ones(shape, dtype);

/** One value for all elements, or as many as the shape holds. */
export const constantInitializer =
  (value: FeedValue): Initializer =>
  (shape, dtype) =>
    constant(value, { dtype, shape });

/** Uniform in [minval, maxval). */
export const randomUniformInitializer = (minval = -0.05, maxval = 0.05, seed: number | null = null): Initializer => {
  return (shape, dtype) => randomUniform(shape, { minval, maxval, dtype, seed });
};

/** Normal with this mean and standard deviation. */
export const randomNormalInitializer = (mean = 0, stddev = 1, seed: number | null = null): Initializer => {
  return (shape, dtype) => randomNormal(shape, { mean, stddev, dtype, seed });
};

/** The same, values of two deviations or more from the mean drawn again. */
export const truncatedNormalInitializer = (mean = 0, stddev = 1, seed: number | null = null): Initializer => {
  return (shape, dtype) => truncatedNormal(shape, { mean, stddev, dtype, seed });
};

export interface VarianceScalingOptions {
  /** The variance, times a fan. Default 1. */
  scale?: number;
  /** What the variance is divided by. A fan is the receptive field times the channels on that side. Default "fan_in". */
  mode?: "fan_in" | "fan_out" | "fan_avg";
  /** Default "truncated_normal" ("normal" is another name of it). */
  distribution?: "normal" | "truncated_normal" | "untruncated_normal" | "uniform";
  seed?: number | null;
}

/** The standard deviation of a normal distribution with deviation 1 that is cut off at two deviations. */
const truncatedDeviation = 0.87962566103423978;

/** A distribution with mean 0 and a variance after the size of the layer (VarianceScaling).
 * @throws InvalidArgumentError where the scale is not above 0, or for another mode or distribution */
export function varianceScalingInitializer(options: VarianceScalingOptions = {}): Initializer {
  const { scale = 1, mode = "fan_in", distribution = "truncated_normal", seed = null } = options;
  if (!(scale > 0)) throw new InvalidArgumentError(`The scale of an initializer must be above 0, got ${scale}.`);
  if (!["fan_in", "fan_out", "fan_avg"].includes(mode))
    throw new InvalidArgumentError(`The mode of an initializer must be fan_in, fan_out or fan_avg, got ${mode}.`);
  if (!["normal", "truncated_normal", "untruncated_normal", "uniform"].includes(distribution))
    throw new InvalidArgumentError(
      `The distribution of an initializer must be truncated_normal, untruncated_normal or uniform, got ${distribution}.`,
    );
  return (shape, dtype) => {
    const { fanIn, fanOut } = fans(shape);
    const fan = mode === "fan_in" ? fanIn : mode === "fan_out" ? fanOut : (fanIn + fanOut) / 2;
    const variance = scale / Math.max(1, fan);
    if (distribution === "uniform") {
      const limit = Math.sqrt(3 * variance);
      return randomUniform(shape, { minval: -limit, maxval: limit, dtype, seed });
    }
    const stddev = Math.sqrt(variance);
    if (distribution === "untruncated_normal") return randomNormal(shape, { stddev, dtype, seed });
    return truncatedNormal(shape, { stddev: stddev / truncatedDeviation, dtype, seed });
  };
}

/** Glorot and Bengio 2010, uniform: limit √(6 / (fan in + fan out)). */
export const glorotUniformInitializer = (seed: number | null = null): Initializer =>
  varianceScalingInitializer({ mode: "fan_avg", distribution: "uniform", seed });

/** Glorot and Bengio 2010, truncated normal: variance 2 / (fan in + fan out). */
export const glorotNormalInitializer = (seed: number | null = null): Initializer =>
  varianceScalingInitializer({ mode: "fan_avg", seed });

/** He et al. 2015, uniform: limit √(6 / fan in). */
export const heUniformInitializer = (seed: number | null = null): Initializer =>
  varianceScalingInitializer({ scale: 2, distribution: "uniform", seed });

/** He et al. 2015, truncated normal: variance 2 / fan in. */
export const heNormalInitializer = (seed: number | null = null): Initializer =>
  varianceScalingInitializer({ scale: 2, seed });

/** LeCun et al. 1998, uniform: limit √(3 / fan in). */
export const lecunUniformInitializer = (seed: number | null = null): Initializer =>
  varianceScalingInitializer({ distribution: "uniform", seed });

/** LeCun et al. 1998, truncated normal: variance 1 / fan in. */
export const lecunNormalInitializer = (seed: number | null = null): Initializer => varianceScalingInitializer({ seed });

function fans(shape: readonly number[]): { fanIn: number; fanOut: number } {
  if (shape.some((size) => size === 0))
    throw new InvalidArgumentError(`An initializer that scales by fans cannot fill the shape [${shape.join(",")}].`);
  if (shape.length === 0) return { fanIn: 1, fanOut: 1 };
  if (shape.length === 1) return { fanIn: shape[0], fanOut: shape[0] };
  const field = shape.slice(0, -2).reduce((product, size) => product * size, 1);
  return { fanIn: field * shape[shape.length - 2], fanOut: field * shape[shape.length - 1] };
}
