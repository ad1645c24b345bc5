/** Learning rates that follow the step counter, as operations of the graph
 * (tensorflow/python/training/learning_rate_decay.py, keras/optimizer_v2/learning_rate_schedule.py of TF 1.15). */
import { float32, int64 } from "../graph/dtype.ts";
import { InvalidArgumentError } from "../graph/errors.ts";
import type { Tensor } from "../graph/operation.ts";
import type { Variable } from "../graph/variable.ts";
import { constant, convertToTensor, opScope, type TensorLike } from "../ops/build.ts";
import { cast } from "../ops/cast.ts";
import { equal, greater, lessEqual, logicalAnd } from "../ops/comparison.ts";
import { cond } from "../ops/controlFlow.ts";
import { add, divide, minimum, multiply, pow, subtract } from "../ops/elementwise.ts";
import { ceil, floor } from "../ops/rounding.ts";
import { cos, exp, log, negative } from "../ops/unary.ts";

/** The step counter: an integer scalar, usually `train.getOrCreateGlobalStep()`. */
export type Step = Tensor | Variable;
/** A number, or a scalar tensor. */
export type Rate = number | Tensor | Variable;

/** A scalar in float32, whatever it was. */
function toFloat(value: Rate, name: string): Tensor {
  if (typeof value === "number") return constant(value, { dtype: float32, name });
  const tensor = convertToTensor(value);
  return tensor.dtype.base === float32 ? tensor : cast(tensor, float32);
}

function scheduled(
  name: string,
  learningRate: Rate,
  step: Step,
  body: (rate: Tensor, step: Tensor, scope: string) => Tensor,
): Tensor {
  return opScope(name, [step], (scope) =>
    body(toFloat(learningRate, "initial_learning_rate"), toFloat(step, "step"), scope),
  );
}

/** step / decaySteps, rounded down for a staircase. */
function progress(step: Tensor, decaySteps: Rate, staircase: boolean): Tensor {
  const p = divide(step, toFloat(decaySteps, "decay_steps"));
  return staircase ? floor(p) : p;
}

export interface DecayOptions {
  /** Let the rate fall in steps rather than continuously: step / decaySteps is rounded down. Default false. */
  staircase?: boolean;
  name?: string;
}

/** learningRate · decayRate ^ (step / decaySteps). float32 scalar. */
export function exponentialDecay(
  learningRate: Rate,
  globalStep: Step,
  decaySteps: Rate,
  decayRate: Rate,
  options: DecayOptions = {},
): Tensor {
  return scheduled(options.name ?? "ExponentialDecay", learningRate, globalStep, (rate, step, scope) => {
    const base = toFloat(decayRate, "decay_rate");
    return multiply(rate, pow(base, progress(step, decaySteps, options.staircase ?? false)), scope);
  });
}

/** learningRate · e ^ (−decayRate · step / decaySteps). float32 scalar. */
export function naturalExpDecay(
  learningRate: Rate,
  globalStep: Step,
  decaySteps: Rate,
  decayRate: Rate,
  options: DecayOptions = {},
): Tensor {
  const base = exp(negative(toFloat(decayRate, "decay_rate")));
  const name = options.name ?? "ExponentialTimeDecay";
  return exponentialDecay(learningRate, globalStep, decaySteps, base, { ...options, name });
}

/** learningRate / (1 + decayRate · step / decaySteps). float32 scalar. */
export function inverseTimeDecay(
  learningRate: Rate,
  globalStep: Step,
  decaySteps: Rate,
  decayRate: Rate,
  options: DecayOptions = {},
): Tensor {
  return scheduled(options.name ?? "InverseTimeDecay", learningRate, globalStep, (rate, step, scope) => {
    const slope = toFloat(decayRate, "decay_rate");
    const p = progress(step, decaySteps, options.staircase ?? false);
    return divide(rate, add(constant(1, { dtype: float32 }), multiply(slope, p)), scope);
  });
}

export interface PolynomialDecayOptions {
  /** Default 0.0001. */
  endLearningRate?: Rate;
  /** Default 1: linear. */
  power?: Rate;
  /** Begin again after decaySteps, each time over a longer stretch. Default false: the end value stays. */
  cycle?: boolean;
  name?: string;
}

/** (learningRate − endLearningRate) · (1 − step / decaySteps) ^ power + endLearningRate. float32 scalar. */
export function polynomialDecay(
  learningRate: Rate,
  globalStep: Step,
  decaySteps: Rate,
  options: PolynomialDecayOptions = {},
): Tensor {
  return scheduled(options.name ?? "PolynomialDecay", learningRate, globalStep, (rate, step, scope) => {
    const end = toFloat(options.endLearningRate ?? 0.0001, "end_learning_rate");
    const power = toFloat(options.power ?? 1, "power");
    let length = toFloat(decaySteps, "decay_steps");
    let at = step;
    if (options.cycle) {
      // The first multiple of decaySteps that is not below the step; 1 at the start.
      const multiplier = cond(
        equal(step, 0),
        () => constant(1, { dtype: float32 }),
        () => ceil(divide(step, length)),
      );
      length = multiply(length, multiplier);
    } else at = minimum(step, length);
    const left = pow(subtract(1, divide(at, length)), power);
    return add(multiply(subtract(rate, end), left), end, scope);
  });
}

export interface CosineDecayOptions {
  /** The rate at the end, as a fraction of the first. Default 0. */
  alpha?: Rate;
  name?: string;
}

/** Half of 1 + cos(π · fraction). */
function cosineOf(fraction: Tensor, factor: TensorLike = 0.5): Tensor {
  return multiply(factor, add(1, cos(multiply(constant(Math.PI, { dtype: float32 }), fraction))));
}

