/** A finding's fix as code to copy. */
import type { Finding } from "../../src/index.ts";
import { make } from "./dom.ts";

export function fixView(finding: Finding): HTMLElement {
  const code = make("pre", { class: "code" }, finding.fix);
  const button = make("button", { type: "button", class: "btn small" }, "Copy fix");
  button.addEventListener("click", () => void copy(finding.fix, code, button));
  return make("div", { class: "fix" }, code, button);
}

async function copy(words: string, code: HTMLElement, button: HTMLElement): Promise<void> {
  try {
    await navigator.clipboard.writeText(words);
    button.textContent = "Copied.";
  } catch {
    // Not allowed here: selected, so that the reader's own copying works.
    getSelection()?.selectAllChildren(code);
    button.textContent = "Selected.";
  }
  setTimeout(() => (button.textContent = "Copy fix"), 2000);
}
