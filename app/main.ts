/** The tutorial: makes the store, gives each view its element, and starts the worker after the first paint. */
import { effect } from "@preact/signals-core";
import { Controller } from "./store/controller.ts";
import { statistic } from "./store/format.ts";
import { valueAt } from "./store/results.ts";
import { createStore, type Store } from "./store/store.ts";
import { defaults, fromQuery, toQuery } from "./store/url.ts";
import { allNodes } from "./views/allNodes.ts";
import { channelStep } from "./views/channelStep.ts";
import { find } from "./views/dom.ts";
import { frameStrip } from "./views/frameStrip.ts";
import { graphList } from "./views/graphList.ts";
import { graphPair } from "./views/graphPair.ts";
import { numbersView } from "./views/numbers.ts";
import { announcements, problemView } from "./views/problem.ts";
import { resultMaps } from "./views/resultMaps.ts";
import { runCard } from "./views/runCard.ts";
import { runPanel } from "./views/runPanel.ts";
import { runSwitch } from "./views/runSwitch.ts";
import { stripView } from "./views/strip.ts";
import { startTheme } from "./views/theme.ts";

const fallback = defaults(matchMedia("(prefers-reduced-motion: reduce)").matches);
const { channel, ...settings } = fromQuery(location.search, fallback);
const store = createStore(settings, channel);
const controller = new Controller(store);

startTheme(store.theme);
runPanel(find("#run"), store, controller);
problemView(find("#alert"), find("#progress"), store, controller);
announcements(find("#status"), store, () => summary(store));
frameStrip(find("#thread"), store);
runSwitch(find("#switch"));
graphPair(find("#graphs"), store, controller);
allNodes(find("#all-nodes"), store, controller);
graphList(find<HTMLDetailsElement>("#list"), store);
for (const run of ["with", "without"] as const) runCard(find(`[data-run=${run}]`), run, store);
channelStep(find("#statistics"), store);
for (const of of ["mean", "variance"] as const) {
  stripView(find(`[data-plot=${of}] .strip`), of, store);
}
resultMaps(find("#result"), store, controller);
numbersView(find("#numbers"), store);

effect(() => {
  const query = toQuery({ ...store.settings.value, channel: store.channel.value }, fallback);
  if (query !== location.search) history.replaceState(null, "", query || location.pathname);
});

// After the first paint: the worker's script and the plots' are large, and nothing of the page waits for them.
requestAnimationFrame(() =>
  setTimeout(() => {
    controller.start();
    void showPlots();
  }),
);

async function showPlots(): Promise<void> {
  const figures = (["mean", "variance"] as const).map((of) => ({ of, figure: find(`[data-plot=${of}]`) }));
  try {
    const { plotView } = await import("./views/plot.ts");
    for (const { of, figure } of figures) plotView(figure, of, store);
  } catch {
    for (const { figure } of figures)
      find(".empty", figure).textContent = "The plots did not load. The table has all values.";
  }
}

/** The end in one sentence, for a screen reader. */
function summary({ results, findings, channel, done }: Store): string {
  const { value } = results;
  if (!value) return "Finished.";
  const at = (run: "with" | "without", of: "mean" | "variance"): string =>
    statistic(valueAt(value, of, run, done.value, channel.value));
  const found = [...(findings.value?.with ?? []), ...(findings.value?.without ?? [])];
  const warnings =
    found.length === 0
      ? "No warning."
      : `${found.length === 1 ? "One warning" : `${found.length} warnings`}, ${found.map(({ id }) => id).join(", ")}.`;
  return `Finished. With update ops: mean ${at("with", "mean")}, variance ${at("with", "variance")}. Without: still ${at("without", "mean")} and ${at("without", "variance")}. ${warnings}`;
}
