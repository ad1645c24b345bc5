/** From a graph to a MetaGraphDef, as tf.train.export_meta_graph writes it: shapes and collections included. */
import type { Attr } from "../graph/attr.ts";
import type { Graph } from "../graph/graph.ts";
import { Operation, Tensor } from "../graph/operation.ts";
import { Variable } from "../graph/variable.ts";
import { CondContext } from "../ops/controlFlow.ts";
import { attrToMessage } from "./attrs.ts";
import type { CollectionDefInit, MetaGraphDefInit, NodeDefInit } from "./metaGraphDef.ts";
import type * as messages from "./metaGraphDef.ts";

/** Lowest producer version whose semantics the nodes have: defaults and gradients of TensorFlow 1.15. */
const graphVersion = 134;

/** The messages' encoders: the module of the protobuf library, which is loaded on first use. */
type Formats = typeof messages;

export function exportGraph(graph: Graph, formats: Formats): MetaGraphDefInit {
  const imported = graph.imported.get("metaGraph") as MetaGraphDefInit | undefined;
  const importedGraph = graph.imported.get("graphDef") as MetaGraphDefInit["graphDef"];
  const collections = graph.collectionNames.flatMap((name) => {
    const collection = collectionDef(graph.getCollection(name), formats);
    return collection ? [[name, collection] as const] : [];
  });
  return {
    metaInfoDef: { tensorflowVersion: "trainlet" },
    ...imported,
    graphDef: { versions: { producer: graphVersion }, ...importedGraph, node: graph.operations.map(nodeDef) },
    collectionDef: Object.fromEntries(collections),
  };
}

function nodeDef(op: Operation): NodeDefInit {
  const inputs = op.inputs.map((input, i) => (input.index === 0 && !op.isRewired(i) ? input.op.name : input.name));
  const attrs: Record<string, Attr> = { ...op.attrs };
  if (!attrs._output_shapes && op.outputs.length)
    attrs._output_shapes = { list: { shape: op.outputs.map((output) => output.shape) } };
  return {
    name: op.name,
    op: op.type,
    input: [...inputs, ...op.controlInputs.map((input) => `^${input.name}`)],
    device: op.device,
    attr: Object.fromEntries(Object.entries(attrs).map(([name, value]) => [name, attrToMessage(value)])),
  };
}

/** A collection by the kind of its items; undefined where TensorFlow too would leave it out. */
function collectionDef(items: readonly unknown[], formats: Formats): CollectionDefInit | undefined {
  if (items.every((item) => item instanceof Operation || item instanceof Tensor || typeof item === "string")) {
    return {
      kind: { case: "nodeList", value: { value: items.map((item) => (typeof item === "string" ? item : item.name)) } },
    };
  }
  const bytes = items.map((item) => bytesOf(item, formats));
  if (bytes.every((item) => item !== undefined)) return { kind: { case: "bytesList", value: { value: bytes } } };
  if (items.every((item) => typeof item === "bigint"))
    return { kind: { case: "int64List", value: { value: [...items] } } };
  if (items.every((item) => typeof item === "number"))
    return { kind: { case: "floatList", value: { value: [...items] } } };
  return undefined;
}

function bytesOf(item: unknown, formats: Formats): Uint8Array | undefined {
  if (item instanceof Uint8Array) return item;
  if (item instanceof Variable) {
    return formats.encodeVariableDef({
      variableName: item.name,
      initializerName: item.initializer.name,
      snapshotName: item.value().name,
      initialValueName: item.initialValue.name,
      trainable: item.trainable,
      isResource: item.op.type === "VarHandleOp",
    });
  }
  if (item instanceof CondContext) {
    return formats.encodeCondContextDef({
      contextName: item.name,
      predName: item.predicate.name,
      pivotName: item.pivot.name,
      branch: item.branch,
      valuesDef: {
        values: [...item.values].sort(),
        externalValues: Object.fromEntries(
          [...item.externalValues]
            .map(([name, tensor]) => [name, tensor.name] as const)
            .sort(([a], [b]) => (a < b ? -1 : 1)),
        ),
      },
    });
  }
  return undefined;
}
