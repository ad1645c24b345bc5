/** Channel and step: what all pictures show. */
import { effect } from "@preact/signals-core";
import type { Store } from "../store/store.ts";
import { all, attribute, click, find, listen, text, together, type Dispose } from "./dom.ts";
import { onFrame } from "./frame.ts";

const channelsByDefault = 32;

export function moveChannel(store: Store, by: number): void {
  setChannel(store, store.channel.value + by);
}

export function setChannel(store: Store, channel: number): void {
  const channels = store.results.value?.channels ?? channelsByDefault;
  store.channel.value = Math.max(0, Math.min(channels - 1, channel));
}

export function channelStep(section: HTMLElement, store: Store): Dispose {
  const range = find<HTMLInputElement>("#step", section);
  const value = find("#step-value", section);
  const labels = all("[data-channel]");
  return together(
    click(find<HTMLButtonElement>("#previous", section), () => moveChannel(store, -1)),
    click(find<HTMLButtonElement>("#next", section), () => moveChannel(store, 1)),
    effect(() => {
      const channel = String(store.channel.value);
      for (const label of [...labels, find("#channel", section)]) text(label, channel);
    }),
    onFrame(
      () => [store.step.value, store.news.value, store.results.value],
      () => {
        const results = store.results.value;
        range.disabled = !results || results.done < 0;
        if (range.disabled || !results) return;
        const step = store.step.value;
        attribute(range, { max: results.steps, "aria-valuetext": `step ${step} of ${results.done}` });
        range.value = String(step);
        text(value, String(step));
      },
    ),
    listen(range, "input", () => {
      const { done } = store;
      const step = Math.min(done.value, range.valueAsNumber);
      range.value = String(step);
      store.replay.value = step === done.value ? null : step;
    }),
  );
}
