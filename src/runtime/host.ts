/** What differs between hosts, set by each host's entry: how kernels are loaded, and how much memory sessions may use. */
import type { Heap } from "./heap.ts";
import { setDefaultKernelLoader, type KernelLoader } from "./kernels.ts";

/** What a session may use: its own limit and, where sessions share an isolate, what the others leave of that. */
export class MemoryBudget {
  readonly #limitBytes: number;
  readonly #heap: Heap;

  constructor(heap: Heap, maxMemoryBytes: number = defaultLimit) {
    this.#limitBytes = maxMemoryBytes;
    this.#heap = heap;
    isolate?.heaps.add(new WeakRef(heap));
  }

  /** Bytes that the session may use at this moment. */
  get limitBytes(): number {
    if (!isolate) return this.#limitBytes;
    let others = 0;
    for (const reference of isolate.heaps) {
      const heap = reference.deref();
      if (!heap) isolate.heaps.delete(reference);
      else if (heap !== this.#heap) others += heap.usedBytes;
    }
    return Math.max(0, Math.min(this.#limitBytes, isolate.limitBytes - others));
  }

  close(): void {
    for (const reference of isolate?.heaps ?? [])
      if (reference.deref() === this.#heap) isolate?.heaps.delete(reference);
  }
}

const gibibyte = 1024 ** 3;
let defaultLimit = gibibyte;
/** Heaps of an isolate that share its memory. Held weakly: a host may drop a session without closing it. */
let isolate: { readonly limitBytes: number; readonly heaps: Set<WeakRef<Heap>> } | null = null;

export interface HostDefaults {
  loader: KernelLoader;
  /** Limit of a session, and of all sessions together where they share an isolate. */
  maxMemoryBytes: number;
  shared: boolean;
}

export function configureHost({ loader, maxMemoryBytes, shared }: HostDefaults): void {
  setDefaultKernelLoader(loader);
  defaultLimit = maxMemoryBytes;
  isolate = shared ? { limitBytes: maxMemoryBytes, heaps: new Set() } : null;
}
