/** Drawing at most once per animation frame, however often what it reads has changed. */
import { effect, untracked } from "@preact/signals-core";
import type { Dispose } from "./dom.ts";

const waiting = new Set<() => void>();
let frame = 0;

function drawAll(): void {
  frame = 0;
  const draws = [...waiting];
  waiting.clear();
  for (const draw of draws) untracked(draw);
}

/** Calls `draw` in the next frame after anything that `reads` reads has changed, and once at the start. */
export function onFrame(reads: () => unknown, draw: () => void): Dispose {
  const dispose = effect(() => {
    reads();
    waiting.add(draw);
    frame ||= requestAnimationFrame(drawAll);
  });
  return () => {
    dispose();
    waiting.delete(draw);
  };
}

/** Calls `draw` again when the element's width changes. */
export function onResize(element: Element, draw: () => void): Dispose {
  let width = element.clientWidth;
  const observer = new ResizeObserver(() => {
    if (element.clientWidth === width) return;
    width = element.clientWidth;
    waiting.add(draw);
    frame ||= requestAnimationFrame(drawAll);
  });
  observer.observe(element);
  return () => observer.disconnect();
}
