/** tf.nn: operations of neural networks without variables of their own. */
export { batchNormalization, fusedBatchNorm, type FusedBatchNormOptions } from "../ops/batchNorm.ts";
export { biasAdd, conv2d, type Conv2dOptions } from "../ops/conv2d.ts";
export { relu, relu6 } from "../ops/elementwise.ts";
export { moments } from "../ops/reduce.ts";
