// Steps of optimizers, one kernel for each of TensorFlow's Apply operations (tensorflow/core/kernels/training_ops.cc).
//
// All is float32. `parameter` and the slots (m, v, accumulators, ...) are [n], updated in place; `gradient` is [n] and may be
// one of them; rates and the like are scalars, given by their addresses. Elements are independent, each operation is rounded.

import { bytesOf, LANES, Vector } from "./lib/simd";

class Lanes {
  /** `width` (1 to 4) elements. The width is a constant in the loops over whole vectors. */
  @inline static load(p: usize, width: i32): v128 {
    return width == LANES ? v128.load(p) : Vector.loadTail(p, width);
  }

  @inline static store(p: usize, v: v128, width: i32): void {
    if (width == LANES) v128.store(p, v);
    else Vector.storeTail(p, v, width);
  }

  /** a * b + c, rounded twice. */
  @inline static madd(a: v128, b: v128, c: v128): v128 {
    return f32x4.add(f32x4.mul(a, b), c);
  }
}

class Step {
  @inline static gradientDescent(parameter: usize, gradient: usize, rate: v128, width: i32): void {
    const change = f32x4.mul(Lanes.load(gradient, width), rate);
    Lanes.store(parameter, f32x4.sub(Lanes.load(parameter, width), change), width);
  }

  @inline static momentum(
    parameter: usize,
    accumulator: usize,
    gradient: usize,
    rate: v128,
    momentum: v128,
    nesterov: bool,
    width: i32,
  ): void {
    const g = Lanes.load(gradient, width);
    const a = Lanes.madd(Lanes.load(accumulator, width), momentum, g);
    let change = f32x4.mul(a, rate);
    if (nesterov) change = f32x4.add(f32x4.mul(g, rate), f32x4.mul(f32x4.mul(a, momentum), rate));
    const p = f32x4.sub(Lanes.load(parameter, width), change);
    Lanes.store(accumulator, a, width);
    Lanes.store(parameter, p, width);
  }

  @inline static adagrad(
    parameter: usize,
    accumulator: usize,
    gradient: usize,
    rate: v128,
    epsilon: v128,
    updateSlots: bool,
    width: i32,
  ): void {
    const g = Lanes.load(gradient, width);
    let a = Lanes.load(accumulator, width);
    if (updateSlots) a = f32x4.add(a, f32x4.mul(g, g));
    const change = f32x4.div(f32x4.mul(g, rate), f32x4.add(f32x4.sqrt(a), epsilon));
    const p = f32x4.sub(Lanes.load(parameter, width), change);
    Lanes.store(accumulator, a, width);
    Lanes.store(parameter, p, width);
  }

  @inline static adadelta(
    parameter: usize,
    accumulator: usize,
    accumulatedUpdate: usize,
    gradient: usize,
    rate: v128,
    rho: v128,
    rest: v128,
    epsilon: v128,
    width: i32,
  ): void {
    const g = Lanes.load(gradient, width);
    const u = Lanes.load(accumulatedUpdate, width);
    const a = Lanes.madd(Lanes.load(accumulator, width), rho, f32x4.mul(f32x4.mul(g, g), rest));
    const ratio = f32x4.div(f32x4.sqrt(f32x4.add(u, epsilon)), f32x4.sqrt(f32x4.add(a, epsilon)));
    const change = f32x4.mul(ratio, g);
    const p = f32x4.sub(Lanes.load(parameter, width), f32x4.mul(change, rate));
    Lanes.store(accumulator, a, width);
    Lanes.store(accumulatedUpdate, Lanes.madd(u, rho, f32x4.mul(f32x4.mul(change, change), rest)), width);
    Lanes.store(parameter, p, width);
  }

