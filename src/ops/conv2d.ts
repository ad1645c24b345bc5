/** Conv2D and BiasAdd (tensorflow/core/ops/nn_ops.cc). NHWC, HWIO, cross-correlation. */
import { attr } from "../graph/attr.ts";
import { InvalidArgumentError, UnimplementedError } from "../graph/errors.ts";
import type { Tensor } from "../graph/operation.ts";
import { sizeOf, type Shape } from "../graph/shape.ts";
import { convertToTensor, createOp, type TensorLike } from "./build.ts";
import { biasAddGradient, conv2dGradient } from "./conv2dGradient.ts";
import { altered, type BufferRef, type KernelContext, type NodeView, type OpDefinition } from "./definition.ts";

export type Padding = "SAME" | "VALID" | "EXPLICIT";

/** One spatial axis of a convolution: output size, and zeros before it (those after follow from the sizes). */
export interface WindowAxis {
  readonly out: number;
  readonly before: number;
}

/** TensorFlow's output size and padding of one axis. SAME puts the odd pixel after.
 * @throws InvalidArgumentError where the window does not fit into the input. */
export function windowAxis(
  size: number,
  window: number,
  stride: number,
  dilation: number,
  padding: Padding,
  explicit: readonly [number, number] = [0, 0],
): WindowAxis {
  const extent = (window - 1) * dilation + 1;
  if (padding === "SAME") {
    const out = Math.ceil(size / stride);
    return { out, before: Math.floor(Math.max((out - 1) * stride + extent - size, 0) / 2) };
  }
  const [before, after] = padding === "EXPLICIT" ? explicit : [0, 0];
  const padded = size + before + after;
  if (padded < extent) {
    throw new InvalidArgumentError(`Negative dimension size caused by subtracting ${extent} from ${padded}`);
  }
  return { out: Math.floor((padded - extent) / stride) + 1, before };
}

/** Attributes of a convolution along height and width. */
export interface Geometry {
  readonly strides: readonly [number, number];
  readonly dilations: readonly [number, number];
  readonly padding: Padding;
  readonly explicit: readonly [readonly [number, number], readonly [number, number]];
}

/** @throws UnimplementedError for channels that do not come last. */
export function requireNhwc(op: NodeView["op"]): void {
  const format = op.string("data_format", "NHWC");
  if (format !== "NHWC")
    throw new UnimplementedError(`data_format '${format}' is not supported, convert the graph to NHWC`);
}

/** @throws UnimplementedError if input `index` is not float32. */
export function requireFloat(k: KernelContext, index: number): void {
  const { name } = k.inputDtype(index);
  if (name !== "float32")
    throw new UnimplementedError(
      `'${k.op.name}' (op: '${k.op.type}') is not supported for ${name}; supported: float32.`,
    );
}

/** The attributes of a convolution, checked. */
export function convolutionGeometry(op: NodeView["op"]): Geometry {
  requireNhwc(op);
  const strides = op.ints("strides");
  const dilations = op.ints("dilations", [1, 1, 1, 1]);
  for (const [name, values] of [
    ["strides", strides],
    ["dilations", dilations],
  ] as const) {
    if (values.length !== 4 || values[0] !== 1 || values[3] !== 1 || values[1] < 1 || values[2] < 1) {
      throw new InvalidArgumentError(
        `${name} must be [1, height, width, 1] with sizes of at least 1, got [${values.join(", ")}]`,
      );
    }
  }
  const padding = op.string("padding") as Padding;
  if (!["SAME", "VALID", "EXPLICIT"].includes(padding)) {
    throw new InvalidArgumentError(`Attr 'padding' passed string '${padding}' not in: "SAME", "VALID", "EXPLICIT"`);
  }
  const pads = op.ints("explicit_paddings");
  if (
    padding === "EXPLICIT" &&
    (pads.length !== 8 || pads.some((pad) => pad < 0) || pads[0] || pads[1] || pads[6] || pads[7])
  ) {
    throw new InvalidArgumentError(
      `explicit_paddings must be 8 sizes of at least 0 with none for batch and channels, got [${pads.join(", ")}]`,
    );
  }
  return {
    strides: [strides[1], strides[2]],
    dilations: [dilations[1], dilations[2]],
    padding,
    explicit: [
      [pads[2] ?? 0, pads[3] ?? 0],
      [pads[4] ?? 0, pads[5] ?? 0],
    ],
  };
}

