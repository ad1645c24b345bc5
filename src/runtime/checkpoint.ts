/** Checkpoints: one safetensors file of all variables, with generators and counters in its metadata. */
import { dtypeFromName } from "../graph/dtype.ts";
import { InvalidArgumentError } from "../graph/errors.ts";
import type { Operation } from "../graph/operation.ts";
import { formatShape, isCompatible } from "../graph/shape.ts";
import { FetchedTensor } from "../graph/tensorValue.ts";
import { variableType } from "../graph/variableOps.ts";
import { decodeSafetensors, encodeSafetensors, type StoredTensor } from "../formats/safetensors.ts";
import type { SessionChanges } from "./session.ts";
import { generatorWords } from "./state.ts";

const format = "trainlet-checkpoint-1";

export function encodeCheckpoint(
  variables: ReadonlyMap<string, FetchedTensor>,
  counters: Omit<SessionChanges, "variables">,
): Uint8Array {
  const tensors = [...variables].map(
    ([name, { dtype, shape, data }]) => [name, { dtype, shape, data } as StoredTensor] as const,
  );
  return encodeSafetensors(tensors, {
    format,
    generators: JSON.stringify(counters.generators),
    updates: JSON.stringify(counters.updates),
    seed: String(counters.seed),
    // What the numbers mean, for readers elsewhere.
    batch_norm_momentum: "decay: moving = moving * momentum + batch * (1 - momentum)",
    batch_norm_variance: "unbiased (n / (n - 1)) from fused layers, biased from others",
  });
}

/** Reads a checkpoint for the given variables. One of another origin holds values only: its counters are unknown. */
export function decodeCheckpoint(
  bytes: Uint8Array,
  variables: readonly Operation[],
  layers: readonly string[],
): Omit<SessionChanges, "seed"> & { seed: number | null } {
  const { tensors, metadata } = decodeSafetensors(bytes);
  const known = new Map(variables.map((op) => [op.name, op]));
  const problems: string[] = [];
  const list = (names: readonly string[]): string =>
    `${names
      .slice(0, 5)
      .map((name) => `'${name}'`)
      .join(", ")}${names.length > 5 ? ` and ${names.length - 5} more` : ""}`;
  const missing = [...known.keys()].filter((name) => !tensors.has(name));
  const extra = [...tensors.keys()].filter((name) => !known.has(name));
  if (missing.length) problems.push(`it lacks ${list(missing)}`);
  if (extra.length) problems.push(`the graph has no variable ${list(extra)}`);
  for (const [name, op] of known) {
    const tensor = tensors.get(name);
    const { shape, dtype } = variableType(op);
    if (tensor && (!isCompatible(tensor.shape, shape) || dtypeFromName(tensor.dtype) !== dtype.base)) {
      problems.push(
        `'${name}' is [${tensor.shape.join(",")}] ${tensor.dtype} in it and ${formatShape(shape)} ${dtype.base} in the graph`,
      );
    }
  }
  if (problems.length) throw new InvalidArgumentError(`The checkpoint does not fit the graph: ${problems.join("; ")}.`);
  const own = metadata.format === format;
  return {
    variables: new Map(
      [...tensors].map(([name, { data, shape, dtype }]) => [name, new FetchedTensor(data, shape, dtype)]),
    ),
    generators: own ? readGenerators(metadata.generators) : {},
    updates: own ? readUpdates(metadata.updates) : Object.fromEntries(layers.map((layer) => [layer, null])),
    seed: own && /^-?\d+$/.test(metadata.seed ?? "") ? Number(metadata.seed) : null,
  };
}

function readGenerators(text: string | undefined): Record<string, number[]> {
  return readRecord(
    text,
    "generators",
    (value): value is number[] =>
      Array.isArray(value) && value.length === generatorWords && value.every(Number.isInteger),
  );
}

function readUpdates(text: string | undefined): Record<string, number | null> {
  return readRecord(
    text,
    "updates",
    (value): value is number | null => value === null || (Number.isInteger(value) && (value as number) >= 0),
  );
}

function readRecord<T>(
  text: string | undefined,
  name: string,
  fits: (value: unknown) => value is T,
): Record<string, T> {
  let record: unknown;
  try {
    record = JSON.parse(text ?? "{}");
  } catch {
    record = null;
  }
  if (typeof record !== "object" || record === null || Array.isArray(record) || !Object.values(record).every(fits)) {
    throw new InvalidArgumentError(`The metadata '${name}' of the checkpoint is damaged.`);
  }
  return record as Record<string, T>;
}
