/** tf.gradients: adds the operations of backpropagation to the graph (tensorflow/python/ops/gradients_util.py). */
import { int32, type DType } from "../graph/dtype.ts";
import { InvalidArgumentError, NotFoundError } from "../graph/errors.ts";
import type { Graph } from "../graph/graph.ts";
import { Tensor, type Operation } from "../graph/operation.ts";
import { formatShape, isFullyDefined } from "../graph/shape.ts";
import { Variable } from "../graph/variable.ts";
import { variableType } from "../graph/variableOps.ts";
import { addN, zerosLike } from "../ops/addN.ts";
import { ones, zeros } from "../ops/array.ts";
import { constant, convertToTensor } from "../ops/build.ts";
import { switchOp } from "../ops/controlFlow.ts";
import { group, identity } from "../ops/identity.ts";
import { definitionOf } from "../ops/attached.ts";
import { shape } from "../ops/shape.ts";

export interface GradientsOptions {
  /** Gradients arriving at each y; default: ones. */
  gradYs?: readonly (Tensor | null)[];
  /** Scope of the operations. Default "gradients". */
  name?: string;
  /** Tie the gradients of an operation's inputs together, so that all are computed before one is used. Default false. */
  gateGradients?: boolean;
  /** Tensors that are taken as constant. */
  stopGradients?: readonly (Tensor | Variable)[];
}

/** The sum of dy/dx over all `ys`, for each of `xs`: a tensor of x's shape, or null where no y depends on x.
 * Operations are named as TensorFlow names them: `gradients/<operation>_grad/…`.
 * @throws NotFoundError where an operation on the way has no gradient, with the reason. */
export function gradients(
  ys: Tensor | readonly Tensor[],
  xs: readonly (Tensor | Variable)[],
  options: GradientsOptions = {},
): (Tensor | null)[] {
  const from = ys instanceof Tensor ? [ys] : ys;
  if (from.length === 0) throw new InvalidArgumentError("gradients needs at least one y.");
  // The variable itself, so that every read of it counts.
  const tensorOf = (x: Tensor | Variable): Tensor => (x instanceof Variable ? x.ref : x);
  const to = xs.map(tensorOf);
  const stops = (options.stopGradients ?? []).map(tensorOf);
  const [{ graph }] = from;
  return graph.asDefault(() =>
    graph.nameScope(options.name ?? "gradients", () =>
      new Backpropagation(graph, options.gateGradients ?? false).run(from, to, options.gradYs ?? [], stops),
    ),
  );
}

class Backpropagation {
  readonly #graph: Graph;
  readonly #gate: boolean;
  /** Gradients that have arrived at a tensor so far. */
  readonly #arrived = new Map<Tensor, Tensor[]>();

  constructor(graph: Graph, gate: boolean) {
    this.#graph = graph;
    this.#gate = gate;
  }

  run(
    ys: readonly Tensor[],
    xs: readonly Tensor[],
    gradYs: readonly (Tensor | null)[],
    stops: readonly Tensor[],
  ): (Tensor | null)[] {
    ys.forEach((y, i) => this.#add(y, this.#initial(y, gradYs[i] ?? null, i)));
    const between = opsBetween(ys, xs);
    const waiting = pendingCounts(between);
    const stopOps = new Set(stops.map((tensor) => tensor.op));
    // An x that is made of no other x needs no gradient of its own operation's inputs.
    for (const { op } of xs) if (!op.inputs.some((input) => between.has(input.op))) stopOps.add(op);
    const queue = [...new Set(ys.map((y) => y.op))].filter((op) => between.has(op) && waiting.get(op) === 0);
    for (let op = queue.shift(); op; op = queue.shift()) {
      const outputs = op.outputs.map((output) => this.#total(output));
      const flows = outputs.some((gradient) => gradient !== null) && !stopOps.has(op);
      const inputs = flows ? this.#through(op, outputs) : [];
      inputs.forEach((gradient, i) => {
        if (!gradient) return;
        declareShape(gradient, op, i);
        this.#add(op.inputs[i], gradient);
      });
      for (const input of op.inputs) {
        const count = waiting.get(input.op);
        if (count === undefined) continue;
        waiting.set(input.op, count - 1);
        if (count === 1) queue.push(input.op);
      }
    }
    return xs.map((x) => this.#total(x));
  }

  #initial(y: Tensor, given: Tensor | null, i: number): Tensor {
    if (!isTrainable(y))
      throw new InvalidArgumentError(
        `Gradients of '${y.name}' of dtype ${y.dtype.base} cannot be taken; float32 is needed.`,
      );
    if (given) return given;
    return this.#graph.colocateWith(y.op, () => {
      const dims = isFullyDefined(y.shape)
        ? constant(y.shape as number[], { dtype: int32, shape: [y.shape.length], name: "Shape" })
        : shape(y);
      return ones(dims, y.dtype.base, `grad_ys_${i}`);
    });
  }

