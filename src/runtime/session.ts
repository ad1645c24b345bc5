/** Session: runs a graph. Compiles each kind of run once, then feeds, runs steps, and copies out what was fetched. */
import { examine, formatFinding } from "../doctor/doctor.ts";
import type { Finding } from "../doctor/finding.ts";
import { batchNormLayers, type BatchNormLayer } from "../graph/batchNormLayers.ts";
import type { TypedArray } from "../graph/dtype.ts";
import {
  FailedPreconditionError,
  InternalError,
  InvalidArgumentError,
  NotFoundError,
  TrainletError,
} from "../graph/errors.ts";
import { getDefaultGraph, type Graph } from "../graph/graph.ts";
import { Tensor, type Operation } from "../graph/operation.ts";
import { sizeOf } from "../graph/shape.ts";
import { FetchedTensor, type FeedValue } from "../graph/tensorValue.ts";
import { isVariable, variableType } from "../graph/variableOps.ts";
import { decodeCheckpoint, encodeCheckpoint } from "./checkpoint.ts";
import { parseFeeds, parseValue, writeFeed, type Feed, type Feeds } from "./feeds.ts";
import { parseFetches, type Fetched, type Fetches } from "./fetches.ts";
import { Heap } from "./heap.ts";
import { MemoryBudget } from "./host.ts";
import { instantiateKernels, loadKernels } from "./kernels.ts";
import type { PlannerOptions } from "./plan/compile.ts";
import type { Executor } from "./plan/execute.ts";
import type { Plan } from "./plan/plan.ts";
import { notTaken, type Reach } from "./plan/reach.ts";
import { PlanCache, reachOf, type CachedPlan } from "./planCache.ts";
import { SessionState, type VariableSlot } from "./state.ts";

export interface SessionOptions {
  /** Default: the default graph. */
  graph?: Graph;
  /** The compiled kernels; default: the host's own loader. */
  kernels?: WebAssembly.Module | Promise<WebAssembly.Module>;
  /** Limit for variables, constants and the arena together. Default: 1 GiB; in workerd 64 MiB for all sessions of an isolate. */
  maxMemoryBytes?: number;
  /** Seed of random operations that have none, and whose graph has none. Default: drawn, see `session.seed`. */
  seed?: number;
  /** Gets each finding of the doctor, once a plan. Default: console.warn. */
  onWarning?: (finding: Finding) => void;
  /** For tests of the planner: results must not depend on these. */
  planner?: Partial<PlannerOptions> & { poison?: boolean };
}

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

export class Session {
  readonly graph: Graph;
  readonly #heap: Heap;
  readonly #budget: MemoryBudget;
  readonly #state: SessionState;
  readonly #onWarning: (finding: Finding) => void;
  readonly #plans: PlanCache;
  #layers: readonly BatchNormLayer[] = [];
  #layersOf = -1;
  #closed = false;

  private constructor(graph: Graph, module: WebAssembly.Module, options: SessionOptions) {
    this.graph = graph;
    const { kernels, memory } = instantiateKernels(module);
    this.#heap = new Heap(memory, kernels.heapBase());
    this.#budget = new MemoryBudget(this.#heap, options.maxMemoryBytes);
    this.#state = new SessionState(this.#heap, options.seed ?? drawSeed());
    this.#onWarning = options.onWarning ?? warnOnConsole;
    const planner = { reuse: true, inPlace: true, poison: false, ...options.planner };
    this.#plans = new PlanCache({ heap: this.#heap, kernels, budget: this.#budget, state: this.#state, planner });
  }

  /** A session on `graph` (default: the default graph). Loads the kernels of the host unless given a module. */
  static async create(options: SessionOptions = {}): Promise<Session> {
    if (options.seed !== undefined && !Number.isSafeInteger(options.seed))
      throw new InvalidArgumentError(`seed must be an integer, got ${options.seed}.`);
    if (options.maxMemoryBytes !== undefined && !(options.maxMemoryBytes > 0)) {
      throw new InvalidArgumentError(`maxMemoryBytes must be a positive number, got ${options.maxMemoryBytes}.`);
    }
    const module = await (options.kernels ?? loadKernels());
    return new Session(options.graph ?? getDefaultGraph(), module, options);
  }

  /** Seed of the random operations that have no seed of their own. */
  get seed(): number {
    return this.#state.seed;
  }

  /** Bytes of variables, plan constants and arena; of the WebAssembly memory that holds them; and what they may be at most. */
  get memory(): { usedBytes: number; arenaBytes: number; totalBytes: number; limitBytes: number } {
    return {
      usedBytes: this.#heap.usedBytes,
      arenaBytes: this.#plans.arenaBytes,
      totalBytes: this.#heap.memoryBytes,
      limitBytes: this.#budget.limitBytes,
    };
  }

