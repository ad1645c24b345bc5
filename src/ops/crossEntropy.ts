/** Softmax and sigmoid cross entropy (tensorflow/core/ops/nn_ops.cc, tensorflow/python/ops/nn_ops.py, nn_impl.py, nn_grad.py). */
import { attr } from "../graph/attr.ts";
import { InvalidArgumentError, UnimplementedError } from "../graph/errors.ts";
import type { Operation, Tensor } from "../graph/operation.ts";
import { broadcastShapes, formatShape, isCompatible, isFullyDefined, mergeShapes, type Shape } from "../graph/shape.ts";
import { zerosLike } from "./addN.ts";
import { reshape } from "./array.ts";
import { cast } from "./cast.ts";
import { greaterEqual } from "./comparison.ts";
import { concat, stack } from "./concat.ts";
import { convertToTensor, createOp, opScope, type TensorLike } from "./build.ts";
import type { BufferRef, CheckError, KernelContext, OpDefinition } from "./definition.ts";
import { add, multiply, subtract } from "./elementwise.ts";
import { expandDims } from "./expandDims.ts";
import { stopGradient } from "./identity.ts";
import { normalizeAxes, reduceSum } from "./reduce.ts";
import { where } from "./select.ts";
import { rank, shape as shapeOf, size as sizeOfTensor } from "./shape.ts";
import { slice } from "./slice.ts";
import { logSoftmax, softmax } from "./softmax.ts";
import { walkBlock } from "./strided.ts";
import { transpose } from "./transpose.ts";
import { exp, log1p, negative } from "./unary.ts";

/** Loss a row, and its derivative by the logits, which backpropagation takes: the derivative of the operation is only that
 * of its first output, multiplied by what arrives. */
export const SoftmaxCrossEntropyWithLogits: OpDefinition = {
  type: "SoftmaxCrossEntropyWithLogits",
  inputs: "T T",
  outputs: (node) => [node.inputDtype(0).base, node.inputDtype(0).base],
  shape(node) {
    const both = broadcastShapes(withRank(node.inputShape(0), 2), withRank(node.inputShape(1), 2))!;
    return [[both[0]], both];
  },
  plan: {
    kind: "kernel",
    emit(k) {
      requireFloat(k);
      const [rows, classes] = k.outputShape(1);
      const [logits, labels] = [0, 1].map((i) => {
        const [own, width] = k.inputShape(i);
        const step = own === rows ? classes : 0;
        if (width === classes) return { rows: k.input(i), step };
        // One number for all classes: the kernel walks whole rows.
        const repeated = k.scratch(own * classes * 4);
        const walk = { dims: [own, classes], x: { strides: [1, 0] }, y: { strides: [classes, 1] } };
        k.call("copyStrided", repeated, k.input(i), k.attributes(walkBlock(walk, 4)));
        return { rows: repeated, step };
      });
      const backprop = k.isNeeded(1) ? k.output(1) : 0;
      const [x, z] = [logits.rows, labels.rows];
      k.call("softmaxCrossEntropy", k.output(0), backprop, x, z, rows, classes, logits.step, labels.step);
    },
  },
  // loss = Σ labels · (log Σ exp(x) − x) by row, so
  //   d loss / d x      = softmax(x) · Σ labels − labels, which is output 1 where a row of labels sums to 1
  //   d loss / d labels = −log softmax(x)
  // TensorFlow takes output 1 for any labels.
  gradient: (op, [dy, dyBackprop]) => [
    logitsGradient(op, dy, dyBackprop),
    eachRow(dy, negative(logSoftmax(op.inputs[0]))),
  ],
};

export const SparseSoftmaxCrossEntropyWithLogits: OpDefinition = {
  type: "SparseSoftmaxCrossEntropyWithLogits",
  inputs: "T Tlabels:int",
  outputs: (node) => [node.inputDtype(0).base, node.inputDtype(0).base],
  shape(node) {
    const logits = withRank(node.inputShape(0), 2);
    const labels = withRank(node.inputShape(1), 1);
    if (logits[1] === 0)
      throw new InvalidArgumentError(`Must have at least one class, but got logits shape ${formatShape(logits)}`);
    const [rows] = mergeShapes([logits[0]], labels)!;
    return [[rows], [rows, logits[1]]];
  },
  plan: {
    kind: "kernel",
    emit(k) {
      requireFloat(k);
      const kernel = labelKernels[k.inputDtype(1).name];
      if (!kernel)
        throw new UnimplementedError(
          `'${k.op.name}' (op: '${k.op.type}') is not supported for labels of ${k.inputDtype(1).name}; supported: int32, int64.`,
        );
      const [rows, classes] = k.inputShape(0);
      const labels = k.input(1);
      const { size } = k.inputDtype(1);
      // TensorFlow's GPU kernel gives NaN for such a row, its CPU kernel this error.
      k.check("checkIndices", labelError(k.op, classes, labels), [labels], labels, rows, classes, size);
      k.call(kernel, k.output(0), k.isNeeded(1) ? k.output(1) : 0, k.input(0), labels, rows, classes);
    },
  },
  mayRefuse: () => true,
  // Output 1 is softmax(x) − onehot(labels), the derivative.
  gradient: (op, [dy, dyBackprop]) => [logitsGradient(op, dy, dyBackprop), null],
};

