/** What reductions have in common besides their kernels: emitting one over any axes, and folding small ones. */
import { sizeOf } from "../graph/shape.ts";
import { elementAt, toNumbers, type TensorValue } from "../graph/tensorValue.ts";
import { broadcastWalk } from "./comparison.ts";
import type { KernelContext, NodeView } from "./definition.ts";
import { foldable, folded, indices, maxFolded } from "./folding.ts";
import { normalizeAxes } from "./reduce.ts";

export type ReductionKernel = "reduceMax" | "reduceMin" | "reduceProd" | "reduceSumInteger" | "reduceAll" | "reduceAny";

/** The shape with 1 at the reduced axes. */
export function keptDims(shape: readonly number[], axes: readonly number[]): number[] {
  return shape.map((size, i) => (axes.includes(i) ? 1 : size));
}

/** Calls a kernel of assembly/extrema.ts for a reduction over the axes in input 1. */
export function emitReduction(k: KernelContext, kernel: ReductionKernel): void {
  const shape = k.inputShape(0);
  const kept = keptDims(shape, normalizeAxes(toNumbers(k.constant(1)), shape.length));
  const block = k.attributes(broadcastWalk([kept], shape));
  const outputs = sizeOf(kept);
  if (kernel === "reduceAll" || kernel === "reduceAny") k.call(kernel, k.output(0), k.input(0), block, outputs);
  else k.call(kernel, k.output(0), k.input(0), block, outputs, k.inputDtype(0).enumValue);
}

/** The fold of a reduction of integers or booleans. */
export function foldReduction(start: number, f: (a: number, b: number) => number) {
  return (node: NodeView): readonly TensorValue[] | undefined => {
    const dtype = node.inputDtype(0).base;
    if (!foldable(dtype)) return undefined;
    const [value, axes] = [node.constant(0), node.constant(1)];
    if (!value || !axes || sizeOf(value.shape) > maxFolded) return undefined;
    const { shape } = value;
    const reduced = normalizeAxes(toNumbers(axes), shape.length);
    const kept = keptDims(shape, reduced);
    const results = new Array<number>(sizeOf(kept)).fill(start);
    const place = indices(kept, shape);
    for (let i = 0; i < sizeOf(shape); i++) results[place(i)] = f(results[place(i)], elementAt(value, i));
    if (!results.every(Number.isSafeInteger)) return undefined;
    const final = node.op.bool("keep_dims", false) ? kept : shape.filter((_, i) => !reduced.includes(i));
    return [folded(dtype, final, results)];
  };
}
