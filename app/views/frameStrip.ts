/** The frame strip: how long each frame of the page took while it trained. */
import { effect, type ReadonlySignal, type Signal } from "@preact/signals-core";
import { colorsOf, fitted } from "./canvas.ts";
import { attribute, find, make, together, type Dispose } from "./dom.ts";
import { onFrame, onResize } from "./frame.ts";

const kept = 240;
const height = 28;
const drawEveryMs = 100;

interface Measured {
  readonly phase: ReadonlySignal<{ readonly kind: string }>;
  readonly theme: Signal<number>;
}

export function frameStrip(strip: HTMLElement, store: Measured): Dispose {
  const canvas = find<HTMLCanvasElement>("canvas", strip);
  const words = find("span:last-child", strip);
  const colors = colorsOf(store.theme);
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const times = new Float32Array(kept);
  let frames = 0;
  let longest = 0;
  let total = 0;
  let longTasks: number | null = null;
  let last = 0;
  let drawn = 0;
  let running = false;

  const observer = observeLongTasks((count) => {
    if (running) longTasks = (longTasks ?? 0) + count;
  });

  const draw = (): void => {
    const context = still ? null : fitted(canvas, height);
    const period = periodOf(times, Math.min(frames, kept));
    if (context) {
      const room = Math.floor(canvas.clientWidth / 3);
      const shown = Math.min(frames, kept, room);
      const scale = height / (2 * (period || 16.7));
      context.fillStyle = colors("accent");
      for (let i = 0; i < shown; i++) {
        const bar = Math.min(height, times[(frames - shown + i) % kept] * scale);
        context.fillRect(i * 3, height - bar, 2, bar);
      }
      context.strokeStyle = colors("ink-2");
      context.setLineDash([2, 3]);
      context.beginPath();
      context.moveTo(0, height / 2 - 0.5);
      context.lineTo(canvas.clientWidth, height / 2 - 0.5);
      context.stroke();
    }
    if (frames === 0) return;
    const figures = [`${Math.round((1000 * frames) / total)}`, `${Math.round(longest)} ms`];
    words.replaceChildren(make("b", {}, figures[0]), " fps, longest frame ", make("b", {}, figures[1]));
    if (longTasks !== null) words.append(", ", make("b", {}, String(longTasks)), " long tasks");
    attribute(canvas, { "aria-label": `Frame times: ${words.textContent}` });
  };

  const tick = (now: number): void => {
    if (!running) return;
    if (last > 0 && !document.hidden) {
      const took = now - last;
      times[frames++ % kept] = took;
      longest = Math.max(longest, took);
      total += took;
    }
    last = now;
    if (now - drawn > drawEveryMs) {
      drawn = now;
      draw();
    }
    requestAnimationFrame(tick);
  };

  return together(
    effect(() => {
      const { kind } = store.phase.value;
      const now = kind === "running" || kind === "stopping";
      if (now && !running) {
        [frames, longest, total, last] = [0, 0, 0, 0];
        longTasks = observer ? 0 : null;
        running = true;
        requestAnimationFrame(tick);
      } else if (!now && running) {
        running = false;
        requestAnimationFrame(draw);
      }
    }),
    onFrame(() => store.theme.value, draw),
    onResize(canvas, draw),
    // What a hidden page measures says nothing.
    hiddenPause(words, () => (last = 0)),
    () => observer?.disconnect(),
  );
}

function hiddenPause(words: HTMLElement, pause: () => void): Dispose {
  const hidden = (): void => {
    if (!document.hidden) return;
    pause();
    words.textContent = "paused while hidden";
  };
  document.addEventListener("visibilitychange", hidden);
  return () => document.removeEventListener("visibilitychange", hidden);
}

/** The display's own period: the median of what was measured. */
function periodOf(times: Float32Array, count: number): number {
  if (count === 0) return 0;
  return times.slice(0, count).sort()[count >> 1];
}

function observeLongTasks(found: (count: number) => void): PerformanceObserver | null {
  if (!PerformanceObserver.supportedEntryTypes?.includes("longtask")) return null;
  const observer = new PerformanceObserver((list) => found(list.getEntries().length));
  observer.observe({ type: "longtask" });
  return observer;
}
