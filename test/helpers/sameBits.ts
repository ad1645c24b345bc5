/** What must have the same bits in every runtime: all of test/golden by families, and TensorFlow's programs. Each value must
 * also be TensorFlow's, within its tolerance. */
import type { Value } from "../conformance/compare.ts";
import { families } from "../conformance/families/index.ts";
import { parseCase, type Manifest } from "../conformance/goldenCase.ts";
import { checkProgram, type ProgramManifest } from "../conformance/metagraph.ts";
import { Checks } from "../conformance/outcome.ts";
import { bitsHash } from "./bitsHash.ts";

/** Reads a file of test/golden. */
export type ReadGolden = (path: string) => Promise<Uint8Array>;
/** Names of the files in a folder of test/golden. */
export type ListGolden = (folder: string) => readonly string[];

const programs = ["lenet_momentum", "lenet_resource", "resnet_adam_schedule", "tutorial"];

/** Families of test/golden, and `metagraph/<program>`. */
export const subjects: readonly string[] = [
  ...Object.keys(families).sort(),
  ...programs.map((program) => `metagraph/${program}`),
];

export interface Bits {
  readonly hash: string;
  /** How many tensors the hash covers. */
  readonly tensors: number;
  /** Where a value leaves its tolerance. */
  readonly problems: readonly string[];
}

export async function bitsOf(subject: string, read: ReadGolden, list: ListGolden): Promise<Bits> {
  const checks = new Checks();
  const values = subject.startsWith("metagraph/")
    ? await program(subject, read, checks)
    : await family(subject, read, list, checks);
  return {
    hash: await bitsHash(values),
    tensors: values.size,
    problems: checks.outcome(subject, subject).problems,
  };
}

/** Every output of every case, gradients included. */
async function family(
  name: string,
  read: ReadGolden,
  list: ListGolden,
  checks: Checks,
): Promise<ReadonlyMap<string, Value>> {
  const all = new Map<string, Value>();
  for (const file of list(name).filter((path) => path.endsWith(".json"))) {
    const manifest = await readJson<Manifest>(read, `${name}/${file}`);
    const golden = parseCase(manifest, await read(`${name}/${manifest.tensors}`));
    const values = await families[name]!(golden);
    for (const [output, value] of values) all.set(`${golden.id}:${output}`, value);
    for (const [output, { value, tolerance }] of golden.outputs)
      checks.check(`${golden.id}:${output}`, values.get(output), value, tolerance);
  }
  return all;
}

/** TensorFlow's own graph: its init operation, its steps, then what it fetches and all variables. */
async function program(subject: string, read: ReadGolden, checks: Checks): Promise<ReadonlyMap<string, Value>> {
  const manifest = await readJson<ProgramManifest>(read, `${subject}/case.json`);
  const [metaGraph, io] = [await read(`${subject}/graph.meta`), await read(`${subject}/io.safetensors`)];
  return checkProgram({ name: subject, manifest, metaGraph, io }, checks);
}

async function readJson<T>(read: ReadGolden, path: string): Promise<T> {
  return JSON.parse(new TextDecoder().decode(await read(path))) as T;
}