/** @throws InvalidArgumentError for a filter without elements, as TensorFlow's kernels do. */
export function requireElements(filter: Shape): void {
  if (filter?.includes(0))
    throw new InvalidArgumentError("filter must not have zero elements (i.e. all dimensions must be non-zero)");
}

function conv2dShape(node: NodeView): Shape[] {
  const [x, filter] = [node.inputShape(0), node.inputShape(1)];
  const geometry = convolutionGeometry(node.op);
  for (const [shape, what] of [
    [x, "input"],
    [filter, "filter"],
  ] as const) {
    if (shape !== null && shape.length !== 4)
      throw new InvalidArgumentError(`The ${what} must be of rank 4 but is of rank ${shape.length}`);
  }
  requireElements(filter);
  if (x === null) return [[null, null, null, filter?.[3] ?? null]];
  if (filter === null) return [[x[0], null, null, null]];
  if (x[3] !== null && filter[2] !== null && x[3] !== filter[2]) {
    if (filter[2] !== 0 && x[3] % filter[2] === 0) {
      throw new UnimplementedError(
        `Grouped convolution (input depth ${x[3]}, filter depth ${filter[2]}) is not supported`,
      );
    }
    throw new InvalidArgumentError(
      `Depth of input (${x[3]}) is not a multiple of input depth of filter (${filter[2]})`,
    );
  }
  const axis = (i: 0 | 1): number | null => {
    const [size, window] = [x[1 + i], filter[i]];
    if (size === null || window === null) return null;
    return windowAxis(size, window, geometry.strides[i], geometry.dilations[i], geometry.padding, geometry.explicit[i])
      .out;
  };
  return [[x[0], axis(0), axis(1), filter[3]]];
}

/** The attribute block of the convolution kernels and those of its gradients (assembly/conv2d.ts). */
export function geometryBlock(
  op: NodeView["op"],
  [n, h, w, c]: readonly number[],
  [kh, kw, , channels]: readonly number[],
  activation = 0,
): number[] {
  const { strides, dilations, padding, explicit } = convolutionGeometry(op);
  const rows = windowAxis(h, kh, strides[0], dilations[0], padding, explicit[0]);
  const columns = windowAxis(w, kw, strides[1], dilations[1], padding, explicit[1]);
  const sizes = [n, h, w, c, rows.out, columns.out, channels, kh, kw];
  return [...sizes, ...strides, ...dilations, rows.before, columns.before, activation];
}

/** The block of a convolution's gradient with respect to its input where the strides are 1: a convolution of the output's
 * gradient with the rotated filter. */
export function gradientBlock(block: readonly number[]): number[] {
  const [n, h, w, c, outH, outW, channels, kh, kw, strideH, strideW, dilationH, dilationW, top, left] = block;
  const sizes = [n, outH, outW, channels, h, w, c, kh, kw, strideH, strideW, dilationH, dilationW];
  return [...sizes, kh - 1 - top, kw - 1 - left, 0];
}

/** What Winograd's kernels compute, by filter and stride. Products of a tile of 4 × 4 outputs; fewest channels on both sides, of whole
 * vectors, as shorter sums leave the error of the transforms alone, which for 5 × 5 is ten times that of 3 × 3; fewest tiles for the
 * gradient by the filter, for the same reason; costs of the transforms, measured (docs/performance.md), in multiplications for a
 * channel of a tile, and for an element of a filter's channels. */
const winograd: Readonly<Record<string, readonly [number, number, number, number, number]>> = {
  "3x3/1": [36, 16, 0, 350, 400],
  "5x5/1": [64, 32, 40, 600, 1200],
  "3x3/2": [81, 16, 0, 300, 1000],
};
/** How many times as fast Winograd's kernels must be: their rounding error is the larger one. */
const winogradGain = 1.25;
/** Largest transformed filter, in bytes: a quarter of what sessions may use in workerd. */
const winogradBytes = 16 * 2 ** 20;

export type ConvolutionPass = "convolution" | "input" | "filter";

