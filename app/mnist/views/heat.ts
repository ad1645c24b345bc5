/** A layer's moving mean by step and channel, seen from a batch: black far below, white far above, grey where it should be. */
import { attribute, find, text, together, type Dispose } from "../../views/dom.ts";
import { percent } from "../../store/format.ts";
import { onFrame } from "../../views/frame.ts";
import type { MnistStore } from "../store.ts";

const columns = 150;

export function heatView(figure: HTMLElement, store: MnistStore): Dispose {
  const layer = figure.dataset.layer ?? "";
  const canvas = find<HTMLCanvasElement>("canvas", figure);
  const words = find("figcaption p", figure);
  let drawn = 0;
  let of: object | null = null;
  return together(
    onFrame(
      () => [store.news.value, store.curves.value],
      () => {
        const curves = store.curves.value;
        const context = canvas.getContext("2d");
        const channels = curves?.layers.find(({ name }) => name === layer)?.channels ?? 0;
        if (!curves || !context || channels === 0) return;
        if (of !== curves) {
          [canvas.width, canvas.height, drawn, of] = [columns, channels, 0, curves];
          context.clearRect(0, 0, columns, channels);
        }
        const own = curves.columns.filter((column) => column.layer === layer);
        for (; drawn < own.length; drawn++) {
          const { step, deviation } = own[drawn];
          const from = Math.floor((step / curves.steps) * (columns - 1));
          const next = Math.floor(((step + curves.steps / columns) / curves.steps) * (columns - 1)) + 1;
          const width = Math.max(1, next - from);
          const picture = context.createImageData(width, channels);
          deviation.forEach((value, channel) => {
            const grey = Math.round(127.5 + 127.5 * Math.max(-1, Math.min(1, value)));
            for (let x = 0; x < width; x++) picture.data.set([grey, grey, grey, 255], (channel * width + x) * 4);
          });
          context.putImageData(picture, from, 0);
        }
        const last = own.at(-1);
        if (!last) return;
        const said =
          last.residual === null
            ? ""
            : `${last.updates ?? 0} updates, ${percent(last.residual)} of the initial values left`;
        text(words, said);
        const beyond = last.deviation.filter((value) => Math.abs(value) > 1).length;
        attribute(canvas, {
          "aria-label": `Layer ${layer}, step ${last.step}: ${said}. ${beyond} of ${channels} channels are more than one standard deviation off.`,
        });
      },
    ),
  );
}
