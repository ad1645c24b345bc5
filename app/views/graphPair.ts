/** The pair of graphs: drawn once per density and kept; only values change. Arrows walk along the edges. */
import { effect } from "@preact/signals-core";
import photo from "../assets/photo.png?url";
import { crossMissing, draw, type Drawing, type NodeHandle } from "../graph/draw.ts";
import type { LaidOut } from "../graph/layout.ts";
import type { GraphNode, ReducedGraph } from "../graph/reduce.ts";
import {
  densities,
  forgottenText,
  othersName,
  sizesOf,
  updateText,
  type Density,
  type Measure,
} from "../graph/text.ts";
import { runNames, type Pair, type RunName } from "../compute/protocol.ts";
import type { Controller } from "../store/controller.ts";
import { statistic } from "../store/format.ts";
import { valueAt, type Statistic } from "../store/results.ts";
import type { Store } from "../store/store.ts";
import { attribute, find, listen, text, together, type Dispose } from "./dom.ts";
import { onFrame, onResize } from "./frame.ts";
import { nodeFacts, updatesOf } from "./nodeFacts.ts";

export function graphPair(section: HTMLElement, store: Store, controller: Controller): Dispose {
  return together(
    effect(() => {
      const graphs = store.picture.value;
      if (graphs) controller.layout(sizes(graphs.with));
    }),
    ...runNames.map((run) => graphView(find(`[data-run=${run}]`, section), run, store, controller)),
  );
}

function sizes(graph: ReducedGraph): { [density: string]: ReturnType<typeof sizesOf> } {
  const context = document.createElement("canvas").getContext("2d")!;
  const style = getComputedStyle(document.documentElement);
  const families = [style.getPropertyValue("--font"), style.getPropertyValue("--mono")];
  const measure: Measure = (words, size, mono) => {
    context.font = `${mono ? 400 : 600} ${size}px ${families[mono ? 1 : 0]}`;
    return context.measureText(words).width;
  };
  return Object.fromEntries(densities.map((density) => [density, sizesOf(graph, density, measure)]));
}

function graphView(card: HTMLElement, run: RunName, store: Store, controller: Controller): Dispose {
  const picture = find(".picture", card);
  let drawing: Drawing | null = null;
  let drawn: { layout: LaidOut; density: Density } | null = null;

  const redraw = (): void => {
    const [graphs, layouts] = [store.picture.peek(), store.layouts.peek()];
    if (!graphs || !layouts || picture.clientWidth === 0) return;
    const whole = store.opened.peek() !== null;
    const density: Density = picture.clientWidth >= 500 && !whole ? "regular" : "compact";
    // The layout of another picture is on its way to be replaced.
    if (graphs.with.nodes.some(({ name }) => !(name in layouts[density].nodes))) return;
    if (drawn?.layout !== layouts[density] || drawn.density !== density) {
      drawn = { layout: layouts[density], density };
      drawing = drawPair(graphs, drawn, run);
      picture.classList.toggle("whole", whole);
      picture.replaceChildren(drawing.svg);
      crossMissing(drawing);
      focusable(drawing, graphs[run].nodes[0].name);
      if (whole) showOpened(picture, drawn.layout, store);
    }
    if (drawing) update(drawing, density, run, store);
  };

  return together(
    onFrame(
      () => [
        store.layouts.value,
        store.step.value,
        store.channel.value,
        store.news.value,
        store.selected.value,
        store.phase.value,
      ],
      redraw,
    ),
    onResize(picture, redraw),
    effect(() => void picture.classList.toggle("live", store.phase.value.kind === "running")),
    blink(() => drawing, run, store),
    listen(picture, "click", ({ target }) => {
      const node = (target as Element).closest<SVGGElement>("[data-node]");
      if (node && drawing) select(node.dataset.node!, run, store, drawing);
    }),
    listen(picture, "keydown", (event) => {
      const node = (event.target as Element).closest<SVGGElement>("[data-node]");
      if (!node || !drawing) return;
      if (event.key === "Enter" || event.key === " ") select(node.dataset.node!, run, store, drawing);
      else if (event.key === "Escape" && store.selected.value?.run === run) store.selected.value = null;
      else {
        const next = neighbour(event.key, node.dataset.node!, store.picture.value![run], drawn!.layout);
        if (next === null) return;
        focusable(drawing, next);
        drawing.nodes.get(next)!.group.focus();
      }
      event.preventDefault();
    }),
    nodeFacts(find(".facts-of", card), run, store, controller),
  );
}

