/** What a graph's operations are for, found by structure: normalisations, optimizers, accumulators; what depends on what. */
import { alternatives, batchNormLayers, behind, constantOf, isFusedBatchNorm } from "../graph/batchNormLayers.ts";
import type { Application, BatchNormLayer } from "../graph/batchNormLayers.ts";
import { GraphKeys } from "../graph/collections.ts";
import type { Graph } from "../graph/graph.ts";
import type { Operation, Tensor } from "../graph/operation.ts";
import { isVariable } from "../graph/variableOps.ts";

/** Where a batch norm reads moving statistics. */
export interface Inference {
  /** FusedBatchNorm, or the Rsqrt of the composed form. */
  readonly op: Operation;
  readonly mean: Operation;
  readonly variance: Operation;
  readonly name: string;
  readonly parameters: readonly Operation[];
  /** The layer, if the graph has operations that move its statistics. */
  readonly layer: BatchNormLayer | null;
}

/** An operation that changes a variable by a gradient. */
export interface Optimizer {
  readonly op: Operation;
  readonly variable: Operation;
  readonly gradient: Tensor;
  readonly rate: Tensor | null;
}

/** Input numbers of learning rate and gradient, by the name behind "Apply". */
const applyInputs: { readonly [name: string]: readonly [rate: number, gradient: number] } = {
  GradientDescent: [1, 2],
  Momentum: [2, 3],
  Adagrad: [2, 3],
  AdagradV2: [2, 4],
  Adadelta: [3, 6],
  RMSProp: [3, 7],
  CenteredRMSProp: [4, 8],
  Adam: [5, 9],
};

export class Structure {
  readonly graph: Graph;
  readonly layers: readonly BatchNormLayer[];
  readonly trainable: ReadonlySet<Operation>;
  readonly optimizers: readonly Optimizer[];
  /** Operations that add gradients up for a later step. */
  readonly accumulations: readonly Operation[];
  readonly inferences: readonly Inference[];
  #gradients: ReadonlySet<Operation> | null = null;
  readonly #roots = new Map<Operation, readonly Operation[]>();
  readonly #dependents = new Map<Operation, Operation[]>();

  constructor(graph: Graph) {
    this.graph = graph;
    this.layers = batchNormLayers(graph);
    this.trainable = trainableOf(graph);
    for (const op of graph.operations) {
      for (const before of new Set([...op.inputs.map((input) => input.op), ...op.controlInputs])) {
        const known = this.#dependents.get(before);
        if (known) known.push(op);
        else this.#dependents.set(before, [op]);
      }
    }
    this.optimizers = graph.operations.flatMap((op) => this.#optimizer(op) ?? []);
    this.accumulations = graph.operations.filter((op) => this.#accumulates(op));
    this.inferences = graph.operations.flatMap((op) => this.#inference(op) ?? []);
  }

  /** The operations and everything whose values they depend on. */
  above(...ops: Operation[]): ReadonlySet<Operation> {
    return reached(ops, (at) => at.inputs.map((input) => input.op));
  }

  /** The operations and everything that depends on them, by data or control edges. */
  below(ops: readonly Operation[]): ReadonlySet<Operation> {
    return reached(ops, (at) => this.#dependents.get(at) ?? []);
  }

  dependents(op: Operation): readonly Operation[] {
    return this.#dependents.get(op) ?? [];
  }

  /** True if some training step of the graph runs `op`. */
  inSomeStep(op: Operation): boolean {
    const below = this.below([op]);
    const trains = ({ op: optimizer }: Optimizer): boolean => below.has(optimizer);
    if (this.optimizers.some(trains)) return true;
    const ends = [...below].filter((at) => this.dependents(at).length === 0);
    const before = reached(ends, (at) => [...at.inputs.map((input) => input.op), ...at.controlInputs]);
    return this.optimizers.some((optimizer) => before.has(optimizer.op));
  }

  /** The variables gamma and beta of a layer over one input. */
  parameters(application: Application): readonly Operation[] {
    const { source } = application;
    if (isFusedBatchNorm(source)) return variablesOf([source.inputs[1], source.inputs[2]]);
    return variablesOf(this.roots(application).flatMap((root) => composedParts(root).parameters));
  }

  /** Of a composed layer: what its variance goes into, with epsilon added. */
  roots({ source, variance }: Application): readonly Operation[] {
    let roots = this.#roots.get(source);
    if (!roots) this.#roots.set(source, (roots = isFusedBatchNorm(source) ? [] : rootsOf(variance.batch)));
    return roots;
  }

  #optimizer(op: Operation): Optimizer | null {
    const apply = /^(?:Resource)?Apply([A-Z]\w*)$/.exec(op.type);
    if (!apply && !/^Assign(Sub|Add)?(VariableOp)?$/.test(op.type)) return null;
    const variable = op.inputs.length > 1 ? variableBehind(op.inputs[0]) : null;
    if (!variable) return null;
    if (apply) {
      const [rate, gradient] = applyInputs[apply[1]] ?? [-1, op.inputs.length - 1];
      return { op, variable, gradient: op.inputs[gradient], rate: op.inputs[rate] ?? null };
    }
    // Written by hand: a trainable variable's new value depends on the variable and on data.
    if (!this.trainable.has(variable)) return null;
    const above = this.above(op.inputs[1].op);
    return above.has(variable) && [...above].some(isSource)
      ? { op, variable, gradient: op.inputs[1], rate: null }
      : null;
  }

  #accumulates(op: Operation): boolean {
    if (!/^AssignAdd(VariableOp)?$/.test(op.type)) return false;
    const variable = variableBehind(op.inputs[0]);
    if (variable === null || this.trainable.has(variable) || ![...this.above(op.inputs[1].op)].some(isSource))
      return false;
    this.#gradients ??= this.above(...this.optimizers.map(({ gradient }) => gradient.op));
    return this.#gradients.has(variable);
  }

  #inference(op: Operation): Inference | null {
    if (isFusedBatchNorm(op)) {
      if (op.bool("is_training", true)) return null;
      const [mean, variance] = [variableBehind(op.inputs[3]), variableBehind(op.inputs[4])];
      return mean && variance && this.#inferenceOf(op, mean, variance, [op.inputs[1], op.inputs[2]]);
    }
    if (op.type !== "Rsqrt") return null;
    const variance = varianceBehind(op);
    if (!variance) return null;
    const parts = composedParts(op);
    const means = parts.means.flatMap(alternatives).map(({ op: at }) => at);
    const moving = means.find((at) => isVariable(at) && !this.trainable.has(at));
    return moving ? this.#inferenceOf(op, moving, variance, parts.parameters) : null;
  }

  #inferenceOf(op: Operation, mean: Operation, variance: Operation, parameters: readonly Tensor[]): Inference {
    const layer = this.layers.find((item) => item.mean.variable === mean) ?? null;
    const name = layer?.name ?? mean.name.replace(/\/[^/]*$/, "");
    return { op, mean, variance, name, parameters: variablesOf(parameters), layer };
  }
}

