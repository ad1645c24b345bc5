/** tf.train.GradientDescentOptimizer and MomentumOptimizer (tensorflow/python/training/gradient_descent.py, momentum.py). */
import type { Operation, Tensor } from "../../graph/operation.ts";
import type { Variable } from "../../graph/variable.ts";
import { ApplyGradientDescent, ApplyMomentum } from "../../ops/optimizer.ts";
import { Optimizer, type Hyperparameter, type OptimizerOptions } from "./optimizer.ts";

/** variable -= learningRate · gradient */
export class GradientDescentOptimizer extends Optimizer {
  readonly #learningRate: Hyperparameter;
  #rate!: Tensor;

  constructor(learningRate: Hyperparameter, options: OptimizerOptions = {}) {
    super(options, "GradientDescent");
    this.#learningRate = learningRate;
  }

  protected override prepare(): void {
    this.#rate = this.hyperparameter(this.#learningRate, "learning_rate");
  }

  protected override applyDense(gradient: Tensor, variable: Variable): Operation {
    return this.update(ApplyGradientDescent, [variable, this.#rate, gradient]);
  }
}

export interface MomentumOptions extends OptimizerOptions {
  /** Nesterov's form. Default false. */
  useNesterov?: boolean;
}

/** accumulator = momentum · accumulator + gradient; variable -= learningRate · accumulator. The slot `momentum` starts at 0.
 * Nesterov's form: variable -= learningRate · (gradient + momentum · accumulator). */
export class MomentumOptimizer extends Optimizer {
  readonly #learningRate: Hyperparameter;
  readonly #momentum: Hyperparameter;
  readonly #useNesterov: boolean;
  #tensors!: { rate: Tensor; momentum: Tensor };

  constructor(learningRate: Hyperparameter, momentum: Hyperparameter, options: MomentumOptions = {}) {
    super(options, "Momentum");
    this.#learningRate = learningRate;
    this.#momentum = momentum;
    this.#useNesterov = options.useNesterov ?? false;
  }

  protected override createSlots(variables: readonly Variable[]): void {
    for (const variable of variables) this.slot(variable, "momentum");
  }

  protected override prepare(): void {
    this.#tensors = {
      rate: this.hyperparameter(this.#learningRate, "learning_rate"),
      momentum: this.hyperparameter(this.#momentum, "momentum"),
    };
  }

  protected override applyDense(gradient: Tensor, variable: Variable): Operation {
    const { rate, momentum } = this.#tensors;
    const accumulator = this.slot(variable, "momentum");
    return this.update(ApplyMomentum, [variable, accumulator, rate, gradient, momentum], {
      use_nesterov: this.#useNesterov,
    });
  }
}
