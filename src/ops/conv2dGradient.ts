/** Conv2DBackpropInput, Conv2DBackpropFilter and BiasAddGrad: what Conv2D and BiasAdd are differentiated with, and the transposed
 * convolution (tensorflow/core/kernels/conv_grad_ops.h, tensorflow/python/ops/nn_grad.py). */
import { attr, type Attrs } from "../graph/attr.ts";
import { int32 } from "../graph/dtype.ts";
import { InvalidArgumentError } from "../graph/errors.ts";
import { Tensor, type Operation } from "../graph/operation.ts";
import { formatShape, sizeOf, type Shape } from "../graph/shape.ts";
import { toNumbers } from "../graph/tensorValue.ts";
import { zerosLike } from "./addN.ts";
import { constant, convertToTensor, createOp, opScope, type TensorLike } from "./build.ts";
import {
  biasAdd,
  callWinograd,
  Conv2D,
  convolutionGeometry,
  geometryBlock,
  gradientBlock,
  pairOf,
  requireFloat,
  requireNhwc,
  usesWinograd,
  windowAxis,
  type Geometry,
} from "./conv2d.ts";
import type { NodeView, OpDefinition } from "./definition.ts";
import { shape as shapeOf, shapeN } from "./shape.ts";

/** The attributes of a convolution, which its gradients take over. */
export function convolutionAttrs(op: Operation): Attrs {
  const names = ["strides", "use_cudnn_on_gpu", "padding", "explicit_paddings", "data_format", "dilations"];
  return Object.fromEntries(names.flatMap((name) => (op.attrs[name] ? [[name, op.attrs[name]]] : [])));
}

/** The shape that an input with sizes names, as far as it is known before the run. */
export function shapeFromSizes(node: NodeView, index: number): Shape {
  const sizes = node.constant(index);
  const given = node.inputShape(index);
  if (given !== null && (given.length !== 1 || (given[0] !== null && given[0] !== 4)))
    throw new InvalidArgumentError(`The sizes must be 4 numbers, their shape is ${formatShape(given)}`);
  return sizes ? toNumbers(sizes) : null;
}

/** Checks that dy has the shape of the convolution's output: `channels` at last, as many images as the input.
 * @throws InvalidArgumentError where they differ, with TensorFlow's words. */
export function checkBackprop(
  input: Shape,
  filter: Shape,
  dy: Shape,
  channels: number | null,
  { strides, dilations, padding, explicit }: Geometry,
): void {
  for (const [shape, what] of [
    [filter, "filter"],
    [dy, "out_backprop"],
  ] as const) {
    if (shape !== null && shape.length !== 4)
      throw new InvalidArgumentError(`The ${what} must be of rank 4 but is of rank ${shape.length}`);
  }
  if (dy === null) return;
  const differ = (a: number | null | undefined, b: number | null | undefined): boolean =>
    typeof a === "number" && typeof b === "number" && a !== b;
  if (differ(channels, dy[3]))
    throw new InvalidArgumentError(
      `filter and out_backprop must have the same out_depth, but are ${channels} and ${dy[3]}`,
    );
  if (differ(input?.[0], dy[0]))
    throw new InvalidArgumentError(
      `input and out_backprop must have the same batch size, but are ${input![0]} and ${dy[0]}`,
    );
  for (const i of [0, 1] as const) {
    const [size, window, actual] = [input?.[1 + i] ?? null, filter?.[i] ?? null, dy[1 + i]];
    if (size === null || window === null || actual === null) continue;
    const { out } = windowAxis(size, window, strides[i], dilations[i], padding, explicit[i]);
    if (out !== actual)
      throw new InvalidArgumentError(
        `Size of out_backprop doesn't match computed: actual = ${actual}, computed = ${out} spatial_dim: ${1 + i} input: ${size} filter: ${window} output: ${actual} stride: ${strides[i]} dilation: ${dilations[i]}`,
      );
  }
}

function checkDepth(input: Shape, filter: Shape): void {
  const [depth, wanted] = [input?.[3] ?? null, filter?.[2] ?? null];
  if (depth !== null && wanted !== null && depth !== wanted)
    throw new InvalidArgumentError(`input and filter must have the same depth, but are ${depth} and ${wanted}`);
}

