/** Canvases in device pixels, with the colours of the tokens. */
import type { Signal } from "@preact/signals-core";

export type Colors = (token: string) => string;

let cached = new Map<string, string>();
let cachedFor = -1;

/** Reads tokens; anew after a change of theme. */
export function colorsOf(theme: Signal<number>): Colors {
  return (token) => {
    if (cachedFor !== theme.value) [cached, cachedFor] = [new Map(), theme.value];
    let color = cached.get(token);
    if (color === undefined) {
      color = getComputedStyle(document.documentElement).getPropertyValue(`--${token}`).trim();
      cached.set(token, color);
    }
    return color;
  };
}

/** A context whose unit is a CSS pixel, cleared; null while the canvas is not shown. */
export function fitted(canvas: HTMLCanvasElement, height: number): CanvasRenderingContext2D | null {
  const { clientWidth } = canvas;
  const context = canvas.getContext("2d");
  if (clientWidth === 0 || !context) return null;
  const ratio = devicePixelRatio;
  const [w, h] = [Math.round(clientWidth * ratio), Math.round(height * ratio)];
  if (canvas.width !== w || canvas.height !== h) [canvas.width, canvas.height] = [w, h];
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, clientWidth, height);
  return context;
}

/** The page's own font, for text in a canvas. */
export function fontOf(size: number, weight = 400): string {
  return `${weight} ${size}px ${getComputedStyle(document.body).fontFamily}`;
}
