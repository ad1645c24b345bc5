/** Clipping by value and by norm, composed as in tensorflow/python/ops/clip_ops.py. */
import { float32 } from "../graph/dtype.ts";
import { InvalidArgumentError } from "../graph/errors.ts";
import type { Tensor } from "../graph/operation.ts";
import type { Variable } from "../graph/variable.ts";
import { onesLike } from "./addN.ts";
import { constant, convertToTensor, opScope, type TensorLike } from "./build.ts";
import { greater } from "./comparison.ts";
import { stack } from "./concat.ts";
import { add, divide, maximum, minimum, multiply, subtract } from "./elementwise.ts";
import { l2Loss } from "./extrema.ts";
import { identity } from "./identity.ts";
import { reduceSum, type ReduceAxis } from "./reduce.ts";
import { select } from "./select.ts";
import { sqrt } from "./unary.ts";

/** `t` with what is below `clipValueMin` or above `clipValueMax` set to that limit; gradients pass at both. float32.
 * A limit may be a tensor that broadcasts to t's shape. */
export function clipByValue(
  t: TensorLike,
  clipValueMin: TensorLike,
  clipValueMax: TensorLike,
  name = "clip_by_value",
): Tensor {
  return opScope(name, [t, clipValueMin, clipValueMax], (scope) => {
    const values = convertToTensor(t, { name: "t" });
    return maximum(minimum(values, clipValueMax), clipValueMin, scope);
  });
}

/** `t` scaled down to the norm `clipNorm` where its own, √Σ t², is larger. float32.
 * @param options.axes the axes of one norm; all by default */
export function clipByNorm(
  t: TensorLike,
  clipNorm: TensorLike,
  options: { axes?: ReduceAxis; name?: string } = {},
): Tensor {
  return opScope(options.name ?? "clip_by_norm", [t, clipNorm], (scope) => {
    const values = convertToTensor(t, { name: "t" });
    const sum = reduceSum(multiply(values, values), options.axes ?? null, { keepDims: true });
    // The root's derivative at 0 is infinite: it is kept away from there, not only its result.
    const positive = greater(sum, 0);
    const safe = select(positive, sum, onesLike(sum));
    const norm = select(positive, sqrt(safe), sum);
    return identity(divide(multiply(values, clipNorm), maximum(norm, clipNorm)), scope);
  });
}

/** √Σ t² over the elements of all tensors; null stands for no tensor. float32, a scalar.
 * @throws InvalidArgumentError where there is no tensor. */
export function globalNorm(tensors: readonly (Tensor | Variable | null)[], name = "global_norm"): Tensor {
  const given = tensors.filter((t) => t !== null);
  if (given.length === 0) throw new InvalidArgumentError("globalNorm needs at least one tensor.");
  return opScope(name, given, () => {
    const halves = given
      .map((t, i) => convertToTensor(t, { name: `t_${i}` }))
      .map((t) => t.graph.colocateWith(t.op, () => l2Loss(t)));
    return sqrt(multiply(reduceSum(stack(halves)), constant(2, { dtype: float32 })), "global_norm");
  });
}

/** All tensors scaled by one factor, down to the common norm `clipNorm` where theirs is larger. A norm that is infinite or
 * NaN makes all of them NaN. float32; null stays null.
 * @param options.useNorm their norm, where it is known
 * @returns the tensors, and their norm before */
export function clipByGlobalNorm(
  tensors: readonly (Tensor | Variable | null)[],
  clipNorm: TensorLike,
  options: { useNorm?: Tensor; name?: string } = {},
): { clipped: (Tensor | null)[]; globalNorm: Tensor } {
  const norm = options.useNorm ?? globalNorm(tensors, options.name);
  return opScope(options.name ?? "clip_by_global_norm", [norm], (scope) => {
    const least = minimum(divide(1, norm), divide(constant(1, { dtype: float32 }), clipNorm));
    // Adds 0, or NaN.
    const scale = add(multiply(clipNorm, least), subtract(norm, norm));
    const clipped = tensors.map((item, i) => {
      if (item === null) return null;
      const t = convertToTensor(item);
      return t.graph.colocateWith(t.op, () => identity(multiply(t, scale), `${scope}_${i}`));
    });
    return { clipped, globalNorm: norm };
  });
}
