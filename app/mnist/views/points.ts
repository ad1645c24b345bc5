/** The raw points of a curve: each is drawn once, into a picture of its own, that the plot then shows below its lines. */
import uPlot from "uplot";
import type { Colors } from "../../views/canvas.ts";
import { shown, type CurveName, type Curves } from "../curves.ts";

const opacity = 0.35;
const size = 2;

export class Points {
  readonly #of: CurveName;
  readonly #colors: Colors;
  readonly #layer = document.createElement("canvas");
  /** What has been drawn, and under which scales. */
  #key = "";
  #values: Float32Array | null = null;
  #drawn = 0;

  constructor(of: CurveName, colors: Colors) {
    this.#of = of;
    this.#colors = colors;
  }

  draw(plot: uPlot, curves: Curves): void {
    const context = this.#layer.getContext("2d");
    const { left, top, width, height } = plot.bbox;
    if (!context || width === 0 || height === 0) return;
    const { x, y } = plot.scales;
    const color = this.#colors("with");
    const key = [left, top, width, height, x.max, y.min, y.max, y.distr, color].join();
    if (this.#key !== key || this.#values !== curves[this.#of]) {
      // A new size clears it.
      [this.#layer.width, this.#layer.height] = [width, height];
      [this.#key, this.#values, this.#drawn] = [key, curves[this.#of], 0];
    }
    context.fillStyle = color;
    context.globalAlpha = opacity;
    const side = size * uPlot.pxRatio;
    for (; this.#drawn < curves.done; this.#drawn++) {
      const value = shown(this.#of, this.#values[this.#drawn]);
      if (value === null) continue;
      const across = plot.valToPos(this.#drawn + 1, "x", true) - left;
      const down = plot.valToPos(value, "y", true) - top;
      context.fillRect(across - side / 2, down - side / 2, side, side);
    }
    plot.ctx.drawImage(this.#layer, left, top);
  }
}