  /** Runs what the fetches need and gives their values in the fetches' own structure; undefined for an operation.
   * Runs happen in the order of the calls, each as a whole. A run that fails changes no variable.
   * `repeat` runs the step that many times with the same feeds and gives the last values. */
  async run<const F extends Fetches>(
    fetches: F,
    feeds?: Feeds,
    options: { repeat?: number } = {},
  ): Promise<Fetched<F>> {
    const repeat = checkRepeat(options.repeat);
    const parsed = parseFetches(this.graph, fetches);
    const { cached, feeds: given } = this.#prepare(parsed.items, feeds);
    for (let i = 0; i < repeat; i++) this.#execute(cached, given);
    const answer: unknown = parsed.assemble(cached.executor.fetch());
    return answer as Fetched<F>;
  }

  /** Runs the step `repeat` times and gives, besides the last values of `fetches`, those of `collect` after every run,
   * stacked along a new first axis. `collect` holds tensors, by key. */
  async runSeries<const F extends Fetches, const C extends { readonly [key: string]: Tensor | string }>(
    fetches: F,
    feeds: Feeds | undefined,
    options: { repeat: number; collect: C },
  ): Promise<{ fetches: Fetched<F>; series: { [K in keyof C]: FetchedTensor } }> {
    const repeat = checkRepeat(options.repeat);
    const wanted = parseFetches(this.graph, fetches);
    const collected = parseFetches(this.graph, options.collect);
    for (const item of collected.items)
      if (!(item instanceof Tensor))
        throw new InvalidArgumentError(`collect takes tensors, '${item.name}' is an operation.`);
    const items = [...new Set([...wanted.items, ...collected.items])];
    const { cached, feeds: given } = this.#prepare(items, feeds);
    const rows = collected.items.map((item) => items.indexOf(item));
    const stacks = cached.executor.stacks(rows, repeat);
    for (let i = 0; i < repeat; i++) {
      this.#execute(cached, given);
      cached.executor.collect(rows, stacks, i);
    }
    const values: unknown = wanted.assemble(cached.executor.fetch());
    const series: unknown = collected.assemble(stacks);
    return { fetches: values as Fetched<F>, series: series as { [K in keyof C]: FetchedTensor } };
  }

  /** The plan of a run, compiled if it is not yet: print it with String(plan). */
  plan(fetches: Fetches, feeds?: Feeds): Plan {
    return this.#planFor(parseFetches(this.graph, fetches).items, feeds).cached.plan;
  }

  /** What the doctor finds in such a run. Nothing runs. */
  doctor(fetches: Fetches, feeds?: Feeds): Finding[] {
    this.#checkOpen();
    const { items } = parseFetches(this.graph, fetches);
    return this.#examine(reachOf(items, parseFeeds(this.graph, feeds)));
  }

