/** Settings, buttons, the state in words, the bar. */
import { effect } from "@preact/signals-core";
import { fixed, percent } from "../../store/format.ts";
import { afloat } from "../../views/afloat.ts";
import { all, attribute, click, disable, find, listen, make, text, together, type Dispose } from "../../views/dom.ts";
import { onFrame } from "../../views/frame.ts";
import type { TrainSettings } from "../compute/protocol.ts";
import type { Controller } from "../controller.ts";
import type { MnistStore } from "../store.ts";
import { allowed } from "../url.ts";

export function panelView(panel: HTMLElement, store: MnistStore, controller: Controller): Dispose {
  return together(
    settingsView(find<HTMLFormElement>("#settings", panel), store),
    countdown(find("#state", panel), store),
    folding(panel, store),
    buttons(panel, store, controller),
    afloat(find(".go-slot", panel), find("#go", panel), store.active),
    listen(panel, "keydown", (event) => {
      if (event.key === "Escape") controller.stop();
    }),
    onFrame(
      () => [store.phase.value, store.news.value, store.facts.value],
      () => {
        const [first, second] = stateOf(store);
        find("#state", panel).replaceChildren(make("b", {}, first), ...(second ? [make("span", {}, second)] : []));
        showBar(find("#bar", panel), store);
      },
    ),
  );
}

function settingsView(form: HTMLFormElement, store: MnistStore): Dispose {
  const read = (): TrainSettings => {
    const before = store.settings.value;
    const data = new FormData(form);
    const number = (name: "epochs" | "batch" | "rate"): number => {
      const { valueAsNumber } = find<HTMLInputElement>(`[name=${name}]`, form);
      return allowed(name, valueAsNumber) ? valueAsNumber : before[name];
    };
    return {
      host: data.get("host") === "edge" ? "edge" : "worker",
      updates: data.get("updates") !== "off",
      epochs: number("epochs"),
      batch: number("batch"),
      rate: number("rate"),
    };
  };
  const write = ({ host, updates, epochs, batch, rate }: TrainSettings): void => {
    const chosen: { [name: string]: string } = { host, updates: updates ? "on" : "off" };
    for (const radio of all<HTMLInputElement>("[type=radio]", form)) radio.checked = chosen[radio.name] === radio.value;
    for (const [name, value] of Object.entries({ epochs, batch, rate })) {
      const input = find<HTMLInputElement>(`[name=${name}]`, form);
      if (document.activeElement !== input) input.value = String(value);
    }
  };
  return together(
    effect(() => write(store.settings.value)),
    effect(() => {
      const locked = store.active.value;
      form.classList.toggle("locked", locked);
      text(find("#locked"), locked ? "Stop the run to change this." : "");
      attribute(form, { title: locked ? "Stop the run to change this." : null });
      for (const input of all<HTMLInputElement>("input", form)) {
        attribute(input, { "aria-disabled": locked ? "true" : null });
        if (input.type === "number") input.readOnly = locked;
      }
    }),
    listen(form, "submit", (event) => event.preventDefault()),
    listen(form, "input", () => {
      if (store.active.value) write(store.settings.value);
      else store.settings.value = read();
    }),
    // What was not taken does not stay in its field.
    listen(form, "focusout", () => requestAnimationFrame(() => write(store.settings.value))),
    effect(() => {
      // Another number of epochs or rows in a batch is another run: there is nothing to continue.
      const { epochs, batch, rate, updates } = store.settings.value;
      const run = store.run.peek();
      if (!run || store.phase.peek().kind !== "stopped") return;
      const same = run.epochs === epochs && run.batch === batch && run.rate === rate && run.updates === updates;
      if (!same) store.phase.value = { kind: "idle" };
    }),
  );
}

/** Where there is little room, the settings of a run are one line. Unfolded on demand, for that moves everything below. */
function folding(panel: HTMLElement, store: MnistStore): Dispose {
  const unfold = find<HTMLButtonElement>("#unfold", panel);
  return together(
    effect(() => {
      if (store.active.value) panel.classList.add("fold");
      disable(unfold, store.active.value);
    }),
    effect(() => {
      const { host, epochs, batch, rate, updates } = store.settings.value;
      const where = host === "edge" ? "Edge" : "This browser";
      const words = `${where} · epochs ${epochs} · batch ${batch} · rate ${rate} · update ops ${updates ? "on" : "off"}`;
      text(find("#chosen", panel), words);
    }),
    click(unfold, () => {
      panel.classList.remove("fold");
      find("input", panel).focus();
    }),
  );
}

