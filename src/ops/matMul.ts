/** MatMul, BatchMatMul and BatchMatMulV2 (tensorflow/core/ops/math_ops.cc). */
import { attr } from "../graph/attr.ts";
import { InvalidArgumentError, UnimplementedError } from "../graph/errors.ts";
import { Tensor, type Operation } from "../graph/operation.ts";
import { broadcastShapes, isFullyDefined, mergeShapes, sameShape, type Shape } from "../graph/shape.ts";
import { Variable } from "../graph/variable.ts";
import { reshape } from "./array.ts";
import { convertToTensor, createOp, opScope, type TensorLike } from "./build.ts";
import type { KernelContext, NodeView, OpDefinition } from "./definition.ts";
import { reduceSum } from "./reduce.ts";
import { broadcastGradientArgs, shape as shapeOf } from "./shape.ts";

/** What the kernel can do to a value before it is stored: a word of its attribute block (assembly/gemm.ts). */
const activations: Readonly<Record<string, number>> = { Relu: 1, Relu6: 2 };

/** The names of the two attributes that transpose the operands. */
type TransposeAttrs = readonly [a: "transpose_a" | "adj_x", b: "transpose_b" | "adj_y"];

interface Matrix {
  readonly batch: Shape;
  readonly rows: number | null;
  readonly columns: number | null;
}

function matrix(shape: Shape, transposed: boolean): Matrix {
  if (shape === null) return { batch: null, rows: null, columns: null };
  const [rows, columns] = shape.slice(-2);
  const batch = shape.slice(0, -2);
  return transposed ? { batch, rows: columns, columns: rows } : { batch, rows, columns };
}

function operands(node: Pick<NodeView, "op" | "inputShape">, attrs: TransposeAttrs): [Matrix, Matrix] {
  return [
    matrix(node.inputShape(0), node.op.bool(attrs[0], false)),
    matrix(node.inputShape(1), node.op.bool(attrs[1], false)),
  ];
}

function multiplication(
  type: string,
  attrs: TransposeAttrs,
  checkRank: (rank: number) => void,
  batchOf: (a: Shape, b: Shape) => Shape,
  gradient: OpDefinition["gradient"],
): OpDefinition {
  return {
    type,
    inputs: type === "BatchMatMulV3" ? "Ta Ta" : "T T",
    gradient,
    outputs: (node) => [node.inputDtype(0).base],
    shape(node) {
      for (const shape of [node.inputShape(0), node.inputShape(1)]) if (shape !== null) checkRank(shape.length);
      const [a, b] = operands(node, attrs);
      if (a.columns !== null && b.rows !== null && a.columns !== b.rows)
        throw new InvalidArgumentError(`Dimensions must be equal, but are ${a.columns} and ${b.rows}`);
      const batch = batchOf(a.batch, b.batch);
      return [batch === null ? null : [...batch, a.rows, b.columns]];
    },
    plan: {
      kind: "kernel",
      absorbs: (op, consumer, index) =>
        index === 0 &&
        (consumer.type === "BiasAdd" ? op.type === type : consumer.type in activations && !(op.type in activations)),
      emit: (k) => emit(k, attrs),
    },
  };
}

function emit(k: KernelContext, attrs: TransposeAttrs): void {
  const { name } = k.inputDtype(0);
  if (name !== "float32") {
    throw new UnimplementedError(
      `'${k.op.name}' (op: '${k.op.type}') is not supported for ${name}; supported: float32.`,
    );
  }
  const [a, b] = operands(k, attrs);
  const batch = broadcastShapes(a.batch, b.batch) as readonly number[];
  const indicesA = batchIndices(a.batch as readonly number[], batch);
  const indicesB = batchIndices(b.batch as readonly number[], batch);
  const biasAdd = k.absorbed.find((op) => op.type === "BiasAdd");
  const activation = k.absorbed.find((op) => op.type in activations);
  const block = k.attributes([
    indicesA.length,
    a.rows!,
    b.columns!,
    a.columns!,
    ...attrs.map((attribute) => Number(k.op.bool(attribute, false))),
    activation ? activations[activation.type] : 0,
    ...indicesA.flatMap((index, i) => [index, indicesB[i]]),
  ]);
  const scratch = k.scratch(k.query("matMulScratchBytes", block));
  k.call("matMul", k.output(0), k.input(0), k.input(1), biasAdd ? k.tensor(biasAdd, 1) : 0, scratch, block);
}

/** For each matrix of a batch of shape `out`, in order: its number in a batch of shape `own` that is broadcast to it. */
function batchIndices(own: readonly number[], out: readonly number[]): number[] {
  let indices = [0];
  let stride = 1;
  for (let i = 1; i <= out.length; i++) {
    const size = own.at(-i) ?? 1;
    const step = size === 1 ? 0 : stride;
    const inner = indices;
    indices = Array.from({ length: out.at(-i)! }, (_, j) => inner.map((index) => index + j * step)).flat();
    stride *= size;
  }
  return indices;
}

/**
 * Of y = a b, with transposes as attributes: da = dy bᵀ and db = aᵀ dy. Where a is stored transposed, its gradient is the
 * transpose of that, b dyᵀ; likewise dyᵀ a for b. TensorFlow writes each as one product of the stored operands.
 */
