/**
 * Folds batch normalization into the convolution or matrix product before it, for inference: with s = gamma / √(variance + epsilon),
 *   (W∗x + b − mean) · s + beta = (W·s)∗x + ((b − mean)·s + beta).
 * One pass over the activations less; the rounding is another, so that results are close and not equal.
 */
import { attr } from "../graph/attr.ts";
import { InvalidArgumentError } from "../graph/errors.ts";
import { isFusedBatchNorm } from "../graph/batchNormLayers.ts";
import type { Graph } from "../graph/graph.ts";
import { Tensor, type Operation } from "../graph/operation.ts";
import { FetchedTensor, type FeedValue } from "../graph/tensorValue.ts";
import { createOp } from "../ops/build.ts";
import { BiasAdd } from "../ops/conv2d.ts";
import type { Feeds } from "../runtime/feeds.ts";
import { resolveFetch, type Fetch } from "../runtime/fetches.ts";
import { Session } from "../runtime/session.ts";
import type { SessionOptions } from "../runtime/sessionOptions.ts";
import { Freezer } from "./freeze.ts";

export interface FoldOptions {
  /** Outputs of the net. */
  fetches: Fetch | readonly Fetch[];
  /** Values that become part of the graph: `{ "training:0": false }`. */
  feeds?: Feeds;
  /** Feeds over which to measure the error. */
  inputs?: Iterable<Feeds> | AsyncIterable<Feeds>;
  /** Kernels of the session that measures. Default: the host's own. */
  kernels?: SessionOptions["kernels"];
}

export interface FoldedGraph {
  /** Needs no initialising: values are constants. Placeholders have the names that they had. */
  readonly graph: Graph;
  /** The outputs in it, under the names that they had. */
  readonly fetches: readonly Tensor[];
  /** Each normalization that is gone, and what took it. */
  readonly folded: readonly { readonly batchNorm: string; readonly into: string }[];
  /** Fused normalizations that stay, and why. */
  readonly kept: readonly { readonly batchNorm: string; readonly why: string }[];
  /** How far outputs are off, over `inputs`; null where none were given. */
  readonly error: FoldingError | null;
}

export interface FoldingError {
  /** Largest difference of any element. */
  readonly maxAbsolute: number;
  /** The same as a part of the largest magnitude of its output, in the worst output. */
  readonly maxRelative: number;
}

/**
 * A graph for inference of what the fetches compute with the session's values: variables are constants, and batch norms are folded
 * into the Conv2D, DepthwiseConv2dNative, Conv2DBackpropInput or MatMul before them where nothing else takes that.
 *
 * @example
 * const { graph, error } = await tf.foldBatchNorm(session, {
 *   fetches: "logits:0", feeds: { "training:0": false }, inputs: [{ "input:0": images }],
 * });
 *
 * @throws InvalidArgumentError where fetches change variables, or a branch is not decided.
 */
export async function foldBatchNorm(session: Session, options: FoldOptions): Promise<FoldedGraph> {
  const given = (Array.isArray(options.fetches) ? options.fetches : [options.fetches]) as readonly Fetch[];
  const wanted = given.map((fetch) => outputOf(resolveFetch(session.graph, fetch)));
  if (wanted.length === 0) throw new InvalidArgumentError("foldBatchNorm needs a fetch: an output of the net.");
  const freezer = await Freezer.create(session, wanted, options.feeds);
  const folded: { batchNorm: string; into: string }[] = [];
  const kept: { batchNorm: string; why: string }[] = [];
  const replace = (tensor: Tensor): Tensor | null => {
    const affine = affineOf(tensor, freezer);
    if (!affine) return null;
    const product = typeof affine === "string" ? affine : productOf(affine, freezer);
    if (typeof product === "string") {
      if (isFusedBatchNorm(tensor.op)) kept.push({ batchNorm: tensor.op.name, why: product });
      return null;
    }
    // What comes before it is told before it.
    const input = freezer.copy(freezer.resolve(product.op.inputs[product.input]), replace);
    folded.push({ batchNorm: tensor.op.name, into: product.op.name });
    return scaled(tensor.op, { product, freezer, input, replace });
  };
  const fetches = freezer.freeze(replace);
  const { graph } = freezer;
  const { inputs, feeds, kernels } = options;
  const error = inputs ? await measure(session, { wanted, feeds, inputs, graph, fetches, kernels }) : null;
  return { graph, fetches, folded, kept, error };
}

function outputOf(item: Tensor | Operation): Tensor {
  if (item instanceof Tensor) return item;
  if (item.outputs.length === 1) return item.outputs[0];
  throw new InvalidArgumentError(`foldBatchNorm takes tensors, '${item.name}' has ${item.outputs.length} outputs.`);
}

