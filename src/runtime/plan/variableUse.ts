/** What a plan does with variables: which it reads before it assigns them, and which it assigns, under which guards. */
import { Tensor, type Operation } from "../../graph/operation.ts";
import { isVariable } from "../../graph/variableOps.ts";
import type { OpDefinition } from "../../ops/definition.ts";
import type { PlanNode } from "./order.ts";
import type { StepGuard, VariableWrite } from "./plan.ts";
import { isUndecidedSwitch, type Reach } from "./reach.ts";

export interface VariableUseRequest {
  readonly reach: Reach;
  readonly definitionOf: (op: Operation) => OpDefinition;
  readonly fetches: readonly (Tensor | Operation)[];
  readonly isFed: (tensor: Tensor) => boolean;
  readonly isStep: (node: PlanNode) => boolean;
  readonly guards: (op: Operation) => readonly StepGuard[];
  readonly guardsOf: (tensor: Tensor) => readonly StepGuard[];
}

export function variableUse(
  nodes: readonly PlanNode[],
  request: VariableUseRequest,
): { reads: Operation[]; writes: VariableWrite[] } {
  const { reach, definitionOf, isFed, isStep } = request;
  const reads = new Set<Operation>();
  const writes: VariableWrite[] = [];
  const noteRead = (input: Tensor, guards: readonly StepGuard[]): void => {
    const root = reach.rootOf(input);
    const variable = root.op;
    if (!isVariable(variable) || isFed(root)) return;
    const assigned = writes.some((write) => write.variable === variable && impliedBy(write.guards, guards));
    if (!assigned) reads.add(variable);
  };
  for (const node of nodes) {
    const guards = request.guards(node.last);
    if (isUndecidedSwitch(node.last, request)) noteRead(node.last.inputs[1], guards);
    if (!isStep(node)) continue;
    for (const op of node.operations) {
      const { updates = [], plan } = definitionOf(op);
      reach.inputsOf(op).forEach((input, i) => {
        // A Merge looks at an input only where its branch was taken.
        const readGuards = plan.kind === "merge" ? request.guardsOf(input) : guards;
        if (!updates.some((update) => update.ref === i && update.replaces)) noteRead(input, readGuards);
      });
      for (const { ref } of updates) {
        const root = reach.rootOf(op.inputs[ref]);
        if (isVariable(root.op) && !isFed(root)) writes.push({ variable: root.op, guards });
      }
    }
  }
  for (const fetch of request.fetches) {
    if (fetch instanceof Tensor) noteRead(fetch, request.guardsOf(fetch));
  }
  return { reads: [...reads], writes };
}

/** True if `guards` hold whenever `given` do. */
function impliedBy(guards: readonly StepGuard[], given: readonly StepGuard[]): boolean {
  return guards.every((guard) =>
    given.some((item) => item.predicate === guard.predicate && item.value === guard.value),
  );
}
