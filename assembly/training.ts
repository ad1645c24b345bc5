// The kernels of programs that train convolutional networks as most are: two thirds of all, for pages that must be small. This file
// only exports; index.ts has the conventions, and all the rest.

export {
  assignAdd,
  assignAddInt32,
  assignAddInt64,
  assignSub,
  assignSubInt32,
  copyBytes,
  fillFloat32,
  fillInt32,
} from "./assign";
export { addReluGrad, relu6Grad, reluGrad, rsqrtGrad, sqrtGrad } from "./activations";
export { fusedBatchNormInference, fusedBatchNormScratchBytes, fusedBatchNormTraining } from "./batchNorm";
export { fusedBatchNormGrad, fusedBatchNormGradScratchBytes } from "./batchNormGrad";
export { cast } from "./cast";
export { checkAll, checkIndices } from "./check";
export { equal, less, lessEqual, logical, logicalNot, notEqual, select } from "./compare";
export { conv2d, conv2dPackedBytes, conv2dPackFilter, conv2dScratchBytes } from "./conv2d";
export { conv2dBackpropFilter, conv2dBackpropFilterScratchBytes } from "./conv2dBackpropFilter";
export {
  conv2dBackpropInput,
  conv2dBackpropInputPackedBytes,
  conv2dBackpropInputPackFilter,
  conv2dBackpropInputScratchBytes,
} from "./conv2dBackpropInput";
export { softmaxCrossEntropy, sparseSoftmaxCrossEntropy, sparseSoftmaxCrossEntropyInt64 } from "./crossEntropy";
export {
  add,
  addInt32,
  biasAdd,
  divide,
  divideNoNan,
  maximum,
  minimum,
  multiply,
  negate,
  relu,
  relu6,
  rsqrt,
  sqrt,
  square,
  squaredDifference,
  subtract,
} from "./elementwise";
export { argExtremum, l2Loss } from "./extrema";
export { checkFinite } from "./finite";
export { oneHot } from "./gather";
export { heapBase } from "./index";
export { matMul, matMulScratchBytes } from "./matMul";
export { applyAdam, applyGradientDescent, applyMomentum, applyRmsProp } from "./optimizer";
export { maxPool } from "./pool";
export { maxPoolGrad } from "./poolGrad";
export { randomStandardNormal, randomUniform, truncatedNormal } from "./random";
export { mean, reduceScratchBytes, sum } from "./reduce";
export { floor } from "./rounding";
export { addInt64 } from "./scalarBinary";
export { softmax } from "./softmax";
export { addStrided, copyStrided, fillBytes } from "./strided";
export { exp, log } from "./unary";
export {
  conv2dWinograd,
  conv2dWinogradPackedBytes,
  conv2dWinogradPackFilter,
  conv2dWinogradPackScratchBytes,
  conv2dWinogradPackTransposedFilter,
  conv2dWinogradScratchBytes,
} from "./winograd";
export { conv2dWinogradBackpropFilter, conv2dWinogradBackpropFilterScratchBytes } from "./winogradBackpropFilter";
export { conv2dWinogradBackpropInput, conv2dWinogradBackpropInputScratchBytes } from "./winogradBackpropInput";
