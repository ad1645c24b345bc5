/** A field to draw in, and what the model reads in it. */
import { effect } from "@preact/signals-core";
import { percent } from "../../store/format.ts";
import { attribute, click, find, listen, make, text, together, type Dispose } from "../../views/dom.ts";
import { onFrame } from "../../views/frame.ts";
import type { Controller } from "../controller.ts";
import { pictureOf, pictureSize } from "../picture.ts";
import type { Digit, MnistStore } from "../store.ts";

const side = 280;
const pen = 22;
const askEveryMs = 100;
/** What is drawn is read again while the model trains. */
const askAgainMs = 1000;

export function digitPad(panel: HTMLElement, store: MnistStore, controller: Controller): Dispose {
  const canvas = find<HTMLCanvasElement>("#pad", panel);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  if (!context) return () => {};
  const empty = find("#pad-empty", panel);
  const bars = barsOf(find("#bars", panel));
  const ink = (): string => getComputedStyle(canvas).color;
  let askedAt = -askAgainMs;
  let timer = 0;
  let pressed: number | null = null;
  let nextClass = 7;
  /** Whether there is something to read. */
  let drawn = false;

  const ask = (): void => {
    clearTimeout(timer);
    const wait = askEveryMs - (performance.now() - askedAt);
    if (wait > 0) {
      timer = setTimeout(ask, wait);
      return;
    }
    askedAt = performance.now();
    // A digit of the test set goes as it is.
    if (drawn) controller.predict(store.digit.peek()?.pixels ?? drawing(context));
  };
  const clear = (): void => {
    clearTimeout(timer);
    context.clearRect(0, 0, side, side);
    drawn = false;
    empty.hidden = false;
    attribute(canvas, { "aria-label": "A field to draw a digit in" });
    controller.forgetDrawing();
  };
  const line = (events: readonly PointerEvent[]): void => {
    const { left, top, width } = canvas.getBoundingClientRect();
    const scale = side / width;
    for (const { clientX, clientY } of events) context.lineTo((clientX - left) * scale, (clientY - top) * scale);
    context.stroke();
    drawn = true;
    ask();
  };

  return together(
    listen(canvas, "pointerdown", (event) => {
      if (event.button !== 0) return;
      // A digit of the test set is looked at, not drawn over.
      if (store.digit.peek()) clear();
      canvas.setPointerCapture(event.pointerId);
      pressed = event.pointerId;
      empty.hidden = true;
      context.strokeStyle = ink();
      [context.lineWidth, context.lineCap, context.lineJoin] = [pen, "round", "round"];
      context.beginPath();
      line([event, event]);
    }),
    listen(canvas, "pointermove", (event) => {
      if (pressed !== event.pointerId) return;
      const coalesced = event.getCoalescedEvents?.() ?? [];
      line(coalesced.length > 0 ? coalesced : [event]);
    }),
    listen(canvas, "pointerup", () => (pressed = null)),
    listen(canvas, "pointercancel", () => (pressed = null)),
    click(find<HTMLButtonElement>("#clear", panel), clear),
    click(find<HTMLButtonElement>("#use", panel), () => {
      controller.digit(nextClass);
      nextClass = (nextClass + 3) % 10;
    }),
    listen(panel, "keydown", (event) => {
      if (!/^\d$/.test(event.key) || event.ctrlKey || event.metaKey || event.altKey) return;
      controller.digit(Number(event.key));
      event.preventDefault();
    }),
    effect(() => {
      const digit = store.digit.value;
      if (!digit) return;
      show(context, digit, ink());
      drawn = true;
      empty.hidden = true;
      attribute(canvas, { "aria-label": `Test digit ${digit.index}, a ${digit.label}` });
      ask();
    }),
    effect(() => {
      void store.news.value;
      if (drawn && pressed === null && performance.now() - askedAt > askAgainMs) ask();
    }),
    effect(() => {
      // The model of the last step is what stays.
      if (!store.active.value && drawn) ask();
    }),
    effect(() => {
      void store.theme.value;
      recolor(context, ink());
    }),
    onFrame(
      () => store.prediction.value,
      () => bars.show(store.prediction.value?.probabilities),
    ),
    onFrame(
      () => [store.prediction.value, store.aside.value, store.curves.value],
      () => text(find("#reading", panel), reading(store)),
    ),
  );
}

function reading({ prediction, aside, curves }: MnistStore): string {
  if (aside.value) return aside.value;
  if (!prediction.value) return curves.value ? "" : "The model is untrained: expect noise.";
  const { probabilities, step } = prediction.value;
  const best = probabilities.indexOf(Math.max(...probabilities));
  const model = step === 0 ? "untrained: expect noise" : `model at step ${step}`;
  return `Looks like ${best} (${percent(probabilities[best])}), ${model}.`;
}

function barsOf(list: HTMLElement): { show(probabilities: Float32Array | undefined): void } {
  const rows = Array.from({ length: 10 }, (_, label) => {
    const bar = make("i");
    const figure = make("span", { class: "num" }, "–");
    const row = make("li", {}, make("span", {}, String(label)), make("span", {}, bar), figure);
    return { row, bar, figure };
  });
  list.replaceChildren(...rows.map(({ row }) => row));
  return {
    show(probabilities) {
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

function drawing(context: CanvasRenderingContext2D): Uint8Array {
  const { data } = context.getImageData(0, 0, side, side);
  return pictureOf(
    Uint8Array.from({ length: side * side }, (_, i) => data[i * 4 + 3]),
    side,
  );
}

/** A digit of the data set, large. */
function show(context: CanvasRenderingContext2D, { pixels }: Digit, color: string): void {
  const picture = new OffscreenCanvas(pictureSize, pictureSize);
  const small = picture.getContext("2d")!;
  const image = small.createImageData(pictureSize, pictureSize);
  for (const [i, value] of pixels.entries()) image.data[i * 4 + 3] = value;
  small.putImageData(image, 0, 0);
  context.clearRect(0, 0, side, side);
  context.imageSmoothingEnabled = false;
  context.drawImage(picture, 0, 0, side, side);
  recolor(context, color);
}

/** What is there keeps its shape, and takes the colour. */
function recolor(context: CanvasRenderingContext2D, color: string): void {
  context.save();
  context.globalCompositeOperation = "source-in";
  context.fillStyle = color;
  context.fillRect(0, 0, side, side);
  context.restore();
}
