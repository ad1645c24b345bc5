/** Operation types that trainlet knows and refuses, each with the way round it. Reached only if a fetch needs them. */
import { unknownType } from "../graph/dtype.ts";
import { noGradient, type OpDefinition } from "./definition.ts";

const whileLoop = "while loops are not supported; unroll the loop, or train without it";
const functional =
  "functional control flow is not supported; export the graph with v1 control flow (tf.compat.v1.disable_control_flow_v2())";
const checkpoints = "files cannot be read or written from a graph here; use session.checkpoint() and session.restore()";

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
};

export const refusedOps: readonly OpDefinition[] = Object.entries(reasons).map(([type, why]) => ({
  type,
  outputs: () => [unknownType],
  shape: () => [null],
  plan: { kind: "refused", why },
  gradient: noGradient(why),
}));
