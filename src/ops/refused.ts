/** Operation types that trainlet knows and refuses, each with the way round it. Reached only if a fetch needs them. */
import { unknownType } from "../graph/dtype.ts";
import { noGradient, type OpDefinition } from "./definition.ts";

const whileLoop = "while loops are not supported; unroll the loop, or train without it";
const functional =
  "functional control flow is not supported; export the graph with v1 control flow (tf.compat.v1.disable_control_flow_v2())";
const checkpoints = "files cannot be read or written from a graph here; use session.checkpoint() and session.restore()";

const summaries = "summaries are not written here; fetch the values themselves";
const sizes =
  "its size depends on values that only the run knows; choose elements by a mask (tf.where with three operands)";
const sparse =
  "sparse updates are not supported; multiply oneHot() by the table, so that its gradient is dense, or use gather in a graph built here";

const reasons: Readonly<Record<string, string>> = {
  Enter: whileLoop,
  RefEnter: whileLoop,
  Exit: whileLoop,
  NextIteration: whileLoop,
  LoopCond: whileLoop,
  While: functional,
  StatelessWhile: functional,
  If: functional,
  StatelessIf: functional,
  PartitionedCall: functional,
  StatefulPartitionedCall: functional,
  SaveV2: checkpoints,
  RestoreV2: checkpoints,
  ScalarSummary: summaries,
  HistogramSummary: summaries,
  ImageSummary: summaries,
  TensorSummaryV2: summaries,
  MergeSummary: summaries,
  Unique: sizes,
  UniqueWithCounts: sizes,
  SparseApplyAdagrad: sparse,
  SparseApplyMomentum: sparse,
  SparseApplyRMSProp: sparse,
  SparseApplyFtrl: sparse,
  ScatterAdd: sparse,
  ScatterSub: sparse,
  ScatterUpdate: sparse,
  ResourceScatterAdd: sparse,
  ResourceSparseApplyAdagrad: sparse,
  ResourceSparseApplyMomentum: sparse,
  ResourceSparseApplyRMSProp: sparse,
  MaxPoolV2: "window sizes that are tensors are not supported; use MaxPool, whose sizes are attributes",
  MaxPoolWithArgmax: "the places of maxima are not given; use MaxPool",
  ResizeBicubic: "bicubic resizing is not supported; use ResizeBilinear",
  ResizeArea: "resizing by areas is not supported; use ResizeBilinear, or AvgPool for a whole factor",
  Conv3D: "convolutions in space are not supported; use Conv2D over slices",
  Einsum: "einsum is not supported; use MatMul, Transpose and Reshape",
};

export const refusedOps: readonly OpDefinition[] = Object.entries(reasons).map(([type, why]) => ({
  type,
  outputs: () => [unknownType],
  shape: () => [null],
  plan: { kind: "refused", why },
  gradient: noGradient(why),
}));
