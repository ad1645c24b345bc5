/** What a run is asked for: one tensor or operation, an array, or an object of them, by reference or by name. */
import { InvalidArgumentError, NotFoundError } from "../graph/errors.ts";
import type { Graph } from "../graph/graph.ts";
import { Operation, Tensor } from "../graph/operation.ts";
import { FetchedTensor } from "../graph/tensorValue.ts";
import { Variable } from "../graph/variable.ts";

export type Fetch = Tensor | Operation | Variable | string;
export type Fetches = Fetch | readonly Fetches[] | { readonly [key: string]: Fetches };

/** The answer to fetches, with their structure: a tensor for a tensor, undefined for an operation. */
export type Fetched<F> = F extends Tensor | Variable
  ? FetchedTensor
  : F extends Operation
    ? undefined
    : F extends `${string}:${number}`
      ? FetchedTensor
      : F extends string
        ? FetchedTensor | undefined
        : F extends object ? { -readonly [K in keyof F]: Fetched<F[K]> } : never;

/** Fetches flattened: each distinct tensor or operation once, and how to put the answer together. */
export interface ParsedFetches {
  readonly items: readonly (Tensor | Operation)[];
  assemble(values: readonly (FetchedTensor | undefined)[]): unknown;
}

export function parseFetches(graph: Graph, fetches: Fetches): ParsedFetches {
  const items: (Tensor | Operation)[] = [];
  const indexOf = new Map<Tensor | Operation, number>();
  const parse = (fetch: Fetches): ((values: readonly (FetchedTensor | undefined)[]) => unknown) => {
    if (isFetch(fetch)) {
      const item = resolveFetch(graph, fetch);
      let index = indexOf.get(item);
      if (index === undefined) indexOf.set(item, (index = items.push(item) - 1));
      return (values) => values[index];
    }
    if (fetch === null || typeof fetch !== "object") {
      throw new InvalidArgumentError(`Fetch argument ${String(fetch)} has invalid type ${fetch === null ? "null" : typeof fetch}, must be a tensor, an operation or a name.`);
    }
    if (Array.isArray(fetch)) {
      const parts = (fetch as readonly Fetches[]).map(parse);
      return (values) => parts.map((part) => part(values));
    }
    const parts = Object.entries(fetch).map(([key, value]) => [key, parse(value as Fetches)] as const);
    return (values) => Object.fromEntries(parts.map(([key, part]) => [key, part(values)]));
  };
  const assemble = parse(fetches);
  return { items, assemble };
}

function isFetch(fetch: Fetches): fetch is Fetch {
  return typeof fetch === "string" || fetch instanceof Tensor || fetch instanceof Operation || fetch instanceof Variable;
}

/** The tensor or operation that a fetch names. A name with ":" is a tensor's, one without an operation's. */
export function resolveFetch(graph: Graph, fetch: Fetch): Tensor | Operation {
  if (typeof fetch === "string") {
    try {
      return fetch.includes(":") ? graph.getTensorByName(fetch) : graph.getOperationByName(fetch);
    } catch (error) {
      throw new NotFoundError(`Fetch argument '${fetch}' cannot be interpreted as a Tensor or Operation. (${(error as Error).message})`);
    }
  }
  const item = fetch instanceof Variable ? fetch.value() : fetch;
  if (item.graph !== graph) {
    throw new InvalidArgumentError(`Fetch argument '${item.name}' cannot be interpreted as a Tensor. (It is not an element of this session's graph.)`);
  }
  return item;
}
