/** Maximum and average pooling, NHWC (tensorflow/core/ops/nn_ops.cc, python/ops/nn_grad.py). */
import { attr, type Attrs } from "../graph/attr.ts";
import { InvalidArgumentError, UnimplementedError } from "../graph/errors.ts";
import type { Operation, Tensor } from "../graph/operation.ts";
import type { Shape } from "../graph/shape.ts";
import { toNumbers } from "../graph/tensorValue.ts";
import { convertToTensor, createOp, type TensorLike } from "./build.ts";
import { requireFloat, windowAxis, type Padding } from "./conv2d.ts";
import { noGradient, type GradientRule, type KernelContext, type NodeView, type OpDefinition } from "./definition.ts";
import { kernelFor } from "./elementwise.ts";
import { shape as shapeOf } from "./shape.ts";

interface Windows {
  /** Height and width. */
  readonly size: readonly [number, number];
  readonly strides: readonly [number, number];
  readonly padding: Padding;
  readonly explicit: readonly [readonly [number, number], readonly [number, number]];
}

/** The attributes of a pooling operation, checked. */
function windowsOf(op: NodeView["op"]): Windows {
  const format = op.string("data_format", "NHWC");
  if (format !== "NHWC")
    throw new UnimplementedError(`data_format '${format}' is not supported, convert the graph to NHWC`);
  const [size, strides] = (["ksize", "strides"] as const).map((name) => {
    const values = op.ints(name);
    if (values.length !== 4)
      throw new InvalidArgumentError(`${name} must specify 4 dimensions, got [${values.join(", ")}]`);
    if (values[0] !== 1 || values[3] !== 1)
      throw new UnimplementedError(`Pooling over batch or channels is not supported (${name} [${values.join(", ")}])`);
    if (values[1] < 1 || values[2] < 1)
      throw new InvalidArgumentError(`${name} must be at least 1, got [${values.join(", ")}]`);
    return [values[1], values[2]] as const;
  });
  const padding = op.string("padding") as Padding;
  if (!["SAME", "VALID", "EXPLICIT"].includes(padding))
    throw new InvalidArgumentError(`Attr 'padding' passed string '${padding}' not in: "SAME", "VALID", "EXPLICIT"`);
  const pads = op.ints("explicit_paddings");
  if (padding === "EXPLICIT") {
    if (pads.length !== 8 || pads.some((pad) => pad < 0) || pads[0] || pads[1] || pads[6] || pads[7])
      throw new InvalidArgumentError(
        `explicit_paddings must be 8 sizes of at least 0 with none for batch and channels, got [${pads.join(", ")}]`,
      );
    if (Math.max(pads[2], pads[3]) >= size[0] || Math.max(pads[4], pads[5]) >= size[1])
      throw new InvalidArgumentError(
        `explicit_paddings [${pads.join(", ")}] must be smaller than the window [${size.join(", ")}]`,
      );
  }
  const explicit = [
    [pads[2] ?? 0, pads[3] ?? 0],
    [pads[4] ?? 0, pads[5] ?? 0],
  ] as const;
  return { size, strides, padding, explicit };
}

function pooledShape(node: NodeView): Shape[] {
  const x = node.inputShape(0);
  const windows = windowsOf(node.op);
  if (x === null) return [[null, null, null, null]];
  requireRank4(x, "input");
  const axis = (i: 0 | 1): number | null => {
    const size = x[1 + i];
    if (size === null) return null;
    return windowAxis(size, windows.size[i], windows.strides[i], 1, windows.padding, windows.explicit[i]).out;
  };
  return [[x[0], axis(0), axis(1), x[3]]];
}

function requireRank4(shape: Shape, what: string): void {
  if (shape !== null && shape.length !== 4)
    throw new InvalidArgumentError(`The ${what} must be of rank 4 but is of rank ${shape.length}`);
}

/** The attribute block of the pooling kernels (assembly/pool.ts) for an input of this shape. */
function poolBlock(k: KernelContext, shape: readonly number[]): number {
  const [n, h, w, c] = shape;
  const { size, strides, padding, explicit } = windowsOf(k.op);
  const rows = windowAxis(h, size[0], strides[0], 1, padding, explicit[0]);
  const columns = windowAxis(w, size[1], strides[1], 1, padding, explicit[1]);
  return k.attributes([n, h, w, c, rows.out, columns.out, ...size, ...strides, rows.before, columns.before]);
}

function pooling(type: string, kernel: "maxPool" | "averagePool", gradient: GradientRule): OpDefinition {
  return {
    type,
    inputs: "T",
    outputs: (node) => [node.inputDtype(0).base],
    shape: pooledShape,
    plan: {
      kind: "kernel",
      emit(k) {
        const name = kernelFor(k, { float32: kernel });
        k.call(name, k.output(0), k.input(0), poolBlock(k, k.inputShape(0)));
      },
    },
    gradient,
  };
}

/** The attributes that the gradient of a pooling operation takes over from it. */
function windowAttrs(op: Operation): Attrs {
  const names = ["T", "ksize", "strides", "padding", "explicit_paddings", "data_format"];
  return Object.fromEntries(names.filter((name) => op.hasAttr(name)).map((name) => [name, op.attrs[name]]));
}

export const MaxPool: OpDefinition = pooling("MaxPool", "maxPool", (op, [dy]) => [
  createOp(MaxPoolGrad, [op.inputs[0], op.outputs[0], dy], windowAttrs(op), "MaxPoolGrad").outputs[0],
]);

