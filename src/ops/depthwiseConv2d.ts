/** DepthwiseConv2dNative and its gradients, and separable convolution made of it (tensorflow/core/ops/nn_ops.cc,
 * tensorflow/python/ops/nn_impl.py, nn_grad.py). */
import { attr, type Attrs } from "../graph/attr.ts";
import { InvalidArgumentError } from "../graph/errors.ts";
import type { Tensor } from "../graph/operation.ts";
import type { Shape } from "../graph/shape.ts";
import { convertToTensor, createOp, opScope, type TensorLike } from "./build.ts";
import {
  conv2d,
  convolutionGeometry,
  geometryBlock,
  pairOf,
  requireElements,
  requireFloat,
  windowAxis,
  type Conv2dOptions,
} from "./conv2d.ts";
import { checkBackprop, convolutionAttrs, likeInputs, shapeFromSizes } from "./conv2dGradient.ts";
import type { KernelContext, NodeView, OpDefinition } from "./definition.ts";
import { shape as shapeOf } from "./shape.ts";

/** Output channels: every input channel has as many as the filter's last dimension says. */
function outputChannels(input: Shape, filter: Shape): number | null {
  const [depth, multiplier] = [input?.[3] ?? filter?.[2] ?? null, filter?.[3] ?? null];
  return depth === null || multiplier === null ? null : depth * multiplier;
}

function checkInput(input: Shape, filter: Shape): void {
  for (const [shape, what] of [
    [input, "input"],
    [filter, "filter"],
  ] as const) {
    if (shape !== null && shape.length !== 4)
      throw new InvalidArgumentError(`The ${what} must be of rank 4 but is of rank ${shape.length}`);
  }
  const [depth, wanted] = [input?.[3] ?? null, filter?.[2] ?? null];
  if (depth !== null && wanted !== null && depth !== wanted)
    throw new InvalidArgumentError(`Dimensions must be equal, but are ${depth} and ${wanted}`);
}

function depthwiseShape(node: NodeView): Shape[] {
  const [input, filter] = [node.inputShape(0), node.inputShape(1)];
  const { strides, dilations, padding, explicit } = convolutionGeometry(node.op);
  checkInput(input, filter);
  requireElements(filter);
  const axis = (i: 0 | 1): number | null => {
    const [size, window] = [input?.[1 + i] ?? null, filter?.[i] ?? null];
    if (size === null || window === null) return null;
    return windowAxis(size, window, strides[i], dilations[i], padding, explicit[i]).out;
  };
  return [[input?.[0] ?? null, axis(0), axis(1), outputChannels(input, filter)]];
}

/** The attribute block: that of a convolution whose output channels are all that the filters give together. */
function depthwiseBlock(k: KernelContext, input: readonly number[], filter: readonly number[]): number {
  const channels = filter[2] * filter[3];
  return k.attributes(geometryBlock(k.op, input, [filter[0], filter[1], filter[2], channels]));
}

export const DepthwiseConv2dNative: OpDefinition = {
  type: "DepthwiseConv2dNative",
  inputs: "T T",
  outputs: (node) => [node.inputDtype(0).base],
  shape: depthwiseShape,
  plan: {
    kind: "kernel",
    emit(k) {
      requireFloat(k, 0);
      const block = depthwiseBlock(k, k.inputShape(0), k.inputShape(1));
      const scratch = k.scratch(k.query("depthwiseConv2dScratchBytes", block));
      k.call("depthwiseConv2d", k.output(0), k.input(0), k.input(1), scratch, block);
    },
  },
  gradient: (op, [dy]) => {
    const [x, filter] = op.inputs;
    const attrs = convolutionAttrs(op);
    return likeInputs(op, [
      backpropInput(shapeOf(x), filter, dy, attrs),
      backpropFilter(x, shapeOf(filter), dy, attrs),
    ]);
  },
};

export const DepthwiseConv2dNativeBackpropInput: OpDefinition = {
  type: "DepthwiseConv2dNativeBackpropInput",
  inputs: "int32 T T",
  outputs: (node) => [node.inputDtype(2).base],
  shape(node) {
    const [input, filter, dy] = [shapeFromSizes(node, 0), node.inputShape(1), node.inputShape(2)];
    checkBackprop(input, filter, dy, outputChannels(input, filter), convolutionGeometry(node.op));
    checkInput(input, filter);
    return [input ?? [dy?.[0] ?? null, null, null, filter?.[2] ?? null]];
  },
  plan: {
    kind: "kernel",
    emit(k) {
      requireFloat(k, 2);
      const block = depthwiseBlock(k, k.outputShape(0), k.inputShape(1));
      const scratch = k.scratch(k.query("depthwiseConv2dScratchBytes", block));
      k.call("depthwiseConv2dBackpropInput", k.output(0), k.input(2), k.input(1), scratch, block);
    },
  },
  // As for Conv2DBackpropInput: what arrives at dx takes the place of the input.
  gradient: (op, [g]) => {
    const [, filter, dy] = op.inputs;
    const attrs = convolutionAttrs(op);
    return [null, backpropFilter(g, shapeOf(filter), dy, attrs), native(g, filter, attrs, DepthwiseConv2dNative.type)];
  },
};

