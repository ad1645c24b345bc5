/**
 * Batch-norm layers as the graph shows them: by structure, whatever their names. An update moves a variable towards a
 * statistic that comes from a FusedBatchNorm or from moments.
 */
import type { Graph } from "./graph.ts";
import type { Operation, Tensor } from "./operation.ts";
import { elementAt, type TensorValue } from "./tensorValue.ts";
import { isVariable } from "./variableOps.ts";

/** One moving statistic and the operation that moves it. */
export interface MovingStatistic {
  readonly variable: Operation;
  readonly update: Operation;
  /** 1 − momentum, as the graph computes it: 0 in runs with training false. */
  readonly decay: Tensor;
  /** The batch's own statistic, which moves it. */
  readonly batch: Tensor;
}

/** A layer over one input. One layer over two inputs (a siamese net, towers) is applied twice and moves its statistics twice. */
export interface Application {
  readonly mean: MovingStatistic;
  readonly variance: MovingStatistic;
  /** Runs exactly when the layer normalises this input with the batch's own statistics. */
  readonly source: Operation;
}

export interface BatchNormLayer {
  /** Scope of the moving variables: `bn`. */
  readonly name: string;
  readonly mean: MovingStatistic;
  readonly variance: MovingStatistic;
  /** Momentum in training, in TensorFlow's sense: what is kept of the old value. Null where it is computed in the run. */
  readonly momentum: number | null;
  /** What the moving variance averages: variances by n − 1 (the fused kernel) or by n. */
  readonly unbiased: boolean;
  /** Operations that run exactly when the layer normalises with the batch's own statistics. */
  readonly training: readonly Operation[];
  /** One for each input; the first is that of `mean` and `variance`. */
  readonly applications: readonly Application[];
}

interface Update extends MovingStatistic {
  readonly kind: "mean" | "variance";
  /** What both statistics of a layer have in common: the fused operation, or the Mean that is the batch's mean. */
  readonly source: Operation;
}

/** All layers of the graph that have update operations, in order of creation. */
export function batchNormLayers(graph: Graph): BatchNormLayer[] {
  const updates = graph.operations.flatMap((op) => parseUpdate(op) ?? []);
  const layers = new Map<Operation, { applications: Application[] }>();
  for (const mean of updates) {
    if (mean.kind !== "mean") continue;
    // Where one batch statistic moves several variables, those of one scope belong together.
    const partners = updates.filter((other) => other.kind === "variance" && other.source === mean.source);
    const variance =
      partners.find((other) => scopeOf(other.variable.name) === scopeOf(mean.variable.name)) ?? partners[0];
    if (!variance) continue;
    const application = { mean, variance, source: mean.source };
    const known = layers.get(mean.variable);
    if (known) known.applications.push(application);
    else layers.set(mean.variable, { applications: [application] });
  }
  return [...layers.values()].map(({ applications }) => {
    const [{ mean, variance }] = applications;
    return {
      name: scopeOf(mean.variable.name),
      mean,
      variance,
      momentum: momentumOf(mean.decay),
      unbiased: isFusedBatchNorm(applications[0].source),
      training: applications.map(({ source }) => source),
      applications,
    };
  });
}

function scopeOf(name: string): string {
  return name.includes("/") ? name.slice(0, name.lastIndexOf("/")) : name;
}

/** A FusedBatchNorm of any version, not its gradient. */
export function isFusedBatchNorm({ type }: Operation): boolean {
  return type.startsWith("FusedBatchNorm") && !type.includes("Grad");
}

/**
 * `variable -= (variable − statistic) · decay`, the same with signs turned (`variable += (statistic − variable) · decay`), or
 * written out as `variable = variable · momentum + statistic · decay`; over references and over resources.
 */
function parseUpdate(op: Operation): Update | null {
  const kind = /^Assign(Sub|Add)?(VariableOp)?$/.exec(op.type);
  if (!kind || op.inputs.length < 2) return null;
  const variable = behind(op.inputs[0]).op;
  if (!isVariable(variable)) return null;
  const value = valueOf(op.inputs[1]);
  const found = kind[1] ? byDifference(value, variable, kind[1]) : written(value, variable);
  const statistic = found && statisticOf(found.batch);
  return statistic ? { variable, update: op, decay: found.decay, ...statistic } : null;
}

/** What an update takes; Keras guards it with `where(size > 0, value, 0)`. */
function valueOf(tensor: Tensor): Operation {
  const { op } = behind(tensor);
  return /^Select(V2)?$/.test(op.type) && op.inputs.length === 3 ? behind(op.inputs[1]).op : op;
}