  #add(tensor: Tensor, gradient: Tensor): void {
    const arrived = this.#arrived.get(tensor);
    if (arrived) arrived.push(gradient);
    else this.#arrived.set(tensor, [gradient]);
  }

  /** The sum of what has arrived. */
  #total(tensor: Tensor): Tensor | null {
    const arrived = this.#arrived.get(tensor);
    if (!arrived) return null;
    if (arrived.length > 1) this.#arrived.set(tensor, [addN(arrived)]);
    return this.#arrived.get(tensor)![0];
  }

  /** Gradients of an operation's inputs. */
  #through(op: Operation, outputs: readonly (Tensor | null)[]): readonly (Tensor | null)[] {
    const rule = definitionOf(op).gradient;
    if (typeof rule !== "function") {
      if (rule.silent) return [];
      throw new NotFoundError(`No gradient is defined for operation '${op.name}' (op type: ${op.type}): ${rule.none}.`);
    }
    return this.#graph.colocateWith(op, () => {
      const dy = outputs.map((gradient, i) => gradient ?? (isTrainable(op.outputs[i]) ? this.#zeros(op, i) : null));
      return this.#graph.nameScope(`${op.name}_grad`, () => {
        const inputs = rule(op, dy as Tensor[]);
        return this.#gate && inputs.filter(Boolean).length > 1 ? tuple(inputs) : inputs;
      });
    });
  }

  /** Zeros for an output that nobody used. Those of a Switch must exist only where its other branch is taken. */
  #zeros(op: Operation, index: number): Tensor {
    if (op.type !== "Switch") return zerosLike(op.outputs[index]);
    const value = switchOp(op.inputs[0], op.inputs[1])[index];
    const pivot = identity(value);
    return this.#graph.controlDependencies([pivot], () => zeros(shape(value), valueType(value)));
  }
}

/** A gradient has its input's shape. */
function declareShape(gradient: Tensor, op: Operation, i: number): void {
  const { shape } = op.inputs[i];
  try {
    gradient.setShape(shape);
  } catch {
    throw new InvalidArgumentError(
      `Incompatible shapes between op input and calculated input gradient. Forward operation: ${op.name}. Input index: ${i}. Original input shape: ${formatShape(shape)}. Calculated input gradient shape: ${formatShape(gradient.shape)}.`,
    );
  }
}

/** The type of a tensor's value: of a resource that of the variable behind it. */
function valueType({ dtype, op }: Tensor): DType {
  if (dtype.base.name !== "resource") return dtype.base;
  return op.type === "VarHandleOp" ? variableType(op).dtype : valueType(op.inputs[0]);
}

function isTrainable(tensor: Tensor): boolean {
  return tensor.dtype.base.isFloating || tensor.dtype.base.name === "resource";
}

/** Operations on a way from some x to some y. */
function opsBetween(ys: readonly Tensor[], xs: readonly Tensor[]): Set<Operation> {
  const reached = new Set<Operation>();
  const forward = xs.map((x) => x.op);
  for (let op = forward.pop(); op; op = forward.pop()) {
    if (reached.has(op)) continue;
    reached.add(op);
    for (const output of op.outputs) if (isTrainable(output)) forward.push(...output.consumers);
  }
  const between = new Set<Operation>();
  const ends = new Set(xs.map((x) => x.op));
  const backward = ys.map((y) => y.op);
  for (let op = backward.shift(); op; op = backward.shift()) {
    if (!reached.has(op) || between.has(op)) continue;
    between.add(op);
    if (!ends.has(op) || op.inputs.some((input) => reached.has(input.op)))
      backward.push(...op.inputs.map((input) => input.op));
  }
  return between;
}

/** For each operation, how many inputs of others in the set it provides. */
function pendingCounts(between: ReadonlySet<Operation>): Map<Operation, number> {
  const counts = new Map<Operation, number>([...between].map((op) => [op, 0]));
  for (const op of between) {
    for (const input of op.inputs) {
      const count = counts.get(input.op);
      if (count !== undefined) counts.set(input.op, count + 1);
    }
  }
  return counts;
}

/** All or none: identities that depend on every one of the tensors (control_flow_ops.tuple). */
export function tuple(tensors: readonly (Tensor | null)[], name = "tuple"): (Tensor | null)[] {
  const given = tensors.filter((tensor): tensor is Tensor => tensor !== null);
  const [{ graph }] = given;
  return graph.nameScope(name, () => {
    const all = group(given, "group_deps");
    return tensors.map((tensor) => {
      if (tensor === null) return null;
      return graph.controlDependencies([all], () =>
        graph.colocateWith(tensor.op, () => identity(convertToTensor(tensor), "control_dependency"), {
          ignoreExisting: true,
        }),
      );
    });
  });
}
