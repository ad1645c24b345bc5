/** What the buttons of the MNIST page do: wishes become messages to the worker, its messages come into the store. */
import { batch } from "@preact/signals-core";
import type { HostName } from "../compute/protocol.ts";
import { hasSimd } from "../compute/simd.ts";
import { fixed } from "../store/format.ts";
import { saveFile } from "../views/save.ts";
import type { MnistPageMessage, MnistWorkerMessage, TrainSettings } from "./compute/protocol.ts";
import { addBatch, startCurves } from "./curves.ts";
import type { Failure, MnistStore } from "./store.ts";

const pingEveryMs = 1000;
/** A worker that computes answers between calls for steps, well within this. */
const aliveWithinMs = 15_000;

export class Controller {
  readonly #store: MnistStore;
  #worker: Worker | null = null;
  #heardAt = 0;
  #timer = 0;
  #drawing = 0;

  constructor(store: MnistStore) {
    this.#store = store;
  }

  train(settings: Partial<TrainSettings> = {}): void {
    const store = this.#store;
    store.settings.value = { ...store.settings.value, ...settings };
    const chosen = store.settings.value;
    if (chosen.host === "worker" && !hasSimd())
      return this.#fail({ kind: "simd", message: "WebAssembly.validate refuses a module with a v128 instruction." });
    this.#begin({ type: "train", settings: chosen, token: store.token.value });
  }

  stop(): void {
    const { phase, active } = this.#store;
    if (!active.value || phase.value.kind === "stopping") return;
    phase.value = { kind: "stopping" };
    this.#post({ type: "stop" });
  }

  /** The next step follows, on this host or on another. */
  continue(host: HostName, rate = this.#store.settings.value.rate): void {
    const { settings, run, token, facts } = this.#store;
    facts.value = null;
    settings.value = { ...settings.value, host, rate };
    if (run.value) run.value = { ...run.value, rate };
    this.#begin({ type: "continue", host, rate, token: token.value });
  }

  /** Does again what failed. */
  retry(): void {
    this.#begin({ type: "retry" });
  }

  predict(pixels: Uint8Array): void {
    this.#post({ type: "predict", id: ++this.#drawing, pixels });
  }

  /** What is still read of a drawing is not heard of any more. */
  forgetDrawing(): void {
    this.#drawing++;
    this.#store.prediction.value = null;
    this.#store.digit.value = null;
    this.#store.aside.value = "";
  }

  digit(label: number): void {
    this.#post({ type: "digit", label });
  }

  checkpoint(): void {
    this.#post({ type: "checkpoint" });
  }

  #begin(message: MnistPageMessage): void {
    this.#store.phase.value = { kind: "preparing", what: "kernels" };
    this.#post(message);
    this.#watch(true);
  }

  #post(message: MnistPageMessage): void {
    if (!this.#worker) {
      this.#worker = new Worker(new URL("./compute/worker.ts", import.meta.url), { type: "module", name: "mnist" });
      this.#worker.addEventListener("message", ({ data }: MessageEvent<MnistWorkerMessage>) => {
        this.#heardAt = performance.now();
        batch(() => this.#receive(data));
      });
      this.#worker.addEventListener("error", (event) => {
        event.preventDefault();
        this.#died(event.message || "Its script could not be loaded.");
      });
    }
    this.#worker.postMessage(message, []);
  }

  #receive(message: MnistWorkerMessage): void {
    const store = this.#store;
    const { phase } = store;
    switch (message.type) {
      case "loading":
        if (phase.value.kind === "preparing" || phase.value.kind === "loading")
          phase.value = { kind: "loading", loaded: message.loaded, total: message.total };
        else store.aside.value = `Fetching the digits, ${fixed(message.loaded / 1e6, 1)} MB so far.`;
        break;
      case "preparing":
        if (phase.value.kind !== "stopping") phase.value = { kind: "preparing", what: message.what };
        break;
      case "started":
        store.run.value = store.settings.value;
        if (message.step === 0) store.findings.value = [];
        store.facts.value = null;
        store.curves.value = startCurves(message, store.curves.value);
        if (phase.value.kind !== "stopping") phase.value = { kind: "running" };
        break;
      case "batch":
        if (store.curves.value) addBatch(store.curves.value, message);
        if (phase.value.kind === "preparing") phase.value = { kind: "running" };
        store.news.value++;
        break;
      case "findings": {
        const known = new Set(store.findings.value.map(({ id }) => id));
        const fresh = message.findings.filter(({ id }) => !known.has(id));
        if (fresh.length > 0) store.findings.value = [...store.findings.value, ...fresh];
        break;
      }
      case "stopped":
      case "finished":
        store.facts.value = message.facts;
        phase.value = { kind: message.type };
        this.#watch(false);
        break;
      case "abandoned":
        phase.value = { kind: "idle" };
        this.#watch(false);
        break;
      case "waiting": {
        const retryAt = performance.now() + message.retryInMs;
        this.#failed({ kind: "unreachable", message: "", retryAt, kept: false });
        break;
      }
      case "resumed":
        phase.value = { kind: "running" };
        break;
      case "prediction":
        if (message.id === this.#drawing) [store.prediction.value, store.aside.value] = [message, ""];
        break;
      case "digit":
        [store.digit.value, store.aside.value] = [message, ""];
        break;
      case "checkpoint":
        saveFile(`trainlet-mnist-step-${message.step}.safetensors`, message.bytes as Uint8Array<ArrayBuffer>);
        break;
      case "failed":
        if (message.failure.kind === "notFinite") {
          store.curves.value?.broken.push(message.step + 1);
          store.news.value++;
        }
        this.#fail(message.failure, message.kept);
        break;
      case "aside":
        store.aside.value = message.message;
        break;
      case "pong":
        break;
    }
  }

  /** Watches while a run is active. A hidden page may be frozen, and then nobody answers: it is not watched. */
  #watch(on: boolean): void {
    clearInterval(this.#timer);
    this.#heardAt = performance.now();
    if (!on) return;
    this.#timer = setInterval(() => {
      if (document.hidden) this.#heardAt = performance.now();
      else if (performance.now() - this.#heardAt > aliveWithinMs) this.#died("It has not answered for 15 seconds.");
      else this.#post({ type: "ping" });
    }, pingEveryMs);
  }

  #died(message: string): void {
    this.#worker?.terminate();
    this.#worker = null;
    this.#fail({ kind: "died", message });
  }

  #fail(failure: Pick<Failure, "kind" | "message">, kept = false): void {
    this.#watch(false);
    this.#failed({ ...failure, retryAt: null, kept });
  }

  #failed(failure: Failure): void {
    this.#store.phase.value = { kind: "failed", failure };
  }
}
