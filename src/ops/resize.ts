/** ResizeBilinear, ResizeNearestNeighbor and their gradients (tensorflow/core/ops/image_ops.cc). */
import { attr } from "../graph/attr.ts";
import { float32, int32 } from "../graph/dtype.ts";
import { InvalidArgumentError, UnimplementedError } from "../graph/errors.ts";
import { Tensor } from "../graph/operation.ts";
import { sizeOf, type Shape } from "../graph/shape.ts";
import { toNumbers } from "../graph/tensorValue.ts";
import { constant, convertToTensor, createOp, opScope, type TensorLike } from "./build.ts";
import { noGradient, type BufferRef, type KernelContext, type NodeView, type OpDefinition } from "./definition.ts";
import { slice } from "./slice.ts";
import { shape as shapeOf } from "./shape.ts";
import { vector } from "./broadcastTo.ts";

type ResizeKernel = "resizeNearest" | "resizeNearestGrad" | "resizeBilinear" | "resizeBilinearGrad";

const numbers = new Float32Array(1);
const words = new Int32Array(numbers.buffer);

/** The bits of a float32, as an attribute word. */
function floatWord(value: number): number {
  numbers[0] = value;
  return words[0];
}

function requireRank4(shape: Shape): readonly (number | null)[] {
  if (shape === null) return [null, null, null, null];
  if (shape.length !== 4) throw new InvalidArgumentError(`Shape must be rank 4 but is rank ${shape.length}`);
  return shape;
}

/** The attribute block of assembly/resize.ts for an image and its resized size. */
function resizeBlock(k: KernelContext, small: readonly number[], outHeight: number, outWidth: number): number {
  const [batch, height, width, channels] = small;
  const aligned = k.op.bool("align_corners", false);
  const halfPixel = k.op.bool("half_pixel_centers", false);
  const scale = (size: number, out: number): number => (aligned && out > 1 ? (size - 1) / (out - 1) : size / out);
  return k.attributes([
    batch,
    height,
    width,
    channels,
    outHeight,
    outWidth,
    floatWord(scale(height, outHeight)),
    floatWord(scale(width, outWidth)),
    halfPixel ? 1 : 0,
    aligned ? 1 : 0,
  ]);
}

function requireFloat(k: KernelContext, input: number): void {
  if (k.inputDtype(input) === float32) return;
  throw new UnimplementedError(
    `'${k.op.name}' (op: '${k.op.type}') is not supported for ${k.inputDtype(input)}; supported: float32.`,
  );
}

function resizing(type: string, kernel: ResizeKernel, gradient: OpDefinition["gradient"]): OpDefinition {
  return {
    type,
    inputs: "T int32",
    outputs: (node) => [kernel === "resizeBilinear" ? float32 : node.inputDtype(0).base],
    shape(node): Shape[] {
      if (node.op.bool("align_corners", false) && node.op.bool("half_pixel_centers", false))
        throw new InvalidArgumentError("If half_pixel_centers is True, align_corners must be False.");
      const [batch, , , channels] = requireRank4(node.inputShape(0));
      const size = node.constant(1);
      if (!size) return [[batch, null, null, channels]];
      const [height, width] = toNumbers(size);
      if (!(height > 0 && width > 0)) throw new InvalidArgumentError("output dimensions must be positive");
      return [[batch, height, width, channels]];
    },
    gradient,
    plan: {
      kind: "kernel",
      emit(k) {
        const [, height, width] = k.outputShape(0);
        const images = kernel === "resizeBilinear" ? asFloat(k) : k.input(0);
        if (images === k.input(0)) requireFloat(k, 0);
        k.call(kernel, k.output(0), images, resizeBlock(k, k.inputShape(0), height, width));
      },
    },
  };
}

/** Pixels as float32, which bilinear resizing gives whatever it takes. */
function asFloat(k: KernelContext): BufferRef {
  const dtype = k.inputDtype(0);
  if (!["uint8", "int32"].includes(dtype.name)) return k.input(0);
  const n = sizeOf(k.inputShape(0));
  const pixels = k.scratch(n * 4);
  k.call("cast", pixels, k.input(0), float32.enumValue, dtype.enumValue, n);
  return pixels;
}

const second = noGradient("second derivatives of resizing are not here");