type LabelKernel = "sparseSoftmaxCrossEntropy" | "sparseSoftmaxCrossEntropyInt64";

const labelKernels: Readonly<Record<string, LabelKernel | undefined>> = {
  int32: "sparseSoftmaxCrossEntropy",
  int64: "sparseSoftmaxCrossEntropyInt64",
};

/** As many labels as the sentence about a wrong one shows. */
const shownLabels = 16;

function labelError(op: Operation, classes: number, labels: BufferRef): CheckError {
  return (code, read) => {
    const values = Array.from(read(labels, op.inputs[1].dtype.base), String);
    const shown = values.slice(0, shownLabels).join(" ") + (values.length > shownLabels ? "..." : "");
    return new InvalidArgumentError(
      `Received a label value of ${values[code - 1]} which is outside the valid range [0, ${classes}). Label values: ${shown} for '${op.name}' (op: '${op.type}').`,
    );
  };
}

function requireFloat(k: KernelContext): void {
  const { name } = k.inputDtype(0);
  if (name !== "float32")
    throw new UnimplementedError(
      `'${k.op.name}' (op: '${k.op.type}') is not supported for ${name}; supported: float32.`,
    );
}

/** The shape if it has this rank, or unknown dimensions for one of unknown rank. */
function withRank(shape: Shape, rank: number): readonly (number | null)[] {
  if (shape === null) return new Array<null>(rank).fill(null);
  if (shape.length !== rank) throw new InvalidArgumentError(`Shape must be rank ${rank} but is rank ${shape.length}`);
  return shape;
}

/** Each row of a matrix by its factor. */
function eachRow(factors: Tensor, matrix: Tensor): Tensor {
  return multiply(expandDims(factors, -1), matrix);
}

/** What arrives at the loss, times output 1; and, for second derivatives, what arrives at output 1: with s = softmax(x),
 *   d (s − labels) / d x applied to g = (g − Σ g · s) · s by row. */
function logitsGradient(op: Operation, dy: Tensor, dyBackprop: Tensor): Tensor {
  const first = eachRow(dy, op.outputs[1]);
  // Where nothing used output 1, backpropagation gives zeros.
  if (dyBackprop.op.type === "ZerosLike") return first;
  const probabilities = softmax(op.inputs[0]);
  const mean = reduceSum(multiply(dyBackprop, probabilities), -1, { keepDims: true });
  return add(first, multiply(subtract(dyBackprop, mean), probabilities));
}

export interface CrossEntropyOptions {
  /** Which of the classes each example has. */
  labels: TensorLike;
  /** Unscaled log probabilities, float32. */
  logits: TensorLike;
  name?: string;
}

export interface SoftmaxCrossEntropyOptions extends CrossEntropyOptions {
  /** The dimension of the classes. Default -1. */
  axis?: number;
}

/** Cross entropy of softmax(logits) against distributions over the classes. The gradient flows into labels as well.
 * @param options labels and logits float32 of one shape [..., classes]; each distribution of labels should sum to 1
 * @returns float32, the shape without the classes
 * @throws InvalidArgumentError where the shapes differ. */
export function softmaxCrossEntropyWithLogitsV2(options: SoftmaxCrossEntropyOptions): Tensor {
  return opScope(options.name ?? "softmax_cross_entropy_with_logits", [options.logits, options.labels], (scope) => {
    const given = convertToTensor(options.logits, { name: "logits" });
    const target = cast(convertToTensor(options.labels, { name: "labels" }), given.dtype.base);
    mergeShapes(given.shape, target.shape);
    const order = classesLast(given, options.axis ?? -1);
    const [logits, labels] = order ? [transpose(given, order), transpose(target, order)] : [given, target];
    const inputs = [asMatrix(logits), asMatrix(labels)];
    const attrs = { T: attr.type(logits.dtype) };
    const [loss] = createOp(SoftmaxCrossEntropyWithLogits, inputs, attrs, scope).outputs;
    return reshape(loss, rowsOf(logits));
  });
}

/** The permutation that makes `axis` the last; null where it is. */
function classesLast(x: Tensor, axis: number): number[] | null {
  if (axis === -1) return null;
  if (x.shape === null)
    throw new InvalidArgumentError(`Cross entropy over axis ${axis} needs logits of known rank; reshape '${x.name}'.`);
  const last = x.shape.length - 1;
  const [from] = normalizeAxes([axis], x.shape.length);
  return from === last ? null : [...x.shape.keys()].filter((i) => i !== from).concat(from);
}