/** learningRate · ((1 − alpha) · (1 + cos(π · step / decaySteps)) / 2 + alpha), constant after decaySteps. float32 scalar.
 * Loshchilov and Hutter, SGDR, 2017. */
export function cosineDecay(
  learningRate: Rate,
  globalStep: Step,
  decaySteps: Rate,
  options: CosineDecayOptions = {},
): Tensor {
  return scheduled(options.name ?? "CosineDecay", learningRate, globalStep, (rate, step, scope) => {
    const length = toFloat(decaySteps, "decay_steps");
    const alpha = toFloat(options.alpha ?? 0, "alpha");
    const cosine = cosineOf(divide(minimum(step, length), length));
    return multiply(rate, add(multiply(subtract(1, alpha), cosine), alpha), scope);
  });
}

export interface CosineDecayRestartsOptions extends CosineDecayOptions {
  /** How much longer each period is than the one before. Default 2. */
  tMul?: number;
  /** How much lower each period begins. Default 1. */
  mMul?: Rate;
}

/** Cosine decay that begins again after firstDecaySteps, then after tMul times as many, and so on. float32 scalar. */
export function cosineDecayRestarts(
  learningRate: Rate,
  globalStep: Step,
  firstDecaySteps: Rate,
  options: CosineDecayRestartsOptions = {},
): Tensor {
  return scheduled(options.name ?? "SGDRDecay", learningRate, globalStep, (rate, step, scope) => {
    const alpha = toFloat(options.alpha ?? 0, "alpha");
    const growth = options.tMul ?? 2;
    const fraction = divide(step, toFloat(firstDecaySteps, "first_decay_steps"));
    let restarts: Tensor;
    let within: Tensor;
    if (growth === 1) {
      restarts = floor(fraction);
      within = subtract(fraction, restarts);
    } else {
      // After i periods, 1 + tMul + … + tMul^(i − 1) = (1 − tMul^i) / (1 − tMul) first periods have passed.
      const factor = toFloat(growth, "t_mul");
      const rest = subtract(1, factor);
      restarts = floor(divide(log(subtract(1, multiply(fraction, rest))), log(factor)));
      const scale = pow(factor, restarts);
      within = divide(subtract(fraction, divide(subtract(1, scale), rest)), scale);
    }
    const height = multiply(0.5, pow(toFloat(options.mMul ?? 1, "m_mul"), restarts));
    const cosine = cosineOf(within, height);
    return multiply(rate, add(multiply(subtract(1, alpha), cosine), alpha), scope);
  });
}

export interface LinearCosineDecayOptions {
  /** Default 0.5. */
  numPeriods?: number;
  /** Default 0. */
  alpha?: Rate;
  /** Default 0.001. */
  beta?: Rate;
  name?: string;
}

/** learningRate · ((alpha + linear) · cosine + beta), with linear = (decaySteps − step) / decaySteps and cosine over
 * numPeriods, constant after decaySteps. float32 scalar. */
export function linearCosineDecay(
  learningRate: Rate,
  globalStep: Step,
  decaySteps: Rate,
  options: LinearCosineDecayOptions = {},
): Tensor {
  return scheduled(options.name ?? "LinearCosineDecay", learningRate, globalStep, (rate, step, scope) => {
    const length = toFloat(decaySteps, "decay_steps");
    const at = minimum(step, length);
    const linear = divide(subtract(length, at), length);
    const cosine = cosineOf(multiply(2 * (options.numPeriods ?? 0.5), divide(at, length)));
    const factor = multiply(add(toFloat(options.alpha ?? 0, "alpha"), linear), cosine);
    return multiply(rate, add(factor, toFloat(options.beta ?? 0.001, "beta")), scope);
  });
}

/** values[i] for the first i with x <= boundaries[i], the last value beyond. float32 scalar.
 * @param x a scalar, usually the global step; boundaries take its dtype
 * @throws InvalidArgumentError unless there is one value more than boundaries */
export function piecewiseConstant(
  x: Step,
  boundaries: readonly number[],
  values: readonly Rate[],
  name = "PiecewiseConstant",
): Tensor {
  if (boundaries.length === 0 || boundaries.length !== values.length - 1)
    throw new InvalidArgumentError(
      `The length of boundaries should be 1 less than the length of values, got ${boundaries.length} and ${values.length}.`,
    );
  return opScope(name, [x], () => {
    const at = convertToTensor(x);
    const { base } = at.dtype;
    const limits = boundaries.map((boundary) => {
      const whole = base.isInteger ? Math.trunc(boundary) : boundary;
      return constant(base === int64 ? BigInt(whole) : whole, { dtype: base });
    });
    const rates = values.map((value) => toFloat(value, "Const"));
    const last = limits[limits.length - 1];
    const cases: (readonly [Tensor, Tensor])[] = [
      [lessEqual(at, limits[0]), rates[0]],
      [greater(at, last), rates[rates.length - 1]],
    ];
    for (let i = 1; i < limits.length; i++) {
      cases.push([logicalAnd(greater(at, limits[i - 1]), lessEqual(at, limits[i]), "and"), rates[i]]);
    }
    return at.graph.nameScope("case", () => firstTrue(cases, rates[0]));
  });
}

/** The value of the first case whose predicate is true. */
function firstTrue(cases: readonly (readonly [Tensor, Tensor])[], otherwise: Tensor): Tensor {
  const [[predicate, value], ...others] = cases;
  return cond(
    predicate,
    () => value,
    () => (others.length ? firstTrue(others, otherwise) : otherwise),
  );
}
