/** A curve by step: raw points, their mean, and what was held out. uPlot has the axes; it is made once and fed with data. */
import uPlot from "uplot";
import { colorsOf, fontOf } from "../../views/canvas.ts";
import { percent } from "../../store/format.ts";
import { attribute, find, text, together, type Dispose } from "../../views/dom.ts";
import { onFrame, onResize } from "../../views/frame.ts";
import { heldOutAt, meanOver, type CurveName } from "../curves.ts";
import type { MnistStore } from "../store.ts";

/** Drawing more points than this takes longer than a frame has; the caption then says how many steps a point stands for. */
const maxPoints = 3000;

/** Where the scale of accuracies begins. What lies below is told in figures. */
const floor = 90;

export function curveView(figure: HTMLElement, of: CurveName, store: MnistStore): Dispose {
  const chart = find(".chart", figure);
  const empty = find(".empty", chart);
  const points = find(".points", figure);
  const held = figure.querySelector("#held");
  const colors = colorsOf(store.theme);
  let plot: uPlot | null = null;
  let madeFor = "";

  const options = (): uPlot.Options => {
    const axis: uPlot.Axis = {
      stroke: colors("ink-2"),
      font: fontOf(12),
      labelFont: fontOf(12),
      grid: { stroke: colors("line"), width: 1 },
      ticks: { show: false },
    };
    const log = of === "loss" && store.logLoss.value;
    const tick = (value: number): string =>
      of === "loss" ? String(Number(value.toPrecision(2))) : `${Math.round(value)} %`;
    return {
      width: chart.clientWidth,
      height: chart.clientHeight,
      padding: [12, 16, 0, 0],
      legend: { show: false },
      cursor: {
        drag: { x: false, y: false },
        y: false,
        points: { show: false },
        sync: { key: "mnist", setSeries: false },
      },
      scales: {
        x: { time: false, range: () => [0, store.curves.value?.steps ?? 100] },
        y:
          of === "accuracy"
            ? { range: () => [floor, 100] }
            : log
              ? { distr: 3 }
              : { range: (_, __, most) => [0, most || 1] },
      },
      axes: [
        { ...axis, size: 26, gap: 6, grid: { show: false } },
        { ...axis, size: 48, gap: 8, values: (_, ticks) => ticks.map((value) => (value === null ? "" : tick(value))) },
      ],
      series: [
        {},
        {
          paths: () => null,
          points: { show: true, size: 3, width: 0, fill: `color-mix(in srgb, ${colors("with")} 35%, transparent)` },
        },
        { stroke: colors("with"), width: 2.25, points: { show: false }, spanGaps: true },
        ...(of === "accuracy"
          ? [
              {
                stroke: colors("ink"),
                width: 2.25,
                dash: [7, 4],
                points: { show: true, size: 7, fill: colors("ink"), filter: aboveFloor },
                spanGaps: true,
              },
            ]
          : []),
      ],
      hooks: {
        drawAxes: [(made) => drawEpochs(made, store, colors("line-2"))],
        draw: [
          (made) => drawBroken(made, store, colors("error")),
          ...(of === "accuracy" ? [(made: uPlot) => drawBelow(made, store, colors("ink"))] : []),
        ],
      },
    };
  };

  const draw = (): void => {
    if (chart.clientWidth === 0) return;
    const key = [store.theme.value, chart.clientHeight, store.logLoss.value].join();
    if (!plot || madeFor !== key) {
      plot?.destroy();
      madeFor = key;
      plot = new uPlot(options(), dataOf(of, store), chart);
      attribute(plot.ctx.canvas, { role: "img" });
    }
    const curves = store.curves.value;
    empty.hidden = (curves?.done ?? 0) > 0;
    text(points, pointWords(curves ? strideOf(curves.done) : 1));
    if (held)
      text(held, curves && heldOutAt(curves, curves.done) ? percent(heldOutAt(curves, curves.done)!.accuracy) : "–");
    // Renewed when the run rests, and not with every step.
    if (!store.active.value) attribute(plot.ctx.canvas, { "aria-label": summary(of, store) });
    if (plot.width !== chart.clientWidth) plot.setSize({ width: chart.clientWidth, height: chart.clientHeight });
    plot.setData(dataOf(of, store));
  };

  return together(
    onFrame(
      () => [store.news.value, store.curves.value, store.theme.value, store.logLoss.value, store.active.value],
      draw,
    ),
    onResize(chart, draw),
    () => plot?.destroy(),
  );
}

/** What is on the floor has a mark of its own. */
function aboveFloor(plot: uPlot, series: number): number[] {
  return Array.from(plot.data[series], (value, i) => ((value ?? floor) > floor ? i : -1)).filter((i) => i >= 0);
}

