/** Values whose number depends on other values: Where, DenseToDenseSetOperation. A plan knows all sizes, so that they exist only
 * where they follow from constants and shapes, as in the checks of tf.losses (tensorflow/core/ops/array_ops.cc, set_ops.cc). */
import { int64 } from "../graph/dtype.ts";
import { InvalidArgumentError } from "../graph/errors.ts";
import { formatShape, isFullyDefined, sameShape, sizeOf } from "../graph/shape.ts";
import { elementAt, toNumbers } from "../graph/tensorValue.ts";
import { notDifferentiable, type OpDefinition } from "./definition.ts";
import { folded, foldInputs, maxFolded } from "./folding.ts";

/** Coordinates of the elements that are not 0, in row-major order. */
export const Where: OpDefinition = {
  type: "Where",
  inputs: "T",
  outputs: () => [int64],
  shape: (node) => [[null, node.inputShape(0)?.length ?? null]],
  plan: { kind: "fold" },
  gradient: notDifferentiable("places are no function of values"),
  fold(node) {
    const [condition] = foldInputs(node, 1) ?? [];
    if (!condition) return undefined;
    const { shape } = condition;
    const size = sizeOf(shape);
    const found = Array.from({ length: size }, (_, i) => i).filter((i) => elementAt(condition, i) !== 0);
    const rows = found.flatMap((i) => coordinates(i, shape));
    return [folded(int64, [found.length, shape.length], rows)];
  },
};

function coordinates(index: number, shape: readonly number[]): number[] {
  const position = new Array<number>(shape.length);
  let rest = index;
  for (let i = shape.length - 1; i >= 0; i--) {
    position[i] = rest % shape[i];
    rest = (rest - position[i]) / shape[i];
  }
  return position;
}

type Combine = (a: ReadonlySet<number>, b: ReadonlySet<number>) => number[];
const combinations: Readonly<Record<string, Combine>> = {
  "a-b": (a, b) => [...a].filter((value) => !b.has(value)),
  "b-a": (a, b) => [...b].filter((value) => !a.has(value)),
  intersection: (a, b) => [...a].filter((value) => b.has(value)),
  union: (a, b) => [...new Set([...a, ...b])],
};

/** The last dimension of each operand holds sets; the result is sparse: coordinates, values, shape. */
export const DenseToDenseSetOperation: OpDefinition = {
  type: "DenseToDenseSetOperation",
  inputs: "T T",
  outputs: (node) => [int64, node.inputDtype(0).base, int64],
  shape(node) {
    const [a, b] = [node.inputShape(0), node.inputShape(1)];
    const groups = [a, b].map((shape) => shape?.slice(0, -1) ?? null);
    if (isFullyDefined(groups[0]) && isFullyDefined(groups[1]) && !sameShape(groups[0], groups[1]))
      throw new InvalidArgumentError(`Mismatched group shapes ${groups.map(formatShape).join(" and ")}`);
    const rank = a?.length ?? null;
    return [[null, rank], [null], [rank]];
  },
  plan: { kind: "fold" },
  gradient: notDifferentiable("sets have no gradient"),
  fold(node) {
    const values = foldInputs(node, 2);
    if (!values) return undefined;
    const [a, b] = values;
    const groups = a.shape.slice(0, -1);
    const combine = Object.hasOwn(combinations, node.op.string("set_operation", ""))
      ? combinations[node.op.string("set_operation", "")]
      : undefined;
    if (!combine) throw new InvalidArgumentError(`Invalid set_operation ${node.op.string("set_operation", "")}`);
    const [dataA, dataB] = [toNumbers(a), toNumbers(b)];
    const [sizeA, sizeB] = [a.shape.at(-1) ?? 1, b.shape.at(-1) ?? 1];
    const sets = Array.from({ length: sizeOf(groups) }, (_, i) =>
      combine(new Set(dataA.slice(i * sizeA, (i + 1) * sizeA)), new Set(dataB.slice(i * sizeB, (i + 1) * sizeB))).sort(
        (x, y) => x - y,
      ),
    );
    const elements = sets.flat();
    if (elements.length > maxFolded) return undefined;
    const places = sets.flatMap((set, i) => set.flatMap((_, j) => [...coordinates(i, groups), j]));
    const widest = sets.reduce((most, set) => Math.max(most, set.length), 0);
    return [
      folded(int64, [elements.length, a.shape.length], places),
      folded(node.inputDtype(0).base, [elements.length], elements),
      folded(int64, [a.shape.length], [...groups, widest]),
    ];
  },
};