export const DepthwiseConv2dNativeBackpropFilter: OpDefinition = {
  type: "DepthwiseConv2dNativeBackpropFilter",
  inputs: "T int32 T",
  outputs: (node) => [node.inputDtype(0).base],
  shape(node) {
    const [input, filter, dy] = [node.inputShape(0), shapeFromSizes(node, 1), node.inputShape(2)];
    checkInput(input, filter);
    checkBackprop(input, filter, dy, outputChannels(input, filter), convolutionGeometry(node.op));
    return [filter ?? [null, null, input?.[3] ?? null, null]];
  },
  plan: {
    kind: "kernel",
    emit(k) {
      requireFloat(k, 0);
      const block = depthwiseBlock(k, k.inputShape(0), k.outputShape(0));
      const scratch = k.scratch(k.query("depthwiseConv2dBackpropFilterScratchBytes", block));
      k.call("depthwiseConv2dBackpropFilter", k.output(0), k.input(0), k.input(2), scratch, block);
    },
  },
  // As for Conv2DBackpropFilter: what arrives at dw takes the place of the filter.
  gradient: (op, [g]) => {
    const [x, , dy] = op.inputs;
    const attrs = convolutionAttrs(op);
    return [backpropInput(shapeOf(x), g, dy, attrs), null, native(x, g, attrs, DepthwiseConv2dNative.type)];
  },
};

function native(x: Tensor, filter: Tensor, attrs: Attrs, name: string): Tensor {
  return createOp(DepthwiseConv2dNative, [x, filter], { T: attr.type(x.dtype), ...attrs }, name).outputs[0];
}

function backpropInput(sizes: Tensor, filter: Tensor, dy: Tensor, attrs: Attrs): Tensor {
  const definition = DepthwiseConv2dNativeBackpropInput;
  return createOp(definition, [sizes, filter, dy], { T: attr.type(dy.dtype), ...attrs }, definition.type).outputs[0];
}

function backpropFilter(x: Tensor, sizes: Tensor, dy: Tensor, attrs: Attrs): Tensor {
  const definition = DepthwiseConv2dNativeBackpropFilter;
  return createOp(definition, [x, sizes, dy], { T: attr.type(dy.dtype), ...attrs }, definition.type).outputs[0];
}

/** Depthwise convolution: every input channel has filters of its own; output channel c · M + m is channel c with its filter m.
 * @param input float32 [N, H, W, C]
 * @param filter float32 [height, width, C, M]
 * @param options as of `conv2d`; dilations are what tf.nn.depthwise_conv2d calls rate
 * @returns float32 [N, H', W', C · M]
 * @throws InvalidArgumentError where the channels differ or the filter does not fit. */
export function depthwiseConv2d(input: TensorLike, filter: TensorLike, options: Conv2dOptions = {}): Tensor {
  return opScope(options.name ?? "depthwise", [input, filter], (scope) => {
    const x = convertToTensor(input, { name: "tensor_in" });
    const weights = convertToTensor(filter, { name: "filter_in" });
    return native(x, weights, attrsOf(options), scope);
  });
}

function attrsOf(options: Conv2dOptions): Attrs {
  const padding = options.padding ?? "SAME";
  return {
    strides: attr.ints([1, ...pairOf(options.strides ?? 1), 1]),
    padding: attr.string(typeof padding === "string" ? padding : "EXPLICIT"),
    explicit_paddings: attr.ints(typeof padding === "string" ? [] : [0, 0, ...padding[0], ...padding[1], 0, 0]),
    data_format: attr.string("NHWC"),
    dilations: attr.ints([1, ...pairOf(options.dilations ?? 1), 1]),
  };
}

/** A depthwise convolution, then one of 1 × 1 that mixes its channels.
 * @param input float32 [N, H, W, C]
 * @param depthwiseFilter float32 [height, width, C, M]
 * @param pointwiseFilter float32 [1, 1, C · M, K]
 * @param options strides, padding and dilations of the depthwise convolution
 * @returns float32 [N, H', W', K]
 * @throws InvalidArgumentError where the channels or the sizes do not fit. */
export function separableConv2d(
  input: TensorLike,
  depthwiseFilter: TensorLike,
  pointwiseFilter: TensorLike,
  options: Conv2dOptions = {},
): Tensor {
  return opScope(options.name ?? "separable_conv2d", [input, depthwiseFilter, pointwiseFilter], (scope) => {
    const x = convertToTensor(input, { name: "tensor_in" });
    const depthwise = convertToTensor(depthwiseFilter, { name: "depthwise_filter" });
    const pointwise = convertToTensor(pointwiseFilter, { name: "pointwise_filter" });
    for (const i of [0, 1]) {
      const size = pointwise.shape?.[i] ?? 1;
      if (size !== 1)
        throw new InvalidArgumentError(`separableConv2d needs a pointwise filter of 1 × 1, its axis ${i} is ${size}.`);
    }
    const spread = native(x, depthwise, attrsOf(options), "depthwise");
    return conv2d(spread, pointwise, { padding: "VALID", name: scope });
  });
}