  /** `mean` is 0 for the form that is not centered. */
  @inline static rmsProp(
    parameter: usize,
    mean: usize,
    square: usize,
    momentum: usize,
    gradient: usize,
    rate: v128,
    rest: v128,
    decay: v128,
    epsilon: v128,
    width: i32,
  ): void {
    const g = Lanes.load(gradient, width);
    let s = Lanes.load(square, width);
    s = Lanes.madd(f32x4.sub(f32x4.mul(g, g), s), rest, s);
    let denominator = s;
    let m = s;
    if (mean) {
      m = Lanes.load(mean, width);
      m = Lanes.madd(f32x4.sub(g, m), rest, m);
      denominator = f32x4.sub(s, f32x4.mul(m, m));
    }
    denominator = f32x4.sqrt(f32x4.add(denominator, epsilon));
    const change = Lanes.madd(Lanes.load(momentum, width), decay, f32x4.div(f32x4.mul(g, rate), denominator));
    const p = f32x4.sub(Lanes.load(parameter, width), change);
    if (mean) Lanes.store(mean, m, width);
    Lanes.store(square, s, width);
    Lanes.store(momentum, change, width);
    Lanes.store(parameter, p, width);
  }

  @inline static adam(
    parameter: usize,
    first: usize,
    second: usize,
    gradient: usize,
    alpha: v128,
    beta1: v128,
    rest1: v128,
    rest2: v128,
    epsilon: v128,
    nesterov: bool,
    width: i32,
  ): void {
    const g = Lanes.load(gradient, width);
    let m = Lanes.load(first, width);
    m = Lanes.madd(f32x4.sub(g, m), rest1, m);
    let v = Lanes.load(second, width);
    v = Lanes.madd(f32x4.sub(f32x4.mul(g, g), v), rest2, v);
    let direction = m;
    if (nesterov) direction = f32x4.add(f32x4.mul(g, rest1), f32x4.mul(beta1, m));
    const change = f32x4.div(f32x4.mul(direction, alpha), f32x4.add(f32x4.sqrt(v), epsilon));
    const p = f32x4.sub(Lanes.load(parameter, width), change);
    Lanes.store(first, m, width);
    Lanes.store(second, v, width);
    Lanes.store(parameter, p, width);
  }
}

/** 1 - the scalar at `p`, in float32. */
function complement(p: usize): v128 {
  return f32x4.splat(1 - load<f32>(p));
}

/** parameter -= rate g */
export function applyGradientDescent(parameter: usize, rate: usize, gradient: usize, n: i32): void {
  const r = v128.load32_splat(rate);
  const end = parameter + bytesOf(n & -LANES);
  for (; parameter != end; parameter += 16) {
    Step.gradientDescent(parameter, gradient, r, LANES);
    gradient += 16;
  }
  const rest = n & (LANES - 1);
  if (rest) Step.gradientDescent(parameter, gradient, r, rest);
}

/** a = momentum a + g; parameter -= rate a, or with `nesterov` rate (g + momentum a) */
export function applyMomentum(
  parameter: usize,
  accumulator: usize,
  rate: usize,
  gradient: usize,
  momentum: usize,
  nesterov: i32,
  n: i32,
): void {
  const r = v128.load32_splat(rate);
  const decay = v128.load32_splat(momentum);
  const ahead = nesterov != 0;
  const end = parameter + bytesOf(n & -LANES);
  for (; parameter != end; parameter += 16) {
    Step.momentum(parameter, accumulator, gradient, r, decay, ahead, LANES);
    accumulator += 16;
    gradient += 16;
  }
  const rest = n & (LANES - 1);
  if (rest) Step.momentum(parameter, accumulator, gradient, r, decay, ahead, rest);
}

/** a += g^2 (if `updateSlots`); parameter -= rate g / (sqrt(a) + epsilon); `epsilon` 0 for none */
export function applyAdagrad(
  parameter: usize,
  accumulator: usize,
  rate: usize,
  epsilon: usize,
  gradient: usize,
  updateSlots: i32,
  n: i32,
): void {
  const r = v128.load32_splat(rate);
  const e = epsilon ? v128.load32_splat(epsilon) : f32x4.splat(0);
  const update = updateSlots != 0;
  const end = parameter + bytesOf(n & -LANES);
  for (; parameter != end; parameter += 16) {
    Step.adagrad(parameter, accumulator, gradient, r, e, update, LANES);
    accumulator += 16;
    gradient += 16;
  }
  const rest = n & (LANES - 1);
  if (rest) Step.adagrad(parameter, accumulator, gradient, r, e, update, rest);
}

