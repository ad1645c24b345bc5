/** Saves all values of the run as a file. */
import { csvOf } from "../store/results.ts";
import type { Store } from "../store/store.ts";
import { saveFile } from "./save.ts";

export function saveCsv(store: Store): void {
  const results = store.results.peek();
  if (results) saveFile(`trainlet-tutorial-step-${results.done}.csv`, csvOf(results), "text/csv");
}
