/** The plans of a session: compiled once for each kind of run, kept by least recent use, sharing one arena. */
import type { BatchNormLayer } from "../graph/batchNormLayers.ts";
import { Tensor, type Operation } from "../graph/operation.ts";
import type { TensorValue } from "../graph/tensorValue.ts";
import type { ConvolutionOption, KernelExports } from "../ops/definition.ts";
import { definitionOf } from "../ops/attached.ts";
import { smallValue, type Feed } from "./feeds.ts";
import type { Heap } from "./heap.ts";
import type { MemoryBudget } from "./host.ts";
import { compile } from "./plan/compile.ts";
import type { PlannerOptions } from "./plan/request.ts";
import { PlanConstants } from "./plan/constants.ts";
import type { Watched } from "./plan/finiteChecks.ts";
import { Executor } from "./plan/execute.ts";
import type { Plan } from "./plan/plan.ts";
import { reach, type Reach } from "./plan/reach.ts";
import type { SessionState } from "./state.ts";

/** How many plans are kept. */
const maxPlans = 32;

export interface CachedPlan {
  readonly plan: Plan;
  readonly executor: Executor;
  /** Its memory was given back: it must not run any more. */
  released: boolean;
}

export interface PlanCacheOptions {
  readonly heap: Heap;
  readonly kernels: KernelExports;
  readonly budget: MemoryBudget;
  readonly state: SessionState;
  readonly convolution: ConvolutionOption;
  readonly planner: PlannerOptions & { readonly poison: boolean };
}

export class PlanCache {
  readonly #options: PlanCacheOptions;
  readonly #plans = new Map<string, CachedPlan>();
  /** Feeds whose value decides a Switch, by fetches and feeds. */
  readonly #deciding = new Map<string, Set<Tensor>>();
  /** Variables of which a run asks whether they have a value. */
  readonly #decidingVariables = new Map<string, Set<Operation>>();
  readonly #arena = { address: 0, bytes: 0 };

  constructor(options: PlanCacheOptions) {
    this.#options = options;
  }

  get arenaBytes(): number {
    return this.#arena.bytes;
  }

  /** The plan of a run; `reached` only where it had to be compiled. */
  get(
    items: readonly (Tensor | Operation)[],
    feeds: readonly Feed[],
    layers: readonly BatchNormLayer[],
    watched?: Watched,
  ): { cached: CachedPlan; reached: Reach | null } {
    const kind = `${items.map(idOf).join()};${watched?.key ?? ""};${feeds.map((feed) => idOf(feed.tensor)).join()}`;
    const key = this.#key(kind, feeds);
    const known = this.#plans.get(key);
    if (known) {
      this.#plans.delete(key);
      this.#plans.set(key, known);
      return { cached: known, reached: null };
    }
    const reached = reachOf(items, feeds, this.#options.state);
    const cached = this.#compile(reached, items, feeds, layers, watched);
    let deciding = this.#deciding.get(kind);
    if (!deciding) this.#deciding.set(kind, (deciding = new Set()));
    for (const tensor of reached.constants.decidingFeeds) deciding.add(tensor);
    for (const variable of reached.constants.decidingVariables) this.#variables(kind).add(variable);
    this.#plans.set(this.#key(kind, feeds), cached);
    this.#evict();
    return { cached, reached };
  }

  /** Gives a plan the arena, a larger one if it needs that. */
  bind({ plan, executor }: CachedPlan): void {
    const { heap } = this.#options;
    if (plan.parts.arenaBytes > this.#arena.bytes) {
      if (this.#arena.bytes) heap.release(this.#arena.address);
      this.#arena.bytes = 0;
      this.#arena.address = heap.allocate(plan.parts.arenaBytes);
      this.#arena.bytes = plan.parts.arenaBytes;
    }
    executor.bind(this.#arena.address);
  }

  clear(): void {
    for (const cached of this.#plans.values()) cached.released = true;
    this.#plans.clear();
  }

  #key(kind: string, feeds: readonly Feed[]): string {
    const deciding = this.#deciding.get(kind);
    const parts = feeds.map(({ tensor, shape }, i) => {
      const dimensions = shape.join("x");
      return deciding?.has(tensor) ? `${dimensions}=${Array.from(feeds[i].data).join()}` : dimensions;
    });
    const values = [...(this.#decidingVariables.get(kind) ?? [])].map((op) => this.#options.state.isInitialized(op));
    return `${kind};${parts.join()};${values.join()}`;
  }

  #variables(kind: string): Set<Operation> {
    let variables = this.#decidingVariables.get(kind);
    if (!variables) this.#decidingVariables.set(kind, (variables = new Set()));
    return variables;
  }

  #compile(
    reached: Reach,
    items: readonly (Tensor | Operation)[],
    feeds: readonly Feed[],
    layers: readonly BatchNormLayer[],
    watched: Watched | undefined,
  ): CachedPlan {
    const { heap, kernels, budget, state, convolution, planner } = this.#options;
    const plan = compile({
      reach: reached,
      fetches: items,
      fedShapes: new Map(feeds.map((feed) => [feed.tensor, feed.shape])),
      definitionOf,
      heap,
      kernels,
      maxMemoryBytes: budget.limitBytes,
      persistentBytes: () => heap.usedBytes - this.#arena.bytes,
      variableAddress: (op) => state.variable(op).address,
      generatorAddress: (op) => state.generatorAddress(op),
      counted: layers.flatMap((layer) => layer.applications.map(({ mean }) => mean)),
      ...(watched && { watched }),
      convolution,
      options: planner,
    });
    return { plan, executor: new Executor(plan, heap, kernels, planner.poison), released: false };
  }

  #evict(): void {
    for (const [key, cached] of this.#plans) {
      if (this.#plans.size <= maxPlans) return;
      cached.released = true;
      for (const block of cached.plan.parts.blocks) this.#options.heap.release(block);
      this.#plans.delete(key);
    }
  }
}

/** What a run needs: see plan/reach.ts. */
export function reachOf(
  items: readonly (Tensor | Operation)[],
  feeds: readonly Feed[],
  state: Pick<SessionState, "isInitialized">,
): Reach {
  const fed = new Map(feeds.map((feed) => [feed.tensor, feed]));
  const isFed = (tensor: Tensor): boolean => fed.has(tensor);
  const fedValue = (tensor: Tensor): TensorValue | undefined => smallValue(fed.get(tensor)!);
  const isInitialized = (variable: Operation): boolean => state.isInitialized(variable);
  const constants = new PlanConstants({ definitionOf, isFed, fedValue, isInitialized });
  return reach({ fetches: items, isFed, constants, definitionOf });
}

function idOf(item: Tensor | Operation): string {
  return item instanceof Tensor ? `${item.op.id}:${item.index}` : String(item.id);
}
