/**
 * Batch-norm layers as the graph shows them: by structure, whatever their names. An update is
 * AssignSub(variable, (variable − statistic) · decay), where the statistic comes from a FusedBatchNorm or from moments.
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
}

export interface BatchNormLayer {
  /** Scope of the moving variables: `bn`. */
  readonly name: string;
  readonly mean: MovingStatistic;
  readonly variance: MovingStatistic;
  /** Momentum in training; null where it is computed in the run. */
  readonly momentum: number | null;
  /** Operations that run exactly when the layer normalises with the batch's own statistics. */
  readonly training: readonly Operation[];
}

interface Update extends MovingStatistic {
  readonly kind: "mean" | "variance";
  /** What both statistics of a layer have in common: the fused operation, or the Mean that is the batch's mean. */
  readonly source: Operation;
}

/** All layers of the graph that have update operations, in order of creation. */
export function batchNormLayers(graph: Graph): BatchNormLayer[] {
  const updates = graph.operations.flatMap((op) => parseUpdate(op) ?? []);
  const layers: BatchNormLayer[] = [];
  for (const mean of updates) {
    if (mean.kind !== "mean") continue;
    // Where one batch statistic moves several variables, those of one scope belong together.
    const partners = updates.filter((other) => other.kind === "variance" && other.source === mean.source);
    const variance =
      partners.find((other) => scopeOf(other.variable.name) === scopeOf(mean.variable.name)) ?? partners[0];
    if (!variance) continue;
    layers.push({
      name: scopeOf(mean.variable.name),
      mean,
      variance,
      momentum: momentumOf(mean.decay),
      training: [mean.source],
    });
  }
  return layers;
}

function scopeOf(name: string): string {
  return name.includes("/") ? name.slice(0, name.lastIndexOf("/")) : name;
}

function parseUpdate(op: Operation): Update | null {
  if (op.type !== "AssignSub" && op.type !== "AssignSubVariableOp") return null;
  const variable = behind(op.inputs[0]).op;
  const product = behind(op.inputs[1]).op;
  if (!isVariable(variable) || product.type !== "Mul") return null;
  for (const [difference, decay] of [
    [product.inputs[0], product.inputs[1]],
    [product.inputs[1], product.inputs[0]],
  ] as const) {
    const sub = behind(difference).op;
    if (sub.type !== "Sub" || behind(sub.inputs[0]).op !== variable) continue;
    const statistic = statisticOf(sub.inputs[1]);
    if (statistic) return { variable, update: op, decay, ...statistic };
  }
  return null;
}

/** Looks through operations that pass a value on. A Switch passes its data on; a Merge is looked at by its callers. */
function behind(tensor: Tensor): Tensor {
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
function statisticOf(tensor: Tensor): { kind: "mean" | "variance"; source: Operation } | null {
  for (const at of alternatives(tensor)) {
    if (at.op.type.startsWith("FusedBatchNorm") && !at.op.type.includes("Grad")) {
      if (at.op.bool("is_training", true) && (at.index === 1 || at.index === 2)) {
        return { kind: at.index === 1 ? "mean" : "variance", source: at.op };
      }
    } else if (at.op.type === "Mean") {
      const squared = behind(at.op.inputs[0]);
      if (squared.op.type !== "SquaredDifference") return { kind: "mean", source: at.op };
      const mean = squared.op.inputs.map((input) => behind(input).op).find((op) => op.type === "Mean");
      if (mean) return { kind: "variance", source: mean };
    }
  }
  return null;
}

/** What a tensor may be, through any number of Merges. */
function alternatives(tensor: Tensor): Tensor[] {
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

function constantOf(tensor: Tensor): number | null {
  if (tensor.op.type !== "Const") return null;
  const value: TensorValue = tensor.op.tensor("value");
  return value.shape.length === 0 ? elementAt(value, 0) : null;
}
