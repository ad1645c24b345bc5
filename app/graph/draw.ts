/** Draws a reduced graph as SVG. What changes while it runs is set through the handles that come back. */
import { svg } from "../views/dom.ts";
import type { Box, LaidOut, Point } from "./layout.ts";
import type { GraphEdge, GraphNode, ReducedGraph } from "./reduce.ts";
import { hasThumbnail, kindText, nameOf, railRoom, type Density } from "./text.ts";

export interface Drawing {
  readonly svg: SVGSVGElement;
  readonly nodes: ReadonlyMap<string, NodeHandle>;
}

export interface NodeHandle {
  readonly node: GraphNode;
  readonly group: SVGGElement;
  readonly box: SVGRectElement;
  readonly sub: SVGTextElement;
}

export interface DrawOptions {
  /** Tells the two pictures of a page apart. */
  readonly id: string;
  /** The graph that gave the positions: its edges that `graph` lacks are drawn as missing. */
  readonly whole: ReducedGraph;
  readonly density: Density;
  readonly photo: string;
  readonly label: string;
}

/** Room for the region's name, where the region is as narrow as its nodes. */
const compactMargin = 26;

export function draw(graph: ReducedGraph, layout: LaidOut, options: DrawOptions): Drawing {
  const { whole, density, id } = options;
  const margin = density === "compact" ? compactMargin : 0;
  const nodes = new Map(graph.nodes.map((node) => [node.name, drawNode(node, layout.nodes[node.name], options)]));
  const present = new Set(graph.edges.map(({ from, to }) => `${from}>${to}`));
  const runs = new Map(graph.nodes.map((node) => [node.name, node.runs]));
  const edges = whole.edges.map((edge) => {
    const key = `${edge.from}>${edge.to}`;
    const style = present.has(key) ? styleOf(edge, runs) : "missing";
    return drawEdge(layout.edges[key], style, id);
  });
  const missing = edges.length > 0 && whole.edges.some(({ from, to }) => !present.has(`${from}>${to}`));
  const root = svg(
    "svg",
    {
      viewBox: `0 0 ${layout.width + margin} ${layout.height}`,
      width: layout.width + margin,
      height: layout.height,
      role: "group",
      "aria-label": options.label,
      preserveAspectRatio: "xMidYMid meet",
    },
    markers(id),
    drawRegion(layout.region, margin),
    ...edges,
    ...[...nodes.values()].map(({ group }) => group),
    controlLabel(layout.nodes[graph.fetch], missing ? "no control edges" : "control edges"),
  );
  return { svg: root, nodes };
}

/** Puts ✕ on the middle of every missing edge; the SVG must be in the page. */
export function crossMissing({ svg: root }: Drawing): void {
  for (const path of root.querySelectorAll<SVGPathElement>(".missing")) {
    const { x, y } = path.getPointAtLength(path.getTotalLength() / 2);
    path.after(
      svg(
        "g",
        { class: "cut", transform: `translate(${x.toFixed(1)} ${y.toFixed(1)})` },
        svg("circle", { r: 8 }),
        svg("path", { d: "M-3.2-3.2 3.2 3.2M3.2-3.2-3.2 3.2" }),
      ),
    );
  }
}

type EdgeStyle = "tensor" | "write" | "control" | "ghost" | "missing";

/** Edges of an update that never runs carry nothing. */
function styleOf({ from, to, kind }: GraphEdge, runs: ReadonlyMap<string, boolean>): EdgeStyle {
  return runs.get(from) && runs.get(to) ? kind : "ghost";
}

function drawEdge(points: readonly Point[], style: EdgeStyle, id: string): SVGPathElement {
  const marker = style === "missing" ? null : `url(#${style}-${id})`;
  return svg("path", {
    class: style === "tensor" ? "edge" : `edge ${style}`,
    d: curve(points),
    ...(marker && { "marker-end": marker }),
  });
}