/** Inputs: dy, and the original images. */
export const ResizeBilinearGrad: OpDefinition = {
  type: "ResizeBilinearGrad",
  inputs: "float32 T",
  outputs: (node) => [node.inputDtype(1).base],
  shape: (node) => [node.inputShape(1)],
  gradient: second,
  plan: {
    kind: "kernel",
    emit(k) {
      requireFloat(k, 1);
      const [, height, width] = k.inputShape(0);
      k.call("resizeBilinearGrad", k.output(0), k.input(0), resizeBlock(k, k.inputShape(1), height, width));
    },
  },
};

/** Inputs: dy, and height and width of the original images. */
export const ResizeNearestNeighborGrad: OpDefinition = {
  type: "ResizeNearestNeighborGrad",
  inputs: "T int32",
  outputs: (node) => [node.inputDtype(0).base],
  shape(node: NodeView): Shape[] {
    const [batch, , , channels] = requireRank4(node.inputShape(0));
    const size = node.constant(1);
    const [height, width] = size ? toNumbers(size) : [null, null];
    return [[batch, height, width, channels]];
  },
  gradient: second,
  plan: {
    kind: "kernel",
    emit(k) {
      requireFloat(k, 0);
      const [, height, width] = k.inputShape(0);
      k.call("resizeNearestGrad", k.output(0), k.input(0), resizeBlock(k, k.outputShape(0), height, width));
    },
  },
};

function flags(op: NodeView["op"]): Record<string, { b: boolean }> {
  return {
    align_corners: { b: op.bool("align_corners", false) },
    half_pixel_centers: { b: op.bool("half_pixel_centers", false) },
  };
}

export const ResizeBilinear: OpDefinition = resizing("ResizeBilinear", "resizeBilinear", (op, [dy]) => {
  const [x] = op.inputs;
  const attrs = { T: attr.type(x.dtype), ...flags(op) };
  return [createOp(ResizeBilinearGrad, [dy, x], attrs, "ResizeBilinearGrad").outputs[0], null];
});

export const ResizeNearestNeighbor: OpDefinition = resizing("ResizeNearestNeighbor", "resizeNearest", (op, [dy]) => {
  const [x] = op.inputs;
  const size =
    x.shape && x.shape[1] !== null && x.shape[2] !== null
      ? vector([x.shape[1], x.shape[2]], "size")
      : slice(shapeOf(x), [1], [2]);
  const attrs = { T: attr.type(dy.dtype), ...flags(op) };
  return [createOp(ResizeNearestNeighborGrad, [dy, size], attrs, "ResizeNearestNeighborGrad").outputs[0], null];
});

export interface ResizeOptions {
  /** The corner pixels' centers keep their places. Default false. */
  alignCorners?: boolean;
  /** Pixels are areas, their centers at half numbers. Default false, as in TensorFlow 1. */
  halfPixelCenters?: boolean;
  name?: string;
}

function resized(
  definition: OpDefinition,
  images: TensorLike,
  size: readonly number[] | Tensor,
  options: ResizeOptions,
): Tensor {
  return opScope(options.name ?? definition.type, [images], (scope) => {
    const x = convertToTensor(images, { name: "images" });
    const wanted =
      size instanceof Tensor ? size : constant(size as number[], { dtype: int32, shape: [2], name: "size" });
    const attrs = {
      T: attr.type(x.dtype),
      align_corners: attr.bool(options.alignCorners ?? false),
      half_pixel_centers: attr.bool(options.halfPixelCenters ?? false),
    };
    return createOp(definition, [x, wanted], attrs, scope).outputs[0];
  });
}

/** Images [N,H,W,C] resized to `size` [height, width], each pixel between its four neighbours. float32, uint8 or int32 to float32. */
export const resizeBilinear = (
  images: TensorLike,
  size: readonly number[] | Tensor,
  options: ResizeOptions = {},
): Tensor => resized(ResizeBilinear, images, size, options);

/** Images [N,H,W,C] resized to `size` [height, width], each pixel the nearest one. float32. */
export const resizeNearestNeighbor = (
  images: TensorLike,
  size: readonly number[] | Tensor,
  options: ResizeOptions = {},
): Tensor => resized(ResizeNearestNeighbor, images, size, options);
