// Steps of optimizers that draw small weights to 0, and of relatives of Adam and Momentum, a kernel for each of TensorFlow's Apply
// operations (tensorflow/core/kernels/training_ops.cc).
//
// Conventions are those of optimizer.ts: all is float32, `parameter` and slots are [n] and updated in place, `gradient` is [n]
// and may be one of them, rates and the like are scalars given by their addresses, each operation is rounded. One element
// after the other: these are the rare optimizers.

import { DoubleMath } from "./lib/doubleMath";
import { bytesOf } from "./lib/simd";

function power(x: f32, exponent: f32): f32 {
  if (exponent == 0.5) return sqrt<f32>(x);
  return f32x4.extract_lane(DoubleMath.pow(f32x4.splat(x), f32x4.splat(exponent)), 0);
}

function sign(x: f32): f32 {
  return x > 0 ? 1 : x < 0 ? -1 : x;
}

/** The proximal step to `x`: shrunk by `shrink` towards 0 and divided by `divisor`; only divided where l1 is not above 0. */
function shrunk(x: f32, l1: f32, shrink: f32, divisor: f32): f32 {
  if (!(l1 > 0)) return x / divisor;
  return (sign(x) * max<f32>(abs<f32>(x) - shrink, 0)) / divisor;
}

/**
 * a' = a + g^2; linear += g + 2 shrinkage w - (a'^p - a^p) / rate w with p = -ratePower; where |linear| > l1,
 * w = (l1 sign(linear) - linear) / (a'^p / rate + 2 l2), elsewhere 0. `shrinkage` 0 for none.
 */
export function applyFtrl(
  parameter: usize,
  accumulator: usize,
  linear: usize,
  gradient: usize,
  rate: usize,
  l1: usize,
  l2: usize,
  shrinkage: usize,
  ratePower: usize,
  n: i32,
): void {
  const r = load<f32>(rate);
  const limit = load<f32>(l1);
  const twiceL2: f32 = 2 * load<f32>(l2);
  const twiceShrinkage: f32 = shrinkage ? 2 * load<f32>(shrinkage) : 0;
  const exponent: f32 = -load<f32>(ratePower);
  for (const end = parameter + bytesOf(n); parameter != end; parameter += 4) {
    const g = load<f32>(gradient);
    const w = load<f32>(parameter);
    const a = load<f32>(accumulator);
    const next: f32 = a + g * g;
    const root = power(next, exponent);
    const pull: f32 = shrinkage ? g + twiceShrinkage * w : g;
    const z: f32 = load<f32>(linear) + (pull - ((root - power(a, exponent)) / r) * w);
    store<f32>(accumulator, next);
    store<f32>(linear, z);
    store<f32>(parameter, abs<f32>(z) > limit ? (limit * sign(z) - z) / (root / r + twiceL2) : 0);
    accumulator += 4;
    linear += 4;
    gradient += 4;
  }
}

/** w = prox(w - rate g) with the shrinkage rate l1 and the divisor 1 + rate l2 */
export function applyProximalGradientDescent(
  parameter: usize,
  rate: usize,
  l1: usize,
  l2: usize,
  gradient: usize,
  n: i32,
): void {
  const r = load<f32>(rate);
  const shrink = load<f32>(l1);
  const divisor: f32 = 1 + load<f32>(l2) * r;
  for (const end = parameter + bytesOf(n); parameter != end; parameter += 4) {
    const x: f32 = load<f32>(parameter) - load<f32>(gradient) * r;
    store<f32>(parameter, shrunk(x, shrink, r * shrink, divisor));
    gradient += 4;
  }
}

/** a += g^2; as applyProximalGradientDescent with the rate of each element rate / sqrt(a) */
export function applyProximalAdagrad(
  parameter: usize,
  accumulator: usize,
  rate: usize,
  l1: usize,
  l2: usize,
  gradient: usize,
  n: i32,
): void {
  const shrink = load<f32>(l1);
  for (const end = parameter + bytesOf(n); parameter != end; parameter += 4) {
    const g = load<f32>(gradient);
    const a: f32 = load<f32>(accumulator) + g * g;
    const r: f32 = load<f32>(rate) / sqrt<f32>(a);
    const x: f32 = load<f32>(parameter) - g * r;
    store<f32>(accumulator, a);
    store<f32>(parameter, shrunk(x, shrink, shrink * r, 1 + load<f32>(l2) * r));
    accumulator += 4;
    gradient += 4;
  }
}

