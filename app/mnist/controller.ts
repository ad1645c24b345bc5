/** What the buttons of the MNIST page do: wishes become messages to the worker, its messages come into the store. */
import { batch } from "@preact/signals-core";
import type { HostName } from "../compute/protocol.ts";
import { make } from "../views/dom.ts";
import type { MnistPageMessage, MnistWorkerMessage } from "./compute/protocol.ts";
import { addBatch, startCurves, type MnistStore } from "./store.ts";

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

  train(): void {
    const { settings, token, findings, facts } = this.#store;
    findings.value = [];
    facts.value = null;
    this.#begin({ type: "train", settings: settings.value, token: token.value });
  }

  stop(): void {
    if (this.#store.phase.value.kind !== "running") return;
    this.#store.phase.value = { kind: "stopping" };
    this.#post({ type: "stop" });
  }

  /** The next step follows, on this host or on another. */
  continue(host: HostName): void {
    const { settings, token } = this.#store;
    settings.value = { ...settings.value, host };
    this.#begin({ type: "continue", host, token: token.value });
  }

  retry(): void {
    this.#begin({ type: "retry" });
  }

  predict(pixels: Uint8Array): void {
    if (this.#worker) this.#post({ type: "predict", id: ++this.#drawing, pixels });
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
    switch (message.type) {
      case "loading":
        if (store.active.value) store.phase.value = { ...message, kind: "loading" };
        break;
      case "preparing":
        store.phase.value = { kind: "preparing", what: message.what };
        break;
      case "started":
        store.curves.value = startCurves(message, store.curves.value);
        store.phase.value = { kind: "running" };
        break;
      case "batch":
        if (store.curves.value) addBatch(store.curves.value, message);
        if (store.phase.value.kind === "preparing") store.phase.value = { kind: "running" };
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
        store.phase.value = { kind: message.type };
        this.#watch(false);
        break;
      case "prediction":
        if (message.id === this.#drawing) store.prediction.value = message;
        break;
      case "digit":
        store.digit.value = message;
        break;
      case "checkpoint":
        save(`trainlet-mnist-step-${message.step}.safetensors`, message.bytes);
        break;
      case "failed":
        store.phase.value = { kind: "failed", failure: message.failure };
        this.#watch(false);
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
    this.#watch(false);
    this.#worker?.terminate();
    this.#worker = null;
    this.#store.phase.value = { kind: "failed", failure: { kind: "died", message } };
  }
}

function save(name: string, bytes: Uint8Array): void {
  const url = URL.createObjectURL(new Blob([bytes as Uint8Array<ArrayBuffer>]));
  make("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
