/** What a fit is asked for, and how that is checked before anything runs. */
import { column, feedsInto, isColumn, type Column } from "../data/column.ts";
import type { Finding } from "../doctor/finding.ts";
import { InvalidArgumentError } from "../graph/errors.ts";
import type { Graph } from "../graph/graph.ts";
import { Tensor } from "../graph/operation.ts";
import { isFullyDefined } from "../graph/shape.ts";
import type { FeedValue } from "../graph/tensorValue.ts";
import { resolveFeed, type Feeds } from "../runtime/feeds.ts";
import { resolveFetch, type Fetch } from "../runtime/fetches.ts";
import type { Augmentation } from "../runtime/augmenter.ts";
import type { Progress } from "./progress.ts";
import type { FitState } from "./state.ts";

/** Columns, or arrays to make them of, by tensor or by its name. */
export type ColumnFeeds =
  | ReadonlyMap<Tensor | string, Column | FeedValue>
  | { readonly [tensor: string]: Column | FeedValue };

/** By the tensor that is fed, or its name. */
export type Augmentations = ReadonlyMap<Tensor | string, Augmentation> | { readonly [tensor: string]: Augmentation };

/** Scalars by a name of one's own. */
export type ScalarFetches = Readonly<Record<string, Fetch>>;

/** After every epoch, or after every so many steps. */
export type Every = "epoch" | number;

export interface ValidationOptions {
  feeds: ColumnFeeds;
  /** Feeds that stay the same: `{ "training:0": false }`. */
  constants?: Feeds;
  /** Means over the rows of a batch; what is reported is the mean over all rows. */
  fetches: ScalarFetches;
  /** Of these only the crops are used, from the middle. Default: the fit's. */
  augment?: Augmentations;
  /** Default: the fit's. */
  batchSize?: number;
  /** Default: "epoch". */
  every?: Every;
}

export interface Monitor {
  /** A key of `validation.fetches`. */
  monitor: string;
  /** Whether less or more is better. Default: "max" for a key that begins with "acc", else "min". */
  mode?: "min" | "max";
}

export interface EarlyStoppingOptions extends Monitor {
  /** Ends the fit after so many validations in a row without a better value. */
  patience: number;
  /** By how much a value must be better to count. Default 0. */
  minDelta?: number;
}

/** What a checkpoint that a fit hands out is. */
export interface SavedCheckpoint {
  readonly kind: "last" | "best";
  readonly step: number;
}

export interface CheckpointingOptions {
  /** Stores the file. Awaited; where it throws, the fit ends. */
  save(bytes: Uint8Array, about: SavedCheckpoint): void | Promise<void>;
  /** When to save the last one; it is saved at the end in any case. Default: "epoch". */
  every?: Every;
  /** Saves one of its own, of kind "best", after each validation with a better value. */
  best?: Monitor;
}

export interface FitOptions {
  /** One row a sample, all of one length. */
  feeds: ColumnFeeds;
  /** Feeds that stay the same in every step. */
  constants?: Feeds;
  /** What a step runs: the training operation. */
  train: Fetch;
  /** Scalars that every step reports. The one called `loss` must be finite: where it is not the fit ends, and the step did not
   * happen. */
  fetches?: ScalarFetches;
  /** What happens to pictures on their way into a batch, drawn from the seed, the epoch and the row. */
  augment?: Augmentations;
  batchSize: number;
  /** Where the fit ends, counted from its very beginning: a resumed one makes the rest. Either of them. */
  epochs?: number;
  steps?: number;
  /** Decides the order of the rows. Default: the session's seed. */
  seed?: number;
  /** What to do with the rows that are left at the end of an epoch and fill no batch. Default: "keep". */
  lastBatch?: "keep" | "drop";
  validation?: ValidationOptions;
  earlyStopping?: EarlyStoppingOptions;
  checkpoint?: CheckpointingOptions;
  /** Goes on where a fit stood: a checkpoint that a fit saved, or its state where the session has the variables already. */
  resume?: Uint8Array | FitState;
  /** Ends the fit between two steps. */
  signal?: AbortSignal;
  /** Gets what the iterator gives. Awaited. */
  onProgress?: (progress: Progress) => void | Promise<void>;
  /** Gets what is amiss but no error. Default: the session's `onWarning`. */
  onWarning?: (finding: Finding) => void;
  /** Looks at everything that a step computes, and where a NaN or an infinity comes up, names the operation. */
  checkNumerics?: boolean;
}