function productGradients(
  op: Operation,
  dy: Tensor,
  attrs: TransposeAttrs,
  product: (a: Tensor, b: Tensor, transposeA: boolean, transposeB: boolean) => Tensor,
): [Tensor, Tensor] {
  const [a, b] = op.inputs;
  const [transposeA, transposeB] = attrs.map((name) => op.bool(name, false));
  if (!transposeA && !transposeB) return [product(dy, b, false, true), product(a, dy, true, false)];
  if (!transposeA) return [product(dy, b, false, false), product(dy, a, true, false)];
  if (!transposeB) return [product(b, dy, false, true), product(a, dy, false, false)];
  return [product(b, dy, true, true), product(dy, a, true, true)];
}

const transposed = ["transpose_a", "transpose_b"] as const;
const adjoint = ["adj_x", "adj_y"] as const;

export const MatMul: OpDefinition = multiplication(
  "MatMul",
  transposed,
  (rank) => {
    if (rank !== 2) throw new InvalidArgumentError(`Shape must be rank 2 but is rank ${rank}`);
  },
  () => [],
  (op, [dy]) =>
    productGradients(op, dy, transposed, (a, b, transposeA, transposeB) =>
      matMulOp(MatMul, transposed, a, b, transposeA, transposeB, "MatMul"),
    ),
);

function atLeastMatrices(rank: number): void {
  if (rank < 2) throw new InvalidArgumentError(`Shape must be at least rank 2 but is rank ${rank}`);
}

export const BatchMatMul: OpDefinition = multiplication(
  "BatchMatMul",
  adjoint,
  atLeastMatrices,
  mergeShapes,
  (op, [dy]) =>
    productGradients(op, dy, adjoint, (a, b, transposeA, transposeB) =>
      matMulOp(BatchMatMul, adjoint, a, b, transposeA, transposeB, "MatMul"),
    ),
);

function broadcastingProduct(type: string): OpDefinition {
  return multiplication(type, adjoint, atLeastMatrices, broadcastShapes, (op, [dy]) => {
    const [x, y] = op.inputs;
    const [dx, dY] = productGradients(op, dy, adjoint, (a, b, transposeA, transposeB) =>
      matMulOp(BatchMatMulV2, adjoint, a, b, transposeA, transposeB, "MatMul"),
    );
    const [batchX, batchY] = [x, y].map(({ shape }) => shape?.slice(0, -2) ?? null);
    if (isFullyDefined(batchX) && isFullyDefined(batchY) && sameShape(batchX, batchY)) return [dx, dY];
    return [unbroadcast(dx, x), unbroadcast(dY, y)];
  });
}

export const BatchMatMulV2: OpDefinition = broadcastingProduct("BatchMatMulV2");
/** The form whose result may have another type; here it is the operands'. */
export const BatchMatMulV3: OpDefinition = broadcastingProduct("BatchMatMulV3");

/** Sums a gradient over the dimensions of the batch along which its operand was repeated. */
function unbroadcast(gradient: Tensor, operand: Tensor): Tensor {
  const shape = shapeOf(operand);
  const [axes] = broadcastGradientArgs(shape, shapeOf(gradient));
  return reshape(reduceSum(gradient, axes), shape);
}

function matMulOp(
  definition: OpDefinition,
  attrs: TransposeAttrs,
  a: Tensor,
  b: Tensor,
  transposeA: boolean,
  transposeB: boolean,
  name: string,
): Tensor {
  if (a.dtype.base !== b.dtype.base) {
    throw new InvalidArgumentError(
      `Input 'b' of '${definition.type}' has the dtype ${b.dtype.base} that does not match ${a.dtype.base} of 'a'.`,
    );
  }
  const values = {
    T: attr.type(a.dtype),
    [attrs[0]]: attr.bool(transposeA),
    [attrs[1]]: attr.bool(transposeB),
  };
  return createOp(definition, [a, b], values, name).outputs[0];
}

export interface MatmulOptions {
  /** Read `a` transposed in its last two dimensions. Default false. */
  transposeA?: boolean;
  transposeB?: boolean;
  /** The same for real numbers. */
  adjointA?: boolean;
  adjointB?: boolean;
  name?: string;
}

/** The matrix product a b. Of tensors of higher rank: of their last two dimensions, the others broadcast.
 * @param a float32 [..., rows, depth]
 * @param b float32 [..., depth, columns]
 * @returns [..., rows, columns]
 * @throws InvalidArgumentError where the depths differ or the batches do not broadcast. */
export function matmul(a: TensorLike, b: TensorLike, options: MatmulOptions = {}): Tensor {
  for (const [transpose, adjoined, which] of [
    [options.transposeA, options.adjointA, "A"],
    [options.transposeB, options.adjointB, "B"],
  ] as const) {
    if (transpose && adjoined)
      throw new InvalidArgumentError(`Only one of transpose${which} and adjoint${which} can be true.`);
  }
  return opScope(options.name ?? "MatMul", [a, b], (scope) => {
    const dtype = [a, b].map(dtypeOf).find((item) => item !== undefined);
    const [x, y] = [convertToTensor(a, { dtype, name: "a" }), convertToTensor(b, { dtype, name: "b" })];
    const transposeA = Boolean(options.transposeA || options.adjointA);
    const transposeB = Boolean(options.transposeB || options.adjointB);
    const isMatrix = ({ shape }: Tensor): boolean => shape !== null && shape.length <= 2;
    return isMatrix(x) && isMatrix(y)
      ? matMulOp(MatMul, transposed, x, y, transposeA, transposeB, scope)
      : matMulOp(BatchMatMulV2, adjoint, x, y, transposeA, transposeB, scope);
  });
}

function dtypeOf(value: TensorLike): Tensor["dtype"] | undefined {
  return value instanceof Variable || value instanceof Tensor ? value.dtype.base : undefined;
}
