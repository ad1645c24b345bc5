/** Settings, the buttons, the state in words, the bar. */
import { effect } from "@preact/signals-core";
import type { Controller } from "../store/controller.ts";
import { seconds } from "../store/format.ts";
import type { Phase, Store } from "../store/store.ts";
import { maxSteps } from "../store/url.ts";
import { afloat } from "./afloat.ts";
import { all, attribute, click, disable, find, listen, make, text, together, type Dispose } from "./dom.ts";
import { onFrame } from "./frame.ts";

export function runPanel(panel: HTMLElement, store: Store, controller: Controller): Dispose {
  const form = find<HTMLFormElement>("#settings", panel);
  const [primary, stop, over] = ["#primary", "#stop", "#over"].map((id) => find<HTMLButtonElement>(id, panel));
  return together(
    settingsView(form, store, controller),
    buttons({ primary, stop, over, form }, store, controller),
    listen(panel, "keydown", (event) => {
      if (event.key === "Escape" && store.active.value) controller.stop();
    }),
    onFrame(
      () => [store.phase.value, store.done.value, store.settings.value, store.facts.value],
      () => showState(find("#state", panel), store),
    ),
    onFrame(
      () => [store.phase.value, store.done.value, store.settings.value],
      () => showBar(find("#bar", panel), store),
    ),
    countdown(find("#state", panel), store),
    afloat(find(".go-slot", panel), find("#go", panel), store.active),
  );
}

function settingsView(form: HTMLFormElement, store: Store, controller: Controller): Dispose {
  const steps = find<HTMLInputElement>("[name=steps]", form);
  const choose = (name: string, value: string): void => {
    for (const radio of all<HTMLInputElement>(`[name=${name}]`, form)) radio.checked = radio.value === value;
  };
  return together(
    effect(() => {
      const { host, pace, steps: count } = store.settings.value;
      choose("host", host);
      choose("pace", pace);
      if (document.activeElement !== steps) steps.value = String(count);
    }),
    effect(() => {
      const locked = store.active.value;
      form.classList.toggle("locked", locked);
      text(find("#locked"), locked ? "Stop the run to change this." : "");
      attribute(form, { title: locked ? "Stop the run to change this." : null });
      for (const input of all<HTMLInputElement>("input", form)) {
        attribute(input, { "aria-disabled": locked ? "true" : null });
        if (input === steps) steps.readOnly = locked;
      }
    }),
    listen(form, "submit", (event) => event.preventDefault()),
    effect(() => {
      // Another host or number of steps is another run: there is nothing to continue.
      const { host, steps: count } = store.settings.value;
      const results = store.results.peek();
      const changed = results && (results.host !== host || results.steps !== count);
      if (changed && store.phase.peek().kind === "stopped") controller.abandon();
    }),
    listen(form, "input", () => {
      const settings = store.settings.value;
      if (store.active.value) {
        choose("host", settings.host);
        choose("pace", settings.pace);
        return;
      }
      const data = new FormData(form);
      store.settings.value = {
        host: data.get("host") === "edge" ? "edge" : "worker",
        pace: data.get("pace") === "full" ? "full" : "watch",
        steps: steps.validity.valid ? steps.valueAsNumber : settings.steps,
      };
    }),
    listen(steps, "change", () => {
      const wanted = Number.isFinite(steps.valueAsNumber) ? Math.round(steps.valueAsNumber) : 100;
      const count = Math.min(maxSteps, Math.max(1, wanted));
      steps.value = String(count);
      store.settings.value = { ...store.settings.value, steps: count };
    }),
  );
}

interface Controls {
  readonly primary: HTMLButtonElement;
  readonly stop: HTMLButtonElement;
  readonly over: HTMLButtonElement;
  readonly form: HTMLFormElement;
}

