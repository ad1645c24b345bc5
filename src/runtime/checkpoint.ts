/**
 * Checkpoints: one safetensors file of all variables, with generators and counters in its metadata; and TensorFlow's own, which are
 * read into the same form. What a graph takes of either is decided here.
 */
import type { BatchNormLayer } from "../graph/batchNormLayers.ts";
import { GraphKeys } from "../graph/collections.ts";
import { dtypeFromName } from "../graph/dtype.ts";
import { InvalidArgumentError } from "../graph/errors.ts";
import type { Graph } from "../graph/graph.ts";
import type { Operation } from "../graph/operation.ts";
import { formatShape, isCompatible } from "../graph/shape.ts";
import { FetchedTensor } from "../graph/tensorValue.ts";
import { Variable } from "../graph/variable.ts";
import { isVariable, variableType } from "../graph/variableOps.ts";
import { decodeSafetensors, encodeSafetensors, type StoredTensor } from "../formats/safetensors.ts";
import type { TensorBundle, TensorFlowCheckpoint } from "../formats/tensorBundle.ts";
import type { SessionChanges } from "./values.ts";
import { generatorWords } from "./state.ts";

const format = "trainlet-checkpoint-1";

/** What the numbers mean, for readers elsewhere. */
const conventions: Readonly<Record<string, string>> = {
  batch_norm_momentum: "decay: moving = moving * momentum + batch * (1 - momentum)",
  batch_norm_variance: "unbiased (n / (n - 1)) from fused layers, biased from others",
};

export interface CheckpointOptions {
  /** Strings to keep with the variables, by keys of the caller's own: `readCheckpointMetadata` gives them back. */
  metadata?: Readonly<Record<string, string>>;
}

export interface RestoreOptions {
  /** Which of the graph's variables to set; the others keep their values, and what else the checkpoint holds is passed over.
   * A name where `*` stands for anything (`"conv_*"`), a regular expression, or a function. */
  only?: string | RegExp | ((name: string) => boolean);
  /** What a variable of the graph is called in the checkpoint, where that is not its name. */
  rename?: Readonly<Record<string, string>> | ((name: string) => string);
}

type Counters = Omit<SessionChanges, "variables">;

/** A checkpoint of either kind. */
interface StoredCheckpoint {
  readonly tensors: TensorBundle["tensors"];
  readonly metadata: Readonly<Record<string, string>>;
  read(name: string): StoredTensor;
}

/** What a session sets. */
export interface Restored {
  readonly variables: ReadonlyMap<string, FetchedTensor>;
  /** Updates seen, by layer: of all layers, or of those whose statistics are restored. */
  readonly updates: Readonly<Record<string, number | null>>;
  /** Set where all variables are restored. One of another origin has no seed. */
  readonly whole: { readonly generators: Counters["generators"]; readonly seed: number | null } | null;
}

export function encodeCheckpoint(
  variables: ReadonlyMap<string, FetchedTensor>,
  counters: Counters,
  { metadata = {} }: CheckpointOptions = {},
): Uint8Array {
  const own: Record<string, string> = {
    format,
    generators: JSON.stringify(counters.generators),
    updates: JSON.stringify(counters.updates),
    seed: String(counters.seed),
    ...conventions,
  };
  for (const key of Object.keys(metadata)) {
    if (Object.hasOwn(own, key))
      throw new InvalidArgumentError(`The metadata '${key}' of a checkpoint is trainlet's own: choose another key.`);
  }
  const tensors = [...variables].map(
    ([name, { dtype, shape, data }]) => [name, { dtype, shape, data } as StoredTensor] as const,
  );
  return encodeSafetensors(tensors, { ...own, ...metadata });
}

/** The metadata of a checkpoint: what `session.checkpoint({ metadata })` was given, and trainlet's own. */
export function readCheckpointMetadata(bytes: Uint8Array): Record<string, string> {
  return openCheckpoint(bytes).metadata;
}

export function openCheckpoint(bytes: Uint8Array): StoredCheckpoint & { metadata: Record<string, string> } {
  if (isTensorFlowIndex(bytes)) {
    throw new InvalidArgumentError(
      "This is the index of a TensorFlow checkpoint, whose values are in its .data file: give both as { index, data }.",
    );
  }
  const { tensors, metadata } = decodeSafetensors(bytes);
  return { tensors, metadata, read: (name) => tensors.get(name)! };
}

export async function openTensorFlowCheckpoint(checkpoint: TensorFlowCheckpoint): Promise<StoredCheckpoint> {
  const { index, data } = checkpoint ?? {};
  const files = Array.isArray(data) ? (data as readonly unknown[]) : [data];
  if (!(index instanceof Uint8Array) || !files.every((file) => file instanceof Uint8Array)) {
    throw new InvalidArgumentError(
      "A checkpoint is a Uint8Array (a safetensors file) or, from TensorFlow, { index, data } of Uint8Arrays (.index and .data).",
    );
  }
  const { openTensorBundle } = await import("../formats/tensorBundle.ts");
  return { ...openTensorBundle(checkpoint), metadata: {} };
}

/** A checkpoint of TensorFlow's as a safetensors file, the names and values as they are. */
export async function convertTensorFlowCheckpoint(checkpoint: TensorFlowCheckpoint): Promise<Uint8Array> {
  const { tensors, read } = await openTensorFlowCheckpoint(checkpoint);
  return encodeSafetensors(
    [...tensors.keys()].map((name) => [name, read(name)] as const),
    { format: "tensorflow-checkpoint", ...conventions },
  );
}

