/** Values of small integer and boolean tensors computed before the run: what shapes, axes and predicates are made of. */
import { int32, type DType } from "../graph/dtype.ts";
import { broadcastShapes, isFullyDefined, sizeOf } from "../graph/shape.ts";
import { elementAt, toNumbers, type TensorValue } from "../graph/tensorValue.ts";
import type { NodeView } from "./definition.ts";

/** Beyond this many elements a value is left to kernels. */
export const maxFolded = 1024;

/** True for types whose arithmetic is the same on the host as in a kernel. */
export function foldable(dtype: DType): boolean {
  return dtype.isInteger || dtype.name === "bool";
}

/** A constant of integers or booleans (1 and 0); wraps around as the type does. */
export function folded(dtype: DType, shape: readonly number[], values: ArrayLike<number | boolean>): TensorValue {
  const data = new dtype.array!(values.length) as Int32Array;
  const wide = dtype.name === "int64";
  for (let i = 0; i < values.length; i++)
    data[i] = (wide ? BigInt(Math.trunc(Number(values[i]))) : values[i]) as number;
  return { dtype, shape, data };
}

/** The inputs as constants that may be folded; undefined where one is unknown, large, or no integer. */
export function foldInputs(node: NodeView, count = node.inputCount): TensorValue[] | undefined {
  const values: TensorValue[] = [];
  for (let i = 0; i < count; i++) {
    const shape = node.inputShape(i);
    if (!foldable(node.inputDtype(i)) || (isFullyDefined(shape) && sizeOf(shape) > maxFolded)) return undefined;
    const value = node.constant(i);
    if (!value || sizeOf(value.shape) > maxFolded) return undefined;
    values.push(value);
  }
  return values;
}

/** f over two constants as they broadcast; int32 products wrap around. Undefined if a result is no exact integer. */
export function foldBinary(
  f: (a: number, b: number) => number | boolean,
  dtypeOf: (node: NodeView) => DType = (node) => node.inputDtype(0).base,
): (node: NodeView) => readonly TensorValue[] | undefined {
  return (node) => {
    const values = foldInputs(node, 2);
    if (!values) return undefined;
    const [a, b] = values;
    const shape = broadcastShapes(a.shape, b.shape) as readonly number[];
    const size = sizeOf(shape);
    if (size > maxFolded) return undefined;
    const [walkA, walkB] = [indices(a.shape, shape), indices(b.shape, shape)];
    const results = Array.from({ length: size }, (_, i) => f(elementAt(a, walkA(i)), elementAt(b, walkB(i))));
    if (!results.every((value) => Number.isSafeInteger(Number(value)))) return undefined;
    return [folded(dtypeOf(node), shape, results)];
  };
}

/** f over the elements of one constant. */
export function foldUnary(f: (x: number) => number | boolean): (node: NodeView) => readonly TensorValue[] | undefined {
  return (node) => {
    const values = foldInputs(node, 1);
    if (!values) return undefined;
    return [folded(node.inputDtype(0).base, values[0].shape, toNumbers(values[0]).map(f))];
  };
}

/** For an element of `out`, the element of a tensor of `shape` that is broadcast to it. */
export function indices(shape: readonly number[], out: readonly number[]): (index: number) => number {
  const missing = out.length - shape.length;
  return (index) => {
    let [at, stride, rest] = [0, 1, index];
    for (let i = out.length - 1; i >= missing; i--) {
      const position = rest % out[i];
      const size = shape[i - missing];
      if (size !== 1) at += position * stride;
      stride *= size;
      rest = (rest - position) / out[i];
    }
    return at;
  };
}

/** Integer arithmetic by TensorFlow's operation types; see `foldBinary`. */
export const foldArithmetic: Readonly<Record<string, (a: number, b: number) => number>> = {
  Add: (a, b) => a + b,
  AddV2: (a, b) => a + b,
  Sub: (a, b) => a - b,
  Mul: (a, b) => a * b,
  Maximum: Math.max,
  Minimum: Math.min,
  FloorDiv: (a, b) => Math.floor(a / b),
  FloorMod: (a, b) => a - Math.floor(a / b) * b,
  RealDiv: (a, b) => Math.trunc(a / b),
  SquaredDifference: (a, b) => (a - b) * (a - b),
};

/** The fold of a binary arithmetic operation; undefined for a type that has none. */
export function arithmeticFold(type: string): ReturnType<typeof foldBinary> | undefined {
  const f = Object.hasOwn(foldArithmetic, type) ? foldArithmetic[type] : undefined;
  return f && foldBinary(f);
}

/** An int32 vector. */
export function int32Vector(values: readonly number[]): TensorValue {
  return folded(int32, [values.length], values);
}
