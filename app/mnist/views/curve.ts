/** A curve by step: raw points, their mean, and what was held out. uPlot has the axes; it is made once and fed with data. */
import uPlot from "uplot";
import { colorsOf, fontOf } from "../../views/canvas.ts";
import { attribute, find, together, type Dispose } from "../../views/dom.ts";
import { onFrame, onResize } from "../../views/frame.ts";
import { movingMean, type MnistStore } from "../store.ts";

/** Steps in the mean that is drawn over the points. */
export const meanOver = 20;

/** More points than this a plot need not show: it has fewer pixels. */
const maxPoints = 1200;

export function curveView(figure: HTMLElement, of: "loss" | "accuracy", store: MnistStore): Dispose {
  const chart = find(".chart", figure);
  const empty = find(".empty", chart);
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
    const tick = (value: number): string => (of === "loss" ? String(Number(value.toPrecision(2))) : `${Math.round(value)} %`);
    return {
      width: chart.clientWidth,
      height: chart.clientHeight,
      padding: [12, 16, 0, 0],
      legend: { show: false },
      cursor: { drag: { x: false, y: false }, y: false, points: { show: false }, sync: { key: "mnist", setSeries: false } },
      scales: {
        x: { time: false, range: () => [0, store.curves.value?.steps ?? 100] },
        y: of === "accuracy" ? { range: () => [90, 100] } : log ? { distr: 3 } : { range: (_, __, most) => [0, most || 1] },
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
          ? [{ stroke: colors("ink"), width: 2.25, dash: [7, 4], points: { show: true, size: 7, fill: colors("ink") }, spanGaps: true }]
          : []),
      ],
      hooks: { drawAxes: [(made) => drawEpochs(made, store, colors("line-2"))] },
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
    empty.hidden = (store.curves.value?.done ?? 0) > 0;
    attribute(plot.ctx.canvas, { "aria-label": summary(of, store) });
    if (plot.width !== chart.clientWidth) plot.setSize({ width: chart.clientWidth, height: chart.clientHeight });
    plot.setData(dataOf(of, store));
  };

  return together(
    onFrame(() => [store.news.value, store.curves.value, store.theme.value, store.logLoss.value], draw),
    onResize(chart, draw),
    () => plot?.destroy(),
  );
}

/** Points are thinned to what the plot can show; the mean is taken over all before. */
function dataOf(of: "loss" | "accuracy", store: MnistStore): uPlot.AlignedData {
  const curves = store.curves.value;
  const scale = of === "accuracy" ? 100 : 1;
  if (!curves || curves.done === 0) return of === "accuracy" ? [[0], [null], [null], [null]] : [[0], [null], [null]];
  const values = curves[of];
  const means = movingMean(values, curves.done, meanOver);
  const every = Math.max(1, Math.ceil(curves.done / maxPoints));
  const steps: number[] = [];
  const raw: (number | null)[] = [];
  const mean: (number | null)[] = [];
  for (let i = every - 1; i < curves.done; i += every) {
    steps.push(i + 1);
    raw.push(Number.isNaN(values[i]) ? null : clamp(of, values[i] * scale));
    const at = means[i];
    mean.push(at === null ? null : clamp(of, at * scale));
  }
  if (of === "loss") return [steps, raw, mean];
  const held = new Map(curves.validations.map(({ step, accuracy }) => [step, accuracy]));
  const heldOut = steps.map((step) => {
    for (let at = step; at > step - every; at--) if (held.has(at)) return clamp(of, held.get(at)! * scale);
    return null;
  });
  return [steps, raw, mean, heldOut];
}

/** What lies below the plot is drawn on its floor. */
function clamp(of: "loss" | "accuracy", value: number): number {
  return of === "accuracy" ? Math.max(90, value) : value;
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
    ctx.moveTo(x, bbox.top + bbox.height - 8 * uPlot.pxRatio);
    ctx.lineTo(x, bbox.top + bbox.height);
  }
  ctx.stroke();
  ctx.restore();
}

function summary(of: "loss" | "accuracy", store: MnistStore): string {
  const curves = store.curves.value;
  if (!curves || curves.done === 0) return `${of === "loss" ? "Loss" : "Accuracy"} by step: no run yet.`;
  const mean = movingMean(curves[of], curves.done, meanOver).at(-1) ?? 0;
  if (of === "loss") return `Loss by step, ${curves.done} steps. Mean of the last ${meanOver}: ${mean.toFixed(4)}.`;
  const held = curves.validations.at(-1);
  const heldWords = held ? ` Held-out: ${(100 * held.accuracy).toFixed(1)} % at step ${held.step}.` : "";
  return `Accuracy by step, ${curves.done} steps. Training, mean of the last ${meanOver}: ${(100 * mean).toFixed(1)} %.${heldWords}`;
}