type Parts = Pick<MovingStatistic, "decay" | "batch">;

function byDifference(product: Operation, variable: Operation, kind: string): Parts | null {
  for (const [difference, decay] of operandPairs(product, ["Mul"])) {
    const sub = behind(difference).op;
    if (sub.type !== "Sub") continue;
    const [old, batch] = kind === "Sub" ? sub.inputs : [sub.inputs[1], sub.inputs[0]];
    if (behind(old).op === variable) return { decay, batch };
  }
  return null;
}

function written(sum: Operation, variable: Operation): Parts | null {
  for (const [kept, added] of operandPairs(sum, ["Add", "AddV2"])) {
    if (!operandPairs(behind(kept).op, ["Mul"]).some(([old]) => behind(old).op === variable)) continue;
    for (const [batch, decay] of operandPairs(behind(added).op, ["Mul"])) {
      if (statisticOf(batch)) return { decay, batch };
    }
  }
  return null;
}

/** The two operands of an operation of these types, either way round. */
function operandPairs({ type, inputs }: Operation, types: readonly string[]): (readonly [Tensor, Tensor])[] {
  if (!types.includes(type) || inputs.length < 2) return [];
  return [
    [inputs[0], inputs[1]],
    [inputs[1], inputs[0]],
  ];
}

/** Looks through operations that pass a value on. A Switch passes its data on; a Merge is looked at by its callers. */
export function behind(tensor: Tensor): Tensor {
  let at = tensor;
  while (
    ["Identity", "ReadVariableOp", "Switch", "RefSwitch", "Squeeze", "Reshape", "StopGradient", "Cast"].includes(
      at.op.type,
    )
  )
    at = at.op.inputs[0];
  return at;
}

/** The batch statistic among the values that may reach `tensor`. */
function statisticOf(tensor: Tensor): { kind: "mean" | "variance"; source: Operation; batch: Tensor } | null {
  for (const batch of alternatives(tensor)) {
    const { op, index } = batch;
    if (isFusedBatchNorm(op)) {
      if (op.bool("is_training", true) && (index === 1 || index === 2))
        return { kind: index === 1 ? "mean" : "variance", source: op, batch };
    } else if (op.type === "Mean") {
      const squared = behind(op.inputs[0]);
      if (squared.op.type !== "SquaredDifference") return { kind: "mean", source: op, batch };
      const mean = squared.op.inputs.map((input) => behind(input).op).find(({ type }) => type === "Mean");
      if (mean) return { kind: "variance", source: mean, batch };
    } else if (op.type === "Sub") {
      // mean(x²) − mean(x)²
      const [squares, squared] = op.inputs.map((input) => behind(input).op);
      const mean = /^(Square|Mul)$/.test(squared.type) ? behind(squared.inputs[0]).op : null;
      if (mean?.type === "Mean" && squares.type === "Mean") return { kind: "variance", source: mean, batch };
    }
  }
  return null;
}

/** What a tensor may be, through any number of Merges. */
export function alternatives(tensor: Tensor): Tensor[] {
  const found: Tensor[] = [];
  const seen = new Set<Tensor>();
  const stack = [tensor];
  for (let next = stack.pop(); next; next = stack.pop()) {
    const at = behind(next);
    if (seen.has(at)) continue;
    seen.add(at);
    if (at.op.type === "Merge" || at.op.type === "RefMerge") stack.push(...at.op.inputs.toReversed());
    else found.push(at);
  }
  return found;
}

/** 1 − decay, where decay is a constant or 1 − (momentum or, without training, 1). */
function momentumOf(decay: Tensor): number | null {
  const at = behind(decay);
  const direct = constantOf(at);
  if (direct !== null) return round(1 - direct);
  if (at.op.type !== "Sub" || constantOf(behind(at.op.inputs[0])) !== 1) return null;
  const momenta = alternatives(at.op.inputs[1]).map(constantOf);
  const moving = momenta.filter((momentum) => momentum !== 1);
  if (momenta.length > 0 && moving.length === 0) return 1;
  return moving.length === 1 && moving[0] !== null ? round(moving[0]) : null;
}

/** Seven digits: what a float32 holds of the momentum a person wrote. */
function round(momentum: number): number {
  return Number(momentum.toPrecision(7));
}

/** The value of a scalar Const. */
export function constantOf(tensor: Tensor): number | null {
  if (tensor.op.type !== "Const") return null;
  const value: TensorValue = tensor.op.tensor("value");
  return value.shape.length === 0 ? elementAt(value, 0) : null;
}
