/** A blocking error: one sentence, its remedies, and what was said below "Details". */
import type { Signal } from "@preact/signals-core";
import { click, make } from "./dom.ts";

export type Remedy = readonly [label: string, action: () => void];

/** @param token where a token is to be changed */
export function problemBox(
  sentence: string,
  remedies: readonly Remedy[],
  details: string,
  token: Signal<string | null> | null,
): HTMLElement {
  const box = make(
    "div",
    { class: "problem" },
    make("p", {}, `✕ ${sentence}`),
    ...(token ? [tokenField(token)] : []),
    ...remedies.map(([label, action], i) => {
      const button = make("button", { type: "button", class: i === 0 ? "btn small primary" : "btn small" }, label);
      click(button, action);
      return button;
    }),
  );
  if (details) box.append(make("details", {}, make("summary", {}, "Details"), make("pre", {}, details)));
  return box;
}

/** Kept for the tab only. */
function tokenField(token: Signal<string | null>): HTMLElement {
  const input = make("input", { type: "password", autocomplete: "off" });
  input.value = token.peek() ?? "";
  input.addEventListener("input", () => (token.value = input.value || null));
  return make("label", { class: "field" }, make("span", {}, "Token for the edge"), input);
}

/** The library's own figures: "This step needs 143.2 MiB of tensor memory, the limit is 64.0 MiB (largest: …)." */
export function memorySentence(details: string): string {
  const figures = /needs ([\d.]+ MiB).*?limit is ([\d.]+ MiB)(?: \(largest: '([^']+)'.*?([\d.]+ MiB)\))?/.exec(details);
  if (!figures) return "There is not enough memory for this step.";
  const [, needs, limit, largest, size] = figures;
  return `This step needs ${needs}, the limit is ${limit}.${largest ? ` Largest: ${largest}, ${size}.` : ""}`;
}
