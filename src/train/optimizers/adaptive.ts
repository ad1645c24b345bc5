/** tf.train.RMSPropOptimizer, AdagradOptimizer, AdadeltaOptimizer (tensorflow/python/training/rmsprop.py, adagrad.py,
 * adadelta.py): each element has a rate of its own, from the size of its gradients so far. */
import { InvalidArgumentError } from "../../graph/errors.ts";
import type { Operation, Tensor } from "../../graph/operation.ts";
import type { Variable } from "../../graph/variable.ts";
import { constantInitializer, onesInitializer } from "../../ops/initializers.ts";
import { ApplyAdadelta, ApplyAdagrad, ApplyCenteredRMSProp, ApplyRMSProp } from "../../ops/optimizer.ts";
import { Optimizer, type Hyperparameter, type OptimizerOptions } from "./optimizer.ts";

export interface RMSPropOptions extends OptimizerOptions {
  /** Decay of the mean square. Default 0.9. */
  decay?: Hyperparameter;
  /** Default 0. */
  momentum?: Hyperparameter;
  /** Added under the root. Default 1e-10. */
  epsilon?: Hyperparameter;
  /** Divide by the deviation rather than by the root of the mean square. Default false. */
  centered?: boolean;
}

/** rms = decay · rms + (1 − decay) · g²; momentum' = momentum · momentum' + learningRate · g / √(rms + epsilon);
 * variable -= momentum'. The slot `rms` starts at 1. Centered: rms − mg² under the root, with mg the mean of g. */
export class RMSPropOptimizer extends Optimizer {
  readonly #values: Required<Omit<RMSPropOptions, keyof OptimizerOptions>> & { learningRate: Hyperparameter };
  #tensors!: { rate: Tensor; decay: Tensor; momentum: Tensor; epsilon: Tensor };

  constructor(learningRate: Hyperparameter, options: RMSPropOptions = {}) {
    super(options, "RMSProp");
    const { decay = 0.9, momentum = 0, epsilon = 1e-10, centered = false } = options;
    this.#values = { learningRate, decay, momentum, epsilon, centered };
  }

  protected override createSlots(variables: readonly Variable[]): void {
    for (const variable of variables) {
      this.slot(variable, "rms", onesInitializer());
      if (this.#values.centered) this.slot(variable, "mg");
      this.slot(variable, "momentum");
    }
  }

  protected override prepare(): void {
    this.#tensors = {
      rate: this.hyperparameter(this.#values.learningRate, "learning_rate"),
      decay: this.hyperparameter(this.#values.decay, "decay"),
      momentum: this.hyperparameter(this.#values.momentum, "momentum"),
      epsilon: this.hyperparameter(this.#values.epsilon, "epsilon"),
    };
  }

  protected override applyDense(gradient: Tensor, variable: Variable): Operation {
    const { rate, decay, momentum, epsilon } = this.#tensors;
    const slots = [this.slot(variable, "rms"), this.slot(variable, "momentum")];
    const rest = [rate, decay, momentum, epsilon, gradient];
    if (!this.#values.centered) return this.update(ApplyRMSProp, [variable, ...slots, ...rest]);
    return this.update(ApplyCenteredRMSProp, [variable, this.slot(variable, "mg"), ...slots, ...rest]);
  }
}

export interface AdagradOptions extends OptimizerOptions {
  /** Where the slot `accumulator` starts; above 0. Default 0.1. */
  initialAccumulatorValue?: number;
}

/** accumulator += g²; variable -= learningRate · g / √accumulator */
export class AdagradOptimizer extends Optimizer {
  readonly #learningRate: Hyperparameter;
  readonly #initial: number;
  #rate!: Tensor;

  constructor(learningRate: Hyperparameter, options: AdagradOptions = {}) {
    super(options, "Adagrad");
    this.#learningRate = learningRate;
    this.#initial = options.initialAccumulatorValue ?? 0.1;
    if (!(this.#initial > 0))
      throw new InvalidArgumentError(`initialAccumulatorValue must be positive: ${this.#initial}`);
  }

  protected override createSlots(variables: readonly Variable[]): void {
    for (const variable of variables) this.slot(variable, "accumulator", constantInitializer(this.#initial));
  }

  protected override prepare(): void {
    this.#rate = this.hyperparameter(this.#learningRate, "learning_rate");
  }

  protected override applyDense(gradient: Tensor, variable: Variable): Operation {
    return this.update(ApplyAdagrad, [variable, this.slot(variable, "accumulator"), this.#rate, gradient], {
      update_slots: true,
    });
  }
}

export interface AdadeltaOptions extends OptimizerOptions {
  /** Decay of both accumulators. Default 0.95. */
  rho?: Hyperparameter;
  /** Added under the roots. Default 1e-8. */
  epsilon?: Hyperparameter;
}

/** accum = rho · accum + (1 − rho) · g²; d = √(accum_update + epsilon) / √(accum + epsilon) · g;
 * accum_update = rho · accum_update + (1 − rho) · d²; variable -= learningRate · d */
export class AdadeltaOptimizer extends Optimizer {
  readonly #values: { learningRate: Hyperparameter; rho: Hyperparameter; epsilon: Hyperparameter };
  #tensors!: { rate: Tensor; rho: Tensor; epsilon: Tensor };

  constructor(learningRate: Hyperparameter = 0.001, options: AdadeltaOptions = {}) {
    super(options, "Adadelta");
    this.#values = { learningRate, rho: options.rho ?? 0.95, epsilon: options.epsilon ?? 1e-8 };
  }

  protected override createSlots(variables: readonly Variable[]): void {
    for (const variable of variables) {
      this.slot(variable, "accum");
      this.slot(variable, "accum_update");
    }
  }

  protected override prepare(): void {
    this.#tensors = {
      rate: this.hyperparameter(this.#values.learningRate, "lr"),
      rho: this.hyperparameter(this.#values.rho, "rho"),
      epsilon: this.hyperparameter(this.#values.epsilon, "epsilon"),
    };
  }

  protected override applyDense(gradient: Tensor, variable: Variable): Operation {
    const { rate, rho, epsilon } = this.#tensors;
    const slots = [this.slot(variable, "accum"), this.slot(variable, "accum_update")];
    return this.update(ApplyAdadelta, [variable, ...slots, rate, rho, epsilon, gradient]);
  }
}
