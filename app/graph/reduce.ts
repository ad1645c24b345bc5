/**
 * A MetaGraphDef as a picture can show it: initialisers, reads and saver nodes fold into their variable, scopes become one
 * node; moving variables, the members of UPDATE_OPS, placeholders and the fetch stay.
 */

/** What of MetaGraphDef's proto3 JSON is read here. */
export interface GraphJson {
  readonly graphDef: { readonly node: readonly NodeJson[] };
  readonly collectionDef?: { readonly [name: string]: { readonly nodeList?: { readonly value?: readonly string[] } } };
}

export interface NodeJson {
  readonly name: string;
  readonly op: string;
  readonly input?: readonly string[];
  readonly attr?: { readonly [name: string]: AttrJson };
}

interface AttrJson {
  readonly tensor?: { readonly boolVal?: readonly boolean[] };
  readonly shape?: ShapeJson;
  readonly list?: { readonly shape?: readonly ShapeJson[] };
}

interface ShapeJson {
  readonly dim?: readonly { readonly size?: string }[];
  readonly unknownRank?: boolean;
}

export type NodeKind = "input" | "variable" | "update" | "scope" | "fetch";
export type EdgeKind = "tensor" | "write" | "control";

export interface GraphNode {
  /** The operation's name; for a scope the scope's. */
  readonly name: string;
  readonly kind: NodeKind;
  /** Type of the operation, or what the scope holds. */
  readonly type: string;
  readonly shape: string;
  /** What a placeholder is when it is not fed, where that is a truth value. */
  readonly byDefault: string | null;
  readonly inputs: readonly string[];
  readonly controlInputs: readonly string[];
  readonly collections: readonly string[];
  /** Whether a run of the fetch reaches it. */
  readonly runs: boolean;
  /** Names of all operations behind this node. */
  readonly operations: readonly string[];
}

export interface GraphEdge {
  readonly from: string;
  readonly to: string;
  readonly kind: EdgeKind;
}

export interface ReducedGraph {
  readonly nodes: readonly GraphNode[];
  readonly edges: readonly GraphEdge[];
  /** All operations of the graph: name and type. */
  readonly operations: readonly { readonly name: string; readonly type: string; readonly inputs: readonly string[] }[];
  readonly fetch: string;
}

/** A graph while its operations are shared out among the nodes of a picture. */
export interface Groups {
  readonly json: GraphJson;
  readonly fetch: string;
  readonly byName: ReadonlyMap<string, NodeJson>;
  /** Operations that stay nodes of their own: the updates, what they move, placeholders and the fetch. */
  readonly updates: ReadonlySet<string>;
  readonly moving: ReadonlySet<string>;
  readonly kept: ReadonlySet<string>;
  /** The operations of each node of the picture, by its name. */
  readonly members: ReadonlyMap<string, readonly NodeJson[]>;
}

export function reduce(json: GraphJson, fetch = "train_op"): ReducedGraph {
  return pictureOf(groupsOf(json, fetch));
}

export function groupsOf(json: GraphJson, fetch: string): Groups {
  const { graphDef, collectionDef = {} } = json;
  const operations = graphDef.node;
  const byName = new Map(operations.map((node) => [node.name, node]));
  const updates = new Set(collectionDef["update_ops"]?.nodeList?.value ?? []);
  const moving = new Set([...updates].map((name) => operationOf(byName.get(name)!.input![0])));
  const kept = (node: NodeJson): boolean =>
    node.op.startsWith("Placeholder") || updates.has(node.name) || moving.has(node.name) || node.name === fetch;
  const keptNames = new Set(operations.filter(kept).map(({ name }) => name));
  // Needed by nothing that trains: the initialiser, savers.
  const useful = reach(byName, [...keptNames]);

  const groups = new Map<string, NodeJson[]>();
  const groupOf = new Map<string, string>();
  for (const node of operations) {
    const owner = ancestors(node.name).find((name) => keptNames.has(name));
    const group =
      owner ?? (useful.has(node.name) || belongsToVariable(node, byName) ? scopeOf(node.name, keptNames) : null);
    if (group === null) continue;
    groupOf.set(node.name, group);
    groups.set(group, [...(groups.get(group) ?? []), node]);
  }
  const readersOf = (group: string): Set<string> =>
    new Set(
      operations
        .filter(
          ({ name, input = [] }) => groupOf.has(name) && input.some((at) => groupOf.get(operationOf(at)) === group),
        )
        .map(({ name }) => groupOf.get(name)!)
        .filter((name) => name !== group),
    );
  const fold = (group: string, into: string): void => {
    for (const node of groups.get(group)!) groupOf.set(node.name, into);
    groups.set(into, [...groups.get(into)!, ...groups.get(group)!]);
    groups.delete(group);
  };
  for (const [group, members] of groups) {
    if (keptNames.has(group)) continue;
    // A variable that nothing moves belongs to its only reader; so does a name given to a scope's result.
    const readers = [...readersOf(group)];
    if (members.some(({ op }) => op === "VariableV2") && readers.length === 1 && !members.some(computes))
      fold(group, readers[0]);
    else if (members.length === 1 && members[0].op === "Identity" && members[0].input!.length === 1)
      fold(group, groupOf.get(operationOf(members[0].input![0]))!);
  }
  return { json, fetch, byName, updates, moving, kept: keptNames, members: groups };
}

