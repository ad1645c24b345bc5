/** A run that is planned once and executed many times, with feeds that their owner writes in place: no step allocates. */
import type { Finding } from "../doctor/finding.ts";
import { InvalidArgumentError } from "../graph/errors.ts";
import type { Graph } from "../graph/graph.ts";
import { Tensor, type Operation } from "../graph/operation.ts";
import { formatShape, isCompatible } from "../graph/shape.ts";
import type { KernelExports } from "../ops/definition.ts";
import { parseFeeds, resolveFeed, type Feed, type Feeds } from "./feeds.ts";
import { parseFetches, resolveFetch, type Fetch } from "./fetches.ts";
import type { Heap } from "./heap.ts";
import { watchAll, watchTensors, type Watched } from "./plan/finiteChecks.ts";
import type { Plan } from "./plan/plan.ts";
import type { CachedPlan } from "./planCache.ts";
import type { Session } from "./session.ts";

/** A feed that is written in place, at the start of each step. */
export interface PlacedFeed {
  readonly tensor: Tensor | string;
  readonly shape: readonly number[];
  /** Takes the memory that writing needs, before the run is planned. */
  reserve?(heap: Heap): void;
  /** Writes the tensor's elements, row-major, to `address` (bytes). */
  write(heap: Heap, address: number, kernels: KernelExports): void;
}

export interface PrepareRequest {
  readonly fetches: readonly Fetch[];
  readonly placed: readonly PlacedFeed[];
  /** Feeds that stay the same. */
  readonly constants?: Feeds | undefined;
  /** Fetched tensors that must be finite, or all that the run computes: otherwise a step throws `NotFiniteError` and changes
   * nothing. */
  readonly watched?: "all" | readonly Fetch[] | undefined;
  /** Gets what the doctor finds when the run is planned. Default: the session's `onWarning`. */
  readonly onWarning?: (finding: Finding) => void;
}

/** A request, checked against the graph. */
export interface PreparedRequest {
  readonly items: readonly (Tensor | Operation)[];
  /** Where each fetch is among the items. */
  readonly positions: readonly number[];
  readonly feeds: readonly Feed[];
  readonly watched: Watched;
  readonly onWarning: ((finding: Finding) => void) | undefined;
}

/** Plans a run: mistakes are found now, not at its first step. */
export function prepareRun(session: Session, request: PrepareRequest): PreparedRun {
  const host = session.lend();
  const prepared = parse(host.graph, request);
  for (const placed of request.placed) placed.reserve?.(host.heap);
  return new PreparedRun(host, prepared);
}

function parse(graph: Graph, { fetches, placed, constants, watched = [], onWarning }: PrepareRequest): PreparedRequest {
  const written = placed.map(({ tensor: key, shape, write }): Feed => {
    const tensor = resolveFeed(graph, key);
    if (!isCompatible(shape, tensor.shape))
      throw new InvalidArgumentError(
        `Cannot feed value of shape [${shape.join(",")}] for Tensor '${tensor.name}', which has shape ${formatShape(tensor.shape)}.`,
      );
    return { tensor, shape, dtype: tensor.dtype.base, data: [], source: null, write };
  });
  const feeds = [...written, ...parseFeeds(graph, constants)];
  const seen = new Set<Tensor>();
  for (const { tensor } of feeds) {
    if (seen.has(tensor))
      throw new InvalidArgumentError(`'${tensor.name}' is fed twice; give it one column or one value.`);
    seen.add(tensor);
  }
  const { items } = parseFetches(graph, fetches);
  const positions = fetches.map((fetch) => items.indexOf(resolveFetch(graph, fetch)));
  if (watched === "all") return { items, positions, feeds, watched: watchAll, onWarning };
  const tensors = parseFetches(graph, watched).items.filter((item) => item instanceof Tensor);
  return { items, positions, feeds, watched: watchTensors(tensors), onWarning };
}

/** What the session lends. */
export interface PreparedRunHost {
  readonly graph: Graph;
  readonly heap: Heap;
  plan(request: PreparedRequest): CachedPlan;
  makeReady(cached: CachedPlan): void;
  bind(cached: CachedPlan): void;
  execute(cached: CachedPlan, feeds: readonly Feed[]): void;
}

export class PreparedRun {
  readonly #host: PreparedRunHost;
  readonly #request: PreparedRequest;
  #cached: CachedPlan;
  #ready = false;

  constructor(host: PreparedRunHost, request: PreparedRequest) {
    this.#host = host;
    this.#request = request;
    this.#cached = host.plan(request);
  }

  /** Compiled, if it is not yet, without running it. */
  get plan(): Plan {
    return this.#cached.plan;
  }

  /** Executes it. A step that throws has changed no variable; one whose watched tensors are not finite throws `NotFiniteError`. */
  step(): void {
    if (this.#cached.released) {
      this.#cached = this.#host.plan(this.#request);
      this.#ready = false;
    }
    if (this.#ready) this.#host.bind(this.#cached);
    else this.#host.makeReady(this.#cached);
    this.#ready = true;
    this.#host.execute(this.#cached, this.#request.feeds);
  }

  /** After a step: the only element of the tensor that fetch `index` asked for. */
  scalar(index: number): number {
    return this.#cached.executor.scalar(this.#request.positions[index]);
  }
}