/** Whether Winograd's kernels are better for a convolution with this block, or for its gradient with respect to the filter or, with
 * a stride of 2, the input. Follows from the shapes alone, so that the bits do too. */
export function suitsWinograd(block: readonly number[], pass: ConvolutionPass): boolean {
  const [n, h, w, c, outH, outW, channels, kh, kw, strideH, strideW, dilationH, dilationW, top, left] = block;
  const kind = winograd[`${kh}x${kw}/${strideH}`];
  if (!kind || strideW !== strideH || dilationH !== 1 || dilationW !== 1) return false;
  const [planes, fewestChannels, fewestTiles, tileCost, filterCost] = kind;
  // Inputs behind the last window have a gradient of 0, which Winograd's rounding would miss.
  if (pass === "input" && (2 * outH + 1 - top < h || 2 * outW + 1 - left < w)) return false;
  // Channels come in vectors of four.
  const [from, to] = [4 * Math.ceil(c / 4), 4 * Math.ceil(channels / 4)];
  if (Math.min(from, to) < fewestChannels) return false;
  const tiles = n * Math.ceil(outH / 4) * Math.ceil(outW / 4);
  if (pass === "filter" && tiles < fewestTiles) return false;
  const products = c * channels;
  if (4 * planes * products > winogradBytes) return false;
  const direct = n * outH * outW * kh * kw * products;
  return direct >= winogradGain * (tiles * (planes * products + tileCost * (from + to)) + filterCost * products);
}

/** Whether the session wants Winograd's kernels for such a convolution and has them. */
export function usesWinograd(
  k: KernelContext,
  block: readonly number[],
  pass: ConvolutionPass = "convolution",
): boolean {
  return k.convolution === "auto" && k.has("conv2dWinograd") && suitsWinograd(block, pass);
}

/** Calls Winograd's kernels for a convolution of `x`, or for the gradient by the input that is one, or with a stride of 2 is none. */
export function callWinograd(
  k: KernelContext,
  block: readonly number[],
  [x, filter, bias]: readonly [BufferRef, BufferRef, BufferRef | number],
  pass: "convolution" | "transposed" | "input" = "convolution",
): void {
  const geometry = k.attributes(block);
  const packed = k.scratch(k.query("conv2dWinogradPackedBytes", geometry));
  const packScratch = k.scratch(k.query("conv2dWinogradPackScratchBytes"));
  if (pass === "convolution") k.call("conv2dWinogradPackFilter", packed, filter, packScratch, geometry);
  else k.call("conv2dWinogradPackTransposedFilter", packed, filter, packScratch, geometry);
  if (pass === "input") {
    const scratch = k.scratch(k.query("conv2dWinogradBackpropInputScratchBytes", geometry));
    k.call("conv2dWinogradBackpropInput", k.output(0), x, packed, scratch, geometry);
  } else {
    const scratch = k.scratch(k.query("conv2dWinogradScratchBytes", geometry));
    k.call("conv2dWinograd", k.output(0), x, packed, bias, scratch, geometry);
  }
}

/** What the kernels can do to a value before it is stored: the last word of the geometry block. */
export const activations: Readonly<Record<string, number>> = { Relu: 1, Relu6: 2 };

export const Conv2D: OpDefinition = {
  type: "Conv2D",
  inputs: "T T",
  outputs: (node) => [node.inputDtype(0).base],
  shape: conv2dShape,
  gradient: (op, [dy]) => conv2dGradient(op, dy),
  plan: {
    kind: "kernel",
    absorbs: (op, consumer, index) => {
      if (index !== 0) return false;
      if (consumer.type === "BiasAdd") return op.type === "Conv2D";
      return consumer.type in activations && op.type in { Conv2D: 1, BiasAdd: 1 };
    },
    emit(k) {
      requireFloat(k, 0);
      const biasAdd = k.absorbed.find((op) => op.type === "BiasAdd");
      const activation = k.absorbed.find((op) => op.type in activations);
      const code = activation ? activations[activation.type] : 0;
      const block = geometryBlock(k.op, k.inputShape(0), k.inputShape(1), code);
      const bias = biasAdd ? k.tensor(biasAdd, 1) : 0;
      if (usesWinograd(k, block)) return callWinograd(k, block, [k.input(0), k.input(1), bias]);
      const geometry = k.attributes(block);
      const packed = k.scratch(k.query("conv2dPackedBytes", geometry));
      k.call("conv2dPackFilter", packed, k.input(1), geometry);
      k.call(
        "conv2d",
        k.output(0),
        k.input(0),
        packed,
        bias,
        k.scratch(k.query("conv2dScratchBytes", geometry)),
        geometry,
      );
    },
  },
};

