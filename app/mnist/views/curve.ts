/** A curve by step: raw points, their mean, and what was held out. uPlot has the axes; it is made once and fed with data. */
import uPlot from "uplot";
import { colorsOf, fontOf } from "../../views/canvas.ts";
import { percent } from "../../store/format.ts";
import { attribute, find, text, together, type Dispose } from "../../views/dom.ts";
import { onFrame, onResize } from "../../views/frame.ts";
import { floor, heldOutAt, meanOver, shown, type CurveName } from "../curves.ts";
import type { MnistStore } from "../store.ts";
import { Points } from "./points.ts";

/** More points than this a line need not have: the plot has fewer pixels, and the mean moves slowly. */
const maxPoints = 1000;

export function curveView(figure: HTMLElement, of: CurveName, store: MnistStore): Dispose {
  const chart = find(".chart", figure);
  const empty = find(".empty", chart);
  const held = figure.querySelector("#held");
  const colors = colorsOf(store.theme);
  const points = new Points(of, colors);
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
            : { distr: log ? 3 : 1, range: () => lossScale(store, log) },
      },
      axes: [
        { ...axis, size: 26, gap: 6, grid: { show: false } },
        { ...axis, size: 48, gap: 8, values: (_, ticks) => ticks.map((value) => (value === null ? "" : tick(value))) },
      ],
      series: [
        {},
        { stroke: colors("with"), width: 2.25, points: { show: false }, spanGaps: true },
        {
          stroke: colors("ink"),
          width: 2.25,
          dash: [7, 4],
          points: { show: true, size: 7, fill: colors("ink"), filter: aboveFloor },
          spanGaps: true,
        },
      ],
      hooks: {
        drawAxes: [
          (made) => drawEpochs(made, store, colors("line-2")),
          (made) => store.curves.value && points.draw(made, store.curves.value),
        ],
        draw: [
          (made) => drawBroken(made, store, colors("error")),
          ...(of === "accuracy" ? [(made: uPlot) => drawBelow(made, store, colors("ink"), colors("surface"))] : []),
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
  const { min = 0 } = plot.scales.y;
  return Array.from(plot.data[series], (value, i) => ((value ?? min) > min ? i : -1)).filter((i) => i >= 0);
}

/** From zero to a round figure above, or over whole decades. */
function lossScale({ curves }: MnistStore, log: boolean): [least: number, most: number] {
  const { least, most } = curves.value?.lossRange ?? { least: Infinity, most: 0 };
  if (most === 0) return log ? [0.01, 1] : [0, 1];
  if (log) return [10 ** Math.floor(Math.log10(least)), 10 ** Math.ceil(Math.log10(most))];
  const unit = 10 ** Math.floor(Math.log10(most)) / 2;
  return [0, Math.ceil(most / unit) * unit];
}

function dataOf(of: CurveName, store: MnistStore): uPlot.AlignedData {
  const curves = store.curves.value;
  if (!curves || curves.done === 0) return [[0], [null], [null]];
  const stride = Math.ceil(curves.done / maxPoints);
  const steps: number[] = [];
  const mean: (number | null)[] = [];
  for (let i = stride - 1; i < curves.done; i += stride) {
    steps.push(i + 1);
    mean.push(shown(of, curves.means[of][i]));
  }
  const heldOut = new Array<number | null>(steps.length).fill(null);
  for (const validation of curves.validations) {
    const at = Math.ceil(validation.step / stride) - 1;
    if (at >= 0 && at < heldOut.length) heldOut[at] = shown(of, validation[of]);
  }
  return [steps, mean, heldOut];
}

function drawEpochs(plot: uPlot, store: MnistStore, color: string): void {
  const curves = store.curves.value;
  if (!curves) return;
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.strokeStyle = color;
  ctx.lineWidth = uPlot.pxRatio;
  ctx.setLineDash([2 * uPlot.pxRatio, 4 * uPlot.pxRatio]);
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
function drawBelow(plot: uPlot, store: MnistStore, color: string, ground: string): void {
  const { ctx, bbox } = plot;
  const ratio = uPlot.pxRatio;
  const bottom = bbox.top + bbox.height;
  const right = bbox.left + bbox.width;
  ctx.save();
  ctx.fillStyle = color;
  // A rim of the ground, for lines pass behind the figures.
  [ctx.strokeStyle, ctx.lineWidth, ctx.lineJoin] = [ground, 4 * ratio, "round"];
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
    ctx.strokeText(words, left, bottom - 14 * ratio);
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