/** The last bytes of LevelDB's tables. */
function isTensorFlowIndex(bytes: Uint8Array): boolean {
  const end = bytes.subarray(-8);
  return bytes.length >= 48 && [0x57, 0xfb, 0x80, 0x8b, 0x24, 0x75, 0x47, 0xdb].every((byte, i) => byte === end[i]);
}

/** Everything that `graph` takes of a checkpoint. Local variables may be missing, as TensorFlow's Saver leaves them out. */
export function fitCheckpoint(
  { tensors, metadata, read }: StoredCheckpoint,
  graph: Graph,
  layers: readonly BatchNormLayer[],
  { only, rename }: RestoreOptions,
): Restored {
  const variables = graph.operations.filter(isVariable);
  const chosen = only === undefined ? variables : variables.filter(({ name }) => matches(only, name));
  if (only !== undefined && chosen.length === 0) {
    throw new InvalidArgumentError(
      `only (${String(only)}) matches no variable of the graph: it has ${list(variables.map(({ name }) => name))}.`,
    );
  }
  const storedName = (name: string): string =>
    typeof rename === "function" ? rename(name) : rename && Object.hasOwn(rename, name) ? rename[name] : name;
  const wanted = new Map(chosen.map((op) => [op, storedName(op.name)]));
  checkFit(tensors, wanted, { graph, allowExtra: only !== undefined });

  const values = [...wanted].flatMap(([op, stored]) => {
    if (!tensors.has(stored)) return [];
    const { data, shape, dtype } = read(stored);
    return [[op.name, new FetchedTensor(data, shape, dtype)] as const];
  });
  // Generators and counters go by name, so that a renamed checkpoint says nothing of them.
  const own = metadata.format === format && !rename;
  const counted = own ? readUpdates(metadata.updates) : {};
  const restored = new Map(values);
  const complete = layers.filter(
    ({ mean, variance }) => restored.has(mean.variable.name) && restored.has(variance.variable.name),
  );
  return {
    variables: restored,
    updates:
      only === undefined && own
        ? counted
        : Object.fromEntries(complete.map(({ name }) => [name, Object.hasOwn(counted, name) ? counted[name] : null])),
    whole:
      only === undefined
        ? {
            generators: own ? readGenerators(metadata.generators) : {},
            seed: own && /^-?\d+$/.test(metadata.seed ?? "") ? Number(metadata.seed) : null,
          }
        : null,
  };
}

function matches(only: NonNullable<RestoreOptions["only"]>, name: string): boolean {
  if (typeof only === "function") return only(name);
  // search() starts at 0 whatever the flags; test() would go on from the last match.
  if (only instanceof RegExp) return name.search(only) >= 0;
  const parts = String(only)
    .split("*")
    .map((part) => part.replace(/[\\^$.|?+()[\]{}]/g, "\\$&"));
  return new RegExp(`^${parts.join(".*")}$`).test(name);
}

function checkFit(
  tensors: StoredCheckpoint["tensors"],
  wanted: ReadonlyMap<Operation, string>,
  { graph, allowExtra }: { graph: Graph; allowExtra: boolean },
): void {
  const problems: string[] = [];
  const local = localVariables(graph);
  const missing = [...wanted].filter(([op, stored]) => !tensors.has(stored) && !local.has(op));
  const names = new Set(wanted.values());
  const extra = allowExtra ? [] : [...tensors.keys()].filter((name) => !names.has(name));
  if (missing.length) {
    const called = missing.map(([op, stored]) =>
      stored === op.name ? quoted(stored) : `${quoted(stored)} for ${quoted(op.name)}`,
    );
    problems.push(`it lacks ${some(called)}`);
  }
  if (extra.length) problems.push(`the graph has no variable ${list(extra)}`);
  for (const [op, stored] of wanted) {
    const tensor = tensors.get(stored);
    const { shape, dtype } = variableType(op);
    if (tensor && (!isCompatible(tensor.shape, shape) || dtypeFromName(tensor.dtype) !== dtype.base)) {
      problems.push(
        `'${stored}' is [${tensor.shape.join(",")}] ${tensor.dtype} in it and ${formatShape(shape)} ${dtype.base} in the graph`,
      );
    }
  }
  if (problems.length) throw new InvalidArgumentError(`The checkpoint does not fit the graph: ${problems.join("; ")}.`);
}

/** Operations of variables that are local and not global. */
function localVariables(graph: Graph): Set<Operation> {
  const opsOf = (collection: string): Operation[] =>
    graph.getCollection(collection).flatMap((item) => (item instanceof Variable ? [item.op] : []));
  const local = new Set(opsOf(GraphKeys.LOCAL_VARIABLES));
  for (const op of opsOf(GraphKeys.GLOBAL_VARIABLES)) local.delete(op);
  return local;
}

const quoted = (name: string): string => `'${name}'`;

function list(names: readonly string[]): string {
  return some(names.map(quoted));
}

function some(items: readonly string[]): string {
  return `${items.slice(0, 5).join(", ")}${items.length > 5 ? ` and ${items.length - 5} more` : ""}`;
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
