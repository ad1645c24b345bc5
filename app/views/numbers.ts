/** All numbers: where it ran, how long, in how much memory, with which bits; the plots as a table. */
import { nodeBits } from "../compute/expected.ts";
import { bytesOf, exact, fixed, mebibytes, percent, seconds, statistic } from "../store/format.ts";
import { valueAt, type Results } from "../store/results.ts";
import { bitsKey, type Store } from "../store/store.ts";
import { saveCsv } from "./csv.ts";
import { attribute, click, disable, find, make, text, together, type Dispose } from "./dom.ts";
import { onFrame } from "./frame.ts";

export function numbersView(section: HTMLElement, store: Store): Dispose {
  const csv = find<HTMLButtonElement>("#csv", section);
  const rows = find("tbody", section);
  return together(
    click(csv, () => saveCsv(store)),
    onFrame(
      () => [store.facts.value, store.bits.value, store.phase.value],
      () => showFacts(section, store),
    ),
    onFrame(
      () => [store.news.value, store.channel.value, store.results.value],
      () => {
        const results = store.results.value;
        disable(csv, !results || results.done < 0);
        if (!results || results.done < 0) return;
        const steps = rowsOf(results);
        while (rows.children.length > steps.length) rows.lastElementChild!.remove();
        while (rows.children.length < steps.length) rows.append(emptyRow());
        for (const [i, step] of steps.entries()) fillRow(rows.children[i], results, step, store.channel.value);
      },
    ),
  );
}

function showFacts(section: HTMLElement, store: Store): void {
  const set = (fact: string, words: string): void => text(find(`[data-fact=${fact}]`, section), words);
  const results = store.results.value;
  if (!results) return;
  const here = results.host === "worker";
  set("host", here ? "This browser's worker" : "The edge");
  set("host-more", here ? "WASM SIMD, 1 thread" : `${location.host}, one Durable Object a run`);
  const facts = store.facts.value;
  if (!facts) {
    for (const fact of ["computing", "memory", "bits"]) set(fact, "–");
    for (const fact of ["computing-more", "memory-more", "bits-more"]) set(fact, "");
    return;
  }
  set("computing", `${seconds(facts.computingMs)} for ${2 * store.done.value} steps`);
  set(
    "computing-more",
    `${here ? "kernels, plans and variables" : "with the way there; sessions and variables"}: ${seconds(facts.preparingMs)}`,
  );
  set("memory", mebibytes(facts.memoryBytes));
  set(
    "memory-more",
    `both runs: variables, constants, arena; ${bytesOf(facts.memoryBytes - facts.memoryBytesAtFirst)} more than after step 1`,
  );
  set("bits", facts.bits ?? "not available");
  set("bits-more", facts.bits ? comparison(facts.bits, store) : "This page is not served over https: no SHA-256 here.");
}

/** Equality is claimed only with what it was compared to. */
function comparison(bits: string, store: Store): string {
  const steps = store.done.value;
  const { host } = store.results.value!;
  const others: [name: string, bits: string | undefined][] = [
    ["in Node", nodeBits.steps === steps ? nodeBits.bits : undefined],
    host === "worker"
      ? ["at the edge", store.bits.value.get(bitsKey("edge", steps))]
      : ["in this browser", store.bits.value.get(bitsKey("worker", steps))],
  ];
  const known = others.filter(([, other]) => other !== undefined);
  const equal = known.filter(([, other]) => other === bits).map(([name]) => name);
  const different = known.filter(([, other]) => other !== bits).map(([name]) => name);
  if (different.length > 0) return `▲ not the bits ${different.join(" and ")}`;
  if (equal.length > 0) return `the same ${equal.join(" and ")}`;
  return "of net, mean and variance, both runs";
}

function rowsOf(results: Results): number[] {
  const steps = [0, 1, 2, 5, 10, 20, 50, 100, 200, 500].filter((step) => step < results.done);
  return [...steps, results.done];
}

function emptyRow(): HTMLTableRowElement {
  return make("tr", {}, make("th", { scope: "row" }), ...Array.from({ length: 5 }, () => make("td")));
}

function fillRow(row: Element, results: Results, step: number, channel: number): void {
  const [head, ...cells] = row.children;
  text(head, String(step));
  const values = (["mean", "variance"] as const).flatMap((of) =>
    (["with", "without"] as const).map((run) => valueAt(results, of, run, step, channel)),
  );
  for (const [i, value] of values.entries()) {
    text(cells[i], exact(value));
    attribute(cells[i], { title: statistic(value) });
  }
  text(cells[4], results.momentum === null ? fixed(0, 0) : percent(results.momentum ** step));
}