function buttons({ primary, stop, over }: Controls, store: Store, controller: Controller): Dispose {
  const run = (): void => (store.phase.value.kind === "stopped" ? controller.continue() : controller.run());
  return together(
    click(primary, run),
    click(stop, () => controller.stop()),
    click(over, () => {
      primary.focus();
      controller.run();
    }),
    effect(() => {
      const phase = store.phase.value;
      const active = store.active.value;
      text(primary, primaryLabel(phase, store.results.value !== null));
      disable(primary, active || (phase.kind === "idle" && !phase.ready));
      disable(stop, !active || phase.kind === "stopping");
      over.hidden = phase.kind !== "stopped";
    }),
  );
}

function primaryLabel(phase: Phase, hasResults: boolean): string {
  if (phase.kind === "stopped") return "Continue";
  if (phase.kind === "finished") return "Run again";
  return phase.kind === "failed" && hasResults ? "Run again" : "Run";
}

/** The state in at most 60 characters, and a second line where there is more to say. */
function stateOf(store: Store): [first: string, rest: string, second: string] {
  const phase = store.phase.value;
  const { steps } = store.settings.value;
  const done = Math.max(0, store.done.value);
  const both = steps === 1 ? "1 step in both runs." : `${steps} steps in both runs.`;
  switch (phase.kind) {
    case "idle":
      return phase.ready ? ["Ready.", both, "Nothing is computed before you press Run."] : ["Loading.", "", ""];
    case "compiling":
      return phase.what === "kernels" ? ["Compiling kernels.", "", ""] : ["Planning the graph.", "", ""];
    case "running":
      return [
        "Running.",
        `Step ${done} of ${steps}.`,
        phase.redone ? "An answer was lost; its steps were redone." : "",
      ];
    case "stopping":
      return ["Stopping", "after this step.", ""];
    case "stopped":
      return ["Stopped", `at step ${done}. Nothing is lost.`, ""];
    case "finished":
      return ["Finished.", `${done} of ${store.results.value?.steps ?? steps} steps in both runs.`, computing(store)];
    case "failed":
      return store.results.value && store.done.value >= 0
        ? ["Interrupted.", `All results are up to step ${done}.`, ""]
        : ["Not started.", "", ""];
  }
}

function computing(store: Store): string {
  const facts = store.facts.value;
  if (!facts) return "";
  const what = store.results.value?.host === "edge" ? "at the edge and on the way" : "of computing";
  return `${seconds(facts.computingMs)} ${what}, shown over ${seconds(facts.shownMs)}`;
}

function showState(element: HTMLElement, store: Store): void {
  const [first, rest, second] = stateOf(store);
  element.replaceChildren(make("b", {}, first), rest ? ` ${rest}` : "");
  if (second) element.append(make("span", {}, second));
}

/** While the edge is awaited: the seconds to the next try. */
function countdown(element: HTMLElement, store: Store): Dispose {
  let timer = 0;
  const stop = effect(() => {
    clearInterval(timer);
    const phase = store.phase.value;
    if (phase.kind !== "failed" || phase.failure.retryAt === null) return;
    const { retryAt } = phase.failure;
    const show = (): void => {
      const left = Math.max(0, Math.ceil((retryAt - performance.now()) / 1000));
      element.replaceChildren(make("b", {}, "Waiting."), left > 0 ? ` Next try in ${left} s.` : " Trying now.");
    };
    requestAnimationFrame(show);
    timer = setInterval(show, 250);
  });
  return together(stop, () => clearInterval(timer));
}

function showBar(bar: HTMLElement, store: Store): void {
  const { steps } = store.active.value || !store.results.value ? store.settings.value : store.results.value;
  const compiling = store.phase.value.kind === "compiling";
  const done = compiling ? 0 : Math.max(0, store.done.value);
  bar.classList.toggle("busy", compiling);
  attribute(bar, {
    "aria-valuemax": steps,
    "aria-valuenow": compiling ? null : done,
    "aria-valuetext": compiling ? "preparing" : `step ${done} of ${steps}`,
  });
  find("i", bar).style.transform = compiling ? "none" : `scaleX(${done / steps})`;
}
