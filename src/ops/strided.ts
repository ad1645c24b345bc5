/** Operations that only move elements (slices, transposes, concatenation, padding …): each says which strided copies it is
 * made of, and gets its kernel calls and its fold from that. */
import type { DType, TypedArray } from "../graph/dtype.ts";
import { isFullyDefined, sizeOf, type Shape } from "../graph/shape.ts";
import { elementAt, toNumbers, type TensorValue } from "../graph/tensorValue.ts";
import type { GradientRule, KernelContext, NodeView, OpDefinition } from "./definition.ts";
import { foldable, maxFolded } from "./folding.ts";

/** A tensor's elements as a copy walks them: the first one, and a step for each dimension of the copy, in elements. */
export interface Side {
  readonly offset?: number;
  readonly strides: readonly number[];
}

/** output[y] = input[x] for `dims` elements. */
export interface Move {
  readonly input: number;
  readonly output?: number;
  readonly dims: readonly number[];
  readonly x: Side;
  readonly y: Side;
}

/** An operation whose shapes are all known. */
export interface ConcreteNode {
  readonly op: NodeView["op"];
  readonly inputCount: number;
  inputShape(index: number): readonly number[];
  /** The elements of an integer constant: sizes, axes. */
  numbers(index: number): number[];
}

export interface Moving {
  readonly type: string;
  readonly inputs: string;
  readonly outputs: OpDefinition["outputs"];
  readonly shape: OpDefinition["shape"];
  readonly gradient: GradientRule;
  moves(node: ConcreteNode): readonly Move[];
  /** Inputs that must be constants and are not moved. */
  readonly parameters?: readonly number[];
  /** Elements that no move writes are 0. */
  readonly zeros?: true;
  /** Moves add up in float32 rather than replace. */
  readonly adds?: true;
}

/** Steps of a row-major tensor. */
export function rowMajor(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length);
  let stride = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    strides[i] = stride;
    stride *= shape[i];
  }
  return strides;
}

export function moving(spec: Moving): OpDefinition {
  const { type, inputs, outputs, shape, gradient } = spec;
  return {
    type,
    inputs,
    outputs,
    shape,
    gradient,
    plan: { kind: "kernel", emit: (k) => emit(k, spec) },
    ...(spec.adds ? {} : { fold: (node: NodeView) => fold(node, spec) }),
  };
}

function emit(k: KernelContext, spec: Moving): void {
  const node: ConcreteNode = {
    op: k.op,
    inputCount: k.op.inputs.length,
    inputShape: (i) => k.inputShape(i),
    numbers: (i) => toNumbers(k.constant(i)),
  };
  const kernel = spec.adds ? "addStrided" : "copyStrided";
  const moves = spec.moves(node);
  const targets = k.op.outputs.map((_, i) => (k.isNeeded(i) ? k.output(i) : null));
  if (spec.zeros) targets.forEach((target) => target && k.call("fillBytes", target, 0, target.bytes));
  for (const move of moves) {
    const target = targets[move.output ?? 0];
    if (!target || sizeOf(move.dims) === 0) continue;
    const block = k.attributes(walkBlock(move, k.inputDtype(move.input).size));
    if (kernel === "addStrided") k.call("addStrided", target, k.input(move.input), block);
    else k.call("copyStrided", target, k.input(move.input), block);
  }
}

function fold(node: NodeView, spec: Moving): TensorValue[] | undefined {
  const dtypes = spec.outputs(node);
  const shapes = dtypes.every(foldable) ? spec.shape(node) : [];
  if (!shapes.length || !shapes.every((shape) => isFullyDefined(shape) && sizeOf(shape) <= maxFolded)) return undefined;
  const indices = Array.from({ length: node.inputCount }, (_, i) => i);
  const known = (i: number): boolean => {
    const shape = node.inputShape(i);
    return isFullyDefined(shape) && sizeOf(shape) <= maxFolded && node.constant(i) !== undefined;
  };
  if (!indices.every(known)) return undefined;
  const concrete: ConcreteNode = {
    op: node.op,
    inputCount: node.inputCount,
    inputShape: (i) => node.constant(i)!.shape,
    numbers: (i) => toNumbers(node.constant(i)!),
  };
  const results = shapes.map((shape, i) => blank(dtypes[i], shape));
  for (const move of spec.moves(concrete)) {
    const from = node.constant(move.input)!;
    const to = results[move.output ?? 0].data as Int32Array;
    for (const [x, y] of positions(move)) to[y] = convert(elementAt(from, x), to);
  }
  return results;
}

function blank(dtype: DType, shape: Shape): TensorValue {
  return { dtype, shape: shape as number[], data: new dtype.array!(sizeOf(shape as number[])) };
}

function convert(value: number, to: TypedArray): number {
  return (to instanceof BigInt64Array ? BigInt(value) : value) as number;
}

/** Pairs of places that a move copies between. */
function* positions({ dims, x, y }: Move): Generator<[number, number]> {
  const n = sizeOf(dims);
  for (let i = 0; i < n; i++) {
    let [from, to, rest] = [x.offset ?? 0, y.offset ?? 0, i];
    for (let axis = dims.length - 1; axis >= 0; axis--) {
      const at = rest % dims[axis];
      from += at * x.strides[axis];
      to += at * y.strides[axis];
      rest = (rest - at) / dims[axis];
    }
    yield [from, to];
  }
}

interface Dimension {
  readonly n: number;
  readonly x: number;
  readonly y: number;
}

/** The attribute block of copyStrided and addStrided (assembly/strided.ts): as few dimensions as possible, the output's
 * innermost last, and before it the input's innermost where the two differ, which makes a matrix transposition of them. */
export function walkBlock({ dims, x, y }: Pick<Move, "dims" | "x" | "y">, size: number): number[] {
  let walk: Dimension[] = dims.map((n, i) => ({ n, x: x.strides[i], y: y.strides[i] })).filter(({ n }) => n !== 1);
  walk.sort((a, b) => Math.abs(b.y) - Math.abs(a.y));
  walk = merged(walk);
  const last = walk.length - 1;
  const inner = walk.findIndex((dimension) => dimension.x === 1);
  if (inner >= 0 && inner < last - 1) walk.splice(last - 1, 0, ...walk.splice(inner, 1));
  return [
    size,
    walk.length,
    x.offset ?? 0,
    y.offset ?? 0,
    ...walk.map((dimension) => dimension.n),
    ...walk.map((dimension) => dimension.x),
    ...walk.map((dimension) => dimension.y),
  ];
}

/** Neighbours that one loop can walk become one. */
function merged(dims: readonly Dimension[]): Dimension[] {
  const result: Dimension[] = [];
  for (const next of dims) {
    const before = result.at(-1);
    if (before && before.x === next.x * next.n && before.y === next.y * next.n)
      result[result.length - 1] = { n: before.n * next.n, x: next.x, y: next.y };
    else result.push(next);
  }
  return result;
}
