/** tf.nn: operations of neural networks without variables of their own. */
export { batchNormalization, fusedBatchNorm, type FusedBatchNormOptions } from "../ops/batchNorm.ts";
export { biasAdd, conv2d, type Conv2dOptions } from "../ops/conv2d.ts";
export { conv2dTranspose, type Conv2dTransposeOptions } from "../ops/conv2dGradient.ts";
export { depthwiseConv2d, separableConv2d } from "../ops/depthwiseConv2d.ts";
export { elu, gelu, leakyRelu, relu, relu6, selu, softplus, softsign, swish } from "../ops/activations.ts";
export { l2Loss } from "../ops/extrema.ts";
export { localResponseNormalization, type LrnOptions } from "../ops/lrn.ts";
export { inTopK, topK } from "../ops/topK.ts";
export { moments } from "../ops/reduce.ts";
export { dropout, type DropoutOptions } from "../ops/dropout.ts";
export {
  sigmoidCrossEntropyWithLogits,
  softmaxCrossEntropyWithLogits,
  softmaxCrossEntropyWithLogitsV2,
  sparseSoftmaxCrossEntropyWithLogits,
  type CrossEntropyOptions,
  type SoftmaxCrossEntropyOptions,
} from "../ops/crossEntropy.ts";
export { sigmoid, tanh } from "../ops/unary.ts";
export { avgPool, maxPool, type PoolOptions } from "../ops/pool.ts";
export { logSoftmax, softmax } from "../ops/softmax.ts";