/** y = of · scale + shift along the last axis. */
interface Affine {
  readonly of: Tensor;
  readonly scale: Float64Array;
  readonly shift: Float64Array;
}

/** The normalization that a tensor is, or why it is none that can be folded; null for anything else. */
function affineOf(tensor: Tensor, freezer: Freezer): Affine | string | null {
  const { op, index } = tensor;
  const isConstant = (input: Tensor): boolean => freezer.isConstant(freezer.resolve(input));
  if (isFusedBatchNorm(op)) {
    if (index !== 0 || op.outputs.some((output, i) => i > 0 && freezer.uses.has(output)))
      return "its statistics are taken too";
    if (op.bool("is_training", true)) return "it normalises with the batch's own statistics";
    if (!op.inputs.slice(1).every(isConstant)) return "its statistics or parameters are computed in the run";
    const [gamma, beta, mean, variance] = op.inputs.slice(1).map((input) => Float64Array.from(floats(freezer, input)));
    const epsilon = op.float("epsilon", 1e-4);
    const scale = gamma.map((value, i) => value / Math.sqrt(variance[i] + epsilon));
    return { of: op.inputs[0], scale, shift: beta.map((value, i) => value - mean[i] * scale[i]) };
  }
  // The composed form: x · inverse + (beta − mean · inverse), the vectors computed from variables.
  if (!isSum(op)) return null;
  for (const [sum, shift] of [op.inputs, op.inputs.toReversed()]) {
    const { op: product } = freezer.resolve(sum);
    if (product.type !== "Mul" || !isConstant(shift) || freezer.uses.get(product.outputs[0]) !== 1) continue;
    for (const [of, scale] of [product.inputs, product.inputs.toReversed()]) {
      if (!isConstant(scale) || isConstant(of)) continue;
      const vectors = [scale, shift].map((value) => vectorOf(freezer, value));
      if (vectors.some((vector) => vector === null)) continue;
      const size = Math.max(...vectors.map((vector) => vector!.length));
      const [scales, shifts] = vectors.map((vector) => spread(vector!, size));
      if (scales && shifts) return { of, scale: scales, shift: shifts };
    }
  }
  return null;
}

function isSum({ type }: Operation): boolean {
  return type === "AddV2" || type === "Add";
}

function floats(freezer: Freezer, tensor: Tensor): Float32Array {
  return freezer.valueOf(tensor).data as Float32Array;
}

/** The elements of what broadcasts along the last axis alone. */
function vectorOf(freezer: Freezer, tensor: Tensor): Float64Array | null {
  const { shape, dtype, data } = freezer.valueOf(tensor);
  if (dtype !== "float32" || shape.slice(0, -1).some((size) => size !== 1)) return null;
  return Float64Array.from(data as Float32Array);
}

function spread(vector: Float64Array, size: number): Float64Array | null {
  if (vector.length === size) return vector;
  return vector.length === 1 ? new Float64Array(size).fill(vector[0]) : null;
}

/** What computes products with weights, how its weights lie, and the bias behind it. */
interface Product {
  readonly op: Operation;
  /** Which inputs are what is multiplied, and the weights. */
  readonly input: number;
  readonly weights: number;
  /** Elements of the weights that follow each other and belong to one channel. */
  readonly run: number;
  readonly channels: number;
  readonly bias: Float64Array;
  readonly affine: Affine;
}

/** The product that a normalization is taken of, or why there is none. */
function productOf(affine: Affine, freezer: Freezer): Product | string {
  let at = freezer.resolve(affine.of);
  const channels = affine.scale.length;
  let bias: Float64Array | null = new Float64Array(channels);
  if (at.op.type === "BiasAdd" || isSum(at.op)) {
    if (freezer.uses.get(at) !== 1) return `'${at.op.name}' is taken elsewhere too`;
    const [value, added] = at.op.inputs.map((input) => freezer.resolve(input));
    if (!freezer.isConstant(added)) return `'${at.op.name}' (op: '${at.op.type}') adds what is computed in the run`;
    const vector = vectorOf(freezer, added);
    bias = vector && spread(vector, channels);
    at = value;
  }
  const { op } = at;
  if (!bias) return `the bias before it has not ${channels} elements`;
  const place = weightsOf(op);
  if (!place) return `what it normalises is '${op.name}' (op: '${op.type}')`;
  if (freezer.uses.get(at) !== 1) return `'${op.name}' is taken elsewhere too`;
  const weights = freezer.resolve(op.inputs[place.weights]);
  if (!freezer.isConstant(weights)) return `the weights of '${op.name}' are computed in the run`;
  const { shape } = freezer.valueOf(weights);
  const { run, count } = place.layout(shape);
  if (count !== channels) return `'${op.name}' has ${count} channels, the normalization ${channels}`;
  return { op, input: place.input, weights: place.weights, run, channels, bias, affine };
}

