/** Drawing at most once per animation frame, however often what it reads has changed. */
import { effect, untracked } from "@preact/signals-core";
import type { Dispose } from "./dom.ts";

const waiting = new Set<() => void>();
let frame = 0;

/** What is drawn in one frame ends after so long, and goes on in the next: no task of the main thread gets long. */
const sliceMs = 12;

function drawAll(): void {
  frame = 0;
  const begin = performance.now();
  for (const draw of waiting) {
    waiting.delete(draw);
    untracked(draw);
    if (waiting.size > 0 && performance.now() - begin > sliceMs) {
      frame ||= requestAnimationFrame(drawAll);
      return;
    }
  }
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
