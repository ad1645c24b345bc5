/** A moving statistic of one channel by step, both runs: uPlot for axes, lines and cursor, the rest on its canvas. */
import { effect } from "@preact/signals-core";
import uPlot from "uplot";
import { atMost, exact, statistic, tickLabel } from "../store/format.ts";
import { deviation, expectedAt, valueAt, type Results, type Statistic } from "../store/results.ts";
import type { Store } from "../store/store.ts";
import { colorsOf, fontOf, type Colors } from "./canvas.ts";
import { attribute, find, together, type Dispose } from "./dom.ts";
import { onFrame, onResize } from "./frame.ts";

const sync = "steps";
const gap = 20;

/** Making a chart is the longest thing that the page does: one a frame. */
let making = false;

export function plotView(figure: HTMLElement, of: Statistic, store: Store): Dispose {
  const chart = find(".chart", figure);
  const empty = find(".empty", chart);
  const colors = colorsOf(store.theme);
  let plot: uPlot | null = null;
  let madeFor = "";

  const draw = (): void => {
    const results = store.results.value;
    if (chart.clientWidth === 0) return;
    const key = [store.theme.value, chart.clientHeight].join();
    if (!plot || madeFor !== key) {
      if (making) return void requestAnimationFrame(draw);
      making = true;
      requestAnimationFrame(() => (making = false));
      plot?.destroy();
      madeFor = key;
      plot = new uPlot(optionsFor(chart, of, store, colors), dataOf(of, store), chart);
      attribute(plot.ctx.canvas, { role: "img", "aria-label": summary(results, of, store.channel.value) });
    }
    empty.hidden = results !== null && results.done >= 0;
    if (plot.width !== chart.clientWidth) plot.setSize({ width: chart.clientWidth, height: chart.clientHeight });
    plot.setData(dataOf(of, store));
  };

  return together(
    onFrame(
      () => [
        store.news.value,
        store.results.value,
        store.step.value,
        store.channel.value,
        store.theme.value,
        store.settings.value,
      ],
      draw,
    ),
    onFrame(
      () => store.hover.value,
      () => plot?.redraw(false, false),
    ),
    onResize(chart, draw),
    // Summaries are renewed when the run rests.
    effect(() => {
      const { kind } = store.phase.value;
      const [channel, results] = [store.channel.value, store.results.value];
      if ((kind === "stopped" || kind === "finished") && results) {
        requestAnimationFrame(
          () => plot && attribute(plot.ctx.canvas, { "aria-label": summary(results, of, channel) }),
        );
        find(".dots", figure).lastChild!.textContent = dotsCaption(results, of, channel);
      }
    }),
    () => plot?.destroy(),
  );
}

function dataOf(of: Statistic, store: Store): uPlot.AlignedData {
  const [results, step, channel] = [store.results.value, store.step.value, store.channel.value];
  if (!results || results.done < 0) return [[0], [null], [null]];
  const steps = Array.from({ length: results.steps + 1 }, (_, k) => k);
  const line = (run: "with" | "without"): (number | null)[] =>
    steps.map((k) => (k <= step ? valueAt(results, of, run, k, channel) : null));
  return [steps, line("without"), line("with")];
}

/** From the start to the batch's value, with a margin: nothing rescales while it runs. */
function domain(results: Results | null, of: Statistic, channel: number): [number, number] {
  if (!results || results.done < 0) return [0, 1];
  const start = valueAt(results, of, "with", 0, channel);
  const ends = [start, results.batch?.[of][channel] ?? start + 1];
  const [least, most] = [Math.min(...ends), Math.max(...ends)];
  const margin = 0.08 * (most - least || 1);
  return [least - margin, most + margin];
}

function optionsFor(chart: HTMLElement, of: Statistic, store: Store, colors: Colors): uPlot.Options {
  const axis: uPlot.Axis = {
    stroke: colors("ink-2"),
    font: fontOf(12),
    labelFont: fontOf(12),
    grid: { stroke: colors("line"), width: 1 },
    ticks: { show: false },
  };
  return {
    width: chart.clientWidth,
    height: chart.clientHeight,
    padding: [22, gap, 0, 0],
    legend: { show: false },
    scales: {
      x: { time: false, range: () => [0, store.results.value?.steps ?? store.settings.value.steps] },
      y: { range: () => domain(store.results.value, of, store.channel.value) },
    },
    axes: [
      { ...axis, size: 26, gap: 6, grid: { show: false }, values: (_, ticks) => ticks.map(stepTick) },
      {
        ...axis,
        size: 44,
        gap: 8,
        values: (_, ticks) =>
          ticks.map((tick) => (store.done.value < 0 || !store.results.value ? "" : tickLabel(tick))),
      },
    ],
    series: [
      {},
      { stroke: colors("without"), width: 2.25, dash: [7, 4], points: { show: false } },
      { stroke: colors("with"), width: 3, points: { show: false } },
    ],
    cursor: {
      sync: { key: sync, setSeries: false },
      drag: { x: false, y: false },
      y: false,
      points: { show: false },
    },
    hooks: {
      drawAxes: [(plot) => drawRules(plot, of, store, colors)],
      draw: [(plot) => drawMarks(plot, of, store, colors)],
      setCursor: [
        (plot) => {
          const at = plot.cursor.idx;
          store.hover.value = at == null || (plot.cursor.left ?? -1) < 0 ? null : at;
        },
      ],
    },
  };
}

function stepTick(step: number): string {
  return Number.isInteger(step) ? String(step) : "";
}

