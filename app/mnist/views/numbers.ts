/** All numbers of a run: facts, a table of some steps, everything as CSV, the checkpoint. */
import { fixed, mebibytes, percent, seconds } from "../../store/format.ts";
import { click, disable, find, make, text, together, type Dispose } from "../../views/dom.ts";
import { onFrame } from "../../views/frame.ts";
import { saveFile } from "../../views/save.ts";
import type { Controller } from "../controller.ts";
import { csvOf, heldOutAt, type Curves } from "../curves.ts";
import type { MnistStore } from "../store.ts";

export function numbersView(section: HTMLElement, store: MnistStore, controller: Controller): Dispose {
  const csv = find<HTMLButtonElement>("#csv", section);
  const checkpoint = find<HTMLButtonElement>("#checkpoint", section);
  const rows = find("tbody", section);
  return together(
    click(csv, () => saveCsv(store)),
    click(checkpoint, () => controller.checkpoint()),
    onFrame(
      () => [store.news.value, store.curves.value, store.facts.value, store.run.value],
      () => showFacts(section, store),
    ),
    onFrame(
      () => [store.news.value, store.curves.value, store.phase.value],
      () => {
        const curves = store.curves.value;
        const arrived = curves !== null && curves.done > 0;
        disable(csv, !arrived);
        disable(checkpoint, !arrived || ["idle", "loading", "preparing"].includes(store.phase.value.kind));
        if (!curves || !arrived) return;
        const steps = stepsOf(curves);
        while (rows.children.length > steps.length) rows.lastElementChild!.remove();
        while (rows.children.length < steps.length) rows.append(emptyRow());
        for (const [i, step] of steps.entries()) fillRow(rows.children[i], curves, step);
      },
    ),
  );
}

export function saveCsv(store: MnistStore): void {
  const curves = store.curves.peek();
  if (curves) saveFile(`trainlet-mnist-step-${curves.done}.csv`, csvOf(curves), "text/csv");
}

function showFacts(section: HTMLElement, store: MnistStore): void {
  const set = (fact: string, words: string): void => text(find(`[data-fact=${fact}]`, section), words);
  const curves = store.curves.value;
  const run = store.run.value;
  if (!curves || !run) return;
  const here = run.host === "worker";
  set("host", here ? "This browser's worker" : "The edge");
  set("host-more", here ? "WASM SIMD, 1 thread" : `${location.host}, one Durable Object`);
  const facts = store.facts.value;
  set("computing", facts ? `${seconds(facts.computingMs)} for ${curves.done} steps` : "–");
  set("computing-more", facts ? (here ? "in training steps" : "with the way there") : "");
  set("memory", facts ? mebibytes(facts.memoryBytes) : "–");
  set("memory-more", facts ? "variables, constants, arena" : "");
  set("rate", curves.done > 0 ? String(Number(curves.rate.toPrecision(3))) : "–");
  set("rate-more", `falls along a cosine from ${run.rate}`);
  if (curves.done === 0) return;
  const last = curves.done - 1;
  set("loss", fixed(curves.means.loss[last], 4));
  set("training", percent(curves.means.accuracy[last]));
  const held = heldOutAt(curves, curves.done);
  set("held", held ? percent(held.accuracy) : "–");
  set("held-more", held ? `at step ${held.step}; loss ${fixed(held.loss, 4)}` : "of 1,000 test digits");
  set("test", facts?.testAccuracy == null ? "–" : percent(facts.testAccuracy));
}

function stepsOf({ done }: Curves): number[] {
  const shown = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000].filter((step) => step < done);
  return [...shown, done];
}

function emptyRow(): HTMLTableRowElement {
  return make("tr", {}, make("th", { scope: "row" }), ...Array.from({ length: 4 }, () => make("td")));
}

function fillRow(row: Element, curves: Curves, step: number): void {
  const [head, ...cells] = row.children;
  const held = heldOutAt(curves, step);
  const values = [
    fixed(curves.loss[step - 1], 4),
    fixed(curves.means.loss[step - 1], 4),
    percent(curves.means.accuracy[step - 1]),
    held ? percent(held.accuracy) : "–",
  ];
  text(head, String(step));
  for (const [i, value] of values.entries()) text(cells[i], value);
}
