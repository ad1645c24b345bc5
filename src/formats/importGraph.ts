/** From a MetaGraphDef to a graph: every node, attribute and collection is kept (tensorflow/python/framework/importer.py). */
import type { Attr, Attrs } from "../graph/attr.ts";
import { dtypeFromEnum, unknownType, type DType } from "../graph/dtype.ts";
import { InvalidArgumentError, UnimplementedError } from "../graph/errors.ts";
import type { Graph } from "../graph/graph.ts";
import { Operation, type OutputSpec } from "../graph/operation.ts";
import type { Shape } from "../graph/shape.ts";
import type { TensorValue } from "../graph/tensorValue.ts";
import { Variable } from "../graph/variable.ts";
import { inferShapes } from "../ops/build.ts";
import type { NodeView } from "../ops/definition.ts";
import { attach } from "../ops/attached.ts";
import { checkInputTypes, inputTypes } from "../ops/inputTypes.ts";
import { definitionFor } from "../ops/registry.ts";
import { attrFromMessage } from "./attrs.ts";
import type { CollectionDef, MetaGraphDef, NodeDef, OpDef, VariableDef } from "./metaGraphDef.ts";
import type * as messages from "./metaGraphDef.ts";

interface InputRef {
  readonly name: string;
  readonly index: number;
  /** Written as "name:0", which TensorFlow does for edges that were tied anew. */
  readonly explicit: boolean;
}

/** A node on its way into the graph. */
interface PendingNode {
  readonly node: NodeDef;
  readonly attrs: Attrs;
  readonly inputs: readonly InputRef[];
  readonly controls: readonly string[];
  outputs: readonly OutputSpec[];
}

/** The messages' decoders: the module of the protobuf library, which is loaded on first use. */
type Formats = typeof messages;

/** Adds all nodes and collections to `graph`. */
export function importGraph(metaGraph: MetaGraphDef, graph: Graph, formats: Formats): void {
  const nodes = metaGraph.graphDef?.node ?? [];
  const pending = new Map<string, PendingNode>();
  for (const node of nodes) {
    if (!node.name || !node.op)
      throw new InvalidArgumentError(
        `The graph has a node without a name or an op: ${JSON.stringify({ name: node.name, op: node.op })}.`,
      );
    if (pending.has(node.name)) throw new InvalidArgumentError(`The graph has two nodes called '${node.name}'.`);
    const attrs: Record<string, Attr> = {};
    for (const [name, value] of Object.entries(node.attr)) attrs[name] = attrFromMessage(value, `'${node.name}'`);
    pending.set(node.name, { node, attrs, ...parseInputs(node), outputs: [] });
  }
  const opDefs = new Map((metaGraph.metaInfoDef?.strippedOpList?.op ?? []).map((op) => [op.name, op] as const));
  const references = highestReferences(pending);
  for (const item of inputsFirst(pending)) item.outputs = outputsOf(item, pending, opDefs, references, graph);
  // Nodes keep the file's order, which is that of creation; inputs are tied once all exist.
  for (const { node, attrs, outputs } of pending.values()) {
    const op = graph.addOperation({
      type: node.op,
      name: node.name,
      device: node.device,
      inputs: [],
      controlInputs: [],
      attrs,
      outputs,
    });
    const definition = definitionFor(node.op);
    if (definition) attach(op, definition);
    graph.reserveName(node.name);
  }
  for (const { node, inputs, controls } of pending.values()) {
    const op = graph.getOperationByName(node.name);
    for (const { name, index, explicit } of inputs) {
      const tensor = graph.getOperationByName(name).outputs[index];
      if (!tensor)
        throw new InvalidArgumentError(
          `Node '${node.name}' takes '${name}:${index}', but '${name}' has ${pending.get(name)!.outputs.length} outputs.`,
        );
      op.addInput(tensor, explicit);
    }
    for (const name of controls) op.addControlInput(graph.getOperationByName(name));
  }
  importCollections(metaGraph, graph, formats);
  const { graphDef: _graph, collectionDef: _collections, ...rest } = metaGraph;
  graph.imported.set("metaGraph", rest);
  graph.imported.set("graphDef", { ...metaGraph.graphDef, node: [] });
}

