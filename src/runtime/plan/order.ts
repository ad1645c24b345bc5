/**
 * The order of a run: data and control edges, fused chains, and TensorFlow's rules for variables as this project settles
 * them. What has no path from an update runs before it; updates of one variable run in order of creation; where that
 * makes a cycle (a = b, b = a), the reader gets a snapshot.
 */
import { InternalError } from "../../graph/errors.ts";
import type { Operation, Tensor } from "../../graph/operation.ts";
import type { OpDefinition } from "../../ops/definition.ts";
import { isUndecidedSwitch, type Reach } from "./reach.ts";

/** One operation, or a chain that one kernel computes: the first defines it, the last one's output is what it gives. */
export interface PlanNode {
  readonly operations: readonly Operation[];
  readonly last: Operation;
  /** Variables whose value this node must see as it was before these updates, though it runs after them. */
  readonly snapshots: Map<Operation, Set<PlanNode>>;
}

export interface OrderRequest {
  readonly reach: Reach;
  readonly definitionOf: (op: Operation) => OpDefinition;
  readonly isFed: (tensor: Tensor) => boolean;
  readonly isFetched: (tensor: Tensor) => boolean;
  /** True for the operation that holds a variable. */
  readonly isVariable: (op: Operation) => boolean;
}

export function order(request: OrderRequest): PlanNode[] {
  const nodes = fuse(request);
  const nodeOf = new Map<Operation, PlanNode>(
    nodes.flatMap((node) => node.operations.map((op) => [op, node] as const)),
  );
  const successors = new Map<PlanNode, Set<PlanNode>>(nodes.map((node) => [node, new Set()]));
  for (const node of nodes) {
    for (const before of predecessors(node, request, nodeOf)) successors.get(before)!.add(node);
  }
  const added = variableEdges(nodes, successors, request);
  for (const [before, after] of added.edges) successors.get(before)!.add(after);
  return schedule(nodes, successors, added);
}

/** The output of a node with this index: of the last of its operations that has one. Each passes on output 0 only. */
export function outputOf(node: PlanNode, index: number): Tensor {
  return node.operations.findLast((op) => op.outputs.length > index)!.outputs[index];
}

/** All outputs that a node gives: those of its last operation, and what the others have besides output 0. */
export function outputsOf(node: PlanNode): Tensor[] {
  return node.operations.flatMap((op) => (op === node.last ? op.outputs : op.outputs.slice(1)));
}

/** Joins producers with the only consumer that their kernel can take along. */
function fuse(request: OrderRequest): PlanNode[] {
  const { reach, definitionOf, isFed, isFetched } = request;
  const live = new Set(reach.operations);
  const controls = new Set(reach.operations.flatMap((op) => op.controlInputs));
  const follower = (head: Operation, op: Operation): Operation | null => {
    const { plan } = definitionOf(head);
    if (plan.kind !== "kernel" || !plan.absorbs) return null;
    const output = op.outputs[0];
    if (isFed(output) || isFetched(output) || controls.has(op)) return null;
    // What folds asks for the shape alone, as the gradient of an addition does: that is known without the tensor.
    const consumers = output.consumers.filter(
      (consumer) =>
        live.has(consumer) && reach.inputsOf(consumer).includes(output) && definitionOf(consumer).plan.kind !== "fold",
    );
    if (consumers.length !== 1) return null;
    const [consumer] = consumers;
    const uses = consumer.inputs.flatMap((input, i) => (input === output ? [i] : []));
    if (uses.length !== 1 || !plan.absorbs(op, consumer, uses[0])) return null;
    return reach.guardsOf(consumer).length === reach.guardsOf(op).length ? consumer : null;
  };
  const taken = new Set<Operation>();
  const chains = new Map<Operation, readonly Operation[]>();
  const nodes: PlanNode[] = [];
  for (const head of reach.operations) {
    if (taken.has(head)) continue;
    const operations = [head];
    for (let next = follower(head, head); next && !taken.has(next); next = follower(head, next)) {
      // What else the consumer needs may need other outputs of the head, or the shape of this one.
      if (closesCycle(operations, next, chains, request)) break;
      operations.push(next);
      taken.add(next);
      for (const op of operations) chains.set(op, operations);
    }
    taken.add(head);
    nodes.push({ operations, last: operations[operations.length - 1], snapshots: new Map() });
  }
  return nodes;
}

/** Whether `next` needs something, other than output 0 of the last of `operations`, that needs one of them. */
function closesCycle(
  operations: readonly Operation[],
  next: Operation,
  chains: ReadonlyMap<Operation, readonly Operation[]>,
  request: OrderRequest,
): boolean {
  const seen = new Set<Operation>([...operations, next]);
  const stack = operationsBefore(next, request).filter((op) => !operations.includes(op));
  for (let op = stack.pop(); op; op = stack.pop()) {
    for (const each of chains.get(op) ?? [op]) {
      if (seen.has(each)) continue;
      seen.add(each);
      const before = operationsBefore(each, request);
      if (before.some((other) => operations.includes(other))) return true;
      stack.push(...before);
    }
  }
  return false;
}

/** What must have run before an operation. */
function operationsBefore(op: Operation, { reach, isFed }: OrderRequest): Operation[] {
  const tensors = [...reach.inputsOf(op), ...reach.guardsOf(op).map((guard) => guard.predicate)];
  return [...tensors.filter((tensor) => !isFed(tensor)).map((tensor) => tensor.op), ...op.controlInputs];
}

function predecessors(node: PlanNode, request: OrderRequest, nodeOf: ReadonlyMap<Operation, PlanNode>): PlanNode[] {
  const ops = node.operations.flatMap((op) => operationsBefore(op, request));
  return [...new Set(ops.map((op) => nodeOf.get(op)!))].filter((before) => before !== node);
}