/** Scrolls to the middle of what was taken apart. */
function showOpened(picture: HTMLElement, { nodes }: LaidOut, { graphs, opened }: Store): void {
  const before = new Set(graphs.peek()?.with.nodes.map(({ name }) => name));
  const names = Object.keys(nodes).filter((name) => !before.has(name) && name !== othersName);
  if (opened.peek()!.length === 0 || names.length === 0) return;
  const middle = names.reduce((sum, name) => sum + nodes[name].x + nodes[name].width / 2, 0) / names.length;
  picture.scrollLeft = middle - picture.clientWidth / 2;
}

function drawPair(
  graphs: Pair<ReducedGraph>,
  { layout, density }: { layout: LaidOut; density: Density },
  run: RunName,
) {
  const { nodes, operations } = graphs[run];
  return draw(graphs[run], layout, {
    id: run,
    whole: graphs.with,
    density,
    photo,
    label: `Dataflow graph ${run} the update ops, ${nodes.length} of ${operations.length} nodes. Arrows follow the edges.`,
  });
}

/** One node is the tab stop. */
function focusable({ nodes }: Drawing, name: string): void {
  for (const [other, { group }] of nodes) attribute(group, { tabindex: other === name ? 0 : -1 });
}

function select(name: string, run: RunName, store: Store, drawing: Drawing): void {
  const { value } = store.selected;
  store.selected.value = value?.run === run && value.node === name ? null : { run, node: name };
  focusable(drawing, name);
}

function update({ nodes }: Drawing, density: Density, run: RunName, store: Store): void {
  const selected = store.selected.value;
  for (const handle of nodes.values()) {
    const words = liveText(handle, density, run, store);
    if (words !== null) text(handle.sub, words);
    attribute(handle.group, {
      "aria-label": nameFor(handle.node, handle.sub.textContent, store.picture.value![run]),
      "aria-pressed": String(selected?.run === run && selected.node === handle.node.name),
    });
  }
}

/** The second line of what changes; null for what does not. */
function liveText({ node }: NodeHandle, density: Density, run: RunName, store: Store): string | null {
  const results = store.results.value;
  const started = results !== null && results.done >= 0;
  if (node.kind === "update") {
    if (!node.runs) return forgottenText(node.type, density);
    return updateText(node.type, started ? updatesOf(run, store) : null, density);
  }
  if (node.kind !== "variable") return null;
  if (!started) return "variable";
  const of: Statistic = node.name.includes("variance") ? "variance" : "mean";
  const value = statistic(valueAt(results, of, run, store.step.value, store.channel.value));
  return store.graphs.value![run].nodes.some(({ kind, runs }) => kind === "update" && !runs) ? `still ${value}` : value;
}

function nameFor(node: GraphNode, sub: string, { edges, fetch }: ReducedGraph): string {
  const parts = [node.name, sub];
  if (node.kind === "update") {
    const tied = edges.some(({ from, to, kind }) => from === node.name && to === fetch && kind === "control");
    parts.push("in UPDATE_OPS", tied ? `control edge to ${fetch}` : `no control edge to ${fetch}`);
  }
  return parts.join(", ");
}

/** Where an arrow leads: down along an edge, up against one, sideways among the nodes of a row. */
function neighbour(key: string, name: string, { nodes, edges, fetch }: ReducedGraph, layout: LaidOut): string | null {
  const box = layout.nodes[name];
  const middle = (at: string): number => layout.nodes[at].x + layout.nodes[at].width / 2;
  const nearest = (names: readonly string[]): string | null =>
    names.toSorted((a, b) => Math.abs(middle(a) - middle(name)) - Math.abs(middle(b) - middle(name)))[0] ?? null;
  const linked = edges.flatMap(({ from, to }) => (from === name ? [to] : to === name ? [from] : []));
  const row = nodes.map((node) => node.name).filter((at) => Math.abs(layout.nodes[at].y - box.y) < 5);
  switch (key) {
    case "ArrowDown":
      return nearest(linked.filter((at) => layout.nodes[at].y > box.y + 5));
    case "ArrowUp":
      return nearest(linked.filter((at) => layout.nodes[at].y < box.y - 5));
    case "ArrowLeft":
      return nearest(row.filter((at) => middle(at) < middle(name)));
    case "ArrowRight":
      return nearest(row.filter((at) => middle(at) > middle(name)));
    case "Home":
      return nodes.find(({ kind }) => kind === "input")?.name ?? null;
    case "End":
      return fetch;
    default:
      return null;
  }
}

/** The updates blink once per reported step, where motion is welcome. */
function blink(drawing: () => Drawing | null, run: RunName, store: Store): Dispose {
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  let before = 0;
  return onFrame(
    () => store.done.value,
    () => {
      const done = store.done.value;
      const moved = done > before && store.phase.value.kind === "running";
      before = done;
      if (!moved || still || run === "without") return;
      for (const { node, box } of drawing()?.nodes.values() ?? [])
        if (node.kind === "update" && node.runs) box.animate({ strokeWidth: ["4px", "1.8px"] }, 120);
    },
  );
}
