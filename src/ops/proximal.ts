/** One step of the rarer optimizers: Ftrl, the proximal ones, AdagradDA, AdaMax, AMSGrad, Keras' momentum
 * (tensorflow/core/ops/training_ops.cc). */
import type { OpDefinition } from "./definition.ts";
import { applying, applyPair, inputsOf, type Application, type ApplyDefinition, resourceForm } from "./optimizer.ts";

const ftrl: Application = {
  variables: 3,
  gradient: 3,
  inputs: 8,
  emit(k, n) {
    const [parameter, accumulator, linear, gradient, rate, l1, l2, power] = inputsOf(k, 8);
    k.call("applyFtrl", parameter, accumulator, linear, gradient, rate, l1, l2, 0, power, n);
  },
};

const ftrlV2: Application = {
  variables: 3,
  gradient: 3,
  inputs: 9,
  emit(k, n) {
    const [parameter, accumulator, linear, gradient, rate, l1, l2, shrinkage, power] = inputsOf(k, 9);
    k.call("applyFtrl", parameter, accumulator, linear, gradient, rate, l1, l2, shrinkage, power, n);
  },
};

const proximalGradientDescent: Application = {
  variables: 1,
  gradient: 4,
  inputs: 5,
  emit(k, n) {
    const [parameter, rate, l1, l2, gradient] = inputsOf(k, 5);
    k.call("applyProximalGradientDescent", parameter, rate, l1, l2, gradient, n);
  },
};

const proximalAdagrad: Application = {
  variables: 2,
  gradient: 5,
  inputs: 6,
  emit(k, n) {
    const [parameter, accumulator, rate, l1, l2, gradient] = inputsOf(k, 6);
    k.call("applyProximalAdagrad", parameter, accumulator, rate, l1, l2, gradient, n);
  },
};

const adagradDa: Application = {
  variables: 3,
  gradient: 3,
  inputs: 8,
  step: 7,
  emit(k, n) {
    const [parameter, sum, squares, gradient, rate, l1, l2, steps] = inputsOf(k, 8);
    k.call("applyAdagradDa", parameter, sum, squares, gradient, rate, l1, l2, steps, n);
  },
};

const adaMax: Application = {
  variables: 3,
  gradient: 8,
  inputs: 9,
  emit(k, n) {
    const [parameter, m, v, power1, rate, beta1, beta2, epsilon, gradient] = inputsOf(k, 9);
    k.call("applyAdaMax", parameter, m, v, power1, rate, beta1, beta2, epsilon, gradient, n);
  },
};

const amsGrad: Application = {
  variables: 4,
  gradient: 10,
  inputs: 11,
  emit(k, n) {
    const [parameter, m, v, largest, power1, power2, rate, beta1, beta2, epsilon, gradient] = inputsOf(k, 11);
    k.call("applyAmsGrad", parameter, m, v, largest, power1, power2, rate, beta1, beta2, epsilon, gradient, n);
  },
};

const kerasMomentum: Application = {
  variables: 2,
  gradient: 3,
  inputs: 5,
  emit(k, n) {
    const nesterov = Number(k.op.bool("use_nesterov", false));
    k.call("applyKerasMomentum", k.input(0), k.input(1), k.input(2), k.input(3), k.input(4), nesterov, n);
  },
};

export const ApplyFtrl: ApplyDefinition = applyPair("Ftrl", ftrl);
export const ApplyFtrlV2: ApplyDefinition = applyPair("FtrlV2", ftrlV2);
export const ApplyProximalGradientDescent: ApplyDefinition = applyPair(
  "ProximalGradientDescent",
  proximalGradientDescent,
);
export const ApplyProximalAdagrad: ApplyDefinition = applyPair("ProximalAdagrad", proximalAdagrad);
export const ApplyAdagradDA: ApplyDefinition = applyPair("AdagradDA", adagradDa);
export const ApplyAdaMax: ApplyDefinition = applyPair("AdaMax", adaMax);

export const ResourceApplyFtrl: OpDefinition = resourceForm(ApplyFtrl);
export const ResourceApplyFtrlV2: OpDefinition = resourceForm(ApplyFtrlV2);
export const ResourceApplyProximalGradientDescent: OpDefinition = resourceForm(ApplyProximalGradientDescent);
export const ResourceApplyProximalAdagrad: OpDefinition = resourceForm(ApplyProximalAdagrad);
export const ResourceApplyAdagradDA: OpDefinition = resourceForm(ApplyAdagradDA);
export const ResourceApplyAdaMax: OpDefinition = resourceForm(ApplyAdaMax);
export const ResourceApplyAdamWithAmsgrad: OpDefinition = applying("ResourceApplyAdamWithAmsgrad", amsGrad, true);
export const ResourceApplyKerasMomentum: OpDefinition = applying("ResourceApplyKerasMomentum", kerasMomentum, true);
