/** Details of the selected node, below its picture. */
import type { RunName } from "../compute/protocol.ts";
import type { GraphNode } from "../graph/reduce.ts";
import type { Controller } from "../store/controller.ts";
import type { Store } from "../store/store.ts";
import { make, type Dispose } from "./dom.ts";
import { onFrame } from "./frame.ts";

/** Runs that moved the statistics: the session's own count once it has told it. */
export function updatesOf(run: RunName, store: Store): number {
  const told = store.facts.value?.updates[run];
  if (told !== undefined && told !== null && store.step.value === store.done.value) return told;
  const runs = store.graphs.value?.[run].nodes.some((node) => node.kind === "update" && node.runs) ?? false;
  return runs ? Math.max(0, store.step.value) : 0;
}

export function nodeFacts(box: HTMLElement, run: RunName, store: Store, controller: Controller): Dispose {
  return onFrame(
    () => [store.selected.value, store.picture.value, store.step.value],
    () => {
      const selected = store.selected.value;
      const node =
        selected?.run === run ? store.picture.value?.[run].nodes.find(({ name }) => name === selected.node) : undefined;
      box.hidden = node === undefined;
      if (!node) return box.replaceChildren();
      const facts = factsOf(node, run, store);
      const close = make("button", { type: "button", class: "btn small" }, "Close");
      close.addEventListener("click", () => {
        store.selected.value = null;
        const group = box.parentElement!.querySelector<SVGGElement>(`[data-node="${CSS.escape(node.name)}"]`);
        group?.focus();
      });
      box.replaceChildren(
        make("h4", {}, node.name),
        make("dl", {}, ...facts.flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)])),
        ...(node.operations.length > 1 ? [openButton(node, store, controller)] : []),
        close,
      );
    },
  );
}

/** Takes the node apart in both pictures. */
function openButton({ name, operations }: GraphNode, store: Store, controller: Controller): HTMLButtonElement {
  const button = make("button", { type: "button", class: "btn small" }, `Open its ${operations.length} nodes`);
  button.addEventListener("click", () => {
    const isOutermost = store.graphs.value!.with.nodes.some((node) => node.name === name);
    controller.open(isOutermost ? [name] : [...(store.opened.value ?? []), name]);
  });
  return button;
}

function factsOf(node: GraphNode, run: RunName, store: Store): [name: string, value: string][] {
  const steps = Math.max(0, store.step.value);
  const times = node.kind === "update" ? updatesOf(run, store) : node.runs ? steps : 0;
  const facts: [string, string][] = [
    [
      "type",
      node.kind === "scope" && node.operations.length > 1
        ? `scope of ${node.operations.length} operations, among them ${node.type}`
        : node.type,
    ],
    ["shape", node.shape],
    ["inputs", node.inputs.join(", ") || "none"],
    ["control inputs", node.controlInputs.join(", ") || "none"],
    ["collections", node.collections.map((name) => name.toUpperCase()).join(", ") || "none"],
    [node.kind === "variable" ? "read in" : "run", times === 1 ? "1 step" : `${times} steps`],
  ];
  if (node.operations.length > 1 && node.kind !== "scope")
    facts.push(["folded in", node.operations.filter((name) => name !== node.name).join(", ")]);
  return facts;
}
