/** Softmax and LogSoftmax over the last dimension (tensorflow/core/ops/nn_ops.cc, python/ops/nn_ops.py, nn_grad.py). */
import { attr } from "../graph/attr.ts";
import { InvalidArgumentError } from "../graph/errors.ts";
import type { Tensor } from "../graph/operation.ts";
import { sizeOf } from "../graph/shape.ts";
import { convertToTensor, createOp, opScope, type TensorLike } from "./build.ts";
import type { OpDefinition } from "./definition.ts";
import { kernelFor, multiply, subtract } from "./elementwise.ts";
import { reduceSum } from "./reduce.ts";
import { transpose } from "./transpose.ts";
import { exp } from "./unary.ts";

function overRows(
  type: string,
  kernel: "softmax" | "logSoftmax",
  gradient: (dy: Tensor, y: Tensor) => Tensor,
): OpDefinition {
  return {
    type,
    inputs: "T",
    outputs: (node) => [node.inputDtype(0).base],
    shape(node) {
      const shape = node.inputShape(0);
      if (shape !== null && shape.length < 1)
        throw new InvalidArgumentError(`The logits must be at least of rank 1 but are of rank ${shape.length}`);
      return [shape];
    },
    plan: {
      kind: "kernel",
      inPlace: [0],
      emit(k) {
        const name = kernelFor(k, { float32: kernel });
        const shape = k.outputShape(0);
        const classes = shape[shape.length - 1];
        const logits = k.input(0);
        k.call(name, k.output(0), logits, classes ? sizeOf(shape) / classes : 0, classes);
      },
    },
    gradient: (op, [dy]) => [gradient(dy, op.outputs[0])],
  };
}

// y_i = e^(x_i) / Σ e^(x_j), so dy_i/dx_j = y_i (δ_ij − y_j), and dx = (dy − Σ dy_j y_j) y.
export const Softmax: OpDefinition = overRows("Softmax", "softmax", (dy, y) => {
  const inner = reduceSum(multiply(dy, y), -1, { keepDims: true });
  return multiply(subtract(dy, inner), y);
});

// y_i = x_i − log Σ e^(x_j), so dy_i/dx_j = δ_ij − e^(y_j), and dx = dy − (Σ dy_j) e^y.
export const LogSoftmax: OpDefinition = overRows("LogSoftmax", "logSoftmax", (dy, y) => {
  const probabilities = exp(y);
  return subtract(dy, multiply(reduceSum(dy, -1, { keepDims: true }), probabilities));
});

/** The dimension is brought to the end and back where it is not there. */
function along(definition: OpDefinition, logits: TensorLike, axis: number, name: string): Tensor {
  const x = convertToTensor(logits, { name: "logits" });
  const attrs = { T: attr.type(x.dtype) };
  if (axis === -1 || (x.shape !== null && axis === x.shape.length - 1))
    return createOp(definition, [x], attrs, name).outputs[0];
  const rank = x.shape?.length;
  if (rank === undefined)
    throw new InvalidArgumentError(`${name} over axis ${axis} needs an input of known rank; '${x.name}' has none.`);
  if (!Number.isInteger(axis) || axis < -rank || axis >= rank)
    throw new InvalidArgumentError(`${name}: axis ${axis} must be in [${-rank}, ${rank - 1}] for '${x.name}'.`);
  return opScope(name, [x], (scope) => {
    const order = x.shape!.map((_, i) => i);
    const at = axis < 0 ? axis + rank : axis;
    [order[at], order[rank - 1]] = [order[rank - 1], order[at]];
    const swapped = createOp(definition, [transpose(x, order)], attrs, definition.type).outputs[0];
    return transpose(swapped, order, scope);
  });
}

/** e^x / Σ e^x along `axis`. float32 [..., classes]. */
export const softmax = (logits: TensorLike, axis = -1, name = "Softmax"): Tensor => along(Softmax, logits, axis, name);
/** x − log Σ e^x along `axis`. float32 [..., classes]. */
export const logSoftmax = (logits: TensorLike, axis = -1, name = "LogSoftmax"): Tensor =>
  along(LogSoftmax, logits, axis, name);
