/** What a checkup measures of the gradients of weights. */
import type { Tensor } from "../graph/operation.ts";
import { variableType } from "../graph/variableOps.ts";
import type { Examination } from "./examination.ts";
import type { Optimizer } from "./structure.ts";

export interface WeightGradient {
  readonly optimizer: Optimizer;
  /** Lengths as vectors. */
  readonly norm: number;
  readonly weight: number;
  readonly rate: number | null;
}

/** Kernels alone: the gradient of a bias before batch norm is 0 by nature. */
function optimizersOf({ structure, running }: Examination): Optimizer[] {
  return structure.optimizers.filter(
    ({ op, variable }) => running.has(op) && (variableType(variable).shape?.length ?? 0) >= 2,
  );
}

export function ratesAndGradients(x: Examination): Tensor[] {
  return optimizersOf(x).flatMap(({ gradient, rate }) => (rate ? [gradient, rate] : [gradient]));
}

export function weightGradients(x: Examination): WeightGradient[] {
  return optimizersOf(x).flatMap((optimizer) => {
    const gradient = x.values?.get(optimizer.gradient)?.data;
    const weight = x.session?.valueOf(optimizer.variable);
    const rate = optimizer.rate && x.values?.get(optimizer.rate)?.data[0];
    if (!gradient || !weight) return [];
    return [
      {
        optimizer,
        norm: length(gradient),
        weight: length(weight),
        rate: rate === undefined || rate === null ? null : Number(rate),
      },
    ];
  });
}

function length(values: ArrayLike<number | bigint>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += Number(values[i]) ** 2;
  return Math.sqrt(sum);
}
