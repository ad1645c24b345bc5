/** Every operation type trainlet runs: an explicit table, so that a file does not register itself by being imported. */
import * as activations from "./activations.ts";
import { AccumulateNV2, AddN, OnesLike, ZerosLike } from "./addN.ts";
import { Fill, Reshape, Squeeze } from "./array.ts";
import { Assert } from "./assert.ts";
import { Cast } from "./cast.ts";
import * as comparison from "./comparison.ts";
import * as concat from "./concat.ts";
import { Cumprod, Cumsum } from "./cumulate.ts";
import { ExpandDims } from "./expandDims.ts";
import * as extrema from "./extrema.ts";
import { Gather, GatherV2, OneHot, UnsortedSegmentSum } from "./gather.ts";
import { GatherNd, ScatterNd } from "./gatherNd.ts";
import * as inverse from "./inverse.ts";
import * as noNan from "./noNan.ts";
import * as proximal from "./proximal.ts";
import { DenseToDenseSetOperation, Where } from "./sets.ts";
import { MirrorPad, MirrorPadGrad, Pad, PadV2 } from "./pad.ts";
import { DynamicStitch, LinSpace, Range } from "./range.ts";
import { LRN, LRNGrad } from "./lrn.ts";
import * as resize from "./resize.ts";
import { InTopK, InTopKV2, TopKV2 } from "./topK.ts";
import * as rounding from "./rounding.ts";
import { Select, SelectV2 } from "./select.ts";
import { Slice, StridedSlice, StridedSliceGrad } from "./slice.ts";
import { BroadcastTo } from "./broadcastTo.ts";
import { Tile } from "./tile.ts";
import * as transpose from "./transpose.ts";
import { FusedBatchNorm, FusedBatchNormV2, FusedBatchNormV3 } from "./batchNorm.ts";
import { FusedBatchNormGrad, FusedBatchNormGradV2, FusedBatchNormGradV3 } from "./batchNormGradient.ts";
import { Const } from "./constant.ts";
import { Merge, RefMerge, RefSwitch, Switch } from "./controlFlow.ts";
import { BiasAdd, BiasAddV1, Conv2D } from "./conv2d.ts";
import { BiasAddGrad, Conv2DBackpropFilter, Conv2DBackpropInput } from "./conv2dGradient.ts";
import { SoftmaxCrossEntropyWithLogits, SparseSoftmaxCrossEntropyWithLogits } from "./crossEntropy.ts";
import type { OpDefinition } from "./definition.ts";
import {
  DepthwiseConv2dNative,
  DepthwiseConv2dNativeBackpropFilter,
  DepthwiseConv2dNativeBackpropInput,
} from "./depthwiseConv2d.ts";
import * as elementwise from "./elementwise.ts";
import { CheckNumerics, IsFinite, IsInf, IsNan } from "./finite.ts";
import {
  ControlTrigger,
  EnsureShape,
  GuaranteeConst,
  Identity,
  IdentityN,
  NoOp,
  PreventGradient,
  Print,
  PrintV2,
  RefIdentity,
  Snapshot,
  StopGradient,
  StringFormat,
} from "./identity.ts";
import { BatchMatMul, BatchMatMulV2, BatchMatMulV3, MatMul } from "./matMul.ts";
import * as optimizer from "./optimizer.ts";
import { Placeholder, PlaceholderWithDefault } from "./placeholder.ts";
import { AvgPool, AvgPoolGrad, MaxPool, MaxPoolGrad } from "./pool.ts";
import { RandomShuffle, RandomStandardNormal, RandomUniform, RandomUniformInt, TruncatedNormal } from "./random.ts";
import { Mean, Sum } from "./reduce.ts";
import { refusedOps } from "./refused.ts";
import { BroadcastGradientArgs, Rank, Shape, ShapeN, Size } from "./shape.ts";
import {
  AssignAddVariableOp,
  AssignSubVariableOp,
  AssignVariableOp,
  IsVariableInitialized,
  ReadVariableOp,
  VarHandleOp,
  VariableShape,
  VarIsInitializedOp,
} from "./resource.ts";
import { LogSoftmax, Softmax } from "./softmax.ts";
import { BatchToSpaceND, SpaceToBatchND } from "./spaceToBatch.ts";
import { Assign, AssignAdd, AssignSub, Variable, VariableV2 } from "./state.ts";
import * as unary from "./unary.ts";