export const Conv2DBackpropInput: OpDefinition = {
  type: "Conv2DBackpropInput",
  inputs: "int32 T T",
  outputs: (node) => [node.inputDtype(2).base],
  shape(node) {
    const [input, filter, dy] = [shapeFromSizes(node, 0), node.inputShape(1), node.inputShape(2)];
    const geometry = convolutionGeometry(node.op);
    checkBackprop(input, filter, dy, filter?.[3] ?? null, geometry);
    checkDepth(input, filter);
    return [input ?? [dy?.[0] ?? null, null, null, filter?.[2] ?? null]];
  },
  plan: {
    kind: "kernel",
    emit(k) {
      requireFloat(k, 2);
      const forward = geometryBlock(k.op, k.outputShape(0), k.inputShape(1));
      const operands = [k.input(2), k.input(1), 0] as const;
      if (convolutionGeometry(k.op).strides.every((stride) => stride === 1)) {
        const block = gradientBlock(forward);
        if (usesWinograd(k, block)) return callWinograd(k, block, operands, "transposed");
      } else if (usesWinograd(k, forward, "input")) return callWinograd(k, forward, operands, "input");
      const geometry = k.attributes(forward);
      const packed = k.scratch(k.query("conv2dBackpropInputPackedBytes", geometry));
      const scratch = k.scratch(k.query("conv2dBackpropInputScratchBytes", geometry));
      k.call("conv2dBackpropInputPackFilter", packed, k.input(1), scratch, geometry);
      k.call("conv2dBackpropInput", k.output(0), k.input(2), packed, scratch, geometry);
    },
  },
  // dx is linear in the filter and in dy, with the products of a convolution of input dx: a gradient g arriving at dx takes the
  // place of the input. By dy: the convolution of g. By the filter: the filter's gradient for input g.
  gradient: (op, [g]) => [
    null,
    conv2dBackpropFilter(g, shapeOf(op.inputs[1]), op.inputs[2], op),
    createOp(Conv2D, [g, op.inputs[1]], { T: attr.type(g.dtype), ...convolutionAttrs(op) }, "Conv2D").outputs[0],
  ],
};

export const Conv2DBackpropFilter: OpDefinition = {
  type: "Conv2DBackpropFilter",
  inputs: "T int32 T",
  outputs: (node) => [node.inputDtype(0).base],
  shape(node) {
    const [input, filter, dy] = [node.inputShape(0), shapeFromSizes(node, 1), node.inputShape(2)];
    if (input !== null && input.length !== 4)
      throw new InvalidArgumentError(`The input must be of rank 4 but is of rank ${input.length}`);
    checkBackprop(input, filter, dy, filter?.[3] ?? null, convolutionGeometry(node.op));
    checkDepth(input, filter);
    return [filter ?? [null, null, input?.[3] ?? null, dy?.[3] ?? null]];
  },
  plan: {
    kind: "kernel",
    emit(k) {
      requireFloat(k, 0);
      const block = geometryBlock(k.op, k.inputShape(0), k.outputShape(0));
      const geometry = k.attributes(block);
      const [dw, x, dy] = [k.output(0), k.input(0), k.input(2)];
      if (usesWinograd(k, block, "filter")) {
        const scratch = k.scratch(k.query("conv2dWinogradBackpropFilterScratchBytes", geometry));
        k.call("conv2dWinogradBackpropFilter", dw, x, dy, scratch, geometry);
      } else {
        const scratch = k.scratch(k.query("conv2dBackpropFilterScratchBytes", geometry));
        k.call("conv2dBackpropFilter", dw, x, dy, scratch, geometry);
      }
    },
  },
  // dw is linear in x and in dy, and a gradient g arriving at it takes the place of the filter.
  gradient: (op, [g]) => [
    conv2dBackpropInput(shapeOf(op.inputs[0]), g, op.inputs[2], op),
    null,
    createOp(Conv2D, [op.inputs[0], g], { T: attr.type(g.dtype), ...convolutionAttrs(op) }, "Conv2D").outputs[0],
  ],
};

/** The attributes come from `op`, the convolution or another gradient of it. */
function conv2dBackpropInput(sizes: Tensor, filter: Tensor, dy: Tensor, op: Operation): Tensor {
  const attrs = { T: attr.type(dy.dtype), ...convolutionAttrs(op) };
  return createOp(Conv2DBackpropInput, [sizes, filter, dy], attrs, "Conv2DBackpropInput").outputs[0];
}

function conv2dBackpropFilter(x: Tensor, sizes: Tensor, dy: Tensor, op: Operation): Tensor {
  const attrs = { T: attr.type(dy.dtype), ...convolutionAttrs(op) };
  return createOp(Conv2DBackpropFilter, [x, sizes, dy], attrs, "Conv2DBackpropFilter").outputs[0];
}

/** Conv2D's rule (nn_grad.py, _Conv2DGrad): y is linear in x and in the filter, see the kernels for the sums. */
export function conv2dGradient(op: Operation, dy: Tensor): readonly Tensor[] {
  const [x, filter] = op.inputs;
  const [inputSizes, filterSizes] = shapeN([x, filter]);
  return likeInputs(op, [
    conv2dBackpropInput(inputSizes, filter, dy, op),
    conv2dBackpropFilter(x, filterSizes, dy, op),
  ]);
}

