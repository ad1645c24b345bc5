/** Graphs in and out as TensorFlow's MetaGraphDef. The protobuf library behind it is loaded on first use. */
import { getDefaultGraph, Graph } from "../graph/graph.ts";
import { exportGraph } from "./exportGraph.ts";
import { importGraph } from "./importGraph.ts";
import type { MetaGraphDef } from "./metaGraphDef.ts";

export interface ImportOptions {
  /** Where to add the nodes; its names must not collide. Default: a new graph. */
  graph?: Graph;
  /** Accept a file whose collections do not fit its graph, such as one re-exported without them. */
  partial?: boolean;
}

/** Reads a graph with its collections: the bytes of a .meta file, or proto3 JSON (text or parsed).
 * Nodes that trainlet cannot run are kept, and refused only when a fetch reaches them.
 * @throws InvalidArgumentError for a file that is cut short or is something else. */
export async function importMetaGraph(
  source: Uint8Array | string | object,
  options: ImportOptions = {},
): Promise<Graph> {
  const formats = await import("./metaGraphDef.ts");
  let message: MetaGraphDef;
  if (source instanceof Uint8Array) {
    message = formats.decodeMetaGraphDef(source, { partial: options.partial });
  } else {
    message = formats.metaGraphDefFromJson(source);
    if (!options.partial) formats.checkComplete(message);
  }
  const graph = options.graph ?? new Graph();
  importGraph(message, graph, formats);
  return graph;
}

/** The graph (default: the default graph) as the bytes of a .meta file. */
export async function exportMetaGraph(graph: Graph = getDefaultGraph()): Promise<Uint8Array> {
  const formats = await import("./metaGraphDef.ts");
  return formats.encodeMetaGraphDef(exportGraph(graph, formats));
}

/** The graph as proto3 JSON, as TensorFlow prints it. */
export async function exportMetaGraphJson(graph: Graph = getDefaultGraph()): Promise<{ [key: string]: unknown }> {
  const formats = await import("./metaGraphDef.ts");
  return formats.metaGraphDefToJson(exportGraph(graph, formats));
}