/** s += g; q += g^2; w = -rate prox(s) with the shrinkage l1 steps and the divisor l2 steps rate + sqrt(q); `steps` is int64 */
export function applyAdagradDa(
  parameter: usize,
  sum: usize,
  squares: usize,
  gradient: usize,
  rate: usize,
  l1: usize,
  l2: usize,
  steps: usize,
  n: i32,
): void {
  const r = load<f32>(rate);
  const count = <f32>load<i64>(steps);
  const shrink = load<f32>(l1);
  const regular: f32 = load<f32>(l2) * count * r;
  for (const end = parameter + bytesOf(n); parameter != end; parameter += 4) {
    const g = load<f32>(gradient);
    const s: f32 = load<f32>(sum) + g;
    const q: f32 = load<f32>(squares) + g * g;
    store<f32>(sum, s);
    store<f32>(squares, q);
    store<f32>(parameter, -r * shrunk(s, shrink, shrink * count, regular + sqrt<f32>(q)));
    sum += 4;
    squares += 4;
    gradient += 4;
  }
}

/** m += (g - m) (1 - beta1); v = max(beta2 v, |g|); w -= rate / (1 - power1) m / (v + epsilon) */
export function applyAdaMax(
  parameter: usize,
  first: usize,
  second: usize,
  power1: usize,
  rate: usize,
  beta1: usize,
  beta2: usize,
  epsilon: usize,
  gradient: usize,
  n: i32,
): void {
  const alpha: f32 = load<f32>(rate) / (1 - load<f32>(power1));
  const rest: f32 = 1 - load<f32>(beta1);
  const decay = load<f32>(beta2);
  const e = load<f32>(epsilon);
  for (const end = parameter + bytesOf(n); parameter != end; parameter += 4) {
    const g = load<f32>(gradient);
    let m = load<f32>(first);
    m += (g - m) * rest;
    const v = max<f32>(decay * load<f32>(second), abs<f32>(g));
    store<f32>(first, m);
    store<f32>(second, v);
    store<f32>(parameter, load<f32>(parameter) - alpha * (m / (v + e)));
    first += 4;
    second += 4;
    gradient += 4;
  }
}

/** Adam that divides by the root of the largest v so far: h = max(h, v); w -= alpha m / (sqrt(h) + epsilon) */
export function applyAmsGrad(
  parameter: usize,
  first: usize,
  second: usize,
  largest: usize,
  power1: usize,
  power2: usize,
  rate: usize,
  beta1: usize,
  beta2: usize,
  epsilon: usize,
  gradient: usize,
  n: i32,
): void {
  const alpha: f32 = (load<f32>(rate) * sqrt<f32>(1 - load<f32>(power2))) / (1 - load<f32>(power1));
  const rest1: f32 = 1 - load<f32>(beta1);
  const rest2: f32 = 1 - load<f32>(beta2);
  const e = load<f32>(epsilon);
  for (const end = parameter + bytesOf(n); parameter != end; parameter += 4) {
    const g = load<f32>(gradient);
    let m = load<f32>(first);
    m += (g - m) * rest1;
    let v = load<f32>(second);
    v += (g * g - v) * rest2;
    const h = max<f32>(load<f32>(largest), v);
    store<f32>(first, m);
    store<f32>(second, v);
    store<f32>(largest, h);
    store<f32>(parameter, load<f32>(parameter) - (m * alpha) / (sqrt<f32>(h) + e));
    first += 4;
    second += 4;
    largest += 4;
    gradient += 4;
  }
}

/** a = momentum a - rate g; w += a, or with `nesterov` momentum a - rate g */
export function applyKerasMomentum(
  parameter: usize,
  accumulator: usize,
  rate: usize,
  gradient: usize,
  momentum: usize,
  nesterov: i32,
  n: i32,
): void {
  const r = load<f32>(rate);
  const decay = load<f32>(momentum);
  for (const end = parameter + bytesOf(n); parameter != end; parameter += 4) {
    const step: f32 = load<f32>(gradient) * r;
    const a: f32 = load<f32>(accumulator) * decay - step;
    store<f32>(accumulator, a);
    store<f32>(parameter, load<f32>(parameter) + (nesterov ? a * decay - step : a));
    accumulator += 4;
    gradient += 4;
  }
}
