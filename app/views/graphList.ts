/** The graphs in words: every operation, scope by scope. Made when it is opened. */
import type { RunName } from "../compute/protocol.ts";
import type { ReducedGraph } from "../graph/reduce.ts";
import type { Store } from "../store/store.ts";
import { effect } from "@preact/signals-core";
import { find, listen, make, together, type Dispose } from "./dom.ts";

export function graphList(details: HTMLDetailsElement, store: Store): Dispose {
  const box = find(".pair", details);
  return together(
    effect(() => {
      const graphs = store.graphs.value;
      if (graphs)
        find("summary", details).textContent =
          `Graph as a list: all ${graphs.with.operations.length} nodes, scope by scope`;
    }),
    listen(details, "toggle", () => {
      const graphs = store.graphs.value;
      if (!details.open || !graphs || box.children.length > 0) return;
      box.append(...(["with", "without"] as const).map((run) => column(run, graphs[run])));
    }),
  );
}

function column(run: RunName, graph: ReducedGraph): HTMLElement {
  const groups = graph.nodes.map((node) => {
    const types = new Map(graph.operations.map((operation) => [operation.name, operation]));
    const items = node.operations.map((name) => {
      const { type, inputs } = types.get(name)!;
      return make("li", {}, make("code", {}, name), ` ${type}${inputs.length > 0 ? ` of ${inputs.join(", ")}` : ""}`);
    });
    const never = node.runs ? "" : ", never runs";
    const count = node.operations.length;
    return make(
      "details",
      {},
      make("summary", {}, `${node.name} (${count === 1 ? node.type : `${count} nodes`}${never})`),
      make("ul", {}, ...items),
    );
  });
  const shown = new Set(graph.nodes.flatMap(({ operations }) => operations));
  const rest = graph.operations.filter(({ name }) => !shown.has(name));
  const others = rest.map(({ name, type }) => make("li", {}, make("code", {}, name), ` ${type}`));
  return make(
    "div",
    { class: run },
    make("h3", {}, run === "with" ? "With the update ops" : "Without"),
    ...groups,
    make("details", {}, make("summary", {}, `not needed for training (${rest.length})`), make("ul", {}, ...others)),
  );
}
