/** Initial values of variables (tensorflow/python/ops/init_ops.py). */
import { InvalidArgumentError } from "../graph/errors.ts";
import type { FeedValue } from "../graph/tensorValue.ts";
import { ones, zeros } from "./array.ts";
import { constant } from "./build.ts";
import { randomUniform } from "./random.ts";
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

/** Glorot's uniform: limit √(6 / (fan in + fan out)), where a fan is the receptive field times the channels. */
export const glorotUniformInitializer = (seed: number | null = null): Initializer => {
  return (shape, dtype) => {
    const { fanIn, fanOut } = fans(shape);
    const limit = Math.sqrt(3 / Math.max(1, (fanIn + fanOut) / 2));
    return randomUniform(shape, { minval: -limit, maxval: limit, dtype, seed });
  };
};

function fans(shape: readonly number[]): { fanIn: number; fanOut: number } {
  if (shape.some((size) => size === 0))
    throw new InvalidArgumentError(`An initializer that scales by fans cannot fill the shape [${shape.join(",")}].`);
  if (shape.length === 0) return { fanIn: 1, fanOut: 1 };
  if (shape.length === 1) return { fanIn: shape[0], fanOut: shape[0] };
  const field = shape.slice(0, -2).reduce((product, size) => product * size, 1);
  return { fanIn: field * shape[shape.length - 2], fanOut: field * shape[shape.length - 1] };
}
