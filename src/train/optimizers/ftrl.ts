/** tf.train.FtrlOptimizer, ProximalGradientDescentOptimizer, ProximalAdagradOptimizer (tensorflow/python/training/ftrl.py,
 * proximal_gradient_descent.py, proximal_adagrad.py): weights that do not help become exactly 0. */
import { InvalidArgumentError } from "../../graph/errors.ts";
import type { Operation, Tensor } from "../../graph/operation.ts";
import type { Variable } from "../../graph/variable.ts";
import { constantInitializer } from "../../ops/initializers.ts";
import { ApplyFtrl, ApplyFtrlV2, ApplyProximalAdagrad, ApplyProximalGradientDescent } from "../../ops/proximal.ts";
import { Optimizer, type Hyperparameter, type OptimizerOptions } from "./optimizer.ts";

export interface ProximalOptions extends OptimizerOptions {
  /** Default 0. */
  l1RegularizationStrength?: Hyperparameter;
  /** Default 0. */
  l2RegularizationStrength?: Hyperparameter;
}

export interface FtrlOptions extends ProximalOptions {
  /** How the rate falls with the accumulator; at most 0. Default −0.5. */
  learningRatePower?: number;
  /** Where the slot `accum` starts; at least 0. Default 0.1. */
  initialAccumulatorValue?: number;
  /** Shrinks weights by their size, as an L2 loss does. Default 0. */
  l2ShrinkageRegularizationStrength?: number;
}

/** "Follow the regularized leader" (McMahan et al. 2013). accum' = accum + g²;
 * linear += g − (accum'^p − accum^p) / learningRate · variable with p = −learningRatePower;
 * variable = (sign(linear) · l1 − linear) / (accum'^p / learningRate + 2 · l2) where |linear| > l1, else 0. */
export class FtrlOptimizer extends Optimizer {
  readonly #options: Required<Omit<FtrlOptions, keyof OptimizerOptions>> & { learningRate: Hyperparameter };
  #tensors!: Record<"rate" | "l1" | "l2" | "shrinkage" | "power", Tensor>;

  constructor(learningRate: Hyperparameter, options: FtrlOptions = {}) {
    super(options, "Ftrl");
    const { learningRatePower = -0.5, initialAccumulatorValue = 0.1, l2ShrinkageRegularizationStrength = 0 } = options;
    if (!(initialAccumulatorValue >= 0))
      throw new InvalidArgumentError(`initialAccumulatorValue ${initialAccumulatorValue} needs to be positive or zero`);
    if (!(learningRatePower <= 0))
      throw new InvalidArgumentError(`learningRatePower ${learningRatePower} needs to be negative or zero`);
    if (!(l2ShrinkageRegularizationStrength >= 0))
      throw new InvalidArgumentError(
        `l2ShrinkageRegularizationStrength ${l2ShrinkageRegularizationStrength} needs to be positive or zero`,
      );
    this.#options = {
      learningRate,
      learningRatePower,
      initialAccumulatorValue,
      l2ShrinkageRegularizationStrength,
      l1RegularizationStrength: options.l1RegularizationStrength ?? 0,
      l2RegularizationStrength: options.l2RegularizationStrength ?? 0,
    };
  }

  protected override createSlots(variables: readonly Variable[]): void {
    for (const variable of variables) {
      this.slot(variable, "accum", constantInitializer(this.#options.initialAccumulatorValue));
      this.slot(variable, "linear");
    }
  }

  protected override prepare(): void {
    const options = this.#options;
    this.#tensors = {
      rate: this.hyperparameter(options.learningRate, "learning_rate"),
      l1: this.hyperparameter(options.l1RegularizationStrength, "l1_regularization_strength"),
      l2: this.hyperparameter(options.l2RegularizationStrength, "l2_regularization_strength"),
      shrinkage: this.hyperparameter(options.l2ShrinkageRegularizationStrength, "l2_shrinkage_regularization_strength"),
      power: this.hyperparameter(options.learningRatePower, "learning_rate_power"),
    };
  }

  protected override applyDense(gradient: Tensor, variable: Variable): Operation {
    const { rate, l1, l2, shrinkage, power } = this.#tensors;
    const [accum, linear] = [this.slot(variable, "accum"), this.slot(variable, "linear")];
    if (this.#options.l2ShrinkageRegularizationStrength > 0)
      return this.update(ApplyFtrlV2, [variable, accum, linear, gradient, rate, l1, l2, shrinkage, power]);
    return this.update(ApplyFtrl, [variable, accum, linear, gradient, rate, l1, l2, power]);
  }
}

/** variable' = variable − learningRate · g; variable = sign(variable') · max(|variable'| − learningRate · l1, 0) /
 * (1 + learningRate · l2) */
export class ProximalGradientDescentOptimizer extends Optimizer {
  readonly #values: readonly [rate: Hyperparameter, l1: Hyperparameter, l2: Hyperparameter];
  #tensors!: readonly [Tensor, Tensor, Tensor];

  constructor(learningRate: Hyperparameter, options: ProximalOptions = {}) {
    super(options, "ProximalGradientDescent");
    this.#values = [learningRate, options.l1RegularizationStrength ?? 0, options.l2RegularizationStrength ?? 0];
  }

  protected override prepare(): void {
    this.#tensors = [
      this.hyperparameter(this.#values[0], "learning_rate"),
      this.hyperparameter(this.#values[1], "l1_regularization_strength"),
      this.hyperparameter(this.#values[2], "l2_regularization_strength"),
    ];
  }

  protected override applyDense(gradient: Tensor, variable: Variable): Operation {
    return this.update(ApplyProximalGradientDescent, [variable, ...this.#tensors, gradient]);
  }
}

export interface ProximalAdagradOptions extends ProximalOptions {
  /** Where the slot `accumulator` starts; above 0. Default 0.1. */
  initialAccumulatorValue?: number;
}

/** accumulator += g²; then as ProximalGradientDescentOptimizer with the rate learningRate / √accumulator. */
export class ProximalAdagradOptimizer extends Optimizer {
  readonly #values: readonly [rate: Hyperparameter, l1: Hyperparameter, l2: Hyperparameter];
  readonly #initial: number;
  #tensors!: readonly [Tensor, Tensor, Tensor];

  constructor(learningRate: Hyperparameter, options: ProximalAdagradOptions = {}) {
    super(options, "ProximalAdagrad");
    this.#initial = options.initialAccumulatorValue ?? 0.1;
    if (!(this.#initial > 0))
      throw new InvalidArgumentError(`initialAccumulatorValue must be positive: ${this.#initial}`);
    this.#values = [learningRate, options.l1RegularizationStrength ?? 0, options.l2RegularizationStrength ?? 0];
  }

  protected override createSlots(variables: readonly Variable[]): void {
    for (const variable of variables) this.slot(variable, "accumulator", constantInitializer(this.#initial));
  }

  protected override prepare(): void {
    this.#tensors = [
      this.hyperparameter(this.#values[0], "learning_rate"),
      this.hyperparameter(this.#values[1], "l1_regularization_strength"),
      this.hyperparameter(this.#values[2], "l2_regularization_strength"),
    ];
  }

  protected override applyDense(gradient: Tensor, variable: Variable): Operation {
    const accumulator = this.slot(variable, "accumulator");
    return this.update(ApplyProximalAdagrad, [variable, accumulator, ...this.#tensors, gradient]);
  }
}
