/** All channels at a glance, and the channel picker: ring is the batch's value, dot the moving one, dashes the other run. */
import { statistic, tickLabel } from "../store/format.ts";
import { valueAt, type Statistic } from "../store/results.ts";
import type { Store } from "../store/store.ts";
import { colorsOf, fitted, fontOf, type Colors } from "./canvas.ts";
import { moveChannel, setChannel } from "./channelStep.ts";
import { attribute, find, listen, together, type Dispose } from "./dom.ts";
import { onFrame, onResize } from "./frame.ts";

const height = 104;
const margin = { left: 44, right: 20, top: 8, bottom: 20 };

export function stripView(strip: HTMLElement, of: Statistic, store: Store): Dispose {
  const canvas = find<HTMLCanvasElement>("canvas", strip);
  const colors = colorsOf(store.theme);
  const channels = (): number => store.results.value?.channels ?? 32;
  attribute(strip, { role: "slider", tabindex: 0, "aria-label": `Channel, by moving ${of}`, "aria-valuemin": 0 });
  const draw = (): void => {
    const context = fitted(canvas, height);
    if (context) paint(context, canvas.clientWidth, of, store, colors);
  };
  const pick = (event: PointerEvent): void => {
    const { left, width } = canvas.getBoundingClientRect();
    const room = width - margin.left - margin.right;
    setChannel(store, Math.floor(((event.clientX - left - margin.left) / room) * channels()));
  };
  return together(
    onFrame(
      () => [store.step.value, store.news.value, store.channel.value, store.theme.value],
      () => {
        draw();
        attribute(strip, {
          "aria-valuemax": channels() - 1,
          "aria-valuenow": store.channel.value,
          "aria-valuetext": spoken(of, store),
        });
      },
    ),
    onResize(canvas, draw),
    listen(strip, "pointerdown", (event) => {
      if (event.button === 0) pick(event);
    }),
    listen(strip, "pointermove", (event) => {
      if (event.buttons === 1) pick(event);
    }),
    listen(strip, "keydown", (event) => {
      const by = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageUp: 8, PageDown: -8 }[event.key];
      if (by !== undefined) moveChannel(store, by);
      else if (event.key === "Home") setChannel(store, 0);
      else if (event.key === "End") setChannel(store, channels() - 1);
      else return;
      event.preventDefault();
    }),
  );
}

function spoken(of: Statistic, store: Store): string {
  const [results, channel] = [store.results.value, store.channel.value];
  if (!results || results.done < 0) return `channel ${channel}`;
  const moving = statistic(valueAt(results, of, "with", store.step.value, channel));
  const batch = results.batch ? `, batch ${statistic(results.batch[of][channel])}` : "";
  return `channel ${channel}, moving ${of} ${moving}${batch}`;
}

function paint(context: CanvasRenderingContext2D, width: number, of: Statistic, store: Store, colors: Colors): void {
  const results = store.results.value;
  const channels = results?.channels ?? 32;
  const cell = (width - margin.left - margin.right) / channels;
  const x = (channel: number): number => margin.left + cell * (channel + 0.5);
  const floor = height - margin.bottom;

  context.font = fontOf(12);
  context.fillStyle = colors("ink-2");
  context.textAlign = "right";
  context.fillText("ch", margin.left - 8, height - 5);
  context.textAlign = "center";
  for (const channel of [0, 8, 16, 24, channels - 1])
    if (channel < channels) context.fillText(String(channel), x(channel), height - 5);

  const chosen = store.channel.value;
  context.strokeStyle = colors("accent");
  context.lineWidth = 1.6;
  context.beginPath();
  context.roundRect(x(chosen) - cell / 2, 2, cell, floor + 2, 3);
  context.stroke();
  if (!results || results.done < 0 || !results.batch) {
    line(context, margin.left, floor, width - margin.right, floor, colors("line-2"), 1);
    return;
  }

  const batch = results.batch[of];
  const start = valueAt(results, of, "with", 0, 0);
  const ends = [0, start, ...batch];
  const [least, most] = [Math.min(...ends), Math.max(...ends)];
  const y = (value: number): number =>
    margin.top + ((most - value) / (most - least || 1)) * (floor - margin.top - 4) + 2;

  context.textAlign = "right";
  context.fillStyle = colors("ink-2");
  for (const tick of ticks(least, most)) {
    line(context, margin.left, y(tick), width - margin.right, y(tick), colors(tick === 0 ? "line-2" : "line"), 1);
    context.fillText(tickLabel(tick), margin.left - 8, y(tick) + 4);
  }
  const radius = Math.min(3.6, cell * 0.3);
  for (let channel = 0; channel < channels; channel++) {
    const moving = y(valueAt(results, of, "with", store.step.value, channel));
    const goal = y(batch[channel]);
    line(context, x(channel), y(start), x(channel), moving, colors("with"), 2);
    line(context, x(channel), moving, x(channel), goal, colors("line-2"), 1);
    circle(context, x(channel), goal, radius, colors("surface"), colors("ink-2"));
    circle(context, x(channel), moving, radius, colors("with"), null);
  }
  context.setLineDash([5, 3]);
  for (let channel = 0; channel < channels; channel++) {
    const kept = y(valueAt(results, of, "without", store.step.value, channel));
    line(context, x(channel) - cell / 2, kept, x(channel) + cell / 2, kept, colors("without"), 2);
  }
  context.setLineDash([]);
}

/** Round values within the range: two to four of them. */
function ticks(least: number, most: number): number[] {
  const rough = (most - least) / 3;
  const unit = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((n) => n * unit).find((n) => n >= rough)!;
  const found: number[] = [];
  for (let tick = Math.ceil(least / step) * step; tick <= most; tick += step) found.push(tick === 0 ? 0 : tick);
  return found;
}

function line(
  context: CanvasRenderingContext2D,
  x1: number,
  y1: number,
  x2: number,
  y2: number,
  color: string,
  width: number,
): void {
  context.strokeStyle = color;
  context.lineWidth = width;
  context.beginPath();
  context.moveTo(x1, y1);
  context.lineTo(x2, y2);
  context.stroke();
}

function circle(
  context: CanvasRenderingContext2D,
  x: number,
  y: number,
  radius: number,
  fill: string,
  stroke: string | null,
): void {
  context.beginPath();
  context.arc(x, y, radius, 0, 7);
  context.fillStyle = fill;
  context.fill();
  if (stroke === null) return;
  context.strokeStyle = stroke;
  context.lineWidth = 1.3;
  context.stroke();
}
