// The kernels of trainlet: pure functions over pointers and sizes. This file only exports.
//
// Conventions. Arguments come in the order outputs, inputs, scratch memory, attribute block, sizes. Pointers are in bytes, sizes
// and strides in elements; buffers start at multiples of 16. An attribute block is an array of int32 that the host writes when
// it plans a graph. A kernel reads its inputs only, writes its outputs and its scratch memory only, allocates nothing and keeps
// nothing between calls. Its result does not depend on addresses, on the engine, or on what the scratch memory held.

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
  abs,
  add,
  addInt32,
  biasAdd,
  divide,
  maximum,
  minimum,
  multiply,
  multiplyInt32,
  negate,
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
export { randomUniform, randomUniformInt32 } from "./random";
export { mean, reduceScratchBytes, sum } from "./reduce";

/** First byte that the host may use: the end of the module's own constants, rounded up to 16. */
export function heapBase(): usize {
  return (__heap_base + 15) & ~15;
}
