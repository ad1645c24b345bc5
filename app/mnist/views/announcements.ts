/** The few moments that a screen reader is told of. Blocking errors are told by the alert. */
import { effect } from "@preact/signals-core";
import { percent } from "../../store/format.ts";
import { together, type Dispose } from "../../views/dom.ts";
import { heldOutAt } from "../curves.ts";
import type { Digit, MnistStore } from "../store.ts";

export function announcements(status: HTMLElement, store: MnistStore): Dispose {
  let told = 0;
  let read: Digit | null = null;
  return together(
    effect(() => {
      const { kind } = store.phase.value;
      const done = store.done.value;
      const steps = store.curves.value?.steps ?? 0;
      if (kind === "preparing" && told !== -1) {
        status.textContent = "Started.";
        told = -1;
      } else if (kind === "running") {
        const quarter = steps > 0 ? Math.floor((4 * done) / steps) : 0;
        if (quarter > Math.max(0, told) && quarter < 4) status.textContent = `${quarter * 25} %.`;
        told = quarter;
      } else if (kind === "stopped") status.textContent = `Stopped at step ${done}. Nothing is lost.`;
      else if (kind === "finished") status.textContent = summary(store);
    }),
    effect(() => {
      // What a chosen digit looks like is said once: a drawing is looked at while it is drawn.
      const digit = store.digit.value;
      const prediction = store.prediction.value;
      if (!digit || !prediction || digit === read) return;
      read = digit;
      const { probabilities } = prediction;
      const best = probabilities.indexOf(Math.max(...probabilities));
      status.textContent = `A ${digit.label} of the test set. Looks like ${best}, ${percent(probabilities[best])}.`;
    }),
  );
}

/** The end in one sentence. */
function summary({ curves, facts, findings }: MnistStore): string {
  const { value } = curves;
  if (!value) return "Finished.";
  const held = heldOutAt(value, value.done);
  const test = facts.value?.testAccuracy;
  const reads =
    test == null ? (held ? `Held-out accuracy ${percent(held.accuracy)}.` : "") : `Test accuracy ${percent(test)}.`;
  const ids = findings.value.map(({ id }) => id);
  const found =
    ids.length === 0
      ? "No finding."
      : `${ids.length === 1 ? "One finding" : `${ids.length} findings`}, ${ids.join(", ")}.`;
  return `Finished. Training accuracy ${percent(value.means.accuracy[value.done - 1])}. ${reads} ${found}`;
}
