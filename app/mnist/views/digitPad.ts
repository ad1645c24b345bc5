/** A field to draw in, and what the model reads: 28 x 28 pixels, centred by mass as the data set's are. */
import { effect } from "@preact/signals-core";
import { percent } from "../../store/format.ts";
import { click, find, listen, make, text, together, type Dispose } from "../../views/dom.ts";
import { onFrame } from "../../views/frame.ts";
import type { Controller } from "../controller.ts";
import type { MnistStore } from "../store.ts";

const side = 280;
const pen = 22;
const size = 28;
/** The box that a digit of the data set fills. */
const box = 20;
const askEveryMs = 100;

export function digitPad(panel: HTMLElement, store: MnistStore, controller: Controller): Dispose {
  const canvas = find<HTMLCanvasElement>("#pad", panel);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const empty = find("#pad-empty", panel);
  const bars = barsOf(find("#bars", panel));
  let askedAt = 0;
  let timer = 0;
  let pressed: number | null = null;
  let nextClass = 7;

  const ask = (pixels: Uint8Array): void => {
    clearTimeout(timer);
    const wait = askEveryMs - (performance.now() - askedAt);
    if (wait > 0) {
      timer = setTimeout(() => ask(pixels), wait);
      return;
    }
    askedAt = performance.now();
    controller.predict(pixels);
  };
  const clear = (): void => {
    context?.clearRect(0, 0, side, side);
    empty.hidden = false;
    store.prediction.value = null;
  };
  const line = (events: readonly PointerEvent[]): void => {
    if (!context) return;
    const { left, top, width } = canvas.getBoundingClientRect();
    for (const { clientX, clientY } of events) {
      const scale = side / width;
      context.lineTo((clientX - left) * scale, (clientY - top) * scale);
    }
    context.stroke();
  };
  const choose = (label: number): void => controller.digit(label);

  return together(
    listen(canvas, "pointerdown", (event) => {
      if (event.button !== 0 || !context) return;
      canvas.setPointerCapture(event.pointerId);
      pressed = event.pointerId;
      empty.hidden = true;
      context.strokeStyle = getComputedStyle(canvas).color;
      [context.lineWidth, context.lineCap, context.lineJoin] = [pen, "round", "round"];
      context.beginPath();
      line([event, event]);
      ask(pixelsOf(context));
    }),
    listen(canvas, "pointermove", (event) => {
      if (pressed !== event.pointerId || !context) return;
      const coalesced = event.getCoalescedEvents?.() ?? [];
      line(coalesced.length > 0 ? coalesced : [event]);
      ask(pixelsOf(context));
    }),
    listen(canvas, "pointerup", () => (pressed = null)),
    listen(canvas, "pointercancel", () => (pressed = null)),
    click(find<HTMLButtonElement>("#clear", panel), clear),
    click(find<HTMLButtonElement>("#use", panel), () => {
      choose(nextClass);
      nextClass = (nextClass + 3) % 10;
    }),
    listen(panel, "keydown", (event) => {
      if (!/^\d$/.test(event.key) || event.ctrlKey || event.metaKey || event.altKey) return;
      choose(Number(event.key));
      event.preventDefault();
    }),
    effect(() => {
      const digit = store.digit.value;
      if (!digit || !context) return;
      empty.hidden = true;
      show(context, digit.pixels, getComputedStyle(canvas).color);
      ask(digit.pixels);
    }),
    onFrame(
      () => [store.prediction.value, store.phase.value],
      () => bars.show(store),
    ),
    onFrame(
      () => [store.prediction.value, store.curves.value, store.digit.value],
      () => text(find("#reading", panel), reading(store)),
    ),
  );
}

function reading(store: MnistStore): string {
  const { value } = store.prediction;
  if (!store.curves.value) return "Train first: then it reads.";
  if (!value) return "";
  const { probabilities, step } = value;
  const best = probabilities.indexOf(Math.max(...probabilities));
  const noise = step === 0 ? " The model is untrained: expect noise." : "";
  return `Looks like ${best} (${percent(probabilities[best])}), model at step ${step}.${noise}`;
}

function barsOf(list: HTMLElement): { show(store: MnistStore): void } {
  const rows = Array.from({ length: 10 }, (_, label) => {
    const bar = make("i");
    const figure = make("span", { class: "num" }, "–");
    const row = make("li", {}, make("span", {}, String(label)), make("span", {}, bar), figure);
    return { row, bar, figure };
  });
  list.replaceChildren(...rows.map(({ row }) => row));
  return {
    show(store) {
      const probabilities = store.prediction.value?.probabilities;
      const most = probabilities ? Math.max(...probabilities) : 0;
      for (const [label, { row, bar, figure }] of rows.entries()) {
        const share = probabilities?.[label] ?? 0;
        bar.style.transform = `scaleX(${share})`;
        row.classList.toggle("best", probabilities !== undefined && share === most);
        text(figure, probabilities ? percent(share) : "–");
      }
    },
  };
}

/** The drawing as a picture of the data set: its box scaled to 20 x 20, its centre of mass in the middle of 28 x 28. */
export function pixelsOf(context: CanvasRenderingContext2D): Uint8Array {
  const { data } = context.getImageData(0, 0, side, side);
  let [left, top, right, bottom] = [side, side, -1, -1];
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      if (data[(y * side + x) * 4 + 3] === 0) continue;
      [left, top, right, bottom] = [Math.min(left, x), Math.min(top, y), Math.max(right, x), Math.max(bottom, y)];
    }
  }
  const pixels = new Uint8Array(size * size);
  if (right < 0) return pixels;
  const scale = box / Math.max(right - left + 1, bottom - top + 1);
  // Each pixel is the mean of what it covers.
  const sums = new Float64Array(size * size);
  let [mass, massX, massY] = [0, 0, 0];
  const [width, height] = [(right - left + 1) * scale, (bottom - top + 1) * scale];
  for (let y = top; y <= bottom; y++) {
    for (let x = left; x <= right; x++) {
      const ink = data[(y * side + x) * 4 + 3] * scale * scale;
      mass += ink;
      massX += ink * ((x - left + 0.5) * scale);
      massY += ink * ((y - top + 0.5) * scale);
    }
  }
  const [shiftX, shiftY] = [size / 2 - massX / mass, size / 2 - massY / mass].map((shift, i) => {
    const room = size - (i === 0 ? width : height);
    return Math.min(Math.max(shift, 0), room);
  });
  for (let y = top; y <= bottom; y++) {
    for (let x = left; x <= right; x++) {
      const column = Math.min(size - 1, Math.floor((x - left + 0.5) * scale + shiftX));
      const row = Math.min(size - 1, Math.floor((y - top + 0.5) * scale + shiftY));
      sums[row * size + column] += data[(y * side + x) * 4 + 3] * scale * scale;
    }
  }
  return pixels.map((_, i) => Math.min(255, Math.round(sums[i])));
}

/** A digit of the data set, large. */
function show(context: CanvasRenderingContext2D, pixels: Uint8Array, color: string): void {
  const picture = new OffscreenCanvas(size, size);
  const small = picture.getContext("2d")!;
  small.fillStyle = color;
  small.fillRect(0, 0, size, size);
  const image = small.getImageData(0, 0, size, size);
  pixels.forEach((value, i) => (image.data[i * 4 + 3] = value));
  small.putImageData(image, 0, 0);
  context.clearRect(0, 0, side, side);
  context.imageSmoothingEnabled = false;
  context.drawImage(picture, 0, 0, side, side);
}