/** a = rho a + (1 - rho) g^2; d = sqrt(u + epsilon) / sqrt(a + epsilon) g; u = rho u + (1 - rho) d^2; parameter -= rate d */
export function applyAdadelta(
  parameter: usize,
  accumulator: usize,
  accumulatedUpdate: usize,
  rate: usize,
  rho: usize,
  epsilon: usize,
  gradient: usize,
  n: i32,
): void {
  const r = v128.load32_splat(rate);
  const decay = v128.load32_splat(rho);
  const fresh = complement(rho);
  const e = v128.load32_splat(epsilon);
  const end = parameter + bytesOf(n & -LANES);
  for (; parameter != end; parameter += 16) {
    Step.adadelta(parameter, accumulator, accumulatedUpdate, gradient, r, decay, fresh, e, LANES);
    accumulator += 16;
    accumulatedUpdate += 16;
    gradient += 16;
  }
  const rest = n & (LANES - 1);
  if (rest) Step.adadelta(parameter, accumulator, accumulatedUpdate, gradient, r, decay, fresh, e, rest);
}

/** s += (1 - rho) (g^2 - s); m = momentum m + rate g / sqrt(s + epsilon); parameter -= m */
export function applyRmsProp(
  parameter: usize,
  square: usize,
  moment: usize,
  rate: usize,
  rho: usize,
  momentum: usize,
  epsilon: usize,
  gradient: usize,
  n: i32,
): void {
  const r = v128.load32_splat(rate);
  const fresh = complement(rho);
  const decay = v128.load32_splat(momentum);
  const e = v128.load32_splat(epsilon);
  const end = parameter + bytesOf(n & -LANES);
  for (; parameter != end; parameter += 16) {
    Step.rmsProp(parameter, 0, square, moment, gradient, r, fresh, decay, e, LANES);
    square += 16;
    moment += 16;
    gradient += 16;
  }
  const rest = n & (LANES - 1);
  if (rest) Step.rmsProp(parameter, 0, square, moment, gradient, r, fresh, decay, e, rest);
}

/** The same with the variance in place of s: c += (1 - rho) (g - c), and s - c^2 + epsilon under the root */
export function applyCenteredRmsProp(
  parameter: usize,
  mean: usize,
  square: usize,
  moment: usize,
  rate: usize,
  rho: usize,
  momentum: usize,
  epsilon: usize,
  gradient: usize,
  n: i32,
): void {
  const r = v128.load32_splat(rate);
  const fresh = complement(rho);
  const decay = v128.load32_splat(momentum);
  const e = v128.load32_splat(epsilon);
  const end = parameter + bytesOf(n & -LANES);
  for (; parameter != end; parameter += 16) {
    Step.rmsProp(parameter, mean, square, moment, gradient, r, fresh, decay, e, LANES);
    mean += 16;
    square += 16;
    moment += 16;
    gradient += 16;
  }
  const rest = n & (LANES - 1);
  if (rest) Step.rmsProp(parameter, mean, square, moment, gradient, r, fresh, decay, e, rest);
}

/** m += (1 - beta1) (g - m); v += (1 - beta2) (g^2 - v); parameter -= alpha m / (sqrt(v) + epsilon) with
 * alpha = rate sqrt(1 - beta2Power) / (1 - beta1Power), or with `nesterov` (1 - beta1) g + beta1 m in place of m */
export function applyAdam(
  parameter: usize,
  first: usize,
  second: usize,
  beta1Power: usize,
  beta2Power: usize,
  rate: usize,
  beta1: usize,
  beta2: usize,
  epsilon: usize,
  gradient: usize,
  nesterov: i32,
  n: i32,
): void {
  const alpha = f32x4.splat((load<f32>(rate) * sqrt<f32>(1 - load<f32>(beta2Power))) / (1 - load<f32>(beta1Power)));
  const decay = v128.load32_splat(beta1);
  const fresh1 = complement(beta1);
  const fresh2 = complement(beta2);
  const e = v128.load32_splat(epsilon);
  const ahead = nesterov != 0;
  const end = parameter + bytesOf(n & -LANES);
  for (; parameter != end; parameter += 16) {
    Step.adam(parameter, first, second, gradient, alpha, decay, fresh1, fresh2, e, ahead, LANES);
    first += 16;
    second += 16;
    gradient += 16;
  }
  const rest = n & (LANES - 1);
  if (rest) Step.adam(parameter, first, second, gradient, alpha, decay, fresh1, fresh2, e, ahead, rest);
}
