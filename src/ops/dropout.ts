/** nn.dropout, composed of random numbers and a product (tensorflow/python/ops/nn_ops.py of TF 1.15). */
import { InvalidArgumentError } from "../graph/errors.ts";
import { Tensor } from "../graph/operation.ts";
import { isFullyDefined } from "../graph/shape.ts";
import { elementAt } from "../graph/tensorValue.ts";
import { constantValue, convertToTensor, opScope, type TensorLike } from "./build.ts";
import { cast } from "./cast.ts";
import { greaterEqual } from "./comparison.ts";
import { stack } from "./concat.ts";
import { divide, multiply, subtract } from "./elementwise.ts";
import { randomUniform } from "./random.ts";
import { shape as shapeOf } from "./shape.ts";
import { stridedSlice } from "./slice.ts";

export interface DropoutOptions {
  /** The probability that an element is dropped, in [0, 1): a number, or a float32 scalar. In place of keepProb. */
  rate?: number | Tensor;
  /** Shape of the mask, which broadcasts to x: elements along a size of 1 are kept or dropped together. null stands for x's
   * size. Default: x's shape. */
  noiseShape?: readonly (number | null)[] | Tensor;
  /** Seed of this operation; with neither it nor the graph's seed, the session draws one. */
  seed?: number | null;
  name?: string;
}

/** Keeps each element with probability `keepProb` and scales it by 1 / keepProb, so that the expected sum stays; the others
 * become 0. The mask is new in every run; the gradient takes the mask of its run. x itself where nothing can be dropped.
 * @param x float32
 * @param keepProb in (0, 1], a number or a float32 scalar; null: see `rate`
 * @throws InvalidArgumentError where neither or both are given, or one is out of range. */
export function dropout(x: TensorLike, keepProb: number | Tensor | null, options: DropoutOptions = {}): Tensor {
  if ((keepProb === null) === (options.rate === undefined))
    throw new InvalidArgumentError("dropout needs keepProb or rate, and not both.");
  const rate = options.rate ?? (typeof keepProb === "number" ? 1 - keepProb : subtract(1, keepProb!));
  return opScope(options.name ?? "dropout", [x], () => {
    const values = convertToTensor(x, { name: "x" });
    if (!values.dtype.base.isFloating)
      throw new InvalidArgumentError(
        `x has to be a floating point tensor since it's going to be scaled. Got a ${values.dtype.base} tensor instead.`,
      );
    if (typeof rate === "number" && !(rate >= 0 && rate < 1))
      throw new InvalidArgumentError(
        `rate must be a scalar tensor or a float in the range [0, 1), got ${rate} (keepProb is 1 - rate).`,
      );
    if (rate === 0) return values;
    const dropped = convertToTensor(rate, { dtype: values.dtype.base, name: "rate" });
    if (dropped.shape !== null && dropped.shape.length !== 0)
      throw new InvalidArgumentError(`rate must be a scalar, '${dropped.name}' is of rank ${dropped.shape.length}.`);
    const known = constantValue(dropped);
    if (known && elementAt(known, 0) === 0) return values;
    const uniform = randomUniform(maskShape(values, options.noiseShape), { seed: options.seed });
    const scale = divide(1, subtract(1, dropped));
    // With >=, a rate of 0 keeps all.
    const mask = cast(greaterEqual(uniform, dropped), values.dtype.base);
    const y = multiply(multiply(values, scale), mask);
    y.setShape(values.shape);
    return y;
  });
}

function maskShape(x: Tensor, given: DropoutOptions["noiseShape"]): readonly number[] | Tensor {
  if (given instanceof Tensor) return given;
  if (given && x.shape && given.length !== x.shape.length)
    throw new InvalidArgumentError(`noiseShape has ${given.length} sizes, x is of rank ${x.shape.length}.`);
  const sizes = given?.map((size, i) => size ?? x.shape?.[i] ?? null) ?? x.shape;
  if (isFullyDefined(sizes)) return sizes;
  const shape = shapeOf(x);
  if (!given) return shape;
  const sizeAt = (i: number): Tensor => stridedSlice(shape, [i], [i + 1], [1], { shrinkAxisMask: 1 });
  return stack(sizes!.map((size, i) => size ?? sizeAt(i)));
}
