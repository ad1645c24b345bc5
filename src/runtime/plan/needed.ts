/** Which nodes of a plan run: those with effects, and what these and the fetches read. */
import { Tensor, type Operation } from "../../graph/operation.ts";
import type { OpDefinition } from "../../ops/definition.ts";
import { outputsOf, type PlanNode } from "./order.ts";
import type { Guard, Reach } from "./reach.ts";

export interface NeededRequest {
  readonly reach: Reach;
  readonly definitionOf: (op: Operation) => OpDefinition;
  readonly fetches: readonly (Tensor | Operation)[];
}

/** What only orders others, as a control input, need not be computed. `kept`: values that are wanted after the steps. */
export function neededNodes(
  nodes: readonly PlanNode[],
  request: NeededRequest,
  kept: ReadonlySet<Tensor>,
): Set<PlanNode> {
  const { reach, definitionOf, fetches } = request;
  const found = new Set<PlanNode>();
  const wanted = new Set<Tensor>(kept);
  const want = (guards: readonly Guard[]): void => guards.forEach((guard) => wanted.add(guard.predicate));
  for (const fetch of fetches) if (fetch instanceof Tensor) want(reach.conditionOf(fetch) ?? []);
  for (const node of nodes.toReversed()) {
    if (!isComputed(node, request)) continue;
    const hasEffect = node.operations.some((op) => {
      const { updates, stateful, mayRefuse } = definitionOf(op);
      return updates || stateful || mayRefuse?.(op);
    });
    if (!hasEffect && !outputsOf(node).some((output) => wanted.has(output))) continue;
    found.add(node);
    for (const root of readsOf(node, reach)) wanted.add(root);
    want(reach.guardsOf(node.last));
    if (definitionOf(node.last).plan.kind === "merge") {
      for (const input of reach.inputsOf(node.last)) want(reach.conditionOf(input) ?? []);
    }
  }
  return found;
}

/** True for a node that kernels compute: not a view, not a value that is known. */
function isComputed(node: PlanNode, { reach, definitionOf }: NeededRequest): boolean {
  const definition = definitionOf(node.operations[0]);
  const { kind } = definition.plan;
  const isKnown = (output: Tensor): boolean => reach.constants.spareValueOf(output) !== undefined;
  if (definition.fold && node.last.outputs.every(isKnown)) return false;
  return kind === "kernel" || (kind === "merge" && isUndecidedMerge(node.last, reach));
}

/** A Merge of which only the run knows the branch copies its input. */
export function isUndecidedMerge(merge: Operation, reach: Reach): boolean {
  return reach.rootOf(merge.outputs[0]) === merge.outputs[0];
}

/** Roots that a node reads, each once. */
export function readsOf(node: PlanNode, reach: Reach): Set<Tensor> {
  const inside = new Set(node.operations.slice(0, -1).map((op) => op.outputs[0]));
  const inputs = node.operations.flatMap((op) => reach.inputsOf(op)).filter((input) => !inside.has(input));
  return new Set(inputs.map((input) => reach.rootOf(input)));
}
