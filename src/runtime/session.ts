/** Session: runs a graph. Compiles each kind of run once, then feeds, runs steps, and copies out what was fetched. */
import type { Examination } from "../doctor/examination.ts";
import type { Finding, Rule, Severity } from "../doctor/finding.ts";
import { isAtLeast } from "../doctor/format.ts";
import { checkIds } from "../doctor/silence.ts";
import type { Watch } from "../doctor/watch.ts";
import type { TensorFlowCheckpoint } from "../formats/tensorBundle.ts";
import { FailedPreconditionError, InternalError, InvalidArgumentError, TrainletError } from "../graph/errors.ts";
import { getDefaultGraph, type Graph } from "../graph/graph.ts";
import { Tensor, type Operation } from "../graph/operation.ts";
import type { FetchedTensor, FeedValue } from "../graph/tensorValue.ts";
import {
  encodeCheckpoint,
  fitCheckpoint,
  openCheckpoint,
  openTensorFlowCheckpoint,
  type CheckpointOptions,
  type RestoreOptions,
} from "./checkpoint.ts";
import { parseFeeds, type Feed, type Feeds } from "./feeds.ts";
import { parseFetches, type Fetched, type Fetches } from "./fetches.ts";
import { Heap } from "./heap.ts";
import { MemoryBudget } from "./host.ts";
import { instantiateKernels, loadKernels } from "./kernels.ts";
import type { Watched } from "./plan/finiteChecks.ts";
import type { Plan } from "./plan/plan.ts";
import { notTaken } from "./plan/reach.ts";
import { PlanCache, reachOf, type CachedPlan } from "./planCache.ts";
import type { PreparedRunHost } from "./preparedRun.ts";
import type { Profile } from "./profile.ts";
import { checkSessionOptions, drawSeed, warnOnConsole, type SessionOptions } from "./sessionOptions.ts";
import { SessionState } from "./state.ts";
import { StepTimes, type ProfileOptions, type RunOptions } from "./stepTimes.ts";
import { SessionValues, type LayerStatistics, type SessionChanges } from "./values.ts";

export class Session {
  readonly graph: Graph;
  readonly #heap: Heap;
  readonly #budget: MemoryBudget;
  readonly #state: SessionState;
  readonly #values: SessionValues;
  /** What gets the doctor's findings. */
  readonly onWarning: (finding: Finding) => void;
  readonly #plans: PlanCache;
  /** Null in a session that was made without the doctor. */
  readonly #watch: Watch | null;
  #closed = false;
  /** Gets what is found while a prepared run is planned. */
  #listener: ((finding: Finding) => void) | null = null;

