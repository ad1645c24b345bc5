/** The MNIST page: makes the store, gives each view its element; the plots come after the first paint. */
import { effect } from "@preact/signals-core";
import { all, find, listen } from "../views/dom.ts";
import { frameStrip } from "../views/frameStrip.ts";
import { startTheme } from "../views/theme.ts";
import { Controller } from "./controller.ts";
import { createStore } from "./store.ts";
import { fromQuery, toQuery } from "./url.ts";
import { announcements } from "./views/announcements.ts";
import { digitPad } from "./views/digitPad.ts";
import { doctorView } from "./views/doctor.ts";
import { heatView } from "./views/heat.ts";
import { numbersView } from "./views/numbers.ts";
import { panelView } from "./views/panel.ts";
import { problemView } from "./views/problem.ts";

const store = createStore(fromQuery(location.search));
const controller = new Controller(store);

startTheme(store.theme);
panelView(find("#run"), store, controller);
problemView(find("#alert"), find("#progress"), store, controller);
announcements(find("#status"), store);
frameStrip(find("#thread"), store);
digitPad(find("#digit"), store, controller);
for (const figure of all("[data-layer]")) heatView(figure, store);
doctorView(find("#doctor"), store);
numbersView(find("#numbers"), store, controller);

const log = find<HTMLInputElement>("#log");
listen(log, "change", () => (store.logLoss.value = log.checked));

effect(() => {
  const query = toQuery(store.settings.value);
  if (query !== location.search) history.replaceState(null, "", query || location.pathname);
});

// After the first paint: the script of the plots is large, and nothing of the page waits for it.
requestAnimationFrame(() => setTimeout(() => void showCurves()));

async function showCurves(): Promise<void> {
  const figures = (["loss", "accuracy"] as const).map((of) => ({ of, figure: find(`[data-curve=${of}]`) }));
  try {
    const { curveView } = await import("./views/curve.ts");
    for (const { of, figure } of figures) curveView(figure, of, store);
  } catch {
    for (const { figure } of figures)
      find(".empty", figure).textContent = "The plots did not load. The table has all values.";
  }
}
