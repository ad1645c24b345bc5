/** What a session's variables hold, and what was counted of them: reading, setting, and taking along. */
import { batchNormLayers, type BatchNormLayer } from "../graph/batchNormLayers.ts";
import type { TypedArray } from "../graph/dtype.ts";
import { NotFoundError } from "../graph/errors.ts";
import type { Graph } from "../graph/graph.ts";
import type { Operation } from "../graph/operation.ts";
import { sizeOf } from "../graph/shape.ts";
import { FetchedTensor, type FeedValue } from "../graph/tensorValue.ts";
import { isVariable, variableType } from "../graph/variableOps.ts";
import type { fitCheckpoint } from "./checkpoint.ts";
import { parseValue, writeFeed } from "./feeds.ts";
import type { Heap } from "./heap.ts";
import type { SessionState, VariableSlot } from "./state.ts";

/** A batch-norm layer's state. */
export interface LayerStatistics {
  readonly layer: string;
  readonly mean: FetchedTensor;
  readonly variance: FetchedTensor;
  /** Decay of the moving averages; null where the graph computes it. */
  readonly momentum: number | null;
  /** Runs that moved the statistics; null after values came from a checkpoint that does not say. */
  readonly updates: number | null;
  /** momentum ** updates: how much of the initial value is left. */
  readonly residual: number | null;
}

/** Values that change between runs, for storing: see `takeChanges`. */
export interface SessionChanges {
  readonly variables: ReadonlyMap<string, FetchedTensor>;
  readonly generators: Readonly<Record<string, readonly number[]>>;
  readonly updates: Readonly<Record<string, number | null>>;
  readonly seed: number;
}

export class SessionValues {
  readonly #graph: Graph;
  readonly #heap: Heap;
  readonly #state: SessionState;
  /** Told of variables that were set from outside. */
  readonly #onSet: (variables: readonly Operation[]) => void;
  #layers: readonly BatchNormLayer[] = [];
  #layersOf = -1;

  constructor(graph: Graph, heap: Heap, state: SessionState, onSet: (variables: readonly Operation[]) => void) {
    this.#graph = graph;
    this.#heap = heap;
    this.#state = state;
    this.#onSet = onSet;
  }

  /** The graph's batch-norm layers; it may have grown. */
  layers(): readonly BatchNormLayer[] {
    if (this.#layersOf !== this.#graph.operations.length) {
      this.#layers = batchNormLayers(this.#graph);
      this.#layersOf = this.#graph.operations.length;
    }
    return this.#layers;
  }

  /** How often a layer's statistics were moved; null where nobody knows. */
  updatesOf(layer: string): number | null {
    const updates = this.#state.updates.get(layer);
    return updates === undefined ? 0 : updates;
  }

  /** Counts an update that ran, and gives the moving mean that it concerns. */
  countUpdate(update: Operation): Operation {
    const layer = this.layers().find(({ applications }) => applications.some(({ mean }) => mean.update === update))!;
    const before = this.updatesOf(layer.name);
    if (before !== null) this.#state.updates.set(layer.name, before + 1);
    return layer.mean.variable;
  }

