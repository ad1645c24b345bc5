/** Saves all values of the run as a file. */
import { csvOf } from "../store/results.ts";
import type { Store } from "../store/store.ts";
import { make } from "./dom.ts";

export function saveCsv(store: Store): void {
  const results = store.results.peek();
  if (!results) return;
  const url = URL.createObjectURL(new Blob([csvOf(results)], { type: "text/csv" }));
  make("a", { href: url, download: `trainlet-tutorial-step-${results.done}.csv` }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
