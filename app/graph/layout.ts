/** Positions for a reduced graph, top to bottom, by dagre; mirrored, so that data enters at the left. Runs in the worker. */
import { graphlib, layout } from "@dagrejs/dagre";
import type { ReducedGraph } from "./reduce.ts";

export type NodeSizes = { readonly [node: string]: { readonly width: number; readonly height: number } };

export type Point = readonly [x: number, y: number];

export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export interface LaidOut {
  readonly width: number;
  readonly height: number;
  /** Top left corners. */
  readonly nodes: { readonly [name: string]: Box };
  /** By `from>to`. Control points of a curve, in the edge's direction. */
  readonly edges: { readonly [key: string]: readonly Point[] };
  /** Around the members of UPDATE_OPS. */
  readonly region: Box;
}

const region = "UPDATE_OPS";

export function layOut(graph: ReducedGraph, sizes: NodeSizes): LaidOut {
  const compact = Object.values(sizes)[0].height > 50;
  const dagre = new graphlib.Graph({ compound: true });
  dagre.setGraph({ rankdir: "TB", nodesep: compact ? 7 : 22, ranksep: compact ? 38 : 40, marginx: 3, marginy: 3 });
  dagre.setDefaultEdgeLabel(() => ({}));
  dagre.setNode(region, {});
  for (const { name, kind } of graph.nodes) {
    dagre.setNode(name, { ...sizes[name] });
    if (kind === "update") dagre.setParent(name, region);
  }
  for (const { from, to, kind } of graph.edges) {
    // A write goes up, against the flow: laid out as the reference that the update takes.
    if (kind === "write") dagre.setEdge(to, from);
    else dagre.setEdge(from, to);
  }
  layout(dagre);
  const { width = 0, height = 0 } = dagre.graph() as { width?: number; height?: number };
  const boxOf = (name: string): Box => {
    const node = dagre.node(name) as { x: number; y: number; width: number; height: number };
    return { x: width - node.x - node.width / 2, y: node.y - node.height / 2, width: node.width, height: node.height };
  };
  return {
    width,
    height,
    nodes: Object.fromEntries(graph.nodes.map(({ name }) => [name, boxOf(name)])),
    region: boxOf(region),
    edges: Object.fromEntries(
      graph.edges.map(({ from, to, kind }) => {
        const { points } = dagre.edge(...((kind === "write" ? [to, from] : [from, to]) as [string, string])) as {
          points: { x: number; y: number }[];
        };
        const mirrored = points.map(({ x, y }): Point => [width - x, y]);
        return [`${from}>${to}`, kind === "write" ? mirrored.toReversed() : mirrored];
      }),
    ),
  };
}