  /** A run has written the variable. */
  written(op: Operation): void {
    markWritten(this.#state.variable(op));
  }

  movingStatistics(): LayerStatistics[] {
    return this.layers().map((layer) => {
      const updates = this.updatesOf(layer.name);
      const { momentum } = layer;
      return {
        layer: layer.name,
        mean: this.#readVariable(layer.mean.variable),
        variance: this.#readVariable(layer.variance.variable),
        momentum,
        updates,
        residual: momentum === null || updates === null ? null : momentum ** updates,
      };
    });
  }

  load(values: { readonly [name: string]: FeedValue | FetchedTensor }): void {
    const parsed = Object.entries(values).map(([name, value]) => {
      const op = this.#graph.findOperation(name);
      if (!op || !isVariable(op)) throw new NotFoundError(`The graph has no variable called '${name}'.`);
      return [op, parseValue({ name: `${name}:0`, ...variableType(op) }, value)] as const;
    });
    for (const [op, value] of parsed) {
      const slot = this.#state.variable(op);
      writeFeed(this.#heap, value, slot.address);
      markWritten(slot);
    }
    this.#forgetUpdates(parsed.map(([op]) => op));
  }

  all(): Map<string, FetchedTensor> {
    return new Map(
      [...this.#state.variables].filter((slot) => slot.initialized).map((slot) => [slot.op.name, this.#readSlot(slot)]),
    );
  }

  takeChanges(kept?: Map<string, FetchedTensor>): SessionChanges {
    const variables = new Map<string, FetchedTensor>();
    for (const slot of this.#state.variables) {
      if (!slot.dirty) continue;
      const { name } = slot.op;
      const value = this.#readSlot(slot, kept?.get(name));
      kept?.set(name, value);
      variables.set(name, value);
      slot.dirty = false;
    }
    return { variables, ...this.counters() };
  }

  putChanges(changes: SessionChanges): void {
    this.load(Object.fromEntries(changes.variables));
    for (const slot of this.#state.variables) slot.dirty = false;
    this.#state.seed = changes.seed;
    this.#state.restoreGenerators(changes.generators);
    this.#state.updates.clear();
    for (const [layer, updates] of Object.entries(changes.updates)) this.#state.updates.set(layer, updates);
  }

  counters(): Omit<SessionChanges, "variables"> {
    const updates = Object.fromEntries(this.layers().map(({ name }) => [name, this.updatesOf(name)]));
    return { generators: this.#state.generators(), updates, seed: this.#state.seed };
  }

  /** What a checkpoint holds for this graph: all of it, or the values of some variables. */
  restore({ variables, updates, whole }: ReturnType<typeof fitCheckpoint>): void {
    if (whole) {
      const { generators, seed } = whole;
      this.putChanges({ variables, updates, generators, seed: seed ?? this.#state.seed });
      for (const slot of this.#state.variables) slot.dirty = slot.initialized;
    } else {
      this.load(Object.fromEntries(variables));
      for (const [layer, count] of Object.entries(updates)) this.#state.updates.set(layer, count);
    }
  }

  /** Keeps what the slots hold, and all generators; what it gives puts them back. */
  snapshot(slots: readonly VariableSlot[]): () => void {
    const before = slots.map((slot) => this.#readSlot(slot).data);
    const generators = this.#state.generators();
    return () => {
      slots.forEach(({ dtype, address }, i) => {
        (this.#heap.view(dtype) as Float32Array).set(before[i] as Float32Array, address / dtype.size);
      });
      this.#state.restoreGenerators(generators);
    };
  }

  /** Statistics set from outside: nobody knows how many updates they hold. */
  #forgetUpdates(written: readonly Operation[]): void {
    this.#onSet(written);
    for (const layer of this.layers()) {
      if (written.includes(layer.mean.variable) || written.includes(layer.variance.variable))
        this.#state.updates.set(layer.name, null);
    }
  }

  #readVariable(op: Operation): FetchedTensor {
    this.#state.requireInitialized(op);
    return this.#readSlot(this.#state.variable(op));
  }

  /** A copy; over an earlier one of the same size, if there is one. */
  #readSlot(slot: VariableSlot, earlier?: FetchedTensor): FetchedTensor {
    const size = sizeOf(slot.shape);
    if (earlier?.data.length === size && earlier.dtype === slot.dtype.name) {
      this.#heap.readInto(earlier.data, slot.dtype, slot.address);
      return earlier;
    }
    const data: TypedArray = this.#heap.read(slot.dtype, slot.address, size);
    return new FetchedTensor(data, slot.shape, slot.dtype.name);
  }
}

function markWritten(slot: VariableSlot): void {
  slot.initialized = true;
  slot.dirty = true;
}
