/** What a run is asked for: one tensor or operation, an array, or an object of them, by reference or by name. */
import { InvalidArgumentError, NotFoundError } from "../graph/errors.ts";
import type { Graph } from "../graph/graph.ts";
import { Operation, Tensor } from "../graph/operation.ts";
import type { FetchedTensor } from "../graph/tensorValue.ts";
import { Variable } from "../graph/variable.ts";

export type Fetch = Tensor | Operation | Variable | string;
export type Fetches = Fetch | readonly Fetch[] | { readonly [key: string]: Fetch };

/** The answer to one fetch: a tensor for a tensor, undefined for an operation. */
type FetchedOne<F> = F extends Tensor | Variable | `${string}:${number}`
  ? FetchedTensor
  : F extends Operation
    ? undefined
    : FetchedTensor | undefined;

/** The answer to fetches, with their structure. */
export type Fetched<F extends Fetches> = F extends Fetch
  ? FetchedOne<F>
  : { -readonly [K in keyof F]: FetchedOne<F[K]> };

/** Fetches flattened: each distinct tensor or operation once, and how to put the answer together. */
export interface ParsedFetches {
  readonly items: readonly (Tensor | Operation)[];
  assemble(values: readonly (FetchedTensor | undefined)[]): unknown;
}

export function parseFetches(graph: Graph, fetches: Fetches): ParsedFetches {
  const items: (Tensor | Operation)[] = [];
  const indexOf = new Map<Tensor | Operation, number>();
  const add = (fetch: Fetch): number => {
    if (!isFetch(fetch)) {
      const kind = fetch === null ? "null" : typeof fetch;
      throw new InvalidArgumentError(
        `Fetch argument ${String(fetch)} has invalid type ${kind}, must be a tensor, an operation or a name.`,
      );
    }
    const item = resolveFetch(graph, fetch);
    let index = indexOf.get(item);
    if (index === undefined) indexOf.set(item, (index = items.push(item) - 1));
    return index;
  };
  if (isFetch(fetches) || fetches === null || typeof fetches !== "object") {
    const index = add(fetches as Fetch);
    return { items, assemble: (values) => values[index] };
  }
  if (Array.isArray(fetches)) {
    const indices = (fetches as readonly Fetch[]).map(add);
    return { items, assemble: (values) => indices.map((index) => values[index]) };
  }
  const entries = Object.entries(fetches as { readonly [key: string]: Fetch }).map(
    ([key, fetch]) => [key, add(fetch)] as const,
  );
  return { items, assemble: (values) => Object.fromEntries(entries.map(([key, index]) => [key, values[index]])) };
}

function isFetch(fetch: unknown): fetch is Fetch {
  return (
    typeof fetch === "string" || fetch instanceof Tensor || fetch instanceof Operation || fetch instanceof Variable
  );
}

/** The tensor or operation that a fetch names. A name with ":" is a tensor's, one without an operation's. */
export function resolveFetch(graph: Graph, fetch: Fetch): Tensor | Operation {
  if (typeof fetch === "string") {
    try {
      return fetch.includes(":") ? graph.getTensorByName(fetch) : graph.getOperationByName(fetch);
    } catch (error) {
      throw new NotFoundError(
        `Fetch argument '${fetch}' cannot be interpreted as a Tensor or Operation. (${(error as Error).message})`,
      );
    }
  }
  const item = fetch instanceof Variable ? fetch.value() : fetch;
  if (item.graph !== graph) {
    throw new InvalidArgumentError(
      `Fetch argument '${item.name}' cannot be interpreted as a Tensor. (It is not an element of this session's graph.)`,
    );
  }
  return item;
}
