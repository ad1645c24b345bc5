/** What differs between hosts, set by each host's entry: how kernels are loaded, and how much memory sessions may use. */
import type { Heap } from "./heap.ts";
import { setDefaultKernelLoader, type KernelLoader } from "./kernels.ts";

/** Counts the memory of several sessions against one limit. */
export class MemoryLedger {
  readonly limitBytes: number;
  readonly #heaps = new Set<Heap>();

  constructor(limitBytes: number) {
    this.limitBytes = limitBytes;
  }

  add(heap: Heap): void {
    this.#heaps.add(heap);
  }

  remove(heap: Heap): void {
    this.#heaps.delete(heap);
  }

  /** Bytes that the other sessions use. */
  usedByOthers(heap: Heap): number {
    let bytes = 0;
    for (const other of this.#heaps) if (other !== heap) bytes += other.usedBytes;
    return bytes;
  }
}

const gibibyte = 1024 ** 3;
let isolateLedger: MemoryLedger | null = null;
let defaultLimit = gibibyte;

export interface HostDefaults {
  loader: KernelLoader;
  /** Limit of a session, or of all sessions together where they share an isolate. */
  maxMemoryBytes: number;
  shared: boolean;
}

export function configureHost({ loader, maxMemoryBytes, shared }: HostDefaults): void {
  setDefaultKernelLoader(loader);
  defaultLimit = maxMemoryBytes;
  isolateLedger = shared ? new MemoryLedger(maxMemoryBytes) : null;
}

/** The ledger for a new session: its own with a limit of its own, else the host's. */
export function ledgerFor(maxMemoryBytes: number | undefined): MemoryLedger {
  if (maxMemoryBytes !== undefined) return new MemoryLedger(maxMemoryBytes);
  return isolateLedger ?? new MemoryLedger(defaultLimit);
}
