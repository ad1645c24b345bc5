/** The theme: the system's, unless the button said otherwise. */
import type { Signal } from "@preact/signals-core";
import { attribute, find, listen, together, type Dispose } from "./dom.ts";

export function themeView(button: HTMLElement, changed?: Signal<number>): Dispose {
  const system = matchMedia("(prefers-color-scheme: dark)");
  const root = document.documentElement;
  const isDark = (): boolean => (root.dataset.theme ? root.dataset.theme === "dark" : system.matches);
  const update = (): void => {
    attribute(button, { "aria-label": `Switch to ${isDark() ? "light" : "dark"} theme` });
    if (changed) changed.value++;
  };
  button.hidden = false;
  update();
  return together(
    listen(system, "change", update),
    listen(button, "click", () => {
      root.dataset.theme = isDark() ? "light" : "dark";
      try {
        localStorage.setItem("theme", root.dataset.theme);
      } catch {
        // Storage is refused: the choice holds for this page.
      }
      update();
    }),
  );
}

export function startTheme(changed?: Signal<number>): Dispose {
  return themeView(find("#theme"), changed);
}
