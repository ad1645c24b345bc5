/** What the page knows: one phase, the settings, and the results, which no error clears. */
import { computed, signal, type ReadonlySignal, type Signal } from "@preact/signals-core";
import type { Finding } from "../../src/index.ts";
import type { FailureKind, HostName, MapSlice, Pair, ResultFacts, RunFacts, RunSettings } from "../compute/protocol.ts";
import type { LaidOut } from "../graph/layout.ts";
import type { ReducedGraph } from "../graph/reduce.ts";
import type { Results } from "./results.ts";

export type Phase =
  | { readonly kind: "idle"; readonly ready: boolean }
  | { readonly kind: "compiling"; readonly what: "kernels" | "plan" }
  | { readonly kind: "running"; readonly redone: boolean }
  | { readonly kind: "stopping" }
  | { readonly kind: "stopped" }
  | { readonly kind: "finished" }
  | { readonly kind: "failed"; readonly failure: Failure };

export interface Failure {
  readonly kind: FailureKind;
  /** What the library or the network said. */
  readonly details: string;
  /** When the edge is tried again by itself; null where that was given up. */
  readonly retryAt: number | null;
}

/** Settings and view as the URL holds them. */
export interface Selection {
  readonly run: "with" | "without";
  readonly node: string;
}

export interface Store {
  readonly phase: Signal<Phase>;
  readonly settings: Signal<RunSettings>;
  readonly channel: Signal<number>;
  /** The step that is replayed; null follows the run. */
  readonly replay: Signal<number | null>;
  /** The step under the cursor of a plot. */
  readonly hover: Signal<number | null>;
  readonly results: Signal<Results | null>;
  /** Counts batches: what draws results reads it. */
  readonly news: Signal<number>;
  readonly findings: Signal<Pair<readonly Finding[]> | null>;
  readonly facts: Signal<RunFacts | null>;
  readonly snapshots: Signal<ReadonlyMap<number, Pair<ResultFacts>>>;
  /** The map that is shown, of the newest step that has one. */
  readonly map: Signal<MapSlice | null>;
  readonly graphs: Signal<Pair<ReducedGraph> | null>;
  /** The path of nodes that are taken apart; null: the nine nodes only. */
  readonly opened: Signal<readonly string[] | null>;
  /** What the pictures show: `graphs`, or all nodes. */
  readonly picture: Signal<Pair<ReducedGraph> | null>;
  readonly layouts: Signal<{ readonly [density: string]: LaidOut } | null>;
  readonly selected: Signal<Selection | null>;
  /** Bits of finished runs in this visit, by host and number of steps. */
  readonly bits: Signal<ReadonlyMap<string, string>>;
  /** Changes with the theme: canvases read their colours anew. */
  readonly theme: Signal<number>;
  /** For the edge; kept for the tab only. */
  readonly token: Signal<string | null>;
  /** Steps done. */
  readonly done: ReadonlySignal<number>;
  /** The step that everything shows. */
  readonly step: ReadonlySignal<number>;
  readonly active: ReadonlySignal<boolean>;
}

export function createStore(settings: RunSettings, channel: number): Store {
  const results = signal<Results | null>(null);
  const news = signal(0);
  const replay = signal<number | null>(null);
  const phase = signal<Phase>({ kind: "idle", ready: false });
  const done = computed(() => (news.value, results.value?.done ?? 0));
  return {
    phase,
    settings: signal(settings),
    channel: signal(channel),
    replay,
    hover: signal<number | null>(null),
    results,
    news,
    findings: signal<Pair<readonly Finding[]> | null>(null),
    facts: signal<RunFacts | null>(null),
    snapshots: signal<ReadonlyMap<number, Pair<ResultFacts>>>(new Map()),
    map: signal<MapSlice | null>(null),
    graphs: signal<Pair<ReducedGraph> | null>(null),
    opened: signal<readonly string[] | null>(null),
    picture: signal<Pair<ReducedGraph> | null>(null),
    layouts: signal<{ readonly [density: string]: LaidOut } | null>(null),
    selected: signal<Selection | null>(null),
    bits: signal<ReadonlyMap<string, string>>(new Map()),
    theme: signal(0),
    token: signal<string | null>(null),
    done,
    step: computed(() => Math.min(replay.value ?? done.value, done.value)),
    active: computed(() => {
      const { value } = phase;
      const waits = value.kind === "failed" && value.failure.retryAt !== null;
      return value.kind === "compiling" || value.kind === "running" || value.kind === "stopping" || waits;
    }),
  };
}

export function bitsKey(host: HostName, steps: number): string {
  return `${host} ${steps}`;
}
