/** The words on a node, and how much room they need. */
import type { NodeSizes } from "./layout.ts";
import type { GraphNode, ReducedGraph } from "./reduce.ts";

export type Density = "regular" | "compact";

export const densities: readonly Density[] = ["regular", "compact"];

/** The node of all operations that the nine leave out. */
export const othersName = "not needed for training";

const nameSize = 11.8;
const subSize = 11.5;
const thumbnail = 34;
/** Room for the bar at the left of a variable. */
export const railRoom = 6;

/** Measures text: given by the page, which has the fonts. */
export type Measure = (text: string, size: number, mono: boolean) => number;

export interface NodeText {
  /** Scopes of the name, dimmed. */
  readonly prefix: string;
  /** One line, or two. */
  readonly lines: readonly string[];
}

export function nameOf({ name }: GraphNode, density: Density): NodeText {
  const at = name.lastIndexOf("/") + 1;
  const last = name.slice(at);
  if (density === "regular") return { prefix: name.slice(0, at), lines: [last] };
  return { prefix: "", lines: last.length > 10 ? broken(last) : [last] };
}

/** Two lines, broken after `_` or before a capital, the longer one as short as can be. */
function broken(name: string): string[] {
  let best = [name];
  for (let at = 1; at < name.length; at++) {
    const fits = name[at - 1] === "_" || /[a-z][A-Z]/.test(name.slice(at - 1, at + 1));
    if (fits && Math.max(at, name.length - at) < Math.max(...best.map(({ length }) => length)))
      best = [name.slice(0, at), name.slice(at)];
  }
  return best;
}

/** The second line of a node that has no live value. */
export function kindText(node: GraphNode): string {
  if (node.byDefault !== null) return node.byDefault;
  if (node.kind === "input") return node.shape;
  if (node.type.startsWith("FusedBatchNorm")) return "batch norm";
  return node.type;
}

/** The second line of an update: whether it ran. */
export function updateText(type: string, runs: number | null, density: Density): string {
  const ran = runs === null ? "" : runs === 0 ? "not yet" : `ran ${runs}×`;
  if (density === "compact") return ran || type;
  return ran ? `${type}, ${ran}` : type;
}

export function forgottenText(type: string, density: Density): string {
  return density === "compact" ? "never ran" : `${type}, never ran`;
}

/** The longest second line that a node may get. */
function widest(node: GraphNode, density: Density): string[] {
  if (node.kind === "variable") return ["−0000.0"];
  if (node.kind === "update") return [updateText(node.type, 1000, density), forgottenText(node.type, density)];
  return [density === "compact" && node.shape.length > 12 ? "" : kindText(node)];
}

export function hasThumbnail(node: GraphNode, density: Density): boolean {
  return density === "regular" && node.type === "Placeholder";
}

export function sizesOf(graph: ReducedGraph, density: Density, measure: Measure): NodeSizes {
  const padding = density === "compact" ? 12 : 16;
  return Object.fromEntries(
    graph.nodes.map((node) => {
      const { prefix, lines } = nameOf(node, density);
      const names = lines.map((line) => measure(prefix + line, nameSize, true));
      const subs = widest(node, density).map((line) => measure(line, subSize, false));
      const rail = node.kind === "variable" ? railRoom : 0;
      const room = Math.max(...names, ...subs) + padding + rail + (hasThumbnail(node, density) ? thumbnail + 4 : 0);
      return [node.name, { width: Math.ceil(room), height: density === "compact" ? 58 : 46 }];
    }),
  );
}
