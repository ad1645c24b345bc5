/** Tile: a tensor repeated along its dimensions (tensorflow/core/ops/array_ops.cc). */
import { attr } from "../graph/attr.ts";
import { InvalidArgumentError } from "../graph/errors.ts";
import type { Tensor } from "../graph/operation.ts";
import { isFullyDefined } from "../graph/shape.ts";
import { toNumbers } from "../graph/tensorValue.ts";
import { reshape } from "./array.ts";
import { vector } from "./broadcastTo.ts";
import { convertToTensor, createOp, opScope, type TensorLike } from "./build.ts";
import type { OpDefinition } from "./definition.ts";
import { reduceSum } from "./reduce.ts";
import { shape as shapeOf } from "./shape.ts";
import { moving, rowMajor } from "./strided.ts";
import { stack } from "./concat.ts";
import { transpose } from "./transpose.ts";

export const Tile: OpDefinition = moving({
  type: "Tile",
  inputs: "T Tmultiples:int",
  outputs: (node) => [node.inputDtype(0).base],
  shape(node) {
    const [shape, given] = [node.inputShape(0), node.constant(1)];
    if (!given) return [shape && shape.map(() => null)];
    const multiples = toNumbers(given);
    if (shape === null) return [multiples.map(() => null)];
    if (multiples.length !== shape.length) {
      throw new InvalidArgumentError(
        `Expected multiples argument to be a vector of length ${shape.length} but got length ${multiples.length}`,
      );
    }
    const negative = multiples.findIndex((times) => times < 0);
    if (negative >= 0)
      throw new InvalidArgumentError(`Expected multiples[${negative}] >= 0, but got ${multiples[negative]}`);
    return [shape.map((size, i) => (size === null ? null : size * multiples[i]))];
  },
  parameters: [1],
  moves(node) {
    const [shape, multiples] = [node.inputShape(0), node.numbers(1)];
    const out = rowMajor(shape.map((size, i) => size * multiples[i]));
    const from = rowMajor(shape);
    return [
      {
        input: 0,
        dims: shape.flatMap((size, i) => [multiples[i], size]),
        x: { strides: from.flatMap((stride) => [0, stride]) },
        y: { strides: out.flatMap((stride, i) => [stride * shape[i], stride]) },
      },
    ];
  },
  // y[m · n + i] = x[i]: with the repeats as dimensions of their own, [m0, n0, m1, n1, …], dx is the sum over every first one.
  gradient(op, [dy]) {
    const [x, multiples] = op.inputs;
    if (isFullyDefined(x.shape) && multiples.op.type === "Const") {
      const times = toNumbers(multiples.op.tensor("value"));
      const split = x.shape.flatMap((size, i) => [times[i], size]);
      const axes = x.shape.map((_, i) => 2 * i);
      return [reduceSum(reshape(dy, split), axes), null];
    }
    const shape = shapeOf(x);
    const rank = (x.shape ?? []).length;
    const split = reshape(transpose(stack([multiples, shape]), [1, 0]), [-1]);
    const axes = Array.from({ length: rank }, (_, i) => 2 * i);
    return [reshape(reduceSum(reshape(dy, split), axes), shape), null];
  },
});

/** `input` repeated `multiples[i]` times along dimension i. Any dtype. */
export function tile(input: TensorLike, multiples: readonly number[] | Tensor, name = "Tile"): Tensor {
  return opScope(name, [input], (scope) => {
    const x = convertToTensor(input, { name: "input" });
    const times = vector(multiples, "multiples");
    return createOp(Tile, [x, times], { T: attr.type(x.dtype), Tmultiples: attr.type(times.dtype) }, scope).outputs[0];
  });
}
