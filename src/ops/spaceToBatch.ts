/** SpaceToBatchND and BatchToSpaceND, with which TensorFlow 1 makes dilated convolutions (tensorflow/core/ops/array_ops.cc). */
import { attr } from "../graph/attr.ts";
import { InvalidArgumentError } from "../graph/errors.ts";
import { Tensor } from "../graph/operation.ts";
import type { Shape } from "../graph/shape.ts";
import { toNumbers } from "../graph/tensorValue.ts";
import { constant, convertToTensor, createOp, opScope, type TensorLike } from "./build.ts";
import { int32 } from "../graph/dtype.ts";
import type { NodeView, OpDefinition } from "./definition.ts";
import { vector } from "./broadcastTo.ts";
import { moving, rowMajor, type Move } from "./strided.ts";

/** Sizes of the blocks, and what is added to (or taken from) each end of the dimensions they cover. */
interface Blocks {
  readonly sizes: readonly number[];
  readonly before: readonly number[];
  readonly after: readonly number[];
}

function blocksOf(sizes: readonly number[], ends: readonly number[]): Blocks {
  return { sizes, before: sizes.map((_, i) => ends[2 * i]), after: sizes.map((_, i) => ends[2 * i + 1]) };
}

function inferred(node: NodeView, change: (shape: readonly (number | null)[], blocks: Blocks) => Shape): Shape[] {
  const [shape, sizes, ends] = [node.inputShape(0), node.constant(1), node.constant(2)];
  if (shape === null || !sizes || !ends) return [shape && shape.map(() => null)];
  const blocks = blocksOf(toNumbers(sizes), toNumbers(ends));
  if (shape.length < blocks.sizes.length + 1)
    throw new InvalidArgumentError(`input rank should be >= ${blocks.sizes.length + 1} instead of ${shape.length}`);
  if (blocks.sizes.some((size) => size < 1))
    throw new InvalidArgumentError(`block_shape must be positive, got [${blocks.sizes.join(",")}]`);
  if ([...blocks.before, ...blocks.after].some((size) => size < 0))
    throw new InvalidArgumentError(`paddings and crops must be non-negative, got [${toNumbers(ends).join(",")}]`);
  return [change(shape, blocks)];
}

/** All offsets within a block, in row-major order. */
function offsetsIn(sizes: readonly number[]): number[][] {
  return sizes.reduce<number[][]>(
    (offsets, size) => offsets.flatMap((offset) => Array.from({ length: size }, (_, i) => [...offset, i])),
    [[]],
  );
}

/** For each offset within a block, the copies between the tensor with large dimensions (`space`) and that with the large
 * batch: element j of a dimension of `batch` is element j · size + offset − before of `space`, where there is one. */
function moves(space: readonly number[], batch: readonly number[], blocks: Blocks, toBatch: boolean): Move[] {
  const { sizes, before } = blocks;
  const [count] = space;
  const [wide, deep] = [rowMajor(space), rowMajor(batch)];
  return offsetsIn(sizes).map((offset, index): Move => {
    const first = sizes.map((size, i) => Math.max(0, Math.ceil((before[i] - offset[i]) / size)));
    const last = sizes.map((size, i) =>
      Math.min(batch[i + 1] - 1, Math.floor((space[i + 1] - 1 + before[i] - offset[i]) / size)),
    );
    const dims = batch.map((size, axis) => {
      if (axis === 0) return count;
      return axis <= sizes.length ? Math.max(0, last[axis - 1] - first[axis - 1] + 1) : size;
    });
    const spaceAt = sizes.reduce((at, size, i) => at + (first[i] * size + offset[i] - before[i]) * wide[i + 1], 0);
    const batchAt = first.reduce((at, j, i) => at + j * deep[i + 1], index * count * deep[0]);
    const strides = wide.map((stride, axis) => stride * (axis > 0 && axis <= sizes.length ? sizes[axis - 1] : 1));
    const [s, b] = [
      { offset: spaceAt, strides },
      { offset: batchAt, strides: deep },
    ];
    return { input: 0, dims, x: toBatch ? s : b, y: toBatch ? b : s };
  });
}

const product = (sizes: readonly number[]): number => sizes.reduce((result, size) => result * size, 1);

/** Shape after SpaceToBatchND. */
function toBatchShape(shape: readonly (number | null)[], { sizes, before, after }: Blocks): (number | null)[] {
  return shape.map((size, axis) => {
    if (size === null) return null;
    if (axis === 0) return size * product(sizes);
    if (axis > sizes.length) return size;
    const i = axis - 1;
    const padded = size + before[i] + after[i];
    if (padded % sizes[i] !== 0)
      throw new InvalidArgumentError(`padded_shape[${i}]=${padded} is not divisible by block_shape[${i}]=${sizes[i]}`);
    return padded / sizes[i];
  });
}