  private constructor(graph: Graph, module: WebAssembly.Module, doctor: typeof Watch | null, options: SessionOptions) {
    this.graph = graph;
    const { kernels, memory } = instantiateKernels(module);
    this.#heap = new Heap(memory, kernels.heapBase());
    this.#budget = new MemoryBudget(this.#heap, options.maxMemoryBytes);
    this.#state = new SessionState(this.#heap, options.seed ?? drawSeed());
    this.#values = new SessionValues(graph, this.#heap, this.#state, (variables) => this.#watch?.set(variables));
    this.onWarning = options.onWarning ?? warnOnConsole;
    this.#watch =
      doctor &&
      new doctor({
        graph,
        silence: options.silence ?? [],
        warn: (finding) => (this.#listener ?? this.onWarning)(finding),
        updatesOf: (layer) => this.#values.updatesOf(layer),
        valueOf: (variable) => this.#state.peek(variable),
      });
    const planner = { reuse: true, inPlace: true, poison: false, ...options.planner };
    const { convolution = "auto" } = options;
    const budget = this.#budget;
    this.#plans = new PlanCache({ heap: this.#heap, kernels, budget, state: this.#state, convolution, planner });
  }

  /** A session on `graph` (default: the default graph). Loads the kernels of the host unless given a module. */
  static async create(options: SessionOptions = {}): Promise<Session> {
    checkSessionOptions(options);
    const graph = options.graph ?? getDefaultGraph();
    // Side by side: neither waits for the other.
    const [module, doctor] = await Promise.all([
      options.kernels ?? loadKernels(),
      options.doctor === false ? null : import("../doctor/watch.ts"),
    ]);
    return new Session(graph, module, doctor?.Watch ?? null, options);
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
   * `repeat` runs the step that many times with the same feeds and gives the last values.
   * With `profile` the answer holds them as `fetches`, and as `profile` where the time went. */
  run<const F extends Fetches>(
    fetches: F,
    feeds: Feeds | undefined,
    options: ProfileOptions,
  ): Promise<{ fetches: Fetched<F>; profile: Profile }>;
  run<const F extends Fetches>(
    fetches: F,
    feeds?: Feeds,
    options?: RunOptions & { profile?: false },
  ): Promise<Fetched<F>>;
  async run(
    fetches: Fetches,
    feeds?: Feeds,
    options: RunOptions & { profile?: boolean; now?: () => number } = {},
  ): Promise<unknown> {
    const repeat = checkRepeat(options.repeat);
    checkIds(options.silence ?? []);
    const parsed = parseFetches(this.graph, fetches);
    const { cached, feeds: given } = this.#prepare(parsed.items, feeds, options.silence);
    const times = options.profile ? new StepTimes(cached.plan, options.now) : undefined;
    for (let i = 0; i < repeat; i++) this.#execute(cached, given, times);
    const answer: unknown = parsed.assemble(cached.executor.fetch());
    if (!times) return answer;
    const { profileOf } = await import("./profile.ts");
    return { fetches: answer, profile: profileOf(times) };
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
    return this.#planFor(parseFetches(this.graph, fetches).items, parseFeeds(this.graph, feeds)).plan;
  }

  /** What `prepareRun` (preparedRun.ts) makes a run of that is planned once, and `fit` its steps. */
  lend(): PreparedRunHost {
    return {
      graph: this.graph,
      heap: this.#heap,
      plan: ({ items, feeds, watched, onWarning }) => {
        this.#listener = onWarning ?? null;
        try {
          return this.#planFor(items, feeds, watched);
        } finally {
          this.#listener = null;
        }
      },
      makeReady: (cached) => this.#makeReady(cached),
      bind: (cached) => this.#plans.bind(cached),
      execute: (cached, feeds) => this.#execute(cached, feeds),
    };
  }

  /** What the doctor finds in such a run, the worst first. Nothing runs. `severity` "info" lists suggestions too. */
  doctor(fetches: Fetches, feeds?: Feeds, options: { severity?: Severity } = {}): Finding[] {
    const findings = this.#doctor().findings(this.examination(fetches, feeds));
    return findings.filter(({ severity }) => isAtLeast(severity, options.severity ?? "warning"));
  }

  /** What rules look at: for `tf.checkup`. */
  examination(fetches: Fetches, feeds?: Feeds): Examination {
    this.#checkOpen();
    const { items } = parseFetches(this.graph, fetches);
    const given = parseFeeds(this.graph, feeds);
    return this.#doctor().examination({ fetches: items, feeds: given, reach: reachOf(items, given, this.#state) });
  }

  /** What the rules find, under the session's silence: for `tf.checkup`. */
  findings(examination: Examination, rules: readonly Rule[]): Finding[] {
    return this.#doctor().findings(examination, rules);
  }

  #doctor(): Watch {
    if (!this.#watch)
      throw new FailedPreconditionError("The session was made with doctor false; make one with the doctor to ask it.");
    return this.#watch;
  }

  /** Values of a run that leaves no trace: variables, generators and counts are put back. */
  async dryRun(tensors: readonly Tensor[], feeds?: Feeds): Promise<FetchedTensor[]> {
    const given = parseFeeds(this.graph, feeds);
    this.#checkOpen();
    const { cached } = this.#plans.get(parseFetches(this.graph, tensors).items, given, this.#values.layers());
    this.#makeReady(cached);
    const { executor, plan } = cached;
    const slots = plan.parts.writes.map(({ variable }) => this.#state.variable(variable));
    const takeBack = this.#values.snapshot(slots);
    try {
      executor.run(given);
      return executor.fetch() as FetchedTensor[];
    } finally {
      takeBack();
    }
  }

  /** State of every batch-norm layer that has update ops. */
  movingStatistics(): LayerStatistics[] {
    this.#checkOpen();
    return this.#values.movingStatistics();
  }

  /** Sets variables by name: `session.load({ "conv_1/kernel": value })`. Either all are set or none. */
  load(values: { readonly [name: string]: FeedValue | FetchedTensor }): void {
    this.#checkOpen();
    this.#values.load(values);
  }

  /** All initialised variables, by name. */
  variables(): Map<string, FetchedTensor> {
    this.#checkOpen();
    return this.#values.all();
  }

  /** Values written since the last call, and the state of generators and counters: what a host stores after a run. `kept` holds
   * values of earlier calls, by name, whose memory is written again. */
  takeChanges(kept?: Map<string, FetchedTensor>): SessionChanges {
    this.#checkOpen();
    return this.#values.takeChanges(kept);
  }

  /** Puts back what `takeChanges` gave, in this or another session of the same graph. */
  putChanges(changes: SessionChanges): void {
    this.#checkOpen();
    this.#values.putChanges(changes);
  }

  /** Everything a later session of the same graph needs to go on with the same bits, as a safetensors file. */
  async checkpoint(options?: CheckpointOptions): Promise<Uint8Array> {
    this.#checkOpen();
    return encodeCheckpoint(this.#values.all(), this.#values.counters(), options);
  }

  /** Sets all variables from a checkpoint: a safetensors file, or what TensorFlow's Saver wrote (`{ index, data }`, then wait for it
   * before the next run). One that lacks a variable, has one more or another shape is refused and changes nothing.
   * With `only` a part of the variables is set, and whatever else is left as it is. */
  async restore(checkpoint: Uint8Array | TensorFlowCheckpoint, options: RestoreOptions = {}): Promise<void> {
    this.#checkOpen();
    const stored =
      checkpoint instanceof Uint8Array ? openCheckpoint(checkpoint) : await openTensorFlowCheckpoint(checkpoint);
    // It may have been closed meanwhile.
    this.#checkOpen();
    this.#values.restore(fitCheckpoint(stored, this.graph, this.#values.layers(), options));
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
    silence?: readonly string[],
  ): { cached: CachedPlan; feeds: readonly Feed[] } {
    const given = parseFeeds(this.graph, feeds);
    const cached = this.#planFor(items, given, undefined, silence);
    this.#makeReady(cached);
    return { cached, feeds: given };
  }

  #makeReady(cached: CachedPlan): void {
    for (const op of cached.plan.parts.reads) this.#state.requireInitialized(op);
    this.#plans.bind(cached);
  }

  #planFor(
    items: readonly (Tensor | Operation)[],
    feeds: readonly Feed[],
    watched?: Watched,
    silence?: readonly string[],
  ): CachedPlan {
    this.#checkOpen();
    const { cached, reached } = this.#plans.get(items, feeds, this.#values.layers(), watched);
    const { plan } = cached;
    if (reached)
      this.#watch?.planned(plan, { fetches: items, feeds, reach: reached, shapes: plan.parts.shapes }, silence);
    else this.#watch?.begins(plan, silence);
    return cached;
  }

  // Running

  #execute({ plan, executor }: CachedPlan, feeds: readonly Feed[], times?: StepTimes): void {
    try {
      executor.run(feeds, times);
    } catch (error) {
      // Whoever writes the feeds has failed: nothing has changed.
      if (!executor.started) throw error;
      // A check of values refused the run.
      if (error instanceof TrainletError) {
        executor.takeBack();
        throw error;
      }
      throw new InternalError(
        `A kernel failed: ${(error as Error).message}. The session's variables may be incomplete; restore a checkpoint, and please report this.`,
      );
    }
    const missing = executor.missingFetch();
    if (missing) {
      executor.takeBack();
      throw notTaken(missing.fetch);
    }
    for (const op of executor.written()) this.#values.written(op);
    for (const update of executor.movedStatistics()) this.#watch?.moved(this.#values.countUpdate(update));
    this.#watch?.ran(plan);
  }

  #checkOpen(): void {
    if (this.#closed) throw new FailedPreconditionError("Attempted to use a closed Session.");
  }
}

function checkRepeat(repeat = 1): number {
  if (!Number.isInteger(repeat) || repeat < 1)
    throw new InvalidArgumentError(`repeat must be an integer of at least 1, got ${repeat}.`);
  return repeat;
}
