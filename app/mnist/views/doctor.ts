/** The doctor's word on the run: its findings, each with a fix to copy. */
import { computed, effect } from "@preact/signals-core";
import { make, type Dispose } from "../../views/dom.ts";
import { fixView } from "../../views/fix.ts";
import type { MnistStore } from "../store.ts";

export function doctorView(card: HTMLElement, store: MnistStore): Dispose {
  const begun = computed(() => store.done.value > 0);
  return effect(() => {
    const findings = store.findings.value;
    if (!begun.value && findings.length === 0) return;
    card.classList.toggle("without", findings.length > 0);
    if (findings.length === 0)
      return card.replaceChildren(
        make(
          "p",
          {},
          make("b", {}, "Doctor: no finding."),
          " It has looked at the training step and at the validation.",
        ),
      );
    card.replaceChildren(
      ...findings.flatMap((finding) => [
        make("p", {}, make("b", {}, `▲ ${finding.id}, ${finding.severity}.`), ` ${finding.message}`),
        fixView(finding),
      ]),
    );
  });
}