/** A column and the tensor it feeds. */
export interface BoundColumn {
  readonly tensor: Tensor;
  readonly column: Column;
}

/** Resolves columns and checks them against the graph and each other. */
export function bindColumns(graph: Graph, feeds: ColumnFeeds, what: string): readonly BoundColumn[] {
  const entries = feeds instanceof Map ? [...feeds] : Object.entries(feeds);
  const columns = entries.map(([key, value]) =>
    bindColumn(resolveFeed(graph, key as Tensor | string), value as Column),
  );
  const [first] = columns;
  if (!first) throw new InvalidArgumentError(`The ${what} needs at least one column in 'feeds'.`);
  for (const { tensor, column } of columns) {
    if (column.rows !== first.column.rows)
      throw new InvalidArgumentError(
        `All columns of the ${what} must have as many rows: '${first.tensor.name}' has ${first.column.rows}, '${tensor.name}' has ${column.rows}.`,
      );
  }
  return columns;
}

function bindColumn(tensor: Tensor, value: Column | FeedValue): BoundColumn {
  const bound = isColumn(value) ? value : column(value, rowShapeOf(tensor, value));
  const to = tensor.dtype.base.name;
  if (!feedsInto(bound.dtype, to))
    throw new InvalidArgumentError(
      `A column of ${bound.dtype} cannot be fed to '${tensor.name}', which has dtype ${to}; make it with { dtype: "${to}" }.`,
    );
  return { tensor, column: bound };
}

/** Bare arrays are cut, and typed, as the tensor asks, where it does. */
function rowShapeOf(tensor: Tensor, value: FeedValue): { shape?: readonly number[]; dtype?: Tensor["dtype"] } {
  if (ArrayBuffer.isView(value)) {
    const row = tensor.shape?.slice(1) ?? null;
    return tensor.shape?.length && isFullyDefined(row) ? { shape: row } : {};
  }
  return Array.isArray(value) ? { dtype: tensor.dtype.base } : {};
}

/** Each must be for a tensor that a column feeds. */
export function bindAugmentations(
  graph: Graph,
  augment: Augmentations | undefined,
  columns: readonly BoundColumn[],
): ReadonlyMap<Tensor, Augmentation> {
  const entries = augment instanceof Map ? [...augment] : Object.entries(augment ?? {});
  return new Map(
    entries.map(([key, value]) => {
      const tensor = resolveFeed(graph, key as Tensor | string);
      if (!columns.some((bound) => bound.tensor === tensor))
        throw new InvalidArgumentError(`'${tensor.name}' is to be augmented, but no column feeds it.`);
      return [tensor, value as Augmentation];
    }),
  );
}

/** Keys and tensors of scalars, for tables of numbers. */
export function scalarFetches(graph: Graph, fetches: ScalarFetches, what: string): [key: string, tensor: Tensor][] {
  return Object.entries(fetches).map(([key, fetch]) => {
    const item = resolveFetch(graph, fetch);
    if (!(item instanceof Tensor))
      throw new InvalidArgumentError(`${what} '${key}' must be a tensor, '${item.name}' is an operation.`);
    return [key, item];
  });
}

export function checkCount(value: number, name: string): number {
  if (!Number.isSafeInteger(value) || value < 1)
    throw new InvalidArgumentError(`${name} must be an integer of at least 1, got ${value}.`);
  return value;
}

export function checkEvery(every: Every, stepsPerEpoch: number, name: string): number {
  return every === "epoch" ? stepsPerEpoch : checkCount(every, name);
}