export const BiasAdd: OpDefinition = {
  type: "BiasAdd",
  inputs: "T T",
  gradient: (op, [dy]) => biasAddGradient(op, dy),
  outputs: (node) => [node.inputDtype(0).base],
  shape(node) {
    const [value, bias] = [node.inputShape(0), node.inputShape(1)];
    requireNhwc(node.op);
    if (bias !== null && bias.length !== 1)
      throw new InvalidArgumentError(`The bias must be of rank 1 but is of rank ${bias.length}`);
    if (value === null) return [null];
    if (value.length < 2)
      throw new InvalidArgumentError(`The value must be at least of rank 2 but is of rank ${value.length}`);
    const [last, size] = [value[value.length - 1], bias?.[0] ?? null];
    if (last !== null && size !== null && last !== size)
      throw new InvalidArgumentError(`Dimensions must be equal, but are ${last} and ${size}`);
    return [[...value.slice(0, -1), last ?? size]];
  },
  plan: {
    kind: "kernel",
    inPlace: [0],
    emit(k) {
      requireFloat(k, 0);
      const shape = k.inputShape(0);
      const [value, bias] = [k.input(0), k.input(1)];
      const channels = shape[shape.length - 1];
      k.call("biasAdd", k.output(0), value, bias, channels ? sizeOf(shape) / channels : 0, channels);
    },
  },
};

/** The older form, without a data format. */
export const BiasAddV1: OpDefinition = altered(BiasAdd, { type: "BiasAddV1" });

export interface Conv2dOptions {
  /** Steps along height and width. Default 1. */
  strides?: number | readonly [number, number];
  /** SAME, VALID, or the zeros to add: [[top, bottom], [left, right]]. Default SAME. */
  padding?: "SAME" | "VALID" | readonly [readonly [number, number], readonly [number, number]];
  /** Distance of filter taps along height and width. Default 1. */
  dilations?: number | readonly [number, number];
  name?: string;
}

/** 2-D convolution (a cross-correlation: filters are not flipped).
 * @param input float32 [N, H, W, C]
 * @param filter float32 [height, width, C, K]
 * @returns float32 [N, ceil(H / stride), …, K] for SAME
 * @throws InvalidArgumentError where the channels differ or the filter does not fit. */
export function conv2d(input: TensorLike, filter: TensorLike, options: Conv2dOptions = {}): Tensor {
  const x = convertToTensor(input);
  const weights = convertToTensor(filter);
  const padding = options.padding ?? "SAME";
  const explicit = typeof padding === "string" ? [] : [0, 0, ...padding[0], ...padding[1], 0, 0];
  const attrs = {
    T: attr.type(x.dtype),
    strides: attr.ints([1, ...pairOf(options.strides ?? 1), 1]),
    use_cudnn_on_gpu: attr.bool(true),
    padding: attr.string(typeof padding === "string" ? padding : "EXPLICIT"),
    explicit_paddings: attr.ints(explicit),
    data_format: attr.string("NHWC"),
    dilations: attr.ints([1, ...pairOf(options.dilations ?? 1), 1]),
  };
  return createOp(Conv2D, [x, weights], attrs, options.name ?? "Conv2D").outputs[0];
}

/** value + bias along the last dimension. float32 [..., C] and [C]. */
export function biasAdd(value: TensorLike, bias: TensorLike, name = "BiasAdd"): Tensor {
  const x = convertToTensor(value);
  const attrs = { T: attr.type(x.dtype), data_format: attr.string("NHWC") };
  return createOp(BiasAdd, [x, convertToTensor(bias)], attrs, name).outputs[0];
}

/** One size for both axes, or one for each. */
export function pairOf(value: number | readonly [number, number]): readonly [number, number] {
  return typeof value === "number" ? [value, value] : value;
}
