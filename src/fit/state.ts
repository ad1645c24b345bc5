/** Where a fit stands: plain data, kept in checkpoints, all that a later fit needs to end in the same bits. */
import { InvalidArgumentError } from "../graph/errors.ts";
import { readCheckpointMetadata } from "../runtime/checkpoint.ts";

export interface FitState {
  /** Steps made since the very beginning. */
  readonly step: number;
  readonly seed: number;
  readonly batchSize: number;
  readonly rows: number;
  readonly lastBatch: "keep" | "drop";
  /** The best values of what is watched, by whom, and the step they were seen at. */
  readonly best: { readonly [watcher: string]: BestValue };
}

export interface BestValue {
  readonly value: number;
  readonly step: number;
  /** Validations since. */
  readonly since: number;
}

/** The key of a checkpoint's metadata that holds the state. */
export const stateKey = "fit";

/** The state in a checkpoint that a fit saved. */
export function readFitState(bytes: Uint8Array): FitState {
  const text = readCheckpointMetadata(bytes)[stateKey];
  if (text === undefined)
    throw new InvalidArgumentError(
      "The checkpoint says nothing of a fit: it was not saved by one. Restore it with session.restore and start a new fit.",
    );
  let state: unknown;
  try {
    state = JSON.parse(text);
  } catch {
    state = null;
  }
  return checkFitState(state);
}

export function checkFitState(state: unknown): FitState {
  if (!isState(state)) throw new InvalidArgumentError("The state of the fit to resume is damaged.");
  return state;
}

function isState(value: unknown): value is FitState {
  if (typeof value !== "object" || value === null) return false;
  const { step, seed, batchSize, rows, lastBatch, best } = value as Record<string, unknown>;
  const counts = [step, batchSize, rows].every((n) => Number.isSafeInteger(n) && (n as number) >= 0);
  const known = typeof best === "object" && best !== null && Object.values(best).every(isBest);
  return counts && known && Number.isSafeInteger(seed) && (lastBatch === "keep" || lastBatch === "drop");
}

function isBest(value: unknown): value is BestValue {
  if (typeof value !== "object" || value === null) return false;
  const best = value as Record<string, unknown>;
  return [best.value, best.step, best.since].every((n) => typeof n === "number");
}

/** A resumed fit must go over the same rows in the same way. */
export function checkSame(state: FitState, given: Pick<FitState, "seed" | "batchSize" | "rows" | "lastBatch">): void {
  for (const key of ["seed", "batchSize", "rows", "lastBatch"] as const) {
    if (state[key] !== given[key])
      throw new InvalidArgumentError(
        `The fit to resume has ${key} ${state[key]}, this one ${given[key]}; a fit goes on with the same rows, batches and seed.`,
      );
  }
}
