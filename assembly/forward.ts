// The kernels of programs that take no gradients: inference, and moving statistics by batch-norm updates. A quarter of all
// kernels, for pages that must be small. This file only exports; index.ts has the conventions.

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
export { fusedBatchNormInference, fusedBatchNormScratchBytes, fusedBatchNormTraining } from "./batchNorm";
export { conv2d, conv2dPackedBytes, conv2dPackFilter, conv2dScratchBytes } from "./conv2d";
export {
  add,
  biasAdd,
  divide,
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
export { heapBase } from "./index";
export { matMul, matMulScratchBytes } from "./matMul";
export { averagePool, maxPool } from "./pool";
export { randomUniform } from "./random";
export { mean, reduceScratchBytes, sum } from "./reduce";
export { softmax } from "./softmax";
export { copyStrided, fillBytes } from "./strided";
