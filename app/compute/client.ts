/** The page's side of the worker: typed messages, and a watch over whether it is still alive. */
import type { PageMessage, WorkerMessage } from "./protocol.ts";

const pingEveryMs = 1000;
/** A worker that computes answers between slices, well within this. */
const aliveWithinMs = 8000;

export interface WorkerEvents {
  message(message: WorkerMessage): void;
  died(details: string): void;
}

export class ComputeWorker {
  readonly #worker: Worker;
  readonly #events: WorkerEvents;
  #timer = 0;
  #heardAt = 0;

  constructor(events: WorkerEvents) {
    this.#events = events;
    this.#worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module", name: "trainlet" });
    this.#worker.addEventListener("message", ({ data }: MessageEvent<WorkerMessage>) => {
      this.#heardAt = performance.now();
      events.message(data);
    });
    this.#worker.addEventListener("error", (event) => {
      event.preventDefault();
      this.#died(event.message || "Its script could not be loaded.");
    });
  }

  post(message: PageMessage): void {
    this.#worker.postMessage(message, []);
  }

  /** Watches while a run is active. A hidden page may be frozen, and then nobody answers: it is not watched. */
  watch(on: boolean): void {
    clearInterval(this.#timer);
    this.#heardAt = performance.now();
    if (!on) return;
    this.#timer = setInterval(() => {
      if (document.hidden) this.#heardAt = performance.now();
      else if (performance.now() - this.#heardAt > aliveWithinMs) this.#died("It has not answered for 8 seconds.");
      else this.post({ type: "ping" });
    }, pingEveryMs);
  }

  end(): void {
    this.watch(false);
    this.#worker.terminate();
  }

  #died(details: string): void {
    this.end();
    this.#events.died(details);
  }
}