/** Inputs: what was pooled, the result, the gradient arriving at it. */
export const MaxPoolGrad: OpDefinition = {
  type: "MaxPoolGrad",
  inputs: "T T T",
  outputs: (node) => [node.inputDtype(0).base],
  shape(node) {
    windowsOf(node.op);
    ["input", "output", "gradient"].forEach((what, i) => requireRank4(node.inputShape(i), what));
    return [node.inputShape(0)];
  },
  plan: {
    kind: "kernel",
    // A gradient reaches an element of x only where it is the maximum: what a Relu that gave x lets pass is known from that.
    absorbs: (op, consumer, index) =>
      op.type === "MaxPoolGrad" && consumer.type === "ReluGrad" && index === 0 && consumer.inputs[1] === op.inputs[0],
    emit(k) {
      requireFloat(k, 0);
      const block = poolBlock(k, k.inputShape(0));
      requirePooled(k, 1, k.inputShape(0));
      requirePooled(k, 2, k.inputShape(0));
      const positiveOnly = k.absorbed.length;
      k.call("maxPoolGrad", k.output(0), k.input(0), k.input(1), k.input(2), block, positiveOnly);
    },
  },
  gradient: noGradient("its second derivative (MaxPoolGradGrad) is not supported"),
};

export const AvgPool: OpDefinition = pooling("AvgPool", "averagePool", (op, [dy]) => [
  createOp(AvgPoolGrad, [shapeOf(op.inputs[0]), dy], windowAttrs(op), "AvgPoolGrad").outputs[0],
]);

/** Inputs: the shape of what was pooled, the gradient arriving at the result. Linear, so that its gradient is the pooling. */
export const AvgPoolGrad: OpDefinition = {
  type: "AvgPoolGrad",
  inputs: "int32 T",
  outputs: (node) => [node.inputDtype(1).base],
  shape(node) {
    windowsOf(node.op);
    requireRank4(node.inputShape(1), "gradient");
    const shape = node.constant(0);
    return [shape ? toNumbers(shape) : [null, null, null, node.inputShape(1)?.[3] ?? null]];
  },
  plan: {
    kind: "kernel",
    emit(k) {
      requireFloat(k, 1);
      const shape = k.outputShape(0);
      requirePooled(k, 1, shape);
      k.call("averagePoolGrad", k.output(0), k.input(1), poolBlock(k, shape));
    },
  },
  gradient: (op, [d]) => [null, createOp(AvgPool, [d], windowAttrs(op), "AvgPool").outputs[0]],
};

/** An input of a gradient must have the shape that pooling `shape` gives: the kernels follow the windows only. */
function requirePooled(k: KernelContext, input: number, shape: readonly number[]): void {
  const { size, strides, padding, explicit } = windowsOf(k.op);
  const out = ([0, 1] as const).map((i) => windowAxis(shape[1 + i], size[i], strides[i], 1, padding, explicit[i]).out);
  const want = [shape[0], ...out, shape[3]].join(",");
  const got = k.inputShape(input).join(",");
  if (got !== want) {
    throw new InvalidArgumentError(
      `Input ${input} of '${k.op.name}' (op: '${k.op.type}') must have the shape [${want}], it has [${got}].`,
    );
  }
}

/** A size for height and width, one for each, or TensorFlow's list for all four dimensions. */
export type WindowSize = number | readonly [number, number] | readonly [1, number, number, 1] | readonly number[];

export interface PoolOptions {
  /** Steps along height and width. */
  strides: WindowSize;
  /** SAME, VALID, or the cells to add, which never are the maximum: [[top, bottom], [left, right]]. */
  padding: "SAME" | "VALID" | readonly [readonly [number, number], readonly [number, number]];
  name?: string;
}

/** The largest element of each window; padding never is. Its gradient goes to the first of equal ones in row-major order.
 * @param input float32 [N, H, W, C]
 * @param ksize the window's height and width
 * @returns float32 [N, H', W', C], H' = ceil(H / stride) for SAME, ceil((H − height + 1) / stride) for VALID
 * @throws InvalidArgumentError where the window does not fit into the input. */
export function maxPool(input: TensorLike, ksize: WindowSize, options: PoolOptions): Tensor {
  return pool(MaxPool, input, ksize, options);
}

/** The mean of each window, of those of its elements that lie inside the input; see `maxPool`. */
export function avgPool(
  input: TensorLike,
  ksize: WindowSize,
  options: PoolOptions & { padding: "SAME" | "VALID" },
): Tensor {
  return pool(AvgPool, input, ksize, options);
}

function pool(definition: OpDefinition, input: TensorLike, ksize: WindowSize, options: PoolOptions): Tensor {
  const x = convertToTensor(input, { name: "value" });
  const { strides, padding } = options;
  const attrs: Attrs = {
    T: attr.type(x.dtype),
    ksize: attr.ints(fourSizes(ksize)),
    strides: attr.ints(fourSizes(strides)),
    padding: attr.string(typeof padding === "string" ? padding : "EXPLICIT"),
    ...(typeof padding === "string"
      ? {}
      : { explicit_paddings: attr.ints([0, 0, ...padding[0], ...padding[1], 0, 0]) }),
    data_format: attr.string("NHWC"),
  };
  return createOp(definition, [x], attrs, options.name ?? definition.type).outputs[0];
}

function fourSizes(size: WindowSize): readonly number[] {
  if (typeof size === "number") return [1, size, size, 1];
  return size.length === 2 ? [1, size[0], size[1], 1] : size;
}