/** Shape after BatchToSpaceND. */
function toSpaceShape(shape: readonly (number | null)[], { sizes, before, after }: Blocks): (number | null)[] {
  return shape.map((size, axis) => {
    if (size === null) return null;
    if (axis === 0) {
      if (size % product(sizes) !== 0)
        throw new InvalidArgumentError(`Batch dimension of size ${size} is not divisible by ${product(sizes)}`);
      return size / product(sizes);
    }
    if (axis > sizes.length) return size;
    const i = axis - 1;
    const cropped = size * sizes[i] - before[i] - after[i];
    if (cropped < 0)
      throw new InvalidArgumentError(
        `cropped_shape[${i}]=${cropped} must be non-negative: block_shape[${i}]=${sizes[i]}, crops ${before[i]}, ${after[i]}`,
      );
    return cropped;
  });
}

export const SpaceToBatchND: OpDefinition = moving({
  type: "SpaceToBatchND",
  inputs: "T Tblock_shape:int Tpaddings:int",
  outputs: (node) => [node.inputDtype(0).base],
  shape: (node) => inferred(node, toBatchShape),
  parameters: [1, 2],
  zeros: true,
  moves(node) {
    const space = node.inputShape(0);
    const blocks = blocksOf(node.numbers(1), node.numbers(2));
    return moves(space, toBatchShape(space, blocks) as number[], blocks, true);
  },
  gradient: (op, [dy]) => [rearranged(BatchToSpaceND, dy, op.inputs[1], op.inputs[2], "BatchToSpaceND"), null, null],
});

export const BatchToSpaceND: OpDefinition = moving({
  type: "BatchToSpaceND",
  inputs: "T Tblock_shape:int Tcrops:int",
  outputs: (node) => [node.inputDtype(0).base],
  shape: (node) => inferred(node, toSpaceShape),
  parameters: [1, 2],
  moves(node) {
    const batch = node.inputShape(0);
    const blocks = blocksOf(node.numbers(1), node.numbers(2));
    return moves(toSpaceShape(batch, blocks) as number[], batch, blocks, false);
  },
  gradient: (op, [dy]) => [rearranged(SpaceToBatchND, dy, op.inputs[1], op.inputs[2], "SpaceToBatchND"), null, null],
});

function rearranged(definition: OpDefinition, x: Tensor, blockShape: Tensor, ends: Tensor, name: string): Tensor {
  const attrs = { T: attr.type(x.dtype), Tblock_shape: attr.type(blockShape.dtype) };
  const end = definition === SpaceToBatchND ? "Tpaddings" : "Tcrops";
  return createOp(definition, [x, blockShape, ends], { ...attrs, [end]: attr.type(ends.dtype) }, name).outputs[0];
}

type Pairs = readonly (readonly [number, number])[];

function build(
  definition: OpDefinition,
  input: TensorLike,
  blockShape: readonly number[] | Tensor,
  ends: Pairs | Tensor,
  endsName: string,
  name: string,
): Tensor {
  return opScope(name, [input], (scope) => {
    const x = convertToTensor(input, { name: "input" });
    const blocks = vector(blockShape, "block_shape");
    const given =
      ends instanceof Tensor ? ends : constant(ends.flat(), { dtype: int32, shape: [ends.length, 2], name: endsName });
    return rearranged(definition, x, blocks, given, scope);
  });
}

/** Dimensions 1, 2, … padded with zeros and cut into blocks of `blockShape`: each place within a block becomes an image of its
 * own in the batch. Any dtype.
 * @throws InvalidArgumentError where a padded size is no multiple of its block. */
export function spaceToBatchNd(
  input: TensorLike,
  blockShape: readonly number[] | Tensor,
  paddings: Pairs | Tensor,
  name = "SpaceToBatchND",
): Tensor {
  return build(SpaceToBatchND, input, blockShape, paddings, "paddings", name);
}

/** The reverse of `spaceToBatchNd`; `crops` are taken away. Any dtype.
 * @throws InvalidArgumentError where the batch is no multiple of the block. */
export function batchToSpaceNd(
  input: TensorLike,
  blockShape: readonly number[] | Tensor,
  crops: Pairs | Tensor,
  name = "BatchToSpaceND",
): Tensor {
  return build(BatchToSpaceND, input, blockShape, crops, "crops", name);
}
