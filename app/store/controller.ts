/** What the buttons do: turns wishes into messages to the worker, and its messages into the store. */
import { batch } from "@preact/signals-core";
import { ComputeWorker } from "../compute/client.ts";
import { retryDelaysMs } from "../compute/delays.ts";
import type { FailureKind, HostName, RunFacts, RunSettings, WorkerMessage } from "../compute/protocol.ts";
import { hasSimd } from "../compute/simd.ts";
import { addBatch, createResults } from "./results.ts";
import { bitsKey, type Phase, type Store } from "./store.ts";

export class Controller {
  readonly #store: Store;
  #worker: ComputeWorker | null = null;
  #waitedMap = "";

  constructor(store: Store) {
    this.#store = store;
  }

  /** Starts the worker, which draws the graph at once and computes nothing yet. */
  start(): void {
    this.#worker ??= new ComputeWorker({
      message: (message) => batch(() => this.#receive(message)),
      died: (details) => {
        this.#worker = null;
        this.#fail("died", details);
      },
    });
    if (!hasSimd()) this.#fail("simd", "WebAssembly.validate refuses a module with a v128 instruction.");
  }

  run(settings: Partial<RunSettings> = {}): void {
    const store = this.#store;
    store.settings.value = { ...store.settings.value, ...settings };
    if (store.settings.value.host === "worker" && !hasSimd()) return this.#fail("simd", "");
    this.start();
    this.#phase({ kind: "compiling", what: "kernels" });
    this.#worker!.watch(true);
    this.#worker!.post({ type: "start", settings: store.settings.value, token: store.token.value });
  }

  stop(): void {
    const { phase } = this.#store;
    const { value } = phase;
    if (value.kind === "running") this.#phase({ kind: "stopping" });
    if (value.kind === "compiling" || (value.kind === "failed" && value.failure.retryAt !== null))
      return this.abandon();
    this.#worker?.post({ type: "stop" });
  }

  continue(): void {
    this.#store.replay.value = null;
    this.#phase({ kind: "running", redone: false });
    this.#worker?.watch(true);
    this.#worker?.post({ type: "continue", pace: this.#store.settings.value.pace });
  }

  /** Drops the run, and keeps what it has shown. */
  abandon(): void {
    this.#worker?.post({ type: "abandon" });
    this.#worker?.watch(false);
    this.#phase({ kind: "idle", ready: true });
  }

  retryNow(): void {
    this.#worker?.post({ type: "retry" });
  }

  switchTo(host: HostName): void {
    this.#worker?.post({ type: "abandon" });
    this.run({ host });
  }

  /** Takes a node of the pictures apart; null goes back to the nine. */
  open(path: readonly string[] | null): void {
    const { opened, picture, graphs } = this.#store;
    opened.value = path;
    if (path) this.#worker?.post({ type: "open", path });
    else picture.value = graphs.value;
  }

  layout(sizes: { readonly [density: string]: { readonly [node: string]: { width: number; height: number } } }): void {
    this.#worker?.post({ type: "layout", path: this.#store.opened.peek(), sizes });
  }

  /** Asks for the map that the chosen step and channel should show, unless it is there. */
  wantMap(): void {
    const { snapshots, step, channel, map } = this.#store;
    const newest = [...snapshots.value.keys()].findLast((at) => at <= step.value);
    if (newest === undefined) return;
    const wanted = `${newest} ${channel.value}`;
    if (map.value && `${map.value.step} ${map.value.channel}` === wanted) return;
    if (wanted === this.#waitedMap) return;
    this.#waitedMap = wanted;
    this.#worker?.post({ type: "map", step: newest, channel: channel.value });
  }

  #receive(message: WorkerMessage): void {
    const store = this.#store;
    switch (message.type) {
      case "graph":
        store.graphs.value = message.graphs;
        if (store.opened.value) this.open(store.opened.value);
        else store.picture.value = message.graphs;
        break;
      case "opened":
        if (store.opened.value?.join() === message.path.join()) store.picture.value = message.graphs;
        break;
      case "laid-out":
        store.layouts.value = message.layouts;
        if (store.phase.value.kind === "idle") this.#phase({ kind: "idle", ready: true });
        break;
      case "compiling":
        this.#phase({ kind: "compiling", what: message.what });
        break;
      case "planned": {
        const { host, steps } = store.settings.value;
        store.results.value = createResults(host, steps, message.channels, message.momentum);
        store.findings.value = message.findings;
        store.facts.value = null;
        store.snapshots.value = new Map();
        store.map.value = null;
        store.replay.value = null;
        this.#waitedMap = "";
        this.#phase({ kind: "running", redone: false });
        break;
      }
      case "batch":
        addBatch(store.results.value!, message);
        store.news.value++;
        break;
      case "snapshot":
        store.snapshots.value = new Map([...store.snapshots.value, [message.step, message.facts]]);
        break;
      case "map":
        this.#waitedMap = "";
        store.map.value = message;
        break;
      case "waiting":
        this.#failed("unreachable", `Try ${message.attempt} of ${retryDelaysMs.length + 1}.`, message.retryInMs);
        break;
      case "resumed":
        if (store.results.value) this.#phase({ kind: "running", redone: message.redone });
        break;
      case "stopped":
      case "finished":
        this.#worker?.watch(false);
        this.#end(message.type, message.facts);
        break;
      case "failed":
        this.#fail(message.failure.kind, message.failure.message);
        break;
      case "pong":
        break;
    }
  }

  #end(kind: "stopped" | "finished", facts: RunFacts | null): void {
    const { facts: known, results, bits, done } = this.#store;
    known.value = facts;
    if (facts?.bits && results.value)
      bits.value = new Map([...bits.value, [bitsKey(results.value.host, done.value), facts.bits]]);
    this.#phase({ kind });
  }

  #fail(kind: FailureKind, details: string): void {
    this.#worker?.watch(false);
    this.#failed(kind, details, null);
  }

  #failed(kind: FailureKind, details: string, retryInMs: number | null): void {
    const retryAt = retryInMs === null ? null : performance.now() + retryInMs;
    this.#phase({ kind: "failed", failure: { kind, details, retryAt } });
  }

  #phase(phase: Phase): void {
    this.#store.phase.value = phase;
  }
}
