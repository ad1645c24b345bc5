/** What the MNIST page knows: one phase, the settings, and what arrived, which no error clears. */
import { computed, signal, type ReadonlySignal, type Signal } from "@preact/signals-core";
import type { Finding } from "../../src/index.ts";
import type { LayerColumn, MnistFailure, Started, TrainBatch, TrainFacts, TrainSettings } from "./compute/protocol.ts";

export type Phase =
  | { readonly kind: "idle" }
  | { readonly kind: "loading"; readonly loaded: number; readonly total: number }
  | { readonly kind: "preparing"; readonly what: "kernels" | "data" | "plan" }
  | { readonly kind: "running" }
  | { readonly kind: "stopping" }
  | { readonly kind: "stopped" }
  | { readonly kind: "finished" }
  | { readonly kind: "failed"; readonly failure: MnistFailure };

/** Values by step: index 0 is step 1. Written in place; `news` counts what came. */
export interface Curves extends Started {
  readonly loss: Float32Array;
  readonly accuracy: Float32Array;
  /** Steps that have arrived. */
  done: number;
  readonly validations: { readonly step: number; readonly accuracy: number }[];
  readonly columns: LayerColumn[];
  rate: number;
  stepsPerSecond: number | null;
}

export interface Prediction {
  readonly step: number;
  readonly probabilities: Float32Array;
}

export interface MnistStore {
  readonly phase: Signal<Phase>;
  readonly settings: Signal<TrainSettings>;
  readonly curves: Signal<Curves | null>;
  readonly news: Signal<number>;
  readonly findings: Signal<readonly Finding[]>;
  readonly facts: Signal<TrainFacts | null>;
  readonly prediction: Signal<Prediction | null>;
  /** A digit of the test set that is shown for reading. */
  readonly digit: Signal<{ readonly label: number; readonly index: number; readonly pixels: Uint8Array } | null>;
  readonly logLoss: Signal<boolean>;
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
    curves,
    news,
    findings: signal<readonly Finding[]>([]),
    facts: signal<TrainFacts | null>(null),
    prediction: signal<Prediction | null>(null),
    digit: signal<{ label: number; index: number; pixels: Uint8Array } | null>(null),
    logLoss: signal(false),
    theme: signal(0),
    token: signal<string | null>(null),
    done: computed(() => (news.value, curves.value?.done ?? 0)),
    active: computed(() => activePhases.has(phase.value.kind)),
  };
}

/** Room for all steps of a run, with what an earlier part of it brought. */
export function startCurves(started: Started, before: Curves | null): Curves {
  const kept = started.step > 0 && before?.steps === started.steps ? before : null;
  return {
    ...started,
    loss: kept?.loss ?? new Float32Array(started.steps).fill(Number.NaN),
    accuracy: kept?.accuracy ?? new Float32Array(started.steps).fill(Number.NaN),
    done: kept ? started.step : 0,
    validations: kept?.validations ?? [],
    columns: kept?.columns ?? [],
    rate: kept?.rate ?? 0,
    stepsPerSecond: null,
  };
}

export function addBatch(curves: Curves, batch: TrainBatch): void {
  curves.loss.set(batch.loss, batch.from - 1);
  curves.accuracy.set(batch.accuracy, batch.from - 1);
  curves.done = Math.max(curves.done, batch.from - 1 + batch.loss.length);
  curves.validations.push(...batch.validations);
  curves.columns.push(...batch.statistics);
  curves.rate = batch.rate;
  curves.stepsPerSecond = batch.stepsPerSecond ?? curves.stepsPerSecond;
}

/** The mean of the last `window` values up to each step. */
export function movingMean(values: Float32Array, done: number, window: number): (number | null)[] {
  const means: (number | null)[] = [];
  let sum = 0;
  let count = 0;
  for (let i = 0; i < done; i++) {
    if (!Number.isNaN(values[i])) {
      sum += values[i];
      count++;
    }
    if (i >= window && !Number.isNaN(values[i - window])) {
      sum -= values[i - window];
      count--;
    }
    means.push(count > 0 ? sum / count : null);
  }
  return means;
}