  /** State of every batch-norm layer that has update ops. */
  movingStatistics(): LayerStatistics[] {
    this.#checkOpen();
    return this.#batchNormLayers().map((layer) => {
      const updates = this.#updatesOf(layer.name);
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

  /** Sets variables by name: `session.load({ "conv_1/kernel": value })`. Either all are set or none. */
  load(values: { readonly [name: string]: FeedValue | FetchedTensor }): void {
    this.#checkOpen();
    const parsed = Object.entries(values).map(([name, value]) => {
      const op = this.graph.findOperation(name);
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

  /** All initialised variables, by name. */
  variables(): Map<string, FetchedTensor> {
    this.#checkOpen();
    return new Map(
      [...this.#state.variables].filter((slot) => slot.initialized).map((slot) => [slot.op.name, this.#readSlot(slot)]),
    );
  }

  /** Values written since the last call, and the state of generators and counters: what a host stores after a run. */
  takeChanges(): SessionChanges {
    this.#checkOpen();
    const variables = new Map<string, FetchedTensor>();
    for (const slot of this.#state.variables) {
      if (slot.dirty) variables.set(slot.op.name, this.#readSlot(slot));
      slot.dirty = false;
    }
    return { variables, ...this.#counters() };
  }

  /** Puts back what `takeChanges` gave, in this or another session of the same graph. */
  putChanges(changes: SessionChanges): void {
    this.load(Object.fromEntries(changes.variables));
    for (const slot of this.#state.variables) slot.dirty = false;
    this.#state.seed = changes.seed;
    this.#state.restoreGenerators(changes.generators);
    this.#state.updates.clear();
    for (const [layer, updates] of Object.entries(changes.updates)) this.#state.updates.set(layer, updates);
  }

  /** Everything a later session of the same graph needs to go on with the same bits, as a safetensors file. */
  async checkpoint(): Promise<Uint8Array> {
    return encodeCheckpoint(this.variables(), this.#counters());
  }

  /** Sets all variables from a checkpoint. A file that lacks a variable, has one more or another shape is refused and
   * changes nothing. */
  async restore(bytes: Uint8Array): Promise<void> {
    this.#checkOpen();
    const variables = this.graph.operations.filter(isVariable);
    const changes = decodeCheckpoint(
      bytes,
      variables,
      this.#batchNormLayers().map((layer) => layer.name),
    );
    this.putChanges({ ...changes, seed: changes.seed ?? this.seed });
    for (const slot of this.#state.variables) slot.dirty = true;
  }

  /** Frees the session's memory. Calling it again does nothing. */
  close(): void {
    this.#closed = true;
    this.#plans.clear();
    this.#budget.close();
  }

  /** Everything a run needs, checked: nothing has changed yet where this throws. */
  #prepare(
    items: readonly (Tensor | Operation)[],
    feeds: Feeds | undefined,
  ): { cached: CachedPlan; feeds: readonly Feed[] } {
    const prepared = this.#planFor(items, feeds);
    for (const op of prepared.cached.plan.parts.reads) this.#state.requireInitialized(op);
    this.#plans.bind(prepared.cached);
    return prepared;
  }

  #planFor(
    items: readonly (Tensor | Operation)[],
    feeds: Feeds | undefined,
  ): { cached: CachedPlan; feeds: readonly Feed[] } {
    this.#checkOpen();
    const given = parseFeeds(this.graph, feeds);
    const { cached, reached } = this.#plans.get(items, given, this.#batchNormLayers());
    if (reached) for (const finding of this.#examine(reached)) this.#onWarning(finding);
    return { cached, feeds: given };
  }

  #examine(reached: Reach): Finding[] {
    return examine({ layers: this.#batchNormLayers(), running: new Set(reached.operations) });
  }

  #batchNormLayers(): readonly BatchNormLayer[] {
    if (this.#layersOf !== this.graph.operations.length) {
      this.#layers = batchNormLayers(this.graph);
      this.#layersOf = this.graph.operations.length;
    }
    return this.#layers;
  }

  // Running

  #execute({ plan, executor }: CachedPlan, feeds: readonly Feed[]): void {
    const { parts } = plan;
    // Only a fetch from a branch that the run itself chooses, and a check of values, can fail now, after variables were written.
    const shadow =
      parts.refusesLate || parts.fetches.some((source) => source.guards.length > 0)
        ? this.#copyState(parts.writes.map(({ variable }) => variable))
        : null;
    try {
      executor.run(feeds);
    } catch (error) {
      if (error instanceof TrainletError) {
        shadow?.();
        throw error;
      }
      throw new InternalError(
        `A kernel failed: ${(error as Error).message}. The session's variables may be incomplete; restore a checkpoint, and please report this.`,
      );
    }
    const missing = executor.missingFetch();
    if (missing) {
      shadow?.();
      throw notTaken(missing.fetch);
    }
    for (const op of executor.written()) markWritten(this.#state.variable(op));
    this.#countUpdates(executor);
  }

  #copyState(variables: readonly Operation[]): () => void {
    const copies = variables.map((op) => this.#state.variable(op)).map((slot) => [slot, this.#readSlot(slot)] as const);
    const generators = this.#state.generators();
    return () => {
      for (const [{ dtype, address }, { data }] of copies) {
        (this.#heap.view(dtype) as Float32Array).set(data as Float32Array, address / dtype.size);
      }
      this.#state.restoreGenerators(generators);
    };
  }

  #countUpdates(executor: Executor): void {
    for (const update of executor.movedStatistics()) {
      const layer = this.#batchNormLayers().find((item) => item.mean.update === update)!;
      const before = this.#updatesOf(layer.name);
      if (before !== null) this.#state.updates.set(layer.name, before + 1);
    }
  }

  #updatesOf(layer: string): number | null {
    const updates = this.#state.updates.get(layer);
    return updates === undefined ? 0 : updates;
  }

  /** Statistics set from outside: nobody knows how many updates they hold. */
  #forgetUpdates(written: readonly Operation[]): void {
    for (const layer of this.#batchNormLayers()) {
      if (written.includes(layer.mean.variable) || written.includes(layer.variance.variable))
        this.#state.updates.set(layer.name, null);
    }
  }

  #counters(): Omit<SessionChanges, "variables"> {
    const updates = Object.fromEntries(
      this.#batchNormLayers().map((layer) => [layer.name, this.#updatesOf(layer.name)]),
    );
    return { generators: this.#state.generators(), updates, seed: this.seed };
  }

  #readVariable(op: Operation): FetchedTensor {
    this.#state.requireInitialized(op);
    return this.#readSlot(this.#state.variable(op));
  }

  #readSlot(slot: VariableSlot): FetchedTensor {
    const data: TypedArray = this.#heap.read(slot.dtype, slot.address, sizeOf(slot.shape));
    return new FetchedTensor(data, slot.shape, slot.dtype.name);
  }

  #checkOpen(): void {
    if (this.#closed) throw new FailedPreconditionError("Attempted to use a closed Session.");
  }
}

function markWritten(slot: VariableSlot): void {
  slot.initialized = true;
  slot.dirty = true;
}

function checkRepeat(repeat = 1): number {
  if (!Number.isInteger(repeat) || repeat < 1)
    throw new InvalidArgumentError(`repeat must be an integer of at least 1, got ${repeat}.`);
  return repeat;
}

function drawSeed(): number {
  return crypto.getRandomValues(new Uint32Array(1))[0];
}

function warnOnConsole(finding: Finding): void {
  // oxlint-disable-next-line no-console -- the one place where the library speaks by itself; `onWarning` redirects it
  console.warn(formatFinding(finding));
}