/** How many steps a point stands for. */
function strideOf(done: number): number {
  return Math.max(1, Math.ceil(done / maxPoints));
}

function pointWords(stride: number): string {
  return stride === 1 ? "each step" : `one step in ${stride}`;
}

function dataOf(of: CurveName, store: MnistStore): uPlot.AlignedData {
  const curves = store.curves.value;
  const scale = of === "accuracy" ? 100 : 1;
  if (!curves || curves.done === 0) return of === "accuracy" ? [[0], [null], [null], [null]] : [[0], [null], [null]];
  const stride = strideOf(curves.done);
  const steps: number[] = [];
  const raw: (number | null)[] = [];
  const mean: (number | null)[] = [];
  const shown = (value: number): number | null => {
    if (Number.isNaN(value)) return null;
    return of === "accuracy" ? Math.max(floor, value * scale) : value;
  };
  for (let i = stride - 1; i < curves.done; i += stride) {
    steps.push(i + 1);
    raw.push(shown(curves[of][i]));
    mean.push(shown(curves.means[of][i]));
  }
  if (of === "loss") return [steps, raw, mean];
  const heldOut = new Array<number | null>(steps.length).fill(null);
  for (const { step, accuracy } of curves.validations) {
    const at = Math.ceil(step / stride) - 1;
    if (at >= 0 && at < heldOut.length) heldOut[at] = shown(accuracy);
  }
  return [steps, raw, mean, heldOut];
}

function drawEpochs(plot: uPlot, store: MnistStore, color: string): void {
  const curves = store.curves.value;
  if (!curves) return;
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.strokeStyle = color;
  ctx.lineWidth = uPlot.pxRatio;
  ctx.beginPath();
  for (let step = curves.stepsPerEpoch; step < curves.steps; step += curves.stepsPerEpoch) {
    const x = Math.round(plot.valToPos(step, "x", true)) + 0.5;
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
  }
  ctx.stroke();
  ctx.restore();
}

/** A cross where a step could not be made. */
function drawBroken(plot: uPlot, store: MnistStore, color: string): void {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.fillStyle = color;
  ctx.font = fontOf(14 * uPlot.pxRatio, 700);
  [ctx.textAlign, ctx.textBaseline] = ["center", "top"];
  for (const step of store.curves.value?.broken ?? []) ctx.fillText("✕", plot.valToPos(step, "x", true), bbox.top);
  ctx.restore();
}

/** Held-out accuracies below the scale: a mark on the floor, with the figure as far as there is room. */
function drawBelow(plot: uPlot, store: MnistStore, color: string): void {
  const { ctx, bbox } = plot;
  const ratio = uPlot.pxRatio;
  const bottom = bbox.top + bbox.height;
  const right = bbox.left + bbox.width;
  ctx.save();
  ctx.fillStyle = color;
  ctx.font = fontOf(12 * ratio);
  [ctx.textAlign, ctx.textBaseline] = ["left", "alphabetic"];
  let free = Infinity;
  // From the newest back: that one always has its figure.
  for (const { step, accuracy } of (store.curves.value?.validations ?? []).toReversed()) {
    if (accuracy * 100 >= floor) continue;
    const x = plot.valToPos(step, "x", true);
    ctx.beginPath();
    ctx.moveTo(x - 5 * ratio, bottom - 8 * ratio);
    ctx.lineTo(x + 5 * ratio, bottom - 8 * ratio);
    ctx.lineTo(x, bottom);
    ctx.fill();
    const words = `${Math.round(accuracy * 100)} %`;
    const { width } = ctx.measureText(words);
    const left = Math.max(bbox.left, Math.min(x - width / 2, right - width));
    if (left + width > free) continue;
    ctx.fillText(words, left, bottom - 14 * ratio);
    free = left - 8 * ratio;
  }
  ctx.restore();
}

function summary(of: CurveName, store: MnistStore): string {
  const curves = store.curves.value;
  if (!curves || curves.done === 0) return `${of === "loss" ? "Loss" : "Accuracy"} by step: no run yet.`;
  const mean = curves.means[of][curves.done - 1];
  if (of === "loss") return `Loss by step, ${curves.done} steps. Mean of the last ${meanOver}: ${mean.toFixed(4)}.`;
  const held = heldOutAt(curves, curves.done);
  const heldWords = held ? ` Held-out: ${percent(held.accuracy)} at step ${held.step}.` : "";
  return `Accuracy by step, ${curves.done} steps. Training, mean of the last ${meanOver}: ${percent(mean)}.${heldWords}`;
}
