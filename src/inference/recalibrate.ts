/**
 * Precise statistics for batch norm (Wu and Johnson, "Rethinking 'Batch' in BatchNorm", 2021): in place of moving averages, which
 * mix statistics of many steps' weights, those of the present weights over given batches.
 */
import { InvalidArgumentError } from "../graph/errors.ts";
import { isFusedBatchNorm, batchNormLayers, type Application, type BatchNormLayer } from "../graph/batchNormLayers.ts";
import type { Graph } from "../graph/graph.ts";
import type { Tensor } from "../graph/operation.ts";
import { sizeOf } from "../graph/shape.ts";
import { FetchedTensor, type FeedValue } from "../graph/tensorValue.ts";
import { variableType } from "../graph/variableOps.ts";
import { bindColumns, checkCount, type BoundColumn, type ColumnFeeds } from "../fit/options.ts";
import { inOrder } from "../fit/order.ts";
import type { Feeds } from "../runtime/feeds.ts";
import { macrotask } from "../runtime/macrotask.ts";
import type { Session } from "../runtime/session.ts";

export interface RecalibrateOptions {
  /** Columns, gone through in order, `batchSize` rows at a time. */
  feeds?: ColumnFeeds;
  batchSize?: number;
  /** Of columns: how many batches to take. Default: all. Otherwise: the feeds of one run after the other. */
  batches?: number | Iterable<Feeds> | AsyncIterable<Feeds>;
  /** Feeds that are the same in every run: `{ "training:0": true }`. */
  constants?: Feeds;
  /** Names of layers, as `session.movingStatistics()` tells them. Default: all that have update ops. */
  layers?: readonly string[];
}

export interface RecalibratedLayer {
  readonly layer: string;
  readonly mean: FetchedTensor;
  readonly variance: FetchedTensor;
  /** Values of a channel that went into them. */
  readonly count: number;
}

/**
 * Sets the moving statistics of batch-norm layers to the mean and variance of everything that the layers see in the given batches,
 * as if these were one batch: the mean of x and E[x²] − E[x]², the variance with Bessel's correction where the layer's own update
 * takes it so (fused layers). The runs are in training mode, each layer normalising with its batch's own statistics, and change no
 * other variable; random operations draw their numbers. Afterwards `updates` of these layers is null.
 *
 * @example
 * await tf.recalibrate(session, { feeds: { "input:0": images }, batchSize: 256, constants: { "training:0": true } });
 *
 * @throws InvalidArgumentError where a layer does not normalise with batch statistics under these feeds; nothing has changed then.
 */
export async function recalibrate(session: Session, options: RecalibrateOptions): Promise<RecalibratedLayer[]> {
  const { graph } = session;
  const layers = chosenLayers(graph, options.layers);
  const sums = layers.map((layer) => new Statistics(variableType(layer.mean.variable).shape as readonly number[]));
  const sources = layers.map(({ applications }) => applications.map(batchStatistics));
  const fetches = [...new Set(sources.flat().flatMap(({ mean, variance }) => [mean, variance]))];
  let runs = 0;
  for await (const feeds of feedsOf(graph, options)) {
    const { shapes } = planOf(session, { fetches, feeds, layers }).parts;
    const values = await session.run(fetches, feeds);
    const valueOf = (tensor: Tensor): FetchedTensor => values[fetches.indexOf(tensor)];
    sources.forEach((applications, i) => {
      for (const { mean, variance, input } of applications) {
        const count = sizeOf(shapes.get(input)!) / sums[i].size;
        sums[i].add(count, valueOf(mean).data as Float32Array, valueOf(variance).data as Float32Array);
      }
    });
    runs++;
    await macrotask();
  }
  if (runs === 0) throw new InvalidArgumentError("recalibrate got no batches: give at least one.");
  const results = layers.map((layer, i) => sums[i].result(layer));
  session.load(
    Object.fromEntries(
      layers.flatMap(({ mean, variance }, i) => [
        [mean.variable.name, results[i].mean],
        [variance.variable.name, results[i].variance],
      ]),
    ),
  );
  return results;
}

function chosenLayers(graph: Graph, names: readonly string[] | undefined): BatchNormLayer[] {
  const layers = batchNormLayers(graph);
  if (layers.length === 0)
    throw new InvalidArgumentError("recalibrate found no batch-norm layer with update ops in the graph.");
  if (!names) return layers;
  return names.map((name) => {
    const layer = layers.find((item) => item.name === name);
    if (layer) return layer;
    const known = layers.map((item) => `'${item.name}'`).join(", ");
    throw new InvalidArgumentError(`The graph has no batch-norm layer '${name}' with update ops. It has ${known}.`);
  });
}

