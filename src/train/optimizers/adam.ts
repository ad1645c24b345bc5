/** tf.train.AdamOptimizer (tensorflow/python/training/adam.py; Kingma and Ba 2015) and AdamW with decoupled weight decay
 * (tensorflow/contrib/opt/python/training/weight_decay_optimizers.py; Loshchilov and Hutter 2019). */
import type { Operation, Tensor } from "../../graph/operation.ts";
import type { Variable } from "../../graph/variable.ts";
import { isResource } from "../../graph/variableOps.ts";
import { multiply } from "../../ops/elementwise.ts";
import { group } from "../../ops/identity.ts";
import { ApplyAdam } from "../../ops/optimizer.ts";
import { assignOp, assignSub } from "../../ops/state.ts";
import { Optimizer, type Hyperparameter, type OptimizerOptions } from "./optimizer.ts";

export interface AdamOptions extends OptimizerOptions {
  /** Decay of the mean. Default 0.9. */
  beta1?: number;
  /** Decay of the mean square. Default 0.999. */
  beta2?: number;
  /** Added to the root. Default 1e-8. */
  epsilon?: Hyperparameter;
}

/** m = beta1 · m + (1 − beta1) · g; v = beta2 · v + (1 − beta2) · g²;
 * variable -= learningRate · √(1 − beta2^t) / (1 − beta1^t) · m / (√v + epsilon), with t counted from 1.
 * The slots `m` and `v` are variables `<variable>/Adam` and `<variable>/Adam_1`. */
export class AdamOptimizer extends Optimizer {
  readonly #values: { learningRate: Hyperparameter; beta1: number; beta2: number; epsilon: Hyperparameter };
  #tensors!: { rate: Tensor; beta1: Tensor; beta2: Tensor; epsilon: Tensor };
  #powers!: [Variable, Variable];

  constructor(learningRate: Hyperparameter = 0.001, options: AdamOptions = {}, defaultName = "Adam") {
    super(options, defaultName);
    const { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8 } = options;
    this.#values = { learningRate, beta1, beta2, epsilon };
  }

  protected override createSlots(variables: readonly Variable[]): void {
    // The powers stand beside the variable that is first by name, whatever order the variables come in.
    const first = variables.reduce((least, variable) => (variable.name < least.name ? variable : least));
    this.#powers = [
      this.nonSlot(this.#values.beta1, "beta1_power", first),
      this.nonSlot(this.#values.beta2, "beta2_power", first),
    ];
    for (const variable of variables) {
      this.slot(variable, "m");
      this.slot(variable, "v");
    }
  }

  protected override prepare(): void {
    this.#tensors = {
      rate: this.hyperparameter(this.#values.learningRate, "learning_rate"),
      beta1: this.hyperparameter(this.#values.beta1, "beta1"),
      beta2: this.hyperparameter(this.#values.beta2, "beta2"),
      epsilon: this.hyperparameter(this.#values.epsilon, "epsilon"),
    };
  }

  protected get rate(): Tensor {
    return this.#tensors.rate;
  }

  protected override applyDense(gradient: Tensor, variable: Variable): Operation {
    const { rate, beta1, beta2, epsilon } = this.#tensors;
    const slots = [this.slot(variable, "m"), this.slot(variable, "v")];
    const powers = this.#powers.map((power) => power.value());
    return this.update(ApplyAdam, [variable, ...slots, ...powers, rate, beta1, beta2, epsilon, gradient], {
      use_nesterov: false,
    });
  }

  /** The powers of the betas go on when all variables are updated. */
  protected override finish(updates: readonly Operation[], name: string): Operation {
    const { graph } = updates[0];
    const [power1] = this.#powers;
    const assignments = graph.controlDependencies(updates, () =>
      graph.colocateWith(power1.op, () =>
        [this.#tensors.beta1, this.#tensors.beta2].map((beta, i) => {
          const power = this.#powers[i];
          const name = isResource(power) ? "AssignVariableOp" : "Assign";
          return assignOp(power, multiply(power, beta), { name, useLocking: false });
        }),
      ),
    );
    return group([...updates, ...assignments], name);
  }
}

export interface AdamWOptions extends AdamOptions {
  /** True: weights shrink by learningRate · weightDecay (Keras, PyTorch); false: by weightDecay alone (tf.contrib.opt).
   * Default false. */
  scaleByLearningRate?: boolean;
  /** The variables that decay. Default: all that are updated. */
  decayVarList?: readonly Variable[] | null;
}

/** variable -= weightDecay · variable, then Adam with the gradient taken before. */
export class AdamWOptimizer extends AdamOptimizer {
  readonly #weightDecay: Hyperparameter;
  readonly #options: AdamWOptions;
  #decay!: Tensor;

  constructor(weightDecay: Hyperparameter, learningRate: Hyperparameter = 0.001, options: AdamWOptions = {}) {
    super(learningRate, options, "AdamW");
    this.#weightDecay = weightDecay;
    this.#options = options;
  }

  protected override prepare(): void {
    const decay = this.hyperparameter(this.#weightDecay, "weight_decay");
    super.prepare();
    this.#decay = this.#options.scaleByLearningRate ? multiply(this.rate, decay) : decay;
  }

  protected override applyDense(gradient: Tensor, variable: Variable): Operation {
    const { decayVarList } = this.#options;
    if (decayVarList && !decayVarList.includes(variable)) return super.applyDense(gradient, variable);
    const shrunk = assignSub(variable, multiply(this.#decay, variable));
    return variable.graph.controlDependencies([shrunk], () => super.applyDense(gradient, variable));
  }
}
