/** What stops training, in the run panel: one sentence and its remedies. */
import { effect } from "@preact/signals-core";
import type { Dispose } from "../../views/dom.ts";
import { memorySentence, problemBox, type Remedy } from "../../views/problemBox.ts";
import type { Controller } from "../controller.ts";
import type { Failure, MnistStore } from "../store.ts";
import { limits } from "../url.ts";
import { saveCsv } from "./numbers.ts";

export function problemView(
  alert: HTMLElement,
  progress: HTMLElement,
  store: MnistStore,
  controller: Controller,
): Dispose {
  return effect(() => {
    const phase = store.phase.value;
    const failure = phase.kind === "failed" ? phase.failure : null;
    progress.hidden = failure !== null;
    alert.replaceChildren(...(failure ? [show(failure, store, controller)] : []));
  });
}

function show(failure: Failure, store: MnistStore, controller: Controller): HTMLElement {
  const remedies = remediesFor(failure, store, controller);
  const token = failure.kind === "refused" ? store.token : null;
  return problemBox(sentence(failure, store.done.peek()), remedies, failure.message, token);
}

function sentence({ kind, message, retryAt }: Failure, step: number): string {
  const sentences: { readonly [Kind in Failure["kind"]]: string } = {
    simd: "This browser cannot run WebAssembly SIMD. It needs Chrome 91, Firefox 89 or Safari 16.4.",
    died: `The worker stopped unexpectedly at step ${step}.`,
    unreachable:
      retryAt === null
        ? "The edge does not answer. Gave up after 5 tries."
        : `The edge does not answer. Trying again in ${Math.round((retryAt - performance.now()) / 1000)} s.`,
    lost: "This session no longer exists at the edge.",
    refused: "This token may not do that. Write access is needed.",
    limit: "Today's steps are used up.",
    memory: memorySentence(message),
    digits: /^.*?\)\./.exec(message)?.[0] ?? "The digits did not arrive.",
    // The library's own words say the step: "The loss became NaN at step 118. Variables of step 117 are kept."
    notFinite: /The loss became .*?(?:are kept|as they were)\./.exec(message)?.[0] ?? "The loss is not finite.",
    error: `The run failed at step ${step}. Results stay.`,
  };
  return sentences[kind];
}

function remediesFor({ kind, retryAt, kept }: Failure, store: MnistStore, controller: Controller): Remedy[] {
  const { host, rate, batch } = store.settings.peek();
  const anew = (): void => controller.train();
  const here: Remedy = kept
    ? ["Continue in this browser", () => controller.continue("worker")]
    : ["Run in this browser", () => controller.train({ host: "worker" })];
  switch (kind) {
    case "simd":
      return [["Run at the edge", () => controller.train({ host: "edge" })]];
    case "died":
      return [["Restart", anew]];
    case "unreachable":
      return [[retryAt === null ? "Try again" : "Try now", () => controller.retry()], here];
    case "digits":
      return [["Try again", () => controller.retry()]];
    case "lost":
      return [
        ["Start a new one", anew],
        ["Save what arrived (CSV)", () => saveCsv(store)],
      ];
    case "refused":
      return [["Change token", () => (kept ? controller.continue(host) : controller.train())], here];
    case "limit":
      return [here];
    case "notFinite": {
      const lower = Math.max(limits.rate[0], Number((rate / 10).toPrecision(2)));
      return [[`Lower the rate to ${lower} and continue`, () => controller.continue(host, lower)]];
    }
    case "memory": {
      const smaller = Math.max(limits.batch[0], Math.floor(batch / 2));
      return [[`Use batch ${smaller}`, () => controller.train({ batch: smaller })]];
    }
    case "error":
      return [["Train again", anew]];
  }
}
