/** What inference gives: one channel of `net` as grey values from −3 to 3, its middle as numbers, facts over all channels. */
import type { MapSlice, ResultFacts, RunName } from "../compute/protocol.ts";
import type { Controller } from "../store/controller.ts";
import { exact, fixed, percent } from "../store/format.ts";
import type { Store } from "../store/store.ts";
import { all, attribute, find, make, text, together, type Dispose } from "./dom.ts";
import { onFrame } from "./frame.ts";

const limit = 3;
const patch = { from: 22, to: 28 };

export function resultMaps(section: HTMLElement, store: Store, controller: Controller): Dispose {
  const cards = (["with", "without"] as const).map((run) => ({
    run,
    card: find(`[data-result=${run}]`, section),
    canvases: all<HTMLCanvasElement>(`[data-map=${run}]`, section),
  }));
  for (const { card } of cards) find(".patch", card).append(emptyPatch(store.channel.value));
  return together(
    onFrame(
      () => [store.snapshots.value, store.step.value, store.channel.value, store.map.value],
      () => controller.wantMap(),
    ),
    onFrame(
      () => store.map.value,
      () => {
        const map = store.map.value;
        if (!map) return;
        for (const { run, card, canvases } of cards) showMap(map, run, card, canvases, store);
      },
    ),
    onFrame(
      () => [store.map.value, store.step.value, store.phase.value],
      () => {
        const map = store.map.value;
        text(
          find("#map-step", section),
          map && map.step !== store.step.value ? `, of step ${map.step}.` : ", one scale for both.",
        );
        for (const { run, card } of cards) {
          const facts = map ? store.snapshots.value.get(map.step)?.[run] : undefined;
          if (facts) showFacts(facts, card, store.phase.value.kind === "finished");
        }
      },
    ),
  );
}

function showMap(
  { step, channel, size, values }: MapSlice,
  run: RunName,
  card: HTMLElement,
  canvases: readonly HTMLCanvasElement[],
  store: Store,
): void {
  const image = new ImageData(size, size);
  for (const [i, value] of values[run].entries()) {
    const grey = greyOf(value);
    image.data.set([grey, grey, grey, 255], i * 4);
  }
  for (const canvas of canvases) {
    if (canvas.width !== size || canvas.height !== size) [canvas.width, canvas.height] = [size, size];
    canvas.getContext("2d")?.putImageData(image, 0, 0);
  }
  const facts = store.snapshots.value.get(step)?.[run];
  const beyond = facts ? ` ${percent(facts.beyond)} of all values lie beyond plus or minus 3.` : "";
  const name = `Inference ${run} the update ops after step ${step}, channel ${channel}.${beyond}`;
  for (const canvas of canvases) attribute(canvas, { "aria-label": name });
  const cells = all("td", card);
  const side = patch.to - patch.from;
  for (const [i, cell] of cells.entries()) {
    const value = values[run][(patch.from + Math.floor(i / side)) * size + patch.from + (i % side)];
    const grey = greyOf(value);
    cell.style.backgroundColor = `rgb(${grey} ${grey} ${grey})`;
    // The better of black and white by WCAG's contrast: they are equal at 18 % of luminance.
    cell.style.color = grey > 117 ? "#000" : "#fff";
    text(cell, fixed(value, Math.abs(value) >= 100 ? 1 : 2));
    attribute(cell, { title: exact(value) });
  }
  text(find("caption code", card), captionOf(channel));
}

function showFacts({ std, mean, beyond }: ResultFacts, card: HTMLElement, finished: boolean): void {
  text(find("[data-fact=std]", card), fixed(std, 2));
  text(find("[data-fact=mean]", card), fixed(mean, 2));
  text(find("[data-fact=beyond]", card), percent(beyond));
  // Normalised values are beyond 3 about once in a hundred times.
  text(find("[data-badge]", card), finished ? (beyond < 0.05 ? "● Normalised" : "▲ Not normalised") : "");
}

function greyOf(value: number): number {
  const share = (Math.max(-limit, Math.min(limit, value)) + limit) / (2 * limit);
  return Math.round(share * 255);
}

function captionOf(channel: number): string {
  return `result[0, ${patch.from}:${patch.to}, ${patch.from}:${patch.to}, ${channel}]`;
}

/** A grid with one tab stop; arrows move within it, and the cell in focus says all its digits. */
function emptyPatch(channel: number): HTMLTableElement {
  const side = patch.to - patch.from;
  const cells = Array.from({ length: side * side }, (_, i) =>
    make("td", { role: "gridcell", tabindex: i === 0 ? 0 : -1 }),
  );
  const rows = Array.from({ length: side }, (_, row) =>
    make("tr", { role: "row" }, ...cells.slice(row * side, (row + 1) * side)),
  );
  const digits = make("span");
  const grid = make(
    "table",
    { role: "grid" },
    make("caption", {}, make("code", {}, captionOf(channel)), digits),
    make("tbody", { role: "rowgroup" }, ...rows),
  );
  grid.addEventListener("keydown", (event) => {
    const by = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -side, ArrowDown: side }[event.key];
    if (by === undefined) return;
    event.preventDefault();
    const next = cells[cells.indexOf(event.target as HTMLTableCellElement) + by];
    if (!next) return;
    for (const cell of cells) attribute(cell, { tabindex: cell === next ? 0 : -1 });
    next.focus();
  });
  grid.addEventListener("focusin", (event) => {
    const { title } = event.target as HTMLElement;
    text(digits, title ? ` = ${title}` : "");
  });
  grid.addEventListener("focusout", () => text(digits, ""));
  return grid;
}
