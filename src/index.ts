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
export { clipByGlobalNorm, clipByNorm, clipByValue, globalNorm } from "./ops/clip.ts";
export { constant, convertToTensor, type TensorLike } from "./ops/build.ts";
export { cond } from "./ops/controlFlow.ts";
export {
  add,
  div,
  divNoNan,
  divide,
  floordiv,
  floormod,
  maximum,
  minimum,
  mod,
  multiply,
  pow,
  squaredDifference,
  subtract,
  truncatediv,
  truncatemod,
} from "./ops/elementwise.ts";
export { addCheckNumericsOps, checkNumerics, isFinite, isInf, isNan } from "./ops/finite.ts";
export { group, identity, noOp, stopGradient } from "./ops/identity.ts";
export * from "./ops/initializers.ts";
export { matmul, type MatmulOptions } from "./ops/matMul.ts";
export { placeholder, placeholderWithDefault } from "./ops/placeholder.ts";
export {
  randomNormal,
  randomUniform,
  truncatedNormal,
  type RandomNormalOptions,
  type RandomOptions,
} from "./ops/random.ts";
export { assertTrue } from "./ops/assert.ts";
export { cast } from "./ops/cast.ts";
export {
  equal,
  greater,
  greaterEqual,
  less,
  lessEqual,
  logicalAnd,
  logicalNot,
  logicalOr,
  notEqual,
} from "./ops/comparison.ts";
export { concat, split, stack, unstack } from "./ops/concat.ts";
export { cumprod, cumsum, type CumulateOptions } from "./ops/cumulate.ts";
export { acos, acosh, asin, asinh, atan, atan2, atanh, cosh, sinh } from "./ops/inverse.ts";
export { mulNoNan, xdivy, xlog1py, xlogy } from "./ops/noNan.ts";
export { gatherNd, scatterNd } from "./ops/gatherNd.ts";
export { expandDims } from "./ops/expandDims.ts";
export {
  argmax,
  argmin,
  reduceAll,
  reduceAny,
  reduceMax,
  reduceMin,
  reduceProd,
  type ArgOptions,
} from "./ops/extrema.ts";
export { gather, oneHot, unsortedSegmentSum, type OneHotOptions } from "./ops/gather.ts";
export { pad, type PadMode } from "./ops/pad.ts";
export { dynamicStitch, range } from "./ops/range.ts";
export { reduceMean, reduceSum, type ReduceAxis, type ReduceOptions } from "./ops/reduce.ts";
export { ceil, floor, rint, round, sign } from "./ops/rounding.ts";
export { select, selectV2, where } from "./ops/select.ts";
export { slice, stridedSlice, type StridedSliceOptions } from "./ops/slice.ts";
export { broadcastTo } from "./ops/broadcastTo.ts";
export { tile } from "./ops/tile.ts";
export { depthToSpace, reverse, spaceToDepth, transpose } from "./ops/transpose.ts";
export { rank, shape, shapeN, size } from "./ops/shape.ts";
export { batchToSpaceNd, spaceToBatchNd } from "./ops/spaceToBatch.ts";
export { assign, assignAdd, assignSub } from "./ops/state.ts";
export {
  abs,
  cos,
  erf,
  exp,
  expm1,
  log,
  log1p,
  negative,
  reciprocal,
  rsqrt,
  sigmoid,
  sin,
  sqrt,
  square,
  tan,
  tanh,
} from "./ops/unary.ts";
export {
  getVariable,
  globalVariables,
  globalVariablesInitializer,
  localVariables,
  localVariablesInitializer,
  trainableVariables,
  variable,
  variableScope,
  type Initializer,
  type Regularizer,
  type VariableOptions,
} from "./ops/variables.ts";
export * from "./graph/scopes.ts";
export { gradients, type GradientsOptions } from "./train/gradients.ts";
export * as image from "./image/index.ts";
export * as layers from "./layers/index.ts";
export * as regularizers from "./train/regularizers.ts";
export * as train from "./train/index.ts";
export * as losses from "./train/losses.ts";
export * as metrics from "./train/metrics.ts";
export * as nn from "./nn/index.ts";
export { fit, type Fit, type FitResult } from "./fit/fit.ts";
export type {
  Augmentations,
  ColumnFeeds,
  CheckpointingOptions,
  EarlyStoppingOptions,
  FitOptions,
  SavedCheckpoint,
  ValidationOptions,
} from "./fit/options.ts";
export type { Progress } from "./fit/progress.ts";
export { evaluate } from "./fit/validation.ts";
export { readFitState, type FitState } from "./fit/state.ts";
export * as data from "./data/index.ts";
export { checkup, type CheckupOptions } from "./doctor/checkup.ts";
export { doctor, type DoctorOptions } from "./doctor/examineGraph.ts";
export type { Finding, Severity } from "./doctor/finding.ts";
export { silence } from "./doctor/silence.ts";
export { formatFinding } from "./doctor/format.ts";
export { exportMetaGraph, exportMetaGraphJson, importMetaGraph, type ImportOptions } from "./formats/index.ts";
export {
  convertTensorFlowCheckpoint,
  readCheckpointMetadata,
  type CheckpointOptions,
  type RestoreOptions,
} from "./runtime/checkpoint.ts";
export type { TensorFlowCheckpoint } from "./formats/tensorBundle.ts";
export { foldBatchNorm, type FoldedGraph, type FoldingError, type FoldOptions } from "./inference/foldBatchNorm.ts";
export { recalibrate, type RecalibratedLayer, type RecalibrateOptions } from "./inference/recalibrate.ts";
export type { Feeds } from "./runtime/feeds.ts";
export type { Fetch, Fetches, Fetched } from "./runtime/fetches.ts";
export type { Plan } from "./runtime/plan/plan.ts";
export type { Profile, ProfileStep } from "./runtime/profile.ts";
export type { ProfileOptions, RunOptions } from "./runtime/stepTimes.ts";
export { Session } from "./runtime/session.ts";
export type { SessionOptions } from "./runtime/sessionOptions.ts";
export type { LayerStatistics, SessionChanges } from "./runtime/values.ts";