function buttons(panel: HTMLElement, store: MnistStore, controller: Controller): Dispose {
  const [primary, stop, carry, over] = ["#primary", "#stop", "#carry", "#over"].map((id) =>
    find<HTMLButtonElement>(id, panel),
  );
  const other = (): "worker" | "edge" => (store.settings.value.host === "edge" ? "worker" : "edge");
  const canContinue = (): boolean => store.phase.value.kind === "stopped";
  return together(
    click(primary, () => (canContinue() ? controller.continue(store.settings.value.host) : controller.train())),
    click(stop, () => controller.stop()),
    click(carry, () => {
      primary.focus();
      controller.continue(other());
    }),
    click(over, () => {
      primary.focus();
      controller.train();
    }),
    effect(() => {
      const { kind } = store.phase.value;
      text(primary, kind === "stopped" ? "Continue" : store.curves.value ? "Train again" : "Train");
      text(carry, other() === "edge" ? "Continue at the edge" : "Continue in this browser");
      disable(primary, store.active.value);
      disable(stop, !store.active.value || kind === "stopping");
      carry.hidden = over.hidden = !canContinue();
    }),
  );
}

const count = (value: number): string => String(value).replace(/\B(?=(\d{3})+$)/g, "\u2009");

function stateOf(store: MnistStore): [first: string, second: string] {
  const phase = store.phase.value;
  const curves = store.curves.value;
  const at = curves ? `step ${count(curves.done)} of ${count(curves.steps)}` : "step 0";
  switch (phase.kind) {
    case "idle":
      return ["Ready.", curves ? "The results are those of the last run." : "The first run fetches 12 MB of digits."];
    case "loading":
      return ["Fetching the digits.", `${fixed(phase.loaded / 1e6, 1)} of ${fixed(phase.total / 1e6, 1)} MB`];
    case "preparing": {
      const words = { kernels: "Compiling kernels.", data: "Handing over the digits.", plan: "Planning the graph." };
      return [words[phase.what], ""];
    }
    case "running":
      return [`Running, ${at}.`, speedOf(store)];
    case "stopping":
      return ["Stopping after this step.", ""];
    case "stopped":
      return [`Stopped at ${at}. Nothing is lost.`, ""];
    case "finished": {
      const { facts } = store;
      const accuracy = facts.value?.testAccuracy;
      const words = accuracy == null ? "" : `${percent(accuracy)} of 10\u2009000 test digits are read rightly.`;
      return [`Finished. ${count(curves?.done ?? 0)} steps.`, words];
    }
    case "failed":
      if (!curves?.done) return ["Not started.", ""];
      return ["Interrupted.", `All results are up to ${at}.`];
  }
}

/** Time left once twenty steps are known. */
function speedOf(store: MnistStore): string {
  const curves = store.curves.value;
  if (!curves?.stepsPerSecond) return "";
  const speed = `${fixed(curves.stepsPerSecond, 1)} steps/s`;
  if (curves.done < 20) return speed;
  return `${speed}, ${left((curves.steps - curves.done) / curves.stepsPerSecond)} left`;
}

function left(seconds: number): string {
  const whole = Math.ceil(seconds);
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`;
}

/** While the edge is awaited: the seconds to the next try. Silent, for the alert was read out once. */
function countdown(state: HTMLElement, store: MnistStore): Dispose {
  let timer = 0;
  const stop = effect(() => {
    clearInterval(timer);
    const phase = store.phase.value;
    if (phase.kind !== "failed" || phase.failure.retryAt === null) return;
    const { retryAt } = phase.failure;
    const show = (): void => {
      const whole = Math.max(0, Math.ceil((retryAt - performance.now()) / 1000));
      state.replaceChildren(
        make("b", {}, "Waiting."),
        make("span", {}, whole > 0 ? `Next try in ${whole} s.` : "Trying now."),
      );
    };
    requestAnimationFrame(show);
    timer = setInterval(show, 250);
  });
  return together(stop, () => clearInterval(timer));
}

function showBar(bar: HTMLElement, store: MnistStore): void {
  const phase = store.phase.value;
  const curves = store.curves.value;
  const busy = phase.kind === "preparing";
  bar.classList.toggle("busy", busy);
  const share =
    phase.kind === "loading" ? phase.loaded / phase.total : busy ? 1 : curves ? curves.done / curves.steps : 0;
  find("i", bar).style.transform = `scaleX(${Math.min(1, share)})`;
  attribute(bar, {
    "aria-valuenow": Math.round(100 * Math.min(1, share)),
    "aria-valuetext": curves ? `step ${curves.done} of ${curves.steps}` : "step 0",
  });
}
