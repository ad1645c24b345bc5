/** A whole program exported by TensorFlow: imported, initialised by its own operation, trained, evaluated, compared. */
import { decodeSafetensors, type StoredTensor } from "../../src/formats/safetensors.ts";
import * as tf from "../../src/index.ts";
import type { Tolerance, Value } from "./compare.ts";
import { withSession } from "./families/adapter.ts";
import { toleranceOf } from "./goldenCase.ts";
import { Checks, type Outcome } from "./outcome.ts";

/** case.json, as far as it is used. */
export interface ProgramManifest {
  readonly init_op: string;
  readonly steps: number;
  /** What one training step fetches, by key. */
  readonly train_fetch: { readonly [key: string]: string };
  /** What is fetched after the last step, with `training` false. */
  readonly eval_fetches: { readonly [key: string]: string };
  readonly tolerance: { readonly [name: string]: Partial<Tolerance> };
}

export interface Program {
  readonly name: string;
  readonly manifest: ProgramManifest;
  /** graph.meta. */
  readonly metaGraph: Uint8Array;
  /** io.safetensors: init/…, feed<i>/…, train/…, eval/…, final/…. */
  readonly io: Uint8Array;
}

export const programFamily = "metagraph";

export async function runProgram(program: Program): Promise<Outcome> {
  const checks = new Checks();
  await checkProgram(program, checks);
  return checks.outcome(programFamily, program.name);
}

/** Runs a program, compares what its file expects, and gives all that it computed: init/…, train/…, eval/…, final/…. */
export async function checkProgram(
  { manifest, metaGraph, io }: Program,
  checks: Checks,
): Promise<ReadonlyMap<string, Value>> {
  try {
    const { tensors } = decodeSafetensors(io);
    const graph = await tf.importMetaGraph(metaGraph);
    const values = await withSession(graph, (session) => train(session, manifest, tensors));
    for (const [name, want] of tensors) {
      if (!/^(init|train|eval|final)\//.test(name)) continue;
      checks.check(name, values.get(name), want, toleranceOf(manifest.tolerance[name]));
    }
    return values;
  } catch (error) {
    checks.caught(error);
    return new Map();
  }
}

async function train(
  session: tf.Session,
  manifest: ProgramManifest,
  tensors: ReadonlyMap<string, StoredTensor>,
): Promise<ReadonlyMap<string, Value>> {
  const group = (prefix: string): Map<string, StoredTensor> =>
    new Map(
      [...tensors]
        .filter(([name]) => name.startsWith(prefix))
        .map(([name, tensor]) => [name.slice(prefix.length), tensor]),
    );
  const values = new Map<string, Value>();
  const keep = (prefix: string, found: Iterable<readonly [string, Value]>): void => {
    for (const [name, value] of found) values.set(prefix + name, value);
  };

  await session.run(manifest.init_op);
  keep("init/", session.variables());

  const first = group("feed0/");
  const rows = new Map<string, tf.FetchedTensor[]>(Object.keys(manifest.train_fetch).map((key) => [key, []]));
  for (let step = 0; step < manifest.steps; step++) {
    // What a step does not feed is as in step 0.
    const fetched = await session.run(
      manifest.train_fetch,
      new Map<string, tf.FeedValue>([...first, ...group(`feed${step}/`)]),
    );
    for (const [key, value] of Object.entries(fetched)) if (value) rows.get(key)!.push(value);
  }
  for (const [key, fetched] of rows) if (fetched.length > 0) values.set(`train/${key}`, stack(fetched));

  // A program without batch norm or dropout may have nothing to tell apart.
  const inference = session.graph.operations.some(({ name }) => name === "training")
    ? new Map([["training:0", false]])
    : [];
  const evaluated = await session.run(manifest.eval_fetches, new Map<string, tf.FeedValue>([...first, ...inference]));
  keep(
    "eval/",
    Object.entries(evaluated).filter((entry): entry is [string, tf.FetchedTensor] => entry[1] !== undefined),
  );
  keep("final/", session.variables());
  return values;
}

/** Rows along a new first axis, of whatever numbers. */
function stack(rows: readonly tf.FetchedTensor[]): Value {
  const data = Float64Array.from(rows.flatMap((row) => Array.from(row.data, Number)));
  return { dtype: rows[0]?.dtype ?? "float32", shape: [rows.length, ...(rows[0]?.shape ?? [])], data };
}