interface BatchStatistics {
  readonly mean: Tensor;
  /** By n. */
  readonly variance: Tensor;
  /** What they are of. */
  readonly input: Tensor;
}

/** Fused kernels give the batch's own mean and biased variance as what they reserve for the gradient. */
function batchStatistics({ source, mean, variance }: Application): BatchStatistics {
  const [input] = source.inputs;
  return isFusedBatchNorm(source)
    ? { mean: source.outputs[3], variance: source.outputs[4], input }
    : { mean: mean.batch, variance: variance.batch, input };
}

function planOf(
  session: Session,
  { fetches, feeds, layers }: { fetches: readonly Tensor[]; feeds: Feeds; layers: readonly BatchNormLayer[] },
): ReturnType<Session["plan"]> {
  try {
    return session.plan(fetches, feeds);
  } catch (error) {
    if (!(error instanceof InvalidArgumentError) || !/has no value in this run/.test(error.message)) throw error;
    const names = layers.map(({ name }) => `'${name}'`).join(", ");
    throw new InvalidArgumentError(
      `recalibrate needs batch statistics, and with these feeds not all of ${names} compute them: feed what decides it, as in constants: { "training:0": true }.`,
      { cause: error },
    );
  }
}

/** The feeds of one run after the other. */
async function* feedsOf(graph: Graph, options: RecalibrateOptions): AsyncGenerator<Feeds, void, undefined> {
  const { feeds, batches, constants, batchSize } = options;
  const always = entriesOf(constants);
  if (feeds) {
    const columns = bindColumns(graph, feeds, "recalibration");
    const size = checkCount(batchSize ?? Number.NaN, "batchSize");
    if (batches !== undefined && typeof batches !== "number")
      throw new InvalidArgumentError("recalibrate takes feeds (columns) or batches (feeds of runs), not both.");
    const { rows } = columns[0].column;
    const order = inOrder(rows);
    const end = batches === undefined ? rows : Math.min(rows, checkCount(batches, "batches") * size);
    for (let from = 0; from < end; from += size) {
      const count = Math.min(size, end - from);
      for (const { column } of columns) await column.prefetch?.(order, from, count);
      yield new Map([...always, ...columns.map((bound) => batchOf(bound, order, from, count))]);
    }
  } else if (typeof batches === "object") {
    for await (const batch of batches) yield new Map([...always, ...entriesOf(batch)]);
  } else {
    throw new InvalidArgumentError("recalibrate needs feeds (columns, with a batchSize) or batches (feeds of runs).");
  }
}

type FeedEntry = readonly [Tensor | string, FeedValue | FetchedTensor];

function entriesOf(feeds: Feeds | undefined): FeedEntry[] {
  return feeds instanceof Map ? [...(feeds as ReadonlyMap<Tensor | string, FeedValue>)] : Object.entries(feeds ?? {});
}

function batchOf({ tensor, column }: BoundColumn, order: Int32Array, from: number, count: number): FeedEntry {
  const { array, name } = tensor.dtype.base;
  const data = new array!(count * sizeOf(column.shape));
  column.gather(order, from, count, data, 0);
  return [tensor, { data, shape: [count, ...column.shape], dtype: name }];
}

/** Mean and sum of squared distances from it, of all batches so far, in float64 (Chan, Golub and LeVeque 1979): what
 * E[var + mean²] − mean² is, without its cancellation. */
class Statistics {
  readonly #shape: readonly number[];
  readonly #mean: Float64Array;
  readonly #squares: Float64Array;
  #count = 0;

  constructor(shape: readonly number[]) {
    this.#shape = shape;
    this.#mean = new Float64Array(sizeOf(shape));
    this.#squares = new Float64Array(sizeOf(shape));
  }

  /** Channels. */
  get size(): number {
    return this.#mean.length;
  }

  /** A batch of `count` values a channel, with their mean and biased variance. */
  add(count: number, mean: ArrayLike<number>, variance: ArrayLike<number>): void {
    const total = this.#count + count;
    if (total === 0) return;
    for (let i = 0; i < this.size; i++) {
      const distance = mean[i] - this.#mean[i];
      this.#mean[i] += (distance * count) / total;
      this.#squares[i] += variance[i] * count + (distance * distance * this.#count * count) / total;
    }
    this.#count = total;
  }

  result({ name, unbiased }: BatchNormLayer): RecalibratedLayer {
    const divisor = unbiased ? Math.max(this.#count - 1, 1) : this.#count;
    const tensor = (values: Float64Array): FetchedTensor =>
      new FetchedTensor(Float32Array.from(values), this.#shape, "float32");
    return {
      layer: name,
      mean: tensor(this.#mean),
      variance: tensor(this.#squares.map((value) => value / divisor)),
      count: this.#count,
    };
  }
}
