/** What must have the same bits in every runtime, and TensorFlow's numbers within its tolerances: the tutorial's cases. */
import { decodeSafetensors } from "../../src/formats/safetensors.ts";
import * as tf from "../../src/index.ts";
import type { Value } from "../conformance/compare.ts";
import { withSession } from "../conformance/families/adapter.ts";
import { tutorial } from "../conformance/families/tutorial.ts";
import { parseCase, toleranceOf, type Manifest } from "../conformance/goldenCase.ts";
import type { ProgramManifest } from "../conformance/metagraph.ts";
import { Checks } from "../conformance/outcome.ts";
import { bitsHash } from "./bitsHash.ts";

/** Reads a file of test/golden. */
export type ReadGolden = (path: string) => Promise<Uint8Array>;

export const subjects = [
  "metagraph/tutorial",
  "tutorial/affine_with_update",
  "tutorial/affine_without_update",
  "tutorial/default_with_update",
  "tutorial/default_without_update",
  "tutorial/momentum0.9_with_update",
] as const;

export interface Bits {
  readonly hash: string;
  /** Where a value leaves its tolerance. */
  readonly problems: readonly string[];
}

export async function bitsOf(subject: (typeof subjects)[number], read: ReadGolden): Promise<Bits> {
  const checks = new Checks();
  const run = subject === "metagraph/tutorial" ? runProgram : runTutorial;
  const values = await run(subject, read, checks);
  return { hash: await bitsHash(values), problems: checks.outcome("tutorial", subject).problems };
}

async function runTutorial(subject: string, read: ReadGolden, checks: Checks): Promise<ReadonlyMap<string, Value>> {
  const manifest = await readJson<Manifest>(read, `${subject}.json`);
  const golden = parseCase(manifest, await read(`${subject}.safetensors`));
  const values = await tutorial(golden);
  for (const [name, { value, tolerance }] of golden.outputs) checks.check(name, values.get(name), value, tolerance);
  return values;
}

/** TensorFlow's own graph: its init operation, its steps, then what it fetches and all variables. */
async function runProgram(subject: string, read: ReadGolden, checks: Checks): Promise<ReadonlyMap<string, Value>> {
  const manifest = await readJson<ProgramManifest>(read, `${subject}/case.json`);
  const { tensors } = decodeSafetensors(await read(`${subject}/io.safetensors`));
  const graph = await tf.importMetaGraph(await read(`${subject}/graph.meta`));
  const feeds = { "input_node:0": tensors.get("feed0/input_node:0")! };
  return withSession(graph, async (session) => {
    const values = new Map<string, Value>();
    const keep = (group: string, found: Iterable<readonly [string, Value]>): void => {
      for (const [name, value] of found) values.set(group + name, value);
    };
    await session.run(manifest.init_op);
    keep("init/", session.variables());
    const trained = await session.run("train_op:0", feeds, { repeat: manifest.steps });
    const evaluated = await session.run(manifest.eval_fetches, { ...feeds, "training:0": false });
    keep("eval/", Object.entries(evaluated) as [string, Value][]);
    keep("final/", session.variables());
    for (const [name, tolerance] of Object.entries(manifest.tolerance)) {
      checks.check(name, values.get(name), tensors.get(name)!, toleranceOf(tolerance));
    }
    return values.set("train/train_op:0", trained);
  });
}

async function readJson<T>(read: ReadGolden, path: string): Promise<T> {
  return JSON.parse(new TextDecoder().decode(await read(path))) as T;
}