/** Where the weights of a product are, and from their shape how channels follow each other in them. */
function weightsOf(op: Operation): {
  input: number;
  weights: number;
  layout(shape: readonly number[]): { run: number; count: number };
} | null {
  switch (op.type) {
    case "Conv2D":
      return { input: 0, weights: 1, layout: (shape) => ({ run: 1, count: shape[3] }) };
    case "DepthwiseConv2dNative":
      return { input: 0, weights: 1, layout: (shape) => ({ run: 1, count: shape[2] * shape[3] }) };
    case "Conv2DBackpropInput":
      // A transposed convolution: its output channels are the filter's input channels.
      return { input: 2, weights: 1, layout: (shape) => ({ run: shape[3], count: shape[2] }) };
    case "MatMul":
      return op.bool("transpose_b", false)
        ? { input: 0, weights: 1, layout: (shape) => ({ run: shape[1], count: shape[0] }) }
        : { input: 0, weights: 1, layout: (shape) => ({ run: 1, count: shape[1] }) };
    default:
      return null;
  }
}

/** The product with scaled weights, and behind it the new bias, which takes the normalization's name. */
function scaled(
  batchNorm: Operation,
  {
    product,
    freezer,
    input,
    replace,
  }: { product: Product; freezer: Freezer; input: Tensor; replace: (tensor: Tensor) => Tensor | null },
): Tensor {
  const { op, run, channels, bias, affine } = product;
  const source = freezer.resolve(op.inputs[product.weights]);
  const { data, shape } = freezer.valueOf(source);
  const weights = Float32Array.from(
    data as Float32Array,
    (value, i) => value * affine.scale[Math.floor(i / run) % channels],
  );
  const shift = Float32Array.from(bias, (value, i) => value * affine.scale[i] + affine.shift[i]);
  // Weights that others take as well stay for those.
  const shared = (freezer.uses.get(source) ?? 0) > 1;
  const name = shared ? `${op.name}/folded_weights` : source.op.name;
  const inputs = op.inputs.map((other, i) => {
    if (i === product.input) return input;
    if (i !== product.weights) return freezer.copy(freezer.resolve(other), replace);
    return freezer.constant(name, new FetchedTensor(weights, shape, "float32"));
  });
  const copy = freezer.add(op, inputs);
  const added = freezer.constant(`${batchNorm.name}/folded_bias`, new FetchedTensor(shift, [channels], "float32"));
  const attrs = { T: attr.type(added.dtype), data_format: attr.string("NHWC") };
  return createOp(BiasAdd, [copy.outputs[0], added], attrs, `${batchNorm.name}/`).outputs[0];
}

async function measure(
  session: Session,
  {
    wanted,
    feeds,
    inputs,
    graph,
    fetches,
    kernels,
  }: Pick<FoldOptions, "feeds" | "kernels"> & {
    wanted: readonly Tensor[];
    inputs: NonNullable<FoldOptions["inputs"]>;
    graph: Graph;
    fetches: readonly Tensor[];
  },
): Promise<FoldingError> {
  const folded = await Session.create({ graph, ...(kernels && { kernels }) });
  try {
    const largest = wanted.map(() => 0);
    const off = wanted.map(() => 0);
    for await (const batch of inputs) {
      const before = await session.run(wanted, new Map([...byName(feeds), ...byName(batch)]));
      const after = await folded.run(fetches, byName(batch));
      before.forEach(({ data }, i) => {
        for (let at = 0; at < data.length; at++) {
          const value = Number(data[at]);
          largest[i] = Math.max(largest[i], Math.abs(value));
          const distance = Math.abs(value - Number(after[i].data[at]));
          // A NaN on both sides is no difference.
          if (!(distance <= off[i]) && !Object.is(value, Number(after[i].data[at]))) off[i] = distance;
        }
      });
    }
    return {
      maxAbsolute: Math.max(...off),
      maxRelative: Math.max(...off.map((distance, i) => (distance === 0 ? 0 : distance / largest[i]))),
    };
  } finally {
    folded.close();
  }
}

/** Feeds by the names of their tensors, which the frozen graph has too. */
function byName(feeds: Feeds | undefined): Map<string, FeedValue | FetchedTensor> {
  const entries =
    feeds instanceof Map ? [...(feeds as ReadonlyMap<Tensor | string, FeedValue>)] : Object.entries(feeds ?? {});
  return new Map(entries.map(([key, value]) => [key instanceof Tensor ? key.name : key, value] as const));
}