/** Below the lines: the batch's value, and where the run is expected to go. */
function drawRules(plot: uPlot, of: Statistic, store: Store, colors: Colors): void {
  const results = store.results.value;
  if (!results || results.done < 0) return;
  const { batch } = results;
  const context = plot.ctx;
  context.save();
  context.strokeStyle = context.fillStyle = colors("ink-2");
  const { left, width } = plot.bbox;
  if (batch) {
    const value = batch[of][store.channel.value];
    const y = plot.valToPos(value, "y", true);
    context.lineWidth = uPlot.pxRatio;
    context.beginPath();
    context.moveTo(left, y);
    context.lineTo(left + width, y);
    context.stroke();
    const label = `batch ${of} ${statistic(value)}`;
    const below = value < valueAt(results, of, "with", 0, store.channel.value);
    write(
      plot,
      label,
      left + 6 * uPlot.pxRatio,
      y + (below ? -6 : 15) * uPlot.pxRatio,
      "left",
      400,
      colors("ink-2"),
      colors,
    );
  }
  drawDots(plot, of, store, store.step.value + 1, results.steps, 0.65);
  context.restore();
}

/** Above the lines: beads where the run was expected, its ends and their values. */
function drawMarks(plot: uPlot, of: Statistic, store: Store, colors: Colors): void {
  const results = store.results.value;
  if (!results || results.done < 0) return;
  const { channel, step, hover } = store;
  const context = plot.ctx;
  context.save();
  context.fillStyle = colors("surface");
  drawDots(plot, of, store, 0, step.value, 0.65);
  const at = hover.value !== null && hover.value <= step.value ? hover.value : step.value;
  const ratio = uPlot.pxRatio;
  const x = plot.valToPos(at, "x", true);
  const [withValue, withoutValue] = (["with", "without"] as const).map((run) =>
    valueAt(results, of, run, at, channel.value),
  );
  const [y, flat] = [plot.valToPos(withValue, "y", true), plot.valToPos(withoutValue, "y", true)];
  context.fillStyle = colors("with");
  context.beginPath();
  context.arc(x, y, 4.5 * ratio, 0, 7);
  context.fill();
  context.fillStyle = colors("without");
  context.fillRect(x - 4 * ratio, flat - 4 * ratio, 8 * ratio, 8 * ratio);
  // To the left of the line's end once there is room; the step under the cursor says its number.
  const left = x > plot.bbox.left + plot.bbox.width / 2;
  const side = left ? "right" : "left";
  const tx = x + (left ? -10 : 10) * ratio;
  const say = hover.value !== null && hover.value <= step.value ? ` at step ${at}` : "";
  // The rising line's name stands above both, the falling one's below.
  const falls = y > flat;
  const near = Math.abs(y - flat) < 44 * ratio;
  const beside = !left && !near;
  const above = near ? Math.min(y - 14 * ratio, flat - 26 * ratio) : y - 14 * ratio;
  const withY = beside ? y + 4 * ratio : falls ? y + 24 * ratio : above;
  write(plot, `with ${statistic(withValue)}${say}`, tx, withY, side, 600, colors("with"), colors);
  write(plot, `without ${statistic(withoutValue)}`, tx, flat - 9 * ratio, side, 600, colors("without"), colors);
  context.restore();
}

/** Dots about 5 px apart on the expected curve. */
function drawDots(plot: uPlot, of: Statistic, store: Store, from: number, to: number, radius: number): void {
  const results = store.results.value!;
  if (!results.batch) return;
  const { pxRatio } = uPlot;
  const every = 5 / (plot.bbox.width / pxRatio / results.steps);
  plot.ctx.beginPath();
  for (let k = Math.ceil(from / every) * every; k <= to; k += every) {
    const expected = expectedAt(results, of, k, store.channel.value);
    if (expected === null) break;
    const [x, y] = [plot.valToPos(k, "x", true), plot.valToPos(expected, "y", true)];
    plot.ctx.moveTo(x, y);
    plot.ctx.arc(x, y, radius * pxRatio, 0, 7);
  }
  plot.ctx.fill();
}

/** Text with a halo of the ground, so that lines do not run through it. */
function write(
  plot: uPlot,
  words: string,
  x: number,
  y: number,
  align: CanvasTextAlign,
  weight: number,
  color: string,
  colors: Colors,
): void {
  const context = plot.ctx;
  const ratio = uPlot.pxRatio;
  context.font = fontOf(12.5 * ratio, weight);
  context.textAlign = align;
  context.textBaseline = "alphabetic";
  context.lineJoin = "round";
  context.lineWidth = 4 * ratio;
  context.strokeStyle = colors("surface");
  const { top, height } = plot.bbox;
  const inside = Math.min(Math.max(y, top - 8 * ratio), top + height - 4 * ratio);
  context.strokeText(words, x, inside);
  context.fillStyle = color;
  context.fillText(words, x, inside);
}

function summary(results: Results | null, of: Statistic, channel: number): string {
  if (!results || results.done < 0) return `Moving ${of} by step: no run yet.`;
  const at = (run: "with" | "without", step: number): string => statistic(valueAt(results, of, run, step, channel));
  const batch = results.batch ? ` Batch value ${statistic(results.batch[of][channel])}.` : "";
  return `Moving ${of}, channel ${channel}, steps 0 to ${results.done}. With: from ${at("with", 0)} to ${at("with", results.done)}. Without: ${at("without", results.done)}.${batch}`;
}

function dotsCaption(results: Results, of: Statistic, channel: number): string {
  if (results.momentum === null) return "The momentum is computed in the run: no expected curve.";
  const off = deviation(results, of, channel);
  return `Dots: expected, 1 − ${exact(results.momentum)}ᵏ of the way to the batch ${of}. Off by ${atMost(off)} at most.`;
}
