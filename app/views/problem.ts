/** What stops a run, in the run panel: one sentence, its remedies, and what was said below "Details". */
import { effect } from "@preact/signals-core";
import type { FailureKind } from "../compute/protocol.ts";
import type { Controller } from "../store/controller.ts";
import type { Failure, Store } from "../store/store.ts";
import { saveCsv } from "./csv.ts";
import { together, type Dispose } from "./dom.ts";
import { memorySentence, problemBox, type Remedy } from "./problemBox.ts";

export function problemView(alert: HTMLElement, progress: HTMLElement, store: Store, controller: Controller): Dispose {
  return effect(() => {
    const phase = store.phase.value;
    const failure = phase.kind === "failed" ? phase.failure : null;
    progress.hidden = failure !== null;
    alert.replaceChildren(...(failure ? [show(failure, store, controller)] : []));
  });
}

function show(failure: Failure, store: Store, controller: Controller): HTMLElement {
  const step = Math.max(0, store.done.peek());
  const wait = failure.retryAt === null ? null : Math.round((failure.retryAt - performance.now()) / 1000);
  const remedies = remediesFor(failure.kind, wait !== null, store, controller);
  const token = failure.kind === "refused" ? store.token : null;
  return problemBox(sentence(failure, step, wait), remedies, failure.details, token);
}

function sentence({ kind, details }: Failure, step: number, wait: number | null): string {
  const sentences: { readonly [Kind in FailureKind]: string } = {
    simd: "This browser cannot run WebAssembly SIMD. It needs Chrome 91, Firefox 89 or Safari 16.4.",
    died: `The worker stopped unexpectedly at step ${step}.`,
    unreachable:
      wait === null
        ? "The edge does not answer. Gave up after 5 tries."
        : `The edge does not answer. Trying again in ${wait} s.`,
    lost: "This session no longer exists at the edge.",
    refused: "This token may not do that. Write access is needed.",
    limit: "Today's steps are used up.",
    memory: memorySentence(details),
    error: `The run failed at step ${step}. Results stay.`,
  };
  return sentences[kind];
}

function remediesFor(kind: FailureKind, waiting: boolean, store: Store, controller: Controller): Remedy[] {
  const again = (): void => controller.run();
  const here: Remedy = ["Run in this browser", () => controller.switchTo("worker")];
  switch (kind) {
    case "simd":
      return [["Run at the edge", () => controller.switchTo("edge")]];
    case "died":
      return [["Restart", again]];
    case "unreachable":
      return [waiting ? ["Try now", () => controller.retryNow()] : ["Try again", again], here];
    case "lost":
      return [
        ["Start a new one", again],
        ["Save what arrived (CSV)", () => saveCsv(store)],
      ];
    case "refused":
      return [["Change token", again], here];
    case "limit":
      return [here];
    case "memory":
    case "error":
      return [["Run again", again]];
  }
}

/** Blocking errors are told by the alert, the rest in a few words at a few moments. */
export function announcements(status: HTMLElement, store: Store, summary: () => string): Dispose {
  let told = 0;
  return together(
    effect(() => {
      const phase = store.phase.value;
      const done = store.done.value;
      const steps = store.settings.value.steps;
      const quarter = Math.floor((4 * Math.max(0, done)) / steps);
      if (phase.kind === "compiling") {
        if (told !== -1) status.textContent = `Started. ${steps} steps in both runs.`;
        told = -1;
      } else if (phase.kind === "running" && quarter > Math.max(0, told) && quarter < 4) {
        told = quarter;
        status.textContent = `${quarter * 25} %.`;
      } else if (phase.kind === "stopped") status.textContent = `Stopped at step ${done}. Nothing is lost.`;
      else if (phase.kind === "finished") status.textContent = summary();
    }),
  );
}