/** Gradients with the shapes of their inputs, which the sizes alone may not tell before the run. */
export function likeInputs(op: Operation, gradients: readonly Tensor[]): readonly Tensor[] {
  gradients.forEach((gradient, i) => gradient.setShape(op.inputs[i].shape));
  return gradients;
}

export const BiasAddGrad: OpDefinition = {
  type: "BiasAddGrad",
  inputs: "T",
  outputs: (node) => [node.inputDtype(0).base],
  shape(node) {
    requireNhwc(node.op);
    const dy = node.inputShape(0);
    if (dy !== null && dy.length < 2)
      throw new InvalidArgumentError(`The value must be at least of rank 2 but is of rank ${dy.length}`);
    return [[dy === null ? null : dy[dy.length - 1]]];
  },
  plan: {
    kind: "kernel",
    emit(k) {
      requireFloat(k, 0);
      const shape = k.inputShape(0);
      const channels = shape[shape.length - 1];
      // Two groups of axes: the rows, which are summed, and the channels, which are kept (assembly/reduce.ts).
      const block = k.attributes([2, channels ? sizeOf(shape) / channels : 0, channels, 1]);
      k.call("sum", k.output(0), k.input(0), k.scratch(k.query("reduceScratchBytes", block)), block);
    },
  },
  // The bias' gradient is a sum over all but the channels: what arrives at it goes to every row.
  gradient: (op, [g]) => [biasAdd(zerosLike(op.inputs[0]), g)],
};

/** BiasAdd's rule (nn_grad.py, _BiasAddGrad). */
export function biasAddGradient(op: Operation, dy: Tensor): readonly Tensor[] {
  const attrs = { T: attr.type(dy.dtype), data_format: attr.string("NHWC") };
  const sum = createOp(BiasAddGrad, [dy], attrs, "BiasAddGrad").outputs[0];
  sum.setShape(op.inputs[1].shape);
  return [dy, sum];
}

export interface Conv2dTransposeOptions {
  /** Steps of the convolution that this is the transpose of: how much larger the output is. Default 1. */
  strides?: number | readonly [number, number];
  /** Default SAME. */
  padding?: "SAME" | "VALID";
  /** Distance of filter taps along height and width. Default 1. */
  dilations?: number | readonly [number, number];
  name?: string;
}

/** The transpose of `conv2d`, its gradient with respect to its input.
 * @param value float32 [N, H, W, K]
 * @param filter float32 [height, width, C, K]: the output's channels come before the input's
 * @param outputShape [N, H', W', C], numbers or an int32 tensor, such that a convolution of it has the shape of `value`
 * @returns float32 of the shape `outputShape`
 * @throws InvalidArgumentError where the channels or the sizes do not fit. */
export function conv2dTranspose(
  value: TensorLike,
  filter: TensorLike,
  outputShape: readonly number[] | Tensor,
  options: Conv2dTransposeOptions = {},
): Tensor {
  return opScope(options.name ?? "conv2d_transpose", [value, filter, outputShape], (scope) => {
    const x = convertToTensor(value, { name: "value" });
    const weights = convertToTensor(filter, { name: "filter" });
    const [channels, wanted] = [x.shape?.[3] ?? null, weights.shape?.[3] ?? null];
    if (channels !== null && wanted !== null && channels !== wanted)
      throw new InvalidArgumentError(`input channels does not match filter's input channels, ${channels} != ${wanted}`);
    const own = weights.shape?.[2] ?? null;
    if (!(outputShape instanceof Tensor)) {
      if (outputShape.length !== 4)
        throw new InvalidArgumentError(`output_shape must have shape (4,), got (${outputShape.length},)`);
      if (own !== null && outputShape[3] !== own)
        throw new InvalidArgumentError(
          `output_shape does not match filter's output channels, ${outputShape[3]} != ${own}`,
        );
    }
    const padding = options.padding ?? "SAME";
    if (padding !== "SAME" && padding !== "VALID")
      throw new InvalidArgumentError(
        `padding must be either VALID or SAME: ${JSON.stringify(padding)} is not supported`,
      );
    const sizes =
      outputShape instanceof Tensor
        ? outputShape
        : constant([...outputShape], { dtype: int32, shape: [4], name: "output_shape" });
    const attrs = {
      T: attr.type(x.dtype),
      strides: attr.ints([1, ...pairOf(options.strides ?? 1), 1]),
      use_cudnn_on_gpu: attr.bool(true),
      padding: attr.string(padding),
      explicit_paddings: attr.ints([]),
      data_format: attr.string("NHWC"),
      dilations: attr.ints([1, ...pairOf(options.dilations ?? 1), 1]),
    };
    return createOp(Conv2DBackpropInput, [sizes, weights, x], attrs, scope).outputs[0];
  });
}
