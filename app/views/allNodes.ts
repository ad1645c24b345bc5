/** "Show all nodes": the button, and one for each node of the pictures that can be taken apart. One is open at a time. */
import { effect } from "@preact/signals-core";
import { othersName } from "../graph/text.ts";
import type { Controller } from "../store/controller.ts";
import type { Store } from "../store/store.ts";
import { attribute, click, find, make, text, together, type Dispose } from "./dom.ts";

export function allNodes(box: HTMLElement, store: Store, controller: Controller): Dispose {
  const toggle = find<HTMLButtonElement>("button", box);
  const scopes = find("[role=group]", box);
  const buttons = new Map<string, HTMLButtonElement>();
  return together(
    click(toggle, () => controller.open(store.opened.value ? null : [])),
    effect(() => {
      const graphs = store.graphs.value;
      if (!graphs || buttons.size > 0) return;
      const { nodes, operations } = graphs.with;
      const others = operations.length - nodes.reduce((sum, node) => sum + node.operations.length, 0);
      const counts = nodes.map((node) => [node.name, node.operations.length] as const);
      for (const [name, count] of [...counts, [othersName, others] as const]) {
        if (count < 2) continue;
        const button = make("button", { type: "button", class: "btn small" }, `${name} (${count})`);
        button.addEventListener("click", () => controller.open(store.opened.value?.[0] === name ? [] : [name]));
        buttons.set(name, button);
      }
      scopes.replaceChildren(...buttons.values());
    }),
    effect(() => {
      const [graphs, opened] = [store.graphs.value, store.opened.value];
      if (!graphs) return;
      const { nodes, operations } = graphs.with;
      text(toggle, opened ? `Show ${nodes.length} nodes` : `Show all ${operations.length} nodes`);
      attribute(toggle, { "aria-expanded": String(opened !== null) });
      scopes.hidden = opened === null;
      for (const [name, button] of buttons) attribute(button, { "aria-pressed": String(opened?.[0] === name) });
    }),
  );
}
