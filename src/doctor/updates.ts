/** What rules about update ops have in common: which a training run leaves out, and what is no training run. */
import { isFusedBatchNorm } from "../graph/batchNormLayers.ts";
import { Tensor, type Operation } from "../graph/operation.ts";
import type { Examination } from "./examination.ts";
import type { Case } from "./finding.ts";

export interface Missing {
  /** One for each input of a layer whose statistics the run ought to move. */
  readonly missing: readonly Case[];
  /** True if it moves others, or one of a layer's two. */
  readonly someMove: boolean;
}

/** Batch norms in training mode without their updates. A layer whose updates run in another training step (a GAN's other
 * half) is left out; and so is evaluation, where the mistake is that it is in training mode at all. */
export function missingUpdates(x: Examination): Missing {
  const { structure } = x;
  if ((structure.optimizers.length > 0 && !x.trains) || readsStatistics(x)) return { missing: [], someMove: false };
  const missing = x.training.flatMap(({ layer, application }): Case[] => {
    const ops = [application.mean.update, application.variance.update].filter((op) => !x.running.has(op));
    return ops.every((op) => structure.inSomeStep(op)) ? [] : [{ ops, name: layer.name }];
  });
  return { missing, someMove: x.training.some(({ application }) => x.moves(application)) };
}

/** True for a run that fetches nothing but batch statistics and update ops: it recalibrates, and means the training mode. */
export function readsStatistics({ structure, fetches }: Examination): boolean {
  const own = new Set<Tensor | Operation>();
  for (const { source, mean, variance } of structure.layers.flatMap(({ applications }) => applications)) {
    for (const tensor of isFusedBatchNorm(source) ? source.outputs.slice(1) : [mean.batch, variance.batch])
      own.add(tensor);
    for (const { update } of [mean, variance]) for (const moved of [update, ...update.outputs]) own.add(moved);
  }
  return fetches.some((fetch) => fetch instanceof Tensor) && fetches.every((fetch) => own.has(fetch));
}