/** A uniform cubic B-spline through the layout's control points, as straight as it can be at its ends. */
function curve(points: readonly Point[]): string {
  const at = (x: number, y: number): string => `${x.toFixed(1)} ${y.toFixed(1)}`;
  if (points.length < 3) return `M${points.map(([x, y]) => at(x, y)).join("L")}`;
  const mix = (a: Point, b: Point, t: number): string => at(a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t);
  const [first, second] = points;
  let path = `M${at(...first)}L${mix(first, second, 1 / 6)}`;
  for (let i = 1; i < points.length - 1; i++) {
    const [a, b, c] = [points[i - 1], points[i], points[i + 1]];
    const end = at((a[0] + 4 * b[0] + c[0]) / 6, (a[1] + 4 * b[1] + c[1]) / 6);
    path += `C${mix(a, b, 1 / 3)} ${mix(a, b, 2 / 3)} ${end}`;
  }
  const [before, last] = [points.at(-2)!, points.at(-1)!];
  return `${path}C${mix(before, last, 1 / 3)} ${mix(before, last, 2 / 3)} ${at(...last)}`;
}

function markers(id: string): SVGDefsElement {
  const marker = (style: EdgeStyle, size: number): SVGMarkerElement =>
    svg(
      "marker",
      {
        id: `${style}-${id}`,
        viewBox: "0 0 10 10",
        refX: 9,
        refY: 5,
        markerWidth: size,
        markerHeight: size,
        markerUnits: "userSpaceOnUse",
        orient: "auto",
      },
      svg("path", { class: `tip-${style}`, d: "M1 1 9 5 1 9Z" }),
    );
  return svg("defs", {}, marker("tensor", 8), marker("write", 9), marker("ghost", 8), marker("control", 10));
}

function drawRegion({ x, y, width, height }: Box, margin: number): SVGGElement {
  return svg(
    "g",
    { class: "region", "aria-hidden": "true" },
    svg("rect", { x, y, width: width + margin, height, rx: 8 }),
    svg("text", { x: x + width + margin - 7, y: y + height - 6 }, "UPDATE_OPS"),
  );
}

function controlLabel({ x, y, width, height }: Box, text: string): SVGTextElement {
  return svg("text", { class: "label", "aria-hidden": "true", x: x + width + 12, y: y + height - 4 }, text);
}

function drawNode(node: GraphNode, { x, y, width, height }: Box, { density, photo }: DrawOptions): NodeHandle {
  const { prefix, lines } = nameOf(node, density);
  const thumb = hasThumbnail(node, density);
  const aside = thumb ? 38 : node.kind === "variable" ? railRoom : 0;
  const center = x + (width + aside) / 2;
  const top = density === "regular" ? y + 19 : lines.length === 2 ? y + 18 : y + 26;
  const box = svg("rect", { class: "box", x, y, width, height, rx: 6 });
  const sub = svg("text", { class: "sub", x: center, y: top + 17 + (lines.length - 1) * 13 }, kindText(node));
  if (density === "compact" && node.kind === "input" && node.shape.length > 12) sub.textContent = "photo";
  const group = svg(
    "g",
    {
      class: `node ${node.kind}${node.runs ? "" : " off"}`,
      role: "button",
      tabindex: -1,
      "aria-pressed": "false",
      "data-node": node.name,
    },
    svg("rect", { class: "ring", x: x - 3, y: y - 3, width: width + 6, height: height + 6, rx: 8 }),
    box,
  );
  if (node.kind === "variable")
    group.append(svg("rect", { class: "rail", x, y: y + 5, width: 4, height: height - 10 }));
  if (thumb) group.append(svg("image", { href: photo, x: x + 6, y: y + 6, width: 34, height: 34 }));
  const named = svg("text", { x: center, y: top });
  if (prefix) named.append(svg("tspan", { class: "prefix" }, prefix));
  named.append(lines[0]);
  group.append(named);
  if (lines.length > 1) group.append(svg("text", { x: center, y: top + 13 }, lines[1]));
  // The space parts what is one text for assistive technology.
  group.append(" ", sub);
  return { node, group, box, sub };
}