function parseInputs(node: NodeDef): { inputs: InputRef[]; controls: string[] } {
  const inputs: InputRef[] = [];
  const controls: string[] = [];
  for (const input of node.input) {
    if (input.startsWith("^")) {
      controls.push(input.slice(1));
      continue;
    }
    const at = input.lastIndexOf(":");
    if (at < 0) inputs.push({ name: input, index: 0, explicit: false });
    else inputs.push({ name: input.slice(0, at), index: Number(input.slice(at + 1)), explicit: true });
  }
  return { inputs, controls };
}

/** Nodes with their inputs before them. The back edges of while loops are the only cycles allowed. */
function inputsFirst(pending: ReadonlyMap<string, PendingNode>): PendingNode[] {
  const result: PendingNode[] = [];
  const state = new Map<string, "open" | "done">();
  for (const start of pending.keys()) {
    if (state.has(start)) continue;
    const stack: { name: string; before: string[] }[] = [];
    const enter = (name: string, from: string): void => {
      const item = pending.get(name);
      if (!item) throw new InvalidArgumentError(`Node '${from}' takes '${name}', which the graph does not have.`);
      state.set(name, "open");
      const isLoop = item.node.op.endsWith("NextIteration");
      stack.push({ name, before: isLoop ? [] : [...item.inputs.map((input) => input.name), ...item.controls] });
    };
    enter(start, start);
    while (stack.length) {
      const top = stack[stack.length - 1];
      const next = top.before.pop();
      if (next === undefined) {
        state.set(top.name, "done");
        result.push(pending.get(top.name)!);
        stack.pop();
      } else if (state.get(next) === "open") {
        const cycle = stack.slice(stack.findIndex((item) => item.name === next)).map((item) => `'${item.name}'`);
        throw new InvalidArgumentError(`The graph has a cycle: ${cycle.join(" takes ")} takes '${next}'.`);
      } else if (!state.has(next)) enter(next, top.name);
    }
  }
  return result;
}

function highestReferences(pending: ReadonlyMap<string, PendingNode>): Map<string, number> {
  const highest = new Map<string, number>();
  for (const { inputs } of pending.values()) {
    for (const { name, index } of inputs) highest.set(name, Math.max(highest.get(name) ?? -1, index));
  }
  return highest;
}

/** Types and shapes of a node's outputs: by our own rules where we have them, else as the file tells. */
function outputsOf(
  item: PendingNode,
  pending: ReadonlyMap<string, PendingNode>,
  opDefs: ReadonlyMap<string, OpDef>,
  references: ReadonlyMap<string, number>,
  graph: Graph,
): OutputSpec[] {
  const { node, attrs } = item;
  const listed = attrs._output_shapes;
  const told: readonly Shape[] = listed && "list" in listed ? (listed.list.shape ?? []) : [];
  const definition = definitionFor(node.op);
  if (!definition || definition.plan.kind === "refused") {
    return dtypesByOpDef(item, opDefs, references).map((dtype, i) => ({ dtype, shape: told[i] ?? null }));
  }
  const inputRef = (i: number): InputRef => {
    if (item.inputs[i]) return item.inputs[i];
    throw new InvalidArgumentError(`Node '${node.name}' (op: '${node.op}') lacks its input ${i}.`);
  };
  const inputOf = (i: number): OutputSpec => {
    const { name, index } = inputRef(i);
    return pending.get(name)!.outputs[index] ?? { dtype: unknownType, shape: null };
  };
  const view: NodeView = {
    op: new Operation(graph, -1, {
      type: node.op,
      name: node.name,
      inputs: [],
      controlInputs: [],
      attrs,
      outputs: [],
    }),
    inputCount: item.inputs.length,
    inputShape: (i) => inputOf(i).shape,
    inputDtype: (i) => inputOf(i).dtype,
    constant: (i) => constantBehind(inputRef(i).name, pending),
  };
  const takes = inputTypes(definition, view.inputCount).length;
  if (takes > view.inputCount) inputRef(view.inputCount);
  if (takes < view.inputCount)
    throw new InvalidArgumentError(
      `Node '${node.name}' (op: '${node.op}') has ${view.inputCount} inputs, but takes ${takes}.`,
    );
  checkInputTypes(definition, view, node.name, (i) => `${item.inputs[i].name}:${item.inputs[i].index}`);
  const dtypes = definition.outputs(view);
  const inputShapes = item.inputs.map((_, i) => inputOf(i).shape);
  const shapes = inferOrTake(told, () => inferShapes(definition, view, node.name, inputShapes));
  return dtypes.map((dtype, i) => ({ dtype, shape: shapes[i] ?? told[i] ?? null }));
}

