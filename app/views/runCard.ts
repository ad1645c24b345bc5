/** A run's card around its graph: three numbers, a badge, the doctor's word. */
import { effect } from "@preact/signals-core";
import type { Finding } from "../../src/index.ts";
import type { RunName } from "../compute/protocol.ts";
import { percent, statistic } from "../store/format.ts";
import { valueAt } from "../store/results.ts";
import type { Store } from "../store/store.ts";
import { find, make, text, together, type Dispose } from "./dom.ts";
import { fixView } from "./fix.ts";
import { onFrame } from "./frame.ts";
import { updatesOf } from "./nodeFacts.ts";

export function runCard(card: HTMLElement, run: RunName, store: Store): Dispose {
  const numbers = ["mean", "variance", "updates"].map((key) => find(`[data-key=${key}]`, card));
  return together(
    onFrame(
      () => [store.step.value, store.channel.value, store.news.value, store.facts.value],
      () => {
        const results = store.results.value;
        if (!results || results.done < 0) return;
        const [mean, variance, updates] = numbers;
        text(mean, statistic(valueAt(results, "mean", run, store.step.value, store.channel.value)));
        text(variance, statistic(valueAt(results, "variance", run, store.step.value, store.channel.value)));
        text(updates, String(updatesOf(run, store)));
      },
    ),
    effect(() => {
      const finished = store.phase.value.kind === "finished";
      text(find("[data-badge]", card), finished ? badge(run, store) : "");
    }),
    effect(() => {
      const findings = store.findings.value?.[run];
      // Read, so that the words follow what is known.
      void [store.facts.value, store.phase.value];
      if (findings) find(".foot", card).replaceChildren(...doctorsWord(findings, run, store));
    }),
  );
}

/** Told from the values, not from the run's name. */
function badge(run: RunName, store: Store): string {
  const results = store.results.value!;
  const moved = Array.from({ length: results.channels }, (_, channel) => channel).some(
    (channel) => valueAt(results, "mean", run, results.done, channel) !== valueAt(results, "mean", run, 0, channel),
  );
  return moved ? "● Statistics moved" : "▲ Statistics never moved";
}

function doctorsWord(findings: readonly Finding[], run: RunName, store: Store): Node[] {
  if (findings.length === 0) return [make("p", {}, make("b", {}, "Doctor: no finding."), ...residual(run, store))];
  return findings.flatMap((finding) => [
    make(
      "p",
      {},
      make("b", {}, `▲ ${finding.id}, ${finding.severity}.`),
      " ",
      ...withNames(finding.message, run, store),
    ),
    fixView(finding),
  ]);
}

/** How much of the starting values is left, once the run has ended. */
function residual(run: RunName, store: Store): (Node | string)[] {
  const facts = store.facts.value;
  const [updates, left, momentum] = [facts?.updates[run], facts?.residual[run], facts?.momentum];
  if (updates == null || left == null || momentum == null) return [" Its update ops run with every step."];
  const exponent = make("sup", {}, String(updates));
  return [
    ` ${updates} ${updates === 1 ? "update" : "updates"} at momentum ${momentum} leave ${percent(left)} of the starting values (${momentum}`,
    exponent,
    "). More steps, or a lower momentum, leave less.",
  ];
}

/** The doctor's sentence with the names of operations as buttons that select their node. */
function withNames(message: string, run: RunName, store: Store): (Node | string)[] {
  const nodes = store.graphs.peek()?.[run].nodes.map(({ name }) => name) ?? [];
  const names = nodes.filter((name) => name.includes("/")).toSorted((a, b) => b.length - a.length);
  if (names.length === 0) return [message];
  const pattern = new RegExp(`(${names.map((name) => name.replace(/[^\w/]/g, "\\$&")).join("|")})`);
  return message.split(pattern).map((part) => {
    if (!names.includes(part)) return part;
    const button = make("button", { type: "button", class: "link" }, part);
    button.addEventListener("click", () => (store.selected.value = { run, node: part }));
    return button;
  });
}