const structures = new WeakMap<Graph, { readonly size: number; readonly structure: Structure }>();

/** The structure of the graph as it is now. */
export function structureOf(graph: Graph): Structure {
  const known = structures.get(graph);
  if (known?.size === graph.operations.length) return known.structure;
  const structure = new Structure(graph);
  structures.set(graph, { size: graph.operations.length, structure });
  return structure;
}

/** The variable whose value a tensor is; null if it is something else. */
export function variableBehind(tensor: Tensor | undefined): Operation | null {
  const op = tensor && behind(tensor).op;
  return op && isVariable(op) ? op : null;
}

/** Where data comes from. */
export function isSource({ type }: Operation): boolean {
  return /^Placeholder|Iterator|Dequeue/.test(type);
}

export function reached(from: readonly Operation[], next: (op: Operation) => readonly Operation[]): Set<Operation> {
  const found = new Set(from);
  for (const op of found) for (const other of next(op)) found.add(other);
  return found;
}

/** The collection as it was built or imported, whatever form its items have; without it, what optimizers train. */
function trainableOf(graph: Graph): ReadonlySet<Operation> {
  const items = graph.getCollection<{ op?: Operation }>(GraphKeys.TRAINABLE_VARIABLES);
  const listed = items.flatMap((item) => (item?.op && isVariable(item.op) ? [item.op] : []));
  if (listed.length > 0) return new Set(listed);
  const applied = graph.operations.filter(({ type }) => /^(Resource)?Apply[A-Z]/.test(type));
  return new Set(applied.flatMap((op) => variableBehind(op.inputs[0]) ?? []));
}

function variablesOf(tensors: readonly Tensor[]): Operation[] {
  return [...new Set(tensors.flatMap((tensor) => variableBehind(tensor) ?? []))];
}

const passing = new Set(["Identity", "Squeeze", "Reshape", "Switch", "Merge", "Cast", "StopGradient", "Add", "AddV2"]);

/** The Rsqrt operations that a variance goes into, with its epsilon added. */
function rootsOf(variance: Tensor): Operation[] {
  const found = reached([variance.op], (op) =>
    op === variance.op || passing.has(op.type) ? op.outputs.flatMap((output) => output.consumers) : [],
  );
  return [...found].filter(({ type }) => type === "Rsqrt");
}

/** x · inv + (beta − mean · inv), where inv = rsqrt(variance + epsilon) · gamma (nn.batch_normalization). Gradients take
 * part of these too, but subtract no product. */
function composedParts(root: Operation): { means: Tensor[]; parameters: Tensor[] } {
  const parts = { means: [] as Tensor[], parameters: [] as Tensor[] };
  let [inverse] = root.outputs;
  const isGamma = ({ other, product }: Product): boolean => variableBehind(other) !== null && !subtractedFrom(product);
  const scaled = productsOf(inverse).find(isGamma);
  if (scaled) {
    parts.parameters.push(scaled.other);
    [inverse] = scaled.product.outputs;
  }
  for (const { product, other } of productsOf(inverse)) {
    const beta = subtractedFrom(product);
    if (beta) parts.parameters.push(beta);
    // Without beta it is (−mean) · inv.
    if (beta || other.op.type === "Neg") parts.means.push(beta ? other : other.op.inputs[0]);
  }
  return parts;
}

interface Product {
  readonly product: Operation;
  readonly other: Tensor;
}

/** The products that a tensor is a factor of. */
function productsOf(factor: Tensor): Product[] {
  return factor.consumers
    .filter(({ type }) => type === "Mul")
    .map((product) => ({ product, other: product.inputs[product.inputs[0] === factor ? 1 : 0] }));
}

/** What a product is subtracted from. */
function subtractedFrom({ outputs: [product] }: Operation): Tensor | null {
  return product.consumers.find(({ type, inputs }) => type === "Sub" && inputs[1] === product)?.inputs[0] ?? null;
}

/** The variable that is, in some branch, the variance under a root. */
function varianceBehind(root: Operation): Operation | null {
  const sum = behind(root.inputs[0]).op;
  if (sum.type !== "Add" && sum.type !== "AddV2") return null;
  const epsilon = sum.inputs.findIndex((input) => constantOf(behind(input)) !== null);
  if (epsilon < 0) return null;
  return alternatives(sum.inputs[1 - epsilon]).find(({ op }) => isVariable(op))?.op ?? null;
}
