/** Which branches of `cond` an operation stands in, by the structure of the graph: it runs only where all Switches above it chose
 * the outputs that lead to it. Imported graphs and graphs of gradients have no other record of that. */
import type { Operation, Tensor } from "./operation.ts";

/** An operation under this runs only where the predicate has the value. */
interface Branch {
  readonly predicate: Tensor;
  readonly value: boolean;
}

/** Operations are not rewired, so that what holds of one holds for good. */
const known = new WeakMap<Operation, readonly Branch[]>();

/** The predicate of the cond whose result a Merge is: the one that is true above one input and false above another. */
export function predicateOfMerge(merge: Operation): Tensor | null {
  const [first, ...others] = merge.inputs.map(branchesOf);
  for (const { predicate, value } of first ?? []) {
    const opposite = (branch: Branch): boolean =>
      sourceOf(branch.predicate) === sourceOf(predicate) && branch.value !== value;
    if (others.some((branches) => branches.some(opposite))) return predicate;
  }
  return null;
}

/** The branches that a tensor belongs to. */
function branchesOf({ op, index }: Tensor): readonly Branch[] {
  const above = branchesAbove(op);
  return isSwitch(op) ? union([above, [{ predicate: op.inputs[1], value: index === 1 }]]) : above;
}

/** Inputs come first, without recursion: a chain of operations may be long. A cycle (a while loop) is under nothing more. */
function branchesAbove(op: Operation): readonly Branch[] {
  const stack = [op];
  const open = new Set<Operation>();
  for (let top = stack.at(-1); top; top = stack.at(-1)) {
    const before = [...top.inputs.map((input) => input.op), ...top.controlInputs];
    const missing = open.has(top) ? [] : before.filter((item) => !known.has(item) && !open.has(item));
    open.add(top);
    if (missing.length > 0) stack.push(...missing);
    else {
      if (!known.has(top)) known.set(top, combined(top));
      stack.pop();
    }
  }
  return known.get(op)!;
}

function combined(op: Operation): readonly Branch[] {
  const settled = ({ op: before, index }: Tensor): readonly Branch[] => {
    const above = known.get(before) ?? [];
    return isSwitch(before) ? [...above, { predicate: before.inputs[1], value: index === 1 }] : above;
  };
  const inputs = op.inputs.map(settled);
  const ordering = op.controlInputs.map((before) => known.get(before) ?? []);
  return union([...(op.type === "Merge" || op.type === "RefMerge" ? [common(inputs)] : inputs), ...ordering]);
}

function isSwitch(op: Operation): boolean {
  return op.type === "Switch" || op.type === "RefSwitch";
}

/** What a predicate is, behind the Identity that each cond puts before it. */
function sourceOf(predicate: Tensor): Tensor {
  let source = predicate;
  while (source.op.type === "Identity") [source] = source.op.inputs;
  return source;
}

function same(a: Branch, b: Branch): boolean {
  return a.value === b.value && sourceOf(a.predicate) === sourceOf(b.predicate);
}

function union(lists: readonly (readonly Branch[])[]): readonly Branch[] {
  const found: Branch[] = [];
  for (const branch of lists.flat()) if (!found.some((item) => same(item, branch))) found.push(branch);
  return found;
}

function common([first = [], ...others]: readonly (readonly Branch[])[]): readonly Branch[] {
  return first.filter((branch) => others.every((list) => list.some((item) => same(item, branch))));
}
