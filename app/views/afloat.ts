/** Keeps Stop in reach: while a run is active, and its panel out of sight, the row of buttons floats. */
import { effect, type ReadonlySignal } from "@preact/signals-core";
import { together, type Dispose } from "./dom.ts";

export function afloat(slot: HTMLElement, row: HTMLElement, active: ReadonlySignal<boolean>): Dispose {
  let visible = true;
  const update = (): void => {
    const floats = active.value && !visible;
    if (floats) slot.style.height = `${slot.offsetHeight}px`;
    else slot.style.removeProperty("height");
    row.classList.toggle("afloat", floats);
  };
  const observer = new IntersectionObserver(([entry]) => {
    visible = entry.isIntersecting;
    update();
  });
  observer.observe(slot);
  return together(effect(update), () => observer.disconnect());
}
