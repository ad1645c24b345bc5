/** tf.train: optimizers, learning rates, the step counter, moving averages. */
export { createGlobalStep, getGlobalStep, getOrCreateGlobalStep } from "./globalStep.ts";
export { ExponentialMovingAverage, type ExponentialMovingAverageOptions } from "./movingAverages.ts";
export { AdamOptimizer, AdamWOptimizer, type AdamOptions, type AdamWOptions } from "./optimizers/adam.ts";
export {
  AdadeltaOptimizer,
  AdagradOptimizer,
  RMSPropOptimizer,
  type AdadeltaOptions,
  type AdagradOptions,
  type RMSPropOptions,
} from "./optimizers/adaptive.ts";
export {
  FtrlOptimizer,
  ProximalAdagradOptimizer,
  ProximalGradientDescentOptimizer,
  type FtrlOptions,
  type ProximalAdagradOptions,
  type ProximalOptions,
} from "./optimizers/ftrl.ts";
export { GradientDescentOptimizer, MomentumOptimizer, type MomentumOptions } from "./optimizers/gradientDescent.ts";
export {
  Optimizer,
  type ApplyGradientsOptions,
  type ComputeGradientsOptions,
  type GradientAndVariable,
  type Hyperparameter,
  type MinimizeOptions,
  type OptimizerOptions,
} from "./optimizers/optimizer.ts";
export * from "./schedules.ts";