/** Nodes and the edges between them. */
export function pictureOf({ json, fetch, byName, updates, moving, kept, members: groups }: Groups): ReducedGraph {
  const { graphDef, collectionDef = {} } = json;
  const operations = graphDef.node;
  const reached = reach(byName, [fetch]);
  const groupOf = new Map([...groups].flatMap(([group, list]) => list.map(({ name }) => [name, group] as const)));
  const edges = new Map<string, GraphEdge>();
  for (const node of operations) {
    const to = groupOf.get(node.name);
    if (to === undefined) continue;
    for (const [index, input] of (node.input ?? []).entries()) {
      const from = groupOf.get(operationOf(input));
      if (from === undefined || from === to) continue;
      const writes = index === 0 && node.op === "AssignSub";
      // A control edge into a folded scope is none of the scope's.
      const orders = input.startsWith("^") && (to === fetch || groups.get(to)!.length === 1);
      const kind: EdgeKind = orders ? "control" : "tensor";
      const edge: GraphEdge = writes ? { from: to, to: from, kind: "write" } : { from, to, kind };
      edges.set(`${edge.from}>${edge.to}>${edge.kind === "control"}`, edge);
    }
  }
  // The update reads what it writes: one line shows both.
  for (const edge of edges.values()) if (edge.kind === "write") edges.delete(`${edge.to}>${edge.from}>false`);

  const nodes = [...groups].map(([name, members]): GraphNode => {
    const own = byName.get(name);
    const inputs = [...edges.values()].filter((edge) => edge.to === name);
    return {
      name,
      kind: kindOf(name, own, { updates, moving, fetch }),
      type: own && (kept.has(name) || members.length === 1) ? own.op : mainType(members),
      shape: shapeOf(own ?? members.findLast(computes) ?? members.at(-1)!),
      byDefault: own?.op === "PlaceholderWithDefault" ? defaultOf(own, byName) : null,
      inputs: own ? (own.input ?? []).filter((at) => !at.startsWith("^")) : inputs.map(({ from }) => from),
      controlInputs: own ? (own.input ?? []).filter((at) => at.startsWith("^")).map(operationOf) : [],
      collections: Object.keys(collectionDef).filter((key) => collectionDef[key].nodeList?.value?.includes(name)),
      runs: members.some((member) => reached.has(member.name)),
      operations: members.map((member) => member.name),
    };
  });
  return {
    nodes,
    edges: [...edges.values()],
    operations: operations.map(({ name, op, input = [] }) => ({ name, type: op, inputs: input })),
    fetch,
  };
}

/** Edges of `whole` that `part` lacks: what was forgotten. */
export function missingEdges(whole: ReducedGraph, part: ReducedGraph): GraphEdge[] {
  const key = ({ from, to, kind }: GraphEdge): string => `${from}>${to}>${kind}`;
  const there = new Set(part.edges.map(key));
  return whole.edges.filter((edge) => !there.has(key(edge)));
}

function operationOf(input: string): string {
  return input.replace(/^\^/, "").replace(/:\d+$/, "");
}

/** The name and all scopes around it, innermost first. */
function ancestors(name: string): string[] {
  const parts = name.split("/");
  return parts.map((_, i) => parts.slice(0, parts.length - i).join("/"));
}

/** The outermost scope that holds nothing kept; `bn/cond_1` counts as `bn/cond`. */
function scopeOf(name: string, kept: ReadonlySet<string>): string {
  const scopes = ancestors(name).toReversed();
  const free = scopes.find((scope) => ![...kept].some((other) => other.startsWith(`${scope}/`))) ?? name;
  return free.replace(/_\d+$/, (suffix) => (free.includes("/") || free === name ? "" : suffix));
}

function belongsToVariable(node: NodeJson, byName: ReadonlyMap<string, NodeJson>): boolean {
  return ancestors(node.name).some((name) => byName.get(name)?.op === "VariableV2");
}

function reach(byName: ReadonlyMap<string, NodeJson>, from: readonly string[]): Set<string> {
  const found = new Set<string>();
  const stack = [...from];
  for (let name = stack.pop(); name !== undefined; name = stack.pop()) {
    if (found.has(name)) continue;
    found.add(name);
    for (const input of byName.get(name)?.input ?? []) stack.push(operationOf(input));
  }
  return found;
}

/** Whether an operation does the work of its scope, rather than passing, holding or initialising values. */
function computes({ op }: NodeJson): boolean {
  return /^(Conv2D|DepthwiseConv|MatMul|BiasAdd|FusedBatchNorm|MaxPool|AvgPool|Relu)/.test(op);
}

function mainType(members: readonly NodeJson[]): string {
  return members.find(computes)?.op ?? members[0].op;
}

function kindOf(
  name: string,
  own: NodeJson | undefined,
  { updates, moving, fetch }: { updates: ReadonlySet<string>; moving: ReadonlySet<string>; fetch: string },
): NodeKind {
  if (name === fetch) return "fetch";
  if (updates.has(name)) return "update";
  if (moving.has(name)) return "variable";
  return own?.op.startsWith("Placeholder") ? "input" : "scope";
}

function defaultOf({ input = [] }: NodeJson, byName: ReadonlyMap<string, NodeJson>): string | null {
  const value = byName.get(operationOf(input[0]))?.attr?.value?.tensor?.boolVal?.[0];
  return value === undefined ? null : String(value);
}

function shapeOf({ attr }: NodeJson): string {
  const shape = attr?._output_shapes?.list?.shape?.[0] ?? attr?.shape?.shape;
  if (!shape || shape.unknownRank) return "?";
  const dims = (shape.dim ?? []).map(({ size }) => (size === "-1" || size === undefined ? "?" : size));
  return dims.length === 0 ? "scalar" : dims.join("×");
}
