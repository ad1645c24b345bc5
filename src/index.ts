/** The public API of trainlet. A host's entry (src/entry/) adds how kernels are loaded there. */
export { GraphKeys } from "./graph/collections.ts";
export {
  bool,
  float32,
  float64,
  int32,
  int64,
  string,
  uint8,
  DType,
  type DTypeName,
  type TypedArray,
} from "./graph/dtype.ts";
export * as errors from "./graph/errors.ts";
export { getDefaultGraph, Graph, resetDefaultGraph } from "./graph/graph.ts";
export { Operation, Tensor } from "./graph/operation.ts";
export type { Shape } from "./graph/shape.ts";
export { FetchedTensor, type FeedValue, type Nested } from "./graph/tensorValue.ts";
export { Variable } from "./graph/variable.ts";
export { addN, onesLike, zerosLike } from "./ops/addN.ts";
export { fill, ones, reshape, squeeze, zeros } from "./ops/array.ts";
export { constant, convertToTensor, type TensorLike } from "./ops/build.ts";
export { cond } from "./ops/controlFlow.ts";
export {
  abs,
  add,
  divide,
  maximum,
  minimum,
  multiply,
  negative,
  reciprocal,
  rsqrt,
  sqrt,
  square,
  squaredDifference,
  subtract,
} from "./ops/elementwise.ts";
export { group, identity, noOp, stopGradient } from "./ops/identity.ts";
export * from "./ops/initializers.ts";
export { placeholder, placeholderWithDefault } from "./ops/placeholder.ts";
export { randomUniform, type RandomOptions } from "./ops/random.ts";
export { reduceMean, reduceSum, type ReduceOptions } from "./ops/reduce.ts";
export { rank, shape, shapeN, size } from "./ops/shape.ts";
export { assign, assignAdd, assignSub } from "./ops/state.ts";
export {
  getVariable,
  globalVariables,
  globalVariablesInitializer,
  trainableVariables,
  variable,
  variableScope,
  type Initializer,
  type Regularizer,
  type VariableOptions,
} from "./ops/variables.ts";
export * from "./graph/scopes.ts";
export { gradients, type GradientsOptions } from "./train/gradients.ts";
export * as layers from "./layers/index.ts";
export * as nn from "./nn/index.ts";
export type { Finding } from "./doctor/finding.ts";
export { formatFinding } from "./doctor/doctor.ts";
export { exportMetaGraph, exportMetaGraphJson, importMetaGraph, type ImportOptions } from "./formats/index.ts";
export type { Feeds } from "./runtime/feeds.ts";
export type { Fetch, Fetches, Fetched } from "./runtime/fetches.ts";
export { Session, type LayerStatistics, type SessionChanges, type SessionOptions } from "./runtime/session.ts";
