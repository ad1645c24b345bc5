// The kernels of trainlet: pure functions over pointers and sizes. This file only exports.
//
// Conventions. Arguments come in the order outputs, inputs, scratch memory, attribute block, sizes. Pointers are in bytes, sizes
// and strides in elements; buffers start at multiples of 16. An attribute block is an array of int32 that the host writes when
// it plans a graph. A kernel reads its inputs only, writes its outputs and its scratch memory only, allocates nothing and keeps
// nothing between calls. Its result does not depend on addresses, on the engine, or on what the scratch memory held.

export { augment } from "./augment";
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
export { cast } from "./cast";
export { checkAll, checkIndices, checkNonZero } from "./check";
export { equal, less, lessEqual, logical, logicalNot, notEqual, select } from "./compare";
export {
  argExtremum,
  cumulate,
  l2Loss,
  reduceAll,
  reduceAny,
  reduceMax,
  reduceMin,
  reduceProd,
  reduceSumInteger,
} from "./extrema";
export { checkFinite, classify } from "./finite";
export { flattenIndices, gather, oneHot, unsortedSegmentSum } from "./gather";
export { acos, acosh, asin, asinh, atan, atan2, atanh, cosh, sinh } from "./inverse";
export { lrn, lrnGrad, lrnScratchBytes } from "./lrn";
export { resizeBilinear, resizeBilinearGrad, resizeNearest, resizeNearestGrad } from "./resize";
export { ceil, floor, round, sign } from "./rounding";
export { addStrided, copyStrided, fillBytes } from "./strided";
export { inTopK, topK } from "./topK";
export { fusedBatchNormInference, fusedBatchNormScratchBytes, fusedBatchNormTraining } from "./batchNorm";
export { fusedBatchNormGrad, fusedBatchNormGradScratchBytes } from "./batchNormGrad";
export { conv2d, conv2dPackedBytes, conv2dPackFilter, conv2dScratchBytes } from "./conv2d";
export { conv2dBackpropFilter, conv2dBackpropFilterScratchBytes } from "./conv2dBackpropFilter";
export {
  conv2dBackpropInput,
  conv2dBackpropInputPackedBytes,
  conv2dBackpropInputPackFilter,
  conv2dBackpropInputScratchBytes,
} from "./conv2dBackpropInput";
export { depthwiseConv2d, depthwiseConv2dBackpropInput, depthwiseConv2dScratchBytes } from "./depthwiseConv2d";
export {
  depthwiseConv2dBackpropFilter,
  depthwiseConv2dBackpropFilterScratchBytes,
} from "./depthwiseConv2dBackpropFilter";
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
export { softmaxCrossEntropy, sparseSoftmaxCrossEntropy, sparseSoftmaxCrossEntropyInt64 } from "./crossEntropy";
export {
  abs,
  add,
  addInt32,
  biasAdd,
  divide,
  divideNoNan,
  maximum,
  maximumInt32,
  minimum,
  minimumInt32,
  multiply,
  multiplyInt32,
  negate,
  pow,
  reciprocal,
  relu,
  relu6,
  rsqrt,
  sqrt,
  square,
  squaredDifference,
  subtract,
  subtractInt32,
} from "./elementwise";
export { matMul, matMulScratchBytes } from "./matMul";
export { multiplyNoNan, xdivy, xlog1py, xlogy } from "./noNan";
export {
  applyAdadelta,
  applyAdagrad,
  applyAdam,
  applyCenteredRmsProp,
  applyGradientDescent,
  applyMomentum,
  applyRmsProp,
} from "./optimizer";
export {
  applyAdagradDa,
  applyAdaMax,
  applyAmsGrad,
  applyFtrl,
  applyKerasMomentum,
  applyProximalAdagrad,
  applyProximalGradientDescent,
} from "./proximal";
export { averagePool, maxPool } from "./pool";
export { averagePoolGrad, maxPoolGrad } from "./poolGrad";
export {
  randomPermutation,
  randomStandardNormal,
  randomUniform,
  randomUniformInt32,
  randomUniformInt64,
  truncatedNormal,
} from "./random";
export { mean, reduceScratchBytes, sum } from "./reduce";
export {
  addReluGrad,
  elu,
  eluGrad,
  leakyRelu,
  leakyReluGrad,
  reciprocalGrad,
  relu6Grad,
  reluGrad,
  rsqrtGrad,
  selu,
  seluGrad,
  sigmoid,
  sigmoidGrad,
  softplus,
  softplusGrad,
  softsign,
  softsignGrad,
  sqrtGrad,
  tanh,
  tanhGrad,
} from "./activations";
export {
  addInt64,
  floorDiv,
  floorDivInt32,
  floorDivInt64,
  floorMod,
  floorModInt32,
  floorModInt64,
  maximumInt64,
  minimumInt64,
  multiplyInt64,
  subtractInt64,
  truncateDivInt32,
  truncateDivInt64,
  truncateMod,
  truncateModInt32,
  truncateModInt64,
} from "./scalarBinary";
export { logSoftmax, softmax } from "./softmax";
export { cos, erf, exp, expm1, log, log1p, sin, tan } from "./unary";

/** First byte that the host may use: the end of the module's own constants, rounded up to 16. */
export function heapBase(): usize {
  return (__heap_base + 15) & ~15;
}