/** A function, because definitions and builders import each other: the table is made when the first is asked for. */
const definitions = (): readonly OpDefinition[] => [
  Const,
  Placeholder,
  PlaceholderWithDefault,
  Identity,
  IdentityN,
  RefIdentity,
  Snapshot,
  GuaranteeConst,
  Print,
  EnsureShape,
  StopGradient,
  PreventGradient,
  CheckNumerics,
  IsFinite,
  IsInf,
  IsNan,
  NoOp,
  ControlTrigger,
  PrintV2,
  StringFormat,
  Switch,
  RefSwitch,
  Merge,
  RefMerge,
  VariableV2,
  Variable,
  VarHandleOp,
  ReadVariableOp,
  VariableShape,
  VarIsInitializedOp,
  IsVariableInitialized,
  AssignVariableOp,
  AssignAddVariableOp,
  AssignSubVariableOp,
  Assign,
  AssignAdd,
  AssignSub,
  Fill,
  Reshape,
  Squeeze,
  Shape,
  ShapeN,
  Size,
  Rank,
  BroadcastGradientArgs,
  AddN,
  AccumulateNV2,
  ZerosLike,
  OnesLike,
  elementwise.Add,
  elementwise.AddV2,
  elementwise.Sub,
  elementwise.Mul,
  elementwise.RealDiv,
  elementwise.Div,
  elementwise.DivNoNan,
  elementwise.TruncateDiv,
  elementwise.FloorDiv,
  elementwise.Mod,
  elementwise.TruncateMod,
  elementwise.FloorMod,
  elementwise.Maximum,
  elementwise.Minimum,
  elementwise.SquaredDifference,
  elementwise.Pow,
  inverse.Asin,
  inverse.Acos,
  inverse.Atan,
  inverse.Sinh,
  inverse.Cosh,
  inverse.Asinh,
  inverse.Acosh,
  inverse.Atanh,
  inverse.Atan2,
  noNan.MulNoNan,
  noNan.Xdivy,
  noNan.Xlogy,
  noNan.Xlog1py,
  unary.Neg,
  unary.Abs,
  unary.Square,
  unary.Sqrt,
  unary.SqrtGrad,
  unary.Rsqrt,
  unary.RsqrtGrad,
  unary.Reciprocal,
  unary.Inv,
  unary.ReciprocalGrad,
  unary.InvGrad,
  unary.Exp,
  unary.Expm1,
  unary.Log,
  unary.Log1p,
  unary.Sin,
  unary.Cos,
  unary.Tan,
  unary.Erf,
  unary.Sigmoid,
  unary.SigmoidGrad,
  unary.Tanh,
  unary.TanhGrad,
  activations.Relu,
  activations.ReluGrad,
  activations.Relu6,
  activations.Relu6Grad,
  activations.LeakyRelu,
  activations.LeakyReluGrad,
  activations.Elu,
  activations.EluGrad,
  activations.Selu,
  activations.SeluGrad,
  activations.Softplus,
  activations.SoftplusGrad,
  activations.Softsign,
  activations.SoftsignGrad,
  Sum,
  Mean,
  Conv2D,
  BiasAdd,
  BiasAddV1,
  Conv2DBackpropInput,
  Conv2DBackpropFilter,
  BiasAddGrad,
  DepthwiseConv2dNative,
  DepthwiseConv2dNativeBackpropInput,
  DepthwiseConv2dNativeBackpropFilter,
  FusedBatchNorm,
  FusedBatchNormV2,
  FusedBatchNormV3,
  FusedBatchNormGrad,
  FusedBatchNormGradV2,
  FusedBatchNormGradV3,
  MaxPool,
  MaxPoolGrad,
  AvgPool,
  AvgPoolGrad,
  Softmax,
  LogSoftmax,
  MatMul,
  BatchMatMul,
  BatchMatMulV2,
  BatchMatMulV3,
  SpaceToBatchND,
  BatchToSpaceND,
  SoftmaxCrossEntropyWithLogits,
  SparseSoftmaxCrossEntropyWithLogits,
  RandomShuffle,
  RandomUniform,
  RandomUniformInt,
  RandomStandardNormal,
  TruncatedNormal,
  optimizer.ApplyGradientDescent,
  optimizer.ApplyMomentum,
  optimizer.ApplyAdagrad,
  optimizer.ApplyAdagradV2,
  optimizer.ApplyAdadelta,
  optimizer.ApplyRMSProp,
  optimizer.ApplyCenteredRMSProp,
  optimizer.ApplyAdam,
  optimizer.ResourceApplyGradientDescent,
  optimizer.ResourceApplyMomentum,
  optimizer.ResourceApplyAdagrad,
  optimizer.ResourceApplyAdagradV2,
  optimizer.ResourceApplyAdadelta,
  optimizer.ResourceApplyRMSProp,
  optimizer.ResourceApplyCenteredRMSProp,
  optimizer.ResourceApplyAdam,
  proximal.ApplyFtrl,
  proximal.ApplyFtrlV2,
  proximal.ApplyProximalGradientDescent,
  proximal.ApplyProximalAdagrad,
  proximal.ApplyAdagradDA,
  proximal.ApplyAdaMax,
  proximal.ResourceApplyFtrl,
  proximal.ResourceApplyFtrlV2,
  proximal.ResourceApplyProximalGradientDescent,
  proximal.ResourceApplyProximalAdagrad,
  proximal.ResourceApplyAdagradDA,
  proximal.ResourceApplyAdaMax,
  proximal.ResourceApplyAdamWithAmsgrad,
  proximal.ResourceApplyKerasMomentum,
  Assert,
  Cast,
  comparison.Less,
  comparison.LessEqual,
  comparison.Greater,
  comparison.GreaterEqual,
  comparison.Equal,
  comparison.NotEqual,
  comparison.LogicalAnd,
  comparison.LogicalOr,
  comparison.LogicalNot,
  concat.Concat,
  concat.ConcatV2,
  concat.ConcatOffset,
  concat.Pack,
  concat.Unpack,
  concat.Split,
  concat.SplitV,
  Cumprod,
  Cumsum,
  ExpandDims,
  extrema.Max,
  extrema.Min,
  extrema.Prod,
  extrema.All,
  extrema.Any,
  extrema.ArgMax,
  extrema.ArgMin,
  extrema.L2Loss,
  Gather,
  GatherV2,
  GatherNd,
  ScatterNd,
  Where,
  DenseToDenseSetOperation,
  OneHot,
  UnsortedSegmentSum,
  Pad,
  PadV2,
  MirrorPad,
  MirrorPadGrad,
  DynamicStitch,
  LinSpace,
  Range,
  LRN,
  LRNGrad,
  resize.ResizeBilinear,
  resize.ResizeBilinearGrad,
  resize.ResizeNearestNeighbor,
  resize.ResizeNearestNeighborGrad,
  InTopK,
  InTopKV2,
  TopKV2,
  rounding.Sign,
  rounding.Round,
  rounding.Rint,
  rounding.Floor,
  rounding.Ceil,
  Select,
  SelectV2,
  Slice,
  StridedSlice,
  StridedSliceGrad,
  BroadcastTo,
  Tile,
  transpose.Transpose,
  transpose.InvertPermutation,
  transpose.ReverseV2,
  transpose.SpaceToDepth,
  transpose.DepthToSpace,
  ...refusedOps,
];

let table: ReadonlyMap<string, OpDefinition> | undefined;

/** The definition of an operation type; undefined for one that trainlet does not know. */
export function definitionFor(type: string): OpDefinition | undefined {
  table ??= new Map(definitions().map((definition) => [definition.type, definition]));
  return table.get(type);
}

/** All operation types that trainlet knows. */
export function knownTypes(): string[] {
  return definitions().map((definition) => definition.type);
}