interface VariableEdges {
  readonly edges: readonly (readonly [PlanNode, PlanNode])[];
  /** For an edge reader → update: which variable it is about, so that a snapshot can replace it. */
  readonly variableOf: Map<PlanNode, Map<PlanNode, Operation>>;
}

function variableEdges(
  nodes: readonly PlanNode[],
  successors: ReadonlyMap<PlanNode, ReadonlySet<PlanNode>>,
  request: OrderRequest,
): VariableEdges {
  const { reach, definitionOf, isFed, isVariable } = request;
  const writers = new Map<Operation, PlanNode[]>();
  const readers = new Map<Operation, PlanNode[]>();
  for (const node of nodes) {
    for (const op of node.operations) {
      const definition = definitionOf(op);
      const decides = isUndecidedSwitch(op, request);
      if (definition.plan.kind !== "kernel" && !decides && !isRealMerge(op, reach, definition)) continue;
      const inputs = decides ? [op.inputs[1]] : reach.inputsOf(op);
      inputs.forEach((input, i) => {
        const root = reach.rootOf(input);
        const variable = root.op;
        if (!isVariable(variable) || isFed(root)) return;
        const map = definition.updates?.some((update) => update.ref === i) ? writers : readers;
        const list = map.get(variable);
        if (!list) map.set(variable, [node]);
        else if (!list.includes(node)) list.push(node);
      });
    }
  }
  const edges: [PlanNode, PlanNode][] = [];
  const variableOf: VariableEdges["variableOf"] = new Map();
  for (const [variable, updates] of writers) {
    const after = updates.map((update) => descendants(update, successors));
    updates.forEach((update, i) => {
      for (let j = i + 1; j < updates.length; j++) if (!after[j].has(update)) edges.push([update, updates[j]]);
      for (const reader of readers.get(variable) ?? []) {
        // A node that updates the variable itself stands in the order of updates already.
        if (updates.includes(reader) || after[i].has(reader)) continue;
        edges.push([reader, update]);
        if (!variableOf.has(reader)) variableOf.set(reader, new Map());
        variableOf.get(reader)!.set(update, variable);
      }
    });
  }
  return { edges, variableOf };
}

/** A Merge that a run decides copies its input: it is a reader like a kernel. */
function isRealMerge(op: Operation, reach: Reach, definition: OpDefinition): boolean {
  return definition.plan.kind === "merge" && reach.rootOf(op.outputs[0]) === op.outputs[0];
}

function descendants(start: PlanNode, successors: ReadonlyMap<PlanNode, ReadonlySet<PlanNode>>): Set<PlanNode> {
  const seen = new Set<PlanNode>();
  const stack = [start];
  for (let node = stack.pop(); node; node = stack.pop()) {
    for (const next of successors.get(node)!) {
      if (seen.has(next)) continue;
      seen.add(next);
      stack.push(next);
    }
  }
  return seen;
}

/** Kahn's algorithm, in order of creation among what is ready. */
function schedule(
  nodes: readonly PlanNode[],
  successors: Map<PlanNode, Set<PlanNode>>,
  added: VariableEdges,
): PlanNode[] {
  const waiting = new Map<PlanNode, number>(nodes.map((node) => [node, 0]));
  for (const next of successors.values()) for (const node of next) waiting.set(node, waiting.get(node)! + 1);
  const ready = new ReadyQueue();
  for (const [node, count] of waiting) if (count === 0) ready.push(node);
  const result: PlanNode[] = [];
  const release = (node: PlanNode): void => {
    const count = waiting.get(node)! - 1;
    waiting.set(node, count);
    if (count === 0) ready.push(node);
  };
  for (;;) {
    for (let node = ready.pop(); node; node = ready.pop()) {
      result.push(node);
      waiting.delete(node);
      for (const next of successors.get(node)!) release(next);
    }
    if (waiting.size === 0) return result;
    // Only reader → update edges can close a cycle: one reader is given a snapshot and need not come first.
    const stuck = [...added.variableOf].find(
      ([reader, updates]) => waiting.has(reader) && [...updates.keys()].some((update) => waiting.has(update)),
    );
    if (!stuck)
      throw new InternalError(`The order of the plan has a cycle around '${[...waiting.keys()][0].last.name}'.`);
    const [reader, updates] = stuck;
    const [, variable] = [...updates].find(([node]) => waiting.has(node))!;
    const late = new Set<PlanNode>();
    for (const [update, of] of updates) {
      if (of !== variable || !waiting.has(update)) continue;
      updates.delete(update);
      successors.get(reader)!.delete(update);
      late.add(update);
      release(update);
    }
    reader.snapshots.set(variable, late);
  }
}

/** Nodes by creation, smallest first. */
class ReadyQueue {
  readonly #heap: PlanNode[] = [];

  push(node: PlanNode): void {
    const heap = this.#heap;
    let i = heap.push(node) - 1;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (heap[parent].last.id <= heap[i].last.id) break;
      [heap[parent], heap[i]] = [heap[i], heap[parent]];
      i = parent;
    }
  }

  pop(): PlanNode | undefined {
    const heap = this.#heap;
    const top = heap[0];
    const end = heap.pop();
    if (!top || !end || heap.length === 0) return top;
    heap[0] = end;
    for (let i = 0; ;) {
      let small = 2 * i + 1;
      if (small >= heap.length) break;
      if (small + 1 < heap.length && heap[small + 1].last.id < heap[small].last.id) small++;
      if (heap[i].last.id <= heap[small].last.id) break;
      [heap[i], heap[small]] = [heap[small], heap[i]];
      i = small;
    }
    return top;
  }
}