/** What our rule says; what the file says of an operation in a form that is not run here (NCHW, groups): only a fetch
 * refuses that. */
function inferOrTake(told: readonly Shape[], infer: () => readonly Shape[]): readonly Shape[] {
  try {
    return infer();
  } catch (error) {
    if (error instanceof UnimplementedError) return told;
    throw error;
  }
}

function constantBehind(name: string, pending: ReadonlyMap<string, PendingNode>): TensorValue | undefined {
  let item = pending.get(name);
  while (item?.node.op === "Identity") item = pending.get(item.inputs[0].name);
  const value = item?.node.op === "Const" ? item.attrs.value : undefined;
  return value && "tensor" in value ? value.tensor : undefined;
}

function dtypesByOpDef(
  { node, attrs }: PendingNode,
  opDefs: ReadonlyMap<string, OpDef>,
  references: ReadonlyMap<string, number>,
): DType[] {
  const typeOf = (name: string): DType => {
    const value = attrs[name];
    return value && "type" in value ? value.type : unknownType;
  };
  const fromDef = (opDefs.get(node.op)?.outputArg ?? []).flatMap((argument): readonly DType[] => {
    if (argument.typeListAttr) {
      const value = attrs[argument.typeListAttr];
      return (value && "list" in value && value.list.type) || [];
    }
    const dtype = argument.typeAttr ? typeOf(argument.typeAttr) : (dtypeFromEnum(argument.type) ?? unknownType);
    const number = argument.numberAttr ? attrs[argument.numberAttr] : undefined;
    const repeat = number && "i" in number ? Number(number.i) : 1;
    return new Array<DType>(repeat).fill(argument.isRef ? dtype.ref : dtype);
  });
  // An op without a definition has the outputs that others take, and one at least, so that it can be named in a fetch.
  const count = Math.max(fromDef.length, (references.get(node.name) ?? -1) + 1, opDefs.has(node.op) ? 0 : 1);
  return Array.from({ length: count }, (_, i) => fromDef[i] ?? unknownType);
}

function importCollections(metaGraph: MetaGraphDef, graph: Graph, formats: Formats): void {
  for (const [name, collection] of Object.entries(metaGraph.collectionDef)) {
    for (const item of collectionItems(collection, graph, formats)) graph.addToCollection(name, item);
  }
}

/** Operations and tensors for names, variables for VariableDefs, otherwise what the file holds. */
function collectionItems({ kind }: CollectionDef, graph: Graph, formats: Formats): unknown[] {
  switch (kind.case) {
    case "nodeList":
      return kind.value.value.map(
        (name) => (name.includes(":") ? tensorNamed(graph, name) : graph.findOperation(name)) ?? name,
      );
    case "bytesList":
      return kind.value.value.map((bytes) => variableFrom(bytes, graph, formats) ?? bytes);
    case "int64List":
    case "floatList":
      return [...kind.value.value];
    default:
      return [];
  }
}

function tensorNamed(graph: Graph, name: string): unknown {
  const at = name.lastIndexOf(":");
  return graph.findOperation(name.slice(0, at))?.outputs[Number(name.slice(at + 1))];
}

const variables = new WeakMap<Operation, Variable>();

/** The variable that a VariableDef describes, the same object in every collection; undefined if it is something else. */
function variableFrom(bytes: Uint8Array, graph: Graph, formats: Formats): Variable | undefined {
  let def: VariableDef;
  try {
    def = formats.decodeVariableDef(bytes);
  } catch {
    return undefined;
  }
  if (!def.variableName || !def.initializerName) return undefined;
  // A resource's handle is called as the variable is; its name may carry ":0".
  const op = graph.findOperation(def.variableName.replace(/:0$/, ""));
  const initializer = graph.findOperation(def.initializerName);
  const snapshot = graph.findOperation(def.snapshotName.replace(/:0$/, ""))?.outputs[0];
  const initialValue = graph.findOperation(def.initialValueName.replace(/:\d+$/, ""))?.outputs[0];
  if (!op || !initializer || !snapshot || !initialValue) return undefined;
  let variable = variables.get(op);
  if (!variable)
    variables.set(op, (variable = new Variable({ op, initializer, initialValue, snapshot, trainable: def.trainable })));
  return variable;
}