/** The same with labels taken as constant: no gradient flows into them (TensorFlow 1's first version of it). */
export function softmaxCrossEntropyWithLogits(options: SoftmaxCrossEntropyOptions): Tensor {
  const labels = opScope(options.name ?? "softmax_cross_entropy_with_logits_sg", [options.logits, options.labels], () =>
    stopGradient(options.labels, "labels_stop_gradient"),
  );
  return softmaxCrossEntropyWithLogitsV2({ ...options, labels });
}

/** Cross entropy of softmax(logits) against one class an example.
 * @param options labels int32 or int64 [...], in [0, classes); logits float32 [..., classes]
 * @returns float32 [...]
 * @throws InvalidArgumentError where the shapes do not fit. */
export function sparseSoftmaxCrossEntropyWithLogits(options: CrossEntropyOptions): Tensor {
  const type = "SparseSoftmaxCrossEntropyWithLogits";
  return opScope(options.name ?? type, [options.labels, options.logits], () => {
    const labels = convertToTensor(options.labels);
    const logits = convertToTensor(options.logits);
    checkSparseShapes(labels.shape, logits.shape);
    const cost = (x: Tensor, y: Tensor): Tensor =>
      createOp(
        SparseSoftmaxCrossEntropyWithLogits,
        [x, y],
        { T: attr.type(x.dtype), Tlabels: attr.type(y.dtype) },
        options.name ?? type,
      ).outputs[0];
    if (logits.shape?.length === 2) return cost(logits, labels);
    // The labels have the shape of the rows: what is unknown of the logits is told by them.
    const classes = logits.shape?.at(-1) ?? null;
    const matrix = reshape(logits, classes === null ? stack([sizeOfTensor(labels), -1]) : [-1, classes]);
    const rows = labels.shape && knownToReshape(labels.shape);
    return reshape(cost(matrix, reshape(labels, [-1])), rows ?? shapeOf(labels));
  });
}

function checkSparseShapes(labels: Shape, logits: Shape): void {
  if (logits?.length === 0)
    throw new InvalidArgumentError(`Logits cannot be scalars - received shape ${formatShape(logits)}.`);
  if (labels === null || logits === null) return;
  if (labels.length !== logits.length - 1)
    throw new InvalidArgumentError(
      `Rank mismatch: Rank of labels (received ${labels.length}) should equal rank of logits minus 1 (received ${logits.length}).`,
    );
  const rows = logits.slice(0, -1);
  if (isFullyDefined(labels) && isFullyDefined(rows) && !isCompatible(labels, rows))
    throw new InvalidArgumentError(
      `Shape mismatch: The shape of labels (received ${formatShape(labels)}) should equal the shape of logits except for the last dimension (received ${formatShape(logits)}).`,
    );
}

/** [..., classes] as [rows, classes]. */
function asMatrix(x: Tensor): Tensor {
  const classes = x.shape?.at(-1) ?? null;
  if (classes !== null) return reshape(x, [-1, classes]);
  const last = slice(shapeOf(x), stack([lastAxis(x)]), [1]);
  return reshape(x, concat([[-1], last], 0));
}

/** The shape without the classes, for Reshape: constant unless several sizes are unknown. */
function rowsOf(x: Tensor): readonly number[] | Tensor {
  const rows = x.shape && knownToReshape(x.shape.slice(0, -1));
  return rows ?? slice(shapeOf(x), [0], stack([lastAxis(x)]));
}

/** A shape as Reshape takes it; null where more than one size is unknown. */
function knownToReshape(shape: readonly (number | null)[]): number[] | null {
  return shape.filter((size) => size === null).length <= 1 ? shape.map((size) => size ?? -1) : null;
}

function lastAxis(x: Tensor): Tensor {
  return subtract(rank(x), 1);
}

/** Cross entropy of sigmoid(logits): every element is a decision of its own, against the probability `labels`.
 * @param options labels and logits float32 of one shape
 * @returns float32 of that shape: max(x, 0) − x · z + log(1 + exp(−|x|)), x the logits, z the labels
 * @throws InvalidArgumentError where the shapes differ. */
export function sigmoidCrossEntropyWithLogits(options: CrossEntropyOptions): Tensor {
  return opScope(options.name ?? "logistic_loss", [options.logits, options.labels], (scope) => {
    const x = convertToTensor(options.logits, { name: "logits" });
    const z = convertToTensor(options.labels, { name: "labels" });
    try {
      mergeShapes(x.shape, z.shape);
    } catch {
      throw new InvalidArgumentError(
        `logits and labels must have the same shape (${formatShape(x.shape)} vs ${formatShape(z.shape)}).`,
      );
    }
    // Selected rather than max and abs: the derivative at 0 is 1 − z there and −1/2 from the logarithm, together 1/2 − z.
    const none = zerosLike(x);
    const positive = greaterEqual(x, none);
    const most = where(positive, x, none);
    const negated = where(positive, negative(x), x);
    return add(subtract(most, multiply(x, z)), log1p(exp(negated)), scope);
  });
}
