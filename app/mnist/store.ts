/** What the MNIST page knows: one phase, the settings, and what arrived, which no error clears. */
import { computed, signal, type ReadonlySignal, type Signal } from "@preact/signals-core";
import type { Finding } from "../../src/index.ts";
import type { MnistFailure, TrainFacts, TrainSettings } from "./compute/protocol.ts";
import type { Curves } from "./curves.ts";

export type Phase =
  | { readonly kind: "idle" }
  | { readonly kind: "loading"; readonly loaded: number; readonly total: number }
  | { readonly kind: "preparing"; readonly what: "kernels" | "data" | "plan" }
  | { readonly kind: "running" }
  | { readonly kind: "stopping" }
  | { readonly kind: "stopped" }
  | { readonly kind: "finished" }
  | { readonly kind: "failed"; readonly failure: Failure };

export interface Failure extends MnistFailure {
  /** When the edge is tried again by itself; null where that was given up. */
  readonly retryAt: number | null;
  /** Whether the run is held by this page, on its way between two hosts. */
  readonly kept: boolean;
}

export interface Prediction {
  readonly step: number;
  readonly probabilities: Float32Array;
}

export interface Digit {
  readonly label: number;
  readonly index: number;
  readonly pixels: Uint8Array;
}

export interface MnistStore {
  readonly phase: Signal<Phase>;
  readonly settings: Signal<TrainSettings>;
  /** Those of the run whose results are shown. */
  readonly run: Signal<TrainSettings | null>;
  readonly curves: Signal<Curves | null>;
  /** Counts batches: what draws results reads it. */
  readonly news: Signal<number>;
  readonly findings: Signal<readonly Finding[]>;
  readonly facts: Signal<TrainFacts | null>;
  readonly prediction: Signal<Prediction | null>;
  /** A digit of the test set that is shown for reading. */
  readonly digit: Signal<Digit | null>;
  /** What became of a wish beside the run. */
  readonly aside: Signal<string>;
  readonly logLoss: Signal<boolean>;
  /** Changes with the theme: canvases read their colours anew. */
  readonly theme: Signal<number>;
  /** For the edge; kept for the tab only. */
  readonly token: Signal<string | null>;
  readonly done: ReadonlySignal<number>;
  readonly active: ReadonlySignal<boolean>;
}

const activePhases = new Set<Phase["kind"]>(["loading", "preparing", "running", "stopping"]);

export function createStore(settings: TrainSettings): MnistStore {
  const phase = signal<Phase>({ kind: "idle" });
  const curves = signal<Curves | null>(null);
  const news = signal(0);
  return {
    phase,
    settings: signal(settings),
    run: signal<TrainSettings | null>(null),
    curves,
    news,
    findings: signal<readonly Finding[]>([]),
    facts: signal<TrainFacts | null>(null),
    prediction: signal<Prediction | null>(null),
    digit: signal<Digit | null>(null),
    aside: signal(""),
    logLoss: signal(false),
    theme: signal(0),
    token: signal<string | null>(null),
    done: computed(() => (news.value, curves.value?.done ?? 0)),
    active: computed(() => {
      const { value } = phase;
      return activePhases.has(value.kind) || (value.kind === "failed" && value.failure.retryAt !== null);
    }),
  };
}
